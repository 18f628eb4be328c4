package apikey

import (
	"encoding/csv"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/web"
)

const (
	shownAddresses = 5
	shownRoutes    = 8
	shownCalls     = 10 // the others unfold
	shownAudit     = 50
)

// keyPage is everything about one key.
type keyPage struct {
	place
	Row     Row
	Report  Report
	Chips   []chip
	Grid    []scopeRow
	Next    *Key // that took its place by rotation
	Made    []Key
	Audit   []audit.Entry
	Done    *doneNote
	Base    string
	Seen    string
	Creator string // the key that made it, by name
}

// page is the address of this key.
func (k keyPage) page() string { return k.key(k.Row.ID) }

// Sentence says what the key can do.
func (k keyPage) Sentence() string {
	end := "Never ends."
	if k.Row.ExpiresAt != nil {
		end = endSentence(*k.Row.ExpiresAt, k.now)
	}
	return sentenceOf(k.Grid, k.Row.Scopes, environmentSentence(k.Row.Environment), end)
}

// freshFor is how long after its first call a key still shows how it was made.
const freshFor = 10 * time.Minute

// fresh tells whether the page shows how to make a first call.
func (k keyPage) fresh() bool {
	if k.Row.FirstUsedAt != nil {
		return k.now.Sub(*k.Row.FirstUsedAt) < freshFor
	}
	return k.Row.LastUse == nil && !k.ended()
}

// ended tells whether the key can only be looked at.
func (k keyPage) ended() bool { return k.Row.Ended(k.now) }

// key shows one key: what it is, how it is, how it is used, and what was done to it.
func (p *pages) key(w http.ResponseWriter, r *http.Request) error {
	at := p.here(r)
	page, err := p.usePage(r, at)
	if err != nil {
		return err
	}
	ctx, row := r.Context(), page.Row
	entities, err := p.entities(ctx, at.who)
	if err != nil {
		return err
	}
	page.Grid = scopeGrid(entities, row.Scopes, "")
	if page.Audit, err = p.a.AuditLog(ctx, at.who, audit.Filter{ObjectID: row.ID, Limit: shownAudit}); err != nil {
		return err
	}
	if !row.CreatedByKey.IsNil() {
		maker, err := p.s.Get(ctx, at.who, row.CreatedByKey)
		if err != nil {
			return err
		}
		page.Creator = maker.Name
	}
	page.Done = doneOf(r.URL.Query(), []Row{row})
	return p.render(w, r, at, http.StatusOK, row.Name, []web.Crumb{{Label: row.Name}}, keyView(page))
}

// use answers with the part of the key's page that changes by itself, or with nothing
// when it has not changed.
func (p *pages) use(w http.ResponseWriter, r *http.Request) error {
	page, err := p.usePage(r, p.here(r))
	if err != nil {
		return err
	}
	if r.Header.Get("HX-Request") == "" {
		http.Redirect(w, r, page.page(), http.StatusSeeOther)
		return nil
	}
	if r.URL.Query().Get("seen") == page.Seen {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return p.site.Write(w, r, http.StatusOK, useView(page))
}

// usePage reads a key and its use.
func (p *pages) usePage(r *http.Request, at place) (keyPage, error) {
	row, err := p.ownRow(r, at)
	if err != nil {
		return keyPage{}, err
	}
	page := keyPage{place: at, Row: row, Chips: chips(row, at.now, at.list(), at.may), Base: baseURL(r)}
	if page.Made, err = p.s.Made(r.Context(), at.who, row.ID); err != nil {
		return page, err
	}
	if page.Report, err = p.s.UsageReport(r.Context(), at.who, row.ID, rangeOf(r)); err != nil {
		return page, err
	}
	if !row.ReplacedBy.IsNil() {
		next, err := p.s.Get(r.Context(), at.who, row.ReplacedBy)
		if err != nil {
			return page, err
		}
		page.Next = &next
	}
	page.Seen = page.seen()
	return page, nil
}

// seen is a fingerprint of what the live part says.
func (k keyPage) seen() string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d %v %v %v", k.Report.Range, k.Row.UpdatedAt.UnixMicro(), k.Report.Slots, k.Report.Routes, usedAt(k.Row))
	for _, c := range k.Chips {
		fmt.Fprint(h, c.Label)
	}
	fmt.Fprint(h, k.stats(), k.fresh(), len(k.Made))
	for _, c := range k.Report.Calls {
		fmt.Fprint(h, c.RequestID)
	}
	if k.Row.Old != nil {
		fmt.Fprint(h, callsSince(k.Row.Old), silence(k.Row.Old, k.now))
	}
	return fmt.Sprintf("%x", h.Sum64())
}

