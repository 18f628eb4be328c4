package entity

import (
	"strconv"
	"strings"
)

// textMax is the limit of a text field that has none of its own.
const textMax = 1000

// textKind is one line of text. White space around it is cut.
type textKind struct {
	plain
	textKeys
}

func (textKind) parse(f *Field, raw Raw) (Value, *Problem) {
	s, p := textOf(raw, "this")
	if p != nil {
		return nil, p
	}
	s = strings.TrimSpace(s)
	if p := atMost(s, lengthOr(f.MaxLength, textMax)); p != nil {
		return nil, p
	}
	return s, nil
}

func (textKind) check(f *Field) (string, string) { return "max_length", checkLength(f, textMax) }

func lengthOr(length, standard int) int {
	if length > 0 {
		return length
	}
	return standard
}

func checkLength(f *Field, limit int) string {
	if f.MaxLength < 0 || f.MaxLength > limit {
		return "The greatest length of this type is between 1 and " + strconv.Itoa(limit) + " characters."
	}
	return ""
}
