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

// confirmName is the field that the name is typed into.
const confirmName = "confirm"

// revokePage asks before a key ends for good.
type revokePage struct {
	place
	Row       Row
	Routes    []RouteCount
	Addresses []AddressCount
	Half      bool   // the key is the old half of a rotation
	Since     int    // of the old half: calls since the rotation
	TypeName  string // has to be typed; "" when one click is enough
	Error     string
}

// Title is the question.
func (v revokePage) Title() string {
	if v.Half {
		return "End the old key of “" + v.Row.Name + "” now?"
	}
	return "Revoke “" + v.Row.Name + "”?"
}

// Text says what would happen.
func (v revokePage) Text() string {
	calls24, stop := v.Row.Last24h.Total(), "Whatever uses it stops working with the next call. This cannot be undone."
	switch {
	case v.Half && v.Since == 0:
		return "Nothing has used it since the rotation. The new key goes on working."
	case v.Half:
		return "It was still used " + number(v.Since, "time") + " since the rotation. Those callers stop working with their next call; the new key goes on."
	case v.TypeName == "":
		return "It was not used in the last 7 days, so nothing should break. This cannot be undone."
	case calls24 == 0:
		return "It was used this week. " + stop
	}
	return "It is in use: " + calls(calls24) + " in the last 24 hours. " + stop
}

// usedLately tells whether something would break if a key ended.
func usedLately(r Row, now time.Time) bool {
	return r.Last7d.Total() > 0 || r.LastUse != nil && now.Sub(r.LastUse.At) < 7*24*time.Hour
}

// revokePage reads what the question shows.
func (p *pages) revokePage(r *http.Request, at place) (revokePage, error) {
	row, err := p.ownRow(r, at)
	if err != nil {
		return revokePage{}, err
	}
	if row.RevokedAt != nil {
		return revokePage{}, errs.New(errs.Conflict, "The key “%s” is revoked already.", row.Name)
	}
	page := revokePage{place: at, Row: row}
	if usedLately(row, at.now) {
		page.TypeName = row.Name
	}
	if !row.ReplacedBy.IsNil() {
		next, err := p.s.RowOf(r.Context(), at.who, row.ReplacedBy)
		if err != nil {
			return page, err
		}
		if next.Old != nil {
			page.Half, page.Since = true, next.Old.CallsSince
			if next.Old.SilentFor != nil || next.Old.CallsSince == 0 {
				page.TypeName = ""
			}
		}
	}
	rep, err := p.s.UsageReport(r.Context(), at.who, row.ID, "7d")
	if err != nil {
		return page, err
	}
	page.Routes, page.Addresses = rep.Routes[:min(len(rep.Routes), shownAddresses)], rep.Addresses[:min(len(rep.Addresses), shownAddresses)]
	return page, nil
}

func (p *pages) revokeForm(w http.ResponseWriter, r *http.Request) error {
	page, err := p.revokePage(r, p.here(r))
	if err != nil {
		return err
	}
	return p.renderRevoke(w, r, http.StatusOK, page)
}

func (p *pages) renderRevoke(w http.ResponseWriter, r *http.Request, status int, page revokePage) error {
	crumbs := []web.Crumb{{Label: page.Row.Name, Href: page.key(page.Row.ID)}, {Label: "Revoke"}}
	return p.render(w, r, page.place, status, "Revoke "+page.Row.Name, crumbs, revokeView(page))
}

// revoke ends a key for good, with the old half of its rotation when asked to. A key
// that was used this week ends only when its name was typed.
func (p *pages) revoke(w http.ResponseWriter, r *http.Request) error {
	at := p.here(r)
	page, err := p.revokePage(r, at)
	if err != nil {
		return err
	}
	if page.TypeName != "" && account.Fold(r.PostFormValue(confirmName)) != account.Fold(page.TypeName) {
		page.Error = "Type the name as it stands above, to show that you mean this key."
		return p.renderRevoke(w, r, http.StatusUnprocessableEntity, page)
	}
	if page.Row.Old != nil && r.PostFormValue("old") != "" {
		if _, err := p.s.Revoke(r.Context(), at.who, page.Row.Old.ID, nil); err != nil {
			return err
		}
	}
	out, err := p.s.Revoke(r.Context(), at.who, page.Row.ID, nil)
	if err != nil {
		return err
	}
	switch {
	case len(out.Made) > 0: // its page lists them
		return web.Redirect(w, r, at.key(page.Row.ID)+"?done=revoked&key="+page.Row.ID.String()+"#made")
	case page.Half:
		return web.Redirect(w, r, at.key(page.Row.ReplacedBy)+"?done=ended&key="+page.Row.ReplacedBy.String())
	}
	return web.Redirect(w, r, at.list()+"?done=revoked&key="+page.Row.ID.String())
}

