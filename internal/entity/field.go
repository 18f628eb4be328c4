package entity

import (
	"reflect"
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
	File        Type = "file"
	Address     Type = "address"
)

// Types lists the types in the order a picker shows them.
func Types() []Type {
	return []Type{Text, Textarea, Number, Email, Phone, Date, DateTime, Select, MultiSelect, Checkbox, URL, File, Address}
}

// kind is what a type of field has to know: one small file each, field_*.go.
type kind interface {
	// parse reads a value that is not empty.
	parse(f *Field, raw Raw) (Value, *Problem)
	// wire is a value as JSON answers show it.
	wire(v Value) any
	// text is a value as people read it.
	text(f *Field, v Value) string
	// check says what is wrong with the settings of a field of this type and which one
	// it is, by its name in the API; "" when nothing is.
	check(f *Field) (setting, detail string)
	// search is what a search finds the value by, a text a line; "" for nothing.
	search(f *Field, v Value) string
}

var kinds = map[Type]kind{
	Text: textKind{}, Textarea: textareaKind{}, Number: numberKind{}, Email: emailKind{}, Phone: phoneKind{}, Date: dateKind{}, DateTime: datetimeKind{},
	Select: selectKind{}, MultiSelect: multiSelectKind{}, Checkbox: checkboxKind{}, URL: urlKind{}, File: fileKind{}, Address: addressKind{},
}

// Valid reports whether t is one of the types.
func (t Type) Valid() bool { return kinds[t] != nil }

// Many tells whether a field of this type holds several values, so that a form may
// send its name more than once.
func (t Type) Many() bool { return t == MultiSelect }

// Value is a normalised value as it is stored: a string (texts, e-mail and web
// addresses, exact decimals, dates, the key of an option), a bool (checkbox), a []string
// (the keys of a multi-select), a map[string]string (the parts of an address) or a
// FileValue. nil is no value. Values are compared with Same, never with ==.
type Value any

// ValueFromJSON makes a Value of what encoding/json read from storage.
func ValueFromJSON(stored any) Value {
	switch stored := stored.(type) {
	case []any:
		return stringsOf(stored)
	case map[string]any:
		if _, ok := stored["size"]; ok { // no part of an address is called so
			return fileFromJSON(stored)
		}
		parts := make(map[string]string, len(stored))
		for name, v := range stored {
			if s, ok := v.(string); ok {
				parts[name] = s
			}
		}
		return parts
	}
	return stored
}

func stringsOf(list []any) []string {
	out := make([]string, 0, len(list))
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Same tells whether two values are equal as they are stored.
func Same(a, b Value) bool { return reflect.DeepEqual(a, b) }

// Raw is a value as it arrived, from JSON or from a form.
type Raw struct {
	Kind    RawKind
	Text    string // of a text; of a number its digits as sent
	Bool    bool
	List    []Raw
	Members []Member // of an object
	File    RawFile
}

// Member is one named value of an object.
type Member struct {
	Name string
	Raw  Raw
}

// RawFile is a file as a form sent it. What the sender says of its type is of no
// interest.
type RawFile struct {
	Name    string
	Content []byte
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
	RawObject
	RawUpload // File holds it
)

// Problem is what is wrong with a value: a code for a machine and a sentence that
// says how to mend it and never repeats the value.
type Problem struct {
	Code, Detail string
	Part         string // the part of an object that is wrong, "" for the value itself
}

// Parse reads a value. An empty one (null, blank text, an empty list) is nil without
// a problem; whether the field may stay empty is the caller's question.
func (f *Field) Parse(raw Raw) (Value, *Problem) {
	switch {
	case raw.Kind == RawNull,
		raw.Kind == RawList && len(raw.List) == 0,
		raw.Kind == RawUpload && raw.File.Name == "" && len(raw.File.Content) == 0, // a form without a choice
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

// WireStored is Wire of a value that is JSON, as leads store it, and JSON too; ok is
// false when the value has to be read first.
func (f *Field) WireStored(stored string) (wire string, ok bool) {
	switch f.Type {
	case Number: // a text, whose digits are shown
		return strings.Trim(stored, `"`), true
	case File, Address:
		return "", false
	}
	return stored, true
}

// Show is a value as people read it, "" when there is none.
func (f *Field) Show(v Value) string {
	if v == nil {
		return ""
	}
	return kinds[f.Type].text(f, v)
}

// SearchText is what a search finds a value by, folded by nobody yet: texts, labels of
// options, a phone number in the ways people type it, the parts of an address, each on
// a line of its own. It is "" where searching makes no sense.
func (f *Field) SearchText(v Value) string {
	if v == nil {
		return ""
	}
	return kinds[f.Type].search(f, v)
}

// plain is the part of a kind that most kinds share.
type plain struct{}

func (plain) wire(v Value) any { return v }

func (plain) text(_ *Field, v Value) string {
	s, _ := v.(string)
	return s
}

func (plain) check(*Field) (string, string) { return "", "" }

func (plain) search(_ *Field, v Value) string {
	s, _ := v.(string)
	return s
}

func problem(code, detail string) *Problem { return &Problem{Code: code, Detail: detail} }

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
