package app

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/db"
)

// snapshot is a hash of the content of each table.
type snapshot map[string][32]byte

// differs names the tables in which two snapshots differ.
func (s snapshot) differs(other snapshot) []string {
	var out []string
	for _, table := range slices.Sorted(maps.Keys(s)) {
		if s[table] != other[table] {
			out = append(out, table)
		}
	}
	return out
}

// What may move although a request was refused: the audit log, counters, sessions and
// the marks that a key was seen where it must not be, or used for the first time.
var (
	movingTables  = []string{"audit_log", "key_activity", "key_usage", "key_addresses", "key_calls", "rate_windows", "idempotency", "sessions"}
	movingColumns = []string{"exposed_at", "exposed_where", "first_used_at", "updated_at"} // of api_keys
	movingEvents  = []string{"key.exposed", "key.first_used"}
)

// usageTables alone may move when something is read.
var usageTables = []string{"key_activity", "key_usage", "key_addresses", "key_calls", "rate_windows"}

// tables is a snapshot of everything that a refused request must not touch. It waits
// until nothing is under way.
func (i *instance) tables() snapshot {
	i.t.Helper()
	return i.snapshot(movingTables, movingColumns)
}

// allButUsage is a snapshot of everything that reading must not touch.
func (i *instance) allButUsage() snapshot {
	i.t.Helper()
	return i.snapshot(usageTables, []string{"first_used_at"})
}

func (i *instance) snapshot(leaveOut, keyColumns []string) snapshot {
	i.t.Helper()
	i.quiet()
	out := snapshot{}
	for _, table := range i.tableNames() {
		if slices.Contains(leaveOut, table) {
			continue
		}
		var rows []string
		i.each(`SELECT * FROM `+table, func(columns []string, values []any) {
			var b strings.Builder
			for n, column := range columns {
				value := asText(values[n])
				switch {
				case table == "api_keys" && slices.Contains(keyColumns, column):
				case table == "events" && column == "type" && slices.Contains(movingEvents, value):
					return
				default: // with its length, so that no two rows read the same
					b.WriteString(column + " " + strconv.Itoa(len(value)) + " ")
					b.WriteString(value)
				}
			}
			rows = append(rows, b.String())
		})
		slices.Sort(rows)
		out[table] = sha256.Sum256([]byte(strings.Join(rows, "\n")))
	}
	if len(out) < 10 {
		i.t.Fatalf("only %d tables were found", len(out))
	}
	return out
}

// asText makes what the two drivers return for a text the same.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return fmt.Sprint(v)
}

func (i *instance) tableNames() []string {
	i.t.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if i.app.db.Dialect() == db.Postgres {
		query = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`
	}
	var out []string
	i.each(query, func(_ []string, values []any) { out = append(out, asText(values[0])) })
	return out
}

// each visits the rows of a query.
func (i *instance) each(query string, visit func(columns []string, values []any), args ...any) {
	i.t.Helper()
	rows, err := i.app.db.Query(context.Background(), query, args...)
	i.must(db.Each(rows, err, func(r db.Rows) error {
		columns, err := r.Columns()
		if err != nil {
			return err
		}
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for n := range values {
			into[n] = &values[n]
		}
		if err := r.Scan(into...); err != nil {
			return err
		}
		visit(columns, values)
		return nil
	}))
}

// one reads a single value.
func (i *instance) one(query string, args ...any) string {
	i.t.Helper()
	out := ""
	i.each(query, func(_ []string, values []any) { out = asText(values[0]) }, args...)
	return out
}

// untouched fails the test when a table moved while fn ran.
func (i *instance) untouched(what string, fn func()) {
	i.t.Helper()
	before := i.tables()
	fn()
	if moved := before.differs(i.tables()); len(moved) > 0 {
		i.t.Errorf("%s: a refused request changed %s", what, strings.Join(moved, ", "))
	}
}
