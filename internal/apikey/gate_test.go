package apikey

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestEveryRefusalHasItsCode(t *testing.T) {
	fake := clock.NewFake(noon)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		_, good := w.key("good", "leads:read")
		disabled, disabledSecret := w.key("disabled", "leads:read")
		_, err := w.keys.Disable(ctx, w.owner, disabled.ID, nil)
		w.must(err)
		revoked, revokedSecret := w.key("revoked", "leads:read")
		_, err = w.keys.Revoke(ctx, w.owner, revoked.ID, nil)
		w.must(err)
		_, listed, err := w.keys.Create(ctx, w.owner, Settings{Name: new("listed"), Scopes: &[]string{"leads:read"}, IPAllow: &[]string{"10.0.0.0/8", "2001:db8::/32"}, Origins: &[]string{"https://shop.example"}}, false, nil)
		w.must(err)
		_, future, err := w.keys.Create(ctx, w.owner, Settings{Name: new("future"), Scopes: &[]string{"leads:read"}, NotBefore: new(noon.Add(time.Hour))}, false, nil)
		w.must(err)

		wrong := func(s Secret) string { // the same public id, another secret, a right checksum
			body := s.text[:prefixLen+publicLen] + randomBase62(randomLen)
			return body + checksum(body)
		}
		ip := func(s string) func(*api.Facts) { return func(f *api.Facts) { f.IP = netip.MustParseAddr(s) } }
		origin := func(o, site string) func(*api.Facts) {
			return func(f *api.Facts) { f.Origin, f.FetchSite = o, site }
		}
		for _, c := range []struct {
			name    string
			key     string
			change  func(*api.Facts)
			want    errs.Code
			queries int64
		}{
			{"good", good.text, nil, "", 1},
			{"nothing like a key", "hunter2", nil, errs.KeyMalformed, 0},
			{"wrong checksum", good.text[:Length-1] + flip(good.text[Length-1]), nil, errs.KeyMalformed, 0},
			{"cut off", good.text[:40], nil, errs.KeyMalformed, 0},
			{"trailing text", good.text + " x", nil, errs.KeyMalformed, 0},
			{"unknown id", Mint(account.Live).text, nil, errs.KeyUnknown, 1},
			{"wrong secret", wrong(good), nil, errs.KeyUnknown, 1},
			{"wrong secret of a revoked key", wrong(revokedSecret), nil, errs.KeyUnknown, 1},
			{"revoked", revokedSecret.text, nil, errs.KeyRevoked, 1},
			{"disabled", disabledSecret.text, nil, errs.KeyDisabled, 1},
			{"not valid yet", future.text, nil, errs.KeyExpired, 1},
			{"address not listed", listed.text, nil, errs.KeyIPNotAllowed, 1},
			{"address listed", listed.text, ip("10.1.2.3"), "", 1},
			{"address listed, mapped into IPv6", listed.text, ip("::ffff:10.1.2.3"), "", 1},
			{"address listed, IPv6 with a zone", listed.text, ip("2001:db8::1%eth0"), "", 1},
			{"address in a translated form", listed.text, ip("64:ff9b::a01:203"), errs.KeyIPNotAllowed, 1},
			{"from a page", good.text, origin("https://evil.example", "cross-site"), errs.BrowserNotAllowed, 1},
			{"from a page of the same site", good.text, origin("", "same-origin"), errs.BrowserNotAllowed, 1},
			{"typed into a browser", good.text, origin("", "none"), "", 1},
			{"origin null", good.text, origin("null", ""), errs.BrowserNotAllowed, 1},
		} {
			f := facts()
			if c.change != nil {
				c.change(&f)
			}
			before := d.Queries()
			_, err := w.keys.Authenticate(ctx, c.key, f)
			if got := errs.CodeOf(err); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
			if n := d.Queries() - before; n != c.queries {
				t.Errorf("%s: %d queries, want %d", c.name, n, c.queries)
			}
		}
		f := facts()
		f.IP, f.Origin, f.FetchSite = netip.MustParseAddr("10.0.0.1"), "https://shop.example", "cross-site"
		if c, err := w.keys.Authenticate(ctx, listed.text, f); err != nil || c.Origin != "https://shop.example" {
			t.Errorf("a listed origin is refused: %v", err)
		}
	}, dbtest.Clock(fake))
}

