package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/client"
)

// sse is the event number n as the instance sends it.
func sse(n int) string {
	return fmt.Sprintf("id: %d\nevent: lead.created\ndata: {\"id\":\"%d\",\"type\":\"lead.created\",\"data\":{}}\n\n", n, n)
}

// A connection may be cut at any byte (behind the first line, so that nobody waits), as often as it likes: every event comes once.
func TestAStreamCutAnywhereResumesExactlyOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		events := rapid.IntRange(1, 12).Draw(rt, "events")
		cuts := rapid.SliceOfN(rapid.IntRange(10, 300), 0, 8).Draw(rt, "bytes before each cut")
		connection := 0
		c := newClient(t, transport(func(r *http.Request) (*http.Response, error) {
			var b strings.Builder
			b.WriteString("retry: 1\n\n")
			after := 0
			if text := r.URL.Query().Get("after"); text != "" {
				if _, err := fmt.Sscan(text, &after); err != nil {
					rt.Fatal(err)
				}
			}
			for n := after + 1; n <= events; n++ {
				b.WriteString(": still here\n" + sse(n))
			}
			resp := answered(200, "text/event-stream", "")
			text := b.String()
			if connection < len(cuts) {
				text = text[:min(len(text), cuts[connection])]
			}
			connection++
			resp.Body = cutBody{strings.NewReader(text)}
			return resp, nil
		}))
		var got []string
		for e, err := range c.Events.Stream(context.Background(), client.EventQuery{}) {
			if err != nil {
				rt.Fatal(err)
			}
			if got = append(got, e.ID); len(got) == events {
				break
			}
		}
		for n, one := range got {
			if one != fmt.Sprint(n+1) {
				rt.Fatalf("%v", got)
			}
		}
	})
}

// Where events were passed over, the stream resumes behind them.
func TestAStreamResumesBehindWhatWasPassedOver(t *testing.T) {
	t.Parallel()
	var after []string
	c := newClient(t, transport(func(r *http.Request) (*http.Response, error) {
		after = append(after, r.URL.Query().Get("after"))
		if r.Header.Get("Accept") != "text/event-stream" || r.URL.Query().Get("type") != "lead.*" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		switch len(after) {
		case 1:
			return answered(200, "text/event-stream", "retry: 1\n\n"+sse(3)+": still here\nid: 9\n\n"), nil
		case 2:
			return problem(503, "unavailable"), nil
		}
		return problem(403, "insufficient_scope"), nil
	}))
	var ids []string
	var last error
	for e, err := range c.Events.Stream(t.Context(), client.EventQuery{After: "2", Type: "lead.*"}) {
		if err != nil {
			last = err
			continue
		}
		ids = append(ids, e.ID)
	}
	if !slices.Equal(after, []string{"2", "9", "9"}) || !slices.Equal(ids, []string{"3"}) || client.Code(last) != "insufficient_scope" {
		t.Errorf("%v %v %v", after, ids, last)
	}
}

func TestAStreamEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := newClient(t, transport(func(*http.Request) (*http.Response, error) {
		cancel()
		return nil, errNetwork
	}))
	var last error
	for _, err := range c.Events.Stream(ctx, client.EventQuery{}) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Error(last)
	}
}

// FuzzStream: whatever is answered, the reader comes to an end and never panics.
func FuzzStream(f *testing.F) {
	for _, seed := range []string{"", "\n\n", sse(1), "data: {}\n\n", "data: [\ndata: ]\n\n", "id\ndata\n\n", "retry: 99999999999999999999\n\n", "data: {\"id\":7}\n\n", "\r\n\r\n", ":\xff\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		connections := 0
		c := newClient(t, transport(func(*http.Request) (*http.Response, error) {
			if connections++; connections > 1 {
				return problem(401, "key_revoked"), nil
			}
			resp := answered(200, "text/event-stream", "")
			resp.Body = io.NopCloser(bytes.NewReader(append(body, "\nretry: 1\n"...)))
			return resp, nil
		}))
		var last error
		for _, err := range c.Events.Stream(t.Context(), client.EventQuery{}) {
			last = err
		}
		if last == nil {
			t.Error("the stream ended without an error")
		}
	})
}

// What was carried out although its answer was lost is not carried out again.
func TestARepeatNeverDoubles(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		lost := 0
		c := w.client(w.key, client.WithHTTPClient(&http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err == nil && lost < 2 {
				lost++
				_ = resp.Body.Close()
				return nil, errNetwork
			}
			return resp, err
		})}))
		r, err := c.Leads.Intake(t.Context(), client.NewLead{Entity: "leads", Fields: map[string]any{"name": "Ada"}}, nil)
		w.must(err)
		var ids []string
		for l, err := range w.c.Leads.All(t.Context(), client.LeadQuery{Entity: "leads"}) {
			w.must(err)
			ids = append(ids, l.ID)
		}
		if lost != 2 || !slices.Equal(ids, []string{r.LeadID}) {
			t.Errorf("%v, answered %s", ids, r.LeadID)
		}
	})
}
