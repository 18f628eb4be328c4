package apikey

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/web"
)

var allStatuses = []Status{StatusRevoked, Expired, Exposed, Disabled, Rejections, RateLimited, Rotating, Expiring, Idle, NeverUsed, Active}

// rowIn is a row of which every status can be said.
func rowIn(now time.Time) Row {
	at := func(d time.Duration) *time.Time { t := now.Add(d); return &t }
	k := Key{
		ID: id.New(), Name: "Website server", Last4: "9f3Q", Scopes: account.Scopes{"leads:write"}, CreatedAt: now.Add(-50 * 24 * time.Hour), CreatedBy: id.New(), CreatedByName: "Ada", creatorRole: account.Owner,
		ExpiresAt: at(72 * time.Hour), RevokedAt: at(-time.Hour), DisabledAt: at(-time.Hour), ExposedAt: at(-time.Hour), ExposedWhere: "query",
	}
	old := k
	old.Last4, old.ExpiresAt = "a1B2", at(23*time.Hour)
	return Row{Key: k, Last7d: Outcomes{OK: 60, ClientErrors: 30, Limited: 10}, LastUse: &Call{At: now.Add(-40 * 24 * time.Hour)}, Old: &OldHalf{Key: old, CallsSince: 12}}
}

func TestEveryStatusHasALabelASentenceAndAButton(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC)
	if len(statusViews) != len(allStatuses) || len(statusOrder) != len(allStatuses) {
		t.Errorf("%d statuses, %d explained, %d in the filter", len(allStatuses), len(statusViews), len(statusOrder))
	}
	labels := map[Status]string{
		StatusRevoked: "Revoked", Expired: "Expired", Exposed: "Exposed", Disabled: "Disabled", Rejections: "Rejections 30 %", RateLimited: "Rate-limited 10 %", Rotating: "Rotating, 23 h",
		Expiring: "Ends in 3 d", Idle: "Idle 40 d", NeverUsed: "Never used", Active: "Active",
	}
	for _, s := range allStatuses {
		r := rowIn(now)
		r.Statuses = []Status{s}
		c := chips(r, now, "/list", true)[0]
		if c.Label != labels[s] {
			t.Errorf("%s: the label is %q, want %q", s, c.Label, labels[s])
		}
		if len(c.Sentence) < 10 || !strings.HasSuffix(c.Sentence, ".") || strings.Contains(c.Sentence, "%!") {
			t.Errorf("%s: the sentence is %q", s, c.Sentence)
		}
		if c.Action.Label == "" || (c.Action.Href == "") == (c.Action.Post == "") || !strings.HasPrefix(c.Action.Href+c.Action.Post, "/list/") {
			t.Errorf("%s: the button is %+v", s, c.Action)
		}
		if statusViews[s].name == "" || c.Tone == "" || !web.HasIcon(c.Icon) || !slices.Contains(statusOrder, s) {
			t.Errorf("%s has no name, tone or icon, or is not in the filter", s)
		}
		if mute := chips(r, now, "/list", false)[0]; mute.Action != (statusAction{}) {
			t.Errorf("%s has a button for members", s)
		}
	}
}

