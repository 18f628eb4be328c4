package lead

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/page"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// listView is what the list of leads shows.
type listView struct {
	viewOptions
	Entity  *entity.Entity
	Path    string // address of this list
	Columns []web.Column
	under   *entity.Field   // stands below the title
	fields  []*entity.Field // that have a column
	Rows    []rowView
	Live    bool
	News    string // what arrived since the page was opened, for screen readers
	More    string // address that shows more on this page; "" when there is no more
	Older   string // address of the page behind this one
	Newest  string // address of the first page, from another one
	Curl    string // sends a first lead
	KeysAt  string // address where API keys are made; "" for who may not
}

type viewOptions struct {
	Limit  int
	Cursor string
	Top    string // id of the newest lead when the page was opened, or "none"
	Host   string
	Now    time.Time
}

// rowView is one lead of the list.
type rowView struct {
	ID       string
	Href     string
	Title    string
	Under    string
	Cells    []cell // of the other fields
	Statuses []statusView
	Source   string
	By       actorView
	At       time.Time
}

type cell struct {
	Label, Text string
	Numeric     bool
	Whole       bool // stays on one line
}

type statusView struct {
	Pipeline string
	Name     string
	Tone     web.Tone
	Since    time.Time
}

type actorView struct{ Icon, Text string }

// columnsMax is how many fields the list shows beside the title.
const columnsMax = 3

func newListView(who account.Principal, p Page, o viewOptions) listView {
	base := inside(who) + "/leads"
	v := listView{viewOptions: o, Entity: p.Entity, Path: base + "/" + p.Entity.Slug, Live: o.Cursor == ""}
	v.under = fieldBelow(p.Entity)
	v.fields = listFields(p.Entity)
	v.Columns = []web.Column{{Label: titleLabel(p.Entity)}}
	for _, f := range v.fields {
		v.Columns = append(v.Columns, web.Column{Label: f.Label, Numeric: f.Type == entity.Number})
	}
	for _, pl := range p.Entity.Pipelines {
		v.Columns = append(v.Columns, web.Column{Label: pl.Name})
	}
	v.Columns = append(v.Columns, web.Column{Label: "Source"}, web.Column{Label: "Received"})
	for i := range p.Leads {
		v.Rows = append(v.Rows, v.row(&p.Leads[i]))
	}
	if p.Next != "" {
		if more := min(2*o.Limit, page.MaxLimit); v.Live && more > o.Limit {
			v.More = v.address("", url.Values{"limit": {strconv.Itoa(more)}}) + "#" + rowID(v.Rows[len(v.Rows)-1].ID)
		} else {
			v.Older = v.address("", url.Values{"cursor": {p.Next}})
		}
	}
	if !v.Live {
		v.Newest = v.Path
	}
	v.News = v.news()
	v.Curl = firstCall(p.Entity, o.Host)
	if who.Role.Manages() {
		v.KeysAt = inside(who) + "/settings/api-access/new"
	}
	return v
}

func (v *listView) address(below string, q url.Values) string {
	return v.Path + below + "?" + q.Encode()
}

// refreshAddress is the address of the live part, which remembers what the reader has
// seen.
func (v *listView) refreshAddress() string {
	return v.address("/rows", url.Values{"limit": {strconv.Itoa(v.Limit)}, "top": {v.Top}})
}

func (v *listView) row(l *Lead) rowView {
	r := rowView{ID: l.ID.String(), Href: v.Path + "/" + l.ID.String(), Title: clip(leadTitle(l, v.Entity), cellMax), Source: clip(l.Source, cellMax), By: newActorView(l.CreatedBy), At: l.CreatedAt}
	if v.under != nil {
		if r.Under = clip(v.under.Show(l.Values[v.under.ID]), cellMax); r.Under == r.Title {
			r.Under = ""
		}
	}
	for _, f := range v.fields {
		r.Cells = append(r.Cells, cell{f.Label, clip(f.Show(l.Values[f.ID]), cellMax), f.Type == entity.Number, f.Type == entity.Phone || f.Type == entity.Date || f.Type == entity.DateTime})
	}
	r.Statuses = statusViews(l, v.Entity)
	return r
}

// How many characters of a value the list and the breadcrumb show.
const (
	cellMax  = 80
	crumbMax = 28
)

// clip shortens a text where there is little room; the page of the lead has the whole.
func clip(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:limit])) + "…"
}

