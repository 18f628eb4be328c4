package apikey

import (
	"net/http"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// editForm shows a key's settings. ?add=scope ticks a scope that a refused request
// lacked, and puts the cursor there; ?open=limits unfolds the limits.
func (p *pages) editForm(w http.ResponseWriter, r *http.Request) error {
	at := p.here(r)
	row, err := p.ownRow(r, at)
	if err != nil {
		return err
	}
	if row.RevokedAt != nil {
		return errs.New(errs.Conflict, "The key “%s” is revoked, and a revoked key cannot be changed.", row.Name)
	}
	form := formOf(row.Key)
	added := ""
	if s, err := account.ParseScope(r.URL.Query().Get("add")); err == nil && !row.Scopes.Allow(s) {
		added = string(s)
		form.Scopes = append(form.Scopes, added)
	}
	page, err := p.formPage(r, at, form, added)
	if err != nil {
		return err
	}
	page.Stored = &row
	page.LimitsOn = page.LimitsOn || r.URL.Query().Get("open") == "limits"
	return p.renderEdit(w, r, http.StatusOK, page)
}

func (p *pages) renderEdit(w http.ResponseWriter, r *http.Request, status int, page formPage) error {
	row := page.Stored
	return p.render(w, r, page.place, status, "Edit "+row.Name, []web.Crumb{{Label: row.Name, Href: page.key(row.ID)}, {Label: "Edit"}}, editView(page))
}

// edit saves a key's settings. Whoever lets the key do more has to have shown lately
// who they are.
func (p *pages) edit(w http.ResponseWriter, r *http.Request) error {
	at := p.here(r)
	row, err := p.ownRow(r, at)
	if err != nil {
		return err
	}
	form := readForm(r)
	in, wrong := form.settings(at.now)
	if err = errs.Invalid(wrong...); err == nil {
		err = p.proveIfWider(r, at, row.Key, in)
	}
	if err == nil {
		unchanged := func(k Key) error {
			if versionOf(k) == form.Version {
				return nil
			}
			form.Version = versionOf(k)
			return errs.New(errs.Conflict, "Somebody else changed this key while you were here. Below is what you typed; compare, and save again if it is right.")
		}
		if _, err = p.s.Edit(r.Context(), at.who, row.ID, in, unchanged, nil); err == nil {
			return web.Redirect(w, r, at.key(row.ID)+"?done=changed&key="+row.ID.String())
		}
	}
	status, ok := comesBack(w, r, err)
	if !ok {
		return err
	}
	form.fail(err)
	page, err := p.formPage(r, at, form, "")
	if err != nil {
		return err
	}
	page.Stored = &row
	return p.renderEdit(w, r, status, page)
}

// proveIfWider asks for a fresh proof of who it is when the settings let the key do
// more than before.
func (p *pages) proveIfWider(r *http.Request, at place, before Key, in Settings) error {
	after := before
	in.apply(&after, at.now)
	if after.beyond(before, before.Scopes) == "" || !account.NeedsProof(r.Context(), p.a) {
		return nil
	}
	return account.ProveFromForm(r, p.a)
}
