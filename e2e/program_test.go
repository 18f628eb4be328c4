package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// program is the real binary with a database of its own.
type program struct {
	t      testing.TB
	path   string
	dir    string
	env    []string
	cmd    *exec.Cmd
	log    *lockedBuffer
	url    string
	addr   string
	scheme string // http when empty
	http   *http.Client
}

// newProgram prepares the binary on "sqlite" or "postgres" with an account Acme.
func newProgram(t testing.TB, kind string) *program {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, path: path, dir: t.TempDir(), http: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	p.env = []string{"HOME=" + p.dir, "PATH=" + os.Getenv("PATH"), "LEADFLIP_DATA=" + filepath.Join(p.dir, "data")}
	if kind == "postgres" {
		p.env = append(p.env, "LEADFLIP_DATABASE_URL="+dbtest.PostgresURL(t))
	}
	p.run("nine lanterns over the harbour\n", "setup", "--email", "ada@example.com", "--password-stdin", "--account", "Acme", "--json")
	t.Cleanup(func() { p.stop(syscall.SIGKILL) })
	return p
}

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

// key makes a key and returns it.
func (p *program) key(name, scopes string) string {
	p.t.Helper()
	var out struct{ Key string }
	if err := json.Unmarshal([]byte(p.run("", "keys", "create", "--account", "acme", "--name", name, "--scopes", scopes, "--rate-limit", "none", "--json")), &out); err != nil {
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
	p.cmd = exec.Command(p.path, append([]string{"serve", "--addr", p.addr, "--log-level", "warn"}, args...)...)
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

// call sends a request; an error of the connection is returned, not fatal.
func (p *program) call(method, path, key, body string, header ...string) (int, []byte, error) {
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
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
		return 0, nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, got, err
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
