package apikey

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// EntityNames lists the entities of the principal's account.
type EntityNames func(ctx context.Context, who account.Principal) ([]EntityName, error)

// pages are the room's pages.
type pages struct {
	site     *web.Site
	s        *Service
	a        *account.Service
	entities EntityNames
}

// The patterns of the pages that the code refers to.
const (
	listPattern   = "/app/{account}/{env}/settings/api-access"
	newPattern    = "POST " + listPattern + "/new"
	rotatePattern = "POST " + listPattern + "/{id}/rotate"
)

// Routes adds the pages of API Access to mux. The request's context carries the
// principal.
func Routes(mux *http.ServeMux, site *web.Site, s *Service, a *account.Service, entities EntityNames) {
	p := &pages{site, s, a, entities}
	for _, route := range []struct {
		pattern string
		handle  web.Handler
	}{
		{"GET " + listPattern, p.list},
		{"GET " + listPattern + "/rows", p.rows},
		{"GET " + listPattern + "/new", p.newForm},
		{newPattern, p.create},
		{"POST " + listPattern + "/bulk", p.bulk},
		{"GET " + listPattern + "/{id}", p.key},
		{"GET " + listPattern + "/{id}/use", p.use},
		{"GET " + listPattern + "/{id}/usage.csv", p.usageCSV},
		{"GET " + listPattern + "/{id}/edit", p.editForm},
		{"POST " + listPattern + "/{id}/edit", p.edit},
		{"GET " + listPattern + "/{id}/rotate", p.rotateForm},
		{rotatePattern, p.rotate},
		{"GET " + listPattern + "/{id}/revoke", p.revokeForm},
		{"POST " + listPattern + "/{id}/revoke", p.revoke},
		{"POST " + listPattern + "/{id}/disable", p.disable},
		{"POST " + listPattern + "/{id}/enable", p.enable},
	} {
		handle := route.handle
		if strings.HasPrefix(route.pattern, "POST ") {
			handle = bounded(handle)
		}
		site.Handle(mux, route.pattern, handle)
	}
}

// maxForm bounds the body of this room's forms; the largest names every key of a list.
const maxForm = 256 << 10

// bounded reads the form before its handler runs, so that no handler meets a half one.
func bounded(next web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			return errs.New(errs.InvalidForm, "The form could not be read. Go back and send it again.").Because(err)
		}
		return next(w, r)
	}
}

// comesBack prepares the answer to a form that has to be corrected, and returns its
// status. ok is false for errors that have a page of their own.
func comesBack(w http.ResponseWriter, r *http.Request, err error) (status int, ok bool) {
	code := errs.CodeOf(err)
	if !web.Correctable(err) || code == errs.NotAllowed {
		return 0, false
	}
	httpd.From(r.Context()).Code = string(code)
	switch x, _ := errs.Explain(code); x.Kind {
	case errs.KindTooMany, errs.KindUnavailable, errs.KindStorageFull:
		if seconds, ok := errs.As(err).Meta["retry_after"].(int); ok {
			w.Header().Set("Retry-After", strconv.Itoa(seconds))
		}
		return httpd.Status(code), true
	}
	return http.StatusUnprocessableEntity, true
}

// place is where a page stands and who looks at it.
type place struct {
	who account.Principal
	now time.Time
	may bool // may change keys
}

func (p *pages) here(r *http.Request) place {
	who := principal(r.Context())
	return place{who: who, now: p.s.db.Now(), may: mayWrite(who) == nil}
}

// list is the address of the list.
func (at place) list() string { return listOf(at.who) }

func listOf(who account.Principal) string { return account.Base(who) + "/settings/api-access" }

// key is the address of a key's page.
func (at place) key(k id.ID) string { return at.list() + "/" + k.String() }

// row is the address of a key's row in the list, where the focus returns to.
func (at place) row(k id.ID) string { return at.list() + "#" + rowID(k) }

func rowID(k id.ID) string { return "key-" + k.String() }

// in is the same person in another environment of the account.
func (at place) in(e account.Environment) place {
	at.who.Environment = e
	return at
}

// tabs is the bar of Account Settings.
func (at place) tabs() []web.Tab { return account.SettingsTabs(at.who, "api-access") }

// render answers with a page of this room. below names the steps under the list.
func (p *pages) render(w http.ResponseWriter, r *http.Request, at place, status int, title string, below []web.Crumb, body templ.Component) error {
	page := web.Page{Title: title, Active: "settings"}
	if below != nil {
		page.Breadcrumb = append([]web.Crumb{{Label: "API Access", Href: at.list()}}, below...)
	}
	return p.site.RenderStatus(w, r, status, page, body)
}

// pathID reads the id in a path; anything that is none names no key.
func pathID(r *http.Request) (id.ID, error) {
	key, err := id.Parse(r.PathValue("id"))
	if err != nil {
		return id.Nil, errs.NotFoundf("API key")
	}
	return key, nil
}

// ownRow reads the key of a path for somebody who may change it.
func (p *pages) ownRow(r *http.Request, at place) (Row, error) {
	if err := mayWrite(at.who); err != nil {
		return Row{}, err
	}
	key, err := pathID(r)
	if err != nil {
		return Row{}, err
	}
	return p.s.RowOf(r.Context(), at.who, key)
}

// back is where a form that was carried out leads: the page it says, with word of
// what was done, or the list.
func (at place) back(r *http.Request, done string, k id.ID) string {
	target := web.SafePath(r.PostFormValue("back"), at.list())
	if target != at.list() && !strings.HasPrefix(target, at.list()+"/") && !strings.HasPrefix(target, at.list()+"?") {
		target = at.list()
	}
	u, err := url.Parse(target)
	if err != nil {
		u = &url.URL{Path: at.list()}
	}
	q := u.Query()
	q.Set("done", done)
	q.Set("key", k.String())
	u.RawQuery, u.Fragment = q.Encode(), ""
	return u.String()
}

// nonceBytes is how much chance is in the nonce of a form that reveals a secret.
const nonceBytes = 16

func newNonce() string {
	b := make([]byte, nonceBytes)
	_, _ = rand.Read(b) // never fails (crypto/rand ends the program instead)
	return hex.EncodeToString(b)
}

// typed is what somebody filled in, to tell one sending of a form from another.
func typed(form url.Values) string {
	rest := url.Values{}
	for name, values := range form {
		if name != "nonce" && name != "password" {
			rest[name] = values
		}
	}
	return rest.Encode()
}

// addressOf is the caller's address in words, "" when it is not known.
func addressOf(r *http.Request) string { return addrText(httpd.From(r.Context()).IP) }
