package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// busyFor is how long a statement waits for another one of SQLite's locks.
const busyFor = 10 * time.Second

// readers are the connections of SQLite that only read. They are of the same engine as
// the writing one, but not behind database/sql, where each column of a row costs more
// than the row (ADR 0015).
type readers struct {
	free   chan *reader
	all    []*reader
	closed chan struct{}
	once   sync.Once
}

// reader is one connection. Whoever took it from readers.free owns it.
type reader struct {
	conn   *sqlite.Conn
	byText map[string]*sqlite.Stmt // prepared, not in use
}

func openReaders(path string, n int) (*readers, error) {
	r := &readers{free: make(chan *reader, n), closed: make(chan struct{})}
	for range n {
		one, err := openReader(path)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.all = append(r.all, one)
		r.free <- one
	}
	return r, nil
}

func openReader(path string) (*reader, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite) // read-only, it could not keep the log's index up
	if err != nil {
		return nil, liteFailure(err)
	}
	conn.SetBusyTimeout(busyFor)
	r := &reader{conn: conn, byText: map[string]*sqlite.Stmt{}}
	for _, pragma := range []string{"PRAGMA query_only = 1", "PRAGMA cache_size = -4000"} {
		stmt, _, err := conn.PrepareTransient(pragma)
		if err == nil {
			_, err = stmt.Step()
			err = errors.Join(err, stmt.Finalize())
		}
		if err != nil {
			return nil, errors.Join(liteFailure(err), conn.Close())
		}
	}
	return r, nil
}

// query sends a statement to a connection, which the rows give back when they are
// closed. It waits for one, and reads, no longer than ctx lasts.
func (r *readers) query(ctx context.Context, text string, args []any) (Rows, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var one *reader
	select {
	case <-r.closed:
		return nil, errClosed
	case one = <-r.free:
	default:
		select {
		case one = <-r.free:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.closed:
			return nil, errClosed
		}
	}
	rows := &liteRows{readers: r, reader: one, text: text}
	if done := ctx.Done(); done != nil {
		rows.watched = ctx
		one.conn.SetInterrupt(done)
	}
	if err := rows.begin(args); err != nil {
		_ = rows.Close()
		return nil, rows.explain(err)
	}
	return rows, nil
}

// close waits for the rows that are being read, and closes the connections.
func (r *readers) close() error {
	r.once.Do(func() { close(r.closed) })
	var errs []error
	for range r.all {
		one := <-r.free
		for _, stmt := range one.byText {
			errs = append(errs, stmt.Finalize())
		}
		errs = append(errs, one.conn.Close())
	}
	r.all = nil
	return errors.Join(errs...)
}

// liteRows are the rows of a query of a reader.
type liteRows struct {
	readers *readers
	reader  *reader // nil once closed
	stmt    *sqlite.Stmt
	text    string
	columns int
	watched context.Context // nil when it cannot end
	first   bool            // the first row was stepped to, and not asked for
	there   bool            // it stands on a row
	err     error
}

// begin prepares and binds the statement and steps to the first row, so that what is
// wrong with the statement is an error of the query.
func (r *liteRows) begin(args []any) error {
	if r.stmt = r.reader.byText[r.text]; r.stmt != nil {
		delete(r.reader.byText, r.text)
	} else {
		stmt, behind, err := r.reader.conn.PrepareTransient(numbered(r.text))
		if err != nil {
			return err
		}
		r.stmt = stmt
		if behind > 0 {
			return errors.New("db: a query is one statement")
		}
	}
	parameters := r.stmt.BindParamCount()
	if parameters != len(args) {
		return fmt.Errorf("db: the statement has %d parameters and got %d values", parameters, len(args))
	}
	for i, arg := range args {
		if err := bind(r.stmt, i+1, arg); err != nil {
			return fmt.Errorf("db: parameter $%d: %w", i+1, err)
		}
	}
	r.columns = r.stmt.ColumnCount()
	var err error
	r.there, err = r.stmt.Step()
	r.first = r.there
	return err
}

func bind(stmt *sqlite.Stmt, n int, arg any) error {
	switch v := arg.(type) {
	case nil:
		stmt.BindNull(n)
	case string:
		stmt.BindText(n, v)
	case []byte:
		if v == nil {
			stmt.BindNull(n)
		} else {
			stmt.BindBytes(n, v)
		}
	case int64:
		stmt.BindInt64(n, v)
	case int:
		stmt.BindInt64(n, int64(v))
	case bool:
		stmt.BindBool(n, v)
	case float64:
		stmt.BindFloat(n, v)
	case id.ID:
		if v.IsNil() {
			stmt.BindNull(n)
		} else {
			stmt.BindText(n, v.String())
		}
	default:
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return err
		}
		if _, ok := value.(time.Time); ok {
			return errors.New("times are stored as Micros")
		}
		return bind(stmt, n, value)
	}
	return nil
}

