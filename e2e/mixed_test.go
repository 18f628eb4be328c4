package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

const (
	mixedRound = 4 * time.Second // make soak: half an hour on each database
	mixedLeads = 20_000          // in a database before a new one is begun
	logMax     = 256 << 20       // bytes of SQLite's log, at most
)

// TestMixedLoad: 64 clients change leads as fast as they can while others search, export,
// follow the events, and make, rotate and revoke keys; beside the server, commands write
// to the same database and back it up. Nobody is told that the database is busy, nothing
// else fails, and nothing is lost.
func TestMixedLoad(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) { mixed(t, kind) })
	}
}

func mixed(t *testing.T, kind string) {
	seed := dbtest.Seed(t)
	var m *mixture
	var did counts
	var writes []time.Duration
	calls, biggest := 0, int64(0)
	for round := range crashRounds(1) {
		if m == nil || len(m.load.leads) > mixedLeads {
			if m != nil {
				m.end()
			}
			p := newProgram(t, kind)
			watch := &stopwatch{next: p.http.Transport}
			p.http.Transport = watch
			p.start()
			m = &mixture{load: newLoad(t, p, 64, seed+uint64(round)), stopwatch: watch, counts: &did, backup: filepath.Join(p.dir, "backup.db")}
		}
		m.run(round)
		writes = append(writes, m.stopwatch.take()...)
		calls += m.load.takeCalls()
		if kind == "sqlite" {
			log, err := os.Stat(db.SQLitePath(m.load.p.data()) + "-wal")
			if err != nil {
				t.Fatal(err)
			}
			biggest = max(biggest, log.Size())
			if err := db.CheckSQLite(t.Context(), m.backup); err != nil {
				t.Errorf("a backup made under load: %v", err)
			}
		}
		m.load.replay()
		m.load.check()
		m.followed()
		if t.Failed() {
			t.Fatalf("round %d\n%s", round, m.load.p.log)
		}
	}
	m.end()
	if biggest > logMax {
		t.Errorf("SQLite's log grew to %d bytes", biggest)
	}
	slices.Sort(writes)
	if len(writes) < 64 || did.keys == 0 || did.exports == 0 || did.searches == 0 || did.commands == 0 {
		t.Fatalf("only %d writes, and %+v; the test says little", len(writes), did)
	}
	t.Logf("%d calls of 64 clients, %d keys, %d exports, %d searches, %d commands; writes p50 %s, p99 %s, at most %s; log at most %d MiB",
		calls, did.keys, did.exports, did.searches, did.commands, writes[len(writes)/2], writes[len(writes)*99/100], writes[len(writes)-1], biggest>>20)
}

// counts is how often something was done beside the clients, in all rounds.
type counts struct{ keys, exports, searches, commands int }

// mixture is a load and what goes on beside it.
type mixture struct {
	*counts
	load      *load
	stopwatch *stopwatch
	events    []string // ids, as they were followed
	after     string
	backup    string // where the last is; SQLite only
}

// run lets everything happen at once for a while.
func (m *mixture) run(round int) {
	l := m.load
	stop := make(chan struct{})
	var beside sync.WaitGroup
	for _, does := range []func(int) error{m.search, m.export, m.follow, m.liveAKey} {
		beside.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
				}
				if err := does(n); err != nil {
					l.t.Error(err)
					return
				}
			}
		})
	}
	wait := l.run(stop, false)
	for start := time.Now(); time.Since(start) < mixedRound; {
		m.command(round)
	}
	close(stop)
	wait()
	beside.Wait()
	for _, c := range l.clients {
		if c.pending != nil {
			l.t.Errorf("%s got no answer", c.pending.idempotencyKey)
		}
	}
}

// ask sends a call that has to be answered with this status.
func (m *mixture) ask(status int, method, path, key, body string, to any) error {
	got, err := m.load.p.send(method, path, key, body)
	if err != nil {
		return err
	}
	if got.status != status {
		return fmt.Errorf("%s %s: want %d, got %d\n%.1000s", method, path, status, got.status, got.body)
	}
	if to == nil {
		return nil
	}
	return json.Unmarshal(got.body, to)
}

func (m *mixture) search(n int) error {
	queries := []string{"sort=-budget&filter=status.stage%3D%22Won%22", "q=shared", "filter=name+contains+%22anot%22&count=exact", "filter=budget+between+1000+and+90000&sort=budget&limit=200"}
	m.searches++
	return m.ask(http.StatusOK, http.MethodGet, "/api/leads?entity=deals&"+queries[n%len(queries)], m.load.key, "", nil)
}

