package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// binaryVariable names a program that is built already.
const binaryVariable = "LEADFLIP_E2E_BINARY"

// binary is the real program, built once, as users have it.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(binaryVariable); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "leadflip-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "leadflip")
	out, err := exec.Command("go", "build", "-o", path, "github.com/leadflip/leadflip/cmd/leadflip").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("the program could not be built: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil && os.Getenv(binaryVariable) == "" {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func TestScripts(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir: "testdata",
				Setup: func(env *testscript.Env) error {
					tt, ok := env.T().(testing.TB)
					if !ok {
						return errors.New("the scripts need a testing.TB")
					}
					env.Setenv("LEADFLIP", path)
					env.Setenv("LEADFLIP_DATA", filepath.Join(env.WorkDir, "data"))
					env.Setenv("DATABASE", kind)
					l, err := net.Listen("tcp", "127.0.0.1:0")
					if err != nil {
						return err
					}
					env.Setenv("METRICS", l.Addr().String())
					if err := l.Close(); err != nil {
						return err
					}
					if kind == "postgres" {
						env.Setenv("LEADFLIP_DATABASE_URL", dbtest.PostgresURL(tt))
					}
					env.Values["servers"] = map[string]*server{}
					env.Values["state"] = &state{}
					return nil
				},
				Condition: func(cond string) (bool, error) { return cond == kind, nil },
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"leadflip": cmdLeadflip, "serve": cmdServe, "end": cmdStop, "http": cmdHTTP, "field": cmdField, "await": cmdAwait, "line": cmdLine,
				},
				RequireExplicitExec: true, RequireUniqueNames: true,
			})
		})
	}
}

// state is what one request leaves for the next command.
type state struct{ body []byte }

type server struct {
	cmd *exec.Cmd
	log *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// environ is the script's environment for the program.
func environ(ts *testscript.TestScript) []string {
	env := []string{"HOME=" + ts.Getenv("WORK"), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	for _, name := range []string{"LEADFLIP_DATA", "LEADFLIP_DATABASE_URL", "LEADFLIP_MASTER_KEY", "LEADFLIP_NEW_MASTER_KEY", "LEADFLIP_ADR", "LEADFLIP_ALLOW_PLAIN_HTTP"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// cmdLeadflip: leadflip ARG... ; a leading "code=N" says which exit code is expected,
// "in=FILE" gives standard input.
func cmdLeadflip(ts *testscript.TestScript, neg bool, args []string) {
	want, input := 0, ""
	for len(args) > 0 {
		if v, ok := strings.CutPrefix(args[0], "code="); ok {
			want, _ = strconv.Atoi(v)
		} else if v, ok := strings.CutPrefix(args[0], "in="); ok {
			input = ts.ReadFile(v)
		} else {
			break
		}
		args = args[1:]
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, ts.Getenv("LEADFLIP"), args...)
	cmd.Dir, cmd.Env, cmd.Stdin = ts.MkAbs("."), environ(ts), strings.NewReader(input)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	code := cmd.ProcessState.ExitCode()
	fmt.Fprint(ts.Stdout(), out.String())
	fmt.Fprint(ts.Stderr(), errOut.String())
	remember(ts, out.Bytes())
	if neg && code == 0 || !neg && code != want {
		ts.Fatalf("exit code %d (%v), want %d", code, err, want)
	}
}

func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: serve NAME [FLAG...]")
	}
	name := args[0]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	addr := l.Addr().String()
	ts.Check(l.Close())
	log := &lockedBuffer{}
	cmd := exec.Command(ts.Getenv("LEADFLIP"), append([]string{"serve", "--addr", addr}, args[1:]...)...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
	cmd.Stdout, cmd.Stderr = log, log
	ts.Check(cmd.Start())
	s := &server{cmd, log}
	servers(ts)[name] = s
	ts.Defer(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		ts.Logf("[%s]\n%s", name, log)
	})
	ts.Setenv(name, "http://"+addr)
	ts.Setenv(name+"_ADDR", addr)
	deadline := time.Now().Add(20 * time.Second)
	for {
		resp, err := http.Get("http://" + addr + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s is not ready: %v\n%s", name, err, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Fprint(ts.Stdout(), log.String())
	if m := regexp.MustCompile(`/setup/([A-Za-z0-9_-]+)`).FindStringSubmatch(log.String()); m != nil {
		ts.Setenv(name+"_SETUP", m[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(name+".log"), nil, 0o600))
}

func servers(ts *testscript.TestScript) map[string]*server {
	return ts.Value("servers").(map[string]*server)
}

func cmdStop(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: end NAME [term|kill]")
	}
	s := servers(ts)[args[0]]
	if s == nil {
		ts.Fatalf("there is no server %q", args[0])
	}
	signal := syscall.SIGTERM
	if len(args) > 1 && args[1] == "kill" {
		signal = syscall.SIGKILL
	}
	ts.Check(s.cmd.Process.Signal(signal))
	err := s.cmd.Wait()
	if signal == syscall.SIGTERM && err != nil {
		ts.Fatalf("%s did not stop cleanly: %v\n%s", args[0], err, s.log)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".log"), []byte(s.log.String()), 0o600))
	delete(servers(ts), args[0])
}

func cmdHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: http METHOD URL [Header: value ...] [body]")
	}
	var body io.Reader
	header := http.Header{}
	for _, a := range args[2:] {
		name, value, ok := strings.Cut(a, ": ")
		switch {
		case strings.HasPrefix(a, "@"):
			body = strings.NewReader(ts.ReadFile(a[1:]))
		case ok && !strings.ContainsAny(name, "{ =&\"") && body == nil:
			header.Add(name, value)
		default:
			body = strings.NewReader(a)
		}
	}
	req, err := http.NewRequest(args[0], args[1], body)
	ts.Check(err)
	req.Header = header
	if body != nil && header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	ts.Check(err)
	remember(ts, got)
	out := ts.Stdout()
	fmt.Fprintf(out, "%d\n", resp.StatusCode)
	names := make([]string, 0, len(resp.Header))
	for n := range resp.Header {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		fmt.Fprintf(out, "%s: %s\n", n, strings.Join(resp.Header[n], " | "))
	}
	fmt.Fprintf(out, "\n%s\n", got)
}

func remember(ts *testscript.TestScript, body []byte) {
	ts.Value("state").(*state).body = body
}

func cmdField(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: field NAME PATH")
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(ts.Value("state").(*state).body))
	dec.UseNumber()
	ts.Check(dec.Decode(&v))
	for part := range strings.SplitSeq(args[1], ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(x) {
				ts.Fatalf("there is no %s in %s", part, args[1])
			}
			v = x[i]
		default:
			v = nil
		}
	}
	if v == nil {
		ts.Fatalf("the last answer has no %s", args[1])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

func cmdAwait(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: await URL KEY PATTERN")
	}
	pattern := regexp.MustCompile(args[2])
	deadline := time.Now().Add(20 * time.Second)
	for {
		req, err := http.NewRequest(http.MethodGet, args[0], nil)
		ts.Check(err)
		req.Header.Set("Authorization", "Bearer "+args[1])
		resp, err := http.DefaultClient.Do(req)
		ts.Check(err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		ts.Check(err)
		if pattern.Match(body) {
			remember(ts, body)
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never matched %s; the last answer was\n%s", args[0], args[2], body)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// cmdLine: line NAME FILE sets $NAME to a file's first line.
func cmdLine(ts *testscript.TestScript, _ bool, args []string) {
	first, _, _ := strings.Cut(ts.ReadFile(args[1]), "\n")
	ts.Setenv(args[0], first)
}
