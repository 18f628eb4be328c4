package lead

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/lead/filter"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// How leads are found. It depends on the query and on counts that are bounded, never on
// what a database knows about its tables, so both find them the same way:
//
//  1. A condition that an index answers with at most sizes.driver leads drives: all of its
//     leads are read, checked and sorted here.
//  2. Otherwise the index of the first thing to sort by is walked, slice by slice.
//     Each slice looks at a bounded number of entries, so no read lasts long.
//  3. Leads that are equal there are sorted by the other things. When they are too
//     many for that, they are found in turn, in the order of the other things.
//
// What the database cannot answer exactly is asked again of each lead in memory.
type sizes struct {
	driver int // leads that are sorted in memory
	slice  int // entries of an index that one statement looks at
	check  int // leads that one statement brings to be checked in memory
}

var usualSizes = sizes{driver: 5000, slice: 10_000, check: 2000}

// finder finds the leads of one query.
type finder struct {
	q           db.Handle
	environment id.ID
	entity      *entity.Entity
	filled      bool // lead_values and search texts are complete
	terms       []term
	sizes       sizes
	pace        pace
}

// wanted says which leads: those that meet all conditions.
type wanted struct {
	nodes  []filter.Node
	words  []string // folded; each occurs in the search text
	equal  []equal
	driver *driver // nil: none is selective
}

// equal asks for one key of a term, nil for leads without a value.
type equal struct {
	term term
	key  []byte
}

// driver is a condition whose leads are few.
type driver struct {
	count int
	write func(*filter.Builder) string // the statement that finds them
	node  int                          // the node it answers exactly; -1: none
}

// ref is a lead that was found.
type ref struct{ place }

// want prepares the search for leads that match all nodes and have all words.
func (f *finder) want(ctx context.Context, nodes []filter.Node, words []string) (*wanted, error) {
	w := &wanted{nodes: nodes, words: words}
	for i, n := range nodes {
		b := f.builder()
		statement, exact := b.Leads(n)
		if statement == "" {
			continue
		}
		d := driver{node: i, write: func(b *filter.Builder) string { s, _ := b.Leads(n); return s }}
		if !exact {
			d.node = -1
		}
		if err := f.try(ctx, w, d); err != nil {
			return nil, err
		}
	}
	if len(f.terms) > 1 && w.driver == nil {
		return w, f.try(ctx, w, driver{node: -1, write: writeAll})
	}
	return w, nil
}

// try makes a condition drive when its leads are few, and fewer than those of another.
func (f *finder) try(ctx context.Context, w *wanted, d driver) (err error) {
	limit := f.sizes.driver
	if w.driver != nil {
		limit = w.driver.count
	}
	if d.count, err = f.count(ctx, d.write, limit+1); err == nil && d.count <= limit {
		w.driver = &d
	}
	return err
}

// with narrows w to one key of a term.
func (f *finder) with(ctx context.Context, w *wanted, e equal) (*wanted, error) {
	narrow := *w
	narrow.equal = append(slices.Clone(w.equal), e)
	if e.key == nil {
		return &narrow, nil
	}
	return &narrow, f.try(ctx, &narrow, driver{node: -1, write: func(b *filter.Builder) string { return writeEqual(b, e) }})
}

// find returns the next leads behind a place (nil: from the beginning), in the order of
// the terms from one on: n, or fewer when there are no more.
func (f *finder) find(ctx context.Context, w *wanted, from int, after *place, n int) ([]ref, error) {
	switch {
	case w.driver != nil:
		return f.sorted(ctx, w, from, after, n)
	case from == len(f.terms)-1:
		return f.walk(ctx, w, from, after, n)
	}
	return f.groups(ctx, w, from, after, n)
}

// sorted reads all leads of the driver.
func (f *finder) sorted(ctx context.Context, w *wanted, from int, after *place, n int) ([]ref, error) {
	found, err := f.driven(ctx, w)
	if err != nil {
		return nil, err
	}
	if after != nil {
		found = slices.DeleteFunc(found, func(r ref) bool { return compare(f.terms, from, &r.place, after) <= 0 })
	}
	f.sort(found, from)
	return found[:min(n, len(found))], nil
}

