package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/config"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
)

// told is one server-sent event.
type told struct{ id, kind, data string }

// stream is an open stream of events.
type stream struct {
	t    *testing.T
	resp *http.Response
	in   *bufio.Reader
}

// streamHang is when a test gives up a stream. Nothing is measured by it.
const streamHang = time.Minute

// open opens a stream that must be accepted.
func (i *instance) open(r request) *stream {
	i.t.Helper()
	req, err := http.NewRequest(r.method, i.url+r.target, nil)
	i.must(err)
	req.Header = r.header
	resp, err := i.client.Do(req)
	i.must(err)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != mediaStream || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("X-Accel-Buffering") != "no" {
		i.t.Fatalf("%s: %d %v", r, resp.StatusCode, resp.Header)
	}
	s := &stream{i.t, resp, bufio.NewReader(resp.Body)}
	i.t.Cleanup(s.close)
	return s
}

func (s *stream) close() { _ = s.resp.Body.Close() }

// next reads up to the next event; the error is io.EOF when the stream ended.
func (s *stream) next() (e told, err error) {
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return e, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.kind = value
		case "data":
			e.data = value
		case "":
			if e.data != "" {
				return e, nil
			}
		}
	}
}

// until reads events up to the first that is wanted.
func (s *stream) until(wanted func(told) bool) (all []told) {
	s.t.Helper()
	for {
		e, err := s.next()
		if err != nil {
			s.t.Fatalf("after %d events: %v", len(all), err)
		}
		if all = append(all, e); wanted(e) {
			return all
		}
	}
}

// rest reads to the end.
func (s *stream) rest() (all []told) {
	s.t.Helper()
	for {
		e, err := s.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			s.t.Fatalf("the stream did not end well after %d events: %v", len(all), err)
		}
		all = append(all, e)
	}
}

func about(what string) func(told) bool {
	return func(e told) bool { return strings.Contains(e.data, what) }
}

var follow = newRequest(http.MethodGet, "/api/events/stream")

// TestTheStreamIsTheList: the same events in the same shape and order, whether listed,
// followed, or resumed in either way in the middle.
func TestTheStreamIsTheList(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "events:read")
		for range 3 {
			i.lead(i.acme.production)
		}
		i.lead(i.acme.staging)
		i.lead(i.globex.production)
		first := i.open(follow.by(caller))
		last := i.lead(i.acme.production)
		streamed := first.until(about(last))
		first.close()
		a := i.send(newRequest(http.MethodGet, "/api/events?limit=200").by(caller))
		list, _ := a.json()["data"].([]any)
		if len(list) < len(streamed) || len(streamed) < 5 {
			t.Fatalf("%d are listed, %d were streamed", len(list), len(streamed))
		}
		for n, e := range streamed {
			text, err := json.Marshal(list[n])
			i.must(err)
			var one, other map[string]any
			i.must(json.Unmarshal(text, &one))
			i.must(json.Unmarshal([]byte(e.data), &other))
			if fmt.Sprint(one) != fmt.Sprint(other) || one["id"] != e.id || one["type"] != e.kind || strings.HasPrefix(e.kind, "lead.") && one["actor"].(map[string]any)["kind"] != "person" {
				t.Errorf("listed and streamed differ:\n%v\n%+v", one, e)
			}
		}
		for n, e := range streamed[:len(streamed)-1] {
			for _, r := range []request{follow.with("Last-Event-ID", e.id), follow.query("after=" + e.id), follow.query("after=0-0").with("Last-Event-ID", e.id)} {
				s := i.open(r.by(caller))
				if got, want := s.until(about(last)), streamed[n+1:]; fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s:\n%v\n%v", r, got, want)
				}
				s.close()
			}
		}
		s := i.open(follow.query("type=lead.*").by(caller))
		for _, e := range s.until(about(last)) {
			if !strings.HasPrefix(e.kind, "lead.") {
				t.Errorf("asked for leads, got %+v", e)
			}
		}
		s.close()
	})
}

// TestAPollerPassesOnNextAfter: always the same call with what was answered.
func TestAPollerPassesOnNextAfter(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.staging, "events:read")
		poll := func(after string) ([]string, string) {
			t.Helper()
			a := i.send(newRequest(http.MethodGet, "/api/events?type=lead.created&limit=2&after="+url.QueryEscape(after)).by(caller))
			if a.status != http.StatusOK {
				t.Fatal(a)
			}
			return idsOf(a), a.text("next_after")
		}
		seen, after := map[string]bool{}, ""
		for round := range 7 {
			i.lead(i.acme.staging)
			for begun := time.Now(); len(seen) <= round; {
				ids, next := poll(after)
				for _, one := range ids {
					if seen[one] {
						t.Fatalf("%s came twice", one)
					}
					seen[one] = true
				}
				if after = next; time.Since(begun) > streamHang {
					t.Fatalf("only %d of %d came", len(seen), round+1)
				}
			}
		}
		if ids, next := poll(after); len(ids) != 0 || next == "" {
			t.Errorf("at the end: %v, %q", ids, next)
		}
	})
}

