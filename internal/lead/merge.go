package lead

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// MaxMerge is how many leads one lead takes in at once.
const MaxMerge = 20

// Merge is how leads become one.
type Merge struct {
	From   []string          // leads that are taken in, the most important first
	Prefer map[string]string // by field: the lead whose value holds
}

// Merge makes one lead of several of the same entity. The lead keeps its own values;
// what it lacks comes from the others in their order; Prefer decides otherwise field
// by field. Notes, viewers and what was unmapped come over; the others go to the
// trash. Statuses and assignee stay those of the lead, but one that has no assignee
// takes over the first there is.
func (s *Service) Merge(ctx context.Context, who account.Principal, leadID id.ID, in Merge, then Then) (Full, error) {
	from, wrong := mergedIDs(leadID, in.From)
	if len(wrong) > 0 {
		return Full{}, errs.Invalid(wrong...)
	}
	return s.alter(ctx, who, leadID, false, then, func(ctx context.Context, w *work) (Lead, error) { return w.merge(ctx, leadID, from, in.Prefer) })
}

func mergedIDs(leadID id.ID, texts []string) (from []id.ID, wrong problems) {
	if len(texts) == 0 || len(texts) > MaxMerge {
		wrong.add("/from", "count", "Name 1 to "+strconv.Itoa(MaxMerge)+" leads to take in.")
	}
	for i, text := range texts {
		one, err := id.Parse(text)
		at := "/from/" + strconv.Itoa(i)
		switch {
		case err != nil:
			wrong.add(at, "unknown_lead", "There is no such lead.")
		case one == leadID:
			wrong.add(at, "same_lead", "A lead cannot take in itself.")
		case slices.Contains(from, one):
			wrong.add(at, "sent_twice", "This lead is named twice.")
		}
		from = append(from, one)
	}
	return from, wrong
}

func (w *work) merge(ctx context.Context, leadID id.ID, from []id.ID, prefer map[string]string) (Lead, error) {
	leads, err := w.lockMerged(ctx, leadID, from)
	if err != nil {
		return Lead{}, err
	}
	into := &leads[0]
	oldKeys := valueKeys(w.sealer, w.entity, into.Values)
	values, err := w.mergedValues(leads, prefer)
	if err != nil {
		return Lead{}, err
	}
	into.Values = values
	var viewers []id.ID
	for i := range leads[1:] {
		l := &leads[i+1]
		viewers = append(viewers, l.Viewers...)
		into.Unmapped = mergeUnmapped(l.Unmapped, pointers(members(into.Unmapped)))
		if into.AssigneeID.IsNil() {
			into.AssigneeID = l.AssigneeID
		}
		if err := copyFiles(ctx, w.tx, w.environment, l.ID, into.ID); err != nil {
			return Lead{}, err
		}
		if err := moveNotes(ctx, w.tx, w.environment, l.ID, into.ID); err != nil {
			return Lead{}, err
		}
		if err := w.discard(ctx, l); err != nil {
			return Lead{}, err
		}
	}
	if err := w.changeViewers(ctx, into, change{more: viewers}, map[string]Change{}); err != nil {
		return Lead{}, err
	}
	if err := w.save(ctx, into, oldKeys); err != nil {
		return Lead{}, err
	}
	return *into, event.Write(ctx, w.tx, w.environment, w.actor, MergedFact{into.ID, w.entity.Slug, from})
}

// lockMerged locks all leads of a merge in one order, so that two merges cannot wait
// for each other, and returns them with the lead that takes in first.
func (w *work) lockMerged(ctx context.Context, leadID id.ID, from []id.ID) ([]Lead, error) {
	byID := map[id.ID]Lead{}
	for _, one := range slices.SortedFunc(slices.Values(append([]id.ID{leadID}, from...)), compareIDs) {
		l, err := w.lock(ctx, one)
		if errs.CodeOf(err) == errs.NotFound && one != leadID {
			return nil, errs.Invalid(errs.Field{Pointer: "/from/" + strconv.Itoa(slices.Index(from, one)), Code: "unknown_lead", Detail: "There is no such lead of the entity " + w.entity.Name + "."})
		}
		if err != nil {
			return nil, err
		}
		byID[one] = l
	}
	leads := []Lead{byID[leadID]}
	for _, one := range from {
		leads = append(leads, byID[one])
	}
	return leads, nil
}

// mergedValues are the values of the lead that takes in: its own, completed by those
// of the others in their order, and those that are preferred.
func (w *work) mergedValues(leads []Lead, prefer map[string]string) (map[id.ID]entity.Value, error) {
	out := map[id.ID]entity.Value{}
	for _, l := range slices.Backward(leads) {
		maps.Copy(out, l.Values)
	}
	var wrong problems
	for name, which := range prefer {
		at := "/prefer" + pointer(name)
		f := w.entity.FieldNamed(name)
		if f == nil {
			wrong.add(at, "unknown_field", w.entity.NoField())
			continue
		}
		i := slices.IndexFunc(leads, func(l Lead) bool { return l.ID.String() == which })
		if i < 0 {
			wrong.add(at, "unknown_lead", "Name the lead itself or one of those it takes in.")
			continue
		}
		if v := leads[i].Values[f.ID]; v != nil || !f.Required {
			out[f.ID] = v
		}
	}
	slices.SortFunc(wrong, func(a, b errs.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	return out, errs.Invalid(wrong...)
}

func pointers(items []Item) []*Item {
	out := make([]*Item, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}
