package db_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/leadflip/leadflip/internal/platform/db"
)

// hang is when a test that waits for something gives up. Nothing is measured by it.
const hang = time.Minute

var background = context.Background()

// column reads a result of one column.
func column[T any](t *testing.T, rows db.Rows, err error) iter.Seq[T] {
	t.Helper()
	var out []T
	err = db.Each(rows, err, func(r db.Rows) error {
		var v T
		err := r.Scan(&v)
		out = append(out, v)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(T) bool) {
		for _, v := range out {
			if !yield(v) {
				return
			}
		}
	}
}

// one reads a single value.
func one[T any](t *testing.T, q db.Handle, query string, args ...any) T {
	t.Helper()
	var v T
	if err := q.QueryRow(background, query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// run executes statements in one Update, which must succeed.
func run(t *testing.T, d *db.DB, statements ...string) {
	t.Helper()
	err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// things is a table to try on.
func things(t *testing.T, d *db.DB) {
	t.Helper()
	run(t, d, `CREATE TABLE things (k BIGINT PRIMARY KEY, name TEXT NOT NULL DEFAULT '')`)
}

func insert(ctx context.Context, tx *db.Tx, k int) error {
	_, err := tx.Exec(ctx, `INSERT INTO things (k) VALUES ($1)`, k)
	return err
}

func store(d *db.DB, k int) error {
	return d.Update(background, func(ctx context.Context, tx *db.Tx) error { return insert(ctx, tx, k) })
}

// stored are the keys in things, in order.
func stored(t *testing.T, d *db.DB) []int {
	t.Helper()
	rows, err := d.Query(background, `SELECT k FROM things ORDER BY k`)
	out := []int{}
	for k := range column[int](t, rows, err) {
		out = append(out, k)
	}
	return out
}

// await receives from c, or fails instead of hanging.
func await[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(hang):
		t.Fatalf("waited in vain: %s", what)
		panic("unreachable")
	}
}

// execute runs a statement on a PostgreSQL server, outside of any transaction.
func execute(t *testing.T, url, statement string) {
	t.Helper()
	conn, err := pgx.Connect(background, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(background)
	if _, err := conn.Exec(background, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
