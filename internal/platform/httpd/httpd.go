// Package httpd is what every listener shares, whatever is behind it: a request id
// on each answer, the security headers, the caller's address behind declared
// proxies, one log line and one metric a request, and recovery from panics.
//
// Paths are logged as the route they matched, never as they were sent, because an
// address may hold what must not be in a log.
package httpd

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// Request is what the outermost layer knows of a request. The layers inside fill in
// what they learn, and the log line tells it.
type Request struct {
	ID        string
	IP        netip.Addr
	UserAgent string
	HTTPS     bool   // TLS here, or in front of a trusted proxy that says so
	Plain     bool   // unencrypted although this instance offers TLS, itself or by its proxy
	Base      string // the instance's public address, for links
	Start     time.Time

	Route  string      // METHOD /path/{pattern}; "" when none matched
	Code   string      // problem code of a refusal
	Caller []slog.Attr // who, when known
	Err    error       // the fault behind a 5xx, for the log only
}

type requestKey struct{}

// From returns the Request of a context; outside a request it is an empty one.
func From(ctx context.Context) *Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return r
	}
	return &Request{Start: time.Now()}
}

// CallerGone is the status in the log and the metrics when the caller went away
// before the answer. Nobody receives it.
const CallerGone = 499

// Edge is the outermost layer.
type Edge struct {
	Log     *slog.Logger
	Proxies []netip.Prefix // whose X-Forwarded-* headers count
	OwnTLS  bool           // this listener speaks TLS
	Plain   bool           // this listener speaks plain HTTP beside a TLS one
	Base    string         // the instance's public address, e.g. https://leads.example.com
	Observe func(route string, status int, d time.Duration)

	// Panicked answers a request whose handler panicked before it wrote anything.
	Panicked func(w http.ResponseWriter, r *http.Request)
}

// Wrap puts the edge around h.
func (e *Edge) Wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &Request{Start: time.Now(), ID: requestID(r.Header), UserAgent: r.UserAgent(), Base: e.Base}
		var proxied bool
		req.IP, req.HTTPS, proxied = e.client(r)
		req.Plain = e.Plain || proxied && !req.HTTPS
		rw := &Writer{ResponseWriter: w}
		head := rw.Header()
		head.Set("X-Request-Id", req.ID)
		secure(head, req.HTTPS)
		r = r.WithContext(context.WithValue(r.Context(), requestKey{}, req))
		defer e.finish(rw, r, req)
		h.ServeHTTP(rw, r)
	})
}

func (e *Edge) finish(w *Writer, r *http.Request, req *Request) {
	p := recover()
	err, _ := p.(error)
	if errors.Is(err, http.ErrAbortHandler) { // the server has to see it, after the log
		defer panic(p)
	} else if p != nil {
		e.Log.Error("panic", "request_id", req.ID, "panic", p, "stack", string(debug.Stack()))
		if w.Status == 0 {
			e.Panicked(w, r)
		}
	}
	d := time.Since(req.Start)
	status, level := w.Status, slog.LevelInfo
	if r.Context().Err() != nil && (status == 0 || status >= 500) {
		status = CallerGone // what failed is what nobody waited for any more
	}
	if e.Observe != nil {
		e.Observe(req.Route, status, d)
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs, slog.String("request_id", req.ID), slog.String("method", method(r.Method)), slog.String("route", req.Route),
		slog.Int("status", status), slog.Int64("micros", d.Microseconds()), slog.String("ip", req.IP.String()))
	attrs = append(attrs, req.Caller...)
	if errors.Is(err, http.ErrAbortHandler) {
		attrs = append(attrs, slog.Bool("broken_off", true))
	}
	if req.Code != "" {
		attrs = append(attrs, slog.String("code", req.Code))
	}
	if req.Err != nil {
		attrs = append(attrs, slog.String("error", req.Err.Error()))
		if status != CallerGone {
			level = slog.LevelError
		}
	}
	e.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// secure sets the headers that hold for every answer, errors and files included.
// Handlers may narrow them further.
func secure(h http.Header, https bool) {
	maps.Copy(h, always)
	if https {
		h["Strict-Transport-Security"] = onHTTPS
	}
}

// The slices are shared by all answers. Whoever sets or adds to a header puts a slice
// of their own in the place of one of these, because none has room for more.
var (
	always = http.Header{
		"X-Content-Type-Options":       {"nosniff"},
		"Referrer-Policy":              {"same-origin"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Permissions-Policy":           {"camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
		"Content-Security-Policy":      {"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
		"Cache-Control":                {"no-store"},
	}
	onHTTPS = []string{"max-age=31536000"}
)

// client finds the caller's address. Forwarding headers count only from a declared
// proxy, and then the last address that is not one of them is the caller. proxied
// tells that such a proxy said which scheme the caller used.
func (e *Edge) client(r *http.Request) (ip netip.Addr, https, proxied bool) {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	ip = peer.Addr().Unmap().WithZone("")
	https = e.OwnTLS
	if !e.trusted(ip) {
		return ip, https, false
	}
	if proto := r.Header.Values("X-Forwarded-Proto"); len(proto) > 0 {
		https = strings.EqualFold(strings.TrimSpace(lastOf(proto)), "https")
		proxied = true
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(chain) {
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		ip = next.Unmap().WithZone("")
		if !e.trusted(ip) {
			break
		}
	}
	return ip, https, proxied
}

// Subscriber makes all IPv6 addresses of one subscriber (a /64) one, for counting.
func Subscriber(ip netip.Addr) netip.Addr {
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip
}

func lastOf(values []string) string {
	parts := strings.Split(values[len(values)-1], ",")
	return parts[len(parts)-1]
}

func (e *Edge) trusted(ip netip.Addr) bool {
	for _, p := range e.Proxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// requestID takes the caller's id when it is a short plain word, so that it can
// never forge a log line or a header, and makes one otherwise.
func requestID(h http.Header) string {
	given := h.Values("X-Request-Id")
	if len(given) == 1 && wellFormed(given[0]) {
		return given[0]
	}
	return "req_" + rand.Text()[:20]
}

func wellFormed(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// method keeps invented methods out of the log.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "OTHER"
}

// Clean reports whether a path is in its shortest form. The standard mux would
// redirect others; an API must not.
func Clean(path string) bool {
	if path == "" || path[0] != '/' || strings.Contains(path, "//") {
		return false
	}
	for seg := range strings.SplitSeq(path, "/") {
		if seg == "." || seg == ".." {
			return false
		}
	}
	return true
}

// Writer remembers the status of an answer.
type Writer struct {
	http.ResponseWriter
	Status int // 0 until something was written
}

// WriteHeader implements http.ResponseWriter.
func (w *Writer) WriteHeader(status int) {
	if w.Status == 0 || w.Status < 200 {
		w.Status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *Writer) Write(b []byte) (int, error) {
	if w.Status == 0 {
		w.Status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
