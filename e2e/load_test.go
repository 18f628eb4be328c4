package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// load is what several clients do to the leads of one entity at the same time: intake
// in every dedup_mode, bulk calls of several slices, changes, notes, trash and restore.
// It remembers what was answered, so that state can compare it with what is stored.
//
// Every call has its Idempotency-Key. A call that got no answer is sent again until it
// gets one. All that is random comes from the seed.
type load struct {
	t       *testing.T
	p       *program
	key     string
	seed    uint64
	clients []*client
	round   int
	seen    *entitySeen

	mu     sync.Mutex
	leads  map[string]*heldLead // by id: every lead that was acknowledged
	shared map[string]*heldLead // by e-mail address: those that all clients send
	kept   []sent               // some calls with their answers, for replays
	calls  int
	down   int // answers that said the server cannot answer right now
}

// heldLead is a lead as its answers tell. What several clients may change has no certain
// value: then budgets holds each that was sent.
type heldLead struct {
	id, name, email, passport string
	budget                    string
	budgets                   map[string]bool
	stage, call               string
	notes                     int
	version                   int64
	trashed                   bool
}

// sent is a call on its way, or with its answer.
type sent struct {
	method, path, body, idempotencyKey string
	then                               func(answer) error // takes note of the answer
	got                                answer
	again                              bool // it was sent before, without an answer
}

// entitySeen is what the tests need to know of the entity.
type entitySeen struct {
	ID     string
	Fields []struct{ ID, Key string }
}

func (e *entitySeen) field(key string) string {
	for _, f := range e.Fields {
		if f.Key == key {
			return f.ID
		}
	}
	return ""
}

const dealsEntity = `{"name":"Deals","slug":"deals","fields":[
	{"key":"name","label":"Name","type":"text"},
	{"key":"email","label":"Email","type":"email","match_key":1,"indexed":true},
	{"key":"budget","label":"Budget","type":"number","indexed":true},
	{"key":"passport","label":"Passport","type":"text","encrypted":true,"match_key":2}],
	"pipelines":[
	{"name":"Stage","slug":"stage","statuses":[{"name":"New","color":"blue","default":true},{"name":"Won","color":"green"},{"name":"Lost","color":"gray"}]},
	{"name":"Call","slug":"call","statuses":[{"name":"Open","color":"blue","default":true},{"name":"Done","color":"green"}]}]}`

// secretMark begins every value of the encrypted field: nothing stored may hold it.
const secretMark = "PASSPORT-"

// newLoad makes the entity on a server that runs, and clients for it.
func newLoad(t *testing.T, p *program, clients int, seed uint64) *load {
	t.Helper()
	l := &load{t: t, p: p, key: p.key("load", "*"), seed: seed, leads: map[string]*heldLead{}, shared: map[string]*heldLead{}, seen: &entitySeen{}}
	if err := json.Unmarshal(p.must(http.MethodPost, "/api/entities", l.key, dealsEntity), l.seen); err != nil || l.seen.field("passport") == "" {
		t.Fatalf("the entity was not made: %v", err)
	}
	for n := range clients {
		l.clients = append(l.clients, &client{load: l, n: n, random: rand.New(rand.NewPCG(seed, uint64(n)))})
	}
	return l
}

// run lets all clients send until stop is closed or their connection breaks. It
// returns a function that waits for them.
func (l *load) run(stop <-chan struct{}, outage bool) (wait func()) {
	l.round++
	var wg sync.WaitGroup
	for _, c := range l.clients {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if c.pending == nil {
					c.pending = c.next()
				}
				if !c.finish(outage, stop) {
					return
				}
			}
		})
	}
	return wg.Wait
}

// answered waits until so many calls have their answer.
func (l *load) answered(n int) { l.t.Helper(); l.await(&l.calls, n) }

// refusals waits until the server has refused so many calls.
func (l *load) refusals(n int) { l.t.Helper(); l.await(&l.down, n) }

func (l *load) await(count *int, n int) {
	l.t.Helper()
	for limit := time.Now().Add(3 * time.Minute); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		l.mu.Lock()
		have := *count
		l.mu.Unlock()
		if have >= n {
			return
		}
	}
	l.t.Fatalf("three minutes were not enough: %d calls answered, %d refused\n%s", l.calls, l.down, l.p.log)
}

// takeCalls is how many calls were answered since it was asked last.
func (l *load) takeCalls() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.calls
	l.calls = 0
	return n
}

// settle repeats what was not answered.
func (l *load) settle() {
	l.t.Helper()
	var wg sync.WaitGroup
	for _, c := range l.clients {
		wg.Go(func() {
			if c.pending != nil && !c.finish(true, nil) {
				l.t.Errorf("the repeat of %s got no answer", c.pending.idempotencyKey)
			}
		})
	}
	wg.Wait()
}

