package gallery

import (
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/leadflip/leadflip/internal/platform/web"
)

// The gallery's clock stands still, so that two pictures of one page are equal.
var now = time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC)

func shell(title, active string, test bool) web.Shell {
	live := web.Environment{Name: "Production", Slug: "production", Href: "/components"}
	staging := web.Environment{Name: "Staging", Slug: "staging", Href: "/empty", Test: true}
	s := web.Shell{
		Title:        title,
		Account:      web.Account{Name: "Sunroof Partners", Slug: "sunroof", Href: "/components"},
		Accounts:     []web.Account{{Name: "Sunroof Partners", Slug: "sunroof", Href: "/components"}, {Name: "North Leads", Slug: "north", Href: "/keys"}},
		Environment:  live,
		Environments: []web.Environment{live, staging},
		Nav: []web.NavItem{
			{Section: "Leads", Label: "Solar leads", Href: "/components", Icon: "bolt", Count: "1,204"},
			{Section: "Leads", Label: "Quote requests", Href: "/create", Icon: "inbox", Count: "87"},
			{Section: "Leads", Label: "Property enquiries", Href: "/reveal", Icon: "home"},
			{Section: "Set up", Label: "Entities", Href: "/confirm", Icon: "layers"},
			{Section: "Set up", Label: "Forms", Href: "/detail", Icon: "list"},
		},
		Foot: []web.NavItem{
			{Label: "Help", Href: "/login", Icon: "question"},
			{Label: "Account settings", Href: "/keys", Icon: "cog"},
		},
		Person: web.Person{Name: "Mara Lindqvist", Email: "mara@sunroof.example"},
	}
	if test {
		s.Environment = staging
	}
	for i := range s.Nav {
		s.Nav[i].Active = s.Nav[i].Label == active
	}
	for i := range s.Foot {
		s.Foot[i].Active = s.Foot[i].Label == active
	}
	return s
}

func settingsTabs() []web.Tab {
	return []web.Tab{
		{Label: "General", Href: "/components"},
		{Label: "Members", Href: "/create"},
		{Label: "API Access", Href: "/keys", Active: true},
		{Label: "Environments", Href: "/empty"},
		{Label: "Security", Href: "/confirm"},
		{Label: "Audit log", Href: "/detail"},
	}
}

type keyRow struct {
	name, purpose, code, scope, more string
	used                             time.Duration // before now; 0: never
	route                            string
	expires                          string
	tone                             web.Tone
	icon, status                     string
	days                             [7][2]int
}

var keys = []keyRow{
	{"Website form", "Quote form on sunroof.example · Mara", "lf_live_…9f3Q", "Create leads", "", 12 * time.Second, "POST /api/intake from 203.0.113.7", "21 Feb 2027", web.Good, "check-circle", "Active", [7][2]int{{120, 0}, {140, 3}, {180, 0}, {90, 0}, {60, 2}, {200, 0}, {160, 1}}},
	{"n8n", "Copies won leads to the invoice tool · Jon", "lf_live_…k2Zd", "Read leads", "+2", 3 * time.Hour, "GET /api/leads from 198.51.100.20", "30 Nov 2026", web.Warn, "clock", "Expiring in 7 d", [7][2]int{{20, 0}, {22, 0}, {21, 9}, {25, 14}, {23, 20}, {19, 19}, {22, 21}}},
	{"Nightly report", "Service account", "lf_live_…aa71", "Read leads", "", 9 * time.Hour, "GET /api/leads from 2001:db8::4", "Never", web.Info, "rotate", "Rotating, old ends in 22 h", [7][2]int{{1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}}},
	{"Old landing page", "Campaign 2025 · Mara", "lf_live_…x0Qe", "Create leads", "", 96 * 24 * time.Hour, "POST /api/intake from 203.0.113.9", "1 Jan 2027", web.Muted, "clock", "Idle 90 d", [7][2]int{}},
	{"Partner feed", "Comparison portal · Jon", "lf_live_…77Pv", "Create leads", "+1", 40 * time.Minute, "POST /api/intake from 192.0.2.44", "12 Jan 2027", web.Bad, "warning", "Rejections 34 %", [7][2]int{{900, 20}, {940, 80}, {880, 160}, {700, 300}, {610, 420}, {500, 460}, {420, 520}}},
	{"MCP assistant", "Trial · Mara", "lf_live_…b3Rt", "Read leads", "", 0, "", "24 Dec 2026", web.Neutral, "info", "Never used", [7][2]int{}},
	{"Import script", "One-off import · Jon", "lf_live_…m9Aa", "Everything", "", 20 * 24 * time.Hour, "POST /api/leads from 203.0.113.7", "3 Mar 2027", web.Muted, "pause", "Disabled", [7][2]int{}},
}

