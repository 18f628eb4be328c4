package entity

import (
	"slices"
	"strings"
)

// Some values have parts that filters, exports and templates use as if they were fields:
// address.city.

// composed is a kind whose values have parts.
type composed interface {
	parts() []string
	part(v Value, name string) string
}

// Parts lists the names of the parts that values of the field have; none for most types.
// What comes back is the caller's.
func (f *Field) Parts() []string {
	k, ok := kinds[f.Type].(composed)
	if !ok {
		return nil
	}
	return slices.Clone(k.parts())
}

// Part is the text of one part of a value, "" when the value does not have it.
func (f *Field) Part(v Value, name string) string {
	k, ok := kinds[f.Type].(composed)
	if !ok || v == nil {
		return ""
	}
	return k.part(v, name)
}

// PartIsNumber tells whether a part is an exact decimal, so that it compares as one.
func (f *Field) PartIsNumber(name string) bool {
	return f.Type == Address && (name == "latitude" || name == "longitude") || f.Type == File && name == "size"
}

// PartNamed finds the field and the part that a caller means by "field.part", both
// without regard to case, spaces, underscores and dashes. f is nil when there is none.
func (e *Entity) PartNamed(name string) (f *Field, part string) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return nil, ""
	}
	f = e.FieldNamed(name[:dot])
	if f == nil {
		return nil, ""
	}
	if part = partNamed(f.Parts(), name[dot+1:]); part == "" {
		return nil, ""
	}
	return f, part
}

// partNamed finds a name in a list, loosely; "" when it is not there.
func partNamed(parts []string, name string) string {
	loose := Loose(name)
	for _, part := range parts {
		if Loose(part) == loose {
			return part
		}
	}
	return ""
}
