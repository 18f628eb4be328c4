package filter

import (
	"strings"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Limits of a filter.
const (
	MaxBytes  = 4096
	MaxTests  = 50
	MaxDepth  = 16  // of parentheses and nots
	MaxValues = 200 // in one list
)

// Node is a condition on a lead: And, Or, Not or *Test.
type Node interface {
	// Matches tells whether a lead meets the condition.
	Matches(r *Record) bool
	// print writes the condition as a part of one of the kind of parent.
	print(b *strings.Builder, parent level)
}

// And is met by leads that meet all, which are at least two and no Ands.
type And []Node

// Or is met by leads that meet one, of at least two that are no Ors.
type Or []Node

// Not is met by leads that do not meet the other.
type Not struct{ Of Node }

// Test compares one thing of a lead.
type Test struct {
	Subject Subject
	Op      Op
	Values  []Value
}

// Subject is what a test looks at.
type Subject struct {
	Kind     Kind
	Field    *entity.Field    // of OfField; of a part, a field that stands for it
	Whole    *entity.Field    // the field that Field is a part of; nil when it is none
	Part     string           // the part's name
	Pipeline *entity.Pipeline // of OfStatus
}

// Kind is a kind of Subject.
type Kind int

// The kinds of subject.
const (
	OfField Kind = iota
	OfStatus
	OfAssignee
	OfSource
	OfCreatedAt
	OfUpdatedAt
	OfID
)

// Op is how a test compares. != and the negated forms are a Not around one of these,
// and = is In with one value.
type Op int

// The comparisons.
const (
	In Op = iota
	Contains
	StartsWith
	Less
	AtMost
	Greater
	AtLeast
	Between
	Empty
)

// Value is a checked literal.
type Value struct {
	Text string // in its normal form

	bare   bool    // written without quotes
	folded string  // of texts
	key    []byte  // sort key, of values of fields
	ids    []id.ID // of a status, member or lead
	at     int64   // microseconds, of moments
}

// Each calls visit with every test of a condition.
func Each(n Node, visit func(*Test)) {
	var of []Node
	switch n := n.(type) {
	case And:
		of = n
	case Or:
		of = n
	case Not:
		of = []Node{n.Of}
	case *Test:
		visit(n)
	}
	for _, one := range of {
		Each(one, visit)
	}
}

// Text is a filter as it can be parsed again, to the same tree.
func Text(n Node) string {
	var b strings.Builder
	n.print(&b, inNothing)
	return b.String()
}

// level is how tightly what stands around a condition binds.
type level int

const (
	inNothing level = iota
	inOr
	inAnd
	inNot
)

func (a And) print(b *strings.Builder, parent level) { printAll(b, a, " and ", inAnd, parent) }

func (o Or) print(b *strings.Builder, parent level) { printAll(b, o, " or ", inOr, parent) }

func printAll(b *strings.Builder, of []Node, between string, own, parent level) {
	if parent >= own {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, n := range of {
		if i > 0 {
			b.WriteString(between)
		}
		n.print(b, own)
	}
}

func (n Not) print(b *strings.Builder, _ level) {
	if t, ok := n.Of.(*Test); ok && t.Op != Less && t.Op != AtMost && t.Op != Greater && t.Op != AtLeast {
		t.printTest(b, true)
		return
	}
	b.WriteString("not ")
	n.Of.print(b, inNot)
}

func (t *Test) print(b *strings.Builder, _ level) { t.printTest(b, false) }

func (t *Test) printTest(b *strings.Builder, negated bool) {
	t.Subject.print(b)
	not := map[bool]string{true: " not"}[negated]
	switch {
	case t.Op == Empty:
		b.WriteString(" is" + not + " empty")
	case t.Op == In && len(t.Values) == 1:
		b.WriteString(map[bool]string{true: " != ", false: " = "}[negated])
		t.Values[0].print(b)
	case t.Op == In:
		b.WriteString(not + " in (")
		for i, v := range t.Values {
			if i > 0 {
				b.WriteString(", ")
			}
			v.print(b)
		}
		b.WriteByte(')')
	case t.Op == Between:
		b.WriteString(not + " between ")
		t.Values[0].print(b)
		b.WriteString(" and ")
		t.Values[1].print(b)
	default:
		b.WriteString(not + " " + words[t.Op] + " ")
		t.Values[0].print(b)
	}
}

// words are the comparisons with one value, as they are written.
var words = map[Op]string{Contains: "contains", StartsWith: "starts_with", Less: "<", AtMost: "<=", Greater: ">", AtLeast: ">="}

func (s Subject) print(b *strings.Builder) {
	switch s.Kind {
	case OfField:
		if s.Whole != nil {
			printName(b, s.Whole.Key)
			b.WriteByte('.')
			printName(b, s.Part)
			return
		}
		printName(b, s.Field.Key)
	case OfStatus:
		b.WriteString("status.")
		printName(b, s.Pipeline.Slug)
	default:
		b.WriteString(systemNames[s.Kind])
	}
}

// Name is what the subject is called.
func (s Subject) Name() string {
	var b strings.Builder
	s.print(&b)
	return b.String()
}

var systemNames = map[Kind]string{OfAssignee: "assignee", OfSource: "source", OfCreatedAt: "created_at", OfUpdatedAt: "updated_at", OfID: "id"}

func printName(b *strings.Builder, name string) {
	if plain := strings.IndexFunc(name, func(r rune) bool { return !isWord(r) || r == '.' }) < 0; plain && !isKeyword(name) {
		b.WriteString(name)
		return
	}
	printQuoted(b, name, '`')
}

func (v Value) print(b *strings.Builder) {
	if v.bare {
		b.WriteString(v.Text)
		return
	}
	printQuoted(b, v.Text, '"')
}

func printQuoted(b *strings.Builder, text string, quote rune) {
	b.WriteRune(quote)
	for _, r := range text {
		switch r {
		case quote, '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteRune(quote)
}
