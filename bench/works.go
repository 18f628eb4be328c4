package main

import (
	"fmt"
	"strings"
)

// work is one row of the table about leads: the same work on both databases, beside a
// peer of this run or a limit.
type work struct {
	what   string
	bar    bar
	beside string // the peer's figure; "" when each database is held against its own
	lite   *figure
	post   *figure // nil without PostgreSQL
}

// figure is what one database gave.
type figure struct {
	text  string
	ratio string
	value float64 // which the bar is about
}

// bar is what must be reached; the zero bar is none.
type bar struct {
	text          string
	least, most   float64 // one of them
	leastPostgres float64 // instead of least, where PostgreSQL has a bar of its own
}

// judge says what became of a figure.
func (x bar) judge(f *figure, postgres bool) string {
	least := x.least
	if postgres && x.leastPostgres > 0 {
		least = x.leastPostgres
	}
	switch {
	case f == nil || x.text == "":
		return ""
	case least > 0 && f.value < least, x.most > 0 && f.value > x.most:
		return "**missed**"
	default:
		return "met"
	}
}

// atLeast and atMost are bars of a ratio or a number, as people write them.
func atLeast(v float64, text string) bar { return bar{text: "≥ " + text, least: v} }
func atMost(v float64, text string) bar  { return bar{text: "≤ " + text, most: v} }

// ofRatios is a figure whose bar is about the median of ratios.
func ofRatios(text string, ratios []float64) *figure {
	s := spreadOf(ratios)
	return &figure{text: text, ratio: s.show("%.2f"), value: s.median}
}

// ofLimit is a figure whose bar is the limit itself; its ratio is the share of it.
func ofLimit(text string, v, limit float64) *figure {
	return &figure{text: text, ratio: share(v, limit), value: v}
}

// worksTable is the table in Markdown, without what was not measured, as notes say.
func (r *report) worksTable() string {
	var b strings.Builder
	for _, w := range r.works {
		if w.lite == nil && w.post == nil {
			continue
		}
		cells := []string{w.what, w.bar.text, w.beside}
		for i, f := range []*figure{w.lite, w.post} {
			shown := figure{}
			if f != nil {
				shown = *f
			}
			cells = append(cells, shown.text, shown.ratio, w.bar.judge(f, i == 1))
		}
		b.WriteString(tableLine(cells))
	}
	if b.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("\nEntities and leads, on both databases:\n\n| work | bar | beside it | Leadflip on SQLite | ratio | | Leadflip on %s | ratio | |\n|---|---|---|---|---|---|---|---|---|\n", r.postgres) + b.String()
}

// missedWorks lists the works whose bar was not reached.
func (r *report) missedWorks() (out []string) {
	for _, w := range r.works {
		if w.bar.judge(w.lite, false) == "**missed**" {
			out = append(out, w.what)
		}
		if w.bar.judge(w.post, true) == "**missed**" {
			out = append(out, w.what+" on "+r.postgres)
		}
	}
	return out
}

// tableLine is a line of a table in Markdown.
func tableLine(cells []string) string {
	escaped := make([]string, len(cells))
	for i, c := range cells {
		escaped[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	return "| " + strings.Join(escaped, " | ") + " |\n"
}
