package db_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

type label string

// What a column can be read into is the same on both databases, inside a transaction and
// outside of one.
func TestWhatAColumnIsReadInto(t *testing.T) {
	t.Parallel()
	who := id.MustParse("0197b1c2-5d3e-7abc-8def-0123456789ab")
	into := func() map[string]any {
		return map[string]any{
			"text": new(string), "label": new(label), "bytes": new([]byte), "int": new(int), "int64": new(int64), "bool": new(bool), "id": new(id.ID),
			"text or null": new(sql.NullString), "int or null": new(sql.NullInt64), "text or nil": new(*string), "int or nil": new(*int),
		}
	}
	str, seven := "a\x1fb", 7
	cases := []struct {
		expression string
		want       map[string]any // what is not here is an error
	}{
		{`words`, map[string]any{"text": str, "label": label(str), "bytes": []byte(str), "text or null": sql.NullString{String: str, Valid: true}, "text or nil": &str}},
		{`n`, map[string]any{"int": 7, "int64": int64(7), "int or null": sql.NullInt64{Int64: 7, Valid: true}, "int or nil": &seven}},
		{`n = 7`, map[string]any{"bool": true}},
		{`EXISTS (SELECT 1 FROM kinds WHERE n = 8)`, map[string]any{"bool": false}},
		{`who`, map[string]any{"id": who}},
		{`empty`, map[string]any{"bytes": []byte(nil), "id": id.Nil, "text or null": sql.NullString{}, "int or null": sql.NullInt64{}, "text or nil": (*string)(nil), "int or nil": (*int)(nil)}},
	}
	// Where the databases differ in how far they go, nobody may rely on either.
	loose := map[string]bool{"words into int or null": true, "words into id": true, "n into text": true, "n into label": true, "n into bytes": true, "n into bool": true, "n into text or null": true, "n into text or nil": true,
		"n = 7 into text": true, "n = 7 into int": true, "n = 7 into int64": true}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		uuid := "TEXT"
		if d.Dialect() == db.Postgres {
			uuid = "UUID"
		}
		run(t, d, fmt.Sprintf(`CREATE TABLE kinds (words TEXT, n BIGINT, who %s, empty TEXT)`, uuid))
		if err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO kinds (words, n, who) VALUES ($1, $2, $3)`, str, 7, who)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		check := func(q db.Handle) {
			for _, c := range cases {
				for name, dest := range into() {
					want, ok := c.want[name]
					if loose[c.expression+" into "+name] || !ok && q != db.Handle(d) { // an error would end the transaction's test
						continue
					}
					err := q.QueryRow(background, `SELECT `+c.expression+` FROM kinds WHERE n = $1`, 7).Scan(dest)
					switch {
					case !ok && c.expression == "empty" && err == nil:
						t.Errorf("NULL was read into %s", name)
					case ok && err != nil:
						t.Errorf("%s into %s: %v", c.expression, name, err)
					case ok:
						if diff := cmp.Diff(want, deref(dest)); diff != "" {
							t.Errorf("%s into %s (-want +got):\n%s", c.expression, name, diff)
						}
					}
				}
			}
		}
		check(d)
		if err := d.Update(background, func(_ context.Context, tx *db.Tx) error { check(tx); return nil }); err != nil {
			t.Error(err)
		}
	})
}

func deref(p any) any {
	switch p := p.(type) {
	case *string:
		return *p
	case *label:
		return *p
	case *[]byte:
		return *p
	case *int:
		return *p
	case *int64:
		return *p
	case *bool:
		return *p
	case *id.ID:
		return *p
	case *sql.NullString:
		return *p
	case *sql.NullInt64:
		return *p
	case **string:
		return *p
	case **int:
		return *p
	}
	panic(fmt.Sprintf("%T", p))
}

// Rows that are left before their end give everything back.
func TestRowsThatAreLeft(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		run(t, d, `INSERT INTO things (k) VALUES (1), (2), (3)`)
		for range 100 { // more than there are connections
			rows, err := d.Query(background, `SELECT k FROM things ORDER BY k`)
			if err != nil || !rows.Next() {
				t.Fatal(err)
			}
			var k int
			if err := rows.Scan(&k); err != nil || k != 1 {
				t.Error(k, err)
			}
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
			if rows.Next() || rows.Close() != nil {
				t.Error("closed rows go on")
			}
			if err := rows.Scan(&k); err == nil {
				t.Error("closed rows are read")
			}
		}
		var k, more int
		if err := d.QueryRow(background, `SELECT k FROM things`).Scan(&k, &more); err == nil {
			t.Error("one column was read into two")
		}
		ctx, cancel := context.WithCancel(background)
		rows, err := d.Query(ctx, `WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n) SELECT k FROM n WHERE k % 1000 = 0`)
		if err != nil || !rows.Next() {
			t.Fatal(err)
		}
		cancel()
		for rows.Next() {
		}
		if rows.Err() == nil {
			t.Error("a query without an end came to its end")
		}
		if _, err := d.Query(ctx, `SELECT 1`); err == nil {
			t.Error("a query began although nobody waits")
		}
		if got := stored(t, d); len(got) != 3 {
			t.Errorf("afterwards: %v", got)
		}
	})
}
