// Command withpg runs another command beside one private PostgreSQL server, whose
// address the tests of that command find in LEADFLIP_TEST_DATABASE_URL:
//
//	go run ./internal/platform/db/dbtest/withpg go test ./...
//
// When the variable is set already it only runs the command. It ends with the
// command's exit code.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

func main() {
	durable := flag.Bool("durable", false, "keep fsync on, for tests that kill the server")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: withpg [-durable] command [argument…]")
		os.Exit(2)
	}
	code, err := run(*durable, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpg:", err)
		code = 1
	}
	os.Exit(code)
}

func run(durable bool, command []string) (int, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if os.Getenv(dbtest.URLVariable) == "" {
		c, err := dbtest.StartCluster(dbtest.ClusterOptions{Durable: durable})
		if err != nil {
			return 0, err
		}
		defer c.Stop()
		cmd.Env = append(os.Environ(), dbtest.URLVariable+"="+c.URL())
	}
	// An interrupt at the terminal reaches the command too; the server is stopped
	// after it has ended. A termination is passed on.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		for s := range signals {
			if s == syscall.SIGTERM {
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}