// news counts what is above the lead that was the newest when the page was opened.
func (v *listView) news() string {
	if v.Top == "" || len(v.Rows) == 0 {
		return ""
	}
	n := len(v.Rows)
	for i, r := range v.Rows {
		if r.ID == v.Top {
			n = i
			break
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "1 new lead: " + v.Rows[0].Title + "."
	}
	return strconv.Itoa(n) + " new leads. The newest: " + v.Rows[0].Title + "."
}

func rowID(lead string) string { return "lead-" + lead }

// fieldBelow is the field below the title in the list: the first e-mail address, nil
// where there is none.
func fieldBelow(e *entity.Entity) *entity.Field {
	title := titleField(e)
	for i := range e.Fields {
		if f := &e.Fields[i]; f.Type == entity.Email && f != title {
			return f
		}
	}
	return nil
}

// listFields are the fields with a column of their own: the first short ones that
// stand nowhere else.
func listFields(e *entity.Entity) []*entity.Field {
	title, under := titleField(e), fieldBelow(e)
	var out []*entity.Field
	for i := range e.Fields {
		f := &e.Fields[i]
		if f != title && f != under && f.Type != entity.Textarea && f.Type != entity.MultiSelect && len(out) < columnsMax {
			out = append(out, f)
		}
	}
	return out
}

// titleField is the field that names a lead: the first text, or the first field.
func titleField(e *entity.Entity) *entity.Field {
	for i := range e.Fields {
		if e.Fields[i].Type == entity.Text {
			return &e.Fields[i]
		}
	}
	if len(e.Fields) > 0 {
		return &e.Fields[0]
	}
	return nil
}

func titleLabel(e *entity.Entity) string {
	if f := titleField(e); f != nil {
		return f.Label
	}
	return "Lead"
}

// leadTitle names a lead for people: by its title field, or by what else it has.
func leadTitle(l *Lead, e *entity.Entity) string {
	if f := titleField(e); f != nil {
		if s := f.Show(l.Values[f.ID]); s != "" {
			return s
		}
	}
	for _, t := range []entity.Type{entity.Email, entity.Phone, entity.Text} {
		for i := range e.Fields {
			if f := &e.Fields[i]; f.Type == t {
				if s := f.Show(l.Values[f.ID]); s != "" {
					return s
				}
			}
		}
	}
	return "Unnamed lead"
}

func statusViews(l *Lead, e *entity.Entity) []statusView {
	var out []statusView
	for i := range e.Pipelines {
		p := &e.Pipelines[i]
		v := statusView{Pipeline: p.Name}
		if since, ok := l.Status(p.ID); ok {
			if s := p.StatusByID(since.StatusID); s != nil {
				v.Name, v.Tone, v.Since = s.Name, s.Color.Tone(), since.Since
			}
		}
		out = append(out, v)
	}
	return out
}

func newActorView(a event.Actor) actorView {
	switch audit.ActorKind(a.Kind) {
	case audit.Key:
		return actorView{"key", a.Name}
	case audit.Person:
		return actorView{"user", a.Name}
	case audit.Operator:
		return actorView{"server", a.Name}
	}
	return actorView{"bolt", a.Name}
}

// firstCall is a command that sends a first lead of the entity.
func firstCall(e *entity.Entity, host string) string {
	body := []string{`"entity": ` + string(quote(e.Slug))}
	for i := range e.Fields {
		if f := &e.Fields[i]; sampleValue(f) != "" && (f.Required || len(body) < 4) {
			body = append(body, string(quote(f.Key))+": "+sampleValue(f))
		}
	}
	return "curl -X POST \"" + host + "/api/intake\" \\\n  -H \"Authorization: Bearer YOUR_KEY\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{" +
		strings.ReplaceAll(strings.Join(body, ", "), "'", `'\''`) + "}'"
}

// sampleValue is a value, as JSON, that a field accepts; "" where none can be known.
func sampleValue(f *entity.Field) string {
	samples := map[entity.Type]string{
		entity.Text: "Ada Lovelace", entity.Textarea: "Please call me back.", entity.Email: "ada@example.com", entity.Phone: "+49 30 123456",
		entity.Date: "2026-07-31", entity.DateTime: "2026-07-31T14:30:00Z", entity.URL: "https://example.com", entity.Number: "100", entity.Checkbox: "true",
	}
	s := samples[f.Type]
	for _, o := range f.Options {
		if !o.Retired {
			s = o.Key
			break
		}
	}
	if f.Type == entity.Text && f.Key != "name" {
		s = "Example"
	}
	raw := entity.Raw{Kind: entity.RawText, Text: s}
	if _, p := f.Parse(raw); p != nil || s == "" {
		return ""
	}
	if f.Type == entity.Number || f.Type == entity.Checkbox {
		return s
	}
	return string(quote(s))
}

// leadView is what the page of one lead shows.
type leadView struct {
	ID       string
	ListHref string
	Title    string
	By       actorView
	Source   string
	At       time.Time
	Now      time.Time
	Fields   []fieldView
	Statuses []statusView
	Notes    []Note
	Unmapped []Shown
	Timeline []eventView
}

type fieldView struct {
	Label string
	Text  string
	Href  string // of an address that can be opened
	Lines bool   // keeps its line ends
}

func newLeadView(who account.Principal, f Full, notes []Note, events []event.Event, now time.Time) leadView {
	l, e := &f.Lead, f.Entity
	v := leadView{
		ListHref: inside(who) + "/leads/" + e.Slug, Title: leadTitle(l, e), By: newActorView(l.CreatedBy), Source: l.Source, At: l.CreatedAt, Now: now,
		Statuses: statusViews(l, e), Notes: notes, Unmapped: l.ShownUnmapped(), ID: l.ID.String(),
	}
	for i := range e.Fields {
		field := &e.Fields[i]
		fv := fieldView{Label: field.Label, Text: field.Show(l.Values[field.ID]), Lines: field.Type == entity.Textarea}
		stored, _ := l.Values[field.ID].(string)
		switch {
		case stored == "":
		case field.Type == entity.URL:
			fv.Href = stored
		case field.Type == entity.Email:
			fv.Href = "mailto:" + url.PathEscape(stored)
		case field.Type == entity.Phone:
			fv.Href = "tel:" + stored
		}
		v.Fields = append(v.Fields, fv)
	}
	for _, ev := range events {
		v.Timeline = append(v.Timeline, newEventView(e, ev))
	}
	return v
}
