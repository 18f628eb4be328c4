package lead

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// change is what is to be different of one lead. What it does not name stays.
type change struct {
	values   map[id.ID]entity.Value // nil clears
	statuses []choice
	assignee *id.ID // to the absent id: nobody
	viewers  *[]id.ID
	more     []id.ID // viewers to add
	unmapped []*Item // kept beside what was kept before
	notes    []NewNote
}

// changeOf is what a draft changes of the lead it is a duplicate of: everything that
// was sent, and nothing that was filled in.
func changeOf(d *draft) change {
	c := change{values: map[id.ID]entity.Value{}, more: d.viewers, unmapped: d.unmapped, notes: d.notes}
	for field := range d.sent {
		c.values[field] = d.values[field]
	}
	for _, one := range d.statuses {
		if one.sent {
			c.statuses = append(c.statuses, one)
		}
	}
	if !d.assignee.IsNil() {
		c.assignee = &d.assignee
	}
	return c
}

// change changes a lead that is not in the trash and returns it as it is then. check,
// which may be nil, looks at the lead before anything is changed. When nothing is
// different nothing is written.
func (w *work) change(ctx context.Context, leadID id.ID, c change, check func(*Lead) error) (Lead, error) {
	l, err := w.lock(ctx, leadID)
	if err != nil {
		return Lead{}, err
	}
	if check != nil {
		if err := check(&l); err != nil {
			return Lead{}, err
		}
	}
	changes := map[string]Change{}
	if err := w.changeStatuses(ctx, &l, c.statuses, changes); err != nil {
		return Lead{}, err
	}
	if err := w.changeViewers(ctx, &l, c, changes); err != nil {
		return Lead{}, err
	}
	if c.assignee != nil && *c.assignee != l.AssigneeID {
		changes["assignee"] = Change{From: idOrNull(l.AssigneeID), To: idOrNull(*c.assignee)}
		l.AssigneeID = *c.assignee
	}
	if before := string(l.Unmapped); len(c.unmapped) > 0 {
		l.Unmapped = mergeUnmapped(l.Unmapped, c.unmapped)
		if string(l.Unmapped) != before {
			changes["unmapped"] = Change{From: jsontext.Value(before), To: l.Unmapped}
		}
	}
	oldKeys := valueKeys(w.sealer, w.entity, l.Values)
	if err := w.changeValues(ctx, &l, c.values, changes); err != nil {
		return Lead{}, err
	}
	if len(changes) > 0 {
		if err := w.save(ctx, &l, oldKeys); err != nil {
			return Lead{}, err
		}
		if err := event.Write(ctx, w.tx, w.environment, w.actor, UpdatedFact{l.ID, w.entity.Slug, changes}); err != nil {
			return Lead{}, err
		}
	}
	for i, n := range c.notes {
		if _, err := w.addNote(ctx, &l, i, n); err != nil {
			return Lead{}, err
		}
	}
	return l, nil
}

// changeValues takes the values over that are others than before, with their files.
func (w *work) changeValues(ctx context.Context, l *Lead, sent map[id.ID]entity.Value, changes map[string]Change) error {
	if err := keptFiles(w.entity, l, sent); err != nil {
		return err
	}
	values := maps.Clone(sent) // what is sent stays as it is, for the case that this runs again
	if err := insert(ctx, w.tx, intoFiles, w.stow(l.ID, values)); err != nil {
		return err
	}
	var gone []id.ID
	for field, v := range values {
		f, old := w.entity.FieldByID(field), l.Values[field]
		if entity.Same(old, v) {
			continue
		}
		changes["fields."+f.Key] = fieldChange(f, old, v)
		if file, ok := old.(entity.FileValue); ok {
			gone = append(gone, file.ID)
		}
		if l.Values[field] = v; v == nil {
			delete(l.Values, field)
		}
	}
	return w.dropFiles(ctx, l.ID, gone)
}

func fieldChange(f *entity.Field, old, v entity.Value) Change {
	if f.Encrypted {
		return Change{Encrypted: true}
	}
	return Change{From: f.Wire(old), To: f.Wire(v)}
}