// For an id that does not exist the database looks at another key's row, so that the
// time is the same; whatever that row says, nobody is let in by it.
func TestUnknownIdsBorderingOnKeysAreUnknown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		made := func(public string) string {
			body := prefixLive + public + randomBase62(randomLen)
			return body + checksum(body)
		}
		ids := []string{"000000000000", "zzzzzzzzzzzz", "MMMMMMMMMMMM"}
		for range 2 { // first in a database without any key, then with some
			for _, public := range append(ids, randomBase62(publicLen)) {
				before := d.Queries()
				if _, err := w.keys.Authenticate(ctx, made(public), facts()); errs.CodeOf(err) != errs.KeyUnknown {
					t.Errorf("%s: %v", public, err)
				}
				if n := d.Queries() - before; n != 1 {
					t.Errorf("%s: %d queries", public, n)
				}
			}
			_, good := w.key(randomBase62(8), "leads:read")
			p := []byte(good.PublicID())
			for _, step := range []int{-1, 1} { // the neighbours of a key, with its own secret
				q := slices.Clone(p)
				q[len(q)-1] = base62[(strings.IndexByte(base62, q[len(q)-1])+62+step)%62]
				body := prefixLive + string(q) + good.text[prefixLen+publicLen:Length-checkLen]
				if _, err := w.keys.Authenticate(ctx, body+checksum(body), facts()); errs.CodeOf(err) != errs.KeyUnknown {
					t.Errorf("a neighbour: %v", err)
				}
			}
			if c, err := w.keys.Authenticate(ctx, good.text, facts()); err != nil || c.PublicID != good.PublicID() {
				t.Errorf("the key itself: %v %v", c.PublicID, err)
			}
		}
	})
}

func TestKeyEndsAndBeginsToTheMicrosecond(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(noon)
	w := newWorld(t, dbtest.SQLite(t, dbtest.Clock(fake)))
	begin, end := noon.Add(time.Hour), noon.Add(2*time.Hour)
	_, s, err := w.keys.Create(context.Background(), w.owner, Settings{Name: new("k"), Scopes: &[]string{"*"}, NotBefore: &begin, ExpiresAt: &end}, false, nil)
	w.must(err)
	for _, c := range []struct {
		at   time.Time
		want errs.Code
	}{
		{begin.Add(-time.Millisecond), errs.KeyExpired}, {begin.Add(-time.Microsecond), errs.KeyExpired}, {begin, ""}, {begin.Add(time.Millisecond), ""},
		{end.Add(-time.Microsecond), ""}, {end, errs.KeyExpired}, {end.Add(time.Millisecond), errs.KeyExpired},
		{begin.AddDate(0, 0, 1), errs.KeyExpired}, {begin.AddDate(0, 0, -1), errs.KeyExpired}, {begin.Add(30 * time.Minute), ""},
	} {
		fake.Set(c.at)
		if _, err := w.try(s); errs.CodeOf(err) != c.want {
			t.Errorf("at %s: %v, want %q", c.at.Format(time.RFC3339Nano), err, c.want)
		}
	}
}

