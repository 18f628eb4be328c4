package account

import (
	"net/http"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// encrypted keeps passwords and logins off connections that others can read, unless
// the operator allowed it.
func (p *pages) encrypted(h web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if web.Secure(r) || p.site.AllowPlain {
			return h(w, r)
		}
		if machine(r) {
			return errs.New(errs.HTTPSRequired, "This needs an encrypted connection.")
		}
		req := httpd.From(r.Context())
		req.Code = string(errs.HTTPSRequired)
		secure := ""
		if strings.HasPrefix(req.Base, "https://") {
			secure = req.Base + "/"
		}
		return p.site.Write(w, r, http.StatusForbidden, notEncryptedPage(secure))
	}
}

// home leads to the first place of a person.
func (p *pages) home(w http.ResponseWriter, r *http.Request) error {
	needed, err := p.s.SetupNeeded(r.Context())
	if err != nil {
		return err
	}
	if needed {
		return p.site.Write(w, r, http.StatusOK, setupNeededPage())
	}
	se, ok, err := p.session(r)
	if err != nil {
		return err
	}
	if !ok {
		return web.Redirect(w, r, loginAddress(r, ""))
	}
	places, err := p.s.Places(r.Context(), se.Person.ID)
	if err != nil {
		return err
	}
	if len(places) == 0 {
		return p.site.Write(w, r, http.StatusForbidden, nowherePage(se.Person))
	}
	first, err := p.s.firstPlace(r.Context(), places[0].Account)
	if err != nil {
		return err
	}
	return web.Redirect(w, r, Base(first)+"/leads")
}

// admitTo is admit for somebody who has just come into an account.
func (p *pages) admitTo(w http.ResponseWriter, r *http.Request, token string, a Account) error {
	first, err := p.s.firstPlace(r.Context(), a)
	if err != nil {
		return err
	}
	return p.admit(w, r, token, Base(first)+"/leads")
}

// admit gives the browser its new login in place of the one it may have had, and
// leads to a page.
func (p *pages) admit(w http.ResponseWriter, r *http.Request, token, path string) error {
	if old, ok, err := p.session(r); err == nil && ok {
		if err := p.s.Logout(r.Context(), old); err != nil {
			p.site.Log.Warn("a login that was replaced could not be ended", "error", err)
		}
	}
	web.SetSession(w, r, token)
	return web.Redirect(w, r, path)
}

// setup shows the form that makes the first account.
func (p *pages) setup(w http.ResponseWriter, r *http.Request) error {
	if err := p.setupOpen(r); err != nil {
		return err
	}
	return p.site.Write(w, r, http.StatusOK, setupPage(form{plain: !web.Secure(r)}))
}

// setupOpen refuses a setup that was done, which then no longer exists, and a link
// that is not good.
func (p *pages) setupOpen(r *http.Request) error {
	needed, err := p.s.SetupNeeded(r.Context())
	if err != nil {
		return err
	}
	if !needed {
		return errs.NotFoundf("page")
	}
	return p.s.SetupLinkGood(r.Context(), r.PathValue("token"))
}

func (p *pages) setUp(w http.ResponseWriter, r *http.Request) error {
	if err := p.setupOpen(r); err != nil {
		return err
	}
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	in := NewAccount{Email: f.value("email"), Name: f.value("name"), Password: f.value("password"), Account: f.value("account")}
	made, token, err := p.s.Setup(r.Context(), r.PathValue("token"), false, in, originOf(r))
	if errs.CodeOf(err) == errs.Conflict { // somebody else was faster
		return err
	}
	if err != nil {
		again, status, ok := f.back(w, r, err)
		if !ok {
			return err
		}
		return p.site.Write(w, r, status, setupPage(again))
	}
	return p.admitTo(w, r, token, made)
}

// login shows the login form.
func (p *pages) login(w http.ResponseWriter, r *http.Request) error {
	next := web.SafePath(r.URL.Query().Get("next"), "")
	if _, ok, err := p.session(r); err != nil {
		return err
	} else if ok {
		return web.Redirect(w, r, orHome(next))
	}
	if needed, err := p.s.SetupNeeded(r.Context()); err != nil {
		return err
	} else if needed {
		return web.Redirect(w, r, "/")
	}
	f := form{plain: !web.Secure(r)}
	if r.URL.Query().Get("cookie") == "lost" {
		f.text = "Your browser did not keep the login. Please allow cookies for this address. Some versions of Safari keep none for http on this computer; use another browser or HTTPS."
	}
	return p.site.Write(w, r, http.StatusOK, loginPage(f, next, noticeOf(r)))
}

func orHome(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

func (p *pages) logIn(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	next := web.SafePath(f.value("next"), "")
	token, err := p.s.Login(r.Context(), f.value("email"), f.value("password"), originOf(r))
	if err != nil {
		again, status, ok := f.back(w, r, err)
		if !ok {
			return err
		}
		return p.site.Write(w, r, status, loginPage(again, next, ""))
	}
	return p.admit(w, r, token, orHome(next))
}

func (p *pages) logout(w http.ResponseWriter, r *http.Request) error {
	se, ok, err := p.session(r)
	if err != nil {
		return err
	}
	if ok {
		if err := p.s.Logout(r.Context(), se); err != nil {
			return err
		}
	}
	web.ClearSession(w, r)
	return web.Redirect(w, r, "/login")
}

// invitation shows what somebody is invited to.
func (p *pages) invitation(w http.ResponseWriter, r *http.Request) error {
	in, err := p.s.Invitation(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	return p.site.Write(w, r, http.StatusOK, invitationPage(form{plain: !web.Secure(r)}, in))
}

func (p *pages) join(w http.ResponseWriter, r *http.Request) error {
	in, err := p.s.Invitation(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	joined, token, err := p.s.Join(r.Context(), r.PathValue("token"), f.value("name"), f.value("password"), originOf(r))
	if err != nil {
		again, status, ok := f.back(w, r, err)
		if !ok {
			return err
		}
		return p.site.Write(w, r, status, invitationPage(again, in))
	}
	return p.admitTo(w, r, token, joined)
}

// reset shows the form for a new password.
func (p *pages) reset(w http.ResponseWriter, r *http.Request) error {
	if err := p.s.ResetLinkGood(r.Context(), r.PathValue("token")); err != nil {
		return err
	}
	return p.site.Write(w, r, http.StatusOK, resetPage(form{plain: !web.Secure(r)}))
}

func (p *pages) setPassword(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err := p.s.Reset(r.Context(), r.PathValue("token"), f.value("password"), originOf(r)); err != nil {
		again, status, ok := f.back(w, r, err)
		if !ok {
			return err
		}
		return p.site.Write(w, r, status, resetPage(again))
	}
	web.ClearSession(w, r)
	return web.Redirect(w, r, "/login?done=reset")
}
