package db

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/leadflip/leadflip/internal/platform/clock"
)

// Handle runs SQL: the DB itself (reads only) or a Tx.
type Handle interface {
	Exec(ctx context.Context, query string, args ...any) (int64, error) // rows affected
	Query(ctx context.Context, query string, args ...any) (Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *Row
	Dialect() Dialect
}

// Config says which database to open.
type Config struct {
	URL   string      // postgres://… ; empty means SQLite in Dir
	Dir   string      // data folder; SQLite keeps leadflip.db in it
	Clock clock.Clock // nil means the machine's

	// Fatal is told when the disk can no longer be trusted (a failed fsync). The
	// program must end; until it does, every Update fails. nil means: only fail.
	Fatal func(error)
}

// DB is an open database.
type DB struct {
	dialect Dialect
	clock   clock.Clock
	path    string // SQLite only

	queries atomic.Int64

	read, write *pgxpool.Pool // PostgreSQL only
	readers     *readers      // SQLite only
	writer      *writer       // SQLite only
	lock        *fileLock     // SQLite only: shared while open

	updates sync.RWMutex // held for reading by every Update under way
	closed  bool
}

// Open opens the database, brings its schema up to date and checks its settings.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	switch {
	case cfg.URL == "":
		return openSQLite(ctx, cfg)
	case strings.HasPrefix(cfg.URL, "postgres://"), strings.HasPrefix(cfg.URL, "postgresql://"):
		return openPostgres(ctx, cfg)
	}
	return nil, fmt.Errorf("the database URL must begin with postgres:// (leave it out to use SQLite in the data folder)")
}

// SQLitePath is the database file inside a data folder.
func SQLitePath(dir string) string { return filepath.Join(dir, "leadflip.db") }

// LockPath is the lock file inside a data folder.
func LockPath(dir string) string { return filepath.Join(dir, "leadflip.lock") }

// Close waits for the writes under way and closes the database.
func (d *DB) Close() error {
	d.updates.Lock()
	defer d.updates.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	var errs []error
	if d.writer != nil {
		errs = append(errs, d.writer.close())
	}
	if d.readers != nil {
		errs = append(errs, d.readers.close())
	}
	for _, pool := range []*pgxpool.Pool{d.write, d.read} {
		if pool != nil {
			pool.Close()
		}
	}
	if d.lock != nil {
		d.lock.release()
	}
	return errors.Join(errs...)
}

// Dialect tells which database this is.
func (d *DB) Dialect() Dialect { return d.dialect }

// Now is the database clock's present moment.
func (d *DB) Now() time.Time { return d.clock.Now() }

// Path is the SQLite file, "" on PostgreSQL.
func (d *DB) Path() string { return d.path }

// Queries counts the statements that went through the reading side since the
// start; the tests of "one query a request" compare it.
func (d *DB) Queries() int64 { return d.queries.Load() }

// Exec refuses: writes go through Update.
func (d *DB) Exec(context.Context, string, ...any) (int64, error) {
	return 0, fmt.Errorf("db: writes go through Update")
}

// Query reads rows.
func (d *DB) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	if d.inClosure(ctx) {
		return nil, errors.New("db: inside Update, read through its Tx")
	}
	d.queries.Add(1)
	if d.readers != nil {
		rows, err := d.readers.query(ctx, query, args)
		return rows, mapError(err)
	}
	rows, err := pgQuery(d.read.Query(ctx, query, pgArgs(args)...))
	return rows, mapError(err)
}

// QueryRow reads one row.
func (d *DB) QueryRow(ctx context.Context, query string, args ...any) *Row {
	rows, err := d.Query(ctx, query, args...)
	return &Row{rows, err}
}

// Ping reports whether the database answers.
func (d *DB) Ping(ctx context.Context) error {
	var one int
	return d.QueryRow(ctx, `SELECT 1`).Scan(&one)
}

// Update runs fn in a transaction and returns nil only after what it did is on
// disk. fn may run more than once. An error from fn undoes everything fn did and
// is returned as it is. A caller whose context ends while it waits for its turn
// gets that error; once fn has begun the outcome is always awaited.
func (d *DB) Update(ctx context.Context, fn func(ctx context.Context, tx *Tx) error) error {
	if d.inClosure(ctx) {
		return errors.New("db: an Update inside an Update would wait for itself")
	}
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	d.updates.RLock()
	defer d.updates.RUnlock()
	if d.closed {
		return unavailable(errClosed)
	}
	if d.writer != nil {
		return d.writer.update(ctx, d.closureContext(ctx), fn)
	}
	return d.updatePostgres(ctx, fn)
}

var errClosed = errors.New("db: closed")

// closureContext is what a closure gets to see of its caller's context: the values
// without the end, and the mark that it is a closure.
func (d *DB) closureContext(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), closureKey{}, d)
}

type closureKey struct{}

// inClosure reports whether ctx belongs to a closure of this database. What such a
// closure does outside its Tx would wait for a connection that it holds itself.
func (d *DB) inClosure(ctx context.Context) bool { return ctx.Value(closureKey{}) == d }
