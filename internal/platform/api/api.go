package api

import (
	"bytes"
	"context"
	"crypto/cipher"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/sync/semaphore"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/page"
)

// The published limits of a request.
const (
	MaxBody     = 1 << 20
	MaxBulkBody = 16 << 20 // of the operations that take many things at once
	MaxAddress  = 16 << 10
)

// Config is what an API is made of.
type Config struct {
	Gate    Gate
	DB      *db.DB
	Limiter *Limiter
	Cursors *page.Codec
	Log     *slog.Logger
	Secret  []byte // shared by all nodes; for the answers that are kept
	Version string
	KeySeen func(outcome string) // told the outcome of every key check; may be nil
}

// API is the REST API: an http.Handler for everything under /api/.
type API struct {
	Cursors *page.Codec // for the operations that list

	huma     huma.API
	mux      *http.ServeMux
	routes   map[string]*route // by pattern
	fixed    map[call]*route   // those without a wildcard, by method and path
	gate     Gate
	db       *db.DB
	limiter  *Limiter
	log      *slog.Logger
	keySeen  func(string)
	guesses  *guesses
	seal     cipher.AEAD
	inFlight sync.Map            // calls with an Idempotency-Key under way here
	bodies   *semaphore.Weighted // bytes of large bodies
}

// call is a method and a path.
type call struct{ method, path string }

type route struct {
	policy Policy
	name   string       // METHOD /path/{pattern}
	body   *huma.Schema // of a JSON body; nil when the operation judges it itself
	serve  http.Handler // the operation, or the mux where it must find the wildcards of the path
}

var setHuma = sync.OnceFunc(func() {
	plainWords()
	huma.ValidateStrictCasing = true  // "NAME" beside "name" would be the same field twice
	huma.DefaultArrayNullable = false // a list is never null, in requests and answers alike
	huma.NewErrorWithContext = humaProblem
	huma.NewError = func(status int, message string, details ...error) huma.StatusError {
		return humaProblem(nil, status, message, details...)
	}
})

// New returns an API without operations; rooms add theirs with Register.
func New(cfg Config) *API {
	setHuma()
	if cfg.KeySeen == nil {
		cfg.KeySeen = func(string) {}
	}
	a := &API{
		Cursors: cfg.Cursors, mux: http.NewServeMux(), routes: map[string]*route{}, fixed: map[call]*route{}, gate: cfg.Gate, db: cfg.DB, limiter: cfg.Limiter, log: cfg.Log,
		keySeen: cfg.KeySeen, guesses: newGuesses(), seal: newSeal(cfg.Secret), bodies: semaphore.NewWeighted(bodiesHeld),
	}
	hc := huma.DefaultConfig("Leadflip", cfg.Version)
	hc.OpenAPIPath, hc.DocsPath, hc.SchemasPath = "", "", ""
	hc.CreateHooks, hc.Transformers = nil, []huma.Transformer{renderAnswer}
	hc.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}
	hc.RejectUnknownQueryParameters = true
	describe(&hc)
	a.huma = humago.New(a.mux, hc)
	return a
}

// Register adds an operation. It panics when p says nothing, so that a program with
// an operation nobody decided on does not start.
func Register[I, O any](a *API, op huma.Operation, p Policy, h func(context.Context, *I) (*O, error)) {
	if p.kind == policyMissing {
		panic(fmt.Sprintf("api: %s %s has no policy", op.Method, op.Path))
	}
	document(&op, p)
	if p.safe {
		op.Extensions["x-leadflip-safe"] = true
	}
	if p.maxBody != MaxBody && op.Method != http.MethodGet {
		op.Extensions["x-leadflip-max-body"] = p.maxBody
	}
	pattern := op.Method + " " + op.Path
	rt := &route{policy: p, name: pattern}
	a.routes[pattern] = rt
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			req := httpd.From(ctx)
			problem := NewProblem(err, req)
			note(req, problem, err)
			return nil, problem
		}
		return out, nil
	})
	rt.body = a.bodySchema(op)
	rt.serve = a.mux
	if !strings.Contains(op.Path, "{") {
		a.fixed[call{op.Method, op.Path}] = rt
		rt.serve, _ = a.mux.Handler(&http.Request{Method: op.Method, Host: "-", URL: &url.URL{Path: op.Path}})
	}
}

// vary is shared by all answers, and so never added to in its place.
var vary = []string{"Authorization, Origin"}

