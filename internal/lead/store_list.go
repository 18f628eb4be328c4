package lead

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/lead/filter"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// selectLeads reads leads by id, in the order of the ids. Those that are gone are left
// out. As with alive, no other index than that of the ids can be thought useful.
func selectLeads(ctx context.Context, q db.Handle, s scan, ids []id.ID) ([]Lead, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := q.Query(ctx, `SELECT `+s.columns()+` FROM leads l WHERE l.environment_id = $1 AND `+q.Dialect().In("l.id", 2)+` AND (l.deleted_at IS NULL) IS TRUE ORDER BY l.id`, s.environment, db.List(q.Dialect(), ids))
	found, _, err := s.leads(rows, err)
	if err != nil {
		return nil, err
	}
	byID := make(map[id.ID]int, len(found))
	for i := range found {
		byID[found[i].ID] = i
	}
	out := make([]Lead, 0, len(found))
	for _, one := range ids {
		if i, ok := byID[one]; ok {
			out = append(out, found[i])
		}
	}
	return out, nil
}

// isFilled tells whether lead_values and search texts of an entity are complete: no
// work that fills them is left to do.
func isFilled(ctx context.Context, q db.Handle, account, entityID id.ID) (filled bool, err error) {
	err = q.QueryRow(ctx, `SELECT NOT EXISTS (SELECT 1 FROM entity_tasks WHERE account_id = $1 AND entity_id = $2 AND kind = 'rebuild' AND state <> 'done')`,
		account, entityID).Scan(&filled)
	return filled, err
}

func timeColumn(t term) string {
	if t.by == byUpdated {
		return "updated_at"
	}
	return "created_at"
}

func direction(t term) string {
	if t.desc {
		return " DESC"
	}
	return ""
}

func beyond(t term) string {
	if t.desc {
		return "<"
	}
	return ">"
}

// upToward is the opposite of beyond.
func upToward(t term) string {
	if t.desc {
		return ">="
	}
	return "<="
}

func (f *finder) builder() *filter.Builder {
	return &filter.Builder{Dialect: f.q.Dialect(), Filled: f.filled, Args: []any{f.environment, f.entity.ID}}
}

// live are the leads of the entity. It mentions $2, which every statement has to.
const live = `l.environment_id = $1 AND l.entity_id = $2 AND l.deleted_at IS NULL`

// alive is live for leads that are reached by id. No index can answer it, so that the
// databases do not look for the id along another one.
const alive = `l.environment_id = $1 AND (l.entity_id = $2 AND l.deleted_at IS NULL) IS TRUE`

func writeAll(*filter.Builder) string { return `SELECT l.id AS lead_id FROM leads l WHERE ` + live }

// writeEqual finds the leads with one key of a term through its index.
func writeEqual(b *filter.Builder, e equal) string {
	if e.term.by == byField {
		return `SELECT x.lead_id FROM lead_values x WHERE x.environment_id = $1 AND x.field_id = ` + b.Arg(e.term.field.ID) + ` AND x.sort_key = ` + b.Arg(e.key)
	}
	return `SELECT l.id AS lead_id FROM leads l WHERE ` + live + ` AND l.` + timeColumn(e.term) + ` = ` + b.Arg(timeOf(e.key))
}

// count counts what a statement finds, up to a limit.
func (f *finder) count(ctx context.Context, write func(*filter.Builder) string, limit int) (n int, err error) {
	b := f.builder()
	b.Limit = limit
	statement := write(b)
	// The entity is a parameter that not every statement needs.
	err = f.q.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM (`+statement+`) s WHERE $2 = $2 LIMIT `+strconv.Itoa(limit)+`) c`, b.Args...).Scan(&n)
	return n, err
}

// total counts the leads that meet all conditions, up to a limit; ok is false when the
// database alone cannot tell. It begins at an index when one answers a condition.
func (f *finder) total(ctx context.Context, w *wanted, limit int) (n int, ok bool, err error) {
	b := f.builder()
	from, answered := "leads l WHERE "+live, make([]bool, len(w.nodes))
	for i, node := range w.nodes {
		if statement, exact := b.Leads(node); exact {
			from, answered[i] = "("+statement+") d CROSS JOIN leads l WHERE l.id = d.lead_id AND "+alive, true
			break
		}
		b = f.builder()
	}
	where, rest, words := f.conditions(b, w, answered, -1)
	if len(rest) > 0 || len(words) > 0 {
		return 0, false, nil
	}
	if err := f.pace.look(ctx, limit > EstimateMax+1); err != nil {
		return 0, false, err
	}
	err = f.q.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM `+from+where+` LIMIT `+b.Arg(limit)+`) c`, b.Args...).Scan(&n)
	return n, true, err
}

