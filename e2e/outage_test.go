package e2e

import (
	"math/rand/v2"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// TestThePostgreSQLServerDies: the database server is killed under load and started
// again while the program runs on. Meanwhile everything is refused as unavailable, never
// with another error and never with a success that is none; the program recovers by
// itself; and a call whose commit was in doubt is resolved by its Idempotency-Key.
func TestThePostgreSQLServerDies(t *testing.T) {
	t.Parallel()
	server := ownPostgres(t, dbtest.ClusterOptions{Durable: true})
	seed := dbtest.Seed(t)
	random := rand.New(rand.NewPCG(seed, 1<<33))
	var l *load
	calls, down := 0, 0
	for round := range crashRounds(2) {
		if l == nil || len(l.leads) > enoughLeads {
			if l != nil {
				l.p.stop(syscall.SIGTERM)
			}
			url, err := server.NewDatabase()
			if err != nil {
				t.Fatal(err)
			}
			p := newProgramAt(t, url)
			p.start()
			l = newLoad(t, p, 8, seed+uint64(round))
		}
		stop := make(chan struct{})
		wait := l.run(stop, true)
		l.answered(10 + random.IntN(100))
		time.Sleep(time.Duration(random.IntN(20_000)) * time.Microsecond)
		end := server.Quit
		if (round+int(seed%2))%2 == 0 {
			end = server.Kill
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		l.isDown()
		time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
		if err := server.Restart(); err != nil {
			t.Fatal(err)
		}
		l.takeCalls()
		l.answered(2 * len(l.clients))
		close(stop)
		wait()
		l.settle()
		l.replay()
		l.check()
		calls += l.takeCalls()
		down += l.down
		l.down = 0
		if t.Failed() {
			t.Fatalf("round %d\n%s", round, l.p.log)
		}
	}
	if down == 0 || calls == 0 {
		t.Errorf("%d refusals, %d answers; the test says little", down, calls)
	}
	if code := l.p.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d after a clean stop\n%s", code, l.p.log)
	}
	t.Logf("%d calls, %d refusals", calls, down)
}

// isDown: without its database the program lives, says that it is not ready, and
// refuses reads and writes.
func (l *load) isDown() {
	l.t.Helper()
	for path, want := range map[string]int{"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		if status, body, err := l.p.call(http.MethodGet, path, l.key, ""); err != nil || status != want {
			l.t.Errorf("%s: %d %v %s", path, status, err, body)
		}
	}
	c := &client{load: l}
	for _, s := range []sent{{method: http.MethodGet, path: "/api/leads?entity=deals"}, {method: http.MethodGet, path: "/api/key"}, {method: http.MethodPost, path: "/api/intake", body: `{"entity":"deals","name":"in the dark"}`}} {
		got, err := l.p.send(s.method, s.path, l.key, s.body)
		if err != nil {
			l.t.Errorf("%s: %v", s.path, err)
			continue
		}
		c.refused(&s, got)
	}
}
