package apikey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

func TestRotationKeepsEverythingButTheSecret(t *testing.T) {
	fake := clock.NewFake(noon)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		old, oldSecret, err := w.keys.Create(ctx, w.owner, Settings{Name: new("Server"), Purpose: new("the shop"), Scopes: &[]string{"leads:write"}, ExpiresIn: new("10d"), IPAllow: &[]string{"192.0.2.0/24"}, Rate: new("60/min")}, false, nil)
		w.must(err)
		r, fresh, err := w.keys.Rotate(ctx, w.owner, old.ID, 24*time.Hour, nil)
		w.must(err)
		n := r.New
		if n.Name != old.Name || n.Purpose != old.Purpose || n.Scopes.String() != old.Scopes.String() || networksText(n.IPAllow) != networksText(old.IPAllow) || *n.Rate != *old.Rate ||
			n.CreatedBy != old.CreatedBy || n.Family != old.Family {
			t.Errorf("the new half differs: %+v", n)
		}
		if n.PublicID == old.PublicID || n.ID == old.ID || fresh == oldSecret {
			t.Error("the new half is the old one")
		}
		if !r.OldEndsAt.Equal(d.Now().Add(24 * time.Hour)) {
			t.Errorf("the old half ends at %s", r.OldEndsAt)
		}
		for _, s := range []Secret{oldSecret, fresh} {
			if _, err := w.try(s); err != nil {
				t.Errorf("inside the overlap: %v", err)
			}
		}
		if _, _, err := w.keys.Rotate(ctx, w.owner, old.ID, 0, nil); errs.CodeOf(err) != errs.Conflict {
			t.Errorf("rotating the old half again: %v", err)
		}
		if _, err := w.keys.Edit(ctx, w.owner, old.ID, Settings{ExpiresIn: new("never")}, nil, nil); errs.CodeOf(err) != errs.Conflict {
			t.Errorf("the end of the old half could be moved: %v", err)
		}
		row, err := w.keys.RowOf(ctx, w.owner, n.ID)
		w.must(err)
		if row.Old == nil || !slices.Contains(row.Statuses, Rotating) {
			t.Errorf("the row does not show both halves: %v", row.Statuses)
		}
		_, err = w.keys.Revoke(ctx, w.owner, old.ID, nil)
		w.must(err)
		if _, err := w.try(oldSecret); errs.CodeOf(err) != errs.KeyRevoked {
			t.Errorf("after the overlap was ended: %v", err)
		}
		if _, err := w.try(fresh); err != nil {
			t.Errorf("the new half died with the old one: %v", err)
		}
	}, dbtest.Clock(fake))
}

func TestOverlapNeverOutlivesTheOldKey(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(noon)
	w := newWorld(t, dbtest.SQLite(t, dbtest.Clock(fake)))
	old, oldSecret, err := w.keys.Create(context.Background(), w.owner, Settings{Name: new("k"), Scopes: &[]string{"*"}, ExpiresIn: new("2h")}, false, nil)
	w.must(err)
	fake.Advance(time.Hour)
	r, fresh, err := w.keys.Rotate(context.Background(), w.owner, old.ID, 24*time.Hour, nil)
	w.must(err)
	if want := noon.Add(2 * time.Hour); !r.OldEndsAt.Equal(want) {
		t.Errorf("the old half ends at %s, want %s", r.OldEndsAt, want)
	}
	fake.Set(noon.Add(2 * time.Hour))
	if _, err := w.try(oldSecret); errs.CodeOf(err) != errs.KeyExpired {
		t.Errorf("the old half at its end: %v", err)
	}
	if _, err := w.try(fresh); err != nil {
		t.Errorf("the new half at the old one's end: %v", err)
	}
}

func TestOfManyRotationsAtOnceOneWins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for round := range 5 {
			k, _ := w.key(fmt.Sprintf("round %d", round), "leads:read")
			var won, refused atomic.Int32
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					_, _, err := w.keys.Rotate(context.Background(), w.owner, k.ID, time.Hour, nil)
					switch {
					case err == nil:
						won.Add(1)
					case errs.CodeOf(err) == errs.Conflict:
						refused.Add(1)
					default:
						t.Errorf("rotation: %v", err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 || refused.Load() != 99 {
				t.Fatalf("%d rotations won, %d were refused", won.Load(), refused.Load())
			}
		}
	})
}

// TestADyingKeyPlantsNothing: whatever keys a key makes while it is being revoked, the
// answer of the revocation names every one that lives.
func TestADyingKeyPlantsNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		for round := range 10 {
			k, s := w.key(fmt.Sprintf("attacker %d", round), "*")
			who := w.as(s)
			start := make(chan struct{})
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					<-start
					for n := range 10 {
						name := fmt.Sprintf("planted %d.%d.%d", round, i, n)
						_, _, err := w.keys.Create(ctx, who, Settings{Name: &name, Scopes: &[]string{"leads:read"}}, false, nil)
						if err != nil && errs.CodeOf(err) != errs.KeyRevoked {
							t.Errorf("create: %v", err)
						}
					}
				})
			}
			close(start)
			r, err := w.keys.Revoke(ctx, w.owner, k.ID, nil)
			w.must(err)
			wg.Wait()
			named := map[string]bool{}
			for _, m := range r.Made {
				named[m.ID.String()] = true
			}
			made, err := childrenOf(ctx, d, k.ID, d.Now())
			w.must(err)
			for _, m := range made {
				if !named[m.ID.String()] {
					t.Fatalf("round %d: the key %s lives, but the revocation did not name it", round, m.Name)
				}
			}
		}
	})
}

