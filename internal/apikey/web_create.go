package apikey

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// formPage is everything around the form of a key.
type formPage struct {
	place
	Form     keyForm
	Grid     []scopeRow
	Envs     []account.Environment
	IP       string
	Stale    bool              // the password is asked for
	Notice   string            // above the form
	Preset   string            // the one that fits the ticked scopes
	Stored   *Row              // the key that is being edited
	Names    map[string]string // suggested for a key, by preset
	Added    string            // a scope that a refused request lacked
	LimitsOn bool              // show the limits unfolded
}

// Everything tells whether the key may do all there is.
func (f formPage) Everything() bool { return slices.Contains(f.Form.held(), account.All) }

// Sentence is the live sentence as the server says it first.
func (f formPage) Sentence() string {
	env := environmentSentence(f.who.Environment)
	for _, e := range f.Envs {
		if e.Slug == f.Form.Environment {
			env = environmentSentence(e)
		}
	}
	end := ""
	for _, o := range f.expiries() {
		if o.Value == f.Form.Expires {
			end = o.Sentence
		}
	}
	return sentenceOf(f.Grid, f.Form.held(), env, end)
}

// expiries are the segments of the expiry.
func (f formPage) expiries() []expiryOption {
	return f.Form.expiryOptions(f.now, f.storedKey(), f.who.Account.MaxKeyDays)
}

// expiryHelp says what there is to know about the end of a key.
func (f formPage) expiryHelp() string {
	text := "The list warns two weeks before the end; rotating then leaves no gap."
	if most := f.who.Account.MaxKeyDays; most != nil {
		text = "In this account a key lives for " + number(*most, "day") + " at most. " + text
	}
	return text
}

// formPage completes a form with what stands around it.
func (p *pages) formPage(r *http.Request, at place, form keyForm, focus string) (formPage, error) {
	entities, err := p.entities(r.Context(), at.who)
	if err != nil {
		return formPage{}, err
	}
	envs, err := p.a.Environments(r.Context(), at.who)
	if err != nil {
		return formPage{}, err
	}
	held := form.held()
	normal, _, err := account.ParseScopes(held.Strings())
	if err != nil {
		return formPage{}, err
	}
	return formPage{place: at, Form: form, Grid: scopeGrid(entities, held, focus), Envs: envs, IP: addressOf(r),
		Stale: account.NeedsProof(r.Context(), p.a), Preset: presetOf(normal), Added: focus, LimitsOn: form.limited()}, nil
}

// newForm shows the form of a new key, filled by the address:
// ?preset=&scopes=&expires=&name=&purpose=&environment=&owner=.
func (p *pages) newForm(w http.ResponseWriter, r *http.Request) error {
	at := p.here(r)
	if !at.may {
		return p.mayNot(w, r, at)
	}
	form, notice := prefill(r.URL.Query(), at)
	if form.Name != "" {
		name, err := p.freeName(r.Context(), at.who, form.Name)
		if err != nil {
			return err
		}
		form.Name = name
	}
	page, err := p.formPage(r, at, form, "")
	if err != nil {
		return err
	}
	page.Notice = notice
	return p.renderNew(w, r, http.StatusOK, page)
}

func (p *pages) renderNew(w http.ResponseWriter, r *http.Request, status int, page formPage) error {
	page.Names = map[string]string{}
	for _, preset := range presets {
		if preset.Name == "" {
			continue
		}
		name, err := p.freeName(r.Context(), page.who, preset.Name)
		if err != nil {
			return err
		}
		page.Names[preset.Slug] = name
	}
	return p.render(w, r, page.place, status, "Create API key", []web.Crumb{{Label: "Create"}}, newView(page))
}

