package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// entityNames lets the key pages name the account's entities.
func (a *App) entityNames(ctx context.Context, who account.Principal) ([]apikey.EntityName, error) {
	entities, err := a.Entities.List(ctx, who)
	names := make([]apikey.EntityName, 0, len(entities))
	for _, e := range entities {
		names = append(names, apikey.EntityName{Slug: e.Slug, Name: e.Name})
	}
	return names, err
}

// shell completes the account room's frame with what only this place knows: the
// entities in the sidebar, the banner for exposed keys, and where live updates begin.
func (a *App) shell(r *http.Request, active string) (web.Shell, error) {
	ctx := r.Context()
	shell, err := a.Accounts.Shell(r, active)
	if err != nil {
		return shell, err
	}
	who, _ := account.From(ctx)
	entities, err := a.Entities.List(ctx, who)
	if err != nil {
		return shell, err
	}
	base := account.Base(who)
	for _, e := range entities {
		shell.Nav = append(shell.Nav, web.NavItem{Section: "Leads", Label: e.Name, Href: base + "/leads/" + e.Slug, Icon: "inbox", Active: active == "leads/"+e.Slug})
	}
	// The page of the keys names them itself.
	if who.Role.Manages() && !strings.HasPrefix(r.URL.Path, base+"/settings/api-access") {
		n, err := a.Keys.Exposures(ctx, who)
		if err != nil {
			return shell, err
		}
		if n > 0 {
			text, action := "An API key was seen where it can leak. Rotate or revoke it.", "Look at it"
			if n > 1 {
				text, action = fmt.Sprintf("%d API keys were seen where they can leak. Rotate or revoke them.", n), "Look at them"
			}
			shell.Banners = append(shell.Banners, web.Banner{Tone: web.Bad, Text: text, ActionLabel: action, ActionHref: base + "/settings/api-access?status=exposed"})
		}
	}
	head, err := event.Head(ctx, a.db, who.Environment.ID)
	shell.Cursor = head.String()
	return shell, err
}
