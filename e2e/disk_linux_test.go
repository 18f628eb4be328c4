package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// notHeref ends a test that this machine cannot do: loudly, and in CI as a failure.
func notHeref(t testing.TB, format string, args ...any) {
	t.Helper()
	text := "NOT TESTED: " + fmt.Sprintf(format, args...)
	if os.Getenv("CI") == "true" {
		t.Fatal(text)
	}
	t.Skip(text)
}

const smallDiskVariable = "LEADFLIP_E2E_SMALL_DISK"

// TestADiskThatFillsUp: the disk of a SQLite database fills up under load, on a real file
// system that is really full. Reads go on, writes are refused as storage_full or
// unavailable, nothing acknowledged is lost, and with room again the program writes on
// without a restart.
func TestADiskThatFillsUp(t *testing.T) {
	t.Parallel()
	mount := os.Getenv(smallDiskVariable)
	if mount == "" {
		path, err := binary()
		if err != nil {
			t.Fatal(err)
		}
		inNamespace(t, smallDiskVariable+"="+t.TempDir(), binaryVariable+"="+path)
		return
	}
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=48m"); err != nil {
		t.Fatalf("NOT MOUNTED: %v", err)
	}
	defer func() { _ = syscall.Unmount(mount, syscall.MNT_DETACH) }()
	seed := dbtest.Seed(t)
	random := rand.New(rand.NewPCG(seed, 1<<35))
	var l *load
	down := 0
	for round := range crashRounds(2) {
		if l == nil || len(l.leads) > enoughLeads {
			if l != nil {
				l.p.stop(syscall.SIGTERM)
			}
			dir := filepath.Join(mount, fmt.Sprint(round))
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if l != nil {
				if err := os.RemoveAll(l.p.dir); err != nil {
					t.Fatal(err)
				}
			}
			p := newProgramIn(t, dir)
			p.settle()
			p.start()
			l = newLoad(t, p, 8, seed+uint64(round))
		}
		stop := make(chan struct{})
		wait := l.run(stop, true)
		l.answered(10 + random.IntN(40))
		ballast := filepath.Join(mount, "ballast")
		fill(t, ballast)
		l.refusals(20)
		for _, path := range []string{"/api/key", "/api/leads?entity=deals", "/api/entities/deals", "/healthz"} {
			l.p.must(http.MethodGet, path, l.key, "")
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		l.takeCalls()
		l.answered(3 * len(l.clients))
		close(stop)
		wait()
		l.settle()
		l.replay()
		l.check()
		down += l.down
		l.down = 0
		if err := db.CheckSQLite(context.Background(), l.p.copyOfData()); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if t.Failed() {
			t.Fatalf("round %d\n%s", round, l.p.log)
		}
	}
	t.Logf("%d refusals", down)
	if code := l.p.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d after a clean stop\n%s", code, l.p.log)
	}
}

// inNamespace runs this test once more, in a mount namespace of its own, where a file
// system can be mounted that nobody else sees and that goes away with it.
func inNamespace(t *testing.T, env ...string) {
	t.Helper()
	again := exec.Command("/proc/self/exe", "-test.run", "^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), env...)
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid := os.Getuid(); uid != 0 {
		again.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := again.CombinedOutput()
	if why := regexp.MustCompile(`NOT MOUNTED.*`).Find(out); why != nil || err != nil && len(out) == 0 {
		notHeref(t, "a namespace with a small file system cannot be made here: %s%v", why, err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if _, said, ok := strings.Cut(line, "_test.go:"); ok {
			t.Log(strings.TrimSpace(said))
		}
	}
}

// fill takes all the room there is.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 512; {
		if n, err := f.Write(make([]byte, size)); err != nil && n < size {
			size /= 2
		}
	}
}

// straced makes system calls of the server fail as strace's expression says.
func (p *program) straced(expressions ...string) {
	p.t.Helper()
	path, err := exec.LookPath("strace")
	if err == nil {
		err = exec.Command(path, "-D", "-f", "-o", os.DevNull, "true").Run()
	}
	if err != nil {
		notHeref(p.t, "strace cannot be used to make system calls fail: %v", err)
	}
	// -D: the process that is started is the server, not strace.
	p.before = append([]string{path, "-D", "-f", "-qq", "-o", os.DevNull}, expressions...)
}

// TestAFailedFsyncEndsTheProgram: when the disk says that it could not keep what was
// written, nothing is acknowledged any more and the program ends. Everything that was
// acknowledged is there after the next start.
func TestAFailedFsyncEndsTheProgram(t *testing.T) {
	t.Parallel()
	seed := dbtest.Seed(t)
	random := rand.New(rand.NewPCG(seed, 1<<36))
	for round := range min(crashRounds(1), 100) {
		p := newProgram(t, "sqlite")
		p.start()
		l := newLoad(t, p, 4, seed+uint64(round))
		p.stop(syscall.SIGTERM)
		p.straced("-e", "trace=fsync,fdatasync", "-e", fmt.Sprintf("inject=fsync,fdatasync:error=EIO:when=%d+", 10+random.IntN(60)))
		p.start()
		l.run(nil, true)() // until the connections break
		if code := p.wait(); code != 1 {
			t.Errorf("exit code %d after a failed fsync\n%s", code, p.log)
		}
		if !strings.Contains(p.log.String(), "disk") {
			t.Errorf("the log does not say why:\n%s", p.log)
		}
		p.before = nil
		p.start()
		l.settle()
		l.replay()
		l.check()
		if t.Failed() {
			t.Fatalf("round %d\n%s", round, p.log)
		}
		p.stop(syscall.SIGTERM)
	}
}

// TestADiskThatFailsForAWhile: writes that fail with an I/O error are refused, and the
// program goes on when they no longer do.
func TestADiskThatFailsForAWhile(t *testing.T) {
	t.Parallel()
	seed := dbtest.Seed(t)
	random := rand.New(rand.NewPCG(seed, 1<<37))
	for round := range min(crashRounds(1), 100) {
		p := newProgram(t, "sqlite")
		p.start()
		l := newLoad(t, p, 4, seed+uint64(round))
		p.stop(syscall.SIGTERM)
		first := 20 + random.IntN(100)
		p.straced("-e", "trace=pwrite64", "-e", fmt.Sprintf("inject=pwrite64:error=EIO:when=%d..%d", first, first+40))
		p.start()
		stop := make(chan struct{})
		wait := l.run(stop, true)
		l.refusals(1)
		l.takeCalls()
		l.answered(60)
		close(stop)
		wait()
		l.settle()
		l.replay()
		l.check()
		if code := p.stop(syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d\n%s", code, p.log)
		}
		if t.Failed() {
			t.Fatalf("round %d\n%s", round, p.log)
		}
	}
}

// wait waits for a server that ends by itself, and returns its exit code.
func (p *program) wait() int {
	p.t.Helper()
	ended := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		<-ended
		p.t.Fatalf("the server did not end\n%s", p.log)
		return 0
	}
}