// conditions writes what the database is asked of l, beginning with AND, but for the
// nodes that are answered already. rest and words are what has to be asked in memory.
func (f *finder) conditions(b *filter.Builder, w *wanted, answered []bool, driver int) (where string, rest []filter.Node, words []string) {
	var parts strings.Builder
	add := func(part string) {
		if part != "" {
			parts.WriteString(" AND " + part)
		}
	}
	for i, n := range w.nodes {
		if i == driver || answered != nil && answered[i] {
			continue
		}
		part, exact := b.Where(n)
		add(part)
		if !exact {
			rest = append(rest, n)
		}
	}
	for _, e := range w.equal {
		switch {
		case e.term.by != byField:
			add("l." + timeColumn(e.term) + " = " + b.Arg(timeOf(e.key)))
		case e.key == nil:
			add(f.valueless(e.term.field))
		default:
			add(b.HasKey(e.term.field, "x.sort_key = "+b.Arg(e.key)))
		}
	}
	if !f.filled {
		return parts.String(), rest, w.words
	}
	for _, word := range w.words {
		add(b.Search(word))
	}
	return parts.String(), rest, nil
}

func (f *finder) valueless(field *entity.Field) string {
	return f.q.Dialect().JSONText("l.data", field.ID.String()) + " IS NULL"
}

// driven reads all leads of the driver that meet the other conditions.
func (f *finder) driven(ctx context.Context, w *wanted) ([]ref, error) {
	b := f.builder()
	statement := w.driver.write(b)
	where, rest, words := f.conditions(b, w, nil, w.driver.node)
	r := f.reader(rest, words)
	found, _, err := r.read(f.q.Query(ctx, `WITH d AS MATERIALIZED (`+statement+`) SELECT `+r.columns+` FROM d CROSS JOIN leads l
		WHERE l.id = d.lead_id AND `+alive+where, b.Args...))
	return found, err
}

// slice looks at the next entries of the index of one term behind a place for leads that
// meet all conditions. The index goes on at last; nil: no.
func (f *finder) slice(ctx context.Context, w *wanted, at int, after *place, most portion) (found []ref, last *place, err error) {
	if err := f.pace.look(ctx, false); err != nil {
		return nil, nil, err
	}
	t := f.terms[at]
	if t.by != byField {
		return f.sliceOf(ctx, w, at, after, most, walk{table: "leads l", key: "l." + timeColumn(t), id: "l.id", base: live})
	}
	if after != nil && after.keys[at] == nil {
		return f.sliceOf(ctx, w, at, after, most, walk{table: "leads l", key: "l.created_at", id: "l.id", base: live, more: " AND " + f.valueless(t.field), valueless: true})
	}
	found, last, err = f.sliceOf(ctx, w, at, after, most, walk{table: "lead_values v", key: "v.sort_key", id: "v.lead_id",
		base: "v.environment_id = $1", join: " CROSS JOIN leads l", more: " AND l.id = v.lead_id AND " + alive, values: true})
	if err == nil && last == nil && !w.needsValue(t.field) {
		last = beforeValueless(len(f.terms), at, t.desc)
	}
	return found, last, err
}

// needsValue tells whether only leads with a value of the field can be meant.
func (w *wanted) needsValue(field *entity.Field) bool {
	return slices.ContainsFunc(w.nodes, func(n filter.Node) bool {
		t, ok := n.(*filter.Test)
		return ok && t.Subject.Field == field && t.Op != filter.Empty
	})
}

// walk says which index is walked.
type walk struct {
	table, key, id    string // where the index is, and its columns
	base              string // what all entries have
	join, more        string // how leads are reached from it
	values, valueless bool   // through lead_values; through those without a value
}

