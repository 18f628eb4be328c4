package lead

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// asker waits for a turn.
type asker struct {
	environment int
	asked       int // the step in which it did
	turn        chan struct{}
}

// No more turns are taken than there are, none is left while somebody waits, whoever
// asked first in an environment is first, and no environment gets two while another one
// waits.
func TestTurnsGoRound(t *testing.T) {
	t.Parallel()
	environments := []id.ID{id.New(), id.New(), id.New()}
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 3).Draw(t, "turns")
		all := newTurns(most)
		var waiting []asker
		taken := 0
		last := map[int]int{} // by environment: the step in which it was given a turn
		given := func(step int, a asker) {
			taken++
			for _, other := range waiting {
				if other.environment == a.environment && other.asked < a.asked {
					t.Fatal("somebody was overtaken")
				}
				if before, ok := last[a.environment]; ok && other.environment != a.environment && other.asked < before && last[other.environment] < before {
					t.Fatalf("environment %d got two turns while %d waited", a.environment, other.environment)
				}
			}
			last[a.environment] = step
		}
		settle := func(step int) {
			waiting = slices.DeleteFunc(waiting, func(a asker) bool {
				select {
				case <-a.turn:
					given(step, a)
					return true
				default:
					return false
				}
			})
			if taken > most || taken < most && len(waiting) > 0 {
				t.Fatalf("%d of %d turns are taken, %d wait", taken, most, len(waiting))
			}
		}
		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		for step := range steps {
			switch what := rapid.IntRange(0, 5).Draw(t, "what"); {
			case what < 3:
				a := asker{environment: rapid.IntRange(0, 2).Draw(t, "environment"), asked: step}
				if a.turn = all.ask(environments[a.environment]); a.turn == nil {
					given(step, a)
				} else {
					waiting = append(waiting, a)
				}
			case what == 3 && len(waiting) > 0:
				i := rapid.IntRange(0, len(waiting)-1).Draw(t, "who leaves")
				all.leave(environments[waiting[i].environment], waiting[i].turn)
				waiting = slices.Delete(waiting, i, i+1)
			case what > 3 && taken > 0:
				taken--
				all.give()
				if len(waiting) > 0 && rapid.Bool().Draw(t, "leaves at the same moment") { // and passes on what it was given
					i := slices.IndexFunc(waiting, func(a asker) bool {
						select {
						case <-a.turn:
							return true
						default:
							return false
						}
					})
					last[waiting[i].environment] = step
					all.leave(environments[waiting[i].environment], waiting[i].turn)
					waiting = slices.Delete(waiting, i, i+1)
				}
			}
			settle(step)
		}
		for ; taken > 0; settle(steps) {
			taken--
			all.give()
		}
		if all.free != most || len(all.waiting) > 0 || len(all.next) > 0 {
			t.Fatalf("%+v is left", all)
		}
	})
}

// The time in which a list waits for its turn is not taken from its budget.
func TestWaitingCostsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Service{lists: newTurns(1)}
		environment := id.New()
		if err := s.lists.take(t.Context(), environment); err != nil {
			t.Fatal(err)
		}
		within, e, done := s.newEffort(t.Context(), environment, 2*time.Second)
		time.Sleep(time.Second)
		for range slicesAtOnce {
			if err := e.look(within, false); err != nil || e.turn {
				t.Fatalf("the first slices had to wait: %v", err)
			}
		}
		time.AfterFunc(4*time.Second, s.lists.give)
		if err := e.look(within, false); err != nil || !e.turn {
			t.Fatalf("after 4 seconds of waiting: %v", err)
		}
		time.Sleep(999 * time.Millisecond)
		if err := e.look(within, false); err != nil {
			t.Fatalf("with a millisecond left: %v", err)
		}
		time.Sleep(2 * time.Millisecond)
		if err := e.look(within, false); err == nil {
			t.Error("there is no end of the budget")
		}
		patient, second, leave := s.newEffort(t.Context(), environment, 2*time.Second)
		if err := second.look(patient, true); errs.CodeOf(err) != errs.Unavailable {
			t.Errorf("without a turn: %v", err)
		}
		leave()
		done()
		if s.lists.free != 1 {
			t.Errorf("%d turns are free", s.lists.free)
		}
	})
}

