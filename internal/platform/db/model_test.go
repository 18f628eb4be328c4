package db_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// step is one Update of the model: some keys to insert, and how it ends.
type step struct {
	keys  []int
	ends  string
	leave time.Duration // the caller goes away after this long
}

var endings = []string{"well", "well", "well", "error", "panic", "violation", "swallowed", "lost", "leaves"}

var errStep = errors.New("the closure changed its mind")

func (s step) closure(d *db.DB) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error {
		for _, k := range s.keys {
			if err := insert(ctx, tx, k); err != nil {
				return err
			}
		}
		switch s.ends {
		case "error":
			return errStep
		case "panic":
			panic("the closure lost its head")
		case "violation":
			return insert(ctx, tx, -1) // always there
		case "swallowed":
			_ = insert(ctx, tx, -1)
		case "lost":
			if d.Dialect() == db.SQLite { // takes the whole group's transaction with it
				_, err := tx.Exec(ctx, `INSERT OR ROLLBACK INTO things (k) VALUES (-1)`)
				return err
			}
			_, err := tx.Exec(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
			return err
		}
		return nil
	}
}

// Sixty-four callers whose closures fail at random, or who go away at random, leave
// exactly what was acknowledged.
func TestConcurrentUpdatesEqualTheModel(t *testing.T) {
	t.Parallel()
	const callers = 64
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		if err := store(d, -1); err != nil {
			t.Fatal(err)
		}
		next := 0
		acknowledged := map[int]bool{-1: true}
		rapid.Check(t, func(rt *rapid.T) {
			// rapid prints the seed of a failure and how to run it again.
			dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
			plans := make([][]step, callers)
			for c := range plans {
				for range 1 + dice.IntN(4) {
					s := step{ends: endings[dice.IntN(len(endings))], leave: time.Duration(dice.IntN(3000)) * time.Microsecond}
					if s.ends == "lost" && d.Dialect() == db.Postgres && dice.IntN(8) > 0 {
						s.ends = "error" // connections are dear
					}
					for range dice.IntN(4) {
						s.keys = append(s.keys, next)
						next++
					}
					plans[c] = append(plans[c], s)
				}
			}
			var mu sync.Mutex
			var all sync.WaitGroup
			for _, plan := range plans {
				all.Go(func() {
					for _, s := range plan {
						ctx, cancel := context.WithCancel(background)
						if s.ends == "leaves" {
							time.AfterFunc(s.leave, cancel)
						}
						err := d.Update(ctx, s.closure(d))
						cancel()
						mu.Lock()
						switch {
						case err == nil && (s.ends == "well" || s.ends == "leaves"):
							for _, k := range s.keys {
								acknowledged[k] = true
							}
						case s.ends == "leaves" && errors.Is(err, context.Canceled):
						case err == nil:
							rt.Errorf("a closure that ended in %q was acknowledged", s.ends)
						case s.ends == "well" || s.ends == "leaves",
							s.ends == "error" && !errors.Is(err, errStep),
							(s.ends == "violation" || s.ends == "swallowed") && !db.IsUnique(err):
							rt.Errorf("a closure that ended in %q got %v (%s)", s.ends, err, errs.CodeOf(err))
						}
						mu.Unlock()
					}
				})
			}
			all.Wait()
			want := slices.Sorted(maps.Keys(acknowledged))
			if got := stored(t, d); !slices.Equal(got, want) {
				rt.Fatalf("stored and acknowledged differ: %v", difference(got, want))
			}
		})
	})
}

func difference(a, b []int) (out []int) {
	for _, k := range a {
		if !slices.Contains(b, k) {
			out = append(out, k)
		}
	}
	for _, k := range b {
		if !slices.Contains(a, k) {
			out = append(out, k)
		}
	}
	return out
}
