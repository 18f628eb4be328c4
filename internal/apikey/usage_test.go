package apikey

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func (w *world) call(k Key, at time.Time, status int, route, ip string, n int) api.Call {
	return api.Call{KeyID: k.ID, Environment: k.Environment.ID, At: at, RequestID: fmt.Sprintf("req_%08d", n), Method: "GET", Route: route, Status: status,
		Took: time.Duration(n) * time.Microsecond, IP: netip.MustParseAddr(ip), UserAgent: "test", Accepted: status != 401}
}

// TestUsageAddsUp: whatever calls come, in whatever order, from several goroutines,
// with writes in between: the sums are those of the calls.
func TestUsageAddsUp(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		round := 0
		rapid.Check(t, func(t *rapid.T) {
			round++
			name := fmt.Sprintf("key %d", round)
			k, _, err := w.keys.Create(ctx, w.owner, Settings{Name: &name, Scopes: &[]string{"*"}}, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			now := d.Now()
			var want Outcomes
			perRoute := map[string]int{}
			var calls []api.Call
			for n := range rapid.IntRange(1, 250).Draw(t, "calls") {
				status := rapid.SampledFrom([]int{200, 201, 400, 401, 404, 422, 429, 500, 503}).Draw(t, "status")
				route := rapid.SampledFrom([]string{"/api/key", "/api/intake", "/api/leads/{id}"}).Draw(t, "route")
				at := now.Add(-time.Duration(rapid.IntRange(0, 6*24*3600).Draw(t, "age")) * time.Second)
				calls = append(calls, w.call(k, at, status, route, rapid.SampledFrom([]string{"192.0.2.1", "2001:db8::7"}).Draw(t, "ip"), n))
				want.add(status, 1)
				perRoute["GET "+route]++
			}
			var wg sync.WaitGroup
			half := len(calls) / 2
			for _, part := range [][]api.Call{calls[:half], calls[half:]} {
				wg.Go(func() {
					for _, c := range part {
						w.keys.Observe(c)
					}
				})
			}
			wg.Wait()
			check := func(when string) {
				rep, err := w.keys.UsageReport(ctx, w.owner, k.ID, "7d")
				if err != nil {
					t.Fatal(err)
				}
				if rep.Sum != want {
					t.Fatalf("%s: %+v, want %+v", when, rep.Sum, want)
				}
				for _, r := range rep.Routes {
					if perRoute[r.Route] != r.Total() {
						t.Fatalf("%s: %s has %d calls, want %d", when, r.Route, r.Total(), perRoute[r.Route])
					}
				}
				fromAddresses := 0
				for _, a := range rep.Addresses {
					fromAddresses += a.Calls
				}
				if fromAddresses != len(calls) {
					t.Fatalf("%s: %d calls by address, want %d", when, fromAddresses, len(calls))
				}
				if len(rep.Calls) != min(len(calls), keptCalls) {
					t.Fatalf("%s: the last %d calls are shown, want %d", when, len(rep.Calls), min(len(calls), keptCalls))
				}
			}
			check("in memory")
			w.keys.usage.flush(ctx)
			check("written")
			w.keys.Observe(w.call(k, now, 200, "/api/key", "192.0.2.1", 9999))
			want.add(200, 1)
			perRoute["GET /api/key"]++
			calls = append(calls, api.Call{})
			check("one more in memory")
			w.keys.usage.flush(ctx)
			check("all written")
		})
	})
}

// TestLastUsedOnlyMovesForward, also when another node wrote a later call first.
func TestLastUsedOnlyMovesForward(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		k, _ := w.key("k", "*")
		now := d.Now()
		other := NewService(d, w.keys.log) // another node
		w.keys.Observe(w.call(k, now, 200, "/api/key", "192.0.2.1", 1))
		other.Observe(w.call(k, now.Add(-time.Minute), 200, "/api/leads", "192.0.2.2", 2))
		w.keys.usage.flush(ctx)
		other.usage.flush(ctx)
		last, err := lastUse(ctx, d, k.ID)
		w.must(err)
		if last == nil || !last.At.Equal(now) || last.Route != "/api/key" {
			t.Errorf("last use is %+v, want the one at %s", last, now)
		}
		w.keys.Observe(w.call(k, now.Add(time.Second), 401, "/api/key", "192.0.2.9", 3)) // refused: no use
		w.keys.usage.flush(ctx)
		if last, err := lastUse(ctx, d, k.ID); err != nil || !last.At.Equal(now) {
			t.Errorf("a refused call counts as a use: %+v, %v", last, err)
		}
	})
}

