package event_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// hang is when a test that waits for something gives up. Nothing is measured by it.
const hang = time.Minute

var background = context.Background()

// counted is a fact that says which of its writer's facts it is.
type counted struct {
	Writer int `json:"writer"`
	Number int `json:"number"`
}

func (counted) EventType() string { return "thing.counted" }

func write(d *db.DB, environment id.ID, facts ...counted) error {
	return d.Update(background, func(ctx context.Context, tx *db.Tx) error {
		for _, f := range facts {
			if err := event.Write(ctx, tx, environment, event.Actor{Kind: "system", Name: "test"}, f); err != nil {
				return err
			}
		}
		return nil
	})
}

func decode(t *testing.T, e event.Event) counted {
	t.Helper()
	var f counted
	if err := json.Unmarshal(e.Data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// readAll reads pages behind a position until want events have come, checking that
// positions only rise. Other tests' transactions on the same server may hold it up.
func readAll(t *testing.T, d *db.DB, environment id.ID, after event.Position, want int) []event.Event {
	t.Helper()
	var all []event.Event
	for limit := time.Now().Add(hang); len(all) < want; {
		page, err := event.After(background, d, environment, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > 7 {
			t.Fatalf("a page of 7 has %d events", len(page))
		}
		for _, e := range page {
			if before := after; e.Position.Tx < before.Tx || e.Position.Tx == before.Tx && e.Position.Seq <= before.Seq {
				t.Fatalf("%v comes after %v", e.Position, before)
			}
			after = e.Position
		}
		all = append(all, page...)
		if len(page) == 0 {
			time.Sleep(5 * time.Millisecond)
		}
		if time.Now().After(limit) {
			t.Fatalf("only %d of %d events came", len(all), want)
		}
	}
	return all
}

func TestAnEventComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	at := time.Date(2031, 2, 3, 4, 5, 6, 789000, time.UTC)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		environment, actor := id.New(), event.Actor{Kind: "key", ID: id.New(), Name: `Zoë's "key"`}
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			return event.Write(ctx, tx, environment, actor, counted{3, 4})
		})
		if err != nil {
			t.Fatal(err)
		}
		e := readAll(t, d, environment, event.Position{}, 1)[0]
		if e.Type != "thing.counted" || !e.At.Equal(at) || e.Actor != actor || decode(t, e) != (counted{3, 4}) {
			t.Errorf("%+v %s", e, e.Data)
		}
		head, err := event.Head(background, d, environment)
		if err != nil || head != e.Position {
			t.Errorf("the head is %v, %v; the only event is at %v", head, err, e.Position)
		}
	}, dbtest.Clock(clock.NewFake(at)))
}

func TestNoEventWithoutItsChange(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		environment, mine := id.New(), errors.New("mine")
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			return errors.Join(event.Write(ctx, tx, environment, event.Actor{}, counted{}), mine)
		})
		if !errors.Is(err, mine) {
			t.Fatal(err)
		}
		if n, err := event.After(background, d, environment, event.Position{}, 10); err != nil || len(n) != 0 {
			t.Errorf("%v, %v", n, err)
		}
	})
}

func TestEnvironmentsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a, b := id.New(), id.New()
		for n := range 5 {
			if err := errors.Join(write(d, a, counted{1, n}), write(d, b, counted{2, n})); err != nil {
				t.Fatal(err)
			}
		}
		for environment, writer := range map[id.ID]int{a: 1, b: 2} {
			for _, e := range readAll(t, d, environment, event.Position{}, 5) {
				if decode(t, e).Writer != writer {
					t.Errorf("environment of %d holds %s", writer, e.Data)
				}
			}
		}
		if head, err := event.Head(background, d, id.New()); err != nil || head != (event.Position{}) {
			t.Errorf("the head of nothing is %v, %v", head, err)
		}
	})
}

