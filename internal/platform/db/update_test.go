package db_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

func TestAnErrorUndoesEverythingAndIsReturnedAsItIs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		mine := errors.New("mine")
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			return errors.Join(insert(ctx, tx, 1), insert(ctx, tx, 2), mine)
		})
		if !errors.Is(err, mine) || errs.CodeOf(err) != errs.Internal {
			t.Errorf("Update returned %v, not the closure's error", err)
		}
		if got := stored(t, d); len(got) != 0 {
			t.Errorf("after an error %v is stored", got)
		}
	})
}

func TestAFailedStatementEndsTheTransactionWhateverTheClosureReturns(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		if err := store(d, 1); err != nil {
			t.Fatal(err)
		}
		var next error
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			_ = insert(ctx, tx, 2)
			_ = insert(ctx, tx, 1) // there is one already
			next = insert(ctx, tx, 3)
			return nil
		})
		if !db.IsUnique(next) {
			t.Errorf("the statement after a failed one gave %v", next)
		}
		if !db.IsUnique(err) {
			t.Errorf("Update returned %v although a statement had failed", err)
		}
		if got := stored(t, d); !slices.Equal(got, []int{1}) {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestAPanicUndoesItsClosureAndBecomesAnError(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			if err := insert(ctx, tx, 1); err != nil {
				return err
			}
			panic("the closure lost its head")
		})
		if err == nil || !strings.Contains(err.Error(), "the closure lost its head") || !strings.Contains(err.Error(), "update_test.go") {
			t.Errorf("a panic became %v, without its text or place", err)
		}
		if err := store(d, 2); err != nil {
			t.Fatalf("after a panic: %v", err)
		}
		if got := stored(t, d); !slices.Equal(got, []int{2}) {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestAClosureThatEndsItsGoroutineHurtsNobodyElse(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
				if err := insert(ctx, tx, 1); err != nil {
					return err
				}
				runtime.Goexit() // as t.Fatal does
				return nil
			})
			if err == nil {
				t.Error("an Update whose closure never returned was acknowledged")
			}
		}()
		await(t, ended, "the end of the Update")
		if err := store(d, 2); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, d); !slices.Equal(got, []int{2}) {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestATransactionIsOverWhenItsClosureIs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		var kept *db.Tx
		if err := d.Update(background, func(_ context.Context, tx *db.Tx) error { kept = tx; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := insert(background, kept, 1); err == nil {
			t.Error("a transaction wrote after its end")
		}
		if _, err := kept.Query(background, `SELECT k FROM things`); err == nil {
			t.Error("a transaction read after its end")
		}
		var k int
		if err := kept.QueryRow(background, `SELECT k FROM things`).Scan(&k); err == nil || errors.Is(err, db.ErrNoRows) {
			t.Errorf("a transaction read a row after its end: %v", err)
		}
		if got := stored(t, d); len(got) != 0 {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestATransactionSeesItsOwnWritesAndNobodyElseDoes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		inside := make(chan int)
		outside := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- d.Update(background, func(ctx context.Context, tx *db.Tx) error {
				if err := insert(ctx, tx, 1); err != nil {
					return err
				}
				var n int
				if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM things`).Scan(&n); err != nil {
					return err
				}
				inside <- n
				<-outside
				return nil
			})
		}()
		if n := await(t, inside, "the closure"); n != 1 {
			t.Errorf("the transaction sees %d of its 1 rows", n)
		}
		if got := stored(t, d); len(got) != 0 {
			t.Errorf("a reader sees %v before the commit", got)
		}
		close(outside)
		if err := await(t, done, "the commit"); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, d); !slices.Equal(got, []int{1}) {
			t.Errorf("a reader sees %v after the commit", got)
		}
	})
}

func TestOpenRowsAreRefusedBeforeTheNextStatementAndClosedAtTheEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		for k := range 5 {
			if err := store(d, k); err != nil {
				t.Fatal(err)
			}
		}
		const query = `SELECT k FROM things ORDER BY k`
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			rows, err := tx.Query(ctx, query)
			if err != nil {
				return err
			}
			defer rows.Close()
			rows.Next()
			inner, err := tx.Query(ctx, query) // on one statement, this would rewind the first
			if err == nil {
				_ = inner.Close()
			}
			return nil
		})
		if err == nil {
			t.Error("a statement ran while the rows of another were open")
		}
		err = d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			rows, err := tx.Query(ctx, query)
			if err != nil {
				return err
			}
			rows.Next()
			return rows.Err() // and forgets to close
		})
		if err != nil {
			t.Errorf("rows left open: %v", err)
		}
		err = d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			for range 3 { // the first of many rows, again and again, from one statement
				var k int
				if err := tx.QueryRow(ctx, query).Scan(&k); err != nil || k != 0 {
					t.Errorf("the first row is %d, %v", k, err)
				}
			}
			return insert(ctx, tx, 5)
		})
		if err != nil {
			t.Error(err)
		}
		if got := stored(t, d); !slices.Equal(got, []int{0, 1, 2, 3, 4, 5}) {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestClosuresCannotBeginOrEndTransactions(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		for i, statement := range []string{"COMMIT", "rollback", "\n  End;", "BEGIN IMMEDIATE", "savepoint x", "RELEASE closure", "ROLLBACK TO closure", "start transaction", "abort"} {
			err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
				if err := insert(ctx, tx, i); err != nil {
					return err
				}
				_, _ = tx.Exec(ctx, statement)
				return nil
			})
			if err == nil {
				t.Errorf("a closure said %q", statement)
			}
		}
		if got := stored(t, d); len(got) != 0 {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestInsideAClosureTheDatabaseItselfIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			if err := d.Update(ctx, func(context.Context, *db.Tx) error { return nil }); err == nil {
				t.Error("an Update inside an Update")
			}
			if err := d.Ping(ctx); err == nil {
				t.Error("a read beside the transaction")
			}
			return insert(ctx, tx, 1)
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestReadsCannotWrite(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		if err := store(d, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Exec(background, `INSERT INTO things (k) VALUES (2)`); err == nil {
			t.Error("the database took an Exec")
		}
		for _, statement := range []string{
			`INSERT INTO things (k) VALUES (2)`, `INSERT INTO things (k) VALUES (2) RETURNING k`,
			`UPDATE things SET k = 2 RETURNING k`, `DELETE FROM things RETURNING k`, `CREATE TABLE more (k BIGINT)`, `DROP TABLE things`,
		} {
			rows, err := d.Query(background, statement)
			if err == nil {
				for rows.Next() { // some only fail when they are read
				}
				err = rows.Err()
				_ = rows.Close()
			}
			if err == nil {
				t.Errorf("read: %s", statement)
			}
		}
		if got := stored(t, d); !slices.Equal(got, []int{1}) {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestTheMomentOfATransactionIsTheClocks(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB, ...dbtest.Option) *db.DB{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Date(2030, 1, 2, 3, 4, 5, 678901000, time.UTC)
			fake := clock.NewFake(start)
			d := open(t, dbtest.Clock(fake))
			for _, jump := range []time.Duration{0, 24 * time.Hour, -48 * time.Hour} {
				want := start.Add(jump)
				fake.Set(want)
				err := d.Update(background, func(_ context.Context, tx *db.Tx) error {
					fake.Advance(time.Hour) // within a transaction time stands still
					if !tx.Now.Equal(want) || tx.Now.Location() != time.UTC {
						t.Errorf("the transaction's moment is %v, want %v", tx.Now, want)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

type valueKey struct{}

func TestAClosureSeesItsCallersValuesButNotItsEnd(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		ctx, cancel := context.WithCancel(context.WithValue(background, valueKey{}, "request 7"))
		err := d.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
			if got := ctx.Value(valueKey{}); got != "request 7" {
				t.Errorf("the closure sees the value %v", got)
			}
			cancel() // the caller goes away in the middle
			if ctx.Err() != nil {
				t.Errorf("the closure's context ended with its caller's: %v", ctx.Err())
			}
			return insert(ctx, tx, 1)
		})
		if err != nil {
			t.Errorf("the outcome was not awaited: %v", err)
		}
		if got := stored(t, d); !slices.Equal(got, []int{1}) {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestTheCallersContextCannotBreakATransaction(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		gone, cancel := context.WithCancel(background)
		cancel()
		err := d.Update(background, func(_ context.Context, tx *db.Tx) error {
			return insert(gone, tx, 1) // a context from outside, used by mistake
		})
		if err != nil {
			t.Errorf("%v", err)
		}
		if got := stored(t, d); !slices.Equal(got, []int{1}) {
			t.Errorf("stored: %v", got)
		}
	})
}
