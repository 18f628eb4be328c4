package lead

import (
	"context"
	"maps"
	"slices"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// work is a transaction on leads of one entity in one environment. All doors change
// leads through it, so that all follow the same rules.
type work struct {
	tx          *db.Tx
	environment id.ID
	actor       event.Actor
	entity      *entity.Entity
	sealer      *sealer
}

// begin makes a work, after proving that the definition it was prepared by still
// holds.
func (s *Service) begin(ctx context.Context, tx *db.Tx, who account.Principal, e *entity.Entity, c *sealer) (*work, error) {
	ok, err := holds(ctx, tx, e)
	if err == nil && !ok {
		err = errStale
	}
	if err != nil {
		return nil, err
	}
	return &work{tx: tx, environment: who.Environment.ID, actor: who.EventActor(), entity: e, sealer: c}, nil
}

// takeIn stores drafts of the entity in their order, each as its dedup_mode says, and
// returns what became of each.
func (w *work) takeIn(ctx context.Context, drafts []*draft) ([]Result, error) {
	keys := make([][]valueKey, len(drafts))
	var all []valueKey
	for i, d := range drafts {
		keys[i] = d.matches
		all = append(all, keys[i]...)
	}
	found := map[valueKey]id.ID{}
	if len(all) > 0 {
		if err := lockMatches(ctx, w.tx, w.environment, all); err != nil {
			return nil, err
		}
		var err error
		if found, err = findMatches(ctx, w.tx, w.environment, all); err != nil {
			return nil, err
		}
	}
	ids := newIDs(w.tx, len(drafts))
	results := make([]Result, len(drafts))
	created := &newLeads{work: w}
	for i, d := range drafts {
		r := Result{LeadID: ids[i], CreatedAt: w.tx.Now, Action: Created, Warnings: d.warnings}
		for _, k := range keys[i] {
			if r.DuplicateOf = found[k]; !r.DuplicateOf.IsNil() {
				break
			}
		}
		switch {
		case r.DuplicateOf.IsNil() || d.mode == DedupCreate:
			created.add(ids[i], d)
			// The later rows of the same call find this one.
			for _, k := range keys[i] {
				if found[k].IsNil() {
					found[k] = ids[i]
				}
			}
		case d.mode == DedupUpdate:
			// It may be one of those that are waiting to be stored.
			if err := created.flush(ctx); err != nil {
				return nil, err
			}
			l, err := w.change(ctx, r.DuplicateOf, changeOf(d), nil)
			if errs.CodeOf(err) == errs.NotFound {
				// It went to the trash after it was found. Matched again, it is no duplicate.
				err = errStale
			}
			if err != nil {
				return nil, err
			}
			r.LeadID, r.CreatedAt, r.Action = l.ID, l.CreatedAt, Updated
			for _, k := range matchKeys(w.sealer, w.entity, l.Values) {
				if found[k].IsNil() {
					found[k] = l.ID
				}
			}
		default:
			r.LeadID, r.Action = r.DuplicateOf, Skipped
		}
		results[i] = r
	}
	if err := created.flush(ctx); err != nil {
		return nil, err
	}
	return results, w.completeSkipped(ctx, results)
}

// completeSkipped looks up when the leads were created that others are duplicates of.
func (w *work) completeSkipped(ctx context.Context, results []Result) error {
	for i := range results {
		if r := &results[i]; r.Action == Skipped {
			var err error
			if r.CreatedAt, err = selectCreatedAt(ctx, w.tx, w.environment, r.LeadID); err != nil {
				return err
			}
		}
	}
	return nil
}

// newIDs are ids for leads of one moment, in the order they come.
func newIDs(tx *db.Tx, n int) []id.ID {
	ids := make([]id.ID, n)
	for i := range ids {
		ids[i] = id.At(tx.Now)
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

// newLeads gathers leads to be stored, many in one statement.
type newLeads struct {
	*work
	leads, statuses, values, viewers, notes, files [][]any
	facts                                          []event.Fact
}

func (n *newLeads) add(leadID id.ID, d *draft) {
	now := db.Micros(n.tx.Now)
	st := d.stored
	if n.sealer != nil {
		st.sealed = sealedJSON(n.sealer, n.entity, &Lead{ID: leadID, Values: d.values})
	}
	if d.files {
		values := maps.Clone(d.values) // the draft stays as it is, for the case that this runs again
		n.files = append(n.files, n.stow(leadID, values)...)
		st.data = dataJSON(n.entity, values)
	}
	statuses := make([]StatusSince, len(d.statuses))
	for i, c := range d.statuses {
		statuses[i] = StatusSince{c.pipeline.ID, c.status.ID, n.tx.Now}
		n.statuses = append(n.statuses, []any{n.environment, c.status.ID, leadID})
	}
	n.leads = append(n.leads, []any{n.environment, leadID, n.entity.ID, 1, now, now, d.source, d.assignee, n.actor.Kind, n.actor.ID, n.actor.Name,
		st.data, st.sealed, st.search, d.kept, statusesText(statuses), viewersText(d.viewers)})
	for _, k := range st.keys {
		n.values = append(n.values, []any{n.environment, k.field, []byte(k.key), leadID})
	}
	for _, person := range d.viewers {
		n.viewers = append(n.viewers, []any{n.environment, leadID, person})
	}
	for i, note := range d.notes {
		n.notes = append(n.notes, noteRow(n.work, leadID, id.At(n.tx.Now), i, note))
	}
	n.facts = append(n.facts, createdRow{leadID, d.created})
}

func (n *newLeads) flush(ctx context.Context) error {
	for _, part := range []struct {
		into string
		rows [][]any
	}{{intoLeads, n.leads}, {intoStatuses, n.statuses}, {intoValues, n.values}, {intoViewers, n.viewers}, {intoNotes, n.notes}, {intoFiles, n.files}} {
		if err := insert(ctx, n.tx, part.into, part.rows); err != nil {
			return err
		}
	}
	err := event.Write(ctx, n.tx, n.environment, n.actor, n.facts...)
	*n = newLeads{work: n.work}
	return err
}

func noteRow(w *work, leadID, noteID id.ID, position int, note NewNote) []any {
	return []any{w.environment, leadID, noteID, position, note.Text, note.Tag, db.Micros(w.tx.Now), w.actor.Kind, w.actor.ID, w.actor.Name}
}
