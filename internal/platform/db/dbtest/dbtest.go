package dbtest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
)

// Option changes how a test's database is opened.
type Option func(*db.Config)

// Clock makes the database tell the time of c (often a clock.Fake).
func Clock(c clock.Clock) Option { return func(cfg *db.Config) { cfg.Clock = c } }

// Fatal receives what the database reports when its disk cannot be trusted.
func Fatal(f func(error)) Option { return func(cfg *db.Config) { cfg.Fatal = f } }

// Each runs fn as the parallel subtests "sqlite" and "postgres".
func Each(t *testing.T, fn func(t *testing.T, d *db.DB), opts ...Option) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); fn(t, SQLite(t, opts...)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); fn(t, Postgres(t, opts...)) })
}

// SQLite returns a fresh, migrated SQLite database.
func SQLite(t testing.TB, opts ...Option) *db.DB {
	t.Helper()
	return open(t, db.Config{Dir: SQLiteDir(t)}, opts)
}

// SQLiteDir returns a data folder with a fresh, migrated SQLite database in it
// that nobody has open.
func SQLiteDir(t testing.TB) string {
	t.Helper()
	file, err := migratedSQLite()
	if err != nil {
		t.Fatalf("a SQLite database could not be made: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(db.SQLitePath(dir), file, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Postgres returns a fresh, migrated PostgreSQL database.
func Postgres(t testing.TB, opts ...Option) *db.DB {
	t.Helper()
	return open(t, db.Config{URL: PostgresMigratedURL(t)}, opts)
}

func open(t testing.TB, cfg db.Config, opts []Option) *db.DB {
	t.Helper()
	for _, o := range opts {
		o(&cfg)
	}
	d, err := db.Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("the test's database could not be opened: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("the test's database could not be closed: %v", err)
		}
	})
	return d
}

// migratedSQLite is the content of a database that was migrated and closed.
var migratedSQLite = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "leadflip-sqlite-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	d, err := db.Open(context.Background(), db.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil { // the last connection also empties the WAL
		return nil, err
	}
	return os.ReadFile(filepath.Clean(db.SQLitePath(dir)))
})
