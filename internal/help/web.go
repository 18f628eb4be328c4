package help

import (
	"io"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// Routes adds the help centre to a mux.
func Routes(mux *http.ServeMux, site *web.Site) { routes(mux, site, library) }

func routes(mux *http.ServeMux, site *web.Site, l *Library) {
	p := &pages{site: site, library: l}
	site.Handle(mux, "GET /help", p.index)
	site.Handle(mux, "GET /help/{article}", p.article)
	site.Handle(mux, "GET /help/errors", p.errors)
	site.Handle(mux, "GET /help/errors/{code}", p.code)
	site.Handle(mux, "GET /llms.txt", p.llms)
}

type pages struct {
	site    *web.Site
	library *Library
}

const markdownType = "text/markdown; charset=utf-8"

// shell is the frame of every page here. It does not know who reads.
func shell(title string) web.PublicShell {
	return web.PublicShell{Title: title, Narrow: true, Links: []web.NavItem{{Label: "Help", Href: "/help", Active: true}, {Label: "Open Leadflip", Href: "/"}}}
}

func (p *pages) show(w http.ResponseWriter, r *http.Request, title string, body templ.Component) error {
	w.Header().Add("Vary", "Accept")
	return p.site.Write(w, r, http.StatusOK, framed(shell(title), body))
}

func plain(w http.ResponseWriter, contentType, text string) error {
	w.Header().Add("Vary", "Accept")
	w.Header().Set("Content-Type", contentType)
	_, err := io.WriteString(w, text)
	return err
}

func (p *pages) index(w http.ResponseWriter, r *http.Request) error {
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	return p.show(w, r, "Help", indexPage(p.library.categories(), query, p.library.Search(query)))
}

func (p *pages) article(w http.ResponseWriter, r *http.Request) error {
	slug, asText := strings.CutSuffix(r.PathValue("article"), ".md")
	return p.read(w, r, slug, asText)
}

func (p *pages) errors(w http.ResponseWriter, r *http.Request) error {
	return p.read(w, r, "errors", false)
}

func (p *pages) read(w http.ResponseWriter, r *http.Request, slug string, asText bool) error {
	a, ok := p.library.Find(slug)
	if !ok {
		return errs.NotFoundf("help article")
	}
	base := httpd.From(r.Context()).Base
	text := "# " + a.Title + "\n\n" + a.Markdown(base)
	if slug == "errors" {
		text += codesMarkdown(base)
	}
	if asText || wantsMarkdown(r) {
		return plain(w, markdownType, text)
	}
	return p.show(w, r, a.Title, articlePage(a, htmlOf(a.Markdown(base)), text, p.library.others(a)))
}

func (p *pages) code(w http.ResponseWriter, r *http.Request) error {
	name, asText := strings.CutSuffix(r.PathValue("code"), ".md")
	c := errs.Code(name)
	x, ok := errs.Explain(c)
	if !ok {
		return errs.NotFoundf("problem code")
	}
	problem, example, err := exampleOf(c, httpd.From(r.Context()).Base)
	if err != nil {
		return err
	}
	text := codeMarkdown(c, x, problem.Status, example)
	if asText || wantsMarkdown(r) {
		return plain(w, markdownType, text)
	}
	return p.show(w, r, x.Title, codePage(codeView{Code: c, Explanation: x, Status: problem.Status, Headers: headersOf(problem), Example: example, Text: text}))
}

// llms lists every page for programs that read (llmstxt.org).
func (p *pages) llms(w http.ResponseWriter, r *http.Request) error {
	base := httpd.From(r.Context()).Base
	return plain(w, "text/plain; charset=utf-8", p.library.index(base))
}

// wantsMarkdown tells whether the caller asked for Markdown before HTML.
func wantsMarkdown(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		switch media, _, _ := strings.Cut(strings.TrimSpace(part), ";"); strings.ToLower(strings.TrimSpace(media)) {
		case "text/markdown":
			return true
		case "text/html":
			return false
		}
	}
	return false
}
