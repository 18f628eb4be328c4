package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// program is the real binary with a database of its own.
type program struct {
	t        testing.TB
	path     string
	dir      string
	env      []string
	database string   // the URL of PostgreSQL; "" is SQLite
	before   []string // what the server is run by, e.g. prlimit
	cmd      *exec.Cmd
	log      *lockedBuffer
	url      string
	addr     string
	scheme   string // http when empty
	http     *http.Client
}

// newProgram prepares the binary on "sqlite" or "postgres" with an account Acme.
func newProgram(t testing.TB, kind string) *program {
	t.Helper()
	p := newProgramIn(t, t.TempDir())
	if kind == "postgres" {
		p.database = dbtest.PostgresURL(t)
	}
	p.settle()
	return p
}

// ownPostgres starts a PostgreSQL server that no other test uses.
func ownPostgres(t testing.TB, o dbtest.ClusterOptions) *dbtest.Cluster {
	t.Helper()
	server, err := dbtest.StartCluster(o)
	if errors.Is(err, dbtest.ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skipf("NOT TESTED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Stop() })
	return server
}

// newProgramAt is newProgram on the PostgreSQL database at url.
func newProgramAt(t testing.TB, url string) *program {
	t.Helper()
	p := newProgramIn(t, t.TempDir())
	p.database = url
	p.settle()
	return p
}

// newProgramIn prepares the binary with its data in a folder, without an account yet.
func newProgramIn(t testing.TB, dir string) *program {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return &program{t: t, path: path, dir: dir, http: &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

// settle makes the account.
func (p *program) settle() {
	p.t.Helper()
	p.env = []string{"HOME=" + p.dir, "PATH=" + os.Getenv("PATH"), "LEADFLIP_DATA=" + p.data()}
	if p.database != "" {
		p.env = append(p.env, "LEADFLIP_DATABASE_URL="+p.database)
	}
	p.run("nine lanterns over the harbour\n", "setup", "--email", "ada@example.com", "--password-stdin", "--account", "Acme", "--json")
	p.t.Cleanup(func() { p.stop(syscall.SIGKILL) })
}

func (p *program) data() string { return filepath.Join(p.dir, "data") }

// run runs a command and returns its standard output.
func (p *program) run(stdin string, args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = p.dir, p.env, strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		p.t.Fatalf("leadflip %s: %v\n%s", strings.Join(args, " "), err, errOut.String())
	}
	return out.String()
}

// key makes a key without a rate limit and returns it.
func (p *program) key(name, scopes string) string {
	p.t.Helper()
	return p.limitedKey(name, scopes, "none")
}

func (p *program) limitedKey(name, scopes, rate string) string {
	p.t.Helper()
	var out struct{ Key string }
	if err := json.Unmarshal([]byte(p.run("", "keys", "create", "--account", "acme", "--name", name, "--scopes", scopes, "--rate-limit", rate, "--json")), &out); err != nil {
		p.t.Fatal(err)
	}
	return out.Key
}

// start runs the server and waits until it is ready.
func (p *program) start(args ...string) {
	p.t.Helper()
	if p.addr == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			p.t.Fatal(err)
		}
		p.addr = l.Addr().String()
		l.Close()
	}
	if p.scheme == "" {
		p.scheme = "http"
	}
	p.url, p.log = p.scheme+"://"+p.addr, &lockedBuffer{}
	words := slices.Concat(p.before, []string{p.path, "serve", "--addr", p.addr, "--log-level", "warn"}, args)
	p.cmd = exec.Command(words[0], words[1:]...)
	p.cmd.Dir, p.cmd.Env = p.dir, p.env
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		resp, err := p.http.Get(p.url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the server is not ready: %v\n%s", err, p.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// stop sends a signal and returns the exit code, -1 for a killed process.
func (p *program) stop(signal syscall.Signal) int {
	if p.cmd == nil || p.cmd.ProcessState != nil {
		return -1
	}
	_ = p.cmd.Process.Signal(signal)
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// answer is what came back for a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request; an error of the connection is returned, not fatal.
func (p *program) send(method, path, key, body string, header ...string) (answer, error) {
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, got}, err
}

// call is send without the headers of the answer.
func (p *program) call(method, path, key, body string, header ...string) (int, []byte, error) {
	a, err := p.send(method, path, key, body, header...)
	return a.status, a.body, err
}

// must is call for requests that have to succeed.
func (p *program) must(method, path, key, body string) []byte {
	p.t.Helper()
	status, got, err := p.call(method, path, key, body)
	if err != nil || status >= 300 {
		p.t.Fatalf("%s %s: %d %v\n%s", method, path, status, err, got)
	}
	return got
}