// prefill reads the choices of an address. What it cannot use is named in the notice
// and left out; nothing of it is carried out before somebody presses Create.
func prefill(q url.Values, at place) (keyForm, string) {
	form := newKeyForm(at.who)
	var unknown []string
	if slug := q.Get("preset"); slug != "" {
		preset, ok := findPreset(slug)
		if !ok {
			unknown = append(unknown, "the preset “"+clipText(slug, 40)+"”")
		}
		form.Scopes, form.Name = preset.Scopes.Strings(), preset.Name
	}
	if texts := splitLines(strings.Join(q["scopes"], " ")); len(texts) > 0 {
		form.Scopes = nil
		for _, text := range texts {
			s, err := account.ParseScope(text)
			if err != nil {
				unknown = append(unknown, "the scope “"+clipText(text, 60)+"”")
				continue
			}
			form.Scopes = append(form.Scopes, string(s))
		}
	}
	if v := q.Get("expires"); v != "" {
		life, never, problem := ParseLife(v)
		most := at.who.Account.MaxKeyDays
		offered := slices.ContainsFunc(livesUpTo(most), func(l lifeChoice) bool { return l.value == v })
		switch {
		case problem == "" && most != nil && (never || life > time.Duration(*most)*24*time.Hour):
			unknown = append(unknown, "a longer life than this account allows")
		case problem != "":
			unknown = append(unknown, "the expiry “"+clipText(v, 40)+"”")
		case never || offered:
			form.Expires = strings.ToLower(v)
		default:
			form.Expires, form.Date = expiresDate, at.now.Add(life).Format(dateFormat)
		}
	}
	if v := q.Get("name"); v != "" {
		form.Name = clipText(v, 4*maxName)
	}
	form.Purpose = clipText(q.Get("purpose"), 4*maxPurpose)
	if v := q.Get("environment"); v != "" {
		form.Environment = v
	}
	if q.Get("owner") == ownerService {
		form.Owner = ownerService
	}
	if len(unknown) == 0 {
		return form, ""
	}
	return form, "The link asked for something that is not there, so it was left out: " + strings.Join(unknown, ", ") + "."
}

// freeName is name, or name with a number when a living key has it.
func (p *pages) freeName(ctx context.Context, who account.Principal, name string) (string, error) {
	for n := 1; n < 100; n++ {
		candidate := name
		if n > 1 {
			candidate = name + " " + strconv.Itoa(n)
		}
		taken, err := nameInUse(ctx, p.s.db, Key{Environment: who.Environment, Name: candidate, Family: id.New()}, p.s.db.Now())
		if err != nil || !taken {
			return candidate, err
		}
	}
	return name, nil
}

