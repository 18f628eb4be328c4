package db_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestPackedColumnsComeBackAsTheyAre(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := context.Background()
		key := id.New()
		at := db.FromMicros(1_700_000_000_123_456)
		person := "Ada |, \"Ünal\" \x1f x"
		query := `SELECT ` + db.Packed("CAST($1 AS TEXT)", "NULL", "42", "''", db.PackedText("CAST($2 AS TEXT)"), "NULL", "1700000000123456", "7", "NULL")
		var gotKey, none id.ID
		var number int
		var empty, text string
		var gotAt time.Time
		var never *time.Time
		var rate, noRate sql.NullInt64
		err := d.QueryRow(ctx, query, key, person).Scan(db.ScanPacked(&gotKey, &none, &number, &empty, &text, db.ScanOptTime(&never), db.ScanTime(&gotAt), &rate, &noRate))
		if err != nil {
			t.Fatal(err)
		}
		if gotKey != key || !none.IsNil() || number != 42 || empty != "" || never != nil || !gotAt.Equal(at) || rate != (sql.NullInt64{Int64: 7, Valid: true}) || noRate.Valid {
			t.Errorf("read %v %v %d %q %v %v %v %v", gotKey, none, number, empty, never, gotAt, rate, noRate)
		}
		if want := strings.ReplaceAll(person, "\x1f", " "); text != want {
			t.Errorf("text %q, want %q", text, want)
		}
		kept := "kept"
		if err := d.QueryRow(ctx, `SELECT NULL`).Scan(db.ScanPacked(&kept)); err != nil || kept != "kept" {
			t.Errorf("NULL: %q, %v", kept, err)
		}
		// A mark in a text that did not go through PackedText refuses the row.
		var a, b string
		if err := d.QueryRow(ctx, `SELECT `+db.Packed("CAST($1 AS TEXT)", "'b'"), "one\x1ftwo").Scan(db.ScanPacked(&a, &b)); err == nil {
			t.Errorf("a mark inside a text moved the parts: %q %q", a, b)
		}
	})
}
