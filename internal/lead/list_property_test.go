package lead

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/lead/filter"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// truth is a lead as the tests know it, without any SQL.
type truth struct {
	Lead
	search string
}

// put stores leads with everything that lists look at.
func (w *world) put(e *entity.Entity, leads ...*truth) {
	w.t.Helper()
	for some := range slices.Chunk(leads, 500) { // a transaction must not take long
		w.putSome(e, some)
	}
}

func (w *world) putSome(e *entity.Entity, leads []*truth) {
	w.t.Helper()
	w.update(func(ctx context.Context, tx *db.Tx) error {
		for _, l := range leads {
			if _, err := tx.Exec(ctx, `INSERT INTO leads (environment_id, id, entity_id, version, created_at, updated_at, source, assignee_id, created_by_kind, created_by_name, data, unmapped, search, statuses)
				VALUES ($1, $2, $3, 1, $4, $5, $6, $7, 'key', '', $8, '{}', $9, $10)`,
				w.who.Environment.ID, l.ID, e.ID, db.Micros(l.CreatedAt), db.Micros(l.UpdatedAt), l.Source, l.AssigneeID, dataJSON(e, l.Values), l.search, statusesText(l.Statuses)); err != nil {
				return err
			}
			for _, s := range l.Statuses {
				if _, err := tx.Exec(ctx, `INSERT INTO lead_statuses (environment_id, status_id, lead_id) VALUES ($1, $2, $3)`, w.who.Environment.ID, s.StatusID, l.ID); err != nil {
					return err
				}
			}
			if err := w.putKeys(ctx, tx, e, l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) putKeys(ctx context.Context, tx *db.Tx, e *entity.Entity, l *truth) error {
	for i := range e.Fields {
		f := &e.Fields[i]
		for _, key := range f.Keys(l.Values[f.ID]) {
			if !f.Indexed {
				continue
			}
			if _, err := tx.Exec(ctx, `INSERT INTO lead_values (environment_id, field_id, sort_key, lead_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
				w.who.Environment.ID, f.ID, key, l.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeKeys takes a lead out of lead_values.
func (w *world) takeKeys(ctx context.Context, tx *db.Tx, lead id.ID) error {
	_, err := tx.Exec(ctx, `DELETE FROM lead_values WHERE environment_id = $1 AND lead_id = $2`, w.who.Environment.ID, lead)
	return err
}

func (l *truth) record() *filter.Record {
	return &filter.Record{
		ID: l.ID, Assignee: l.AssigneeID, Source: l.Source, CreatedAt: db.Micros(l.CreatedAt), UpdatedAt: db.Micros(l.UpdatedAt),
		Value:  func(f *entity.Field) entity.Value { return l.Values[f.ID] },
		Status: func(pipeline id.ID) id.ID { s, _ := l.Status(pipeline); return s.StatusID },
	}
}

func (l *truth) place(terms []term) *place {
	p := &place{created: db.Micros(l.CreatedAt), id: l.ID}
	for _, t := range terms {
		switch t.by {
		case byCreated:
			p.keys = append(p.keys, timeKey(db.Micros(l.CreatedAt)))
		case byUpdated:
			p.keys = append(p.keys, timeKey(db.Micros(l.UpdatedAt)))
		case byField:
			p.keys = append(p.keys, keyOf(t.field, l.Values[t.field.ID]))
		}
	}
	return p
}

// someValues are values of each type, as they are stored.
var someValues = map[entity.Type][]entity.Value{
	entity.Text:        {"Ada", "ada", "ADA Lovelace", "Bob", `50 % of_a\b`, "Straße", "STRASSE", "e\u0301clair", strings.Repeat("x", 600), strings.Repeat("x", 600) + "y", strings.Repeat("x", 480) + "\u00e9"},
	entity.Textarea:    {"Please call.\nThank you", "please", "Ada said %"},
	entity.Email:       {"a@example.com", "A@Example.com", "b@acme.com"},
	entity.Phone:       {"+4930123456", "+4930123457", "+12015550123"},
	entity.Number:      {"-5", "-1.50", "0", "1.5", "1.50", "10", "100000.001"},
	entity.Date:        {"2026-07-31", "2026-08-01", "1999-12-31"},
	entity.DateTime:    {"2026-07-31T12:30:00.000000Z", "2026-07-31T12:30:00.000001Z", "2026-08-01T00:00:00.000000Z"},
	entity.Select:      {"roof", "balcony", "oil"},
	entity.MultiSelect: {[]string{"roof"}, []string{"balcony", "roof"}, []string{"oil", "balcony"}},
	entity.Checkbox:    {true, false},
	entity.URL:         {"https://example.com/A", "https://example.com/a"},
}

// drawEntity is the entity that has everything, with some fields indexed.
func drawEntity(t *rapid.T, n int) entity.Entity {
	e := solar()
	e.Slug = fmt.Sprintf("e%d", n)
	for i := range e.Fields {
		e.Fields[i].Indexed = rapid.Bool().Draw(t, "indexed")
	}
	return e
}

func drawLead(t *rapid.T, e *entity.Entity, people []id.ID) *truth {
	few := rapid.IntRange(0, 4)
	l := &truth{Lead: Lead{ID: id.New(), EntityID: e.ID, Values: map[id.ID]entity.Value{}}}
	l.CreatedAt = db.FromMicros(db.Micros(noon) + int64(few.Draw(t, "created")))
	l.UpdatedAt = db.FromMicros(db.Micros(noon) + int64(few.Draw(t, "updated")))
	l.Source = rapid.SampledFrom([]string{"api", "API", "form", "Ä"}).Draw(t, "source")
	l.AssigneeID = rapid.SampledFrom(append(people, id.Nil)).Draw(t, "assignee")
	drawValues(t, e, l)
	for i := range e.Pipelines {
		p := &e.Pipelines[i]
		if k := rapid.IntRange(-1, len(p.Statuses)-1).Draw(t, "status"); k >= 0 {
			l.Statuses = append(l.Statuses, StatusSince{PipelineID: p.ID, StatusID: p.Statuses[k].ID})
		}
	}
	return l
}

func drawValues(t *rapid.T, e *entity.Entity, l *truth) {
	for i := range e.Fields {
		f := &e.Fields[i]
		of := someValues[f.Type]
		if k := rapid.IntRange(-2, len(of)-1).Draw(t, f.Key); k >= 0 {
			l.set(f, of[k])
		}
	}
}

// drawFilter writes a filter.
func drawFilter(t *rapid.T, e *entity.Entity, leads []*truth, people []id.ID, depth int) string {
	if depth > 0 {
		one := func() string { return drawFilter(t, e, leads, people, depth-1) }
		switch rapid.IntRange(0, 5).Draw(t, "node") {
		case 0, 1:
			return one() + " and " + one()
		case 2:
			return "(" + one() + " or " + one() + ")"
		case 3:
			return "not (" + one() + ")"
		}
	}
	switch rapid.IntRange(0, 9).Draw(t, "subject") {
	case 0:
		p := rapid.SampledFrom(e.Pipelines).Draw(t, "pipeline")
		value := func() string { return fmt.Sprintf("%q", rapid.SampledFrom(p.StatusNames()).Draw(t, "name")) }
		return "status." + p.Slug + rapid.SampledFrom([]string{" is empty", " is not empty", " = " + value(), " != " + value(), " in (" + value() + ", " + value() + ")"}).Draw(t, "op")
	case 1:
		value := `"` + rapid.SampledFrom(people).Draw(t, "person").String() + `"`
		return "assignee" + rapid.SampledFrom([]string{" is empty", " = " + value, " != " + value}).Draw(t, "op")
	case 2:
		return "source" + rapid.SampledFrom([]string{` = "api"`, ` contains "p"`, ` != "ä"`, ` starts_with "f"`, ` > "api"`}).Draw(t, "op")
	case 3:
		at := func() string {
			return db.FromMicros(db.Micros(noon) + int64(rapid.IntRange(-1, 5).Draw(t, "at"))).Format("2006-01-02T15:04:05.999999Z07:00")
		}
		return rapid.SampledFrom([]string{"created_at", "updated_at"}).Draw(t, "time") +
			rapid.SampledFrom([]string{" < " + at(), " >= " + at(), " != " + at(), " between " + at() + " and " + at(), " > 2026-01-01"}).Draw(t, "op")
	case 4:
		return fmt.Sprintf("id in (%q, %q)", rapid.SampledFrom(leads).Draw(t, "lead").ID, id.New())
	}
	f := rapid.SampledFrom(e.Fields).Draw(t, "field")
	value := func() string { return literal(&f, rapid.SampledFrom(someValues[f.Type]).Draw(t, "value")) }
	return rapid.SampledFrom(testsOf(&f, value(), value())).Draw(t, "test")
}

// literal writes a value of a field as a filter has it.
func literal(f *entity.Field, v entity.Value) string {
	if list, ok := v.([]string); ok {
		v = list[0]
	}
	if f.Type == entity.Number || f.Type == entity.Checkbox {
		return fmt.Sprint(v)
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(fmt.Sprint(v)) + `"`
}

// testsOf are all tests of a field with two values.
func testsOf(f *entity.Field, one, other string) []string {
	ops := []string{"is empty", "is not empty", "= " + one, "!= " + one, "in (" + one + ", " + other + ", " + one + ")"}
	switch f.Type {
	case entity.Text, entity.Textarea, entity.Email, entity.URL:
		ops = append(ops, `contains "a"`, `not contains "%"`, `contains "_"`, "contains "+one, "starts_with "+one, `starts_with "st"`)
		fallthrough
	case entity.Number, entity.Date, entity.DateTime:
		ops = append(ops, "< "+one, ">= "+one, "<= "+one, "> "+one, "between "+one+" and "+other, "not between "+one+" and "+other)
	case entity.Phone:
		ops = append(ops, `contains "30 12"`, `starts_with "+49"`)
	}
	for i := range ops {
		ops[i] = f.Key + " " + ops[i]
	}
	return ops
}

// TestEveryTestOfEveryType asks everything of leads that have all values, through the
// indexes and without them.
func TestEveryTestOfEveryType(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for n, withIndex := range []bool{false, true} {
			e := solar()
			e.Slug = fmt.Sprintf("e%d", n)
			for i := range e.Fields {
				e.Fields[i].Indexed = withIndex
			}
			e = w.newEntity(w.who, e)
			leads := w.leadsOfAllValues(&e)
			w.put(&e, leads...)
			for i := range e.Fields {
				f := &e.Fields[i]
				values := someValues[f.Type]
				for k, v := range values {
					other := literal(f, values[(k+1)%len(values)])
					for j, test := range testsOf(f, literal(f, v), other) {
						q := Query{Entity: e.Slug, Filter: test}
						if withIndex && !f.Type.Many() && j%2 == 0 {
							q.Sort = f.Key
						}
						w.checkQuery(t, leads, q, sizes{driver: (j + k) % 2 * 100, slice: 5, check: 4}, 7)
					}
				}
			}
		}
	})
}

// leadsOfAllValues are leads of which each value of each field has one.
func (w *world) leadsOfAllValues(e *entity.Entity) (out []*truth) {
	for n := range 12 {
		at := noon.Add(time.Duration(n) * time.Second)
		l := &truth{Lead: Lead{ID: id.At(at), EntityID: e.ID, CreatedAt: at, UpdatedAt: at, Source: "api", Values: map[id.ID]entity.Value{}}}
		for i := range e.Fields {
			if of := someValues[e.Fields[i].Type]; n < len(of) {
				l.set(&e.Fields[i], of[n])
			}
		}
		out = append(out, l)
	}
	return out
}

// set gives a lead a value, and its text to its search text.
func (l *truth) set(f *entity.Field, v entity.Value) {
	l.Values[f.ID] = v
	if s, ok := v.(string); ok {
		l.search += entity.Fold(s) + "\n"
	}
}

func drawSort(t *rapid.T, e *entity.Entity) string {
	names := []string{"created_at", "updated_at"}
	for i := range e.Fields {
		if f := &e.Fields[i]; f.Indexed && !f.Type.Many() {
			names = append(names, f.Key)
		}
	}
	names = rapid.Permutation(names).Draw(t, "names")[:min(len(names), rapid.IntRange(1, maxSort).Draw(t, "terms"))]
	for i := range names {
		names[i] = rapid.SampledFrom([]string{"", "-"}).Draw(t, "direction") + names[i]
	}
	return strings.Join(names, ",")
}

// drawQuery is any query.
func drawQuery(t *rapid.T, e *entity.Entity, leads []*truth, people []id.ID) Query {
	q := Query{Entity: e.Slug, Search: rapid.SampledFrom([]string{"", "", "", "ada", "STRASSE", "example A", "50 %"}).Draw(t, "q")}
	if rapid.IntRange(0, 3).Draw(t, "filtered") > 0 {
		q.Filter = drawFilter(t, e, leads, people, 3)
	}
	if rapid.IntRange(0, 3).Draw(t, "sorted") > 0 {
		q.Sort = drawSort(t, e)
	}
	return q
}

// drawSizes makes small lists take the ways of large ones.
func drawSizes(t *rapid.T) sizes {
	return sizes{driver: rapid.SampledFrom([]int{0, 3, 5000}).Draw(t, "driver"), slice: rapid.IntRange(1, 10).Draw(t, "slice"), check: rapid.IntRange(1, 30).Draw(t, "check")}
}

// meets asks a lead of the tests what a selection asks of leads.
func (sel *Selection) meets(l *truth) bool {
	return filter.And(sel.nodes).Matches(l.record()) && !slices.ContainsFunc(sel.words, func(w string) bool { return !strings.Contains(l.search, w) })
}

func (w *world) people(n int) []id.ID {
	w.t.Helper()
	ids := make([]id.ID, n)
	w.update(func(ctx context.Context, tx *db.Tx) error {
		for i := range ids {
			ids[i] = id.New()
			if _, err := tx.Exec(ctx, `INSERT INTO people (id, email, email_folded, name, created_at) VALUES ($1, $2, $2, $3, 0)`, ids[i], fmt.Sprintf("%s@example.com", ids[i]), fmt.Sprintf("Person %d", i)); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO memberships (account_id, person_id, role, created_at) VALUES ($1, $2, 'member', 0)`, w.who.Account.ID, ids[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return ids
}

func TestAListIsWhatTheFilterSaysInTheOrderOfTheSort(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		people := w.people(2)
		n := 0
		rapid.Check(t, func(t *rapid.T) {
			n++
			e := w.newEntity(w.who, drawEntity(t, n))
			leads := make([]*truth, rapid.IntRange(1, 30).Draw(t, "leads"))
			for i := range leads {
				leads[i] = drawLead(t, &e, people)
			}
			w.put(&e, leads...)
			for range 4 {
				w.checkQuery(t, leads, drawQuery(t, &e, leads, people), drawSizes(t), rapid.IntRange(1, 12).Draw(t, "limit"))
			}
		})
	})
}

// checkQuery compares pages, stream and count with what the leads say themselves.
func (w *world) checkQuery(t rapid.TB, leads []*truth, q Query, small sizes, limit int) {
	t.Helper()
	sel, err := w.svc.Select(context.Background(), w.who, "read", q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	sel.sizes = small
	var want []*truth
	for _, l := range leads {
		if sel.meets(l) {
			want = append(want, l)
		}
	}
	slices.SortFunc(want, func(a, b *truth) int { return compare(sel.terms, 0, a.place(sel.terms), b.place(sel.terms)) })
	var ids, got []id.ID
	for _, l := range want {
		ids = append(ids, l.ID)
	}
	for after, more := (*place)(nil), true; more; more = after != nil {
		var p Page
		last, err := sel.page(context.Background(), &p, after, limit)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if len(p.Leads) > limit || len(got) > len(leads) {
			t.Fatalf("%+v: a page of %d leads, limit %d, after %d", q, len(p.Leads), limit, len(got))
		}
		for _, l := range p.Leads {
			got = append(got, l.ID)
		}
		if after = last; last != nil {
			if after, err = readPlace(last.bytes(), sel.terms); err != nil {
				t.Fatal(err)
			}
		}
	}
	if diff := cmp.Diff(ids, got, cmp.Transformer("id", id.ID.String)); diff != "" {
		t.Fatalf("%+v, %+v (-want +got):\n%s", q, small, diff)
	}
	got = nil
	if err := sel.Each(context.Background(), func(l *Lead) error { got = append(got, l.ID); return nil }); err != nil || !slices.Equal(ids, got) {
		t.Fatalf("%+v: streamed %d of %d, %v", q, len(got), len(ids), err)
	}
	if c, err := sel.count(context.Background(), true); err != nil || c.N != len(ids) || c.AtLeast {
		t.Fatalf("%+v: counted %+v of %d, %v", q, c, len(ids), err)
	}
}

func TestAWalkUnderWritesSeesEachUntouchedLeadOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		people := w.people(2)
		n := 0
		rapid.Check(t, func(t *rapid.T) {
			n++
			e := w.newEntity(w.who, drawEntity(t, n))
			leads := make([]*truth, rapid.IntRange(5, 30).Draw(t, "leads"))
			for i := range leads {
				leads[i] = drawLead(t, &e, people)
			}
			w.put(&e, leads...)
			sel, err := w.svc.Select(context.Background(), w.who, "read", drawQuery(t, &e, leads, people))
			if err != nil {
				t.Fatal(err)
			}
			sel.sizes = drawSizes(t)
			seen, touched := map[id.ID]int{}, map[id.ID]bool{}
			for after, more, pages := (*place)(nil), true, 0; more; more = after != nil && pages < 100 {
				var p Page
				if after, err = sel.page(context.Background(), &p, after, rapid.IntRange(1, 6).Draw(t, "limit")); err != nil {
					t.Fatal(err)
				}
				pages++
				for _, l := range p.Leads {
					seen[l.ID]++
				}
				if pages < 20 {
					w.disturb(t, &e, leads, people, touched)
				}
			}
			for _, l := range leads {
				want := map[bool]int{true: 1}[sel.meets(l)]
				if !touched[l.ID] && seen[l.ID] != want {
					t.Fatalf("%q by %q, %+v: a lead was seen %d times, want %d", sel.text, sortText(sel.terms), sel.sizes, seen[l.ID], want)
				}
			}
		})
	})
}

// disturb changes something between two pages.
func (w *world) disturb(t *rapid.T, e *entity.Entity, leads []*truth, people []id.ID, touched map[id.ID]bool) {
	switch rapid.IntRange(0, 3).Draw(t, "write") {
	case 0:
		w.put(e, drawLead(t, e, people))
	case 1: // to the trash
		l := rapid.SampledFrom(leads).Draw(t, "lead")
		touched[l.ID] = true
		w.update(func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE leads SET deleted_at = 1 WHERE environment_id = $1 AND id = $2`, w.who.Environment.ID, l.ID); err != nil {
				return err
			}
			return w.takeKeys(ctx, tx, l.ID)
		})
	case 2: // other values
		l := rapid.SampledFrom(leads).Draw(t, "lead")
		touched[l.ID] = true
		changed := &truth{Lead: Lead{ID: l.ID, Values: map[id.ID]entity.Value{}}}
		drawValues(t, e, changed)
		w.update(func(ctx context.Context, tx *db.Tx) error {
			if err := w.takeKeys(ctx, tx, l.ID); err != nil {
				return err
			}
			n, err := tx.Exec(ctx, `UPDATE leads SET data = $1, search = $2, updated_at = updated_at + 1 WHERE environment_id = $3 AND id = $4 AND deleted_at IS NULL`,
				dataJSON(e, changed.Values), changed.search, w.who.Environment.ID, l.ID)
			if err != nil || n == 0 {
				return err
			}
			return w.putKeys(ctx, tx, e, changed)
		})
	}
}
