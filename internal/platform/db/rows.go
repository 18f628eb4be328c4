package db

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"zombiezen.com/go/sqlite"
)

// Rows are the rows of a Query, one after the other, as sql.Rows are. Next closes them
// after the last one; whoever stops before that has to.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
	Columns() ([]string, error) // their names
}

// Row is the result of QueryRow.
type Row struct {
	rows Rows
	err  error
}

// Scan copies the row; it returns ErrNoRows when there is none.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return mapError(err)
		}
		return ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	return mapError(r.rows.Close())
}

// Each runs scan for every row and closes the rows, reporting the first error.
func Each(rows Rows, err error, scan func(Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return mapError(rows.Err())
}

var errNull = errors.New("NULL cannot be read into it")

// scanOther reads a column into what is rarely read into, by the rules of database/sql.
func (r *liteRows) scanOther(i int, kind sqlite.ColumnType, dest any) error {
	switch d := dest.(type) {
	case sql.Scanner:
		return d.Scan(r.value(i, kind))
	case *[]byte:
		if *d = nil; kind != sqlite.TypeNull {
			*d = r.bytes(i)
		}
		return nil
	case *any:
		*d = r.value(i, kind)
		return nil
	}
	v := reflect.ValueOf(dest)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("a %T is no destination", dest)
	}
	v = v.Elem()
	if v.Kind() == reflect.Pointer { // NULL is nil
		if kind == sqlite.TypeNull {
			v.SetZero()
			return nil
		}
		target := reflect.New(v.Type().Elem())
		if err := r.scan(i, target.Interface()); err != nil {
			return err
		}
		v.Set(target)
		return nil
	}
	if kind == sqlite.TypeNull {
		return errNull
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(r.stmt.ColumnText(i))
	case reflect.Bool:
		n, err := r.integer(i, kind)
		v.SetBool(n != 0)
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := r.integer(i, kind)
		if err == nil && v.OverflowInt(n) {
			err = fmt.Errorf("%d is out of range", n)
		}
		v.SetInt(n)
		return err
	case reflect.Float64:
		v.SetFloat(r.stmt.ColumnFloat(i))
	default:
		return fmt.Errorf("a %T is no destination", dest)
	}
	return nil
}