// create makes the key and answers with the one page that shows it. The answer is no
// redirect, because the secret must not wait anywhere; the form's nonce keeps a
// reload from making a second key.
func (p *pages) create(w http.ResponseWriter, r *http.Request) error {
	at := p.here(r)
	if !at.may {
		return p.mayNot(w, r, at)
	}
	form := readForm(r)
	send := newOnce(at.who, newPattern, form.Nonce, typed(r.PostForm))
	if done, err := p.alreadyMade(w, r, at, send, &form); done || err != nil {
		return err
	}
	target, in, err := p.checked(r, at, &form)
	if err == nil {
		var made Key
		var secret Secret
		made, secret, err = p.s.Create(r.Context(), target.who, in, form.Owner == ownerService, func(ctx context.Context, tx *db.Tx, k Key) error { return send.spend(ctx, tx, k.ID) })
		if err == nil {
			return p.reveal(w, r, at, target, made, secret, nil)
		}
		// Another press of the same button may have been first.
		if done, serr := p.alreadyMade(w, r, at, send, &form); done || serr != nil {
			return serr
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
	return p.renderNew(w, r, status, page)
}

// checked reads the form's choices and asks for a fresh proof of who it is.
func (p *pages) checked(r *http.Request, at place, form *keyForm) (place, Settings, error) {
	in, wrong := form.settings(at.now)
	envs, err := p.a.Environments(r.Context(), at.who)
	if err != nil {
		return at, in, err
	}
	i := slices.IndexFunc(envs, func(e account.Environment) bool { return e.Slug == form.Environment })
	if i < 0 {
		wrong = append(wrong, errs.Field{Pointer: "/environment", Code: "invalid", Detail: "Choose one of the environments."})
	} else {
		at = at.in(envs[i])
	}
	if form.Owner != ownerMe && form.Owner != ownerService {
		wrong = append(wrong, errs.Field{Pointer: "/owner", Code: "invalid", Detail: "Choose who the key belongs to."})
	}
	if err := errs.Invalid(wrong...); err != nil {
		return at, in, err
	}
	if account.NeedsProof(r.Context(), p.a) {
		return at, in, account.ProveFromForm(r, p.a)
	}
	return at, in, nil
}

// alreadyMade answers a form that was sent before. When something else was typed this
// time, it comes back with a new nonce instead, for another key.
func (p *pages) alreadyMade(w http.ResponseWriter, r *http.Request, at place, send once, form *keyForm) (bool, error) {
	notice := "This form is incomplete or out of date, so nothing was made. Please press Create again."
	if send.valid() {
		made, same, ok, err := send.spent(r.Context(), p.s.db)
		if err != nil || !ok {
			return false, err
		}
		if form == nil || same {
			return true, p.shown(w, r, at, made)
		}
		notice = "This form made a key before, and you have changed it since. Press Create again if you want another key."
	}
	if form == nil {
		return true, errs.New(errs.Conflict, "This form is incomplete or out of date, so nothing was made. Open it again.")
	}
	form.Nonce = newNonce()
	page, err := p.formPage(r, at, *form, "")
	if err != nil {
		return true, err
	}
	page.Notice = notice
	return true, p.renderNew(w, r, http.StatusUnprocessableEntity, page)
}

// shown says that a key was shown already. The key may be of another environment.
func (p *pages) shown(w http.ResponseWriter, r *http.Request, at place, made id.ID) error {
	envs, err := p.a.Environments(r.Context(), at.who)
	if err != nil {
		return err
	}
	for _, e := range envs {
		there := at.in(e)
		k, err := p.s.Get(r.Context(), there.who, made)
		if errs.CodeOf(err) == errs.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		return p.render(w, r, at, http.StatusOK, "Already shown", []web.Crumb{{Label: k.Name}}, shownView(there, k))
	}
	return errs.NotFoundf("API key")
}

// revealPage is the one page that has a key in it.
type revealPage struct {
	place  // of the key
	Key    Key
	Secret string
	Base   string // the instance's public address
	Entity string // that the key may send leads to; "" when it may not
	Old    *Rotation
	Grid   []scopeRow
}

// reveal answers with the key, this once.
func (p *pages) reveal(w http.ResponseWriter, r *http.Request, at, there place, k Key, secret Secret, old *Rotation) error {
	entities, err := p.entities(r.Context(), there.who)
	if err != nil {
		return err
	}
	page := revealPage{place: there, Key: k, Secret: secret.Reveal(), Base: baseURL(r), Entity: writable(k.Scopes, entities), Old: old, Grid: scopeGrid(entities, k.Scopes, "")}
	w.Header().Set("Cache-Control", "no-store")
	return p.render(w, r, at, http.StatusOK, k.Name+" is ready", []web.Crumb{{Label: k.Name}}, revealView(page))
}

// writable picks an entity that the scopes may send leads to, for the example.
func writable(scopes account.Scopes, entities []EntityName) string {
	for _, e := range entities {
		if scopes.AllowFor("leads", e.Slug, "write") {
			return e.Slug
		}
	}
	return ""
}

// Sentence says what the new key can do.
func (v revealPage) Sentence() string {
	end := "Never ends."
	if v.Key.ExpiresAt != nil {
		end = endSentence(*v.Key.ExpiresAt, v.now)
	}
	return sentenceOf(v.Grid, v.Key.Scopes, environmentSentence(v.Key.Environment), end)
}

// mayNot tells a member who may not change keys who may.
func (p *pages) mayNot(w http.ResponseWriter, r *http.Request, at place) error {
	names, err := p.managers(r.Context(), at.who)
	if err != nil {
		return err
	}
	return p.render(w, r, at, http.StatusForbidden, "Create API key", []web.Crumb{{Label: "Create"}}, mayNotView(at, names))
}

// managers are the members who may change keys.
func (p *pages) managers(ctx context.Context, who account.Principal) ([]account.Person, error) {
	members, err := p.a.Members(ctx, who)
	var out []account.Person
	for _, m := range members {
		if m.Role.Manages() && m.SuspendedAt == nil {
			out = append(out, m.Person)
		}
	}
	return out, err
}
