package entity

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// newAccount stores a bare account and returns somebody who may read its entities.
func newAccount(t *testing.T, d *db.DB, name string) account.Principal {
	t.Helper()
	a := account.Account{ID: id.New(), Name: name, Slug: account.Slug(name), CreatedAt: d.Now()}
	update(t, d, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO accounts (id, name, slug, created_at) VALUES ($1, $2, $3, $4)`, a.ID, a.Name, a.Slug, db.Micros(a.CreatedAt))
		return err
	})
	return account.Principal{Account: a, Scopes: account.Scopes{"entities:read"}}
}

func update(t *testing.T, d *db.DB, fn func(context.Context, *db.Tx) error) {
	t.Helper()
	if err := d.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func insert(t *testing.T, d *db.DB, accountID id.ID, e Entity) Entity {
	t.Helper()
	e.AccountID = accountID
	update(t, d, func(ctx context.Context, tx *db.Tx) error { return Insert(ctx, tx, &e) })
	return e
}

var definition = cmp.Options{cmpopts.IgnoreUnexported(Entity{}, Field{}), cmpopts.EquateEmpty()}

func TestWhatIsStoredComesBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		who := newAccount(t, d, "Acme")
		want := insert(t, d, who.Account.ID, sample())
		s := NewService(d)
		for _, ref := range []string{"leads", " LEADS ", want.ID.String()} {
			got, err := s.Get(t.Context(), who, ref)
			if err != nil {
				t.Fatalf("%q: %v", ref, err)
			}
			if diff := cmp.Diff(&want, got, definition); diff != "" {
				t.Errorf("%q (-stored +read):\n%s", ref, diff)
			}
		}
		if f := mustGet(t, s, who, "leads").FieldNamed("Budget-in-EUROS"); f == nil || f.Key != "budget" {
			t.Errorf("a definition that was read does not find its fields: %v", f)
		}
	})
}

func mustGet(t *testing.T, s *Service, who account.Principal, ref string) *Entity {
	t.Helper()
	e, err := s.Get(t.Context(), who, ref)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestSeedIsTheStarterEntity(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 31, 12, 0, 0, 0, time.UTC)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		who := newAccount(t, d, "Acme")
		update(t, d, func(ctx context.Context, tx *db.Tx) error { return Seed(ctx, tx, who.Account.ID) })
		all, err := NewService(d).List(t.Context(), who)
		if err != nil || len(all) != 1 {
			t.Fatalf("%d entities, %v", len(all), err)
		}
		e := all[0]
		if e.Slug != "leads" || e.Name != "Leads" || e.Version != 1 || !e.CreatedAt.Equal(now) {
			t.Errorf("%+v", e)
		}
		var fields []string
		for i, f := range e.Fields {
			fields = append(fields, f.Key+" "+string(f.Type))
			if f.Position != i || f.ID.IsNil() || f.Required {
				t.Errorf("field %+v", f)
			}
		}
		if diff := cmp.Diff([]string{"name text", "email email", "phone phone", "company text", "message textarea"}, fields); diff != "" {
			t.Error(diff)
		}
		p := e.PipelineNamed("stage")
		if p == nil || len(e.Pipelines) != 1 || p.Name != "Stage" || p.DefaultStatus().Name != "New" {
			t.Fatalf("pipelines %+v", e.Pipelines)
		}
		if diff := cmp.Diff([]string{"New", "Contacted", "Qualified", "Won", "Lost"}, p.StatusNames()); diff != "" {
			t.Error(diff)
		}
	}, dbtest.Clock(clock.NewFake(now)))
}

func TestInsertRefusesAWrongDefinitionAndStoresNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		who := newAccount(t, d, "Acme")
		e := sample()
		e.AccountID, e.Fields[0].Key = who.Account.ID, "source"
		err := d.Update(t.Context(), func(ctx context.Context, tx *db.Tx) error { return Insert(ctx, tx, &e) })
		if errs.CodeOf(err) != errs.ValidationFailed {
			t.Fatalf("got %v", err)
		}
		if all, err := NewService(d).List(t.Context(), who); err != nil || len(all) != 0 {
			t.Errorf("%d entities are there, %v", len(all), err)
		}
	})
}

func TestAnotherAccountSeesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		mine, theirs := newAccount(t, d, "Mine"), newAccount(t, d, "Theirs")
		e := insert(t, d, theirs.Account.ID, sample())
		s := NewService(d)
		_ = mustGet(t, s, theirs, "leads") // now it is in the cache
		_, missing := s.Get(t.Context(), mine, id.New().String())
		for _, ref := range []string{"leads", e.ID.String(), "nothing", "", "not/a slug", e.ID.String() + "x"} {
			_, err := s.Get(t.Context(), mine, ref)
			if errs.CodeOf(err) != errs.NotFound || err.Error() != missing.Error() {
				t.Errorf("%q: %v, want the same as for something missing", ref, err)
			}
		}
		if all, err := s.List(t.Context(), mine); err != nil || len(all) != 0 {
			t.Errorf("%d foreign entities, %v", len(all), err)
		}
		mineToo := insert(t, d, mine.Account.ID, sample())
		if got := mustGet(t, s, mine, "leads"); got.ID != mineToo.ID {
			t.Error("the slug of one account led to the entity of another")
		}
	})
}

func TestReadingNeedsItsScope(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	who := newAccount(t, d, "Acme")
	insert(t, d, who.Account.ID, sample())
	s := NewService(d)
	for _, scopes := range []account.Scopes{nil, {"entities:write"}, {"leads:read", "leads:write"}} {
		who.Scopes = scopes
		_, err1 := s.List(t.Context(), who)
		_, err2 := s.Get(t.Context(), who, "leads")
		for _, err := range []error{err1, err2} {
			if errs.CodeOf(err) != errs.InsufficientScope {
				t.Errorf("with %v: %v", scopes, err)
			} else if diff := cmp.Diff(map[string]any{"needed": []string{"entities:read"}, "held": scopes.Strings()}, errs.As(err).Meta); diff != "" {
				t.Error(diff)
			}
		}
	}
	who.Scopes = account.Scopes{account.All}
	if _, err := s.List(t.Context(), who); err != nil {
		t.Error(err)
	}
}

// rename changes a definition the way every change does: with its version.
func rename(ctx context.Context, tx *db.Tx, e Entity, label string) error {
	if _, err := tx.Exec(ctx, `UPDATE fields SET label = $1 WHERE id = $2`, label, e.Fields[0].ID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE fields SET label = $1 WHERE id = $2`, label+" 2", e.Fields[1].ID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE entities SET version = version + 1 WHERE id = $1`, e.ID)
	return err
}

func TestAChangeIsSeenAtTheNextRequest(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		who := newAccount(t, d, "Acme")
		e := insert(t, d, who.Account.ID, sample())
		s := NewService(d)
		before := mustGet(t, s, who, "leads")
		if again := mustGet(t, s, who, "leads"); again != before {
			t.Error("an unchanged definition was read again")
		}
		update(t, d, func(ctx context.Context, tx *db.Tx) error { return rename(ctx, tx, e, "Changed") })
		after := mustGet(t, s, who, "leads")
		if after.Fields[0].Label != "Changed" || after.Version != 2 {
			t.Errorf("still %q at version %d", after.Fields[0].Label, after.Version)
		}
		if before.Fields[0].Label != "Name" {
			t.Error("a definition that was handed out has changed")
		}
	})
}

// meddler lets a change happen between the statements of a reader.
type meddler struct {
	db.Handle
	statements int
	change     func(statement int)
}

func (m *meddler) Query(ctx context.Context, query string, args ...any) (db.Rows, error) {
	m.statements++
	m.change(m.statements)
	return m.Handle.Query(ctx, query, args...)
}

func (m *meddler) QueryRow(ctx context.Context, query string, args ...any) *db.Row {
	m.statements++
	m.change(m.statements)
	return m.Handle.QueryRow(ctx, query, args...)
}

func TestADefinitionIsNeverAMixOfTwoVersions(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		who := newAccount(t, d, "Acme")
		e := insert(t, d, who.Account.ID, sample())
		for at := 1; at <= 6; at++ { // before each statement of a read, and behind the last
			label := fmt.Sprint("before statement ", at)
			m := &meddler{Handle: d, change: func(statement int) {
				if statement == at {
					update(t, d, func(ctx context.Context, tx *db.Tx) error { return rename(ctx, tx, e, label) })
				}
			}}
			got := mustGet(t, &Service{db: m}, who, "leads")
			var version int64
			if err := d.QueryRow(t.Context(), `SELECT version FROM entities WHERE id = $1`, e.ID).Scan(&version); err != nil {
				t.Fatal(err)
			}
			a, b := got.Fields[0].Label, got.Fields[1].Label
			if changed := a == label; (got.Version == version) != (changed || at > m.statements) || changed != (b == label+" 2") {
				t.Errorf("changed %s: version %d of %d has %q and %q", label, got.Version, version, a, b)
			}
		}
	})
}

func TestADefinitionThatNeverStandsStill(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	who := newAccount(t, d, "Acme")
	e := insert(t, d, who.Account.ID, sample())
	m := &meddler{Handle: d, change: func(int) {
		update(t, d, func(ctx context.Context, tx *db.Tx) error { return rename(ctx, tx, e, "again") })
	}}
	if _, err := (&Service{db: m}).Get(t.Context(), who, "leads"); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	var c cache
	for range 3*cacheMax + 1 {
		e := &Entity{ID: id.New(), Version: 1}
		c.put(e)
		if c.get(ref{e.ID, 1}) != e || c.get(ref{e.ID, 2}) != nil {
			t.Fatal("the cache does not know what was just put in, or knows too much")
		}
	}
	if len(c.byID) > cacheMax {
		t.Errorf("%d definitions are kept", len(c.byID))
	}
	old := &Entity{ID: id.New(), Version: 2}
	c.put(old)
	c.put(&Entity{ID: old.ID, Version: 1})
	if c.get(ref{old.ID, 2}) != old {
		t.Error("an older definition replaced a newer one")
	}
}
