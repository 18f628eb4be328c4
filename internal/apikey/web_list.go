package apikey

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// The tabs of the list.
const (
	tabActive = "active"
	tabEnded  = "ended"
)

// listQuery is what the list was asked for.
type listQuery struct {
	Tab    string
	Search string
	Status Status
	Scope  string
	Owner  string // a person's id, or service
	Sort   string // a column, with - in front for the other way round
	All    bool   // also when there are very many
}

// shownRows is how many rows a page has unless all are asked for: more make the
// browser slow, not us.
const shownRows = 100

func readListQuery(q url.Values) listQuery {
	out := listQuery{Tab: tabActive, Search: clipText(strings.TrimSpace(q.Get("q")), 200), Scope: q.Get("scope"), Owner: q.Get("owner")}
	if q.Get("tab") == tabEnded {
		out.Tab = tabEnded
	}
	if _, ok := statusViews[Status(q.Get("status"))]; ok {
		out.Status = Status(q.Get("status"))
	}
	if _, ok := sortKeys[strings.TrimPrefix(q.Get("sort"), "-")]; ok {
		out.Sort = q.Get("sort")
	}
	out.All = q.Get("all") != ""
	return out
}

// values are the query as an address.
func (q listQuery) values() url.Values {
	out := url.Values{}
	for name, value := range map[string]string{"q": q.Search, "status": string(q.Status), "scope": q.Scope, "owner": q.Owner, "sort": q.Sort} {
		if value != "" {
			out.Set(name, value)
		}
	}
	if q.Tab != tabActive {
		out.Set("tab", q.Tab)
	}
	if q.All {
		out.Set("all", "1")
	}
	return out
}

func (q listQuery) href(list string) string {
	if v := q.values().Encode(); v != "" {
		return list + "?" + v
	}
	return list
}

func (q listQuery) filtered() bool {
	return q.Search != "" || q.Status != "" || q.Scope != "" || q.Owner != ""
}

// sortKeys compare rows by a column.
var sortKeys = map[string]func(a, b Row) int{
	"name":   func(a, b Row) int { return strings.Compare(account.Fold(a.Name), account.Fold(b.Name)) },
	"key":    func(a, b Row) int { return strings.Compare(strings.ToLower(a.Last4), strings.ToLower(b.Last4)) },
	"scopes": func(a, b Row) int { return strings.Compare(a.Scopes.String(), b.Scopes.String()) },
	"used":   func(a, b Row) int { return usedAt(b).Compare(usedAt(a)) },
	"calls":  func(a, b Row) int { return cmp.Compare(b.Last7d.Total(), a.Last7d.Total()) },
	"ends":   func(a, b Row) int { return endOf(a).Compare(endOf(b)) },
	"status": func(a, b Row) int {
		return cmp.Compare(slices.Index(statusOrder, a.Status()), slices.Index(statusOrder, b.Status()))
	},
}

func usedAt(r Row) time.Time {
	if r.LastUse == nil {
		return time.Time{}
	}
	return r.LastUse.At
}

// endOf puts keys without an end behind all others.
func endOf(r Row) time.Time {
	if r.ExpiresAt == nil {
		return time.Unix(1<<40, 0)
	}
	return *r.ExpiresAt
}

// listPage is the list as it is shown.
type listPage struct {
	place
	Query    listQuery
	Rows     []Row // shown
	Found    int   // that pass search and filters, shown or not
	Active   int   // all of the tab
	Ended    int
	Owners   []web.Option
	Scopes   []web.Option
	Exposed  []Row
	Managers []account.Person // who may create keys; for those who may not
	Done     *doneNote
	Example  string // the call of the empty page
	Seen     string // changes with what is shown
}

// empty tells whether there was never a key here.
func (l listPage) empty() bool { return l.Active+l.Ended == 0 }

// list shows the keys of the environment.
func (p *pages) list(w http.ResponseWriter, r *http.Request) error {
	page, err := p.listPage(r)
	if err != nil {
		return err
	}
	entities, err := p.entities(r.Context(), page.who)
	if err != nil {
		return err
	}
	entity := "leads"
	if len(entities) > 0 {
		entity = entities[0].Slug
	}
	page.Example = emptyExample(baseURL(r), entity)
	return p.render(w, r, page.place, http.StatusOK, "API Access", nil, listView(page))
}

