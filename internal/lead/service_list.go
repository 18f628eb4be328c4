package lead

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/lead/filter"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/page"
)

// Limits of a list.
const (
	ListBudget    = 2 * time.Second // for finding and counting the leads of one request
	EstimateMax   = 10_000          // an estimate is exact up to here
	MaxSearch     = 200             // characters of q
	maxWords      = 10              // of q
	neverTooLarge = 1 << 40         // more leads than there are
)

// Query asks for leads of one entity.
type Query struct {
	Entity string // slug or id
	Filter string // in the language of the package filter; "" is all
	Sort   string // up to three of created_at, updated_at and indexed fields; "" is -created_at
	Search string // words that all occur in a lead
	Fields string // what is shown of each lead; "" is all
	Limit  int    // 1 to page.MaxLimit; 0 is page.DefaultLimit
	Cursor string // Page.Next of the page before; "" is the first page
	Count  string // exact, estimate or ""

	unread bool // whoever asks writes the leads as JSON and does nothing else with them
}

// Page is a page of leads.
type Page struct {
	Entity *entity.Entity
	Leads  []Lead
	Next   string  // cursor of the next page; "" on the last
	Count  *Count  // when it was asked for
	Shown  *Picked // what is shown of the leads; nil: all
}

// Count is how many leads a query has.
type Count struct {
	N       int
	AtLeast bool // there may be more
}

// Selection is a query that was checked and may be asked.
type Selection struct {
	Entity *entity.Entity
	Shown  *Picked // what is shown of the leads; nil: all

	s     *Service
	who   account.Principal
	text  string // of the filter, in its normal form
	nodes []filter.Node
	words []string
	terms []term
	sizes sizes

	unread bool // as in Query
	pace   pace
}

// Select checks a query and asks for the right to a verb on the leads of its entity.
func (s *Service) Select(ctx context.Context, who account.Principal, verb string, q Query) (*Selection, error) {
	e, err := s.entities.Definition(ctx, who.Account.ID, q.Entity)
	if errs.CodeOf(err) == errs.NotFound {
		return nil, s.unknownEntity(ctx, who, verb, []errs.Field{{Parameter: "entity"}})
	}
	if err != nil {
		return nil, err
	}
	if err := mayFor(who, e, verb); err != nil {
		return nil, err
	}
	sel := &Selection{Entity: e, s: s, who: who, sizes: usualSizes, unread: q.unread, pace: s.newStint(who.Environment.ID)}
	n, err := filter.Parse(q.Filter, e, func(email string) (id.ID, error) {
		person, _, err := account.FindMember(ctx, s.db, who.Account.ID, email)
		return person.ID, err
	})
	if err != nil {
		return nil, err
	}
	switch n := n.(type) {
	case nil:
	case filter.And:
		sel.nodes, sel.text = n, filter.Text(n)
	default:
		sel.nodes, sel.text = []filter.Node{n}, filter.Text(n)
	}
	if sel.terms, err = readSort(q.Sort, e); err != nil {
		return nil, err
	}
	if sel.words, err = readSearch(q.Search); err != nil {
		return nil, err
	}
	sel.Shown, err = readFields(q.Fields, e)
	return sel, err
}

// readSearch splits what is searched for into folded words.
func readSearch(text string) ([]string, error) {
	words := strings.Fields(entity.Fold(text))
	switch {
	case !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0:
		return nil, errs.Invalid(errs.Field{Parameter: "q", Code: "invalid_text", Detail: "A search is UTF-8 text without NUL characters."})
	case utf8.RuneCountInString(text) > MaxSearch || len(words) > maxWords:
		return nil, errs.Invalid(errs.Field{Parameter: "q", Code: "too_long", Detail: fmt.Sprintf("A search has at most %d words and %d characters.", maxWords, MaxSearch)})
	}
	return words, nil
}

// List returns a page of leads.
func (s *Service) List(ctx context.Context, who account.Principal, q Query) (Page, error) {
	return s.list(ctx, who, q, ListBudget)
}

func (s *Service) list(ctx context.Context, who account.Principal, q Query, budget time.Duration) (Page, error) {
	sel, err := s.Select(ctx, who, "read", q)
	if err != nil {
		return Page{}, err
	}
	limit := q.Limit
	switch {
	case limit == 0:
		limit = page.DefaultLimit
	case limit < 0 || limit > page.MaxLimit:
		return Page{}, errs.Invalid(errs.Field{Parameter: "limit", Code: "out_of_range", Detail: "The limit is between 1 and 200."})
	}
	p := Page{Entity: sel.Entity, Shown: sel.Shown}
	var after *place
	if q.Cursor != "" {
		position, err := s.cursors.Decode(sel.bind(), q.Cursor)
		if err == nil {
			after, err = readPlace(position, sel.terms)
		}
		if err != nil {
			return Page{}, errs.New(errs.InvalidCursor, "This cursor was not made for this list. Begin without a cursor and pass on next_cursor as you got it.").Because(err)
		}
	}
	within, effort, done := s.newEffort(ctx, who.Environment.ID, budget)
	defer done()
	sel.pace = effort
	last, err := sel.page(within, &p, after, limit)
	if err == nil && q.Count != "" {
		p.Count, err = sel.count(within, q.Count == "exact")
	}
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		if sel.plain() && q.Count == "" { // nothing of the query is to blame
			return Page{}, errs.New(errs.Unavailable, "The instance has too much to do to answer right now. Try again in a moment.").Because(err)
		}
		return Page{}, sel.tooExpensive(budget, err)
	}
	if err != nil {
		return Page{}, err
	}
	if last != nil {
		p.Next = s.cursors.Encode(sel.bind(), last.bytes())
	}
	return p, nil
}

