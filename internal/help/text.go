package help

import (
	"fmt"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// category is a heading of the help centre with what stands under it.
type category struct {
	Name     string
	Articles []Article
}

func (l *Library) categories() []category {
	var out []category
	at := map[string]int{}
	for _, a := range l.articles {
		i, ok := at[a.Category]
		if !ok {
			i = len(out)
			at[a.Category] = i
			out = append(out, category{Name: a.Category})
		}
		out[i].Articles = append(out[i].Articles, a)
	}
	return out
}

// others are what to read next: the rest of the category.
func (l *Library) others(a Article) []Article {
	var out []Article
	for _, o := range l.articles {
		if o.Category == a.Category && o.Slug != a.Slug {
			out = append(out, o)
		}
	}
	return out
}

// index is llms.txt.
func (l *Library) index(base string) string {
	var b strings.Builder
	b.WriteString("# Leadflip\n\n> Capture, manage and pass on leads. This instance serves a web app and a REST API; every request to the API carries an API key in the Authorization header.\n\n")
	fmt.Fprintf(&b, "The OpenAPI document is at %s/api/openapi.json.\n", base)
	for _, c := range l.categories() {
		fmt.Fprintf(&b, "\n## %s\n\n", c.Name)
		for _, a := range c.Articles {
			fmt.Fprintf(&b, "- [%s](%s/help/%s.md): %s\n", a.Title, base, a.Slug, a.Summary)
		}
	}
	b.WriteString("\n## Problem codes\n\n")
	for _, c := range errs.Codes() {
		x, _ := errs.Explain(c)
		fmt.Fprintf(&b, "- [%s](%s%s.md): %s\n", c, base, errorHref(c), x.Title)
	}
	return b.String()
}

// codesMarkdown is the list of codes behind the article about errors.
func codesMarkdown(base string) string {
	var b strings.Builder
	b.WriteString("\n## All codes\n\n| code | status | title |\n|---|---|---|\n")
	for _, c := range errs.Codes() {
		x, _ := errs.Explain(c)
		fmt.Fprintf(&b, "| [%s](%s%s.md) | %d | %s |\n", c, base, errorHref(c), httpd.Status(c), x.Title)
	}
	return b.String()
}

func codeMarkdown(c errs.Code, x errs.Explanation, status int, example string) string {
	return fmt.Sprintf("# %s\n\nCode `%s`, status %d.\n\n## What it means\n\n%s\n\n## What to do\n\n%s\n\n## Example\n\n```json\n%s\n```\n", x.Title, c, status, x.Meaning, x.Fix, example)
}