// rows answers with the part of the list that changes by itself, or with nothing when
// it has not changed since the browser got it.
func (p *pages) rows(w http.ResponseWriter, r *http.Request) error {
	page, err := p.listPage(r)
	if err != nil {
		return err
	}
	if r.Header.Get("HX-Request") == "" {
		http.Redirect(w, r, page.Query.href(page.list()), http.StatusSeeOther)
		return nil
	}
	if r.URL.Query().Get("seen") == page.Seen {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if strings.HasPrefix(r.Header.Get("HX-Source"), "form") { // the toolbar: the address follows it
		w.Header().Set("HX-Replace-Url", page.Query.href(page.list()))
	}
	return p.site.Write(w, r, http.StatusOK, rowsView(page))
}

func (p *pages) listPage(r *http.Request) (listPage, error) {
	at := p.here(r)
	page := listPage{place: at, Query: readListQuery(r.URL.Query())}
	all, err := p.s.Overview(r.Context(), at.who)
	if err != nil {
		return page, err
	}
	if !at.may {
		if page.Managers, err = p.managers(r.Context(), at.who); err != nil {
			return page, err
		}
		for i := range all {
			all[i] = withoutValues(all[i])
		}
	}
	page.Done = doneOf(r.URL.Query(), all)
	page.Owners, page.Scopes = filterOptions(all)
	for _, row := range all {
		ended := row.Ended(at.now)
		if ended {
			page.Ended++
		} else {
			page.Active++
		}
		if !ended && (row.ExposedAt != nil && row.DisabledAt == nil || row.Old != nil && row.Old.ExposedAt != nil) {
			page.Exposed = append(page.Exposed, row)
		}
		if ended == (page.Query.Tab == tabEnded) && page.Query.matches(row) {
			page.Rows = append(page.Rows, row)
		}
	}
	if by := sortKeys[strings.TrimPrefix(page.Query.Sort, "-")]; by != nil {
		slices.SortStableFunc(page.Rows, func(a, b Row) int {
			if strings.HasPrefix(page.Query.Sort, "-") {
				a, b = b, a
			}
			return by(a, b)
		})
	}
	page.Found = len(page.Rows)
	if !page.Query.All {
		page.Rows = page.Rows[:min(len(page.Rows), shownRows)]
	}
	page.Seen = page.seen()
	return page, nil
}

// every is how many seconds pass between two refreshes of the rows.
func (l listPage) every() string {
	if len(l.Rows) > shownRows {
		return "10"
	}
	return "5"
}

// allHref is the list with every row, "" when they are all shown.
func (l listPage) allHref() string {
	if l.Found == len(l.Rows) {
		return ""
	}
	q := l.Query
	q.All = true
	return q.href(l.list())
}

// withoutValues is a row for members who may not change keys: that it exists and how
// it is, but nothing of the key and nothing of who calls from where.
func withoutValues(r Row) Row {
	r.Last4, r.PublicID, r.IPAllow, r.Origins, r.Old = "", "", nil, nil, nil
	if r.LastUse != nil {
		r.LastUse = &Call{At: r.LastUse.At}
	}
	r.Statuses = slices.DeleteFunc(slices.Clone(r.Statuses), func(s Status) bool { return s == Rotating })
	if len(r.Statuses) == 0 {
		r.Statuses = []Status{Active}
	}
	return r
}

// filterOptions are the owners and scopes there are.
func filterOptions(rows []Row) (owners, scopes []web.Option) {
	owners, scopes = []web.Option{{Label: "Any owner"}}, []web.Option{{Label: "Any scope"}}
	add := func(to *[]web.Option, value, label string) {
		if !slices.ContainsFunc(*to, func(o web.Option) bool { return o.Value == value }) {
			*to = append(*to, web.Option{Value: value, Label: label})
		}
	}
	for _, r := range rows {
		if r.ServiceAccount() {
			add(&owners, ownerService, "Service account")
		} else {
			add(&owners, r.CreatedBy.String(), r.CreatedByName)
		}
		for _, s := range r.Scopes {
			add(&scopes, string(s), scopeText(s))
		}
	}
	for _, list := range [][]web.Option{owners[1:], scopes[1:]} {
		slices.SortFunc(list, func(a, b web.Option) int { return strings.Compare(a.Label, b.Label) })
	}
	return owners, scopes
}

// matches tells whether a row passes search and filters.
func (q listQuery) matches(r Row) bool {
	if q.Status != "" && !slices.Contains(r.Statuses, q.Status) || q.Scope != "" && !slices.Contains(r.Scopes.Strings(), q.Scope) {
		return false
	}
	if q.Owner == ownerService && !r.ServiceAccount() || q.Owner != "" && q.Owner != ownerService && r.CreatedBy.String() != q.Owner {
		return false
	}
	if q.Search == "" {
		return true
	}
	text := []string{r.Name, r.Purpose, r.CreatedByName, r.PublicID, r.Scopes.String()}
	if r.Last4 != "" {
		text = append(text, r.Masked())
	}
	if r.LastUse != nil {
		text = append(text, r.LastUse.IP, r.LastUse.Route)
	}
	whole := account.Fold(strings.Join(text, "\n"))
	for word := range strings.FieldsSeq(account.Fold(q.Search)) {
		if !strings.Contains(whole, word) {
			return false
		}
	}
	return true
}

// seen is a fingerprint of what the rows say, without the words for how long ago
// something was, which the browser keeps current by itself.
func (l listPage) seen() string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%v %d %d %d %v\n", l.Query, l.Found, l.Active, l.Ended, l.may)
	for _, r := range l.Rows {
		fmt.Fprintf(h, "%s %d %v %v %v", r.ID, r.UpdatedAt.UnixMicro(), r.Statuses, r.Days, usedAt(r).UnixMicro())
		for _, s := range r.Statuses {
			fmt.Fprint(h, statusViews[s].label(r, l.now))
		}
		if r.Old != nil {
			fmt.Fprint(h, r.Old.ID, r.Old.UpdatedAt.UnixMicro(), callsSince(r.Old), silence(r.Old, l.now))
		}
	}
	return fmt.Sprintf("%x", h.Sum64())
}

