package account

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// Guard stands before everything under /app/: it lets in who is logged in and a
// member of the account in the path, with the Principal and the Session in the
// context. What somebody may not enter is answered like something missing.
func Guard(site *web.Site, s *Service, next http.Handler) http.Handler {
	p := &pages{site: site, s: s}
	enter := p.encrypted(func(w http.ResponseWriter, r *http.Request) error {
		se, ok, err := p.session(r)
		if err != nil {
			return err
		}
		if !ok {
			return loggedOut(w, r)
		}
		account, environment, _, ok := placeIn(r.URL)
		if !ok {
			return errs.NotFoundf("page")
		}
		who, err := s.Enter(r.Context(), se.Person, account, environment, originOf(r))
		if err != nil {
			return err
		}
		httpd.From(r.Context()).Caller = []slog.Attr{slog.String("person", se.Person.ID.String()), slog.String("account", who.Account.Slug), slog.String("environment", who.Environment.Slug)}
		if showsLife(r) {
			s.later(r.Context(), "session seen", func(ctx context.Context) error { return s.Seen(ctx, se) })
		}
		next.ServeHTTP(w, r.WithContext(withSession(With(r.Context(), who), se)))
		return nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := enter(w, r); err != nil {
			site.Error(w, r, err)
		}
	})
}

// showsLife tells whether a request is something a person does, which keeps a login
// from ending for idleness: sending a form and opening a page. What an open tab does
// by itself (the event stream, polls, refreshed fragments, prefetching) does not
// count, or a forgotten tab would stay logged in for a month.
//
// Noting it is the one thing a GET leads to that is written. It is no effect of the
// request but a note about its use, like the audit log's and the counters of keys:
// at most once a minute, after the answer, and the answer does not depend on it. To
// leave it to POSTs would log out everybody who only reads for a week.
func showsLife(r *http.Request) bool {
	if r.Method == http.MethodPost {
		return true
	}
	mode := r.Header.Get("Sec-Fetch-Mode")
	return r.Method == http.MethodGet && !fragment(r) && !machine(r) && (mode == "" || mode == "navigate") && r.Header.Get("Sec-Purpose") == ""
}

// fragment tells that a script of ours asks for a part of a page.
func fragment(r *http.Request) bool { return r.Header.Get("HX-Request") != "" }

// machine tells that a script of ours asks for data: the event stream or its poll.
func machine(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	_, _, rest, _ := placeIn(r.URL)
	return rest == "stream" || rest == "stream/poll" || strings.Contains(accept, "text/event-stream") || strings.HasPrefix(accept, "application/json")
}

// session returns the live session of a request.
func (p *pages) session(r *http.Request) (Session, bool, error) {
	token := web.SessionToken(r)
	if token == "" {
		return Session{}, false, nil
	}
	return p.s.Session(r.Context(), token)
}

// placeIn reads account and environment from the path as it was sent, so that an
// encoded slash cannot move the borders of the segments.
func placeIn(u *url.URL) (account, environment, rest string, ok bool) {
	parts := strings.SplitN(u.EscapedPath(), "/", 5)
	if len(parts) < 4 || parts[0] != "" || parts[1] != "app" {
		return "", "", "", false
	}
	return parts[2], parts[3], strings.Join(parts[4:], ""), true
}

// loggedOut sends a person to the login, and back afterwards. Scripts get a plain 401
// and stop asking.
func loggedOut(w http.ResponseWriter, r *http.Request) error {
	if machine(r) {
		http.Error(w, "You are not logged in.", http.StatusUnauthorized)
		return nil
	}
	return web.Redirect(w, r, loginAddress(r, wayBack(r)))
}

// loginAddress is the login page that leads back to a page of ours.
func loginAddress(r *http.Request, back string) string {
	q := url.Values{}
	if back != "" {
		q.Set("next", back)
	}
	if cookieLost(r) {
		q.Set("cookie", "lost")
	}
	if len(q) == 0 {
		return "/login"
	}
	return "/login?" + q.Encode()
}

// cookieLost tells that a browser comes straight from a login that succeeded, and
// does not bring its cookie. Without a word the person would see the login again and
// again: with cookies switched off, and in browsers that keep no secure cookie for
// http on loopback (Safari did not until 2026).
func cookieLost(r *http.Request) bool {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host || r.Method != http.MethodGet || fragment(r) {
		return false
	}
	return u.Path == "/login" || r.URL.Path != "/" && (strings.HasPrefix(u.Path, "/setup/") || strings.HasPrefix(u.Path, "/invite/"))
}

// wayBack is the page to return to after the login: the one asked for, or for a form
// or a fragment the one it stands on.
func wayBack(r *http.Request) string {
	if r.Method == http.MethodGet && !fragment(r) {
		return web.SafePath(r.URL.RequestURI(), "")
	}
	page := r.Header.Get("HX-Current-URL")
	if page == "" {
		page = r.Referer()
	}
	u, err := url.Parse(page)
	if err != nil || u.Host != r.Host {
		return ""
	}
	return web.SafePath(u.RequestURI(), "")
}

// sessionBox holds the session of a request, so that a proof given during it counts
// until its end.
type sessionBox struct{ session Session }

type sessionKey struct{}

func withSession(ctx context.Context, se Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, &sessionBox{se})
}

func boxFrom(ctx context.Context) *sessionBox {
	box, _ := ctx.Value(sessionKey{}).(*sessionBox)
	return box
}

// SessionFrom returns the session of a request that came through Guard.
func SessionFrom(ctx context.Context) (Session, bool) {
	box := boxFrom(ctx)
	if box == nil {
		return Session{}, false
	}
	return box.session, true
}

// NeedsProof tells whether a form of this request has to ask for the password,
// because the person last showed more than 15 minutes ago who they are.
func NeedsProof(ctx context.Context, s *Service) bool {
	se, ok := SessionFrom(ctx)
	return !ok || !se.Proven(s.db.Now())
}

// ProveFromForm checks the password of a form when the last proof is too old. Its
// errors belong beside the field "password" (see ProofField).
func ProveFromForm(r *http.Request, s *Service) error {
	if !NeedsProof(r.Context(), s) {
		return nil
	}
	box := boxFrom(r.Context())
	if box == nil {
		return errs.New(errs.StepUpRequired, "Please log in and repeat the step.")
	}
	password := r.PostFormValue("password")
	if password == "" {
		e := errs.New(errs.StepUpRequired, "Please enter your password to confirm that it is you.")
		e.Fields = []errs.Field{{Pointer: "/password", Code: "required", Detail: e.Detail}}
		return e
	}
	if err := s.Prove(r.Context(), box.session, password, originOf(r)); err != nil {
		return err
	}
	box.session.ProofAt = s.db.Now()
	return nil
}