// ServeHTTP takes a request through the frame to its operation.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	w.Header()["Vary"] = vary
	var caller Caller
	rt, err := a.admit(w, r, &caller)
	if rt != nil {
		httpd.From(r.Context()).Route = rt.name
	}
	if err != nil {
		a.Fail(w, r, err)
	}
	if !caller.KeyID.IsNil() {
		a.observe(w, r, caller, rt, start, err == nil || !isKeyProblem(err))
	}
}

func isKeyProblem(err error) bool {
	return httpd.Status(errs.CodeOf(err)) == http.StatusUnauthorized || errs.CodeOf(err) == errs.BrowserNotAllowed
}

func (a *API) observe(w http.ResponseWriter, r *http.Request, c Caller, rt *route, start time.Time, accepted bool) {
	req := httpd.From(r.Context())
	call := Call{
		KeyID: c.KeyID, Environment: c.Environment, At: start.UTC(), RequestID: req.ID, Method: r.Method, Took: time.Since(start),
		IP: req.IP, UserAgent: r.UserAgent(), Accepted: accepted, FirstUse: c.FirstUse, Route: "unknown route", Status: http.StatusOK,
	}
	if rt != nil {
		_, call.Route, _ = strings.Cut(rt.name, " ")
	}
	if rw, ok := w.(*httpd.Writer); ok && rw.Status != 0 {
		call.Status = rw.Status
	}
	a.gate.Observe(call)
}

// admit runs every check in order and then the operation. The error is what the
// request is refused with; nothing has been written then.
func (a *API) admit(w http.ResponseWriter, r *http.Request, caller *Caller) (*route, error) {
	req := httpd.From(r.Context())
	facts := Facts{IP: req.IP, UserAgent: r.UserAgent(), RequestID: req.ID, Origin: r.Header.Get("Origin"), FetchSite: r.Header.Get("Sec-Fetch-Site")}

	// A key in the wrong place comes before everything else: the caller must learn of
	// it even when the rest is wrong too.
	if keys, where := a.misplacedInHead(r); where != "" {
		return nil, a.misplaced(r, keys, where, facts)
	}
	if req.Plain {
		return nil, a.plain(r, facts)
	}
	if len(r.RequestURI) > MaxAddress {
		return nil, errs.New(errs.URITooLong, "The address has more than %d bytes.", MaxAddress)
	}
	if !httpd.Clean(r.URL.Path) {
		return nil, errs.New(errs.NotFound, "There is nothing at this path. Paths have no empty, \".\" or \"..\" parts.")
	}
	rt, err := a.find(w, r)
	if r.Method == http.MethodOptions && facts.Origin != "" && rt == nil {
		return nil, a.preflight(w, r, facts)
	}
	if rt == nil && err == nil {
		return nil, errs.New(errs.NotFound, "There is nothing at this path. The operations are listed in /api/openapi.json.")
	}
	if err != nil {
		return nil, err
	}
	facts.Whole = rt.policy.whole
	in, err := begin(r, rt.policy.maxBody)
	if err != nil {
		return rt, err
	}
	if in.large() {
		done, err := a.holdFor(w, r, rt, facts, caller, in)
		if err != nil {
			return rt, err
		}
		defer done()
	}
	body := in.held
	if keys, where := a.findInFields(r.Trailer); where != "" {
		return rt, a.misplaced(r, keys, where, facts)
	}
	keys, jsonProblem := a.misplacedInBody(r.Header.Get("Content-Type"), body)
	if len(keys) > 0 && !rt.policy.exempt {
		return rt, a.misplaced(r, keys, "body", facts)
	}
	ctx := r.Context()
	if err := a.identify(w, r, rt, facts, caller); err != nil {
		return rt, err
	}
	if caller.Enter != nil {
		ctx = caller.Enter(ctx)
	}
	switch {
	case rt.policy.stream == nil && !acceptsJSON(r.Header.Values("Accept")):
		return rt, errs.New(errs.NotAcceptable, "This operation answers application/json, which the Accept header excludes.")
	case rt.policy.stream != nil && !accepts(r.Header.Values("Accept"), rt.policy.stream.of(r)):
		return rt, errs.New(errs.NotAcceptable, "This operation answers %s, which the Accept header excludes.", rt.policy.stream.of(r))
	case len(body) > 0 && r.Header.Get("Content-Encoding") != "" && !strings.EqualFold(r.Header.Get("Content-Encoding"), "identity"):
		w.Header().Set("Accept-Encoding", "identity")
		return rt, errs.New(errs.UnsupportedMediaType, "Bodies are read as they are. Send this one without Content-Encoding.")
	case len(body) > 0 && !rt.policy.reads(r.Header.Get("Content-Type")):
		return rt, errs.New(errs.UnsupportedMediaType, "This operation reads %s. Send that as Content-Type.", strings.Join(rt.policy.bodies, ", "))
	case jsonProblem != nil:
		return rt, jsonProblem
	case len(r.Header.Values("If-Match")) > 0 && r.Header.Get("If-Match") == "": // a client that lost its ETag must not overwrite
		return rt, &errs.Error{Code: errs.InvalidHeader, Detail: "If-Match is empty. Send the ETag you read, or leave the header out.",
			Fields: []errs.Field{{Parameter: "If-Match", Code: "invalid", Detail: "Send the ETag you read, or leave the header out."}}}
	case rt.policy.kind == policyScope && !caller.Allows(rt.policy.needs(r)):
		return rt, ScopeMissing(caller.Held, rt.policy.needs(r))
	}
	if err := a.checkShape(rt.body, body); err != nil {
		return rt, err
	}
	r = r.WithContext(ctx)
	if len(body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	} else {
		r.Body = http.NoBody
	}
	r.ContentLength = int64(len(body))
	if rt.policy.kind == policyOpen || rt.policy.safe {
		rt.serve.ServeHTTP(w, r)
		return rt, nil
	}
	if rt.policy.stream != nil {
		a.stream(w, r, rt, caller, facts)
		return rt, nil
	}
	a.once(w, r, *caller, rt.name, body, rt.serve)
	return rt, nil
}