// TestNoKeyWidensItself: whatever a key asks for, what it makes can do no more, for no
// longer, and from no more places than itself.
func TestNoKeyWidensItself(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	ctx := context.Background()
	all := account.AllScopes()
	scopesOf := func(t *rapid.T, label string) []string {
		var out []string
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(all)-1), 1, 5, rapid.ID).Draw(t, label) {
			out = append(out, string(all[i]))
		}
		if rapid.IntRange(0, 9).Draw(t, label+" narrowed") == 0 {
			out = append(out, "leads.solar:read")
		}
		return out
	}
	settings := func(t *rapid.T, label string) Settings {
		s := Settings{Scopes: new(scopesOf(t, label))}
		if rapid.Bool().Draw(t, label+" expiry") {
			s.ExpiresIn = new(rapid.SampledFrom([]string{"1h", "30d", "89d", "91d", "1y", "never"}).Draw(t, label+" expires"))
		}
		if rapid.Bool().Draw(t, label+" ip") {
			s.IPAllow = new(rapid.SampledFrom([][]string{{"192.0.2.0/24"}, {"192.0.2.7"}, {"192.0.0.0/16"}, {"0.0.0.0/0", "::/0"}, {}}).Draw(t, label+" ips"))
		}
		if rapid.Bool().Draw(t, label+" rate") {
			s.Rate = new(rapid.SampledFrom([]string{"1/min", "6000/min", "9000/min", "none"}).Draw(t, label+" rates"))
		}
		if rapid.Bool().Draw(t, label+" origins") {
			s.Origins = new(rapid.SampledFrom([][]string{{}, {"https://a.example"}, {"https://a.example", "https://b.example"}}).Draw(t, label+" origin list"))
		}
		return s
	}
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		ps := settings(t, "parent")
		ps.Name, ps.Scopes = new(fmt.Sprintf("parent %d", n)), new(append(*ps.Scopes, "keys:write"))
		parent, secret, err := w.keys.Create(ctx, w.owner, ps, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		who := w.as(secret)
		cs := settings(t, "child")
		cs.Name = new(fmt.Sprintf("child %d", n))
		child, _, err := w.keys.Create(ctx, who, cs, false, nil)
		if err != nil {
			if code := errs.CodeOf(err); code != errs.KeyWidening {
				t.Fatalf("create: %v", err)
			}
			return
		}
		edited := child
		if rapid.Bool().Draw(t, "edit") {
			if k, err := w.keys.Edit(ctx, who, child.ID, settings(t, "edit"), nil, nil); err == nil {
				edited = k
			}
		}
		if rapid.Bool().Draw(t, "rotate") {
			if r, _, err := w.keys.Rotate(ctx, who, edited.ID, time.Hour, nil); err == nil {
				edited = r.New
			}
		}
		if why := edited.beyond(parent, parent.Scopes); why != "" {
			t.Fatalf("the child goes beyond its parent: %s", why)
		}
	})
}

func TestRevokedIsFinal(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	ctx := context.Background()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		name := fmt.Sprintf("key %d", n)
		k, s, err := w.keys.Create(ctx, w.owner, Settings{Name: &name, Scopes: &[]string{"*"}}, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		revoked := false
		for _, action := range rapid.SliceOfN(rapid.SampledFrom([]string{"disable", "enable", "revoke", "rotate", "edit", "expose", "report"}), 1, 8).Draw(t, "actions") {
			switch action {
			case "disable":
				_, err = w.keys.Disable(ctx, w.owner, k.ID, nil)
			case "enable":
				_, err = w.keys.Enable(ctx, w.owner, k.ID, nil)
			case "revoke":
				_, err = w.keys.Revoke(ctx, w.owner, k.ID, nil)
				revoked = true
			case "rotate":
				_, _, err = w.keys.Rotate(ctx, w.owner, k.ID, time.Hour, nil)
			case "edit":
				_, err = w.keys.Edit(ctx, w.owner, k.ID, Settings{ExpiresIn: new("never")}, nil, nil)
			case "expose":
				w.keys.Exposed(ctx, []string{s.text}, "query", facts())
			case "report":
				err = w.keys.markExposed(ctx, s.text, "reported", w.owner.Actor(), true)
			}
			if err != nil && errs.CodeOf(err) != errs.Conflict {
				t.Fatalf("%s: %v", action, err)
			}
			if _, err := w.try(s); revoked && errs.CodeOf(err) != errs.KeyRevoked {
				t.Fatalf("after %s a revoked key answers %v", action, err)
			}
		}
	})
}

