package db

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// pgTx is a transaction on PostgreSQL. What nobody waits for goes to the server together
// with the next statement that somebody does: BEGIN with the first statement, what is
// queued with the next, and the last of it with COMMIT.
type pgTx struct {
	conn    *pgx.Conn
	waiting *pgx.Batch // statements to go first
	began   bool       // BEGIN was sent
	heard   bool       // the server has answered
	ended   bool       // COMMIT was answered
}

func newPgTx(conn *pgx.Conn) *pgTx {
	t := &pgTx{conn: conn, waiting: &pgx.Batch{}}
	t.waiting.Queue("begin")
	return t
}

// lost tells whether the connection is of no more use.
func (t *pgTx) lost() bool { return t.conn.IsClosed() }

func (t *pgTx) queue(_ context.Context, query string, args []any) error {
	t.waiting.Queue(query, pgArgs(args)...)
	return nil
}

// send sends what is waiting and then a statement, and returns the answers once those
// of what was waiting are in.
func (t *pgTx) send(ctx context.Context, query string, args []any) (pgx.BatchResults, error) {
	batch := t.waiting
	t.waiting, t.began = &pgx.Batch{}, true
	first := batch.Len()
	batch.Queue(query, args...)
	answers := t.conn.SendBatch(ctx, batch)
	for range first {
		if _, err := answers.Exec(); err != nil {
			_ = answers.Close()
			return nil, err
		}
		t.heard = true
	}
	return answers, nil
}

func (t *pgTx) exec(ctx context.Context, query string, args []any) (int64, error) {
	var tag pgconn.CommandTag
	var err error
	if t.waiting.Len() == 0 {
		tag, err = t.conn.Exec(ctx, query, pgArgs(args)...)
	} else {
		var answers pgx.BatchResults
		if answers, err = t.send(ctx, query, pgArgs(args)); err != nil {
			return 0, err
		}
		tag, err = answers.Exec()
		err = errors.Join(err, answers.Close())
	}
	return tag.RowsAffected(), err
}

func (t *pgTx) query(ctx context.Context, query string, args []any) (Rows, error) {
	if t.waiting.Len() == 0 {
		return pgQuery(t.conn.Query(ctx, query, pgArgs(args)...))
	}
	answers, err := t.send(ctx, query, pgArgs(args))
	if err != nil {
		return nil, err
	}
	rows, err := answers.Query()
	if err != nil {
		return nil, errors.Join(err, answers.Close())
	}
	return begun(&pgRows{rows: rows, behind: answers})
}

// commit sends what is waiting, and COMMIT with it. asked tells whether that was sent, so
// that it may have happened although the answer is an error.
func (t *pgTx) commit(ctx context.Context) (asked bool, err error) {
	if !t.began && t.waiting.Len() == 1 { // but for BEGIN there was nothing
		t.ended = true
		return false, nil
	}
	answers, err := t.send(ctx, "commit", nil)
	if err != nil {
		return true, err
	}
	tag, err := answers.Exec()
	if err = errors.Join(err, answers.Close()); err != nil {
		return true, err
	}
	t.ended = true
	if tag.String() != "COMMIT" { // the server rolled back a transaction that had failed
		return false, pgx.ErrTxCommitRollback
	}
	return true, nil
}

// rollback ends the transaction unless it has ended.
func (t *pgTx) rollback(ctx context.Context) {
	if t.began && !t.ended && !t.lost() {
		_, _ = t.conn.Exec(context.WithoutCancel(ctx), "rollback")
	}
}

// pgRows are the rows of a query.
type pgRows struct {
	rows   pgx.Rows
	behind pgx.BatchResults // that they are the last of, or nil
	first  bool             // the first row was read and not asked for
	over   bool
	closed bool
	err    error
}

func pgQuery(rows pgx.Rows, err error) (Rows, error) {
	if err != nil {
		return nil, err
	}
	return begun(&pgRows{rows: rows})
}

// begun reads up to the first row, so that what is wrong with the statement is an error
// of the query.
func begun(r *pgRows) (Rows, error) {
	if r.first = r.rows.Next(); r.first {
		return r, nil
	}
	r.over = true
	if err := r.rows.Err(); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// Next implements Rows.
func (r *pgRows) Next() bool {
	switch {
	case r.closed:
		return false
	case r.first:
		r.first = false
		return true
	case !r.over && r.rows.Next():
		return true
	}
	r.over = true
	_ = r.Close()
	return false
}

// Scan implements Rows.
func (r *pgRows) Scan(dest ...any) error {
	for i, d := range dest {
		if p, ok := d.(*any); ok {
			dest = slices.Clone(dest)
			dest[i] = anyValue{p}
		}
	}
	return r.rows.Scan(dest...)
}

// anyValue reads a value as database/sql knows values: an id is a text, and so is JSON.
type anyValue struct{ to *any }

// Scan implements sql.Scanner.
func (v anyValue) Scan(src any) error {
	if b, ok := src.([]byte); ok {
		src = bytes.Clone(b)
	}
	*v.to = src
	return nil
}

// Err implements Rows.
func (r *pgRows) Err() error { return errors.Join(r.rows.Err(), r.err) }

// Close implements Rows. All that is left of the answer is read.
func (r *pgRows) Close() error {
	if !r.closed {
		r.closed = true
		r.rows.Close()
		if r.behind != nil {
			r.err = r.behind.Close()
		}
	}
	return r.Err()
}

// Columns implements Rows.
func (r *pgRows) Columns() ([]string, error) {
	if r.closed {
		return nil, errors.New("db: the rows are closed")
	}
	var names []string
	for _, f := range r.rows.FieldDescriptions() {
		names = append(names, f.Name)
	}
	return names, nil
}

// pgArgs are the values of parameters as the driver takes them at once. An id would be
// tried as a text first.
func pgArgs(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		if v, ok := arg.(id.ID); !ok {
			out[i] = arg
		} else if !v.IsNil() {
			out[i] = pgtype.UUID{Bytes: v, Valid: true}
		}
	}
	return out
}
