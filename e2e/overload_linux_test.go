package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// overloadMemory is what the server may take at most under overload.
const overloadMemory = 768 << 20

// TestOverloadBends: while hundreds of connections send half a request, some of them a
// large one, or do not read their answers, and many times the usual load arrives, every whole request is answered:
// carried out, or refused with a Retry-After. Memory stays within its bound, and
// afterwards the server is as before.
func TestOverloadBends(t *testing.T) {
	t.Parallel()
	p := newProgram(t, "sqlite")
	metrics := freeAddr(t)
	p.start("--metrics-addr", metrics)
	l := newLoad(t, p, 1, dbtest.Seed(t))
	rows := make([]any, 400)
	for i := range rows {
		rows[i] = map[string]any{"email": fmt.Sprintf("row-%d@example.com", i), "name": strings.Repeat("long ", 200)}
	}
	p.must(http.MethodPost, "/api/leads/bulk", l.key, mustJSON(map[string]any{"entity": "deals", "batch": rows}))
	limited := p.limitedKey("limited", "leads:read", "60/min")
	before := p.goroutines(metrics)

	var open []net.Conn
	hold := func(n int, text string) {
		for range n {
			c, err := net.Dial("tcp", p.addr)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
		}
	}
	auth := "Host: " + p.addr + "\r\nAuthorization: Bearer " + l.key + "\r\n"
	hold(200, "POST /api/intake HTTP/1.1\r\nHost: "+p.addr+"\r\nAuthor")
	bulk := "Content-Type: application/json\r\nContent-Length: 16000000\r\n\r\n{\"entity\":\""
	hold(150, "POST /api/leads/bulk HTTP/1.1\r\n"+auth+bulk)
	// Half of a large body, of strangers and with a good key. All of them would be more
	// than the bound.
	var sending sync.WaitGroup
	half := strings.Repeat("x", 8_000_000)
	for n := range 120 {
		head := "Host: " + p.addr + "\r\n"
		if n%2 == 0 {
			head = auth
		}
		hold(1, "POST /api/leads/bulk HTTP/1.1\r\n"+head+bulk)
		c := open[len(open)-1]
		sending.Go(func() { _, _ = io.WriteString(c, half) }) // what is not read ends with the connection
	}
	hold(150, strings.Repeat("GET /api/leads?entity=deals&limit=200 HTTP/1.1\r\n"+auth+"\r\n", 20))

	var answered, refused atomic.Int64
	var work sync.WaitGroup
	for n := range 100 {
		work.Go(func() {
			for i := range 15 {
				key, path := l.key, "/api/intake"
				method, body := http.MethodPost, fmt.Sprintf(`{"entity":"deals","email":"load-%d-%d@example.com"}`, n, i)
				if n%4 == 0 {
					key, path, method, body = limited, "/api/leads?entity=deals&limit=1", http.MethodGet, ""
				}
				got, err := p.send(method, path, key, body)
				switch {
				case err != nil:
					t.Errorf("%s: %v", path, err)
				case got.status == http.StatusOK:
					answered.Add(1)
				case (got.status == http.StatusTooManyRequests || got.status == http.StatusServiceUnavailable) && got.header.Get("Retry-After") != "":
					refused.Add(1)
				default:
					t.Errorf("%s: %d %v %s", path, got.status, got.header, got.body)
				}
			}
		})
	}
	work.Wait()
	if answered.Load() < 15*75 || refused.Load() == 0 {
		t.Errorf("%d answered, %d refused", answered.Load(), refused.Load())
	}
	if status, body, err := p.call(http.MethodGet, "/readyz", "", ""); err != nil || status != http.StatusOK {
		t.Errorf("the server is not ready: %d %s %v", status, body, err)
	}
	// Half a head is not waited for: the server ends the connection by itself.
	if err := open[0].SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(open[0]); err != nil {
		t.Errorf("the connection with half a head is still there: %q %v", got, err)
	}
	most := p.memory()
	t.Logf("%d answered, %d refused, %d MiB at most", answered.Load(), refused.Load(), most>>20)
	if most > overloadMemory {
		t.Errorf("the server took %d MiB", most>>20)
	}
	for _, c := range open {
		c.Close()
	}
	sending.Wait()
	p.http.CloseIdleConnections()
	for limit := time.Now().Add(3 * time.Minute); p.goroutines(metrics) > before+40; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d goroutines are left of the overload, before it were %d", p.goroutines(metrics), before)
		}
	}
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.log)
	}
}

// memory is the most the server has held so far.
func (p *program) memory() int {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return number(p.t, `VmHWM:\s+(\d+) kB`, string(text)) << 10
}

func (p *program) goroutines(metrics string) int {
	p.t.Helper()
	resp, err := http.Get("http://" + metrics + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return number(p.t, `(?m)^go_goroutines (\d+)`, string(text))
}

func number(t testing.TB, pattern, text string) int {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("there is no %s in\n%s", pattern, text)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