// entries is the condition on the entries of the index behind a place. answered tells
// which nodes it answers exactly.
func (f *finder) entries(b *filter.Builder, w *wanted, x walk, at int, after *place) (where string, answered []bool) {
	t := f.terms[at]
	where = x.base
	if x.values {
		where += " AND v.field_id = " + b.Arg(t.field.ID)
	}
	if after != nil {
		where += " AND (" + x.key + ", " + x.id + ") " + beyond(t) + " (" + x.args(b, at, after) + ")"
	}
	answered = make([]bool, len(w.nodes))
	for i, n := range w.nodes {
		test, ok := n.(*filter.Test)
		part := ""
		switch {
		case !ok:
		case x.values && test.Subject.Field == t.field:
			part, answered[i] = b.Keys(test, "v.sort_key")
		case t.by == byCreated && test.Subject.Kind == filter.OfCreatedAt, t.by == byUpdated && test.Subject.Kind == filter.OfUpdatedAt:
			part, answered[i] = b.Where(test)
		}
		if part != "" {
			where += " AND " + part
		}
	}
	return where, answered
}

// args adds a place as the index has it.
func (x walk) args(b *filter.Builder, at int, p *place) string {
	switch {
	case x.values:
		return b.Arg(p.keys[at]) + ", " + b.Arg(p.id)
	case x.valueless:
		return b.Arg(p.created) + ", " + b.Arg(p.id)
	}
	return b.Arg(timeOf(p.keys[at])) + ", " + b.Arg(p.id)
}

func (f *finder) sliceOf(ctx context.Context, w *wanted, at int, after *place, most portion, x walk) ([]ref, *place, error) {
	t := f.terms[at]
	order := " ORDER BY " + x.key + direction(t) + ", " + x.id + direction(t)
	b := f.builder()
	if x.values { // so that nothing of a lead is read before its status is known
		b.LeadID = "v.lead_id"
	}
	entries, answered := f.entries(b, w, x, at, after)
	where, rest, words := f.conditions(b, w, answered, -1)
	r := f.reader(rest, words)
	if x.values {
		r.along(at)
	}
	limit, look := most.leads, min(most.entries, f.sizes.slice)
	if r.checks {
		limit = min(most.check, f.sizes.check)
	}
	if where == "" && !x.valueless {
		look = limit // nothing in the statement passes over an entry
	}
	var until *place
	if x.values || x.valueless || where != "" {
		var err error
		if until, err = f.ahead(ctx, w, x, at, after, look); err != nil {
			return nil, nil, err
		}
	}
	if until != nil {
		entries += " AND (" + x.key + ", " + x.id + ") " + upToward(t) + " (" + x.args(b, at, until) + ")"
	}
	found, last, err := r.read(f.q.Query(ctx, `SELECT `+r.columns+` FROM `+x.table+x.join+` WHERE `+entries+x.more+where+order+` LIMIT `+b.Arg(limit), b.Args...))
	if err != nil {
		return nil, nil, err
	}
	if r.rows < limit {
		last = until
	}
	return found, last, nil
}

// ahead finds the place of the entry that is so many entries behind a place; nil when
// the index ends before. It looks at the index alone.
func (f *finder) ahead(ctx context.Context, w *wanted, x walk, at int, after *place, entries int) (*place, error) {
	t := f.terms[at]
	b := f.builder()
	where, _ := f.entries(b, w, x, at, after)
	p := &place{keys: make([][]byte, len(f.terms))}
	var dest any = &p.created
	if x.values {
		dest = &p.keys[at]
	}
	rows, err := f.q.Query(ctx, `SELECT `+x.key+`, `+x.id+` FROM `+x.table+` WHERE `+where+` AND $2 = $2
		ORDER BY `+x.key+direction(t)+`, `+x.id+direction(t)+` LIMIT 1 OFFSET `+b.Arg(entries-1), b.Args...)
	there := false
	err = db.Each(rows, err, func(r db.Rows) error {
		there = true
		return r.Scan(dest, &p.id)
	})
	if err != nil || !there {
		return nil, err
	}
	if !x.values && !x.valueless {
		p.keys[at] = timeKey(p.created)
	}
	return p, nil
}