func TestRightsAreTheCreatorsRightsOfTheMoment(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		link, err := w.accounts.Invite(ctx, w.owner, "bob@example.com", account.Admin)
		w.must(err)
		_, _, err = w.accounts.Join(ctx, link, "Bob", "seven owls under a bridge", from)
		w.must(err)
		members, err := w.accounts.Members(ctx, w.owner)
		w.must(err)
		bob := members[1].Person
		asBob, err := w.accounts.Enter(ctx, bob, "acme", "production", from)
		w.must(err)
		_, personal, err := w.keys.Create(ctx, asBob, Settings{Name: new("personal"), Scopes: &[]string{"*"}}, false, nil)
		w.must(err)
		_, service, err := w.keys.Create(ctx, asBob, Settings{Name: new("service"), Scopes: &[]string{"*"}}, true, nil)
		w.must(err)

		if !w.as(personal).Scopes.Allow("keys:write") {
			t.Fatal("an admin's key with all scopes cannot write keys")
		}
		w.must(w.accounts.SetRole(ctx, w.owner, bob.ID, account.Member))
		if w.as(personal).Scopes.Allow("keys:write") || !w.as(personal).Scopes.Allow("leads:write") {
			t.Errorf("after the role became member the key may %s", w.as(personal).Scopes)
		}
		if !w.as(service).Scopes.Allow("keys:write") {
			t.Error("a service account's key depends on a person")
		}
		w.must(w.accounts.Suspend(ctx, w.owner, bob.ID))
		if _, err := w.try(personal); errs.CodeOf(err) != errs.KeyDisabled {
			t.Errorf("a suspended member's key: %v", err)
		}
		if _, err := w.try(service); err != nil {
			t.Errorf("the service account's key died with a member: %v", err)
		}
		w.must(w.accounts.Readmit(ctx, w.owner, bob.ID))
		if _, err := w.try(personal); err != nil {
			t.Errorf("a readmitted member's key: %v", err)
		}
	})
}

func TestExposedKeysAreMarkedOnceAndByPolicyRevoked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		k, s := w.key("seen", "leads:read")
		unknown := Mint(account.Live)
		w.keys.Exposed(ctx, []string{unknown.text, s.text}, "query", facts())
		w.keys.Exposed(ctx, []string{s.text}, "cookie", facts())
		got, err := w.keys.Get(ctx, w.owner, k.ID)
		w.must(err)
		if got.ExposedAt == nil || got.ExposedWhere != "query" || got.RevokedAt != nil {
			t.Errorf("exposed at %v in %q, revoked at %v", got.ExposedAt, got.ExposedWhere, got.RevokedAt)
		}
		if _, err := w.try(s); err != nil {
			t.Errorf("a marked key stopped working: %v", err)
		}
		if n := w.audited(k, "key.expose"); n != 1 {
			t.Errorf("%d audit entries, want 1", n)
		}
		w.must(w.accounts.Change(ctx, w.owner, account.Settings{Name: "Acme", ExposedPolicy: account.ExposedRevoke}))
		k2, s2 := w.key("seen too", "leads:read")
		w.keys.Exposed(ctx, []string{s2.text}, "body", facts())
		if _, err := w.try(s2); errs.CodeOf(err) != errs.KeyRevoked {
			t.Errorf("the policy did not revoke: %v", err)
		}
		if n := w.audited(k2, "key.revoke"); n != 1 {
			t.Errorf("%d audit entries for the revocation", n)
		}
	})
}

func (w *world) audited(k Key, action string) int {
	w.t.Helper()
	entries, err := w.accounts.AuditLog(context.Background(), w.owner, audit.Filter{ObjectID: k.ID, Action: action, Limit: 100})
	w.must(err)
	return len(entries)
}

func TestLeakReportDisablesRealKeysOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		k, s := w.key("leaked", "leads:read")
		w.must(w.keys.ReportLeak(ctx, []string{"not a key", Mint(account.Live).text, s.text}, from))
		if _, err := w.try(s); errs.CodeOf(err) != errs.KeyDisabled {
			t.Errorf("a reported key: %v", err)
		}
		if w.audited(k, "key.disable") != 1 || w.audited(k, "key.expose") != 1 {
			t.Error("the report is not in the audit log")
		}
		for range reportsPerHour {
			if err := w.keys.ReportLeak(ctx, nil, from); errs.CodeOf(err) == errs.RateLimited {
				return
			}
		}
		t.Error("reports are not limited")
	})
}
