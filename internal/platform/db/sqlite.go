package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"

	_ "modernc.org/sqlite" // the driver of the writing connection
)

// sqliteMinimum is the oldest SQLite we trust with concurrent WAL readers.
const sqliteMinimum = "3.51.3"

func openSQLite(ctx context.Context, cfg Config) (*DB, error) {
	path := SQLitePath(cfg.Dir)
	if err := prepareDir(cfg.Dir); err != nil {
		return nil, err
	}
	if err := checkLocal(cfg.Dir); err != nil {
		return nil, err
	}
	lock, err := acquireShared(ctx, LockPath(cfg.Dir),
		func() (bool, error) { return sqlitePending(ctx, path) },
		func() error { return migrateSQLite(ctx, path) })
	if err != nil {
		return nil, err
	}
	d, err := openSQLitePools(ctx, cfg, path)
	if err != nil {
		lock.release()
		return nil, err
	}
	d.lock = lock
	return d, nil
}

func openSQLitePools(ctx context.Context, cfg Config, path string) (*DB, error) {
	// The writer sees to the checkpoints itself. What it may have to undo within a
	// transaction is kept in memory, not in a temporary file.
	writePool, err := sql.Open("sqlite", sqliteDSN(path, "synchronous(FULL)", "wal_autocheckpoint(0)", "cache_size(-16000)", "temp_store(2)", fmt.Sprintf("journal_size_limit(%d)", logKept)))
	if err != nil {
		return nil, err
	}
	writePool.SetMaxOpenConns(1)
	conn, err := writePool.Conn(ctx)
	if err != nil {
		_ = writePool.Close()
		return nil, fmt.Errorf("the database file %s cannot be opened: %w", path, err)
	}
	err = checkSettings(ctx, conn)
	var read *readers
	if err == nil {
		read, err = openReaders(path, max(4, 2*runtime.NumCPU()))
	}
	if err != nil {
		_ = conn.Close()
		_ = writePool.Close()
		return nil, err
	}
	return &DB{
		dialect: SQLite, clock: cfg.Clock, path: path, readers: read,
		writer: newWriter(writePool, conn, cfg.Clock, cfg.Fatal),
	}, nil
}

// sqliteDSN names the file and the settings of every connection. recursive_triggers
// makes REPLACE fire the triggers of the row it deletes, as the audit log needs. A
// name in double quotes is never taken for a text, just as on PostgreSQL.
func sqliteDSN(path string, pragmas ...string) string {
	return sqliteFile(path, "rwc", append([]string{"busy_timeout(10000)", "journal_mode(WAL)", "foreign_keys(1)", "recursive_triggers(1)"}, pragmas...)...)
}

func sqliteFile(path, mode string, pragmas ...string) string {
	q := url.Values{"_pragma": pragmas, "_dqs": {"0"}, "mode": {mode}}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// checkSettings reads back what the promises rest on.
func checkSettings(ctx context.Context, conn *sql.Conn) error {
	for _, want := range []struct{ pragma, value string }{
		{"journal_mode", "wal"}, {"synchronous", "2"}, {"foreign_keys", "1"}, {"recursive_triggers", "1"}, {"busy_timeout", "10000"},
	} {
		var got string
		if err := conn.QueryRowContext(ctx, "PRAGMA "+want.pragma).Scan(&got); err != nil {
			return err
		}
		if got != want.value {
			return fmt.Errorf("SQLite runs with %s=%s, but %s is needed; is the data folder on a network drive?", want.pragma, got, want.value)
		}
	}
	var version string
	if err := conn.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return err
	}
	if olderThan(version, sqliteMinimum) {
		return fmt.Errorf("the program was built with SQLite %s; %s or later is needed", version, sqliteMinimum)
	}
	return nil
}

func olderThan(version, minimum string) bool {
	var v, m [3]int
	_, _ = fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2])
	_, _ = fmt.Sscanf(minimum, "%d.%d.%d", &m[0], &m[1], &m[2])
	for i := range v {
		if v[i] != m[i] {
			return v[i] < m[i]
		}
	}
	return false
}

// prepareDir makes the data folder, readable by its owner alone, and proves that it
// can be written to.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("the data folder %s cannot be made: permission denied; choose another with --data", dir)
		}
		return fmt.Errorf("the data folder %s cannot be made: %w", dir, err)
	}
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("the data folder %s cannot be written to; give this user the right, or choose another with --data", dir)
	}
	_ = f.Close()
	return os.Remove(f.Name())
}

func redact(err error, secret string) error {
	if secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), secret, "[password]"))
}