// ScopeMissing is the refusal of a good key that lacks a right.
func ScopeMissing(held []string, needed ...string) error {
	holds := "none"
	if len(held) > 0 {
		holds = strings.Join(held, " ")
	}
	return errs.New(errs.InsufficientScope, "This operation needs the scope %s; the key holds %s. An admin can add it under Account Settings > API Access.",
		strings.Join(needed, " "), holds).With("needed", needed).With("held", held)
}

func (a *API) misplaced(r *http.Request, keys []string, where string, facts Facts) error {
	a.gate.Exposed(r.Context(), keys, where, facts)
	place := map[string]string{"path": "the address", "query": "the address", "cookie": "a cookie", "header": "a header other than Authorization", "body": "the body"}[where]
	return errs.New(errs.CredentialMisplaced, "An API key was found in %s, where it can leak. Send it only as \"Authorization: Bearer <key>\", and rotate this one.", place).With("where", where)
}

// plain refuses whatever comes unencrypted to an instance that offers HTTPS, without
// a redirect, and marks the key that came with it.
func (a *API) plain(r *http.Request, facts Facts) error {
	for _, line := range r.Header.Values("Authorization") {
		a.gate.Exposed(r.Context(), a.gate.FindKeys(line), "plain_http", facts)
	}
	return errs.New(errs.HTTPSRequired, "This instance offers HTTPS, so the API is not served over plain HTTP. Use the https:// address, and rotate a key that was sent here.")
}