func (p *pages) disable(w http.ResponseWriter, r *http.Request) error {
	return p.switchKey(w, r, "disabled", p.s.Disable)
}

func (p *pages) enable(w http.ResponseWriter, r *http.Request) error {
	return p.switchKey(w, r, "enabled", p.s.Enable)
}

// switchKey disables or enables a key, both halves of a rotation together.
func (p *pages) switchKey(w http.ResponseWriter, r *http.Request, done string, do func(context.Context, account.Principal, id.ID, Then[Key]) (Key, error)) error {
	at := p.here(r)
	row, err := p.ownRow(r, at)
	if err != nil {
		return err
	}
	if row.Old != nil {
		if _, err := do(r.Context(), at.who, row.Old.ID, nil); err != nil {
			return err
		}
	}
	if _, err := do(r.Context(), at.who, row.ID, nil); err != nil {
		return err
	}
	return web.Redirect(w, r, at.back(r, done, row.ID))
}

// rotatePage asks how long the old key goes on working.
type rotatePage struct {
	place
	Row     Row
	Overlap string
	Nonce   string
	Stale   bool
	Errors  map[string]string
	Problem string
}

// overlaps are the lengths of overlap offered.
var overlaps = []struct{ value, label string }{{"0", "None"}, {"1h", "1 h"}, {"24h", "24 h"}, {"7d", "7 d"}, {"30d", "30 d"}}

// overlapOptions are the segments, each with what it means.
func (v rotatePage) overlapOptions() []expiryOption {
	var out []expiryOption
	for _, o := range overlaps {
		overlap, _ := ParseOverlap(o.value)
		end := v.now.Add(overlap)
		if e := v.Row.ExpiresAt; e != nil && end.After(*e) {
			end = *e
		}
		text := "The old key works until " + momentText(end) + "."
		if overlap == 0 {
			text = "The old key stops at once."
		}
		out = append(out, expiryOption{o.value, o.label, text})
	}
	return out
}

// Life says how long the new key lives.
func (v rotatePage) Life() string {
	k, most := v.Row.Key, v.who.Account.MaxKeyDays
	if k.ExpiresAt == nil && most == nil {
		return "The new key never ends, like the old one."
	}
	var life time.Duration
	if k.ExpiresAt != nil {
		life = k.ExpiresAt.Sub(k.CreatedAt)
	}
	if most != nil {
		if longest := time.Duration(*most) * 24 * time.Hour; life == 0 || life > longest {
			return "The new key ends " + v.now.Add(longest).UTC().Format("Mon 2 Jan 2006") + ": longer lives are not allowed in this account."
		}
	}
	return "The new key ends " + v.now.Add(life).UTC().Format("Mon 2 Jan 2006") + ": the same length of life, begun anew."
}

// Sentence is the one of the chosen overlap.
func (v rotatePage) Sentence() string {
	for _, o := range v.overlapOptions() {
		if o.Value == v.Overlap {
			return o.Sentence
		}
	}
	return ""
}

func (p *pages) rotatePage(r *http.Request, at place) (rotatePage, error) {
	row, err := p.ownRow(r, at)
	if err != nil {
		return rotatePage{}, err
	}
	page := rotatePage{place: at, Row: row, Overlap: "24h", Nonce: newNonce(), Stale: account.NeedsProof(r.Context(), p.a), Errors: map[string]string{}}
	if row.ExposedAt != nil {
		page.Overlap = "1h"
	}
	return page, nil
}

func (p *pages) rotateForm(w http.ResponseWriter, r *http.Request) error {
	at := p.here(r)
	page, err := p.rotatePage(r, at)
	if err != nil {
		return err
	}
	if !page.Row.ReplacedBy.IsNil() { // rotate the new one instead
		return web.Redirect(w, r, at.key(page.Row.ReplacedBy)+"/rotate")
	}
	if page.Row.Ended(at.now) {
		return errs.New(errs.Conflict, "The key “%s” has ended, so there is nothing to rotate. Make a new one.", page.Row.Name)
	}
	return p.renderRotate(w, r, http.StatusOK, page)
}

func (p *pages) renderRotate(w http.ResponseWriter, r *http.Request, status int, page rotatePage) error {
	crumbs := []web.Crumb{{Label: page.Row.Name, Href: page.key(page.Row.ID)}, {Label: "Rotate"}}
	return p.render(w, r, page.place, status, "Rotate "+page.Row.Name, crumbs, rotateView(page))
}

