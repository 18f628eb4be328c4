package entity

import (
	"strings"
	"time"
)

// dateKind is a day of the calendar, without a time or a zone: 2026-07-31.
type dateKind struct {
	plain
	textKeys
}

func (dateKind) parse(_ *Field, raw Raw) (Value, *Problem) {
	if raw.Kind != RawText {
		return nil, problem("wrong_type", "Send the date as a text like 2026-07-31.")
	}
	s := strings.TrimSpace(raw.Text)
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return nil, problem("invalid_date", "Write the date as year-month-day, for example 2026-07-31.")
	}
	return s, nil
}
