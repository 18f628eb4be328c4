package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// ErrNoRows is returned by Row.Scan when there is no row.
var ErrNoRows = sql.ErrNoRows

// IsUnique reports whether err is a violated unique or primary key.
func IsUnique(err error) bool {
	if code, ok := sqliteCode(err); ok {
		return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return postgresCode(err) == "23505"
}

// sqliteCode is the extended result code of a SQLite error.
func sqliteCode(err error) (int, bool) {
	var e interface{ Code() int } // of either driver
	if errors.As(err, &e) {
		return e.Code(), true
	}
	return 0, false
}

func postgresCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// isSyncFailure reports that SQLite could not sync a file or its folder.
func isSyncFailure(err error) bool {
	code, _ := sqliteCode(err)
	return isSyncFailureCode(code)
}

func isSyncFailureCode(code int) bool {
	return code == sqlite3.SQLITE_IOERR_FSYNC || code == sqlite3.SQLITE_IOERR_DIR_FSYNC
}

// isBusy reports that another process was writing to the SQLite file for too long.
func isBusy(err error) bool {
	code, ok := sqliteCode(err)
	return ok && code&0xff == sqlite3.SQLITE_BUSY
}

// isRetryable reports PostgreSQL's serialisation failures and deadlocks.
func isRetryable(err error) bool {
	c := postgresCode(err)
	return c == "40001" || c == "40P01"
}

// mapError turns failures of the database itself into problems a caller can act
// on; everything else (a violated constraint, a wrong statement) stays as it is.
func mapError(err error) error {
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if _, known := errors.AsType[*errs.Error](err); known {
		return err
	}
	if code, ok := sqliteCode(err); ok {
		if code == sqlite3.SQLITE_IOERR_SHMSIZE { // no room for the index of the log
			return storageFull(err)
		}
		switch code & 0xff {
		case sqlite3.SQLITE_FULL:
			return storageFull(err)
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT:
			return unavailable(err)
		}
		return err
	}
	switch c := postgresCode(err); {
	case c == "53100":
		return storageFull(err)
	case len(c) == 5 && (c[:2] == "08" || c[:2] == "53" || c[:2] == "57" || c[:2] == "58" || c == "25006"):
		return unavailable(err)
	case c != "":
		return err
	}
	var netErr net.Error
	var connectErr *pgconn.ConnectError
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, sql.ErrConnDone) || errors.As(err, &netErr) || errors.As(err, &connectErr) {
		return unavailable(err)
	}
	return err
}

func unavailable(err error) error {
	return errs.New(errs.Unavailable, "The database cannot answer right now. Nothing was changed. Try again in a moment.").Because(err)
}

// inDoubt is for a commit whose outcome nobody knows.
func inDoubt(err error) error {
	return errs.New(errs.Unavailable, "The database stopped answering while the change was being stored, so it may or may not be there. Look before you repeat it.").Because(err)
}

func storageFull(err error) error {
	return errs.New(errs.StorageFull, "The disk of the database is full, so nothing was written. Reading still works.").Because(err)
}
