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

// Only the first row is read of what a changing statement returns, and all is changed.
func TestReturningChangesAllRowsAlthoughOneIsRead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		run(t, d, `INSERT INTO things (k) VALUES (1), (2), (3)`)
		err := d.Update(background, func(_ context.Context, tx *db.Tx) error {
			one[int](t, tx, `UPDATE things SET k = k + 10 RETURNING k`)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := stored(t, d); !slices.Equal(got, []int{11, 12, 13}) {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestViolationsAreToldApartAndUndone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		run(t, d, `CREATE TABLE parents (k BIGINT PRIMARY KEY, code TEXT NOT NULL UNIQUE, n BIGINT CHECK (n > 0))`,
			`CREATE TABLE children (k BIGINT PRIMARY KEY, parent BIGINT NOT NULL REFERENCES parents (k))`,
			`INSERT INTO parents VALUES (1, 'one', 1)`, `INSERT INTO children VALUES (1, 1)`)
		for statement, unique := range map[string]bool{
			`INSERT INTO parents VALUES (1, 'other', 1)`:               true,
			`INSERT INTO parents VALUES (2, 'one', 1)`:                 true,
			`INSERT INTO parents VALUES (2, 'one', 1) RETURNING k`:     true,
			`INSERT INTO parents VALUES (2, NULL, 1)`:                  false,
			`INSERT INTO parents VALUES (2, 'two', 0)`:                 false,
			`INSERT INTO children VALUES (2, 7)`:                       false,
			`INSERT INTO children VALUES (2, 7) RETURNING k`:           false,
			`DELETE FROM parents WHERE k = 1`:                          false,
			`SELECT nothing FROM nowhere`:                              false,
			`INSERT INTO parents VALUES (3, 'three', 1), (1, 'x', 1)`:  true,
			`UPDATE children SET parent = 7 WHERE k = 1 RETURNING k`:   false,
			`INSERT INTO children VALUES (3, 1), (4, 7) RETURNING "k"`: false,
		} {
			for _, how := range []string{"exec", "query"} {
				err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
					if how == "exec" {
						_, err := tx.Exec(ctx, statement)
						return err
					}
					var k int
					return tx.QueryRow(ctx, statement).Scan(&k)
				})
				if err == nil || errors.Is(err, db.ErrNoRows) {
					t.Errorf("%s by %s was accepted: %v", statement, how, err)
				}
				if db.IsUnique(err) != unique {
					t.Errorf("%s by %s: unique is %v: %v", statement, how, db.IsUnique(err), err)
				}
				if code := errs.CodeOf(err); code != errs.Internal {
					t.Errorf("%s by %s is a fault of the program, not %s", statement, how, code)
				}
			}
		}
		if n := one[int](t, d, `SELECT (SELECT COUNT(*) FROM parents) * 10 + (SELECT SUM(k * parent) FROM children)`); n != 11 {
			t.Errorf("the violations left traces: %d", n)
		}
		if db.IsUnique(nil) || db.IsUnique(errors.New("unique")) {
			t.Error("IsUnique takes anything")
		}
	})
}

func TestNoRowIsErrNoRows(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		var k int
		if err := d.QueryRow(background, `SELECT k FROM things WHERE k = $1`, 1).Scan(&k); !errors.Is(err, db.ErrNoRows) {
			t.Errorf("the database: %v", err)
		}
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			if err := tx.QueryRow(ctx, `UPDATE things SET name = 'x' WHERE k = 1 RETURNING k`).Scan(&k); !errors.Is(err, db.ErrNoRows) {
				t.Errorf("the transaction: %v", err)
			}
			return insert(ctx, tx, 1) // it is no failure of a statement
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestEachClosesAndReports(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		run(t, d, `INSERT INTO things (k) VALUES (1), (2), (3)`)
		mine := errors.New("mine")
		for range 100 { // rows left open would use up the connections
			rows, err := d.Query(background, `SELECT k FROM things`)
			if err := db.Each(rows, err, func(db.Rows) error { return mine }); !errors.Is(err, mine) {
				t.Fatalf("Each returned %v", err)
			}
		}
		if err := db.Each(nil, mine, nil); !errors.Is(err, mine) {
			t.Errorf("Each returned %v", err)
		}
	})
}
