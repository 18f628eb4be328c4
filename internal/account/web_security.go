package account

import (
	"net/http"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// passwordHelp says the rules for a new password before they are broken.
const passwordHelp = "At least 15 characters. A few unrelated words are easy to remember."

func (p *pages) security(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.showSecurity(w, r, v, http.StatusOK, form{})
}

func (p *pages) showSecurity(w http.ResponseWriter, r *http.Request, v visit, status int, f form) error {
	sessions, err := p.s.Sessions(r.Context(), v.who.Person.ID)
	if err != nil {
		return err
	}
	view := securityView{visit: v, notice: noticeOf(r), sessions: sessions, password: f, now: p.s.db.Now()}
	return p.site.RenderStatus(w, r, status, settingsPage(v, f.title("Security")), securityPage(view))
}

func (p *pages) changePassword(w http.ResponseWriter, r *http.Request, v visit) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err := p.s.ChangePassword(r.Context(), v.session, f.value("password"), f.value("new_password"), originOf(r)); err != nil {
		again, status, ok := f.back(w, r, err)
		if !ok {
			return err
		}
		return p.showSecurity(w, r, v, status, again)
	}
	return web.Redirect(w, r, v.settings("security")+"?done=password")
}

// endSessions ends one login of the visitor, or all others.
func (p *pages) endSessions(w http.ResponseWriter, r *http.Request, v visit) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	which, done := id.Nil, "others"
	if text := f.value("session"); text != "others" {
		if which, err = id.Parse(text); err != nil || which.IsNil() {
			return errs.NotFoundf("login")
		}
		done = "ended"
	}
	if err := p.s.EndSession(r.Context(), v.session, which); err != nil {
		return err
	}
	if which == v.session.ID {
		web.ClearSession(w, r)
		return web.Redirect(w, r, "/login")
	}
	return web.Redirect(w, r, v.settings("security")+"?done="+done)
}

// named pairs a mark in a user agent with what people call it. The first that fits
// counts, because most programs also name the ones they resemble.
type named struct{ mark, name string }

var browsers = []named{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"},
	{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
}

var systems = []named{
	{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
}

// device says in words what a user agent claims to be.
func device(userAgent string) string {
	find := func(list []named) string {
		for _, n := range list {
			if strings.Contains(userAgent, n.mark) {
				return n.name
			}
		}
		return ""
	}
	browser, system := find(browsers), find(systems)
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser != "" || system != "":
		return browser + system
	}
	return "Unknown device"
}
