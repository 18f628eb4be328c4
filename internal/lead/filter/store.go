package filter

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Builder writes the parts of a statement that answer conditions, and gathers its
// parameters. $1 is the environment and $2 the entity; the row of leads is l.
type Builder struct {
	Dialect db.Dialect
	Filled  bool   // lead_values and the search texts hold every lead
	Limit   int    // when not 0, Leads need not find more than so many; more or fewer of them
	LeadID  string // where the id of the lead stands in what is looked up by it; "" is l.id
	Args    []any
}

func (b *Builder) lead() string {
	if b.LeadID == "" {
		return "l.id"
	}
	return b.LeadID
}

// Arg adds a parameter and returns its place.
func (b *Builder) Arg(v any) string {
	b.Args = append(b.Args, v)
	return "$" + strconv.Itoa(len(b.Args))
}

// args adds parameters and returns their places with commas between them.
func args[T any](b *Builder, values []T) string {
	places := make([]string, len(values))
	for i, v := range values {
		places[i] = b.Arg(v)
	}
	return strings.Join(places, ", ")
}

// Where is a condition on l that every lead which matches n meets; "" when the database
// cannot say anything. It is exact when no other lead meets it.
func (b *Builder) Where(n Node) (condition string, exact bool) {
	switch n := n.(type) {
	case And:
		return b.all(n)
	case Or:
		return b.some(n)
	case Not:
		inner, exact := b.try(n.Of)
		if !exact {
			return "", false
		}
		return "NOT " + inner, true
	case *Test:
		return b.test(n)
	}
	return "", false
}

// try is Where, without parameters that are not needed after all.
func (b *Builder) try(n Node) (string, bool) {
	before := len(b.Args)
	condition, exact := b.Where(n)
	if !exact {
		b.Args = b.Args[:before]
	}
	return condition, exact
}

func (b *Builder) all(of []Node) (string, bool) {
	var parts []string
	exact := true
	for _, n := range of {
		part, whole := b.Where(n)
		exact = exact && whole
		if part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return "", false
	}
	return "(" + strings.Join(parts, " AND ") + ")", exact
}

func (b *Builder) some(of []Node) (string, bool) {
	before := len(b.Args)
	var parts []string
	exact := true
	for _, n := range of {
		part, whole := b.Where(n)
		if part == "" {
			b.Args = b.Args[:before]
			return "", false
		}
		exact = exact && whole
		parts = append(parts, part)
	}
	return "(" + strings.Join(parts, " OR ") + ")", exact
}

// test answers one test. A condition is never NULL, so that NOT may stand before it.
func (b *Builder) test(t *Test) (string, bool) {
	switch t.Subject.Kind {
	case OfStatus:
		if t.Op == Empty {
			return "(l.statuses NOT LIKE '%" + t.Subject.Pipeline.ID.String() + "%')", true
		}
		return `EXISTS (SELECT 1 FROM lead_statuses t WHERE t.environment_id = $1 AND t.lead_id = ` + b.lead() + ` AND t.status_id IN (` + args(b, t.ids()) + "))", true
	case OfAssignee:
		if t.Op == Empty {
			return "(l.assignee_id IS NULL)", true
		}
		return "(l.assignee_id IS NOT NULL AND l.assignee_id IN (" + args(b, t.ids()) + "))", true
	case OfID:
		return "(l.id IN (" + args(b, t.ids()) + "))", true
	case OfCreatedAt:
		return b.compare(t, "l.created_at", atOf), true
	case OfUpdatedAt:
		return b.compare(t, "l.updated_at", atOf), true
	case OfSource: // kept as it was sent, so only Go can compare it without regard to case
		return "", false
	}
	return b.field(t)
}

func (b *Builder) field(t *Test) (string, bool) {
	f := t.Subject.Field
	stored := b.Dialect.JSONText("l.data", f.ID.String())
	switch {
	case t.Op == Empty && t.Subject.Whole != nil:
		return "", false
	case t.Op == Empty:
		return "(" + stored + " IS NULL)", true
	case t.Op == In && f.Indexed && b.Filled:
		return b.HasKey(f, b.compare(t, "x.sort_key", keyOf)), true
	case t.Op == In && (f.Type == entity.Checkbox || f.Type == entity.Date):
		return "(COALESCE(" + stored + ", '') IN (" + args(b, textsOf(t)) + "))", true
	case t.Subject.class() != texts || t.Op != In && t.Op != Contains && t.Op != StartsWith || !b.Filled:
		return "", false
	}
	// The search text has the whole value in it.
	var parts []string
	for _, v := range t.Values {
		parts = append(parts, b.Search(v.folded))
	}
	return "(" + strings.Join(parts, " OR ") + ")", false
}

// HasKey is the condition that l has a sort key that meets another one about
// x.sort_key. It is a value rather than EXISTS, like the status of a lead: a planner
// takes that for a join, and walks another index for it.
func (b *Builder) HasKey(f *entity.Field, key string) string {
	return `COALESCE((SELECT TRUE FROM lead_values x WHERE x.environment_id = $1 AND x.field_id = ` + b.Arg(f.ID) + ` AND ` + key + ` AND x.lead_id = l.id LIMIT 1), FALSE)`
}

// Search is the condition that a folded text occurs in the search text of l.
func (b *Builder) Search(folded string) string {
	return "l.search LIKE " + b.Arg(db.Like(folded)) + ` ESCAPE '\'`
}

// Leads is a statement that finds, through an index, every lead that matches n (and
// when it is not exact, others too); "" when no index can. No lead is found twice.
func (b *Builder) Leads(n Node) (statement string, exact bool) {
	switch n := n.(type) {
	case And: // any of them will do
		for _, one := range n {
			if statement, _ := b.Leads(one); statement != "" {
				return statement, false
			}
		}
	case Or:
		return b.union(n)
	case *Test:
		return b.leads(n)
	}
	return "", false
}

