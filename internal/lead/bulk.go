package lead

import (
	"context"
	"errors"
	"strconv"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// bulkSlice is how many rows are stored in one transaction, so that a long call holds
// nobody up.
const bulkSlice = 100

// Bulk is many leads of one entity on their way in.
type Bulk struct {
	Rows   []Row  // what All says holds for rows that do not say it themselves
	All    []Item // entity, source, note and dedup_mode of the call
	Strict bool
	DryRun bool
	Atomic bool // all or none, in one transaction
}

// Row is one lead of a bulk call, as a flat body.
type Row struct {
	Items []Item
	wrong problems // when not empty, it could not be read as one
}

// RowResult is what became of one row: a Result, or what is wrong with it.
type RowResult struct {
	Result
	Email string       // the row's first e-mail field
	Wrong []errs.Field // when not empty, nothing of the row was stored
}

// Slices keeps what a call has done so far, so that one that is sent again with the
// same Idempotency-Key goes on where it ended. Done returns the results of a slice
// that is stored already; Keep stores them in the transaction of the slice.
type Slices interface {
	Done(ctx context.Context, n int) ([]RowResult, bool, error)
	Keep(ctx context.Context, tx *db.Tx, n int, results []RowResult) error
}

// Bulk takes in many leads. Good rows are stored even when others are wrong, slice by
// slice; with Atomic all are stored together, or the call is refused. The results
// stand in the order of the rows, of which there is at least one. then runs at the end
// of the last transaction.
func (s *Service) Bulk(ctx context.Context, who account.Principal, in Bulk, slices Slices, then func(context.Context, *db.Tx, []RowResult) error) ([]RowResult, error) {
	common := readControls(in.All, DefaultSource)
	var results []RowResult
	stored, n := 0, 0 // rows and slices that are on disk
	err := retryStale(func() error {
		e, err := s.intakeEntity(ctx, who, common)
		if err != nil {
			return err
		}
		if len(common.wrong) > 0 {
			return errs.Invalid(common.wrong...)
		}
		read, drafts, err := s.draftRows(ctx, who, e, common, in)
		if err != nil {
			return err
		}
		copy(read, results[:stored])
		results = read
		if in.Atomic {
			if err := refuseWrongRows(results); err != nil {
				return err
			}
		}
		size := bulkSlice
		if in.Atomic || in.DryRun {
			size = len(drafts)
		}
		for ; stored < len(drafts); n++ {
			end := min(stored+size, len(drafts))
			if err := s.bulkSlice(ctx, who, e, bulkPart{drafts[stored:end], results[stored:end], n}, in.DryRun, slices, func(ctx context.Context, tx *db.Tx) error {
				if end < len(drafts) {
					return nil
				}
				return then(ctx, tx, results)
			}); err != nil {
				return err
			}
			stored = end
		}
		return nil
	})
	return results, err
}

// refuseWrongRows is the refusal of a call that is all or nothing.
func refuseWrongRows(results []RowResult) error {
	var wrong []errs.Field
	for i, r := range results {
		for _, w := range r.Wrong {
			w.Pointer = "/batch/" + strconv.Itoa(i) + w.Pointer
			wrong = append(wrong, w)
		}
	}
	return errs.Invalid(wrong...)
}

// bulkPart is a slice of a call: drafts (nil for a wrong row) and where results go.
type bulkPart struct {
	drafts  []*draft
	results []RowResult
	n       int
}

func (s *Service) bulkSlice(ctx context.Context, who account.Principal, e *entity.Entity, p bulkPart, dryRun bool, slices Slices, then func(context.Context, *db.Tx) error) error {
	if done, ok, err := slices.Done(ctx, p.n); err != nil || ok {
		copy(p.results, done)
		return err
	}
	var good []*draft
	var places []int
	for i, d := range p.drafts {
		if d != nil {
			good, places = append(good, d), append(places, i)
		}
	}
	stored, err := s.takeIn(ctx, who, e, good, dryRun, func(ctx context.Context, tx *db.Tx, all []Result) error {
		for i, r := range all {
			p.results[places[i]].Result = r
		}
		if err := slices.Keep(ctx, tx, p.n, p.results); err != nil {
			return err
		}
		return then(ctx, tx)
	})
	if err != nil {
		return err
	}
	for i, r := range stored { // of a dry run, which keeps nothing
		p.results[places[i]].Result = r
	}
	return nil
}

// draftRows reads all rows. A wrong one has no draft.
func (s *Service) draftRows(ctx context.Context, who account.Principal, e *entity.Entity, common *controls, in Bulk) ([]RowResult, []*draft, error) {
	results := make([]RowResult, len(in.Rows))
	drafts := make([]*draft, len(in.Rows))
	members := map[string]id.ID{}
	for i, row := range in.Rows {
		if len(row.wrong) > 0 {
			results[i].Wrong = row.wrong
			continue
		}
		c := readControls(row.Items, common.source)
		if c.entity != nil && !sameEntity(e, c.entity) {
			c.wrong.add(pointer(c.entity.Name), "other_entity", "All rows of a call are for the entity of the call; leave this out.")
		}
		if !c.moded {
			c.mode = common.mode
		}
		c.notes = append(c.notes, common.notes...)
		d, err := s.draftWith(ctx, who, e, c, in.Strict, members)
		if refused := (*errs.Error)(nil); errors.As(err, &refused) && refused.Code == errs.ValidationFailed {
			results[i].Wrong = refused.Fields
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		drafts[i], results[i].Email = d, firstEmail(e, d)
	}
	return results, drafts, nil
}

func sameEntity(e *entity.Entity, it *Item) bool {
	text := rawOf(it.Value).Text
	u, err := id.Parse(text)
	return err == nil && u == e.ID || entity.Loose(text) == entity.Loose(e.Slug)
}

// firstEmail is the value of the first e-mail field that has one, for recognising the
// row; encrypted ones stay out.
func firstEmail(e *entity.Entity, d *draft) string {
	for i := range e.Fields {
		if f := &e.Fields[i]; f.Type == entity.Email && !f.Encrypted {
			if s, ok := d.values[f.ID].(string); ok {
				return s
			}
		}
	}
	return ""
}