func (k keyRow) usedAt() time.Time {
	if k.used == 0 {
		return time.Time{}
	}
	return now.Add(-k.used)
}

func (k keyRow) bars() []web.DayBar {
	bars := make([]web.DayBar, 7)
	for i, d := range k.days {
		bars[i] = web.DayBar{Label: now.AddDate(0, 0, i-6).Format("Mon 2 Jan"), OK: d[0], Errors: d[1]}
	}
	return bars
}

func keyColumns() []web.Column {
	q := url.Values{"sort": {"-used"}}
	return []web.Column{
		web.SortColumn("Name", "name", "-used", "/keys", q),
		{Label: "Key"},
		{Label: "Scopes"},
		web.SortColumn("Last used", "used", "-used", "/keys", q),
		{Label: "7 days"},
		web.SortColumn("Expires", "expires", "-used", "/keys", q),
		{Label: "Status"},
		{Label: "Actions", Hidden: true},
	}
}

func keyMenu() []web.MenuItem {
	return []web.MenuItem{
		{Label: "Open", Icon: "eye", Href: "/detail"},
		{Label: "Edit", Icon: "pencil", Href: "/create"},
		{Label: "Rotate", Icon: "rotate", Href: "/confirm"},
		{Label: "Disable", Icon: "pause", Post: "/keys"},
		{Label: "Revoke", Icon: "trash", Href: "/confirm", Danger: true, Rule: true},
	}
}

func presets() []web.Preset {
	return []web.Preset{
		{Icon: "globe", Title: "Website form", Text: "Create leads from a page. Can read nothing.", Href: "/create"},
		{Icon: "chart", Title: "Read-only report", Text: "Read leads for a dashboard or a sheet.", Href: "/create"},
		{Icon: "bolt", Title: "n8n or Zapier", Text: "Create and read leads from a workflow.", Href: "/create"},
	}
}

func buckets(n int, label func(int) string) []web.Bucket {
	out := make([]web.Bucket, n)
	for i := range out {
		wave := (i*37)%90 + 40*(i%5)
		out[i] = web.Bucket{Label: label(i), OK: 60 + wave, ClientErr: wave / 9, Limited: (i % 7) * 3, ServerErr: (i % 11) / 4 * 6}
	}
	out[n/3] = web.Bucket{Label: label(n / 3)}
	return out
}

func hour(i int) string { return time.Date(2026, 11, 22, 11+i, 0, 0, 0, time.UTC).Format("15:04") }

func day(i int) string { return now.AddDate(0, 0, i-29).Format("2 Jan") }

func expiries() []web.Option {
	return []web.Option{
		{Value: "24h", Label: "24 h"}, {Value: "7d", Label: "7 d"}, {Value: "30d", Label: "30 d"},
		{Value: "90d", Label: "90 d"}, {Value: "1y", Label: "1 y"}, {Value: "date", Label: "Date"}, {Value: "never", Label: "Never"},
	}
}

func snippets() []web.Snippet {
	return []web.Snippet{
		{Lang: "curl", Label: "cURL", Code: "curl http://localhost:8080/api/key \\\n  -H \"Authorization: Bearer lf_live_2mB4xT7qPz9KcV1sWd8LrY3nHf6Ga9f3Q\"", Secret: secret},
		{Lang: "js", Label: "JavaScript", Code: "const response = await fetch(\"http://localhost:8080/api/key\", {\n  headers: { Authorization: `Bearer ${process.env.LEADFLIP_KEY}` },\n});\nconsole.log(response.status, await response.json());"},
	}
}

