package entity

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Type is a type of field.
type Type string

// The types.
const (
	Text        Type = "text"
	Textarea    Type = "textarea"
	Number      Type = "number"
	Email       Type = "email"
	Phone       Type = "phone"
	Date        Type = "date"
	DateTime    Type = "datetime"
	Select      Type = "select"
	MultiSelect Type = "multi-select"
	Checkbox    Type = "checkbox"
	URL         Type = "url"
)

// Types lists the types in the order a picker shows them.
func Types() []Type {
	return []Type{Text, Textarea, Number, Email, Phone, Date, DateTime, Select, MultiSelect, Checkbox, URL}
}

// kind is what a type of field has to know: one small file each, field_*.go.
type kind interface {
	// parse reads a value that is not empty.
	parse(f *Field, raw Raw) (Value, *Problem)
	// wire is a value as JSON answers show it.
	wire(v Value) any
	// text is a value as people read it.
	text(f *Field, v Value) string
	// check says what is wrong with the settings of a field of this type, "" when
	// nothing is.
	check(f *Field) string
}

var kinds = map[Type]kind{
	Text: textKind{}, Textarea: textareaKind{}, Number: numberKind{}, Email: emailKind{}, Phone: phoneKind{}, Date: dateKind{}, DateTime: datetimeKind{},
	Select: selectKind{}, MultiSelect: multiSelectKind{}, Checkbox: checkboxKind{}, URL: urlKind{},
}

// Valid reports whether t is one of the types.
func (t Type) Valid() bool { return kinds[t] != nil }

// Many tells whether a field of this type holds several values, so that a form may
// send its name more than once.
func (t Type) Many() bool { return t == MultiSelect }

// Value is a normalised value as it is stored: a string (texts, addresses, exact
// decimals, dates, the key of an option), a bool (checkbox) or a []string (the keys of
// a multi-select). nil is no value.
type Value any

// ValueFromJSON makes a Value of what encoding/json read from storage.
func ValueFromJSON(stored any) Value {
	list, ok := stored.([]any)
	if !ok {
		return stored
	}
	out := make([]string, 0, len(list))
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Raw is a value as it arrived, from JSON or from a form.
type Raw struct {
	Kind RawKind
	Text string // of a text; of a number its digits as sent
	Bool bool
	List []Raw
}

// RawKind tells what arrived.
type RawKind int

// The kinds of raw value.
const (
	RawNull RawKind = iota
	RawText
	RawNumber
	RawBool
	RawList
	RawObject // its members are of no interest to a field
)

// Problem is what is wrong with a value: a code for a machine and a sentence that
// says how to mend it and never repeats the value.
type Problem struct{ Code, Detail string }

// Parse reads a value. An empty one (null, blank text, an empty list) is nil without
// a problem; whether the field may stay empty is the caller's question.
func (f *Field) Parse(raw Raw) (Value, *Problem) {
	switch {
	case raw.Kind == RawNull,
		raw.Kind == RawList && len(raw.List) == 0,
		(raw.Kind == RawText || raw.Kind == RawNumber) && strings.TrimSpace(raw.Text) == "":
		return nil, nil
	}
	return kinds[f.Type].parse(f, raw)
}

// Wire is a value as JSON answers show it: decimals are JSON numbers with all their
// digits, everything else is as it is stored.
func (f *Field) Wire(v Value) any {
	if v == nil {
		return nil
	}
	return kinds[f.Type].wire(v)
}

// Show is a value as people read it, "" when there is none.
func (f *Field) Show(v Value) string {
	if v == nil {
		return ""
	}
	return kinds[f.Type].text(f, v)
}

// plain is the part of a kind that most kinds share.
type plain struct{}

func (plain) wire(v Value) any { return v }

func (plain) text(_ *Field, v Value) string {
	s, _ := v.(string)
	return s
}

func (plain) check(*Field) string { return "" }

func problem(code, detail string) *Problem { return &Problem{code, detail} }

// textOf reads a text. A number is taken with its digits as sent, because callers
// often write 12345 where "12345" is meant.
func textOf(raw Raw, what string) (string, *Problem) {
	switch raw.Kind {
	case RawText, RawNumber:
	default:
		return "", problem("wrong_type", "Send "+what+" as a text.")
	}
	if !utf8.ValidString(raw.Text) {
		return "", problem("invalid_text", "This is not valid UTF-8 text; encode it as UTF-8.")
	}
	if strings.IndexByte(raw.Text, 0) >= 0 {
		return "", problem("invalid_text", "This text has a NUL character; leave it out.")
	}
	return raw.Text, nil
}

// atMost checks the length in characters, as people count them.
func atMost(s string, limit int) *Problem {
	if n := utf8.RuneCountInString(s); n > limit {
		return problem("too_long", "This has "+strconv.Itoa(n)+" characters; use at most "+strconv.Itoa(limit)+".")
	}
	return nil
}
