package db

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// Every column of a result costs the SQLite driver about a microsecond, for its name,
// type and value, each behind a lock. The one read that every request waits for
// fetches two dozen; joined to one text by the database they cost a third.

// packedMark stands between the parts. It is a control character (unit separator).
const packedMark = "\x1f"

// Packed is an expression that joins columns to one text for ScanPacked; NULL becomes
// the empty text. What people typed must go through PackedText. Give the result a short
// name with AS: the driver copies the name of each column, which is the whole text of an
// expression otherwise.
func Packed(columns ...string) string {
	var b strings.Builder
	b.WriteString("concat_ws('" + packedMark + "'")
	for _, c := range columns {
		b.WriteString(", COALESCE(CAST(" + c + " AS TEXT), '')")
	}
	return b.String() + ")"
}

// PackedText is a column of Packed whose text could hold anything. The mark in it
// becomes a space.
func PackedText(column string) string { return "replace(" + column + ", '" + packedMark + "', ' ')" }

// ScanPacked returns a scanner that reads what Packed joined into dst: texts, ids,
// ScanTime, ScanOptTime, and whatever else is a scanner. NULL instead of the whole
// leaves dst alone. A number of parts that is not that of dst is an error, so that a
// mark in a text can never move one value into the place of another.
func ScanPacked(dst ...any) any { return packedScanner(dst) }

type packedScanner []any

func (s packedScanner) Scan(src any) error {
	var text string
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		text = v
	case []byte:
		text = string(v)
	default:
		return fmt.Errorf("db: cannot read packed columns from %T", src)
	}
	if n := strings.Count(text, packedMark) + 1; n != len(s) {
		return fmt.Errorf("db: %d packed columns, expected %d", n, len(s))
	}
	for i, dst := range s {
		var part string
		part, text, _ = strings.Cut(text, packedMark)
		if err := scanPart(dst, part); err != nil {
			return fmt.Errorf("db: packed column %d: %w", i, err)
		}
	}
	return nil
}

func scanPart(dst any, part string) (err error) {
	switch d := dst.(type) {
	case *string:
		*d = part
		return nil
	case *id.ID:
		*d = id.Nil
		if part != "" {
			*d, err = id.Parse(part)
		}
		return err
	case *int:
		*d, err = strconv.Atoi(part)
		return err
	case *int64:
		*d, err = strconv.ParseInt(part, 10, 64)
		return err
	case *timeScanner, *optTimeScanner:
		var us any
		if part != "" {
			if us, err = strconv.ParseInt(part, 10, 64); err != nil {
				return err
			}
		}
		return d.(sql.Scanner).Scan(us)
	case sql.Scanner:
		if part == "" {
			return d.Scan(nil)
		}
		return d.Scan(part)
	}
	return fmt.Errorf("cannot be read into %T", dst)
}
