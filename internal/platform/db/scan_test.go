package db_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestValuesComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		uuid, blob, doc := "TEXT", "BLOB", "TEXT"
		if d.Dialect() == db.Postgres {
			uuid, blob, doc = "UUID", "BYTEA", "JSONB"
		}
		run(t, d, fmt.Sprintf(`CREATE TABLE all_kinds (k BIGINT PRIMARY KEY, who %s, at BIGINT, maybe_at BIGINT, yes BOOLEAN, bytes %s, words TEXT, doc %s)`, uuid, blob, doc))
		type row struct {
			Who     id.ID
			At      time.Time
			MaybeAt *time.Time
			Yes     bool
			Bytes   []byte
			Words   string
			Doc     map[string]any
		}
		moment := time.Date(2031, 2, 3, 4, 5, 6, 789012000, time.UTC)
		rows := []row{
			{Who: id.New(), At: moment, MaybeAt: &moment, Yes: true, Bytes: []byte{0, 1, 255, '\''}, Words: "naïve 🙂 \r\n\t'\"\\", Doc: map[string]any{"a": []any{1.5, "x", nil, true}}},
			{At: time.Unix(0, 0).UTC(), Bytes: []byte{}, Doc: map[string]any{}},
			{Who: id.Nil, At: time.Date(1901, 1, 1, 0, 0, 0, 1000, time.UTC), Bytes: []byte("0"), Words: " ", Doc: map[string]any{"0": "1"}},
			{Who: id.New(), At: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), Bytes: make([]byte, 100_000), Words: strings.Repeat("ä", 100_000)},
		}
		for k, in := range rows {
			err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
				n, err := tx.Exec(ctx, `INSERT INTO all_kinds VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, k, in.Who, db.Micros(in.At), db.OptMicros(in.MaybeAt), in.Yes, in.Bytes, in.Words, db.JSON(in.Doc))
				if n != 1 {
					t.Errorf("one row was inserted, %d were counted", n)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			var out row
			err = d.QueryRow(background, `SELECT who, at, maybe_at, yes, bytes, words, doc FROM all_kinds WHERE k = $1`, k).
				Scan(&out.Who, db.ScanTime(&out.At), db.ScanOptTime(&out.MaybeAt), &out.Yes, &out.Bytes, &out.Words, db.ScanJSON(&out.Doc))
			if err != nil {
				t.Fatal(err)
			}
			if out.Bytes == nil && !one[bool](t, d, `SELECT bytes IS NULL FROM all_kinds WHERE k = $1`, k) {
				out.Bytes = []byte{} // SQLite's driver hands out an empty blob as nil
			}
			if a, b := describe(in), describe(out); a != b {
				t.Errorf("stored    %.300s\nread back %.300s", a, b)
			}
		}
	})
}

// describe makes rows comparable, a pointer by what it points at.
func describe(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestScanningRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var at time.Time
		var maybe *time.Time
		var doc map[string]any
		for _, try := range []struct {
			query string
			dest  any
		}{
			{`SELECT 'yesterday'`, db.ScanTime(&at)}, {`SELECT NULL`, db.ScanTime(&at)}, {`SELECT 'yesterday'`, db.ScanOptTime(&maybe)},
			{`SELECT 5`, db.ScanJSON(&doc)}, {`SELECT '{"cut'`, db.ScanJSON(&doc)},
		} {
			if err := d.QueryRow(background, try.query).Scan(try.dest); err == nil {
				t.Errorf("%s was read into a %T", try.query, try.dest)
			}
		}
		doc = map[string]any{"kept": true}
		if err := d.QueryRow(background, `SELECT NULL`).Scan(db.ScanJSON(&doc)); err != nil || doc["kept"] != true {
			t.Errorf("NULL read as JSON gives %v, %v", doc, err)
		}
	})
}

func TestWholeNumbersKeepAll64Bits(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		for _, k := range []int{math.MinInt64, -1, 0, 1 << 53, 1<<53 + 1, math.MaxInt64} {
			if err := store(d, k); err != nil {
				t.Fatal(err)
			}
			if got := one[int](t, d, `SELECT k FROM things WHERE k = $1`, k); got != k {
				t.Errorf("%d came back as %d", k, got)
			}
		}
	})
}

// SUM of BIGINT is NUMERIC on PostgreSQL; it must still be read as a number.
func TestAggregatesCanBeRead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		run(t, d, `INSERT INTO things (k) VALUES (1), (2), (4)`)
		var sum, highest, count int
		var none *int
		err := d.QueryRow(background, `SELECT SUM(k), MAX(k), COUNT(*), SUM(CASE WHEN k > 9 THEN k END) FROM things`).Scan(&sum, &highest, &count, &none)
		if err != nil || sum != 7 || highest != 4 || count != 3 || none != nil {
			t.Errorf("sum %d, max %d, count %d, sum of none %v: %v", sum, highest, count, none, err)
		}
	})
}
