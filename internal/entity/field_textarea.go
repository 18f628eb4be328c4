package entity

import "strings"

// textareaMax is the limit of a textarea that has none of its own.
const textareaMax = 20_000

// textareaKind is text of several lines. Line ends become \n, nothing else changes.
type textareaKind struct {
	plain
	textKeys
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func (textareaKind) parse(f *Field, raw Raw) (Value, *Problem) {
	s, p := textOf(raw, "this")
	if p != nil {
		return nil, p
	}
	s = lineEnds.Replace(s)
	if p := atMost(s, lengthOr(f.MaxLength, textareaMax)); p != nil {
		return nil, p
	}
	return s, nil
}

func (textareaKind) check(f *Field) (string, string) {
	return "max_length", checkLength(f, textareaMax)
}
