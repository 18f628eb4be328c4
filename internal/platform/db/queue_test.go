package db_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

func queue(ctx context.Context, tx *db.Tx, k int) error {
	return tx.Queue(ctx, `INSERT INTO things (k) VALUES ($1)`, k)
}

// What is queued comes before what is done after it, and is stored with the rest.
func TestQueuedStatementsKeepTheirPlace(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			if err := errors.Join(queue(ctx, tx, 1), queue(ctx, tx, 2)); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, `SELECT k FROM things ORDER BY k`)
			if got := slices.Collect(column[int](t, rows, err)); !slices.Equal(got, []int{1, 2}) {
				t.Errorf("a query sees %v", got)
			}
			if err := queue(ctx, tx, 3); err != nil {
				return err
			}
			if n, err := tx.Exec(ctx, `UPDATE things SET k = k + 10`); err != nil || n != 3 {
				t.Errorf("%d rows were changed, %v", n, err)
			}
			return queue(ctx, tx, 4)
		})
		if got := stored(t, d); err != nil || !slices.Equal(got, []int{4, 11, 12, 13}) {
			t.Errorf("stored: %v, %v", got, err)
		}
	})
}

// A queued statement that fails undoes everything, whatever comes after it and whether
// or not anybody looks.
func TestAQueuedStatementThatFails(t *testing.T) {
	t.Parallel()
	after := map[string]func(context.Context, *db.Tx) error{
		"nothing":    func(context.Context, *db.Tx) error { return nil },
		"queued":     func(ctx context.Context, tx *db.Tx) error { return queue(ctx, tx, 3) },
		"executed":   func(ctx context.Context, tx *db.Tx) error { return insert(ctx, tx, 3) },
		"overlooked": func(ctx context.Context, tx *db.Tx) error { _ = insert(ctx, tx, 3); return nil },
		"queried": func(ctx context.Context, tx *db.Tx) error {
			rows, err := tx.Query(ctx, `SELECT k FROM things`)
			return db.Each(rows, err, func(db.Rows) error { return nil })
		},
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		run(t, d, `INSERT INTO things (k) VALUES (7)`)
		for name, more := range after {
			runs := 0
			err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
				runs++
				if err := queue(ctx, tx, 1); err != nil {
					return err
				}
				_ = queue(ctx, tx, 7) // SQLite says so at once
				return more(ctx, tx)
			})
			if !db.IsUnique(err) || runs != 1 {
				t.Errorf("%s: %v after %d runs", name, err, runs)
			}
			if got := stored(t, d); !slices.Equal(got, []int{7}) {
				t.Errorf("%s: stored: %v", name, got)
			}
		}
	})
}

func TestWhatAClosureQueuedBeforeItFailedIsNotStored(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		refused := errors.New("no")
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			return errors.Join(queue(ctx, tx, 1), refused)
		})
		if got := stored(t, d); !errors.Is(err, refused) || len(got) != 0 {
			t.Errorf("stored: %v, %v", got, err)
		}
	})
}

func TestQueuedStatementsAreRetriedWithTheirTransaction(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	things(t, d)
	runs := 0
	err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
		if runs++; runs < 3 {
			return errors.Join(queue(ctx, tx, runs), tx.Queue(ctx, raise("40001")))
		}
		return queue(ctx, tx, runs)
	})
	if got := stored(t, d); err != nil || !slices.Equal(got, []int{3}) {
		t.Errorf("stored: %v, %v", got, err)
	}
}

// The connection is gone before COMMIT was reached, in the same journey: nobody can tell
// that apart from one that is lost during COMMIT.
func TestAConnectionLostByAQueuedStatement(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	things(t, d)
	err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
		return errors.Join(queue(ctx, tx, 1), tx.Queue(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`))
	})
	if errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("the caller is told: %v", err)
	}
	if got := stored(t, d); len(got) != 0 {
		t.Errorf("stored: %v", got)
	}
	if err := store(d, 2); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Those who share a lock are in it together; who wants it alone waits for them all, and
// whoever comes then waits for him.
func TestSharedLocks(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	things(t, d)
	const sharers = 3
	inside, leave, ended := make(chan int, sharers), make(chan struct{}), make(chan error, sharers+1)
	for range sharers {
		go func() {
			ended <- d.Update(background, func(ctx context.Context, tx *db.Tx) error {
				if err := tx.LockShared(ctx, "name"); err != nil {
					return err
				}
				inside <- one[int](t, tx, `SELECT COUNT(*) FROM things`)
				<-leave
				return nil
			})
		}()
	}
	for range sharers {
		if n := await(t, inside, "a sharer"); n != 0 {
			t.Errorf("a sharer sees %d rows", n)
		}
	}
	alone := make(chan error, 1)
	go func() {
		alone <- d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			if err := tx.Lock(ctx, "name"); err != nil {
				return err
			}
			return insert(ctx, tx, 1)
		})
	}()
	waits := func() bool {
		return one[bool](t, d, `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`)
	}
	for !waits() { // the test's own limit ends this
		select {
		case err := <-alone:
			t.Fatalf("the lock was not waited for: %v", err)
		default:
		}
	}
	close(leave)
	for range sharers {
		if err := await(t, ended, "the end of a sharer"); err != nil {
			t.Error(err)
		}
	}
	if err := await(t, alone, "the one who is alone"); err != nil {
		t.Error(err)
	}
}
