package web

import (
	"maps"
	"net/url"
	"strings"

	"github.com/a-h/templ"
)

// Column is one column heading.
type Column struct {
	Label   string
	Hidden  bool   // read out, not shown: the menu column
	Numeric bool   // right-aligned figures
	Sort    string // "", "ascending" or "descending": how the table is sorted now
	Href    string // the address that sorts by this column; empty: not sortable
	Attrs   templ.Attributes
}

// TableOptions describe a table; its rows are the children.
type TableOptions struct {
	Caption string // read out, not shown
	Columns []Column
	Wide    bool // stays a table on phones and scrolls in its box; otherwise rows become cards
	ID      string
	Attrs   templ.Attributes // for example live refresh
}

// PagerLinks is what Pager shows.
type PagerLinks struct {
	Text       string // "1-50 of 312"
	Prev, Next string // addresses; empty: there is none
}

// SortColumn makes a heading that sorts by key. current is the sort parameter of this request: "name", or "-name" for
// descending. A click on the sorted column turns it round; other parameters of query stay, the page cursor doesn't.
func SortColumn(label, key, current, path string, query url.Values) Column {
	q := url.Values{}
	for name, values := range query {
		if name != "after" && name != "before" {
			q[name] = values
		}
	}
	q.Set("sort", key)
	c := Column{Label: label}
	if strings.TrimPrefix(current, "-") == key {
		c.Sort = "ascending"
		if strings.HasPrefix(current, "-") {
			c.Sort = "descending"
		} else {
			q.Set("sort", "-"+key)
		}
	}
	c.Href = path + "?" + q.Encode()
	return c
}

// keyHead and keyTail split a shown key into the muted part and the last four.
func keyHead(code string) string { return strings.TrimSuffix(code, keyTail(code)) }

func keyTail(code string) string {
	if _, tail, ok := strings.Cut(code, "…"); ok {
		return tail
	}
	return ""
}

func choiceColumns(rowHeading string, columns []string) []Column {
	all := []Column{{Label: rowHeading}}
	for _, c := range columns {
		all = append(all, Column{Label: c})
	}
	return all
}

// Mask shortens a key to its recognisable part: lf_live_…9f3Q.
func Mask(key string) string {
	const tail = 4
	head := strings.LastIndex(key, "_") + 1
	if len(key)-head <= 2*tail {
		return key[:head] + "…" // too short to show any of it
	}
	return key[:head] + "…" + key[len(key)-tail:]
}

func masked(code, secret string) string {
	if secret == "" {
		return code
	}
	return strings.ReplaceAll(code, secret, Mask(secret))
}

// submitting marks a control that sends its form when it changes.
func submitting(f Field) Field {
	attrs := templ.Attributes{"data-submit-on-change": true}
	maps.Copy(attrs, f.Attrs)
	f.Attrs = attrs
	return f
}

// LiveRefresh makes an element fetch itself again from href when one of the events arrives. If the answer is a whole
// page, selector picks the element out of it; empty: the answer is the element. It is morphed in place, so focus and
// open menus stay.
func LiveRefresh(href, selector string, events ...string) templ.Attributes {
	a := templ.Attributes{
		"data-refresh-on": strings.Join(events, " "),
		"hx-get":          href,
		"hx-trigger":      "leadflip:refresh",
		"hx-swap":         "outerMorph",
		"hx-sync":         "this:replace",
	}
	if selector != "" {
		a["hx-select"] = selector
	}
	return a
}