// TestAStreamEndsWithItsKey: whatever ends a key or its right ends its streams, and
// nothing that is written afterwards is told.
func TestAStreamEndsWithItsKey(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		ctx := context.Background()
		_, admin := i.key(i.acme.production, "*")
		call := func(method, path, body string) {
			t.Helper()
			r := newRequest(method, path)
			if body != "" {
				r = r.sending(mediaJSON, body)
			}
			if a := i.send(r.by(admin)); a.status >= 300 {
				t.Fatal(a)
			}
		}
		patch := func(body string) func(id string) {
			return func(id string) { call(http.MethodPatch, "/api/keys/"+id, body) }
		}
		post := func(verb, body string) func(id string) {
			return func(id string) { call(http.MethodPost, "/api/keys/"+id+"/"+verb, body) }
		}
		link, err := i.app.Accounts.Invite(ctx, i.acme.production, "eve@example.com", account.Admin)
		i.must(err)
		_, _, err = i.app.Accounts.Join(ctx, link, "Eve", "seven owls under a bridge", account.Origin{})
		i.must(err)
		members, err := i.app.Accounts.Members(ctx, i.acme.production)
		i.must(err)
		eve := members[len(members)-1].Person
		asEve, err := i.app.Accounts.Enter(ctx, eve, "acme", "production", account.Origin{})
		i.must(err)
		for _, c := range []struct {
			name string
			end  func(id string)
		}{
			{"revoked", post("revoke", "")},
			{"disabled", post("disable", "")},
			{"rotated without overlap", post("rotate", `{"overlap":"0"}`)},
			{"narrowed", patch(`{"scopes":["leads:read"]}`)},
			{"addresses", patch(`{"ip_allow":["203.0.113.0/24"]}`)},
			{"expired", func(id string) { i.change(`UPDATE api_keys SET expires_at = 1 WHERE id = $1`, id) }},
			{"suspended member", func(string) { i.must(i.app.Accounts.Suspend(ctx, i.acme.production, eve.ID)) }},
		} {
			k, caller := i.key(asEve, "events:read", "leads:read")
			before := i.lead(i.acme.production)
			s := i.open(follow.by(caller))
			s.until(about(before))
			c.end(k.ID.String())
			for _, e := range s.rest() {
				if strings.HasPrefix(e.kind, "key.") && strings.Contains(e.data, k.ID.String()) && e.kind != "key.first_used" {
					t.Errorf("%s: the key was told of its end: %+v", c.name, e)
				}
			}
			if a := i.send(follow.by(caller)); a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
				t.Errorf("%s: a new stream: %s", c.name, a)
			}
		}
	})
}

// TestAStreamIsOneCall: its use is told when it begins, so that a first use is known
// while it is open.
func TestAStreamIsOneCall(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		k, caller := i.key(i.acme.production, "events:read")
		s := i.open(follow.query("type=key.first_used").by(caller))
		used := s.until(about(k.ID.String()))
		if e := used[len(used)-1]; !strings.Contains(e.data, `"/api/events/stream"`) || !strings.Contains(e.data, `"status":200`) {
			t.Errorf("the first use is %+v", e)
		}
		s.close()
		i.quiet()
		if n := i.one(`SELECT SUM(calls) FROM key_usage WHERE key_id = $1`, k.ID); n != "1" {
			t.Errorf("the stream counts as %s calls", n)
		}
	})
}

// TestStreamsOfAKeyAreBounded: one too many is a 429, and a closed one makes room.
func TestStreamsOfAKeyAreBounded(t *testing.T) {
	t.Parallel()
	i := newSQLiteInstance(t)
	_, caller := i.key(i.acme.production, "events:read")
	_, other := i.key(i.acme.production, "events:read")
	var open []*stream
	for range api.StreamsPerKey {
		open = append(open, i.open(follow.by(caller)))
	}
	a := i.send(follow.by(caller))
	if a.status != http.StatusTooManyRequests || a.code() != string(errs.TooManyStreams) {
		t.Errorf("one too many: %s", a)
	}
	i.open(follow.by(other)).close()
	open[0].close()
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if a = i.send(follow.by(caller)); a.status == http.StatusOK || time.Since(begun) > streamHang {
			break
		}
	}
	if a.status != http.StatusOK {
		t.Errorf("with one closed: %s", a)
	}
}