func TestSentencesFitTheCase(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC)
	say := func(s Status, change func(*Row)) string {
		r := rowIn(now)
		r.Statuses = []Status{s}
		change(&r)
		c := chips(r, now, "/list", true)[0]
		return c.Label + ": " + c.Sentence + " [" + c.Action.Label + "]"
	}
	silent := now.Add(-7 * time.Hour)
	for _, c := range []struct{ got, want string }{
		{say(StatusRevoked, func(r *Row) { r.RevokedWhy = ByRotate; r.ReplacedBy = id.New() }), "Replaced by rotation and ended on 23 Nov 2026. It can never work again. [Open the new key]"},
		{say(StatusRevoked, func(r *Row) { r.RevokedWhy = ByExposed }), "by this account's policy, because it was exposed. It can never work again. [Make one like it]"},
		{say(Expired, func(r *Row) { r.ReplacedBy = id.New() }), "[Open the new key]"},
		{say(Expired, func(*Row) {}), "[Choose a new end]"},
		{say(Exposed, func(r *Row) { r.RevokedAt, r.DisabledAt = nil, nil }), "Others may know it: rotate it, or revoke it. [Rotate]"},
		{say(Exposed, func(*Row) {}), "It does not work any more. [See what happened]"},
		{say(Disabled, func(r *Row) { r.DisabledAt = nil; r.creatorSuspended = true }), "Owner has no access: Ada has no access to the account"},
		{say(Rotating, func(*Row) {}), "12 calls still used it since the rotation. [End the old key]"},
		{say(Rotating, func(r *Row) { r.Old.SilentFor = &silent }), "It has been silent for 7 h: it is safe to end."},
		{say(Rotating, func(r *Row) { r.Old.SilentFor, r.Old.CallsSince = &silent, 0 }), "Nothing has used it since the rotation: it is safe to end."},
		{say(NeverUsed, func(r *Row) { later := now.Add(time.Hour); r.NotBefore = &later }), "Begins to work on Mon 23 Nov, 11:30 UTC."},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%q does not say %q", c.got, c.want)
		}
	}
}

// The rules of the list, each on both sides of its border.
func TestStatusesChangeAtTheirBorders(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	is := func(name string, want ...Status) {
		t.Helper()
		row, err := b.keys.RowOf(t.Context(), b.owner, b.byName(name).ID)
		b.must(err)
		if !slices.Equal(row.Statuses, want) {
			t.Errorf("%s is %v, want %v", name, row.Statuses, want)
		}
	}
	start := b.clock.Now()

	k, _ := b.create("Lively", "leads:write")
	is("Lively", NeverUsed)
	b.call(k, start, 1, http.StatusOK)
	is("Lively", Active)

	b.create("Rejected", "leads:write")
	rejected := b.byName("Rejected")
	b.call(rejected, start, 18, http.StatusOK)
	b.call(rejected, start, 2, http.StatusForbidden)
	is("Rejected", Active) // 10 % is not more than 10 %
	b.call(rejected, start, 1, http.StatusForbidden)
	is("Rejected", Rejections)

	b.create("Few", "leads:write")
	b.call(b.byName("Few"), start, 9, http.StatusOK)
	b.call(b.byName("Few"), start, 10, http.StatusForbidden)
	is("Few", Active) // fewer than 20 calls say nothing

	b.create("Fast", "leads:write")
	b.call(b.byName("Fast"), start, 17, http.StatusOK)
	b.call(b.byName("Fast"), start, 3, http.StatusTooManyRequests)
	is("Fast", RateLimited)
	b.flush()

	b.clock.Set(start.Add(30*24*time.Hour - time.Microsecond))
	is("Lively", Active)
	b.clock.Set(start.Add(30 * 24 * time.Hour))
	is("Lively", Idle)

	end := *b.byName("Lively").ExpiresAt
	b.clock.Set(end.Add(-14*24*time.Hour - time.Microsecond))
	is("Lively", Idle)
	b.clock.Set(end.Add(-14 * 24 * time.Hour))
	is("Lively", Expiring, Idle)
	b.clock.Set(end.Add(-time.Microsecond))
	is("Lively", Expiring, Idle)
	b.clock.Set(end)
	is("Lively", Expired)
}

func TestAnOwnerWithoutAccessShows(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	bob := b.colleague("Bob", account.Admin)
	bob.create("Bob's script", "leads:read")
	k := b.byName("Bob's script")
	b.must(b.accounts.Suspend(t.Context(), b.owner, k.CreatedBy))
	b.has(b.get(accessPath), "Owner has no access", "Make one for a service account")
	b.has(b.get(accessPath+"?status=disabled"), "Bob&#39;s script")
}
