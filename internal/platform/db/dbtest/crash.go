package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// These two markers in a server's folder tell its supervisor to keep the folder.
const (
	killedMarker   = "killed"
	handedOnMarker = "handed-on"
)

// NewDatabase makes an empty database on the server and returns its URL.
func (c *Cluster) NewDatabase() (string, error) {
	s := &postgresServer{admin: c.URL()}
	name := "leadflip_test_" + strings.ToLower(rand.Text())
	if err := s.run(context.Background(), "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return s.urlOf(name)
}

// Quit ends the server at once, without a checkpoint, as SIGQUIT does: its clients are
// told, and the next start recovers from the log. Restart starts it again.
func (c *Cluster) Quit() error { return c.end(false) }

// Kill ends all processes of the server with SIGKILL: its clients are told nothing, as
// when the machine goes. Restart starts it again.
func (c *Cluster) Kill() error { return c.end(true) }

func (c *Cluster) end(kill bool) error {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		return fmt.Errorf("postmaster.pid begins with %q", first)
	}
	all := []int{postmaster}
	if kill {
		workers, err := c.workers()
		if err != nil {
			return err
		}
		all = append(all, workers...)
	}
	if err := os.WriteFile(filepath.Join(c.dir, killedMarker), nil, 0o600); err != nil {
		return err
	}
	for _, pid := range all {
		if err := endProcess(pid, kill); err != nil {
			return err
		}
	}
	for limit := time.Now().Add(startLimit); ; time.Sleep(5 * time.Millisecond) {
		alive := 0
		for _, pid := range all {
			if isAlive(pid) {
				alive++
			}
		}
		if alive == 0 {
			return nil
		}
		if time.Now().After(limit) {
			return errors.New("the PostgreSQL server does not end")
		}
	}
}

// workers are the server's other processes.
func (c *Cluster) workers() ([]int, error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.URL())
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, `SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int])
}

// Restart starts a server that Quit or Kill ended, at the same address, and returns
// when it answers.
func (c *Cluster) Restart() error {
	marker := filepath.Join(c.dir, handedOnMarker)
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return err
	}
	c.Stop() // the supervisor, which keeps the folder now
	if err := os.Remove(filepath.Join(c.dir, killedMarker)); err != nil {
		return err
	}
	err := c.start()
	// A worker that was forked in the moment of the kill may be on its way out.
	for limit := time.Now().Add(startLimit); err != nil && strings.Contains(err.Error(), "shared memory") && time.Now().Before(limit); {
		time.Sleep(50 * time.Millisecond)
		err = c.start()
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(c.dir))
	}
	return os.Remove(marker)
}
