package filter

import (
	"bytes"
	"slices"
	"strings"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Record is what a filter sees of a lead.
type Record struct {
	ID        id.ID
	Assignee  id.ID
	Source    string
	CreatedAt int64                               // microseconds
	UpdatedAt int64                               // microseconds
	Value     func(*entity.Field) entity.Value    // nil: no value
	Status    func(pipeline id.ID) (status id.ID) // id.Nil: none
}

// Matches implements Node.
func (a And) Matches(r *Record) bool {
	for _, n := range a {
		if !n.Matches(r) {
			return false
		}
	}
	return true
}

// Matches implements Node.
func (o Or) Matches(r *Record) bool {
	for _, n := range o {
		if n.Matches(r) {
			return true
		}
	}
	return false
}

// Matches implements Node.
func (n Not) Matches(r *Record) bool { return !n.Of.Matches(r) }

// Matches implements Node.
func (t *Test) Matches(r *Record) bool {
	switch t.Subject.Kind {
	case OfStatus:
		return t.hasID(r.Status(t.Subject.Pipeline.ID))
	case OfAssignee:
		return t.hasID(r.Assignee)
	case OfID:
		return t.hasID(r.ID)
	case OfSource:
		return t.hasText(entity.Fold(r.Source))
	case OfCreatedAt:
		return t.hasTime(r.CreatedAt)
	case OfUpdatedAt:
		return t.hasTime(r.UpdatedAt)
	}
	v := t.Subject.value(r)
	switch {
	case t.Op == Empty:
		return v == nil
	case v == nil:
		return false
	}
	if s, ok := v.(string); ok && t.onText() {
		return t.hasText(entity.Fold(s))
	}
	return slices.ContainsFunc(t.Subject.Field.Keys(v), t.hasKey)
}

// value is the lead's value of a field, or of a part of one; nil when there is none.
func (s Subject) value(r *Record) entity.Value {
	if s.Whole == nil {
		return r.Value(s.Field)
	}
	if text := s.Whole.Part(r.Value(s.Whole), s.Part); text != "" {
		return text
	}
	return nil
}

// onText tells whether the test looks at folded texts rather than at sort keys.
func (t *Test) onText() bool {
	c := t.Subject.class()
	return t.Op == Contains || t.Op == StartsWith || t.Op == In && (c == texts || c == phones)
}

func (t *Test) hasID(u id.ID) bool {
	if t.Op == Empty {
		return u.IsNil()
	}
	return slices.ContainsFunc(t.Values, func(v Value) bool { return slices.Contains(v.ids, u) })
}

func (t *Test) hasText(folded string) bool {
	switch t.Op {
	case Contains:
		return strings.Contains(folded, t.Values[0].folded)
	case StartsWith:
		return strings.HasPrefix(folded, t.Values[0].folded)
	case In:
		return slices.ContainsFunc(t.Values, func(v Value) bool { return v.folded == folded })
	}
	return t.compares(func(v Value) int { return strings.Compare(folded, v.folded) })
}

func (t *Test) hasTime(at int64) bool {
	return t.compares(func(v Value) int {
		switch {
		case at < v.at:
			return -1
		case at > v.at:
			return 1
		}
		return 0
	})
}

func (t *Test) hasKey(key []byte) bool {
	return t.compares(func(v Value) int { return bytes.Compare(key, v.key) })
}

// compares applies the comparison, given how the lead's value stands to another.
func (t *Test) compares(to func(Value) int) bool {
	switch t.Op {
	case Less:
		return to(t.Values[0]) < 0
	case AtMost:
		return to(t.Values[0]) <= 0
	case Greater:
		return to(t.Values[0]) > 0
	case AtLeast:
		return to(t.Values[0]) >= 0
	case Between:
		return to(t.Values[0]) >= 0 && to(t.Values[1]) <= 0
	}
	return slices.ContainsFunc(t.Values, func(v Value) bool { return to(v) == 0 })
}