func (f *finder) sort(found []ref, from int) {
	slices.SortFunc(found, func(a, b ref) int { return compare(f.terms, from, &a.place, &b.place) })
}

// walk goes along the index of one term.
func (f *finder) walk(ctx context.Context, w *wanted, at int, after *place, n int) ([]ref, error) {
	var out []ref
	// The rarer they are, the more are looked at.
	for look := (portion{check: 4 * n, entries: 8 * n}); len(out) < n; look = look.larger(f.sizes) {
		look.leads = n - len(out)
		found, last, err := f.slice(ctx, w, at, after, look)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
		if last == nil {
			break
		}
		after = last
	}
	return out[:min(n, len(out))], nil
}

// portion is how much one slice looks at, at most.
type portion struct {
	leads   int // that are found
	check   int // that are checked in memory
	entries int // of the index
}

func (p portion) larger(most sizes) portion {
	return portion{check: min(2*p.check, most.check), entries: min(4*p.entries, most.slice)}
}

// groups goes along the index of the first term, and sorts leads with the same key by
// the other terms.
func (f *finder) groups(ctx context.Context, w *wanted, at int, after *place, n int) ([]ref, error) {
	var out []ref
	if after != nil { // the rest of its group first
		rest, err := f.group(ctx, w, at, after.keys[at], after, n)
		if err != nil || len(rest) == n || after.keys[at] == nil {
			return rest, err
		}
		out, after = rest, behindAll(after.keys, f.terms[at].desc)
	}
	for len(out) < n {
		size := max(n-len(out), f.sizes.check/20) + 1
		found, err := f.walk(ctx, w, at, after, size)
		if err != nil || len(found) == 0 {
			return out, err
		}
		whole, ended := len(found), len(found) < size
		for open := found[whole-1].keys[at]; !ended && whole > 0 && sameKey(found[whole-1].keys[at], open); {
			whole-- // the last group may go on
		}
		after = behindAll(found[max(whole-1, 0)].keys, f.terms[at].desc)
		if whole == 0 { // one group, and a large one
			one, err := f.group(ctx, w, at, found[0].keys[at], nil, n-len(out))
			if err != nil {
				return nil, err
			}
			out = append(out, one...)
			ended = found[0].keys[at] == nil
		}
		f.sort(found[:whole], at)
		out = append(out, found[:whole]...)
		if ended {
			break
		}
	}
	return out[:min(n, len(out))], nil
}

func sameKey(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// group finds the leads with one key of a term, in the order of the terms behind it.
func (f *finder) group(ctx context.Context, w *wanted, at int, key []byte, after *place, n int) ([]ref, error) {
	narrow, err := f.with(ctx, w, equal{f.terms[at], key})
	if err != nil {
		return nil, err
	}
	return f.find(ctx, narrow, at+1, after, n)
}

// each calls take with all leads, in an order that is cheap, until it says stop.
func (f *finder) each(ctx context.Context, w *wanted, take func([]ref) (more bool)) error {
	if w.driver != nil {
		found, err := f.driven(ctx, w)
		take(found)
		return err
	}
	var after *place
	for {
		found, last, err := f.slice(ctx, w, 0, after, portion{f.sizes.check, f.sizes.check, f.sizes.slice})
		if err != nil || !take(found) || last == nil {
			return err
		}
		after = last
	}
}

// matches asks a lead in memory.
func (f *finder) matches(rest []filter.Node, words []string, r *filter.Record) bool {
	if !filter.And(rest).Matches(r) {
		return false
	}
	if len(words) == 0 {
		return true
	}
	var text strings.Builder
	for i := range f.entity.Fields {
		if one := &f.entity.Fields[i]; !one.Encrypted {
			text.WriteString(entity.Fold(one.Show(r.Value(one))))
			text.WriteByte('\n')
		}
	}
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text.String(), w) })
}
