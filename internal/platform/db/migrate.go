package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	sqlite3 "modernc.org/sqlite/lib"
)

// Migrations holds the schema changes: sqlite/ and postgres/ have the same numbers
// and names, forward only.
//
//go:embed migrations
var Migrations embed.FS

// ErrNewerSchema means a newer version of the program has used this database.
var ErrNewerSchema = errors.New("the database was used by a newer version of Leadflip; start that version, or restore a backup made before the upgrade")

func provider(dialect Dialect, pool *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(Migrations, "migrations/"+dialect.String())
	if err != nil {
		return nil, err
	}
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	kind := goose.DialectSQLite3
	if dialect == Postgres {
		kind = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // asks every second
		if err != nil {
			return nil, err
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(kind, pool, files, opts...)
}

// schemaBehind tells whether there are migrations to run, and refuses a schema that
// is ahead of the program.
func schemaBehind(ctx context.Context, p *goose.Provider) (bool, error) {
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return false, fmt.Errorf("the version of the database cannot be read: %w", err)
	}
	if current > target {
		return false, ErrNewerSchema
	}
	return current < target, nil
}

func migratePostgres(ctx context.Context, pool *sql.DB) error {
	p, err := provider(Postgres, pool)
	if err != nil {
		return err
	}
	behind, err := schemaBehind(ctx, p)
	if err != nil || !behind {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("the database could not be upgraded: %w", err)
	}
	return nil
}

// sqlitePending tells whether the file at path has migrations to run.
func sqlitePending(ctx context.Context, path string) (bool, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	pool, p, err := sqliteProvider(path)
	if err != nil {
		return false, err
	}
	defer pool.Close()
	behind, err := schemaBehind(ctx, p)
	if isBusy(err) {
		return true, nil // somebody is migrating: wait for the lock, and look again
	}
	if code, ok := sqliteCode(err); ok && (code == sqlite3.SQLITE_NOTADB || code&0xff == sqlite3.SQLITE_CORRUPT) {
		return false, fmt.Errorf("%s is damaged or not a database; restore a backup, or move it away to begin anew: %w", path, err)
	}
	if err != nil && !errors.Is(err, ErrNewerSchema) {
		return false, fmt.Errorf("the database %s cannot be used: %w", path, err)
	}
	return behind, err
}

func sqliteProvider(path string) (*sql.DB, *goose.Provider, error) {
	pool, err := sql.Open("sqlite", sqliteDSN(path, "synchronous(FULL)"))
	if err != nil {
		return nil, nil, err
	}
	pool.SetMaxOpenConns(1)
	p, err := provider(SQLite, pool)
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return pool, p, nil
}

// migrateSQLite copies an existing database beside itself and then migrates it. The
// caller holds the exclusive lock.
func migrateSQLite(ctx context.Context, path string) error {
	// Made here, so that nobody else can read it, nor the log that takes its mode.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("the database %s cannot be made: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	pool, p, err := sqliteProvider(path)
	if err != nil {
		return err
	}
	defer pool.Close()
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("the database %s cannot be read: %w", path, err)
	}
	if current > target {
		return ErrNewerSchema
	}
	if current > 0 && current < target {
		// A copy left by an earlier attempt is replaced.
		copied := fmt.Sprintf("%s.before-%d", path, target)
		if err := os.Remove(copied); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := copySQLite(ctx, pool, copied); err != nil {
			return fmt.Errorf("the database could not be copied before the upgrade, so nothing was changed: %w", err)
		}
	}
	if _, err := p.Up(ctx); err != nil {
		if current > 0 {
			return fmt.Errorf("the database could not be upgraded; the copy made before is %s.before-%d: %w", path, target, err)
		}
		return fmt.Errorf("the database could not be made: %w", err)
	}
	return nil
}

// copySQLite writes a consistent copy of an open database to a new file, which only
// its owner can read.
func copySQLite(ctx context.Context, pool *sql.DB, to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, "VACUUM INTO ?", to)
	if err != nil {
		_ = os.Remove(to)
	}
	return err
}

// Backup writes a consistent copy of a SQLite database to a new file, beside the
// writers, and proves that the copy is whole.
func (d *DB) Backup(ctx context.Context, to string) error {
	if d.dialect != SQLite {
		return fmt.Errorf("this instance keeps its data in PostgreSQL; use pg_dump")
	}
	// A connection of its own: the reading ones refuse even this.
	pool, err := sql.Open("sqlite", sqliteDSN(d.path))
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := copySQLite(ctx, pool, to); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already; choose a new file", to)
	} else if err != nil {
		return fmt.Errorf("the backup could not be written: %w", mapError(err))
	}
	return CheckSQLite(ctx, to)
}

// CheckSQLite opens a database file on its own, to read only, and checks every page
// and reference.
func CheckSQLite(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%s cannot be read: %w", path, err)
	}
	pool, err := sql.Open("sqlite", sqliteFile(path, "ro", "busy_timeout(10000)"))
	if err != nil {
		return err
	}
	defer pool.Close()
	var verdict string
	if err := pool.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("%s is not a whole database: %w", path, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%s is damaged: %s", path, verdict)
	}
	var broken int
	if err := pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM pragma_foreign_key_check").Scan(&broken); err != nil {
		return err
	}
	if broken > 0 {
		return fmt.Errorf("%s has %d rows that refer to missing ones", path, broken)
	}
	return nil
}

// RestoreSQLite puts a checked copy of a backup in place of the database of a data
// folder. It refuses while any process has that open, and keeps the former database
// beside it; former is its name, "" when there was none.
func RestoreSQLite(ctx context.Context, dir, backup string) (former string, err error) {
	if err := CheckSQLite(ctx, backup); err != nil {
		return "", err
	}
	if err := prepareDir(dir); err != nil {
		return "", err
	}
	release, err := AcquireExclusive(ctx, LockPath(dir))
	if err != nil {
		return "", fmt.Errorf("%w; stop it first", err)
	}
	defer release()
	path := SQLitePath(dir)
	fresh := path + ".restoring"
	source, err := sql.Open("sqlite", sqliteDSN(backup))
	if err != nil {
		return "", err
	}
	defer source.Close()
	if err := copySQLite(ctx, source, fresh); err != nil {
		return "", fmt.Errorf("the backup could not be copied: %w", err)
	}
	if _, err := os.Stat(path); err == nil {
		former = fmt.Sprintf("%s.before-restore-%d", path, time.Now().Unix())
		if err := moveSQLite(path, former); err != nil {
			return "", err
		}
	}
	return former, os.Rename(fresh, path)
}

// moveSQLite renames a closed database with the log that may still belong to it.
func moveSQLite(from, to string) error {
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(from+suffix, to+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
