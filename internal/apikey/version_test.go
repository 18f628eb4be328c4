package apikey

import (
	"context"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// A key's last change is its version: If-Match compares it. Two states must never have
// the same one, though the clock stands still or goes back.
func TestEveryChangeIsANewVersion(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fake := clock.NewFake(noon)
		everyChangeIsANewVersion(t, dbtest.SQLite(t, dbtest.Clock(fake)), fake)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fake := clock.NewFake(noon)
		everyChangeIsANewVersion(t, dbtest.Postgres(t, dbtest.Clock(fake)), fake)
	})
}

func everyChangeIsANewVersion(t *testing.T, d *db.DB, fake *clock.Fake) {
	ctx := context.Background()
	w := newWorld(t, d)
	k, s := w.key("versions", "*")
	last := k.UpdatedAt
	check := func(what string, answered time.Time) {
		t.Helper()
		stored, err := w.keys.Get(ctx, w.owner, k.ID)
		w.must(err)
		if !stored.UpdatedAt.After(last) {
			t.Errorf("%s: the version was %s and is %s", what, last, stored.UpdatedAt)
		}
		if !answered.IsZero() && !answered.Equal(stored.UpdatedAt) {
			t.Errorf("%s: the answer says %s, stored is %s", what, answered, stored.UpdatedAt)
		}
		last = stored.UpdatedAt
	}
	for _, moment := range []time.Time{noon, noon.Add(-time.Hour)} {
		fake.Set(moment)
		for _, purpose := range []string{"a", "b"} {
			after, err := w.keys.Edit(ctx, w.owner, k.ID, Settings{Purpose: new(purpose + moment.String())}, nil, nil)
			w.must(err)
			check("an edit", after.UpdatedAt)
		}
		after, err := w.keys.Disable(ctx, w.owner, k.ID, nil)
		w.must(err)
		check("disable", after.UpdatedAt)
		after, err = w.keys.Enable(ctx, w.owner, k.ID, nil)
		w.must(err)
		check("enable", after.UpdatedAt)
	}
	w.keys.Exposed(ctx, []string{s.Reveal()}, "query", facts())
	check("an exposure", time.Time{})
	_, _, err := w.keys.Rotate(ctx, w.owner, k.ID, time.Minute, nil)
	w.must(err)
	check("a rotation", time.Time{})
	r, err := w.keys.Revoke(ctx, w.owner, k.ID, nil)
	w.must(err)
	check("revoke", r.Key.UpdatedAt)
}
