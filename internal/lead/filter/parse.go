package filter

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Members finds a member of the account by e-mail address; id.Nil when there is none.
type Members func(email string) (id.ID, error)

// Parse reads a filter for the leads of an entity; nil when there is nothing in the
// text. What is wrong with it is a validation error about the parameter filter.
func Parse(text string, e *entity.Entity, members Members) (Node, error) {
	p := &parser{entity: e, members: members}
	switch {
	case len(text) > MaxBytes:
		return nil, p.fail(0, "too_long", fmt.Sprintf("a filter has at most %d bytes.", MaxBytes))
	case !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0:
		return nil, p.fail(0, "syntax", "a filter is UTF-8 text without NUL characters.")
	}
	p.text = []rune(text)
	if err := p.advance(); err != nil || p.tok.kind == end {
		return nil, err
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != end {
		return nil, p.fail(p.tok.from, "syntax", `expected "and", "or" or the end of the filter.`)
	}
	return n, nil
}

type parser struct {
	entity  *entity.Entity
	members Members
	text    []rune
	tok     token // the next one
	tests   int
	depth   int
}

func (p *parser) advance() (err error) {
	p.tok, err = p.next(p.tok.to)
	return err
}

// fail is a problem at a rune of the text.
func (p *parser) fail(at int, code, detail string) error {
	detail = fmt.Sprintf("Filter, character %d: %s", at+1, detail)
	e := &errs.Error{Code: errs.ValidationFailed, Detail: detail, Fields: []errs.Field{{Parameter: "filter", Code: code, Detail: detail}}}
	return e.With("position", at+1)
}

func (p *parser) or() (Node, error) {
	of, err := p.list("or", p.and)
	if len(of) == 1 {
		return of[0], err
	}
	var flat Or
	for _, n := range of {
		if inner, ok := n.(Or); ok {
			flat = append(flat, inner...)
			continue
		}
		flat = append(flat, n)
	}
	return flat, err
}

func (p *parser) and() (Node, error) {
	of, err := p.list("and", p.one)
	if len(of) == 1 {
		return of[0], err
	}
	var flat And
	for _, n := range of {
		if inner, ok := n.(And); ok {
			flat = append(flat, inner...)
			continue
		}
		flat = append(flat, n)
	}
	return flat, err
}

// list reads conditions with a keyword between them.
func (p *parser) list(between string, read func() (Node, error)) ([]Node, error) {
	var of []Node
	for {
		n, err := read()
		if err != nil {
			return nil, err
		}
		of = append(of, n)
		if !p.tok.is(between) {
			return of, nil
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

func (p *parser) one() (Node, error) {
	switch {
	case p.tok.is("not"):
		n, err := p.deeper(p.one)
		return Not{n}, err
	case p.tok.is("("):
		open := p.tok.from
		n, err := p.deeper(p.or)
		if err != nil {
			return nil, err
		}
		if !p.tok.is(")") {
			return nil, p.fail(p.tok.from, "syntax", fmt.Sprintf(`expected "and", "or" or the ")" for the "(" at character %d.`, open+1))
		}
		return n, p.advance()
	}
	return p.test()
}

// deeper reads what stands behind a token, one level deeper.
func (p *parser) deeper(read func() (Node, error)) (Node, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.fail(p.tok.from, "too_complex", fmt.Sprintf("parentheses and nots go at most %d levels deep.", MaxDepth))
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := read()
	p.depth--
	return n, err
}

func (p *parser) test() (Node, error) {
	if p.tests++; p.tests > MaxTests {
		return nil, p.fail(p.tok.from, "too_complex", fmt.Sprintf("a filter has at most %d comparisons. Use in ( ) for many values.", MaxTests))
	}
	s, err := p.subject()
	if err != nil {
		return nil, err
	}
	at := p.tok.from
	op, negated, err := p.op()
	if err != nil {
		return nil, err
	}
	if allowed := s.ops(); allowed&(1<<op) == 0 {
		return nil, p.fail(at, "wrong_operator", s.Name()+" cannot be compared like this. Use one of: "+opNames(allowed)+".")
	}
	t := &Test{Subject: s, Op: op}
	switch op {
	case Empty:
	case Between:
		err = p.between(t)
	case In:
		err = p.in(t)
	default:
		err = p.value(t)
	}
	if err != nil {
		return nil, err
	}
	if negated {
		return Not{t}, nil
	}
	return t, nil
}

var comparisons = map[string]Op{"=": In, "!=": In, "<": Less, "<=": AtMost, ">": Greater, ">=": AtLeast}

// op reads a comparison up to its values. Of in and = it leaves the parenthesis, which
// tells them apart.
func (p *parser) op() (op Op, negated bool, err error) {
	at := p.tok.from
	if p.tok.kind == symbol {
		op, ok := comparisons[p.tok.text]
		if !ok {
			return 0, false, p.expectedOp(at)
		}
		negated = p.tok.text == "!="
		err = p.advance()
		if err == nil && p.tok.is("(") {
			err = p.fail(p.tok.from, "syntax", "expected a value. A list in parentheses goes with in.")
		}
		return op, negated, err
	}
	if p.tok.is("is") {
		return p.empty()
	}
	if p.tok.is("not") {
		negated = true
		if err := p.advance(); err != nil {
			return 0, false, err
		}
	}
	for text, op := range map[string]Op{"in": In, "between": Between, "contains": Contains, "starts_with": StartsWith} {
		if !p.tok.is(text) {
			continue
		}
		err := p.advance()
		if err == nil && op == In && !p.tok.is("(") {
			err = p.fail(p.tok.from, "syntax", `expected "(" and the values of the list, for example in ("a", "b").`)
		}
		return op, negated, err
	}
	return 0, false, p.expectedOp(p.tok.from)
}

func (p *parser) expectedOp(at int) error {
	return p.fail(at, "syntax", "expected a comparison: = != > >= < <= contains starts_with in between, is empty or is not empty.")
}

// empty reads "is empty" and "is not empty".
func (p *parser) empty() (op Op, negated bool, err error) {
	if err = p.advance(); err == nil && p.tok.is("not") {
		negated = true
		err = p.advance()
	}
	if err == nil && !p.tok.is("empty") {
		err = p.fail(p.tok.from, "syntax", `expected "empty", as in: is empty, is not empty.`)
	}
	if err == nil {
		err = p.advance()
	}
	return Empty, negated, err
}

func (p *parser) between(t *Test) error {
	if err := p.value(t); err != nil {
		return err
	}
	if !p.tok.is("and") {
		return p.fail(p.tok.from, "syntax", `expected "and" and the other end, for example between 5 and 9.`)
	}
	if err := p.advance(); err != nil {
		return err
	}
	return p.value(t)
}

func (p *parser) in(t *Test) error {
	if !p.tok.is("(") {
		return p.value(t)
	}
	for {
		if err := p.advance(); err != nil {
			return err
		}
		if len(t.Values) == MaxValues {
			return p.fail(p.tok.from, "too_complex", fmt.Sprintf("a list has at most %d values.", MaxValues))
		}
		if err := p.value(t); err != nil {
			return err
		}
		if p.tok.is(")") {
			return p.advance()
		}
		if !p.tok.is(",") {
			return p.fail(p.tok.from, "syntax", `expected "," and the next value, or ")".`)
		}
	}
}

// value reads one value and adds it to the test.
func (p *parser) value(t *Test) error {
	switch {
	case p.tok.kind != word && p.tok.kind != quoted:
		return p.fail(p.tok.from, "syntax", "expected a value: a text in quotes, a number, true, false, or a date like 2026-07-31.")
	case p.tok.kind == word && isKeyword(p.tok.text) && !p.tok.is("true") && !p.tok.is("false"):
		return p.fail(p.tok.from, "syntax", "expected a value, and this is a keyword. Put texts in quotes.")
	}
	v, err := p.read(t, p.tok)
	if err != nil {
		return err
	}
	t.Values = append(t.Values, v)
	return p.advance()
}
