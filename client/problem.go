package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is a refusal or failure as the instance tells it (RFC 9457).
type Problem struct {
	Type      string       `json:"type"`   // a page of the instance that explains it
	Title     string       `json:"title"`  // the same for every occurrence
	Status    int          `json:"status"` // of HTTP
	Detail    string       `json:"detail"` // what happened this time and how to mend it
	Code      string       `json:"code"`   // for a program, e.g. validation_failed; "" when the answer was not the instance's own
	RequestID string       `json:"request_id"`
	Errors    []WrongValue `json:"errors"`

	// RetryAfter is how long to wait before the next try; 0 when nothing was said.
	RetryAfter time.Duration `json:"-"`
}

// WrongValue is one value that was refused.
type WrongValue struct {
	Pointer   *string `json:"pointer"`   // JSON Pointer into the body; nil when it is a parameter
	Parameter string  `json:"parameter"` // of the query, or a header
	Code      string  `json:"code"`
	Detail    string  `json:"detail"`
}

// Where is the pointer or parameter.
func (w WrongValue) Where() string {
	if w.Pointer != nil {
		return *w.Pointer
	}
	return w.Parameter
}

// Error implements error.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "leadflip: %d", p.Status)
	for _, part := range []string{p.Code, p.Detail} {
		if part != "" {
			b.WriteString(" " + part)
		}
	}
	for _, w := range p.Errors {
		fmt.Fprintf(&b, "; %s: %s", w.Where(), w.Detail)
	}
	if p.RequestID != "" {
		b.WriteString(" (request " + p.RequestID + ")")
	}
	return b.String()
}

// Code is the problem code of an error, "" when it is not a Problem.
func Code(err error) string {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.Code
	}
	return ""
}

// newProblem reads a refusal. What a proxy on the way answers is no document of the
// instance; then the status alone is known.
func newProblem(resp *http.Response, body []byte) *Problem {
	p := &Problem{}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(body, p) != nil {
		p = &Problem{Title: http.StatusText(resp.StatusCode), Detail: "The answer is not from Leadflip itself; something on the way to it refused the call."}
	}
	p.Status = resp.StatusCode
	if p.RequestID == "" {
		p.RequestID = resp.Header.Get("X-Request-Id")
	}
	after := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		p.RetryAfter = max(0, time.Until(at))
	}
	return p
}

// passes tells that the same call may succeed a little later.
func (p *Problem) passes() bool {
	return p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable || p.Code == "idempotency_in_flight"
}