// Only a list that looks at many leads waits for a turn.
func TestShortListsDoNotWait(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		for i := range 600 {
			w.mustSend(w.who, fmt.Sprintf(`{"entity":"funnel","email":"%d@example.com","budget":%d,"remark":"ada"}`, i, i))
		}
		w.svc.lists = newTurns(0)
		for _, q := range []Query{
			{}, {Sort: "updated_at", Limit: 200}, {Sort: "-budget", Limit: 200}, {Filter: `email = "7@example.com"`}, {Filter: `budget > 590`, Sort: "-budget"},
			{Filter: `status.stage = "New"`, Sort: "budget"}, {Search: "ada"}, {Count: "estimate"}, {Filter: `email = "7@example.com" and remark contains "eve"`, Count: "estimate"},
		} {
			q.Entity = w.e.Slug
			if _, err := w.svc.List(t.Context(), w.who, q); err != nil {
				t.Errorf("%+v: %v", q, err)
			}
		}
		for _, q := range []Query{{Search: "eve", Limit: 1}, {Filter: `remark contains "eve"`, Limit: 1}, {Count: "exact"}} {
			q.Entity = w.e.Slug
			ctx, leave := context.WithCancel(t.Context())
			refused := make(chan error, 1)
			go func() {
				_, err := w.svc.List(ctx, w.who, q)
				refused <- err
			}()
			for waits := false; !waits; time.Sleep(time.Millisecond) {
				select {
				case err := <-refused:
					t.Fatalf("%+v did not wait: %v", q, err)
				default:
				}
				w.svc.lists.mu.Lock()
				waits = len(w.svc.lists.next) > 0
				w.svc.lists.mu.Unlock()
			}
			leave()
			if err := <-refused; errs.CodeOf(err) != errs.Unavailable {
				t.Errorf("%+v: %v", q, err)
			}
		}
	})
}

// An export whose reader does not go on keeps no turn: others are done meanwhile, and in
// the end all turns are free.
func TestASlowReaderHoldsUpNobody(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		for i := range 20 {
			w.mustSend(w.who, fmt.Sprintf(`{"entity":"funnel","email":"%d@example.com","remark":"ada"}`, i))
		}
		w.svc.exports = newTurns(1)
		queries := []Query{{}, {Sort: "-budget,created_at"}, {Search: "ada"}, {Filter: `remark contains "ada"`}}
		goOn := make(chan struct{})
		var slow sync.WaitGroup
		for i := range queries {
			queries[i].Entity = w.e.Slug
			begun := make(chan struct{})
			slow.Go(func() {
				n := 0
				err := w.svc.Each(t.Context(), w.who, "read", queries[i], func(*Lead) error {
					if n++; n == 1 {
						close(begun)
						<-goOn
					}
					return nil
				})
				if err != nil || n != 20 {
					t.Errorf("%+v: %d leads, %v", queries[i], n, err)
				}
			})
			<-begun
		}
		for _, q := range queries {
			n := 0
			if err := w.svc.Each(t.Context(), w.who, "read", q, func(*Lead) error { n++; return nil }); err != nil || n != 20 {
				t.Errorf("%+v: %d leads, %v", q, n, err)
			}
			sel, err := w.svc.Select(t.Context(), w.who, "read", q)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := sel.CountTo(t.Context(), neverTooLarge); err != nil || c.N != 20 {
				t.Errorf("%+v: counted %+v, %v", q, c, err)
			}
		}
		close(goOn)
		slow.Wait()
		if w.svc.exports.free != 1 {
			t.Errorf("%d turns are free", w.svc.exports.free)
		}
	})
}