func TestNamesAreUniqueAmongTheLiving(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		k, _ := w.key("Website  Server", "leads:read")
		create := func(who account.Principal, name string) error {
			_, _, err := w.keys.Create(ctx, who, Settings{Name: &name, Scopes: &[]string{"leads:read"}}, false, nil)
			return err
		}
		if err := create(w.owner, "website server"); errs.CodeOf(err) != errs.ValidationFailed {
			t.Errorf("the same name again: %v", err)
		}
		if err := create(w.test, "website server"); err != nil {
			t.Errorf("the same name in another environment: %v", err)
		}
		_, _, err := w.keys.Rotate(ctx, w.owner, k.ID, time.Hour, nil)
		if err != nil {
			t.Errorf("the halves of a rotation share the name: %v", err)
		}
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if create(w.owner, "race") == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d keys of one name were made at once", won.Load())
		}
	})
}

func TestAuditAndChangeCommitTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		k, s := w.key("k", "leads:read")
		fault := errors.New("fault at the end of the transaction")
		_, err := w.keys.Revoke(ctx, w.owner, k.ID, func(context.Context, *db.Tx, Revoked) error { return fault })
		if !errors.Is(err, fault) {
			t.Fatalf("Revoke: %v", err)
		}
		if _, err := w.try(s); err != nil || w.audited(k, "key.revoke") != 0 {
			t.Errorf("half of the revocation stayed: %v, %d audit entries", err, w.audited(k, "key.revoke"))
		}
		_, err = w.keys.Revoke(ctx, w.owner, k.ID, nil)
		w.must(err)
		if _, err := w.try(s); errs.CodeOf(err) != errs.KeyRevoked || w.audited(k, "key.revoke") != 1 {
			t.Errorf("after the revocation: %v, %d audit entries", err, w.audited(k, "key.revoke"))
		}
	})
}

func TestEnvironmentsAreWalls(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		k, _ := w.key("production key", "*")
		for name, do := range map[string]func() error{
			"get":     func() error { _, err := w.keys.Get(ctx, w.test, k.ID); return err },
			"edit":    func() error { _, err := w.keys.Edit(ctx, w.test, k.ID, Settings{Name: new("x")}, nil, nil); return err },
			"disable": func() error { _, err := w.keys.Disable(ctx, w.test, k.ID, nil); return err },
			"revoke":  func() error { _, err := w.keys.Revoke(ctx, w.test, k.ID, nil); return err },
			"rotate":  func() error { _, _, err := w.keys.Rotate(ctx, w.test, k.ID, 0, nil); return err },
			"row":     func() error { _, err := w.keys.RowOf(ctx, w.test, k.ID); return err },
		} {
			if err := do(); errs.CodeOf(err) != errs.NotFound || strings.Contains(err.Error(), k.Name) {
				t.Errorf("%s from another environment: %v", name, err)
			}
		}
		if rows, err := w.keys.Overview(ctx, w.test); err != nil || len(rows) != 0 {
			t.Errorf("another environment lists %d keys, %v", len(rows), err)
		}
	})
}

func TestTheAccountsLongestLifeHolds(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		forever, _, err := w.keys.Create(ctx, w.owner, Settings{Name: new("from before"), Scopes: &[]string{"*"}, ExpiresIn: new("never")}, false, nil)
		w.must(err)
		w.must(w.accounts.Change(ctx, w.owner, account.Settings{Name: "Acme", ExposedPolicy: account.ExposedMark, MaxKeyDays: new(30)}))
		k, _ := w.key("default end", "*")
		if k.ExpiresAt == nil || k.ExpiresAt.Sub(k.CreatedAt) > 30*24*time.Hour {
			t.Errorf("a new key ends at %v", k.ExpiresAt)
		}
		for _, in := range []string{"never", "31d"} {
			if _, _, err := w.keys.Create(ctx, w.owner, Settings{Name: new("longer"), Scopes: &[]string{"*"}, ExpiresIn: &in}, false, nil); errs.CodeOf(err) != errs.ValidationFailed {
				t.Errorf("a key for %s: %v", in, err)
			}
			if _, err := w.keys.Edit(ctx, w.owner, k.ID, Settings{ExpiresIn: &in}, nil, nil); errs.CodeOf(err) != errs.ValidationFailed {
				t.Errorf("a change to %s: %v", in, err)
			}
		}
		if _, err := w.keys.Edit(ctx, w.owner, forever.ID, Settings{Purpose: new("still here")}, nil, nil); err != nil {
			t.Errorf("a key from before cannot be changed otherwise: %v", err)
		}
		r, _, err := w.keys.Rotate(ctx, w.owner, forever.ID, time.Hour, nil)
		w.must(err)
		if r.New.ExpiresAt == nil || r.New.ExpiresAt.Sub(r.New.CreatedAt) > 30*24*time.Hour {
			t.Errorf("a rotation ends at %v", r.New.ExpiresAt)
		}
	})
}
