package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadflip/leadflip/client"
)

const someKey = "lf_live_4fT9kQ2mXb7Zabcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMN01"

// transport answers requests in place of a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answered is an answer as it comes over the network.
func answered(status int, contentType, body string, head ...string) *http.Response {
	h := http.Header{"Content-Type": {contentType}}
	for n := 0; n+1 < len(head); n += 2 {
		h.Set(head[n], head[n+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func problem(status int, code string, head ...string) *http.Response {
	return answered(status, "application/problem+json", fmt.Sprintf(`{"type":"https://x/help/errors/%s","title":"T","status":%d,"detail":"D.","code":%q,"request_id":"req_1"}`, code, status, code), head...)
}

func ok() *http.Response { return answered(200, "application/json", `{"id":"1","lead_id":"1"}`) }

// cutBody breaks off after its text.
type cutBody struct{ io.Reader }

func (c cutBody) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (cutBody) Close() error { return nil }

var errNetwork = errors.New("connection reset")

// script answers one try after the other, and notes what was sent.
type script struct {
	mu    sync.Mutex
	tries []func() (*http.Response, error)
	sent  []*http.Request
	body  []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, r)
	text := ""
	if r.Body != nil {
		b, _ := io.ReadAll(r.Body)
		text = string(b)
	}
	s.body = append(s.body, text)
	if len(s.tries) < len(s.sent) {
		return nil, errors.New("nobody expected another try")
	}
	return s.tries[len(s.sent)-1]()
}

func scripted(t *testing.T, tries ...any) (*script, *client.Client) {
	t.Helper()
	s := &script{}
	for _, one := range tries {
		s.tries = append(s.tries, func() (*http.Response, error) {
			switch one := one.(type) {
			case error:
				return nil, one
			case func() *http.Response:
				return one(), nil
			}
			panic("a try is an error or an answer")
		})
	}
	return s, newClient(t, s)
}

func newClient(t testing.TB, rt http.RoundTripper, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New("https://leads.example.com/sub/", someKey, append(opts, client.WithHTTPClient(&http.Client{Transport: rt}))...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fails(status int, code string, head ...string) func() *http.Response {
	return func() *http.Response { return problem(status, code, head...) }
}

func cut() *http.Response {
	r := ok()
	r.Body = cutBody{strings.NewReader(`{"id":`)}
	return r
}

// Repeated is what may succeed a moment later, and nothing else; what changes something
// goes out with the same Idempotency-Key each time.
func TestWhatIsRepeated(t *testing.T) {
	t.Parallel()
	intake := func(ctx context.Context, c *client.Client) error {
		_, err := c.Leads.Intake(ctx, client.NewLead{Entity: "leads"}, nil)
		return err
	}
	patch := func(ctx context.Context, c *client.Client) error {
		_, err := c.Leads.Patch(ctx, "1", client.LeadChange{Fields: map[string]any{"a": nil}, IfMatch: `"1"`})
		return err
	}
	get := func(ctx context.Context, c *client.Client) error {
		_, err := c.Leads.Get(ctx, "1")
		return err
	}
	remove := func(ctx context.Context, c *client.Client) error { return c.Leads.Delete(ctx, "1") }
	export := func(ctx context.Context, c *client.Client) error {
		r, err := c.Leads.Export(ctx, client.LeadQuery{Entity: "leads"}, client.CSV)
		if err == nil {
			_ = r.Close()
		}
		return err
	}
	page := func() *http.Response { return answered(502, "text/html", "<html>bad gateway") }
	none := func() *http.Response { return answered(204, "", "") }
	for name, c := range map[string]struct {
		do    func(context.Context, *client.Client) error
		tries []any
		code  string // of the error; "" is success, "-" an error without one
	}{
		"success":                       {intake, []any{ok}, ""},
		"busy":                          {intake, []any{fails(503, "unavailable"), fails(429, "rate_limited"), ok}, ""},
		"in flight":                     {patch, []any{fails(409, "idempotency_in_flight", "Retry-After", "0"), ok}, ""},
		"network":                       {intake, []any{errNetwork, ok}, ""},
		"an answer cut off":             {intake, []any{cut, ok}, ""},
		"reading":                       {get, []any{errNetwork, fails(503, "unavailable"), ok}, ""},
		"export":                        {export, []any{errNetwork, fails(503, "unavailable"), ok}, ""},
		"refused":                       {intake, []any{fails(422, "validation_failed")}, "validation_failed"},
		"conflict":                      {patch, []any{fails(409, "conflict")}, "conflict"},
		"lost race":                     {patch, []any{fails(412, "precondition_failed")}, "precondition_failed"},
		"fault":                         {intake, []any{fails(500, "internal")}, "internal"},
		"full":                          {intake, []any{fails(507, "storage_full")}, "storage_full"},
		"dead key":                      {get, []any{fails(401, "key_revoked")}, "key_revoked"},
		"a proxy's page":                {get, []any{page}, "-"},
		"deleted":                       {remove, []any{none}, ""},
		"deleted by a lost try":         {remove, []any{errNetwork, fails(404, "not_found")}, ""},
		"not there":                     {remove, []any{fails(404, "not_found")}, "not_found"},
		"not there after a refused try": {remove, []any{fails(503, "unavailable"), fails(404, "not_found")}, "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, cl := scripted(t, c.tries...)
			err := c.do(t.Context(), cl)
			if code := client.Code(err); c.code == "" && err != nil || c.code != "" && (err == nil || code != strings.Trim(c.code, "-")) {
				t.Errorf("it ended with %v", err)
			}
			if len(s.sent) != len(c.tries) {
				t.Fatalf("%d tries, not %d", len(s.sent), len(c.tries))
			}
			for n, r := range s.sent {
				key := r.Header.Get("Idempotency-Key")
				if changes := r.Method == http.MethodPost || r.Method == http.MethodPatch; changes != (key != "") || key != s.sent[0].Header.Get("Idempotency-Key") || s.body[n] != s.body[0] {
					t.Errorf("try %d of %s has the Idempotency-Key %q and the body %q", n, r.Method, key, s.body[n])
				}
				if auth := r.Header.Values("Authorization"); len(auth) != 1 || auth[0] != "Bearer "+someKey || r.URL.Host != "leads.example.com" || !strings.HasPrefix(r.URL.Path, "/sub/api/") {
					t.Errorf("%s %v", r.URL, auth)
				}
			}
		})
	}
}

func TestItGivesUp(t *testing.T) {
	t.Parallel()
	var tries []any
	for range 3 {
		tries = append(tries, fails(503, "unavailable"))
	}
	s, _ := scripted(t, tries...)
	c := newClient(t, s, client.WithRetries(2))
	if _, err := c.Leads.Get(t.Context(), "1"); client.Code(err) != "unavailable" || len(s.sent) != 3 {
		t.Errorf("after %d tries: %v", len(s.sent), err)
	}
	s, _ = scripted(t, errNetwork)
	c = newClient(t, s, client.WithRetries(0))
	if _, err := c.Leads.Get(t.Context(), "1"); !errors.Is(err, errNetwork) || len(s.sent) != 1 {
		t.Errorf("after %d tries: %v", len(s.sent), err)
	}
	// A wait that ends behind the context's end is not begun.
	s, c = scripted(t, fails(429, "rate_limited", "Retry-After", "3600"))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	_, err := c.Leads.Get(ctx, "1")
	var p *client.Problem
	if !errors.As(err, &p) || p.RetryAfter != time.Hour || len(s.sent) != 1 {
		t.Errorf("%v", err)
	}
	// A context that ends during a wait ends the call.
	s, c = scripted(t, fails(429, "rate_limited", "Retry-After", "3600"))
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := c.Leads.Get(ctx, "1"); client.Code(err) != "rate_limited" || len(s.sent) != 1 {
		t.Errorf("%v", err)
	}
}

// It comes back no earlier than it was told.
func TestRetryAfterIsObeyed(t *testing.T) {
	t.Parallel()
	_, c := scripted(t, fails(429, "rate_limited", "Retry-After", "1"), ok)
	begun := time.Now()
	if _, err := c.Leads.Get(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if time.Since(begun) < time.Second {
		t.Error("it came back too early")
	}
}

func TestAnIdempotencyKeyOfOnesOwn(t *testing.T) {
	t.Parallel()
	s, c := scripted(t, ok, ok, ok)
	for _, ctx := range []context.Context{t.Context(), t.Context(), client.WithIdempotencyKey(t.Context(), "order-7")} {
		if _, err := c.Leads.Intake(ctx, client.NewLead{Entity: "leads"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	for _, r := range s.sent {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
	}
	if keys[0] == keys[1] || len(keys[0]) < 20 || keys[2] != "order-7" {
		t.Errorf("%v", keys)
	}
}

// The key goes to the instance alone: a redirect is an error.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	s, c := scripted(t, func() *http.Response {
		return answered(307, "text/html", "", "Location", "https://evil.example/api/key")
	})
	_, err := c.Keys.Self(t.Context())
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 307 || p.Code != "" || len(s.sent) != 1 {
		t.Errorf("%v after %d requests", err, len(s.sent))
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func() *http.Response{
		"a login page": func() *http.Response { return answered(200, "text/html", "<html>log in") },
		"broken JSON":  func() *http.Response { return answered(200, "application/json", `{"id":`) },
		"other JSON":   func() *http.Response { return answered(200, "application/json", `{"id":7}`) },
	} {
		_, c := scripted(t, answer)
		if k, err := c.Keys.Self(t.Context()); err == nil {
			t.Errorf("%s is read as %+v", name, k)
		}
	}
}

// Whatever is printed, the key is not there.
func TestTheKeyIsNowhereToBeSeen(t *testing.T) {
	t.Parallel()
	_, c := scripted(t, errNetwork, fails(401, "key_revoked"))
	_, err := newClient(t, transport(func(*http.Request) (*http.Response, error) { return nil, errNetwork }), client.WithRetries(0)).Keys.Self(t.Context())
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("all", "client", c, "leads", c.Leads, "error", err)
	slog.New(slog.NewTextHandler(&log, nil)).Info("all", "client", c, "leads", c.Leads, "error", err)
	text, jerr := json.Marshal(c)
	if jerr != nil {
		t.Fatal(jerr)
	}
	log.Write(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T", "%p"} {
		fmt.Fprintf(&log, verb+verb+verb+verb, c, *c, c.Leads, []any{c, err})
	}
	if err == nil || strings.Contains(log.String(), someKey[20:40]) || strings.Contains(log.String(), fmt.Sprintf("%x", someKey[20:40])) {
		t.Errorf("the key is shown: %s", log.String())
	}
	if c.String() != "leadflip client of https://leads.example.com/sub" || fmt.Sprintf("%#v", c) != c.String() {
		t.Errorf("%s", c)
	}
}

func TestWhatNewRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range [][2]string{
		{"", someKey}, {"leads.example.com", someKey}, {"ftp://leads.example.com", someKey}, {"https://", someKey}, {"https://u:p@leads.example.com", someKey},
		{"https://leads.example.com?key=1", someKey}, {"https://leads.example.com#a", someKey}, {"https://leads.example.com", ""}, {"https://leads.example.com", "Bearer " + someKey},
		{"https://leads.example.com", someKey + "\n"}, {"https://leads.example.com", someKey + "\r\nX-Evil: 1"},
	} {
		c, err := client.New(bad[0], bad[1])
		if err == nil {
			t.Errorf("%q is taken: %v", bad[0], c)
		} else if strings.Contains(err.Error(), someKey) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
}

func TestChangesSayOnlyWhatChanges(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		`{}`: client.LeadChange{IfMatch: `"1"`},
		`{"assignee":null,"fields":{"a":null,"b":1.50},"status":{"stage":"Won"},"viewers":[]}`: client.LeadChange{
			Fields: map[string]any{"a": nil, "b": json.Number("1.50")}, Status: map[string]string{"stage": "Won"}, Assignee: new(""), Viewers: &[]string{}},
		`{"assignee":"bob@example.com"}`:                                          client.LeadChange{Assignee: new("bob@example.com")},
		`{}`[:1] + `"email":"a@b.example","entity":"leads","status:stage":"New"}`: client.NewLead{Entity: "leads", Fields: map[string]any{"email": "a@b.example", "entity": "lost"}, Status: map[string]string{"stage": "New"}},
		`{"entity":"leads","batch":[{"email":"a@b.example","notes":[{"text":"hi"}]}]}`: client.Batch{Entity: "leads", Atomic: true, Rows: []client.NewLead{
			{Fields: map[string]any{"email": "a@b.example"}, Notes: []client.Note{{Text: "hi"}}}}},
	} {
		if got := asJSON(t, v); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}
