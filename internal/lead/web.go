package lead

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/page"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// pages are the room's pages.
type pages struct {
	site *web.Site
	s    *Service
}

// Routes adds the pages of leads to mux. The request's context carries the principal.
func Routes(mux *http.ServeMux, site *web.Site, s *Service) {
	p := &pages{site, s}
	const list = "GET /app/{account}/{env}/leads"
	site.Handle(mux, list, p.first)
	site.Handle(mux, list+"/{entity}", p.list)
	site.Handle(mux, list+"/{entity}/rows", p.rows)
	site.Handle(mux, list+"/{entity}/{id}", p.lead)
}

func principal(r *http.Request) account.Principal {
	who, _ := account.From(r.Context())
	return who
}

// inside is the address of what belongs to the principal's environment.
func inside(who account.Principal) string {
	return "/app/" + url.PathEscape(who.Account.Slug) + "/" + url.PathEscape(who.Environment.Slug)
}

// first leads to the leads of the oldest entity.
func (p *pages) first(w http.ResponseWriter, r *http.Request) error {
	who := principal(r)
	entities, err := p.s.entities.Definitions(r.Context(), who.Account.ID)
	if err != nil {
		return err
	}
	if len(entities) == 0 {
		return errs.New(errs.NotFound, "This account has no entity yet, so it has no leads.")
	}
	return web.Redirect(w, r, inside(who)+"/leads/"+entities[0].Slug)
}

func (p *pages) list(w http.ResponseWriter, r *http.Request) error {
	v, err := p.listView(r)
	if err != nil {
		return err
	}
	if v.Cursor == "" { // from here on, what is newer is new to the reader
		v.Top = "none"
		if len(v.Rows) > 0 {
			v.Top = v.Rows[0].ID
		}
	}
	return p.site.Render(w, r, web.Page{
		Title: v.Entity.Name, Active: "leads/" + v.Entity.Slug,
	}, listPage(v))
}

// rows is the live part of the list.
func (p *pages) rows(w http.ResponseWriter, r *http.Request) error {
	v, err := p.listView(r)
	if err != nil {
		return err
	}
	return p.site.Write(w, r, http.StatusOK, leadRows(v))
}

// listView reads the page that the address asks for.
func (p *pages) listView(r *http.Request) (listView, error) {
	who, q := principal(r), r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil || limit < 1 || limit > page.MaxLimit {
		limit = page.DefaultLimit
	}
	found, err := p.s.List(r.Context(), who, Query{Entity: r.PathValue("entity"), Limit: limit, Cursor: q.Get("cursor")})
	if errs.CodeOf(err) == errs.ValidationFailed { // a path, not a parameter: it does not exist
		return listView{}, errs.NotFoundf("entity")
	}
	if err != nil {
		return listView{}, err
	}
	return newListView(who, found, viewOptions{
		Limit: limit, Cursor: q.Get("cursor"), Top: q.Get("top"), Host: httpd.From(r.Context()).Base, Now: p.s.db.Now(),
	}), nil
}

func (p *pages) lead(w http.ResponseWriter, r *http.Request) error {
	who := principal(r)
	leadID, err := id.Parse(r.PathValue("id"))
	if err != nil {
		return notFound()
	}
	f, err := p.s.Get(r.Context(), who, leadID)
	if err != nil {
		return err
	}
	if f.Entity.Slug != r.PathValue("entity") {
		return notFound()
	}
	notes, err := p.s.Notes(r.Context(), who, leadID)
	if err != nil {
		return err
	}
	events, err := p.s.Timeline(r.Context(), who, leadID)
	if err != nil {
		return err
	}
	v := newLeadView(who, f, notes, events, p.s.db.Now())
	return p.site.Render(w, r, web.Page{
		Title: clip(v.Title, cellMax), Active: "leads/" + f.Entity.Slug, Breadcrumb: []web.Crumb{{Label: f.Entity.Name, Href: v.ListHref}, {Label: clip(v.Title, crumbMax)}},
	}, leadPage(v))
}
