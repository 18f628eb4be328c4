package entity

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// pages are the room's pages.
type pages struct {
	site *web.Site
	s    *Service
}

// Routes adds the pages of entities to mux. The request's context carries the
// principal.
func Routes(mux *http.ServeMux, site *web.Site, s *Service) {
	p := &pages{site, s}
	const list = "GET /app/{account}/{env}/entities"
	site.Handle(mux, list, p.list)
	site.Handle(mux, list+"/{entity}", p.entity)
}

// inside is the address of what belongs to the principal's environment.
func inside(who account.Principal) string {
	return "/app/" + url.PathEscape(who.Account.Slug) + "/" + url.PathEscape(who.Environment.Slug)
}

func (p *pages) list(w http.ResponseWriter, r *http.Request) error {
	who, _ := account.From(r.Context())
	entities, err := p.s.List(r.Context(), who)
	if err != nil {
		return err
	}
	return p.site.Render(w, r, web.Page{Title: "Entities", Active: "entities", Breadcrumb: []web.Crumb{{Label: "Entities"}}},
		listPage(inside(who), entities))
}

func (p *pages) entity(w http.ResponseWriter, r *http.Request) error {
	who, _ := account.From(r.Context())
	e, err := p.s.Get(r.Context(), who, r.PathValue("entity"))
	if err != nil {
		return err
	}
	base := inside(who)
	return p.site.Render(w, r, web.Page{Title: e.Name, Active: "entities", Breadcrumb: []web.Crumb{{Label: "Entities", Href: base + "/entities"}, {Label: e.Name}}},
		entityPage(base, e))
}

// count is a number with its noun: "1 field", "5 fields".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// properties says in words what is special about a field.
func properties(f *Field) string {
	var said []string
	if f.Required {
		said = append(said, "required")
	}
	if f.Default != nil {
		said = append(said, "default "+f.Show(f.Default))
	}
	if f.Min != nil {
		said = append(said, "at least "+string(*f.Min))
	}
	if f.Max != nil {
		said = append(said, "at most "+string(*f.Max))
	}
	if f.Step != nil {
		said = append(said, "in steps of "+string(*f.Step))
	}
	if f.MaxLength > 0 {
		said = append(said, "at most "+count(f.MaxLength, "character"))
	}
	if f.MaxSize > 0 {
		said = append(said, "at most "+count(f.MaxSize, "byte"))
	}
	if len(f.Types) > 0 {
		said = append(said, "one of: "+strings.Join(f.Types, ", "))
	}
	if len(f.Options) > 0 {
		said = append(said, optionLabels(f))
	}
	if f.Indexed {
		said = append(said, "indexed")
	}
	if f.MatchKey != nil {
		said = append(said, "match key "+strconv.Itoa(*f.MatchKey))
	}
	if f.Encrypted {
		said = append(said, "encrypted")
	}
	if len(said) == 0 {
		return "–"
	}
	return strings.Join(said, ", ")
}

func optionLabels(f *Field) string {
	var labels []string
	for _, o := range f.Options {
		if !o.Retired {
			labels = append(labels, o.Label)
		}
	}
	return "one of: " + strings.Join(labels, ", ")
}

// Tone shows a colour of the palette with the tones the design has.
func (c Color) Tone() web.Tone {
	switch c {
	case Blue, Teal:
		return web.Info
	case Green:
		return web.Good
	case Amber:
		return web.Warn
	case Red:
		return web.Bad
	case Gray:
		return web.Muted
	}
	return web.Neutral
}
