package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// call is one call of an operation.
type call struct {
	method string
	path   string // below the base, e.g. /api/leads
	query  url.Values
	body   any    // made JSON; nil for none
	match  string // If-Match
	accept string // "" is JSON
}

type idempotencyKey struct{}

// WithIdempotencyKey gives the next call that changes something this Idempotency-Key
// instead of a random one, so that it is carried out once even when the program is
// started again in between. Use a context of its own for each call.
func WithIdempotencyKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, idempotencyKey{}, key)
}

// path joins escaped parts below /api.
func path(parts ...string) string {
	var b strings.Builder
	b.WriteString("/api")
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// do carries a call out and reads the JSON of its answer into to, which may be nil. It
// returns the header of the answer.
func (c *Client) do(ctx context.Context, in call, to any) (http.Header, error) {
	resp, body, err := c.try(ctx, in, false)
	if err != nil {
		return nil, err
	}
	if to == nil || resp.StatusCode == http.StatusNoContent {
		return resp.Header, nil
	}
	if t := resp.Header.Get("Content-Type"); !strings.HasPrefix(t, "application/json") && !strings.HasPrefix(t, "application/openapi+json") {
		return nil, fmt.Errorf("leadflip: %s %s answers %q, which is not JSON; is the base URL that of the instance?", in.method, in.path, t)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // all digits of a number
	if err := dec.Decode(to); err != nil {
		return nil, fmt.Errorf("leadflip: the answer to %s %s cannot be read: %w", in.method, in.path, err)
	}
	return resp.Header, nil
}

// try sends a call until it has an answer that counts. With open the body of a success
// is left to the caller to read and close.
func (c *Client) try(ctx context.Context, in call, open bool) (*http.Response, []byte, error) {
	var text []byte
	if in.body != nil {
		var err error
		if text, err = json.Marshal(in.body); err != nil {
			return nil, nil, fmt.Errorf("leadflip: this cannot be sent as JSON: %w", err)
		}
	}
	key := ""
	if in.method == http.MethodPost || in.method == http.MethodPatch {
		if key, _ = ctx.Value(idempotencyKey{}).(string); key == "" {
			key = rand.Text()
		}
	}
	unknown := false // whether an earlier try may have been carried out
	for n := 0; ; n++ {
		resp, body, err := c.send(ctx, in, text, key, open)
		var p *Problem
		switch {
		case err == nil:
			return resp, body, nil
		case errors.As(err, &p) && p.Status == http.StatusNotFound && in.method == http.MethodDelete && unknown:
			return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}}, nil, nil // the try before did it
		case ctx.Err() != nil, n >= c.retries, p != nil && !p.passes(), untrusted(err):
			return nil, nil, err
		}
		unknown = unknown || p == nil
		if werr := pause(ctx, p, n); werr != nil {
			return nil, nil, err
		}
	}
}

// untrusted tells that a repeat would fail alike: the certificate is not one to trust.
func untrusted(err error) bool {
	var cert *tls.CertificateVerificationError
	return errors.As(err, &cert)
}

// send makes one try. A refusal is a *Problem.
func (c *Client) send(ctx context.Context, in call, text []byte, key string, open bool) (*http.Response, []byte, error) {
	req, err := c.request(ctx, in, text)
	if err != nil {
		return nil, nil, err
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("leadflip: %w", err)
	}
	if open && resp.StatusCode < 300 {
		return resp, nil, nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("leadflip: the answer to %s %s was cut off: %w", in.method, in.path, err)
	}
	if resp.StatusCode >= 300 {
		return nil, nil, newProblem(resp, body)
	}
	return resp, body, nil
}

func (c *Client) request(ctx context.Context, in call, text []byte) (*http.Request, error) {
	address := c.base.String() + in.path
	if len(in.query) > 0 {
		address += "?" + in.query.Encode()
	}
	var body io.Reader
	if text != nil {
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, in.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("leadflip: %w", err)
	}
	c.authorize(req)
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", "application/json")
	if in.accept != "" {
		req.Header.Set("Accept", in.accept)
	}
	if text != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if in.match != "" {
		req.Header.Set("If-Match", in.match)
	}
	return req, nil
}

// pause waits before try n+1: as long as the instance says, or a little longer each
// time, spread so that many clients do not come back together. Where the context ends
// before, there is nothing to wait for.
func pause(ctx context.Context, p *Problem, n int) error {
	wait := min(200*time.Millisecond<<min(n, 10), 10*time.Second)
	var spread [1]byte
	_, _ = rand.Read(spread[:])
	wait += wait * time.Duration(spread[0]) / 512
	if p != nil && p.RetryAfter > 0 {
		wait = p.RetryAfter
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) < wait {
		return context.DeadlineExceeded
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
