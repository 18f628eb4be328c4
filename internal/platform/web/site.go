package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// Site turns what a room returns into answers for a browser: whole pages in the
// application frame, fragments, redirects, and errors as pages.
type Site struct {
	Log *slog.Logger

	// Shell makes the frame of a logged-in person's page from the request. Render
	// completes it with what the Page says.
	Shell func(r *http.Request, active string) (Shell, error)

	// AllowPlain is the operator's leave to log in where the connection is neither
	// HTTPS nor loopback, so that others can read it.
	AllowPlain bool
}

// Page is what a room says of a page in the application frame.
type Page struct {
	Title      string
	Active     string // the sidebar item it belongs to: leads/<slug>, settings, help
	Breadcrumb []Crumb
	Narrow     bool
}

// Handler answers a request or returns an error, which becomes a page.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Handle adds a page to mux.
func (p *Site) Handle(mux *http.ServeMux, pattern string, h Handler) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		httpd.From(r.Context()).Route = pattern
		if err := h(w, r); err != nil {
			p.Error(w, r, err)
		}
	})
}

// Render answers with a page in the application frame.
func (p *Site) Render(w http.ResponseWriter, r *http.Request, page Page, body templ.Component) error {
	return p.RenderStatus(w, r, http.StatusOK, page, body)
}

// RenderStatus is Render with another status, for forms that come back with
// corrections (422).
func (p *Site) RenderStatus(w http.ResponseWriter, r *http.Request, status int, page Page, body templ.Component) error {
	shell, err := p.Shell(r, page.Active)
	if err != nil {
		return err
	}
	shell.Title, shell.Breadcrumb, shell.Narrow = page.Title, page.Breadcrumb, page.Narrow
	return p.Write(w, r, status, templ.ComponentFunc(func(ctx context.Context, out io.Writer) error {
		return App(shell).Render(templ.WithChildren(ctx, body), out)
	}))
}

// Write answers with a component as it is: a page without the application frame, or
// a fragment for htmx. It is rendered whole before the first byte goes out, so that
// a fault in the middle becomes an error page and not half a page.
func (p *Site) Write(w http.ResponseWriter, r *http.Request, status int, c templ.Component) error {
	var buf bytes.Buffer
	if err := c.Render(r.Context(), &buf); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write(buf.Bytes())
	if err != nil {
		p.Log.Debug("a page could not be sent", "error", err)
	}
	return nil
}

// Redirect sends the browser to another page of ours after a form was carried out.
func Redirect(w http.ResponseWriter, r *http.Request, path string) error {
	if r.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Redirect", path)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// Error answers with a page that says what happened and what to do.
func (p *Site) Error(w http.ResponseWriter, r *http.Request, err error) {
	e := errs.As(err)
	x, ok := errs.Explain(e.Code)
	if !ok {
		x, _ = errs.Explain(errs.Internal)
	}
	status := httpd.Status(e.Code)
	req := httpd.From(r.Context())
	req.Code = string(e.Code)
	if status >= 500 {
		req.Err = err
		if r.Context().Err() != nil { // the browser went away; that is mostly why
			return
		}
	}
	if werr := p.Write(w, r, status, ErrorPage(status, x.Title, e.Detail, req.ID)); werr != nil {
		p.Log.Error("the error page could not be made", "error", werr)
		http.Error(w, x.Title, status)
	}
}

// Protect is the outside of everything that reads the session cookie: it refuses
// writes that another site started, and gives each answer its content security
// policy with a nonce of its own.
func (p *Site) Protect(next http.Handler) http.Handler {
	var origins http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nonce := newNonce()
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "+
			"worker-src 'self'; manifest-src 'self'; form-action 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("Vary", "Cookie")
		if !Secure(r) {
			// Browsers ignore it there, and complain on every page.
			w.Header().Del("Cross-Origin-Opener-Policy")
		}
		r = r.WithContext(templ.WithNonce(r.Context(), nonce))
		if err := origins.Check(r); err != nil || !sameScheme(r) {
			p.Error(w, r, errs.New(errs.CrossOrigin, "This request came from another site, so nothing was changed. Open Leadflip itself and repeat the step there."))
			return
		}
		if !httpd.Clean(r.URL.Path) {
			p.Error(w, r, errs.NotFoundf("page"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sameScheme closes what the standard check leaves open: a page of the same host over
// plain HTTP must not write over HTTPS.
func sameScheme(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	scheme := "http"
	if httpd.From(r.Context()).HTTPS {
		scheme = "https"
	}
	return strings.HasPrefix(origin, scheme+"://")
}

func newNonce() string {
	b := make([]byte, 18)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// SafePath returns path when it is an address of this instance, and fallback for
// everything a browser could read as another site. It must survive two parsers.
func SafePath(path, fallback string) string {
	if path == "" || path[0] != '/' || len(path) > 2048 || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t\x00") {
		return fallback
	}
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || u.Opaque != "" {
		return fallback
	}
	for _, decoded := range []string{u.Path, strings.ToLower(u.EscapedPath())} {
		if strings.HasPrefix(decoded, "//") || strings.Contains(decoded, "\\") || strings.Contains(decoded, "%2f%2f") || strings.Contains(decoded, "%5c") || !httpd.Clean(decoded) {
			return fallback
		}
	}
	for _, c := range []byte(u.Path) {
		if c < 0x20 || c == 0x7f {
			return fallback
		}
	}
	return u.RequestURI()
}

// FieldErrors are the wrong values of a form by the name of their field, for showing
// them beside it. form is the text about the whole form, "" when there is none.
func FieldErrors(err error) (byField map[string]string, form string) {
	byField = map[string]string{}
	if err == nil {
		return byField, ""
	}
	e := errs.As(err)
	for _, f := range e.Fields {
		// A member of a list belongs to the list's field: /scopes/2 to scopes.
		name, _, _ := strings.Cut(strings.TrimPrefix(f.Pointer, "/"), "/")
		if name == "" {
			name = f.Parameter
		}
		if byField[name] == "" {
			byField[name] = f.Detail
		}
	}
	if len(e.Fields) == 0 {
		form = e.Detail
	}
	return byField, form
}

// Correctable tells whether an error belongs back on the form it came from, with what
// was typed, rather than on a page of its own.
func Correctable(err error) bool {
	x, ok := errs.Explain(errs.CodeOf(err))
	if !ok {
		return false
	}
	switch x.Kind {
	case errs.KindInvalid, errs.KindConflict, errs.KindForbidden, errs.KindTooMany, errs.KindUnauthenticated, errs.KindUnavailable, errs.KindStorageFull:
		return true
	}
	return false
}
