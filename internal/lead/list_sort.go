package lead

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"strings"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/page"
)

// maxSort bounds the terms of an order.
const maxSort = 3

// term is one thing that leads are sorted by.
type term struct {
	by    sortBy
	field *entity.Field // of byField
	desc  bool
}

type sortBy int

const (
	byCreated sortBy = iota
	byUpdated
	byField
)

// newest is the order of lists that ask for none.
var newest = []term{{by: byCreated, desc: true}}

// readSort reads an order like "-created_at,budget".
func readSort(text string, e *entity.Entity) ([]term, error) {
	if strings.TrimSpace(text) == "" {
		return newest, nil
	}
	var terms []term
	for name := range strings.SplitSeq(text, ",") {
		t, wrong := readTerm(strings.TrimSpace(name), e)
		if wrong == nil && len(terms) == maxSort {
			wrong = &errs.Field{Code: "too_many", Detail: "Sort by at most three things."}
		}
		for _, other := range terms {
			if wrong == nil && other.by == t.by && other.field == t.field {
				wrong = &errs.Field{Code: "sent_twice", Detail: "The order names the same thing twice; name it once."}
			}
		}
		if wrong != nil {
			wrong.Parameter = "sort"
			return nil, errs.Invalid(*wrong)
		}
		terms = append(terms, t)
	}
	return terms, nil
}

func readTerm(name string, e *entity.Entity) (term, *errs.Field) {
	name, desc := strings.CutPrefix(name, "-")
	loose := entity.Loose(name)
	switch loose {
	case "createdat":
		return term{byCreated, nil, desc}, nil
	case "updatedat":
		return term{byUpdated, nil, desc}, nil
	}
	f := e.FieldNamedLoose(loose)
	switch {
	case f == nil:
		return term{}, &errs.Field{Code: "unknown_field", Detail: "Sort by created_at, updated_at or indexed fields, each with - before it to turn the order around. " + e.NoField()}
	case f.Encrypted:
		return term{}, &errs.Field{Code: "encrypted_field", Detail: f.Key + " is encrypted, so it cannot be searched, sorted or filtered."}
	case !f.Sorted() || f.Type.Many():
		return term{}, &errs.Field{Code: "not_sorted", Detail: f.Key + " is of a type that has no order."}
	case !f.Indexed:
		return term{}, &errs.Field{Code: "not_indexed", Detail: "Leads can be sorted by indexed fields only: turn on indexed for " + f.Key + "."}
	}
	return term{byField, f, desc}, nil
}

// sortText names an order, to bind cursors to it.
func sortText(terms []term) string {
	var b strings.Builder
	for _, t := range terms {
		b.WriteString(map[bool]string{true: "-", false: "+"}[t.desc])
		switch t.by {
		case byCreated:
			b.WriteString("created")
		case byUpdated:
			b.WriteString("updated")
		case byField:
			b.WriteString(t.field.ID.String())
		}
	}
	return b.String()
}

// place is where a lead stands in a list: behind leads that come before it, whether
// they are still there or not.
type place struct {
	keys    [][]byte // for each term; nil: no value
	created int64    // microseconds
	id      id.ID
}

// timeKey is a moment as bytes of the same order.
func timeKey(micros int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(micros)^1<<63)
}

func timeOf(key []byte) int64 {
	return int64(binary.BigEndian.Uint64(key) ^ 1<<63)
}

// compare tells which of two places comes first by the terms from one on. Leads without
// a value come last in both directions. Equal leads follow the last direction: by id,
// which is the order of their making, and those without a value by created_at before
// it. Indexes are walked in just this order.
func compare(terms []term, from int, a, b *place) int {
	last := len(terms) - 1
	for i := from; i <= last; i++ {
		x, y := a.keys[i], b.keys[i]
		if (x == nil) != (y == nil) {
			if x == nil {
				return 1
			}
			return -1
		}
		if c := bytes.Compare(x, y); c != 0 {
			return turn(c, terms[i].desc)
		}
	}
	c := 0
	if a.keys[last] == nil {
		c = cmp.Compare(a.created, b.created)
	}
	return turn(cmp.Or(c, bytes.Compare(a.id[:], b.id[:])), terms[last].desc)
}

func turn(c int, desc bool) int {
	if desc {
		return -c
	}
	return c
}

// lowest and highest are ids that no lead has, before and behind all others.
var (
	lowest  = id.ID{15: 1}
	highest = id.ID{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// behindAll is the place behind every lead with these keys, as the term at a position
// walks them.
func behindAll(keys [][]byte, desc bool) *place {
	if desc {
		return &place{keys, math.MinInt64, lowest}
	}
	return &place{keys, math.MaxInt64, highest}
}

// beforeValueless is the place before the first lead without a value of a term.
func beforeValueless(terms, at int, desc bool) *place {
	keys := make([][]byte, terms)
	p := behindAll(keys, !desc)
	p.keys[at] = nil
	return p
}

// bytes is the place for a cursor.
func (p *place) bytes() []byte {
	var b []byte
	for _, key := range p.keys {
		if key == nil {
			b = append(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(key))+1)
		b = append(b, key...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(p.created))
	return append(b, p.id[:]...)
}

// readPlace is the inverse of bytes.
func readPlace(b []byte, terms []term) (*place, error) {
	p := &place{}
	for _, t := range terms {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size)+1 {
			return nil, page.ErrCursor
		}
		b = b[size:]
		if n == 0 {
			p.keys = append(p.keys, nil)
			continue
		}
		if t.by != byField && n != 9 {
			return nil, page.ErrCursor
		}
		p.keys = append(p.keys, b[:n-1:n-1])
		b = b[n-1:]
	}
	if len(b) != 24 {
		return nil, page.ErrCursor
	}
	p.created, p.id = int64(binary.BigEndian.Uint64(b)), id.ID(b[8:])
	return p, nil
}
