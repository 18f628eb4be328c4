package db_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// Some promises can only be tried on a process that is killed, traced or started
// twice. The test binary is that process too: with helperVariable set it does what
// the variable says, in the folder it is given, instead of running tests.
const helperVariable = "LEADFLIP_DB_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helperVariable) {
	case "":
		flag.Parse()
		if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
			_ = f.Value.Set(strconv.Itoa(rounds(15)))
		}
		os.Exit(m.Run())
	case "open":
		os.Exit(helpOpen(os.Args[1]))
	case "write":
		os.Exit(helpWrite(os.Args[1], 4))
	case "write-alone":
		os.Exit(helpWrite(os.Args[1], 1))
	}
	os.Exit(2)
}

// rounds is how often a harness repeats: a few times in the gate, often in make soak.
func rounds(few int) int {
	if n, err := strconv.Atoi(os.Getenv("LEADFLIP_TEST_ROUNDS")); err == nil {
		return n
	}
	return few
}

// helper prepares a helper process. More words before it, as of strace, go in front.
func helper(t *testing.T, what, dir string, before ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	words := slices.Concat(before, []string{self, dir})
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(os.Environ(), helperVariable+"="+what)
	cmd.Stderr = os.Stderr
	return cmd
}

// helpOpen opens the database of a folder or an address, says so, and closes it when its standard input ends.
func helpOpen(at string) int {
	cfg := db.Config{Dir: at}
	if strings.HasPrefix(at, "postgres") {
		cfg = db.Config{URL: at}
	}
	d, err := db.Open(context.Background(), cfg)
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := d.Close(); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// helperLimit ends a helper that nothing ends, before it fills the disk.
const helperLimit = 10_000

// helpWrite opens the database and stores numbers from several goroutines, saying
// "try N" before each and "ack N" after it was acknowledged or "full" or "down" for a
// refusal. It ends when its standard input does, or with 70 when the disk cannot be
// trusted, after it has tried to go on all the same.
func helpWrite(dir string, goroutines int) int {
	broken := make(chan struct{})
	d, err := db.Open(context.Background(), db.Config{Dir: dir, Fatal: func(err error) {
		fmt.Println("fatal:", err)
		close(broken)
	}})
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println("open")
	stop := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); close(stop) }()
	var writers sync.WaitGroup
	for w := range goroutines {
		writers.Go(func() {
			for n, late := w, 0; late < 20 && n < helperLimit; n += goroutines {
				fmt.Println("try " + strconv.Itoa(n))
				err := storeNumber(d, n)
				switch {
				case err == nil:
					fmt.Println("ack " + strconv.Itoa(n))
				case errs.CodeOf(err) == errs.StorageFull:
					fmt.Println("full")
				default:
					fmt.Println("down")
				}
				select {
				case <-stop:
					return
				case <-broken:
					late++
				default:
				}
			}
		})
	}
	writers.Wait()
	select {
	case <-broken:
		return 70
	default:
	}
	if err := d.Close(); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// storeNumber writes two rows that belong together, big enough to fill pages.
func storeNumber(d *db.DB, n int) error {
	filler := make([]byte, 1500)
	return d.Update(context.Background(), func(ctx context.Context, tx *db.Tx) error {
		for _, half := range []string{"a", "b"} {
			_, err := tx.Exec(ctx, `INSERT INTO secrets (name, wrapped, created_at) VALUES ($1, $2, $3)`, fmt.Sprintf("%d-%s", n, half), filler, db.Micros(tx.Now))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// numbers are the ones stored; half a number is an error.
func numbers(t *testing.T, d *db.DB) map[int]bool {
	t.Helper()
	found := map[int]bool{}
	halves := map[int]int{}
	rows, err := d.Query(context.Background(), `SELECT name FROM secrets`)
	for name := range column[string](t, rows, err) {
		number, _, _ := strings.Cut(name, "-")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		found[n] = true
		halves[n]++
	}
	for n, k := range halves {
		if k != 2 {
			t.Errorf("of the two rows of number %d there is only one", n)
		}
	}
	return found
}

// said are the lines of a helper that has ended.
type said []string

func (s said) has(prefix string) bool {
	for _, line := range s {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

func (s said) acknowledged(t *testing.T) []int {
	t.Helper()
	var out []int
	for _, line := range s {
		if number, ok := strings.CutPrefix(line, "ack "); ok {
			n, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, n)
		}
	}
	return out
}

// listen starts a helper and calls each with every line until it has ended.
func listen(t *testing.T, cmd *exec.Cmd, each func(line string, soFar said)) (said, int) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines said
	for scan := bufio.NewScanner(out); scan.Scan(); {
		lines = append(lines, scan.Text())
		each(scan.Text(), lines)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return lines, cmd.ProcessState.ExitCode()
}
