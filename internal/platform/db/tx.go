package db

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// Tx is one transaction (on SQLite: one savepoint of a group). It is valid only
// inside the closure it was given to, and for one goroutine.
//
// It behaves the same on both databases: a statement that fails ends it, so every
// later one is refused and the Update fails, whatever the closure returns. The rows
// of a Query have to be read to the end or closed before the next statement. The
// context given to its methods is not looked at; a transaction ends by its own
// budget and never in the middle because a caller went away.
type Tx struct {
	// Now is the moment of the whole transaction, so that all its rows agree.
	Now time.Time

	dialect Dialect
	ctx     context.Context
	run     runner
	until   time.Time // no statement begins after it
	rows    Rows      // of the last Query
	failed  error     // of the first statement that failed, as the driver said it
	ended   bool
}

// runner is what a transaction sends its statements to. queue is exec, now or at any
// later moment before the next exec or query or the end.
type runner interface {
	exec(ctx context.Context, query string, args []any) (int64, error)
	query(ctx context.Context, query string, args []any) (Rows, error)
	queue(ctx context.Context, query string, args []any) error
}

var (
	errEnded    = errors.New("db: the transaction has ended")
	errOpenRows = errors.New("db: the rows of the last query have not been read to the end or closed")
	errControl  = errors.New("db: a closure cannot begin or end transactions")
	errBudget   = errors.New("db: the transaction took too long")
)

// Dialect tells which database this is.
func (t *Tx) Dialect() Dialect { return t.dialect }

// Exec changes rows and returns how many.
func (t *Tx) Exec(_ context.Context, query string, args ...any) (int64, error) {
	if err := t.admit(query); err != nil {
		return 0, err
	}
	n, err := t.run.exec(t.ctx, query, args)
	if err != nil {
		return 0, t.fail(err)
	}
	return n, nil
}

// Queue is Exec for whoever does not ask how many rows were changed. On PostgreSQL the
// statement travels with the next one, or with the commit; when it fails, that one does,
// and so does the Update.
func (t *Tx) Queue(_ context.Context, query string, args ...any) error {
	if err := t.admit(query); err != nil {
		return err
	}
	if err := t.run.queue(t.ctx, query, args); err != nil {
		return t.fail(err)
	}
	return nil
}

// Query reads rows, seeing what this transaction wrote.
func (t *Tx) Query(_ context.Context, query string, args ...any) (Rows, error) {
	if err := t.admit(query); err != nil {
		return nil, err
	}
	rows, err := t.run.query(t.ctx, query, args)
	if err != nil {
		return nil, t.fail(err)
	}
	t.rows = rows
	return rows, nil
}

// QueryRow reads one row.
func (t *Tx) QueryRow(ctx context.Context, query string, args ...any) *Row {
	rows, err := t.Query(ctx, query, args...)
	return &Row{rows, err}
}

// Lock makes transactions that lock the same name wait for each other, for what no
// row stands for: two that would insert the same thing. SQLite has one writer anyway.
func (t *Tx) Lock(ctx context.Context, names ...string) error {
	if t.dialect == SQLite {
		return nil
	}
	// All in one order, so that two transactions cannot each hold what the other wants.
	return t.Queue(ctx, `SELECT pg_advisory_xact_lock(lock) FROM (SELECT hashtextextended(name, 0) AS lock FROM unnest($1::text[]) AS names (name) ORDER BY 1) locks`, names)
}

// LockShared makes a transaction wait for those that Lock the name, and them for it, but
// not for others that lock it like this.
func (t *Tx) LockShared(ctx context.Context, name string) error {
	if t.dialect == SQLite {
		return nil
	}
	return t.Queue(ctx, `SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))`, name)
}

// admit tells whether the next statement may run.
func (t *Tx) admit(query string) error {
	if t.ended {
		return errEnded
	}
	if t.rows != nil {
		if _, closed := t.rows.Columns(); closed == nil {
			return t.fail(errOpenRows)
		}
		t.leaveRows()
	}
	switch {
	case t.failed != nil:
		return mapError(t.failed)
	case controlsTransaction(query):
		return t.fail(errControl)
	case time.Now().After(t.until):
		return t.fail(unavailable(errBudget))
	}
	return nil
}

func (t *Tx) fail(err error) error {
	if t.failed == nil {
		t.failed = err
	}
	return mapError(err)
}

// leaveRows closes the rows of the last query and takes note of how reading ended.
func (t *Tx) leaveRows() {
	if t.rows == nil {
		return
	}
	closeErr := t.rows.Close()
	if err := t.rows.Err(); err != nil {
		_ = t.fail(err)
	} else if closeErr != nil {
		_ = t.fail(closeErr)
	}
	t.rows = nil
}

// call runs the closure. Its answer is the closure's own error, or else the
// statement's that failed without the closure saying so.
func (t *Tx) call(fn func(context.Context, *Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("db: panic in a transaction: %v\n%s", p, debug.Stack())
		}
		t.leaveRows()
		t.ended = true
		if err == nil {
			err = mapError(t.failed)
		}
	}()
	return fn(t.ctx, t)
}

// controlsTransaction recognises the statements that begin or end transactions. They
// would make the neighbours' work durable, or undo it.
func controlsTransaction(query string) bool {
	query = strings.TrimLeft(query, " \t\r\n;")
	word, _, _ := strings.Cut(query, " ")
	if len(word) > 9 {
		return false
	}
	switch strings.ToUpper(strings.TrimRight(word, ";\r\n\t")) {
	case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE":
		return true
	}
	return false
}