// TestManyCallsAreOneWrite: ten thousand calls of a key cost one row of its activity.
func TestManyCallsAreOneWrite(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	w := newWorld(t, d)
	k, _ := w.key("busy", "*")
	now := d.Now()
	for n := range 10_000 {
		w.keys.Observe(w.call(k, now.Add(time.Duration(n)*time.Microsecond), 200, "/api/key", "192.0.2.1", n))
	}
	if n := len(w.keys.usage.pending(k.ID).calls); n > 2*keptCalls {
		t.Errorf("%d calls are kept in memory", n)
	}
	w.keys.usage.flush(context.Background())
	var rows, calls int
	w.must(d.QueryRow(context.Background(), `SELECT COUNT(*), SUM(calls) FROM key_usage WHERE key_id = $1`, k.ID).Scan(&rows, &calls))
	if rows > 2 || calls != 10_000 { // two when the hour changed in between
		t.Errorf("%d rows for %d calls", rows, calls)
	}
	var kept int
	w.must(d.QueryRow(context.Background(), `SELECT COUNT(*) FROM key_calls WHERE key_id = $1`, k.ID).Scan(&kept))
	if kept != keptCalls {
		t.Errorf("%d calls are kept, want %d", kept, keptCalls)
	}
}

// TestUnwrittenUsageIsKept: what cannot be written now is written later.
func TestUnwrittenUsageIsKept(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	w := newWorld(t, d)
	k, _ := w.key("k", "*")
	other, _ := w.key("other", "*")
	g := &gathered{environment: k.Environment.ID, counts: map[bucket]int{{1, "GET /x", 200}: 3}, addresses: map[address]addressUse{{1, "192.0.2.1"}: {3, d.Now()}}, calls: []Call{{At: d.Now()}}}
	w.keys.Observe(w.call(k, d.Now(), 200, "/api/key", "192.0.2.1", 1))
	w.keys.usage.putBack([]id.ID{k.ID, other.ID}, map[id.ID]*gathered{k.ID: g, other.ID: g})
	for _, key := range []id.ID{k.ID, other.ID} {
		if got := w.keys.usage.pending(key); got.counts[bucket{1, "GET /x", 200}] != 3 {
			t.Errorf("%+v was lost", g.counts)
		}
	}
	if n := len(w.keys.usage.pending(k.ID).calls); n != 2 {
		t.Errorf("%d calls are pending, want 2", n)
	}
}

// TestFirstUseIsAnEventAtOnce, and one only, however many calls come first.
func TestFirstUseIsAnEventAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		k, s := w.key("new", "*")
		for n := range 20 {
			caller, err := w.try(s)
			w.must(err)
			c := w.call(k, d.Now(), 200, "/api/key", "192.0.2.1", n)
			c.FirstUse = caller.FirstUse
			w.keys.Observe(c)
		}
		w.keys.usage.wait.Wait()
		// Readers stay behind the oldest transaction of the whole server, also of other
		// tests' databases, so an event may show a little later than it was written.
		firsts := func() (n int) {
			events, err := event.After(ctx, d, k.Environment.ID, event.Position{}, 100)
			w.must(err)
			for _, e := range events {
				if e.Type == "key.first_used" {
					n++
					if e.Actor.Name != k.Name || e.Actor.ID != k.ID {
						t.Errorf("the event names %v as the key that was used", e.Actor)
					}
				}
			}
			return n
		}
		for deadline := time.Now().Add(time.Minute); firsts() == 0 && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		if n := firsts(); n != 1 {
			t.Errorf("%d events say that the key was used for the first time, want 1", n)
		}
		if caller, err := w.try(s); err != nil || caller.FirstUse {
			t.Errorf("the key still counts as never used: %v", err)
		}
	})
}

// TestOldCountsAreForgotten after the longest range a page shows.
func TestOldCountsAreForgotten(t *testing.T) {
	fake := clock.NewFake(noon)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		w := newWorld(t, d)
		k, _ := w.key("old", "*")
		w.keys.Observe(w.call(k, noon.AddDate(0, 0, -92), 200, "/api/key", "192.0.2.1", 1))
		w.keys.Observe(w.call(k, noon.AddDate(0, 0, -89), 200, "/api/key", "192.0.2.1", 2))
		w.keys.usage.flush(ctx)
		w.must(d.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
			more, err := forgetUsage(ctx, tx)
			if more {
				return errors.Join(err, errors.New("there cannot be more"))
			}
			return err
		}))
		var calls int
		w.must(d.QueryRow(ctx, `SELECT SUM(calls) FROM key_usage WHERE key_id = $1`, k.ID).Scan(&calls))
		if calls != 1 {
			t.Errorf("%d calls are counted, want the one within 91 days", calls)
		}
	}, dbtest.Clock(fake))
}