// Next implements Rows.
func (r *liteRows) Next() bool {
	switch {
	case r.first:
		r.first = false
		return true
	case !r.there:
		_ = r.Close()
		return false
	}
	var err error
	if r.there, err = r.stmt.Step(); err != nil {
		r.err, r.there = r.explain(err), false
	}
	if !r.there {
		_ = r.Close()
	}
	return r.there
}

// Err implements Rows.
func (r *liteRows) Err() error { return r.err }

// Close implements Rows. It ends the read transaction and gives the connection back.
func (r *liteRows) Close() error {
	one := r.reader
	if one == nil {
		return nil
	}
	r.reader, r.first, r.there = nil, false, false
	if r.watched != nil {
		one.conn.SetInterrupt(nil)
	}
	if r.stmt != nil {
		// What Reset returns is the error of the last step, which is known.
		_ = r.stmt.Reset()
		if len(one.byText) < stmtMax && one.byText[r.text] == nil {
			one.byText[r.text] = r.stmt
		} else {
			_ = r.stmt.Finalize()
		}
		r.stmt = nil
	}
	r.readers.free <- one
	return nil
}

// Columns implements Rows.
func (r *liteRows) Columns() ([]string, error) {
	if r.reader == nil {
		return nil, errors.New("db: the rows are closed")
	}
	names := make([]string, r.columns)
	for i := range names {
		names[i] = r.stmt.ColumnName(i)
	}
	return names, nil
}

// explain turns an interruption back into what caused it.
func (r *liteRows) explain(err error) error {
	if r.watched != nil && r.watched.Err() != nil {
		return r.watched.Err()
	}
	return liteFailure(err)
}

// liteError is an error of a reader, with SQLite's code as the other driver's errors
// have it.
type liteError struct {
	error
	code sqlite.ResultCode
}

func (e liteError) Code() int     { return int(e.code) }
func (e liteError) Unwrap() error { return e.error }

func liteFailure(err error) error {
	if code := sqlite.ErrCode(err); code != sqlite.ResultOK && code != sqlite.ResultError {
		return liteError{err, code}
	}
	return err
}

// numbered writes $1 as ?1: to SQLite $1 is a name, and the number of a named parameter
// is the order in which it first stands in the text.
func numbered(text string) string {
	b := []byte(text)
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\'', '"':
			quote := b[i]
			for i++; i < len(b) && b[i] != quote; i++ {
			}
		case '$':
			if i+1 < len(b) && b[i+1] >= '1' && b[i+1] <= '9' {
				b[i] = '?'
			}
		}
	}
	return string(b)
}

// Scan implements Rows.
func (r *liteRows) Scan(dest ...any) error {
	switch {
	case r.reader == nil || !r.there:
		return errors.New("db: Scan without a row")
	case len(dest) != r.columns:
		return fmt.Errorf("db: %d destinations for %d columns", len(dest), r.columns)
	}
	for i, d := range dest {
		if err := r.scan(i, d); err != nil {
			return fmt.Errorf("db: column %d: %w", i, err)
		}
	}
	return nil
}

func (r *liteRows) scan(i int, dest any) error {
	kind := r.stmt.ColumnType(i)
	switch d := dest.(type) {
	case *string:
		if kind == sqlite.TypeNull {
			return errNull
		}
		*d = r.stmt.ColumnText(i)
	case *id.ID:
		if kind != sqlite.TypeText {
			return d.Scan(r.value(i, kind))
		}
		return d.UnmarshalString(r.stmt.ColumnText(i))
	case *timeScanner:
		if kind != sqlite.TypeInteger {
			return d.Scan(r.value(i, kind))
		}
		*d = timeScanner(FromMicros(r.stmt.ColumnInt64(i)))
	case *int64:
		n, err := r.integer(i, kind)
		*d = n
		return err
	case *int:
		n, err := r.integer(i, kind)
		*d = int(n)
		return err
	default:
		return r.scanOther(i, kind, dest)
	}
	return nil
}

func (r *liteRows) integer(i int, kind sqlite.ColumnType) (int64, error) {
	switch kind {
	case sqlite.TypeInteger:
		return r.stmt.ColumnInt64(i), nil
	case sqlite.TypeNull:
		return 0, errNull
	}
	return strconv.ParseInt(r.stmt.ColumnText(i), 10, 64)
}

// value is a column as database/sql knows values.
func (r *liteRows) value(i int, kind sqlite.ColumnType) any {
	switch kind {
	case sqlite.TypeInteger:
		return r.stmt.ColumnInt64(i)
	case sqlite.TypeFloat:
		return r.stmt.ColumnFloat(i)
	case sqlite.TypeText:
		return r.stmt.ColumnText(i)
	case sqlite.TypeBlob:
		return r.bytes(i)
	}
	return nil
}

func (r *liteRows) bytes(i int) []byte {
	b := make([]byte, r.stmt.ColumnLen(i))
	r.stmt.ColumnBytes(i, b)
	return b
}