// rangeOf is how far back a page was asked to look; 7 days when it does not say.
func rangeOf(r *http.Request) Range {
	rng := Range(r.URL.Query().Get("range"))
	if !slices.Contains(Ranges, rng) {
		return "7d"
	}
	return rng
}

// rangeTabs are the ranges as links.
func (k keyPage) rangeTabs() []web.Tab {
	var tabs []web.Tab
	for _, rng := range Ranges {
		label := strings.TrimSuffix(strings.TrimSuffix(string(rng), "d"), "h") + " " + string(rng[len(rng)-1:])
		tabs = append(tabs, web.Tab{Label: label, Href: k.page() + "?range=" + string(rng) + "#use", Active: k.Report.Range == rng})
	}
	return tabs
}

// buckets are the slots of the report as the chart takes them.
func (k keyPage) buckets() []web.Bucket {
	format := "2 Jan"
	if k.Report.Range == "24h" {
		format = "15:04"
	}
	out := make([]web.Bucket, len(k.Report.Slots))
	for i, s := range k.Report.Slots {
		out[i] = web.Bucket{Label: s.Start.UTC().Format(format), OK: s.OK, ClientErr: s.ClientErrors, Limited: s.Limited, ServerErr: s.ServerErrors}
	}
	return out
}

// rangeText names the range in a sentence.
func rangeText(rng Range) string {
	return map[Range]string{"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}[rng]
}

// slotText names one bar of a range.
func slotText(rng Range) string {
	if rng == "24h" {
		return "hour"
	}
	return "day"
}

// stats are the figures on top.
func (k keyPage) stats() []web.Stat {
	row := k.Row
	last := web.Stat{Label: "Last used", Value: "never"}
	if row.LastUse != nil {
		last.Value, last.Note = web.Relative(row.LastUse.At, k.now), row.LastUse.IP
	}
	wrong := web.Stat{Label: "Not ok, 7 days", Value: share(row.Last7d.Errors(), row.Last7d.Total()), Note: calls(row.Last7d.Errors())}
	if row.Last7d.Total() == 0 {
		wrong.Value, wrong.Note = "–", "no calls"
	}
	took := web.Stat{Label: "Median answer", Value: "–", Note: "no calls yet"}
	if n := len(k.Report.Calls); n > 0 {
		times := make([]time.Duration, n)
		for i, c := range k.Report.Calls {
			times[i] = c.Took
		}
		slices.Sort(times)
		took.Value, took.Note = tookText(times[n/2]), "of the last "+calls(n)
	}
	return []web.Stat{
		{Label: "Calls, 24 hours", Value: web.Count(row.Last24h.Total()), Note: web.Count(row.Last7d.Total()) + " in 7 days"}, wrong, took, last,
	}
}

// tookText is the time of an answer in words.
func tookText(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "< 1 ms"
	case d < 10*time.Second:
		return web.Count(int(d.Milliseconds())) + " ms"
	}
	return strconv.Itoa(int(d.Seconds())) + " s"
}

// callTone is the mood of a status code.
func callTone(status int) web.Tone {
	switch {
	case status == http.StatusTooManyRequests:
		return web.Warn
	case status >= 400:
		return web.Bad
	}
	return web.Good
}

