package account

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/web"
)

// Base is the address of the principal's environment, under which its pages stand.
func Base(who Principal) string { return "/app/" + who.Account.Slug + "/" + who.Environment.Slug }

// settingsTabs are the pages of Account Settings in their order.
var settingsTabs = []struct{ slug, label string }{
	{"general", "General"}, {"members", "Members"}, {"api-access", "API Access"}, {"environments", "Environments"}, {"security", "Security"}, {"audit", "Audit log"},
}

// SettingsTabs is the bar over the pages of Account Settings. active is the last part
// of the page's address, for example api-access.
func SettingsTabs(who Principal, active string) []web.Tab {
	var tabs []web.Tab
	for _, t := range settingsTabs {
		if t.slug == "audit" && !who.Role.Manages() {
			continue
		}
		tabs = append(tabs, web.Tab{Label: t.label, Href: Base(who) + "/settings/" + t.slug, Active: t.slug == active})
	}
	return tabs
}

// Shell makes the frame of a page: who and where one is, and how to get elsewhere.
// active is the sidebar item the page belongs to: leads/<entity>, settings or help.
// What other rooms know (the entities, the cursor of the stream) is left to them.
func (s *Service) Shell(r *http.Request, active string) (web.Shell, error) {
	who, ok := From(r.Context())
	if !ok || who.Person == nil {
		return web.Shell{}, errors.New("account: a page in the application frame without the guard before it")
	}
	places, envs, err := s.placesOf(r.Context(), who.Person.ID)
	if err != nil {
		return web.Shell{}, err
	}
	page := samePage(r.URL.EscapedPath(), Base(who), active)
	shell := web.Shell{
		Account: web.Account{Name: who.Account.Name, Slug: who.Account.Slug, Href: Base(who) + "/leads"},
		Person:  web.Person{Name: who.Person.Name, Email: who.Person.Email},
		Foot: []web.NavItem{
			{Label: "Help", Href: "/help", Icon: "question", Active: active == "help"},
			{Label: "Account Settings", Href: Base(who) + "/settings", Icon: "cog", Active: active == "settings"},
		},
		Stream: Base(who) + "/stream",
	}
	for _, e := range envs {
		if e.AccountID == who.Account.ID {
			there := who
			there.Environment = e
			shell.Environments = append(shell.Environments, web.Environment{Name: e.Name, Slug: e.Slug, Href: Base(there) + page, Test: e.Kind == Test})
		}
	}
	shell.Environment = web.Environment{Name: who.Environment.Name, Slug: who.Environment.Slug, Href: Base(who) + page, Test: who.Environment.Kind == Test}
	for _, m := range places {
		if m.Account.ID == who.Account.ID {
			shell.Accounts = append(shell.Accounts, shell.Account)
		} else if path, ok := firstPage(m.Account, envs); ok {
			shell.Accounts = append(shell.Accounts, web.Account{Name: m.Account.Name, Slug: m.Account.Slug, Href: path})
		}
	}
	if !web.Secure(r) {
		shell.Banners = append(shell.Banners, web.Banner{Tone: web.Warn, Title: "This connection is not encrypted.",
			Text: "Others on the network can read what you see and type here. The operator can switch on HTTPS."})
	}
	return shell, nil
}

// firstPage is where somebody lands in an account: the leads of its first environment.
func firstPage(a Account, envs []Environment) (string, bool) {
	i := slices.IndexFunc(envs, func(e Environment) bool { return e.AccountID == a.ID })
	if i < 0 {
		return "", false
	}
	return Base(Principal{Account: a, Environment: envs[i]}) + "/leads", true
}

// samePage is the part of an address after its environment that makes sense in
// another environment too: the settings tab, the leads of an entity, else all leads.
// A single key or lead exists in one environment only.
func samePage(path, base, active string) string {
	rest := strings.TrimPrefix(path, base)
	if tab, ok := strings.CutPrefix(rest, "/settings/"); ok {
		tab, _, _ = strings.Cut(tab, "/")
		for _, t := range settingsTabs {
			if t.slug == tab {
				return "/settings/" + tab
			}
		}
		return "/settings"
	}
	if rest == "/"+active && strings.HasPrefix(active, "leads/") {
		return rest
	}
	return "/leads"
}