func (b *Builder) union(of []Node) (string, bool) {
	before := len(b.Args)
	var parts []string
	exact := true
	for _, n := range of {
		part, whole := b.Leads(n)
		if part == "" {
			b.Args = b.Args[:before]
			return "", false
		}
		exact = exact && whole
		parts = append(parts, part)
	}
	return b.once(parts), exact
}

// once finds what any of several statements finds, each lead once.
func (b *Builder) once(parts []string) string {
	limit := ""
	if b.Limit > 0 { // or the duplicates of very many would be looked for
		limit = " LIMIT " + strconv.Itoa(b.Limit)
	}
	for i := range parts {
		parts[i] = "SELECT lead_id FROM (" + parts[i] + limit + ") p"
	}
	return strings.Join(parts, " UNION ")
}

// each is a statement for each of several values, so that each is looked up in the
// index; a planner may read the whole index for a list. No lead has two of the values.
func each[T any](b *Builder, values []T, statement string) []string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = statement + b.Arg(v)
	}
	return parts
}

func (b *Builder) leads(t *Test) (string, bool) {
	const live = `SELECT l.id AS lead_id FROM leads l WHERE l.environment_id = $1 AND l.entity_id = $2 AND l.deleted_at IS NULL AND `
	switch {
	case t.Op == Empty:
		return "", false
	case t.Subject.Kind == OfStatus:
		return all(each(b, t.ids(), `SELECT t.lead_id FROM lead_statuses t WHERE t.environment_id = $1 AND t.status_id = `)), true
	case t.Subject.Kind == OfAssignee:
		return all(each(b, t.ids(), `SELECT l.id AS lead_id FROM leads l WHERE l.environment_id = $1 AND l.assignee_id = `)), true
	case t.Subject.Kind == OfID:
		return all(each(b, t.ids(), `SELECT l.id AS lead_id FROM leads l WHERE l.environment_id = $1 AND l.id = `)), true
	case t.Subject.Kind == OfCreatedAt:
		return live + b.compare(t, "l.created_at", atOf), true
	case t.Subject.Kind == OfUpdatedAt:
		return live + b.compare(t, "l.updated_at", atOf), true
	case t.Subject.Kind != OfField || !t.Subject.Field.Indexed || !b.Filled:
		return "", false
	}
	before := len(b.Args)
	f := t.Subject.Field
	statement := `SELECT x.lead_id FROM lead_values x WHERE x.environment_id = $1 AND x.field_id = ` + b.Arg(f.ID) + " AND "
	if t.Op == In {
		parts := each(b, t.keys(), statement+"x.sort_key = ")
		if f.Type == entity.MultiSelect { // a lead may have several of them
			return b.once(parts), true
		}
		return all(parts), true
	}
	condition, exact := b.Keys(t, "x.sort_key")
	if condition == "" {
		b.Args = b.Args[:before]
		return "", false
	}
	return statement + condition, exact
}

func all(parts []string) string { return strings.Join(parts, " UNION ALL ") }

// Keys is the condition on the sort keys of the field that t tests; "" when sort keys
// cannot say anything.
func (b *Builder) Keys(t *Test, column string) (condition string, exact bool) {
	switch t.Op {
	case Contains, Empty:
		return "", false
	case StartsWith:
		prefix, ok := t.Subject.Field.KeyPrefix(t.Values[0].Text)
		if !ok {
			return "", false
		}
		condition = column + " >= " + b.Arg(prefix)
		if after := entity.KeyAfter(prefix); after != nil {
			condition += " AND " + column + " < " + b.Arg(after)
		}
		return "(" + condition + ")", string(prefix) == t.Values[0].folded
	}
	return b.compare(t, column, keyOf), true
}

// compare writes a comparison of a column that is never NULL.
func (b *Builder) compare(t *Test, column string, of func(Value) any) string {
	switch t.Op {
	case Between:
		return "(" + column + " >= " + b.Arg(of(t.Values[0])) + " AND " + column + " <= " + b.Arg(of(t.Values[1])) + ")"
	case Less, AtMost, Greater, AtLeast:
		return "(" + column + " " + words[t.Op] + " " + b.Arg(of(t.Values[0])) + ")"
	}
	values := make([]any, len(t.Values))
	for i, v := range t.Values {
		values[i] = of(v)
	}
	return "(" + column + " IN (" + args(b, values) + "))"
}

func keyOf(v Value) any { return v.key }

func atOf(v Value) any { return v.at }

func textsOf(t *Test) []string {
	out := make([]string, len(t.Values))
	for i, v := range t.Values {
		out[i] = v.Text
	}
	return out
}

// ids are the ids of all values, each once.
func (t *Test) ids() (out []id.ID) {
	for _, v := range t.Values {
		for _, one := range v.ids {
			if !slices.Contains(out, one) {
				out = append(out, one)
			}
		}
	}
	return out
}

// keys are the sort keys of all values, each once.
func (t *Test) keys() (out [][]byte) {
	for _, v := range t.Values {
		if !slices.ContainsFunc(out, func(key []byte) bool { return bytes.Equal(key, v.key) }) {
			out = append(out, v.key)
		}
	}
	return out
}

// Slow names what of a condition is read lead by lead, because no index answers it.
func Slow(n Node) (names []string) {
	Each(n, func(t *Test) {
		f := t.Subject.Field
		slow := t.Subject.Kind == OfSource || f != nil && (!f.Indexed || t.Op == Contains)
		if name := t.Subject.Name(); slow && !slices.Contains(names, name) {
			names = append(names, name)
		}
	})
	return names
}