// finish sends the pending call. With patience a 503 is no answer yet. It returns false
// when there is no answer to be had.
func (c *client) finish(patience bool, stop <-chan struct{}) bool {
	s := c.pending
	for limit := time.Now().Add(2 * time.Minute); ; {
		var header []string
		if s.method != http.MethodDelete {
			header = []string{"Idempotency-Key", s.idempotencyKey}
		}
		got, err := c.p.send(s.method, s.path, c.key, s.body, header...)
		switch {
		case err != nil:
			s.again = true
			return false
		case (got.status == http.StatusServiceUnavailable || got.status == http.StatusInsufficientStorage) && patience:
			c.refused(s, got)
			s.again = true
			select {
			case <-stop: // nil waits for ever
				return false
			case <-time.After(time.Duration(5+c.random.IntN(20)) * time.Millisecond):
			}
			if time.Now().After(limit) {
				c.t.Errorf("%s: still refused: %s", s.idempotencyKey, got.body)
				return false
			}
			continue
		}
		c.pending = nil
		s.got = got
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls++
		if err := s.then(got); err != nil {
			c.t.Errorf("%s %s %s (sent before: %v): %v\n%d %.2000s", s.idempotencyKey, s.method, s.path, s.again, err, got.status, got.body)
		}
		if s.method != http.MethodDelete && (s.again || c.random.IntN(10) == 0) && got.status < 300 {
			c.kept = append(c.kept, *s)
		}
		return true
	}
}

// refused checks that a refusal because of an outage or a full disk is a clean problem.
func (c *client) refused(s *sent, got answer) {
	var problem struct {
		Code   string
		Status int
	}
	want := map[int]string{http.StatusServiceUnavailable: "unavailable", http.StatusInsufficientStorage: "storage_full"}[got.status]
	if got.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(got.body, &problem) != nil || problem.Status != got.status || want == "" || problem.Code != want ||
		got.status == http.StatusServiceUnavailable && got.header.Get("Retry-After") == "" {
		c.t.Errorf("%s %s: not a clean refusal: %d %v %s", s.method, s.path, got.status, got.header, got.body)
	}
	c.mu.Lock()
	c.down++
	c.mu.Unlock()
}

// replay sends kept calls again: the answers are the same to the byte.
func (l *load) replay() {
	l.t.Helper()
	for _, s := range l.kept {
		got, err := l.p.send(s.method, s.path, l.key, s.body, "Idempotency-Key", s.idempotencyKey)
		if err != nil || got.status != s.got.status || !bytes.Equal(bytes.TrimSpace(got.body), bytes.TrimSpace(s.got.body)) || got.header.Get("Idempotency-Replayed") != "true" || got.header.Get("ETag") != s.got.header.Get("ETag") {
			l.t.Errorf("%s: the replay is another answer: %v\nfirst %d %s\nlater %d %s", s.idempotencyKey, err, s.got.status, s.got.body, got.status, got.body)
		}
	}
	l.kept = l.kept[:0]
}

// leadSeen is a lead as the API shows it.
type leadSeen struct {
	ID     string                           `json:"id"`
	Fields map[string]json.RawMessage       `json:"fields"`
	Status map[string]struct{ Name string } `json:"status"`
}

func (h *heldLead) equals(l leadSeen) error {
	want := map[string]string{"email": mustJSON(h.email)}
	got := map[string]string{}
	for key, v := range l.Fields {
		if string(v) != "null" {
			got[key] = string(v)
		}
	}
	if h.budgets == nil {
		want["name"], want["budget"] = mustJSON(h.name), h.budget
		if h.passport != "" {
			want["passport"] = mustJSON(h.passport)
		}
	} else {
		if !h.budgets[got["budget"]] {
			return fmt.Errorf("the budget %s was never sent", got["budget"])
		}
		delete(got, "budget")
		delete(got, "name")
	}
	if l.ID != h.id || !maps.Equal(got, want) || len(l.Status) != 2 || l.Status["stage"].Name != h.stage || l.Status["call"].Name != h.call {
		return fmt.Errorf("want %+v, got %v %v", *h, got, l.Status)
	}
	return nil
}

// intake is the answer to one lead.
type intake struct {
	LeadID      string `json:"lead_id"`
	Action      string
	DuplicateOf string `json:"duplicate_of"`
}

func intakeAnswer(then func(intake) error) func(answer) error {
	return wantStatus(http.StatusOK, func(got answer) error {
		var a intake
		if err := json.Unmarshal(got.body, &a); err != nil {
			return err
		}
		return then(a)
	})
}

func wantStatus(status int, then func(answer) error) func(answer) error {
	return func(got answer) error {
		if got.status != status {
			return fmt.Errorf("want %d", status)
		}
		return then(got)
	}
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