// bind names the list, so that a cursor is good for no other.
func (sel *Selection) bind() string {
	return strings.Join([]string{"leads", sel.who.Environment.ID.String(), sel.Entity.ID.String(), sortText(sel.terms), strings.Join(sel.words, " "), sel.text}, "\n")
}

// tooExpensive is the refusal of a query that takes too long.
func (sel *Selection) tooExpensive(budget time.Duration, cause error) error {
	slow := filter.Slow(filter.And(sel.nodes))
	if len(sel.words) > 0 {
		slow = append(slow, "q")
	}
	why := "It has to look at too many leads."
	if len(slow) > 0 {
		why = "It has to look at leads one by one for: " + strings.Join(slow, ", ") + "."
	}
	e := errs.New(errs.QueryTooExpensive, "This query took more than %s. %s Turn on indexed for the fields, or add a condition that few leads meet: on an indexed field, a status, the assignee or created_at.", budget, why)
	e.Fields = []errs.Field{{Parameter: "filter", Code: "not_indexed", Detail: why}}
	return e.With("budget_seconds", budget.Seconds()).With("not_indexed", append([]string{}, slow...)).Because(cause)
}

// plain tells whether the leads are just walked by one of their times.
func (sel *Selection) plain() bool {
	return len(sel.nodes) == 0 && len(sel.words) == 0 && len(sel.terms) == 1 && sel.terms[0].by != byField
}

// finder prepares to find leads.
func (sel *Selection) finder(ctx context.Context, terms []term) (*finder, error) {
	f := &finder{q: sel.s.db, environment: sel.who.Environment.ID, entity: sel.Entity, filled: true, terms: terms, sizes: sel.sizes, pace: sel.pace}
	byFields := false
	for _, t := range terms {
		byFields = byFields || t.by == byField
	}
	if !byFields && len(sel.nodes) == 0 && len(sel.words) == 0 {
		return f, nil
	}
	var err error
	if f.filled, err = isFilled(ctx, sel.s.db, sel.who.Account.ID, sel.Entity.ID); err == nil && byFields && !f.filled {
		err = errs.New(errs.Unavailable, "The leads are being indexed after a change of the entity, so they cannot be sorted by a field yet. Sort by created_at or updated_at, or try again in a moment.")
	}
	return f, err
}

// page reads a page, and returns the place of its last lead when there are more.
func (sel *Selection) page(ctx context.Context, p *Page, after *place, limit int) (last *place, err error) {
	f, err := sel.finder(ctx, sel.terms)
	if err != nil {
		return nil, err
	}
	if sel.plain() {
		t := sel.terms[0]
		if p.Leads, err = selectPlain(ctx, f.q, sel.scan(limit+1), t, after, limit+1); err != nil {
			return nil, err
		}
		if len(p.Leads) > limit {
			p.Leads = p.Leads[:limit]
			last = plainPlace(t, &p.Leads[limit-1])
		}
		return last, sel.open(ctx, p.Leads)
	}
	defer sel.pace.rest()
	w, err := f.want(ctx, sel.nodes, sel.words)
	if err != nil {
		return nil, err
	}
	found, err := f.find(ctx, w, 0, after, limit+1)
	if err != nil {
		return nil, err
	}
	if len(found) > limit {
		found = found[:limit]
		last = &found[limit-1].place
	}
	p.Leads, err = sel.read(ctx, found)
	return last, err
}

// scan is how the leads of a page are read.
func (sel *Selection) scan(expect int) scan {
	return scan{environment: sel.who.Environment.ID, entity: sel.Entity.ID, whole: !sel.unread, unread: sel.unread, expect: expect}
}

// read reads leads that were found, in the same order.
func (sel *Selection) read(ctx context.Context, found []ref) ([]Lead, error) {
	ids := make([]id.ID, len(found))
	for i := range found {
		ids[i] = found[i].id
	}
	leads, err := selectLeads(ctx, sel.s.db, sel.scan(len(ids)), ids)
	if err != nil {
		return nil, err
	}
	return leads, sel.open(ctx, leads)
}

// open opens what is encrypted in leads.
func (sel *Selection) open(ctx context.Context, leads []Lead) error {
	for i := range leads {
		if err := sel.s.reveal(ctx, sel.Entity, &leads[i]); err != nil {
			return err
		}
	}
	return nil
}

// count counts all leads of the query, or up to EstimateMax.
func (sel *Selection) count(ctx context.Context, exact bool) (*Count, error) {
	if exact {
		return sel.CountTo(ctx, neverTooLarge)
	}
	return sel.CountTo(ctx, EstimateMax)
}

// CountTo counts the leads of the selection up to a limit.
func (sel *Selection) CountTo(ctx context.Context, limit int) (*Count, error) {
	f, err := sel.finder(ctx, newest)
	if err != nil {
		return nil, err
	}
	w, err := f.want(ctx, sel.nodes, sel.words)
	if err != nil {
		return nil, err
	}
	defer sel.pace.rest()
	n, ok := 0, false
	if w.driver == nil {
		n, ok, err = f.total(ctx, w, limit+1)
	}
	if !ok && err == nil {
		n = 0
		err = f.each(ctx, w, func(found []ref) bool { n += len(found); return n <= limit })
	}
	if n > limit {
		return &Count{limit, true}, err
	}
	return &Count{n, false}, err
}

// plainPlace is where a lead stands in the order of one of its times.
func plainPlace(t term, l *Lead) *place {
	at := l.CreatedAt
	if t.by == byUpdated {
		at = l.UpdatedAt
	}
	return &place{[][]byte{timeKey(db.Micros(at))}, db.Micros(l.CreatedAt), l.ID}
}