// A transaction that takes long has the smaller number. Readers must not pass it by.
func TestAReaderStaysBehindTheOldestTransaction(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	environment := id.New()
	begun, finish, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			err := event.Write(ctx, tx, environment, event.Actor{}, counted{1, 0})
			var written int // to ask brings the event to the server
			err = errors.Join(err, tx.QueryRow(ctx, `SELECT COUNT(*) FROM events WHERE environment_id = $1`, environment).Scan(&written))
			if written != 1 {
				t.Errorf("%d events were written", written)
			}
			close(begun)
			<-finish
			return err
		})
	}()
	<-begun
	if err := write(d, environment, counted{2, 0}); err != nil {
		t.Fatal(err)
	}
	page, err := event.After(background, d, environment, event.Position{}, 10)
	if err != nil || len(page) != 0 {
		t.Errorf("while an older transaction is under way a reader gets %d events, %v", len(page), err)
	}
	if head, err := event.Head(background, d, environment); err != nil || head != (event.Position{}) {
		t.Errorf("and the head is %v, %v", head, err)
	}
	close(finish)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	all := readAll(t, d, environment, event.Position{}, 2)
	if decode(t, all[0]).Writer != 1 || decode(t, all[1]).Writer != 2 {
		t.Errorf("the order is %s, %s", all[0].Data, all[1].Data)
	}
}

// A server that a dump is restored on counts its transactions from the beginning.
// A transaction that began first and had to wait for another one tells of its change
// after that: what happened later comes later.
func TestAChangeThatWaitedForAnotherComesAfterIt(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	environment := id.New()
	numbered, committed, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			var number string
			if err := tx.QueryRow(ctx, `SELECT pg_current_xact_id()::text`).Scan(&number); err != nil {
				return err
			}
			close(numbered)
			<-committed
			return event.Write(ctx, tx, environment, event.Actor{Kind: "system", Name: "test"}, counted{Writer: 1})
		})
	}()
	<-numbered
	err := write(d, environment, counted{Writer: 2})
	close(committed)
	if err = errors.Join(err, <-ended); err != nil {
		t.Fatal(err)
	}
	all := readAll(t, d, environment, event.Position{}, 2)
	if first, second := decode(t, all[0]), decode(t, all[1]); first.Writer != 2 || second.Writer != 1 {
		t.Errorf("the change of %d is told before that of %d", first.Writer, second.Writer)
	}
}