// TestPlacesInTheLog: what is no place in the log is refused and named, wherever it is sent.
func TestPlacesInTheLog(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "events:read")
		for _, hostile := range []string{"x", "1", "-", "1-", "-1", "1--1", "-1-1", "1-2-3", "zzzzzzzzzzzzzz-1", "1-!", "' OR 1=1 --", "0-1\t", "null", "*", "%00", "\xff\xfe", strings.Repeat("1", 60), "id: 1-1"} {
			for _, r := range []struct {
				request
				parameter string
			}{
				{newRequest(http.MethodGet, "/api/events?after="+url.QueryEscape(hostile)), "after"},
				{follow.query("after=" + url.QueryEscape(hostile)), "after"},
				{follow.with("Last-Event-ID", hostile), "Last-Event-ID"},
			} {
				if strings.TrimSpace(hostile) != hostile && r.parameter == "Last-Event-ID" {
					continue // white space around a header is not part of it
				}
				a := i.send(r.by(caller))
				wrong, _ := a.json()["errors"].([]any)
				if a.status != http.StatusBadRequest || a.code() != string(errs.InvalidCursor) || len(wrong) != 1 || wrong[0].(map[string]any)["parameter"] != r.parameter {
					t.Errorf("%q: %s", hostile, a)
				}
			}
		}
		for _, wrong := range []string{"limit=0", "limit=201", "limit=x", "type=lead", "type=*", "type=lead.", "type=Lead.created", "type=lead.%25", "type=.created", "after=" + strings.Repeat("1", 65)} {
			a := i.send(newRequest(http.MethodGet, "/api/events?"+wrong).by(caller))
			name, _, _ := strings.Cut(wrong, "=")
			if fields, _ := a.json()["errors"].([]any); a.status != http.StatusUnprocessableEntity || len(fields) != 1 || fields[0].(map[string]any)["parameter"] != name {
				t.Errorf("%s: %s", wrong, a)
			}
		}
		// A place that was never written is one all the same: there is nothing behind it.
		a := i.send(newRequest(http.MethodGet, "/api/events?after=1y2p0ij32e8e7-1").by(caller))
		if a.status != http.StatusOK || len(idsOf(a)) != 0 || a.text("next_after") != "1y2p0ij32e8e7-1" {
			t.Errorf("the far future: %s", a)
		}
		for accept, want := range map[string]int{"text/event-stream": 200, "*/*": 200, "text/*": 200, "application/json, text/event-stream;q=0.1": 200,
			"application/json": 406, "text/html": 406, "text/event-stream;q=0, */*": 406} {
			if a := i.send(follow.with("Accept", accept).by(caller)); a.status != want {
				t.Errorf("Accept: %s: %s", accept, a)
			}
		}
	})
}

// bulky is a fact that fills a connection.
type bulky struct {
	Filling string `json:"filling"`
	Number  int    `json:"number"`
}

func (bulky) EventType() string { return "thing.filled" }

// TestASlowReaderIsGivenUp: it holds up no other reader, and its stream ends although
// it never reads and never leaves.
func TestASlowReaderIsGivenUp(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "events:read")
		c := i.dial()
		defer c.Close()
		i.must(c.(*net.TCPConn).SetReadBuffer(4 << 10))
		_, err := io.WriteString(c, i.head(http.MethodGet, "/api/events/stream?type=thing.*", "Authorization: Bearer "+caller))
		i.must(err)
		const facts = 300
		filling := strings.Repeat("x", 64<<10)
		for n := range facts {
			i.must(i.app.db.Update(context.Background(), func(ctx context.Context, tx *db.Tx) error {
				return event.Write(ctx, tx, i.acme.production.Environment.ID, event.Actor{Kind: "system"}, bulky{filling, n})
			}))
		}
		s := i.open(follow.query("type=thing.*").by(caller))
		if got := s.until(about(fmt.Sprintf(`"number":%d`, facts-1))); len(got) != facts {
			t.Errorf("beside a slow reader came %d events", len(got))
		}
		s.close()
		i.quiet() // returns when the program has let go of both
	})
}

// TestAStopDoesNotWaitForStreams: the server ends its streams, the slow ones too, and
// is not kept by them.
func TestAStopDoesNotWaitForStreams(t *testing.T) {
	t.Parallel()
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	_ = free.Close()
	cfg := config.Config{Data: dbtest.SQLiteDir(t), MasterKey: contractMasterKey, Addr: addr, PublicURL: "http://" + addr}
	log := &logBuffer{}
	a, err := Open(context.Background(), cfg, newLogger(cfg, log))
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{t: t, cfg: cfg, app: a, log: log, addr: addr, url: cfg.PublicURL, client: &http.Client{Timeout: streamHang}}
	i.settleOne()
	_, caller := i.key(i.acme.production, "events:read")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	served := make(chan error, 1)
	var out bytes.Buffer
	go func() { served <- a.Serve(ctx, &out, log) }()
	for begun := time.Now(); time.Since(begun) < streamHang; time.Sleep(5 * time.Millisecond) {
		if resp, err := i.client.Get(i.url + "/healthz"); err == nil {
			_ = resp.Body.Close()
			break
		}
	}
	var open []*stream
	for range 5 {
		open = append(open, i.open(follow.by(caller)))
	}
	stop()
	for _, s := range open {
		s.rest()
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "still under way") {
		t.Error("the stop waited in vain for streams")
	}
	i.must(a.Close())
}

// settleOne makes the first account alone.
func (i *instance) settleOne() {
	ctx := context.Background()
	_, _, err := i.app.Accounts.Setup(ctx, "", true, account.NewAccount{Email: "ada@example.com", Name: "Ada", Password: "nine lanterns over the harbour", Account: "Acme"}, account.Origin{})
	i.must(err)
	i.acme.production, err = i.app.Accounts.OperatorIn(ctx, "acme", "")
	i.must(err)
}
