package web

import "strings"

// Shell is everything the application frame shows around a page.
type Shell struct {
	Title        string // of the page; the frame adds environment and product
	Account      Account
	Accounts     []Account // what the person can switch to, the current one included
	Environment  Environment
	Environments []Environment
	Nav          []NavItem
	Foot         []NavItem // Help, Account Settings
	Person       Person
	Banners      []Banner
	Breadcrumb   []Crumb
	Stream       string // address of the event stream; empty: the page gets no live updates
	Cursor       string // position in the stream at which this page was rendered
	LogoutAction string // where log out posts to; empty means /logout
	Narrow       bool   // settings and reading pages: a narrower column
}

// Account is one line of the account switcher.
type Account struct {
	Name, Slug, Href string
}

// Environment is one line of the environment switcher. Test is unmistakable on screen.
type Environment struct {
	Name, Slug, Href string
	Test             bool
}

// NavItem is one link of the sidebar. Items with the same Section stand under one heading.
type NavItem struct {
	Label, Href, Icon string
	Active            bool
	Count             string // ready for people: "12", "1.2k"; empty shows none
	Section           string
}

// Person is whoever is logged in.
type Person struct {
	Name, Email string
}

// Crumb is one step of the breadcrumb. The last one is the page itself and needs no Href.
type Crumb struct {
	Label, Href string
}

// DocumentTitle puts the environment first, so that it can be read on a narrow browser tab.
func (s Shell) DocumentTitle() string {
	title := s.Title + " · Leadflip"
	if s.Environment.Test {
		title = "[" + s.Environment.Name + "] " + title
	}
	return title
}

func (s Shell) logoutAction() string {
	if s.LogoutAction == "" {
		return "/logout"
	}
	return s.LogoutAction
}

// pollURL is where the same events can be fetched once: {stream}/poll.
func pollURL(stream string) string {
	path, query, found := strings.Cut(stream, "?")
	if found {
		query = "?" + query
	}
	return path + "/poll" + query
}

// initial is the letter of a monogram.
func initial(name string) string {
	for _, r := range name {
		return string(r)
	}
	return "?"
}

// startsSection tells whether item i opens a new section of the sidebar.
func startsSection(items []NavItem, i int) bool {
	return items[i].Section != "" && (i == 0 || items[i-1].Section != items[i].Section)
}
