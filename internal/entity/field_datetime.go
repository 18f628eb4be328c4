package entity

import (
	"strings"
	"time"
)

// datetimeKind is a moment (RFC 3339), stored in UTC with microseconds, as
// all times of the API are written.
type datetimeKind struct{ plain }

func (datetimeKind) parse(_ *Field, raw Raw) (Value, *Problem) {
	if raw.Kind != RawText {
		return nil, problem("wrong_type", "Send the moment as a text like 2026-07-31T14:30:00Z.")
	}
	s := strings.ToUpper(strings.TrimSpace(raw.Text))
	if len(s) > len(time.DateOnly) && s[len(time.DateOnly)] == ' ' {
		s = s[:len(time.DateOnly)] + "T" + s[len(time.DateOnly)+1:]
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return nil, problem("invalid_datetime", "Write the moment with its offset from UTC, for example 2026-07-31T14:30:00+02:00 or 2026-07-31T12:30:00Z.")
	}
	t = t.UTC().Truncate(time.Microsecond)
	if t.Year() < 1 || t.Year() > 9999 {
		return nil, problem("invalid_datetime", "The year must be between 1 and 9999.")
	}
	return t.Format("2006-01-02T15:04:05.000000Z"), nil
}

func (datetimeKind) text(_ *Field, v Value) string {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.Format("2 Jan 2006, 15:04") + " UTC"
}