func (m *mixture) export(int) error {
	got, err := m.load.p.send(http.MethodGet, "/api/leads/export?entity=deals&format=jsonl", m.load.key, "")
	if err != nil {
		return err
	}
	if got.status != http.StatusOK {
		return fmt.Errorf("export: %d\n%.1000s", got.status, got.body)
	}
	m.exports++
	seen := map[string]bool{}
	for line := range bytes.Lines(got.body) {
		var lead struct{ ID string }
		if err := json.Unmarshal(line, &lead); err != nil {
			return fmt.Errorf("export: %w: %.500s", err, line)
		}
		if lead.ID == "" || seen[lead.ID] {
			return fmt.Errorf("export: twice, or without an id: %.500s", line)
		}
		seen[lead.ID] = true
	}
	return nil
}

// follow reads what happened since it was called last.
func (m *mixture) follow(int) error {
	for {
		var page struct {
			Data []struct{ ID string }
			Next string `json:"next_after"`
		}
		if err := m.ask(http.StatusOK, http.MethodGet, "/api/events?limit=200&after="+m.after, m.load.key, "", &page); err != nil {
			return err
		}
		for _, e := range page.Data {
			m.events = append(m.events, e.ID)
		}
		if len(page.Data) == 0 {
			return nil
		}
		m.after = page.Next
	}
}

// followed compares what was followed with what is there now that nothing happens.
func (m *mixture) followed() {
	m.load.t.Helper()
	all := &mixture{load: m.load}
	for _, follower := range []*mixture{m, all} {
		if err := follower.follow(0); err != nil {
			m.load.t.Error(err)
		}
	}
	if !slices.Equal(m.events, all.events) {
		m.load.t.Errorf("%d events were followed, %d are there, or in another order", len(m.events), len(all.events))
	}
}

// liveAKey makes a key, uses it, rotates it and ends it.
func (m *mixture) liveAKey(int) error {
	type made struct{ ID, Key string }
	var first, second made
	const uses = "/api/leads?entity=deals&limit=1"
	name := "short lived " + strconv.Itoa(m.keys)
	m.keys++
	if err := m.ask(http.StatusCreated, http.MethodPost, "/api/keys", m.load.key, mustJSON(map[string]any{"name": name, "scopes": []string{"leads:read"}}), &first); err != nil {
		return err
	}
	if err := m.ask(http.StatusOK, http.MethodGet, uses, first.Key, "", nil); err != nil {
		return err
	}
	if err := m.ask(http.StatusCreated, http.MethodPost, "/api/keys/"+first.ID+"/rotate", m.load.key, `{"overlap":"24h"}`, &second); err != nil {
		return err
	}
	for _, k := range []made{first, second} {
		if err := m.ask(http.StatusOK, http.MethodGet, uses, k.Key, "", nil); err != nil {
			return err
		}
		if err := m.ask(http.StatusOK, http.MethodPost, "/api/keys/"+k.ID+"/revoke", m.load.key, "", nil); err != nil {
			return err
		}
		if err := m.ask(http.StatusUnauthorized, http.MethodGet, uses, k.Key, "", nil); err != nil {
			return err
		}
	}
	return nil
}

// command lets other processes use the database beside the server.
func (m *mixture) command(round int) {
	p := m.load.p
	m.commands += 2
	var key struct{ ID, Key string }
	if err := json.Unmarshal([]byte(p.run("", "keys", "create", "--account", "acme", "--name", fmt.Sprintf("of a command %d-%d", round, m.commands), "--scopes", "leads:read", "--json")), &key); err != nil {
		m.load.t.Fatal(err)
	}
	if err := m.ask(http.StatusOK, http.MethodGet, "/api/key", key.Key, "", nil); err != nil {
		m.load.t.Error(err)
	}
	p.run("", "keys", "revoke", key.ID, "--json")
	if err := m.ask(http.StatusUnauthorized, http.MethodGet, "/api/key", key.Key, "", nil); err != nil {
		m.load.t.Error(err)
	}
	if p.database != "" { // PostgreSQL has its own tools
		return
	}
	if err := os.Remove(m.backup); err != nil && !os.IsNotExist(err) {
		m.load.t.Fatal(err)
	}
	p.run("", "backup", m.backup, "--json")
	m.commands++
}

// end stops the server, which has nothing to complain of.
func (m *mixture) end() {
	p := m.load.p
	if code := p.stop(syscall.SIGTERM); code != 0 {
		m.load.t.Errorf("exit code %d\n%s", code, p.log)
	}
	if log := p.log.String(); strings.Contains(log, `"level":"ERROR"`) || strings.Contains(log, "SQLITE_BUSY") {
		m.load.t.Errorf("the server complains\n%s", log)
	}
}

// stopwatch measures how long the answers to writes take.
type stopwatch struct {
	next http.RoundTripper
	mu   sync.Mutex
	took []time.Duration
}

// RoundTrip implements http.RoundTripper.
func (s *stopwatch) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	resp, err := s.next.RoundTrip(r)
	if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/bulk") {
		s.mu.Lock()
		s.took = append(s.took, time.Since(start))
		s.mu.Unlock()
	}
	return resp, err
}

func (s *stopwatch) take() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := s.took
	s.took = nil
	return took
}
