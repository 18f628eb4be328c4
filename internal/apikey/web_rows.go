package apikey

import (
	"strconv"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// What the rows of the list say.

// menu is what can be done with a key from its row.
func (l listPage) menu(r Row) []web.MenuItem {
	page, back := l.key(r.ID), []web.Hidden{{Name: "back", Value: l.listBack()}}
	items := []web.MenuItem{{Label: "Open", Icon: "eye", Href: page}}
	ended := r.Ended(l.now)
	if r.RevokedAt == nil {
		items = append(items, web.MenuItem{Label: "Edit", Icon: "pencil", Href: page + "/edit"})
	}
	if !ended && r.ReplacedBy.IsNil() {
		items = append(items, web.MenuItem{Label: "Rotate", Icon: "rotate", Href: page + "/rotate"})
	}
	switch {
	case ended:
	case r.DisabledAt != nil:
		items = append(items, web.MenuItem{Label: "Enable", Icon: "play", Post: page + "/enable", Hidden: back})
	default:
		items = append(items, web.MenuItem{Label: "Disable", Icon: "pause", Post: page + "/disable", Hidden: back})
	}
	if r.RevokedAt == nil {
		items = append(items, web.MenuItem{Label: "Revoke", Icon: "trash", Href: page + "/revoke", Danger: true, Rule: true})
	}
	return items
}

// listBack is this very list, for forms that lead back to it.
func (l listPage) listBack() string { return l.Query.href(l.list()) }

func (l listPage) countText() string {
	all := l.Active
	if l.Query.Tab == tabEnded {
		all = l.Ended
	}
	switch {
	case l.Found > len(l.Rows):
		return "The first " + web.Count(len(l.Rows)) + " of " + number(l.Found, "key") + "."
	case l.Found == all:
		return number(all, "key")
	}
	return web.Count(l.Found) + " of " + number(all, "key")
}

// presetCards are the ways to begin on the empty page.
func (l listPage) presetCards() []web.Preset {
	var out []web.Preset
	for _, slug := range firstPresets {
		p, _ := findPreset(slug)
		out = append(out, web.Preset{Icon: p.Icon, Title: p.Title, Text: p.Text, Href: l.list() + "/new?preset=" + p.Slug})
	}
	return out
}

// mayCreateText names who may create keys.
func mayCreateText(managers []account.Person) string {
	names := make([]string, len(managers))
	for i, m := range managers {
		names[i] = m.Name
	}
	switch n := len(names); n {
	case 0:
		return "Owners and admins of this account create and change keys."
	case 1:
		return names[0] + " creates and changes keys here. Ask them when you need one."
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1] + " create and change keys here. Ask one of them when you need one."
	}
}

func callsSince(o *OldHalf) string {
	if o.CallsSince == 0 {
		return "no calls since"
	}
	return calls(o.CallsSince) + " since"
}

// silence says whether the old half can be ended.
func silence(o *OldHalf, now time.Time) string {
	if o.SilentFor == nil {
		if o.LastUse != nil && o.CallsSince > 0 {
			return "last call " + web.Relative(o.LastUse.At, now)
		}
		return "wait a few hours to be sure"
	}
	return "safe to end: silent for " + spanText(now.Sub(*o.SilentFor))
}

// longScope is the length from which a scope does not fit its chip.
const longScope = 18

func scopeLines(scopes account.Scopes) string {
	lines := make([]string, len(scopes))
	for i, s := range scopes {
		lines[i] = scopeText(s)
	}
	return strings.Join(lines, "\n")
}

// callTitle is everything about a call, for the title of its line.
func callTitle(c Call) string {
	text := c.Method + " " + c.Route + " answered " + strconv.Itoa(c.Status)
	if c.UserAgent != "" {
		text += "\n" + c.UserAgent
	}
	return text
}

func dayBars(r Row) []web.DayBar {
	out := make([]web.DayBar, len(r.Days))
	for i, d := range r.Days {
		out[i] = web.DayBar{Label: d.Date.UTC().Format("Mon 2 Jan"), OK: d.OK, Errors: d.Errors()}
	}
	return out
}
