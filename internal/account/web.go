package account

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// maxForm bounds the body of this room's forms.
const maxForm = 64 << 10

// Routes adds the doors (setup, login, invitations, resets) and this room's pages of
// Account Settings. The latter need Guard around them.
func Routes(mux *http.ServeMux, site *web.Site, s *Service) {
	p := &pages{site: site, s: s}
	door := func(pattern string, h web.Handler) { site.Handle(mux, pattern, p.encrypted(h)) }
	door("GET /{$}", p.home)
	door("GET /setup/{token}", p.setup)
	door("POST /setup/{token}", p.setUp)
	door("GET /login", p.login)
	door("POST /login", p.logIn)
	door("GET /invite/{token}", p.invitation)
	door("POST /invite/{token}", p.join)
	door("GET /reset/{token}", p.reset)
	door("POST /reset/{token}", p.setPassword)
	site.Handle(mux, "POST /logout", p.logout)

	inside := func(method, path string, h insideHandler) {
		site.Handle(mux, method+" /app/{account}/{env}/settings"+path, p.inside(h))
	}
	inside("GET", "", p.settings)
	inside("GET", "/general", p.general)
	inside("POST", "/general", p.saveGeneral)
	inside("GET", "/members", p.members)
	inside("POST", "/members", p.invite)
	inside("POST", "/members/withdraw", p.withdraw)
	for _, c := range memberChanges {
		inside("GET", "/members/{person}/"+c.path, p.showChange(c))
		inside("POST", "/members/{person}/"+c.path, p.carryOut(c))
	}
	inside("GET", "/environments", p.environments)
	inside("POST", "/environments", p.addEnvironment)
	inside("POST", "/environments/{environment}", p.renameEnvironment)
	inside("GET", "/security", p.security)
	inside("POST", "/security/password", p.changePassword)
	inside("POST", "/security/end", p.endSessions)
	inside("GET", "/audit", p.audit)
}

// pages are the handlers of this room.
type pages struct {
	site *web.Site
	s    *Service
}

// visit is who asks, inside the guard.
type visit struct {
	who     Principal
	session Session
}

func (v visit) settings(path string) string { return Base(v.who) + "/settings/" + path }

// insideHandler is a web.Handler that knows the visitor.
type insideHandler func(http.ResponseWriter, *http.Request, visit) error

// inside gives a handler the visitor. Without the guard around it there is none, and
// then there is no page either.
func (p *pages) inside(h insideHandler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		who, known := From(r.Context())
		se, loggedIn := SessionFrom(r.Context())
		if !known || !loggedIn || who.Person == nil || who.Person.ID != se.Person.ID {
			return errs.NotFoundf("page")
		}
		return h(w, r, visit{who, se})
	}
}

// form is a form as it was sent and what is wrong with it.
type form struct {
	values  url.Values
	problem map[string]string // by the name of the field
	text    string            // about the whole form
	proof   bool              // ask for the password
	plain   bool              // the connection can be read by others
	nonce   string
}

// readForm reads what was sent. The caller bounds nothing: no form of this room is
// large.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return form{}, errs.New(errs.InvalidForm, "The form could not be read. Go back and send it again.").Because(err)
	}
	return form{values: r.PostForm, nonce: r.PostForm.Get("nonce"), plain: !web.Secure(r)}, nil
}

func (f form) value(name string) string { return f.values.Get(name) }

// or is a field's value, and other on a form that was not sent yet.
func (f form) or(name, other string) string {
	if f.values == nil {
		return other
	}
	return f.value(name)
}

// field completes a field with what was typed and what is wrong with it.
func (f form) field(w web.Field) web.Field {
	w.Value = f.or(w.Name, w.Value)
	w.Error = f.problem[w.Name]
	return w
}

// secret completes a password field, whose value never comes back.
func (f form) secret(w web.Field) web.Field {
	w.Error = f.problem[w.Name]
	return w
}

// wrong lists the fields to correct in the order of the form.
func (f form) wrong(names ...string) []web.FieldError {
	var list []web.FieldError
	for _, n := range names {
		if f.problem[n] != "" {
			list = append(list, web.FieldError{ID: n, Message: f.problem[n]})
		}
	}
	return list
}

// title tells in the browser's tab that the form came back.
func (f form) title(text string) string {
	if len(f.problem) > 0 || f.text != "" {
		return "Error: " + text
	}
	return text
}

// back prepares a form that has to be corrected for being shown again. ok is false
// for errors that have a page of their own.
func (f form) back(w http.ResponseWriter, r *http.Request, err error) (again form, status int, ok bool) {
	code := errs.CodeOf(err)
	if !web.Correctable(err) || code == errs.NotAllowed || code == errs.CrossOrigin {
		return f, 0, false
	}
	f.problem, f.text = web.FieldErrors(err)
	httpd.From(r.Context()).Code = string(code)
	status = http.StatusUnprocessableEntity
	switch x, _ := errs.Explain(code); x.Kind {
	case errs.KindTooMany, errs.KindUnavailable, errs.KindStorageFull:
		status = httpd.Status(code)
		if seconds, ok := errs.As(err).Meta["retry_after"].(int); ok {
			w.Header().Set("Retry-After", strconv.Itoa(seconds))
		}
	}
	return f, status, true
}

// originOf is where a request comes from.
func originOf(r *http.Request) Origin {
	req := httpd.From(r.Context())
	return Origin{IP: req.IP, UserAgent: req.UserAgent, RequestID: req.ID, Plain: !web.Secure(r)}
}

// notices are what a page says after a form was carried out, by the word in its
// address.
var notices = map[string]string{
	"saved":       "Saved.",
	"role":        "The role was changed.",
	"suspended":   "The member was suspended. Their logins and API keys do not work here any more.",
	"readmitted":  "The member has access again.",
	"withdrawn":   "The invitation was withdrawn. Its link does not work any more.",
	"environment": "The environment was added.",
	"renamed":     "The environment was renamed.",
	"ended":       "That login was ended.",
	"others":      "All other logins were ended.",
	"password":    "Your password was changed, and all your other logins were ended.",
	"reset":       "Your password was changed. Log in with the new one.",
}

func noticeOf(r *http.Request) string { return notices[r.URL.Query().Get("done")] }
