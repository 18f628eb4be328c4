package db

import (
	"encoding/json"
	"fmt"
	"time"
)

// Times are BIGINT microseconds since 1970-01-01 UTC in both databases.

// Micros is t as it is stored.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// OptMicros is t as it is stored, NULL when absent.
func OptMicros(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMicro()
}

// FromMicros is the inverse of Micros.
func FromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// ScanTime returns a scanner that reads a stored time into dst.
func ScanTime(dst *time.Time) any { return (*timeScanner)(dst) }

type timeScanner time.Time

func (s *timeScanner) Scan(src any) error {
	us, ok := src.(int64)
	if !ok {
		return fmt.Errorf("db: cannot read a time from %T", src)
	}
	*s = timeScanner(FromMicros(us))
	return nil
}

// ScanOptTime returns a scanner that reads a stored time or NULL into dst.
func ScanOptTime(dst **time.Time) any { return &optTimeScanner{dst} }

type optTimeScanner struct{ dst **time.Time }

func (s *optTimeScanner) Scan(src any) error {
	if src == nil {
		*s.dst = nil
		return nil
	}
	var t time.Time
	if err := (*timeScanner)(&t).Scan(src); err != nil {
		return err
	}
	*s.dst = &t
	return nil
}

// JSON is v as stored JSON text. v must be made of plain data; a value that cannot
// be encoded is a mistake in the program.
func JSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("db: cannot store %T as JSON: %v", v, err))
	}
	return string(b)
}

// ScanJSON returns a scanner that reads stored JSON into dst; NULL leaves dst alone.
func ScanJSON(dst any) any { return &jsonScanner{dst} }

type jsonScanner struct{ dst any }

func (s *jsonScanner) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), s.dst)
	case []byte:
		return json.Unmarshal(v, s.dst)
	}
	return fmt.Errorf("db: cannot read JSON from %T", src)
}
