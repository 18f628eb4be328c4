package apikey

import (
	"slices"
	"strings"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// EntityName is what the pages know of an entity.
type EntityName struct{ Slug, Name string }

// preset is a set of scopes for a purpose, one click from a key.
type preset struct {
	Slug   string
	Icon   string
	Title  string
	Text   string // what it is for
	Name   string // suggested for the key
	Scopes account.Scopes
}

// presetCustom is the preset of every other choice of scopes.
const presetCustom = "custom"

// presets are the ones offered, the simplest first. The first two and the fourth are
// also the cards of the empty page.
var presets = []preset{
	{"website", "globe", "Website form", "A form on your site sends leads in. It can read nothing.", "Website form", account.Scopes{"leads:write"}},
	{"report", "chart", "Read-only report", "A dashboard or a sheet reads leads. It can change nothing.", "Report", account.Scopes{"entities:read", "leads:read"}},
	{"automation", "bolt", "n8n, Zapier, Make", "A workflow creates, reads and changes leads and hears of events.", "Automation", account.Scopes{"entities:read", "events:read", "leads:read", "leads:write"}},
	{"server", "server", "Server capture", "Your backend sends leads, reads them back, and asks which fields there are.", "Website server", DefaultScopes},
	{"sync", "rotate", "Full sync", "Another system keeps a copy of all leads, both ways.", "Sync", account.Scopes{"entities:read", "events:read", "forms:read", "leads:delete", "leads:export", "leads:read", "leads:write", "submissions:read"}},
	{presetCustom, "filter", "Custom", "Tick what it may do yourself.", "", nil},
}

// firstPresets are the cards of the empty page.
var firstPresets = []string{"website", "report", "automation"}

func findPreset(slug string) (preset, bool) {
	i := slices.IndexFunc(presets, func(p preset) bool { return p.Slug == slug })
	if i < 0 {
		return preset{}, false
	}
	return presets[i], true
}

// presetOf names the preset that has exactly these scopes.
func presetOf(scopes account.Scopes) string {
	for _, p := range presets {
		if p.Slug != presetCustom && p.Scopes.String() == scopes.String() {
			return p.Slug
		}
	}
	return presetCustom
}

// scopeRow is one line of the grid of scopes.
type scopeRow struct {
	Label  string
	Help   string
	Narrow bool // a part of the row "All leads"
	Cells  []scopeCell
}

// scopeCell is one box of the grid; a zero one is a gap.
type scopeCell struct {
	Scope   account.Scope
	Verb    string // Read, Write, Delete, Export
	Phrase  string // for the live sentence, see web.Sentence
	Covers  string // the scope whose box makes this one superfluous
	Checked bool
	Focus   bool
}

// scopeColumns are the columns of the grid.
var scopeColumns = []string{"Read", "Write", "Delete", "Export"}

// scopePhrases say what a verb means, as web.Sentence reads it.
var scopePhrases = map[string]string{"read": "read", "write": "create,change", "delete": "delete", "export": "export"}

// scopeGrid lays out every scope there is, with the account's own entities by name.
// Scopes that are held but fit nowhere (an entity that is gone) get lines of their own.
func scopeGrid(entities []EntityName, held account.Scopes, focus string) []scopeRow {
	rows := []scopeRow{scopeLine("leads", "", "All leads", "all leads", "Of every entity, also of those made later", held)}
	for _, e := range entities {
		rows = append(rows, scopeLine("leads", e.Slug, e.Name, "“"+e.Name+"”", "", held))
	}
	for _, s := range held {
		resource, narrow, verb := s.Parts()
		known := narrow == "" || resource == "leads" && slices.ContainsFunc(entities, func(e EntityName) bool { return e.Slug == narrow })
		if known || slices.ContainsFunc(rows, func(r scopeRow) bool { return r.has(s) }) {
			continue
		}
		if resource == "leads" {
			rows = append(rows, scopeLine("leads", narrow, narrow, "“"+narrow+"”", "There is no such entity at the moment", held))
			continue
		}
		rows = append(rows, scopeRow{Label: "Form " + narrow, Narrow: true, Cells: gap(scopeCell{Scope: s, Verb: "Write", Phrase: scopePhrases[verb] + "|submissions of form “" + narrow + "”", Checked: true})})
	}
	rows = append(rows,
		scopeLine("entities", "", "Entities", "entities", "Fields, pipelines and statuses", held),
		scopeLine("forms", "", "Forms", "forms", "", held),
		scopeLine("submissions", "", "Submissions", "submissions", "What visitors sent", held),
		scopeLine("events", "", "Events", "events", "What happened, as it happens", held),
		scopeLine("keys", "", "API keys", "API keys", "Never beyond what this key may do itself", held))
	for i := range rows {
		for j := range rows[i].Cells {
			rows[i].Cells[j].Focus = focus != "" && string(rows[i].Cells[j].Scope) == focus
		}
	}
	return rows
}

// gap puts the only cell of a line under its column.
func gap(c scopeCell) []scopeCell {
	cells := make([]scopeCell, len(scopeColumns))
	cells[slices.Index(scopeColumns, c.Verb)] = c
	return cells
}

func scopeLine(resource, narrow, label, object, help string, held account.Scopes) scopeRow {
	row := scopeRow{Label: label, Help: help, Narrow: narrow != "", Cells: make([]scopeCell, len(scopeColumns))}
	for i, column := range scopeColumns {
		verb := strings.ToLower(column)
		plain := account.Scope(resource + ":" + verb)
		if !slices.Contains(account.AllScopes(), plain) {
			continue
		}
		c := scopeCell{Scope: plain, Verb: column, Phrase: scopePhrases[verb] + "|" + object}
		if narrow != "" {
			c.Scope, c.Covers = account.Scope(resource+"."+narrow+":"+verb), string(plain)
		}
		c.Checked = slices.Contains(held, c.Scope)
		row.Cells[i] = c
	}
	return row
}

func (r scopeRow) has(s account.Scope) bool {
	return slices.ContainsFunc(r.Cells, func(c scopeCell) bool { return c.Scope == s })
}

// phraseAll is what a key with every right can do.
const phraseAll = "do everything"

// phrases say what a set of scopes allows, for web.Sentence.
func phrases(grid []scopeRow, held account.Scopes) []string {
	if slices.Contains(held, account.All) {
		return []string{phraseAll}
	}
	var out []string
	for _, row := range grid {
		for _, c := range row.Cells {
			if c.Checked && !slices.Contains(held, account.Scope(c.Covers)) {
				out = append(out, c.Phrase)
			}
		}
	}
	return out
}

// sentenceOf says what a key can do, where and until when.
func sentenceOf(grid []scopeRow, held account.Scopes, about ...string) string {
	return web.Sentence(phrases(grid, held), slices.DeleteFunc(about, func(s string) bool { return s == "" }))
}

// environmentSentence says where a key works.
func environmentSentence(e account.Environment) string {
	if e.Kind == account.Test {
		return "Works in " + e.Name + " only, a test environment."
	}
	return "Works in " + e.Name + " only."
}
