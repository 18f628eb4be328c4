package audit_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

var background = context.Background()

func record(t *testing.T, d *db.DB, entries ...audit.Entry) {
	t.Helper()
	err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
		for _, e := range entries {
			if err := audit.Record(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, d *db.DB, f audit.Filter) []audit.Entry {
	t.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	out, err := audit.List(background, d, f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAnEntryComesBackAsItWasRecorded(t *testing.T) {
	t.Parallel()
	at := time.Date(2031, 2, 3, 4, 5, 6, 789000, time.UTC)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		in := audit.Entry{
			AccountID: id.New(), EnvironmentID: id.New(),
			Actor:  audit.Actor{Kind: audit.Person, ID: id.New(), Name: `Zoë "Z"`, IP: "2001:db8::1", UserAgent: strings.Repeat("ü", 300), RequestID: "req-1"},
			Action: "key.rename", Object: audit.Object{Kind: "key", ID: id.New(), Name: "Website"},
			Changes: map[string]audit.Change{"name": {From: "Old", To: "New"}, "limit": {From: nil, To: 12.0}},
		}
		record(t, d, in)
		out := list(t, d, audit.Filter{AccountID: in.AccountID})
		if len(out) != 1 {
			t.Fatalf("%d entries", len(out))
		}
		got := out[0]
		if got.ID.IsNil() || !got.At.Equal(at) {
			t.Errorf("id %v, at %v", got.ID, got.At)
		}
		if n := len(got.Actor.UserAgent); n > 400 || !strings.HasPrefix(in.Actor.UserAgent, got.Actor.UserAgent) {
			t.Errorf("the user agent has %d bytes", n)
		}
		in.ID, in.At, in.Actor.UserAgent = got.ID, got.At, got.Actor.UserAgent
		if a, b := fmt.Sprintf("%+v", in), fmt.Sprintf("%+v", got); a != b {
			t.Errorf("recorded  %s\nread back %s", a, b)
		}
	}, dbtest.Clock(clock.NewFake(at)))
}

func TestNothingOfTheLogCanBeChangedOrRemoved(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		account := id.New()
		record(t, d, audit.Entry{AccountID: account, Action: "key.revoke"})
		statements := []string{
			`UPDATE audit_log SET action = 'nothing'`,
			`UPDATE audit_log SET action = 'nothing' WHERE 1 = 0`,
			`DELETE FROM audit_log`,
			`INSERT INTO audit_log SELECT * FROM audit_log WHERE TRUE ON CONFLICT (id) DO UPDATE SET action = 'nothing'`,
		}
		if d.Dialect() == db.SQLite {
			statements[1] = `REPLACE INTO audit_log SELECT * FROM audit_log` // where no row is hit, SQLite has nothing to refuse
			statements = append(statements, `INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log`, `UPDATE OR REPLACE audit_log SET at = 1`)
		} else {
			statements = append(statements, `TRUNCATE audit_log`, `TRUNCATE audit_log CASCADE`)
		}
		for _, statement := range statements {
			err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
				_, err := tx.Exec(ctx, statement)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), "append only") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		if out := list(t, d, audit.Filter{AccountID: account}); len(out) != 1 || out[0].Action != "key.revoke" {
			t.Errorf("the log holds %+v", out)
		}
	})
}

func TestListNarrowsAndPages(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)) // it stands still: many entries of one moment
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		account, other, object := id.New(), id.New(), id.New()
		for n := range 25 {
			action := []string{"key.create", "key.revoke", "keyring.create"}[n%3]
			e := audit.Entry{AccountID: account, Action: action, Object: audit.Object{Name: fmt.Sprint(n)}}
			if n%5 == 0 {
				e.Object.ID = object
			}
			record(t, d, e, audit.Entry{AccountID: other, Action: action})
		}
		for name, want := range map[string]struct {
			filter audit.Filter
			count  int
		}{
			"all of the account": {audit.Filter{AccountID: account}, 25},
			"an action":          {audit.Filter{AccountID: account, Action: "key.create"}, 9},
			"all about keys":     {audit.Filter{AccountID: account, Action: "key"}, 17},
			"an object":          {audit.Filter{AccountID: account, ObjectID: object}, 5},
			"an object's action": {audit.Filter{AccountID: account, ObjectID: object, Action: "key.create"}, 2},
			"nobody's":           {audit.Filter{AccountID: id.New()}, 0},
		} {
			if got := list(t, d, want.filter); len(got) != want.count {
				t.Errorf("%s: %d entries, want %d", name, len(got), want.count)
			}
		}
		seen := map[string]bool{}
		var last *audit.Entry
		for {
			page := list(t, d, audit.Filter{AccountID: account, Before: last, Limit: 4})
			if len(page) == 0 {
				break
			}
			for _, e := range page {
				if seen[e.Object.Name] {
					t.Errorf("entry %s is on two pages", e.Object.Name)
				}
				seen[e.Object.Name] = true
			}
			last = &page[len(page)-1]
		}
		if len(seen) != 25 {
			t.Errorf("%d of 25 entries were on a page", len(seen))
		}
	}, dbtest.Clock(fake))
}