const secret = "lf_live_2mB4xT7qPz9KcV1sWd8LrY3nHf6Ga9f3Q"

func tip(i int) string { return "used-" + strconv.Itoa(i) }

func tones() []web.Tone {
	return []web.Tone{web.Neutral, web.Info, web.Good, web.Warn, web.Bad, web.Muted}
}

func scopeAttrs(phrase string) templ.Attributes { return templ.Attributes{"data-phrase": phrase} }

func settings(title string) web.Shell { return shell(title, "Account settings", false) }

func withCrumbs(title string) web.Shell {
	s := settings(title)
	s.Breadcrumb = []web.Crumb{{Label: "Account settings", Href: "/components"}, {Label: "API Access", Href: "/keys"}, {Label: title}}
	return s
}

func live(s web.Shell) web.Shell {
	s.Stream, s.Cursor = "/stream", "0"
	return s
}

func ranges() templ.Component {
	return web.Pills("Range", []web.Tab{
		{Label: "24 h", Href: "/detail", Active: true}, {Label: "7 d", Href: "/detail"},
		{Label: "30 d", Href: "/detail"}, {Label: "90 d", Href: "/detail"},
	})
}

func testShell() web.Shell { return shell("API Access", "Account settings", true) }

func bannerShell() web.Shell {
	s := shell("Components", "Solar leads", false)
	s.Banners = []web.Banner{{Tone: web.Warn, Title: "No TLS yet.", Text: "Passkeys and the clipboard are off on plain http.", ActionLabel: "How to fix it", ActionHref: "/login"}}
	return s
}

func rowID(i int) string { return "key-" + strconv.Itoa(i) }

func stats() []web.Stat {
	return []web.Stat{
		{Label: "Calls, 24 h", Value: "3,120", Note: "142 more than the day before"},
		{Label: "Not ok", Value: "1.4 %", Note: "44 calls"},
		{Label: "Slowest 1 %", Value: "18 ms"},
		{Label: "Addresses", Value: "3", Note: "in 7 days"},
	}
}

func extremeDays() []web.DayBar {
	return []web.DayBar{
		{Label: "Mon", OK: 1},
		{Label: "Tue", OK: 9_000_000, Errors: 1},
		{Label: "Wed", Errors: 9_000_000},
		{Label: "Thu"},
		{Label: "Fri", OK: 4_500_000, Errors: 4_500_000},
		{Label: "Sat", OK: 1, Errors: 1},
		{Label: "Sun", Errors: 1},
	}
}

func extremeBuckets() []web.Bucket {
	return []web.Bucket{
		{Label: "A", OK: 1},
		{Label: "B", OK: 1, ClientErr: 1, Limited: 1, ServerErr: 1},
		{Label: "C", OK: 12_000_000, ClientErr: 4_000_000, Limited: 2_000_000, ServerErr: 1_000_000},
		{Label: "D"},
		{Label: "E", ServerErr: 3_000_000},
	}
}

func scopeRows() []web.ChoiceRow {
	var rows []web.ChoiceRow
	for i, name := range []string{"Solar leads", "Quote requests", "Property enquiries"} {
		row := web.ChoiceRow{Label: name}
		if i == 0 {
			row.Help = "Form Quote only"
		}
		for j, v := range []string{"None", "Read", "Write"} {
			row.Cells = append(row.Cells, web.ChoiceCell{Name: "access-" + strconv.Itoa(i), Value: v, Radio: true, Label: name + ": " + v, Checked: j == i})
		}
		row.Cells = append(row.Cells,
			web.ChoiceCell{Name: "delete", Value: strconv.Itoa(i), Label: name + ": Delete", Disabled: i == 2},
			web.ChoiceCell{Name: "export", Value: strconv.Itoa(i), Label: name + ": Export", Checked: i == 1})
		rows = append(rows, row)
	}
	return rows
}