// columns are the headings of the list, each a link that sorts.
func (l listPage) columns() []web.Column {
	var out []web.Column
	for _, c := range []struct{ label, key string }{
		{"Name", "name"}, {"Key", "key"}, {"Scopes", "scopes"}, {"Last used", "used"}, {"7 days", "calls"}, {"Expires", "ends"}, {"Status", "status"},
	} {
		if c.key == "key" && !l.may {
			continue
		}
		out = append(out, web.SortColumn(c.label, c.key, l.Query.Sort, l.list(), l.Query.values()))
	}
	return out
}

// tabLinks are the tabs Active and Ended.
func (l listPage) tabLinks() []web.Tab {
	link := func(tab, label string, n int) web.Tab {
		q := l.Query
		q.Tab = tab
		return web.Tab{Label: label, Href: q.href(l.list()), Active: l.Query.Tab == tab, Count: web.Count(n)}
	}
	return []web.Tab{link(tabActive, "Active", l.Active), link(tabEnded, "Ended", l.Ended)}
}

func (l listPage) clearHref() string {
	return listQuery{Tab: l.Query.Tab, Sort: l.Query.Sort}.href(l.list())
}

func statusOptions() []web.Option {
	out := []web.Option{{Label: "Any status"}}
	for _, s := range statusOrder {
		out = append(out, web.Option{Value: string(s), Label: statusViews[s].name})
	}
	return out
}

// scopeText is a scope in words that fit a chip.
func scopeText(s account.Scope) string {
	if s == account.All {
		return "everything"
	}
	return string(s)
}

// doneNote says what a form has just done.
type doneNote struct {
	What string // created, disabled, enabled, revoked, ended, changed
	Name string
	ID   id.ID
	N    int // of a bulk change; 0: one key
}

func doneOf(q url.Values, rows []Row) *doneNote {
	note := doneNote{What: q.Get("done")}
	if n, err := strconv.Atoi(q.Get("n")); err == nil && n > 0 && n < 10_000 {
		note.N = n
	} else {
		key, err := id.Parse(q.Get("key"))
		if err != nil {
			return nil
		}
		for _, r := range rows {
			if r.ID == key || r.Old != nil && r.Old.ID == key {
				note.Name, note.ID = r.Name, key
			}
		}
		if note.Name == "" {
			return nil
		}
	}
	if note.banner("") == nil {
		return nil
	}
	return &note
}

// banner is the note as it is shown.
func (d doneNote) banner(list string) *web.Banner {
	b := web.Banner{Tone: web.Good}
	page := list + "/" + d.ID.String()
	if d.N > 0 {
		switch d.What {
		case "disabled":
			b.Text = "Disabled: " + number(d.N, "key") + ". The next call with one gets a 401."
		case "revoked":
			b.Text = "Revoked: " + number(d.N, "key") + ". The next call with one gets a 401, for good."
		default:
			return nil
		}
		return &b
	}
	switch d.What {
	case "disabled":
		b.Text, b.ActionLabel, b.ActionHref = "“"+d.Name+"” is disabled. Its next call gets a 401. You can enable it again.", "Open it", page
	case "enabled":
		b.Text = "“" + d.Name + "” is enabled. Its next call works."
	case "changed":
		b.Text = "“" + d.Name + "” is saved. The change holds from the next call on."
	case "revoked":
		b.Text, b.ActionLabel, b.ActionHref = "“"+d.Name+"” is revoked. Its next call gets a 401, for good.", "See it", page
	case "ended":
		b.Text = "The old key of “" + d.Name + "” is ended. Only the new one works."
	default:
		return nil
	}
	return &b
}