// rotate makes the new half and answers with the one page that shows it.
func (p *pages) rotate(w http.ResponseWriter, r *http.Request) error {
	at := p.here(r)
	page, err := p.rotatePage(r, at)
	if err != nil {
		return err
	}
	send := newOnce(at.who, rotatePattern, r.PostFormValue("nonce"), page.Row.ID.String())
	if done, err := p.alreadyMade(w, r, at, send, nil); done || err != nil {
		return err
	}
	page.Nonce, page.Overlap = send.nonce, r.PostFormValue("overlap")
	overlap, problem := ParseOverlap(page.Overlap)
	if problem != "" {
		err = errs.Invalid(errs.Field{Pointer: "/overlap", Code: "invalid", Detail: problem})
	} else if page.Stale {
		err = account.ProveFromForm(r, p.a)
	}
	if err == nil {
		var out Rotation
		var secret Secret
		out, secret, err = p.s.Rotate(r.Context(), at.who, page.Row.ID, overlap, func(ctx context.Context, tx *db.Tx, r Rotation) error { return send.spend(ctx, tx, r.New.ID) })
		if err == nil {
			return p.reveal(w, r, at, at, out.New, secret, &out)
		}
		if done, serr := p.alreadyMade(w, r, at, send, nil); done || serr != nil {
			return serr
		}
	}
	status, ok := comesBack(w, r, err)
	if !ok {
		return err
	}
	page.Stale = account.NeedsProof(r.Context(), p.a)
	page.Errors, page.Problem = web.FieldErrors(err)
	return p.renderRotate(w, r, status, page)
}

// bulkPage asks before several keys are disabled or revoked.
type bulkPage struct {
	place
	Rows     []Row
	Revoke   bool
	TypeName string
	Error    string
}

// Title is the question.
func (v bulkPage) Title() string {
	if v.Revoke {
		return "Revoke " + number(len(v.Rows), "key") + "?"
	}
	return "Disable " + number(len(v.Rows), "key") + "?"
}

// Text says what would happen.
func (v bulkPage) Text() string {
	used := 0
	for _, r := range v.Rows {
		if usedLately(r, v.now) {
			used++
		}
	}
	text := "None of them was used in the last 7 days."
	switch {
	case used == 1:
		text = "One of them was used in the last 7 days; whatever uses it stops working with the next call."
	case used > 1:
		text = strconv.Itoa(used) + " of them were used in the last 7 days; whatever uses them stops working with the next call."
	}
	if v.Revoke {
		return text + " This cannot be undone."
	}
	return text + " You can enable them again."
}

// bulk asks first, and on a second sending with the answer changes all chosen keys.
func (p *pages) bulk(w http.ResponseWriter, r *http.Request) error {
	at := p.here(r)
	if err := mayWrite(at.who); err != nil {
		return err
	}
	all, err := p.s.Overview(r.Context(), at.who)
	if err != nil {
		return err
	}
	page := bulkPage{place: at, Revoke: r.PostFormValue("do") == "revoke"}
	chosen := r.PostForm["pick"]
	for _, row := range all {
		if slices.Contains(chosen, row.ID.String()) && row.RevokedAt == nil && (page.Revoke || row.DisabledAt == nil) {
			page.Rows = append(page.Rows, row)
			if page.Revoke && usedLately(row, at.now) {
				page.TypeName = "revoke"
			}
		}
	}
	if len(page.Rows) == 0 {
		return web.Redirect(w, r, at.list())
	}
	if page.TypeName != "" {
		page.TypeName += " " + number(len(page.Rows), "key")
	}
	confirmed := r.PostFormValue("confirmed") != ""
	if confirmed && page.TypeName != "" && account.Fold(r.PostFormValue(confirmName)) != page.TypeName {
		page.Error = "Type it as it stands above, to show that you mean these keys."
		confirmed = false
	}
	if !confirmed {
		status := http.StatusOK
		if page.Error != "" {
			status = http.StatusUnprocessableEntity
		}
		return p.render(w, r, at, status, page.Title(), []web.Crumb{{Label: strings.TrimSuffix(page.Title(), "?")}}, bulkView(page))
	}
	for _, row := range page.Rows {
		if err := p.changeBoth(r.Context(), at.who, row, page.Revoke); err != nil {
			return err
		}
	}
	done := url.Values{"done": {"disabled"}, "n": {strconv.Itoa(len(page.Rows))}}
	if page.Revoke {
		done.Set("done", "revoked")
	}
	return web.Redirect(w, r, at.list()+"?"+done.Encode())
}

// changeBoth disables or revokes a key, and the old half of its rotation with it.
func (p *pages) changeBoth(ctx context.Context, who account.Principal, row Row, revoke bool) error {
	keys := []id.ID{row.ID}
	if row.Old != nil {
		keys = []id.ID{row.Old.ID, row.ID}
	}
	for _, k := range keys {
		var err error
		if revoke {
			_, err = p.s.Revoke(ctx, who, k, nil)
		} else {
			_, err = p.s.Disable(ctx, who, k, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