// reader reads what has to be known of leads to sort and check them, and no more.
type reader struct {
	f       *finder
	rest    []filter.Node
	words   []string
	checks  bool // there is something to check in memory
	columns string
	dest    []any
	rows    int // that were read

	one      ref
	record   filter.Record
	data     string
	key      []byte           // from the index that is walked
	walked   int              // the term that key is of; -1: none
	texts    []sql.NullString // values of the terms
	statuses string
	names    map[id.ID]string       // of fields in data
	values   map[id.ID]entity.Value // that were read from data
	failed   error                  // of reading data
}

func (f *finder) reader(rest []filter.Node, words []string) *reader {
	r := &reader{f: f, rest: rest, words: words, checks: len(rest)+len(words) > 0, walked: -1, texts: make([]sql.NullString, len(f.terms)),
		names: map[id.ID]string{}, values: map[id.ID]entity.Value{}}
	r.add("l.id", &r.one.id)
	r.add("l.created_at", &r.record.CreatedAt)
	for i, t := range f.terms {
		switch t.by {
		case byUpdated:
			r.add("l.updated_at", &r.record.UpdatedAt)
		case byField:
			r.add(f.q.Dialect().JSONText("l.data", t.field.ID.String()), &r.texts[i])
		}
	}
	used := map[filter.Kind]bool{filter.OfField: len(words) > 0}
	filter.Each(filter.And(rest), func(t *filter.Test) {
		used[t.Subject.Kind] = true
	})
	for _, c := range []struct {
		kind   filter.Kind
		column string
		dest   any
	}{{filter.OfUpdatedAt, "l.updated_at", &r.record.UpdatedAt}, {filter.OfSource, "l.source", &r.record.Source}, {filter.OfAssignee, "l.assignee_id", &r.record.Assignee}, {filter.OfField, "l.data", &r.data}, {filter.OfStatus, "l.statuses", &r.statuses}} {
		if used[c.kind] {
			r.add(c.column, c.dest)
		}
	}
	r.record.Status = func(pipeline id.ID) id.ID { return statusIn(r.statuses, pipeline) }
	r.record.Value = r.value
	return r
}

func (r *reader) add(column string, dest any) {
	if len(r.dest) > 0 {
		r.columns += ", "
	}
	r.columns += column
	r.dest = append(r.dest, dest)
}

// along takes the key of a term from the index.
func (r *reader) along(at int) {
	r.walked = at
	r.add("v.sort_key", &r.key)
}

// value reads a value when it is asked for.
func (r *reader) value(f *entity.Field) entity.Value {
	if v, ok := r.values[f.ID]; ok {
		return v
	}
	if r.names[f.ID] == "" {
		r.names[f.ID] = `"` + f.ID.String() + `"`
	}
	v, err := readOne(r.data, r.names[f.ID])
	if err != nil {
		r.failed = err
	}
	r.values[f.ID] = v
	return v
}

// read returns the leads that pass the check, and the place of the last row, whether it
// passes or not.
func (r *reader) read(rows db.Rows, err error) (found []ref, last *place, _ error) {
	err = db.Each(rows, err, func(row db.Rows) error {
		r.key = nil // a new one for each row
		clear(r.values)
		if err := row.Scan(r.dest...); err != nil {
			return err
		}
		r.rows++
		r.record.ID, r.one.created = r.one.id, r.record.CreatedAt
		r.one.keys = make([][]byte, len(r.f.terms))
		for i, t := range r.f.terms {
			switch {
			case i == r.walked:
				r.one.keys[i] = r.key
			case t.by == byCreated:
				r.one.keys[i] = timeKey(r.record.CreatedAt)
			case t.by == byUpdated:
				r.one.keys[i] = timeKey(r.record.UpdatedAt)
			case r.texts[i].Valid:
				r.one.keys[i] = keyOf(t.field, valueOf(t.field, r.texts[i].String))
			}
		}
		last = &place{r.one.keys, r.one.created, r.one.id}
		if !r.checks || r.f.matches(r.rest, r.words, &r.record) {
			found = append(found, r.one)
		}
		return r.failed
	})
	return found, last, err
}

// valueOf is the value of a field that can be sorted by, from its text in the JSON.
func valueOf(f *entity.Field, text string) entity.Value {
	if f.Type == entity.Checkbox {
		return text == "true"
	}
	return text
}

func keyOf(f *entity.Field, v entity.Value) []byte {
	if keys := f.Keys(v); len(keys) > 0 {
		return keys[0]
	}
	return nil
}