// find matches the route. A path that exists under other methods gives a 405.
func (a *API) find(w http.ResponseWriter, r *http.Request) (*route, error) {
	if rt := a.fixed[call{r.Method, r.URL.Path}]; rt != nil && r.URL.RawPath == "" {
		return rt, nil
	}
	if _, pattern := a.mux.Handler(r); pattern != "" {
		return a.routes[pattern], nil
	}
	allow := httpd.Allowed(a.mux, r, "")
	if len(allow) == 0 {
		return nil, nil
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	return nil, errs.New(errs.MethodNotAllowed, "This path takes %s.", strings.Join(allow, ", "))
}

// holdFor holds a large body for a caller who is known. Of a body that it refuses it
// tells first when there is a key in it.
func (a *API) holdFor(w http.ResponseWriter, r *http.Request, rt *route, facts Facts, caller *Caller, in *incoming) (done func(), err error) {
	if err = a.identify(w, r, rt, facts, caller); err == nil {
		done, err = a.hold(r.Context(), in)
	}
	if err == nil && caller.Enter != nil { // the body may have been on its way for a minute: what holds now counts
		if err = a.check(r, facts, caller); err != nil {
			done()
		}
	}
	if err == nil {
		return done, nil
	}
	if keys := a.skim(in); len(keys) > 0 && !rt.policy.exempt {
		err = a.misplaced(r, keys, "body", facts)
	}
	return nil, err
}

// identify finds out who calls an operation for which that matters, unless it is known
// already.
func (a *API) identify(w http.ResponseWriter, r *http.Request, rt *route, facts Facts, caller *Caller) error {
	if !rt.policy.identifies(r.Header) || caller.Enter != nil {
		return nil
	}
	return a.authenticate(w, r, facts, caller)
}

// authenticate finds out who calls, then applies the rate limit.
func (a *API) authenticate(w http.ResponseWriter, r *http.Request, facts Facts, caller *Caller) error {
	if err := a.check(r, facts, caller); err != nil {
		return err
	}
	h := w.Header()
	if caller.Origin != "" {
		h.Set("Access-Control-Allow-Origin", caller.Origin)
		h.Set("Access-Control-Expose-Headers", "Content-Disposition, ETag, Link, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, X-Api-Key-Expires, Idempotency-Replayed")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	if caller.ExpiresAt != nil && caller.ExpiresAt.Sub(a.db.Now()) <= 30*24*time.Hour {
		h.Set("X-Api-Key-Expires", caller.ExpiresAt.Format(time.RFC3339))
	}
	return a.limit(w, r, *caller)
}

// check asks whose key the request carries and whether it is good now.
func (a *API) check(r *http.Request, facts Facts, caller *Caller) error {
	key, err := credential(r.Header)
	if err == nil {
		*caller, err = a.gate.Authenticate(r.Context(), key, facts)
	}
	req := httpd.From(r.Context())
	if !caller.KeyID.IsNil() {
		req.Caller = []slog.Attr{slog.String("key", caller.PublicID)}
	}
	if err != nil {
		code := errs.CodeOf(err)
		a.keySeen(string(code))
		if code == errs.KeyUnknown {
			if wait := a.guesses.count(req.IP, a.db.Now()); wait > 0 {
				return errs.New(errs.TooManyGuesses, "Too many unknown keys came from this address. Wait %d seconds.", wait).With("retry_after", wait)
			}
		}
		return err
	}
	a.keySeen("ok")
	return nil
}

// credential reads the one Authorization header (RFC 6750 section 2.1; RFC 9110
// section 11.1: the scheme has no case). The bare key is accepted too. Whether it is
// a key at all is for the Gate to say.
func credential(h http.Header) (string, error) {
	lines := h.Values("Authorization")
	switch {
	case len(lines) > 1:
		return "", errs.New(errs.AuthorizationMalformed, "There are %d Authorization header lines; send exactly one.", len(lines))
	case len(lines) == 0 || lines[0] == "":
		return "", errs.New(errs.KeyMissing, "Send the header: Authorization: Bearer <key>. You make a key under Account Settings > API Access.")
	}
	v := lines[0]
	scheme, rest, more := strings.Cut(v, " ")
	switch {
	case more && strings.EqualFold(scheme, "Bearer"):
		return rest, nil
	case strings.EqualFold(v, "Bearer"), more && !strings.Contains(v, "lf_"):
		// Another scheme is no key at all (RFC 6750 section 3.1).
		return "", errs.New(errs.KeyMissing, "The Authorization header holds no API key. Send: Authorization: Bearer <key>. You make a key under Account Settings > API Access.")
	}
	return v, nil
}

// preflight answers a browser's question (Fetch standard, CORS protocol) for origins
// that a live key lists; for all others there is no CORS.
func (a *API) preflight(w http.ResponseWriter, r *http.Request, facts Facts) error {
	listed, err := a.gate.OriginListed(r.Context(), facts.Origin)
	if err != nil {
		return err
	}
	if !listed {
		return errs.New(errs.BrowserNotAllowed, "No API key of this instance lists this web origin.")
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", facts.Origin)
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Request-Id")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// acceptsJSON tells whether Accept lets JSON through, whichever of ours it is.
func acceptsJSON(lines []string) bool {
	return accepts(lines, "application/json", "application/problem+json", "application/openapi+json")
}

// accepts reads Accept (RFC 9110 section 12.5.1) as far as one answer type needs: is
// one of these names of it, or a range that holds them, not excluded?
func accepts(lines []string, names ...string) bool {
	if len(lines) == 0 || len(lines) == 1 && (lines[0] == names[0] || lines[0] == "*/*") { // nearly always
		return true
	}
	best, quality := -1, 1.0
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		family, _, _ := strings.Cut(names[0], "/")
		s := slices.Index([]string{"*/*", family + "/*"}, media)
		if slices.Contains(names, media) {
			s = 2
		}
		if s < 0 || s < best {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if _, err := fmt.Sscanf(text, "%g", &q); err != nil {
				q = 0
			}
		}
		if s > best {
			best, quality = s, q
		} else {
			quality = max(quality, q)
		}
	}
	return best >= 0 && quality > 0
}