func TestPositionsGoOnAfterTheDatabaseMovedToAnotherServer(t *testing.T) {
	t.Parallel()
	cfg := db.Config{URL: dbtest.PostgresMigratedURL(t)}
	open := func() *db.DB {
		t.Helper()
		d, err := db.Open(background, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		return d
	}
	account, environment := id.New(), id.New()
	before := open()
	err := before.Update(background, func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO accounts (id, name, slug, created_at) VALUES ($1, 'A', 'a', 0)`, account); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO environments (id, account_id, name, name_folded, slug, kind, created_at) VALUES ($1, $2, 'E', 'e', 'e', 'live', 0)`, environment, account)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	for move := range 3 {
		d := open()
		for range 3 {
			if err := write(d, environment, counted{0, number}); err != nil {
				t.Fatal(err)
			}
			number++
		}
		for i, e := range readAll(t, d, environment, event.Position{}, number) {
			if n := decode(t, e).Number; n != i {
				t.Errorf("after %d moves number %d comes in place of %d", move, n, i)
			}
		}
		// As seen from a younger server, what is stored is from the future.
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE events SET tx = tx + 1000000`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Readers that follow while many write, some slowly and some in vain, miss nothing,
// get nothing twice, and see each writer's facts in its order.
func TestReadersMissNothingBesideConcurrentWriters(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const writers, each, readers = 8, 40, 3
		environment := id.New()
		var writing, reading sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				for n := 0; n < each; {
					some := 1 + rand.IntN(3)
					undone := rand.IntN(4) == 0
					err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
						for i := range min(some, each-n) {
							if err := event.Write(ctx, tx, environment, event.Actor{}, counted{w, n + i}); err != nil {
								return err
							}
							if d.Dialect() == db.Postgres {
								time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond) // transactions overlap
							}
						}
						if undone {
							return context.Canceled
						}
						return nil
					})
					switch {
					case undone:
					case err != nil:
						t.Error(err)
						return
					default:
						n += min(some, each-n)
					}
				}
			})
		}
		for range readers {
			reading.Go(func() {
				next := make([]int, writers)
				for _, e := range readAll(t, d, environment, event.Position{}, writers*each) {
					f := decode(t, e)
					if f.Number != next[f.Writer] {
						t.Errorf("of writer %d came number %d, not %d", f.Writer, f.Number, next[f.Writer])
					}
					next[f.Writer] = f.Number + 1
				}
			})
		}
		writing.Wait()
		reading.Wait()
	})
}

func TestPositionsCanBeHandedOutAndBack(t *testing.T) {
	t.Parallel()
	for _, p := range []event.Position{{}, {Tx: 0, Seq: 1}, {Tx: 1 << 62, Seq: 1<<63 - 1}} {
		if back, err := event.ParsePosition(p.String()); err != nil || back != p {
			t.Errorf("%v came back as %v, %v", p, back, err)
		}
	}
	if p, err := event.ParsePosition(""); err != nil || p != (event.Position{}) {
		t.Errorf("nothing is %v, %v", p, err)
	}
	for _, bad := range []string{"-", "1", "1-", "-1", "--1", "1--1", "-1-1", "x-!", "1-2-3", " 1-2", "1-2\n", "zzzzzzzzzzzzzz-1", "' OR 1=1"} {
		if p, err := event.ParsePosition(bad); errs.CodeOf(err) != errs.InvalidCursor {
			t.Errorf("%q was read as %v, %v", bad, p, err)
		}
	}
}

func TestFollowersGetEverythingInOrderAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const followers, facts = 5, 30
		tail := event.NewTail(d, slog.New(slog.DiscardHandler))
		environment := id.New()
		if err := write(d, environment, counted{0, 0}, counted{0, 1}); err != nil {
			t.Fatal(err)
		}
		start := readAll(t, d, environment, event.Position{}, 2)[0].Position
		got := make(chan []int, followers)
		for range followers {
			go func() {
				ctx, cancel := context.WithTimeout(background, hang)
				defer cancel()
				var numbers []int
				_ = tail.Follow(ctx, environment, start, func(e event.Event) error {
					numbers = append(numbers, decode(t, e).Number)
					if len(numbers) == facts {
						cancel()
					}
					return nil
				}, func() error { return nil })
				got <- numbers
			}()
		}
		for n := 2; n <= facts; n++ {
			if err := write(d, environment, counted{0, n}); err != nil {
				t.Fatal(err)
			}
		}
		var want []int
		for n := 1; n <= facts; n++ {
			want = append(want, n)
		}
		for range followers {
			if numbers := <-got; !slices.Equal(numbers, want) {
				t.Errorf("a follower got %v", numbers)
			}
		}
		if n := tail.Followed(); n != 0 {
			t.Errorf("%d environments are still polled", n)
		}
	})
}

func TestAFollowerEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		tail := event.NewTail(d, slog.New(slog.DiscardHandler))
		environment, gone := id.New(), errors.New("gone")
		if err := tail.Follow(background, environment, event.Position{}, nil, func() error { return gone }); !errors.Is(err, gone) {
			t.Errorf("idle said %v", err)
		}
		if err := write(d, environment, counted{}); err != nil {
			t.Fatal(err)
		}
		if err := tail.Follow(background, environment, event.Position{}, func(event.Event) error { return gone }, func() error { return nil }); !errors.Is(err, gone) {
			t.Errorf("send said %v", err)
		}
		if n := tail.Followed(); n != 0 {
			t.Errorf("%d environments are still polled", n)
		}
	})
}

// More events than one page are all sent at once, not one page a poll.
func TestAFollowerCatchesUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		environment := id.New()
		facts := make([]counted, 450)
		for n := range facts {
			facts[n].Number = n
		}
		if err := write(d, environment, facts...); err != nil {
			t.Fatal(err)
		}
		tail := event.NewTail(d, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithTimeout(background, hang)
		defer cancel()
		next := 0
		_ = tail.Follow(ctx, environment, event.Position{}, func(e event.Event) error {
			if n := decode(t, e).Number; n != next {
				t.Errorf("number %d came in place of %d", n, next)
			}
			if next++; next == len(facts) {
				cancel()
			}
			return nil
		}, func() error { return nil })
		if next != len(facts) {
			t.Errorf("%d of %d came", next, len(facts))
		}
	})
}
