package db_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// check opens the database of a helper that has ended and compares it with what the
// helper said: everything acknowledged is there, nothing is half there.
func check(t *testing.T, dir string, lines said) {
	t.Helper()
	if err := db.CheckSQLite(background, db.SQLitePath(dir)); err != nil {
		t.Error(err)
	}
	d, err := db.Open(background, db.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	found := numbers(t, d)
	for _, n := range lines.acknowledged(t) {
		if !found[n] {
			t.Errorf("%d was acknowledged and is lost", n)
		}
	}
}

func TestKill9LosesNothingAcknowledged(t *testing.T) {
	t.Parallel()
	for round := range rounds(3) {
		dir := dbtest.SQLiteDir(t)
		cmd := helper(t, "write", dir)
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		lines, _ := listen(t, cmd, func(_ string, soFar said) {
			if len(soFar) == 50+37*round%400 {
				_ = cmd.Process.Kill()
			}
		})
		if len(lines.acknowledged(t)) < 10 {
			t.Fatalf("the helper hardly wrote: %v", lines)
		}
		check(t, dir, lines)
	}
}

// straced finds strace and proves that it may trace here.
func straced(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err == nil {
		err = exec.Command(path, "-f", "-o", os.DevNull, "true").Run()
	}
	if err != nil {
		missing := fmt.Sprintf("NOT TESTED, strace cannot be used to make system calls fail: %v", err)
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	return path
}

// failSync runs a helper whose fsync calls fail as strace's expression says, and
// returns what it said and the trace, in which its words and the system calls are in
// one order: a word is a write to the standard output.
func failSync(t *testing.T, what, dir string, when ...string) (said, []string) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := helper(t, what, dir, append([]string{straced(t), "-f", "-qq", "-o", trace}, when...)...)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	lines, code := listen(t, cmd, func(string, said) {})
	if code != 70 || !lines.has("fatal: ") {
		t.Errorf("the process ended with %d and %v", code, tail(lines))
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return lines, strings.Split(string(text), "\n")
}

var utterance = regexp.MustCompile(`write\(1, "(try|ack) (\d+)`)

// After a failed fsync no write is acknowledged that was not on disk before, and the
// program is told to end.
func TestAfterAFailedFsyncNothingIsAcknowledged(t *testing.T) {
	t.Parallel()
	straced(t)
	few := rounds(7)
	for n := range min(few, 200) {
		nth := n + 1
		if few < 200 {
			nth += n * (n + 1) / 2 // 1, 3, 6, … so that a few tell of many
		}
		for _, what := range []string{"write", "write-alone"} {
			for _, when := range []string{strconv.Itoa(nth) + "+", strconv.Itoa(nth)} { // from the nth on, or it alone
				t.Run(what+" "+when, func(t *testing.T) {
					t.Parallel()
					dir := dbtest.SQLiteDir(t)
					lines, trace := failSync(t, what, dir, "-e", "trace=fsync,fdatasync,write", "-e", "inject=fsync,fdatasync:error=EIO:when="+when)
					failed, later := "", map[string]bool{}
					for _, line := range trace {
						if failed == "" && strings.Contains(line, "(INJECTED)") {
							failed = line
						}
						said := utterance.FindStringSubmatch(line)
						if failed == "" || said == nil {
							continue
						}
						if said[1] == "try" {
							later[said[2]] = true
							continue
						}
						// Of several goroutines one may still be saying what was synced before. One
						// alone has said that before it makes the next sync, as long as there was
						// no checkpoint.
						if later[said[2]] || what == "write-alone" && nth < 60 {
							t.Errorf("acknowledged after %s: %s", failed, line)
						}
					}
					if failed == "" {
						t.Error("no fsync was made to fail")
					}
					check(t, dir, lines)
				})
			}
		}
	}
}

// A checkpoint syncs the database file itself, after everybody has been answered.
// SQLite alone would keep quiet about its failure.
func TestAFailedFsyncOfACheckpointIsNoticed(t *testing.T) {
	t.Parallel()
	straced(t)
	dir := dbtest.SQLiteDir(t)
	lines, trace := failSync(t, "write", dir, "-P", db.SQLitePath(dir), "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=1")
	if injected := strings.Join(trace, "\n"); strings.Count(injected, "(INJECTED)") != 1 {
		t.Errorf("one fsync was to fail:\n%s", injected)
	}
	if n := len(lines.acknowledged(t)); n < 100 {
		t.Errorf("the first fsync of the file came after only %d writes", n)
	}
	check(t, dir, lines)
}

func tail(lines said) said { return lines[max(0, len(lines)-5):] }

// A disk that is full for a while: reads go on, writes answer storage_full, nothing
// is lost, and writing resumes without a restart.
func TestADiskThatIsFullForAWhile(t *testing.T) {
	t.Parallel()
	strace := straced(t)
	for _, first := range []int{40, 41, 42, 43, 44, 100} {
		t.Run(strconv.Itoa(first), func(t *testing.T) {
			t.Parallel()
			dir := dbtest.SQLiteDir(t)
			cmd := helper(t, "write", dir, strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=pwrite64", "-e", fmt.Sprintf("inject=pwrite64:error=ENOSPC:when=%d..%d", first, first+60))
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			full, since := 0, 0
			lines, code := listen(t, cmd, func(line string, _ said) {
				switch {
				case line == "full":
					full++
					since = 0
				case strings.HasPrefix(line, "ack "):
					since++
				}
				if full > 0 && since == 200 {
					_ = in.Close()
				}
			})
			if code != 0 || lines.has("down") || lines.has("fatal") || lines.has("error") || full == 0 {
				t.Errorf("the process ended with %d after %d refusals and %v", code, full, tail(lines))
			}
			check(t, dir, lines)
		})
	}
}

// The same on a real file system that is really full.
func TestAFullFileSystem(t *testing.T) {
	t.Parallel()
	if os.Getenv(mountVariable) == "" {
		again := exec.Command("/proc/self/exe", "-test.run", "^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), mountVariable+"="+t.TempDir())
		again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if uid := os.Getuid(); uid != 0 {
			again.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
			again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		out, err := again.CombinedOutput()
		if skipped := regexp.MustCompile(`NOT TESTED.*`).Find(out); skipped != nil || err != nil && len(out) == 0 {
			t.Skipf("NOT TESTED on a real full file system (a namespace with a small one cannot be made here: %s%v); the injected one above is tested", skipped, err)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}

	mount := os.Getenv(mountVariable)
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("NOT TESTED, no file system can be mounted: %v", err)
	}
	defer func() { _ = syscall.Unmount(mount, syscall.MNT_DETACH) }()
	dir, ballast := filepath.Join(mount, "data"), filepath.Join(mount, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(background, db.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := 0
	write := func() error {
		err := storeNumber(d, acknowledged)
		if err == nil {
			acknowledged++
		}
		return err
	}
	for err = nil; err == nil; {
		err = write()
	}
	for range 20 {
		if err := write(); errs.CodeOf(err) != errs.StorageFull {
			t.Fatalf("on a full disk a write answers %v", err)
		}
		if got := len(numbers(t, d)); got != acknowledged {
			t.Fatalf("a reader sees %d of %d", got, acknowledged)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := write(); err != nil {
			t.Fatalf("with room again a write answers %v", err)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := db.CheckSQLite(background, db.SQLitePath(dir)); err != nil {
		t.Error(err)
	}
}

const mountVariable = "LEADFLIP_DB_SMALL_DISK"