// usageCSV downloads the use of a key as it is counted.
func (p *pages) usageCSV(w http.ResponseWriter, r *http.Request) error {
	at := p.here(r)
	row, err := p.ownRow(r, at)
	if err != nil {
		return err
	}
	rng := rangeOf(r)
	counts, err := p.s.UsageHours(r.Context(), at.who, row.ID, rng)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="usage-%s-%s.csv"`, row.PublicID, rng))
	out := csv.NewWriter(w)
	lines := [][]string{{"hour_utc", "method", "route", "status", "calls"}}
	for _, c := range counts {
		method, route, _ := strings.Cut(c.Route, " ")
		lines = append(lines, []string{c.Hour.Format(time.RFC3339), harmless(method), harmless(route), strconv.Itoa(c.Status), strconv.Itoa(c.Calls)})
	}
	if err := out.WriteAll(lines); err != nil {
		p.site.Log.Debug("a download was not finished", "error", err)
	}
	return nil
}

// harmless keeps a spreadsheet from reading a text as a formula.
func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// facts are what the key is.
func (k keyPage) facts() []web.Fact {
	row := k.Row
	facts := []web.Fact{
		{Label: "Key", Body: codeView(row.Key)},
		{Label: "May", Body: scopeListView(row.Scopes)},
		{Label: "Owner", Value: ownerText(row.Key)},
		{Label: "Created", Body: createdView(k)},
		{Label: "Expires", Body: expiresView(row.Key, k.now)},
		{Label: "Addresses", Value: anyOr(strings.ReplaceAll(networksText(row.IPAllow), " ", ", "), "Any")},
		{Label: "Web origins", Value: anyOr(strings.Join(row.Origins, ", "), "None: not for browsers")},
		{Label: "Rate limit", Value: limitText(row.Rate)},
	}
	if row.NotBefore != nil {
		facts = append(facts, web.Fact{Label: "Begins", Value: momentText(*row.NotBefore)})
	}
	if row.ExposedAt != nil {
		facts = append(facts, web.Fact{Label: "Exposed", Value: "Seen " + exposedPlace(row.ExposedWhere) + ", " + momentText(*row.ExposedAt)})
	}
	return append(facts, web.Fact{Label: "Id", Body: idView(row.ID.String())})
}

func anyOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func ownerText(k Key) string {
	if k.ServiceAccount() {
		return "Service account"
	}
	return k.CreatedByName
}

// auditVerbs are the actions of the audit log in words.
var auditVerbs = map[string]string{
	"key.create": "created it", "key.change": "changed it", "key.rotate": "rotated it", "key.disable": "disabled it", "key.enable": "enabled it",
	"key.revoke": "revoked it", "key.expose": "exposed it",
}

func auditText(e audit.Entry) string {
	if text, ok := auditVerbs[e.Action]; ok {
		return text
	}
	return e.Action
}

// auditChange is one change in words.
type auditChange struct{ Name, From, To string }

var auditNames = map[string]string{
	"name": "Name", "purpose": "Purpose", "scopes": "Scopes", "expires_at": "Expires", "not_before": "Begins", "ip_allow": "Addresses", "origins": "Web origins",
	"rate_limit": "Rate limit", "key": "Key", "old_ends_at": "Old key ends", "because": "Because", "where": "Where",
}

// auditChanges lists what an entry changed. Of a new key only what it became counts.
func auditChanges(e audit.Entry) []auditChange {
	var out []auditChange
	for name, c := range e.Changes {
		label, ok := auditNames[name]
		if !ok {
			label = name
		}
		change := auditChange{label, auditValue(c.From), auditValue(c.To)}
		if e.Action == "key.create" {
			change.From = ""
		}
		if change.From != change.To {
			out = append(out, change)
		}
	}
	slices.SortFunc(out, func(a, b auditChange) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// auditValue writes a value of the log, which comes from JSON, for people.
func auditValue(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return momentYear(t)
		}
		return v
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = auditValue(one)
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

func momentYear(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04") + " UTC" }