func idOrNull(u id.ID) any {
	if u.IsNil() {
		return nil
	}
	return u
}

// lock reads a lead of the entity that is not in the trash, for changing it.
func (w *work) lock(ctx context.Context, leadID id.ID) (Lead, error) {
	l, err := w.lockAny(ctx, leadID)
	if err == nil && l.DeletedAt != nil {
		err = notFound()
	}
	return l, err
}

// lockAny is lock for a lead that may be in the trash.
func (w *work) lockAny(ctx context.Context, leadID id.ID) (Lead, error) {
	entityID, err := lockLead(ctx, w.tx, w.environment, leadID)
	if errors.Is(err, db.ErrNoRows) || err == nil && entityID != w.entity.ID {
		err = notFound()
	}
	if err != nil {
		return Lead{}, err
	}
	l, err := selectLead(ctx, w.tx, w.environment, leadID)
	if err != nil {
		return Lead{}, err
	}
	return l, l.reveal(w.sealer, w.entity)
}

// save writes a lead's row and the rows of its keys, as a new version.
func (w *work) save(ctx context.Context, l *Lead, oldKeys []valueKey) error {
	l.Version++
	l.UpdatedAt = w.tx.Now
	st := store(w.sealer, w.entity, l)
	if err := updateLead(ctx, w.tx, w.environment, l, st); err != nil {
		return err
	}
	newKeys := st.keys
	if l.DeletedAt != nil {
		newKeys = nil // what is in the trash is nobody's duplicate
	}
	gone := slices.DeleteFunc(slices.Clone(oldKeys), func(k valueKey) bool { return slices.Contains(newKeys, k) })
	come := slices.DeleteFunc(slices.Clone(newKeys), func(k valueKey) bool { return slices.Contains(oldKeys, k) })
	if err := deleteKeys(ctx, w.tx, w.environment, l.ID, gone); err != nil {
		return err
	}
	return insertKeys(ctx, w.tx, w.environment, l.ID, come)
}

// changeStatuses moves the lead where a status is another one than before.
func (w *work) changeStatuses(ctx context.Context, l *Lead, statuses []choice, changes map[string]Change) error {
	for _, c := range statuses {
		i := slices.IndexFunc(l.Statuses, func(s StatusSince) bool { return s.PipelineID == c.pipeline.ID })
		var from any
		if i >= 0 {
			old := c.pipeline.StatusByID(l.Statuses[i].StatusID)
			if old != nil && old.ID == c.status.ID {
				continue
			}
			if old != nil {
				from = FactStatus{old.ID, old.Name}
			}
		}
		if err := setStatus(ctx, w.tx, w.environment, l, StatusSince{c.pipeline.ID, c.status.ID, w.tx.Now}); err != nil {
			return err
		}
		changes["status."+c.pipeline.Slug] = Change{From: from, To: FactStatus{c.status.ID, c.status.Name}}
	}
	return nil
}

func (w *work) changeViewers(ctx context.Context, l *Lead, c change, changes map[string]Change) error {
	want := l.Viewers
	if c.viewers != nil {
		want = *c.viewers
	}
	want = slices.Concat(want, c.more)
	slices.SortFunc(want, compareIDs)
	want = slices.Compact(want)
	before := slices.SortedFunc(slices.Values(l.Viewers), compareIDs)
	if slices.Equal(want, before) {
		return nil
	}
	if err := setViewers(ctx, w.tx, w.environment, l.ID, want); err != nil {
		return err
	}
	l.Viewers = want
	changes["viewers"] = Change{From: append([]id.ID{}, before...), To: append([]id.ID{}, want...)}
	return nil
}

// mergeUnmapped keeps what was sent under unknown names beside what was kept before;
// the same name takes the new value.
func mergeUnmapped(old jsontext.Value, more []*Item) jsontext.Value {
	items := members(old)
	all := make([]*Item, 0, len(items)+len(more))
	for i := range items {
		if !slices.ContainsFunc(more, func(m *Item) bool { return m.Name == items[i].Name }) {
			all = append(all, &items[i])
		}
	}
	return jsontext.Value(unmappedJSON(append(all, more...)))
}
