package entity

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Then is run at the end of the transaction of a change, with its result.
type Then[T any] func(ctx context.Context, tx *db.Tx, result T) error

func (t Then[T]) run(ctx context.Context, tx *db.Tx, result T) error {
	if t == nil {
		return nil
	}
	return t(ctx, tx, result)
}

// Match refuses a version that is not the one the caller read; nil takes any.
type Match func(version int64) error

// Of is a part of a definition, with the definition as it is after the change.
type Of[T any] struct {
	Entity *Entity
	It     *T
}

// Deletion is what became of a part of a definition that was deleted.
type Deletion struct {
	Entity *Entity
	Task   *Task // the work on leads that is left to do; nil for none
}

// draft is a definition under change, in its transaction.
type draft struct {
	*Entity         // to be changed
	before  *Entity // as it was
	on      focus   // what the change is about
	leads   bool    // there are leads of the entity

	restored map[id.ID]bool  // fields that come back
	moved    map[id.ID]id.ID // statuses that go, with those that take their leads
	tasks    []*Task
}

// task asks for work on all leads of the entity.
func (d *draft) task(kind TaskKind, object, target id.ID) *Task {
	t := &Task{AccountID: d.AccountID, EntityID: d.ID, Kind: kind, ObjectID: object, TargetID: target}
	d.tasks = append(d.tasks, t)
	return t
}

// change runs do with a locked definition and stores what became of it, with its audit
// entry, its event and the work on leads that it makes necessary. A change that changes
// nothing leaves no trace.
func (s *Service) change(ctx context.Context, who account.Principal, need account.Scope, ref string, match Match, do func(context.Context, *db.Tx, *draft) error, then Then[*draft]) error {
	if err := may(who, need); err != nil {
		return err
	}
	slug, entityID, err := parseRef(ref)
	if err != nil {
		return err
	}
	return s.write.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		d, err := newDraft(ctx, tx, who.Account.ID, slug, entityID)
		if err != nil {
			return err
		}
		if match != nil {
			if err := match(d.Version); err != nil {
				return err
			}
		}
		if err := do(ctx, tx, d); err != nil {
			return err
		}
		for i := range d.Fields {
			d.Fields[i].Position = i
		}
		for i := range d.Pipelines {
			d.Pipelines[i].Position = i
			for j := range d.Pipelines[i].Statuses {
				d.Pipelines[i].Statuses[j].Position = j
			}
		}
		d.index()
		if err := errs.Invalid(d.on.pointers(d.check(d.on))...); err != nil {
			return err
		}
		if err := s.store(ctx, tx, who, d); err != nil {
			return err
		}
		return then.run(ctx, tx, d)
	})
}

// parseRef reads what names an entity in a path.
func parseRef(ref string) (slug string, entityID id.ID, err error) {
	ref = strings.TrimSpace(ref)
	if u, err := id.Parse(ref); err == nil {
		return "", u, nil
	}
	slug = strings.ToLower(ref)
	if !slugShape.MatchString(slug) {
		return "", id.Nil, errs.NotFoundf("entity")
	}
	return slug, id.Nil, nil
}

func newDraft(ctx context.Context, tx *db.Tx, accountID id.ID, slug string, entityID id.ID) (*draft, error) {
	entityID, err := lockEntity(ctx, tx, accountID, slug, entityID)
	if err != nil {
		return nil, err
	}
	before, err := selectEntity(ctx, tx, entityID)
	if err != nil {
		return nil, err
	}
	leads, err := hasLeads(ctx, tx, accountID, entityID)
	if err != nil {
		return nil, err
	}
	return &draft{Entity: before.clone(), before: before, on: everywhere, leads: leads, restored: map[id.ID]bool{}, moved: map[id.ID]id.ID{}}, nil
}

// clone copies what a change may change in place.
func (e *Entity) clone() *Entity {
	c := *e
	c.names = nil
	c.Fields = slices.Clone(e.Fields)
	for i := range c.Fields {
		c.Fields[i].choices = nil
	}
	c.Pipelines = slices.Clone(e.Pipelines)
	for i := range c.Pipelines {
		c.Pipelines[i].Statuses = slices.Clone(e.Pipelines[i].Statuses)
		c.Pipelines[i].Moved = maps.Clone(e.Pipelines[i].Moved)
	}
	return &c
}

// pointers into the whole definition become pointers into the part of it that the
// caller sent.
func (on focus) pointers(wrong []errs.Field) []errs.Field {
	var part string
	switch {
	case on.field >= 0:
		part = `^/fields/\d+`
	case on.status >= 0:
		part = `^/pipelines/\d+/statuses(/\d+)?`
	case on.pipeline >= 0:
		part = `^/pipelines/\d+`
	default:
		return wrong
	}
	cut := regexp.MustCompile(part)
	for i := range wrong {
		wrong[i].Pointer = cut.ReplaceAllString(wrong[i].Pointer, "")
		if wrong[i].Pointer == "/fields" || wrong[i].Pointer == "/pipelines" { // too many of them
			wrong[i].Pointer = ""
		}
	}
	return wrong
}

// store writes what has changed.
func (s *Service) store(ctx context.Context, tx *db.Tx, who account.Principal, d *draft) error {
	what := changes(d.before, d.Entity)
	if len(what) == 0 && len(d.tasks) == 0 {
		return nil
	}
	if err := storeFields(ctx, tx, d); err != nil {
		return err
	}
	if err := storePipelines(ctx, tx, d); err != nil {
		return err
	}
	d.Version, d.UpdatedAt = d.Version+1, tx.Now
	if err := updateEntity(ctx, tx, d.Entity); err != nil {
		return err
	}
	if d.leads && needsRebuild(d.before, d.Entity) {
		d.task(Rebuild, id.Nil, id.Nil)
	}
	for _, t := range d.tasks {
		if err := insertTask(ctx, tx, t); err != nil {
			return err
		}
		if t.Kind == Purge {
			what["purge"] = audit.Change{To: t.Object}
		}
	}
	return tell(ctx, tx, who, d.Entity, "entity.change", what, ChangedFact{EntityID: d.ID, Entity: d.Slug, Version: d.Version, Changes: slices.Sorted(maps.Keys(what))})
}

func storeFields(ctx context.Context, tx *db.Tx, d *draft) error {
	for i := range d.before.Fields {
		if f := &d.before.Fields[i]; d.FieldByID(f.ID) == nil {
			if err := markFieldDeleted(ctx, tx, f); err != nil {
				return err
			}
		}
	}
	for i := range d.Fields {
		f := &d.Fields[i]
		old := d.before.FieldByID(f.ID)
		var err error
		switch {
		case old == nil && !d.restored[f.ID]:
			err = insertField(ctx, tx, d.Entity, f)
		case old == nil || !equalFields(*old, *f):
			err = updateField(ctx, tx, f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func storePipelines(ctx context.Context, tx *db.Tx, d *draft) error {
	for i := range d.before.Pipelines {
		p := &d.before.Pipelines[i]
		if d.PipelineByID(p.ID) != nil {
			continue
		}
		remove := func() error { return deletePipeline(ctx, tx, p.ID) }
		if d.leads {
			remove = func() error { return markPipelineDeleted(ctx, tx, p) }
		}
		if err := remove(); err != nil {
			return err
		}
	}
	for i := range d.Pipelines {
		p := &d.Pipelines[i]
		old := d.before.PipelineByID(p.ID)
		if old == nil {
			if err := insertPipeline(ctx, tx, d.Entity, p); err != nil {
				return err
			}
			continue
		}
		if old.Name != p.Name || old.Slug != p.Slug || old.Position != p.Position {
			if err := updatePipeline(ctx, tx, p); err != nil {
				return err
			}
		}
		if err := storeStatuses(ctx, tx, d, old, p); err != nil {
			return err
		}
	}
	return nil
}

func storeStatuses(ctx context.Context, tx *db.Tx, d *draft, old, p *Pipeline) error {
	byID := map[id.ID]Status{}
	for _, s := range old.Statuses {
		byID[s.ID] = s
	}
	for i := range p.Statuses {
		s := &p.Statuses[i]
		was, known := byID[s.ID]
		delete(byID, s.ID)
		var err error
		switch {
		case !known:
			err = insertStatus(ctx, tx, d.Entity, p, s)
		case was != *s:
			err = updateStatus(ctx, tx, s)
		}
		if err != nil {
			return err
		}
	}
	for gone := range byID {
		remove := func() error { return deleteStatus(ctx, tx, gone) }
		if target, moves := d.moved[gone]; moves {
			remove = func() error { return markStatusMoved(ctx, tx, gone, target) }
		}
		if err := remove(); err != nil {
			return err
		}
	}
	return nil
}

// needsRebuild tells whether what is stored beside the values of leads is no longer
// what the definition asks for: indexes, search texts, encryption, statuses.
func needsRebuild(before, after *Entity) bool {
	if len(before.Fields) > len(after.Fields) { // a deleted one must not be found any more
		return true
	}
	for i := range after.Fields {
		f := &after.Fields[i]
		old := before.FieldByID(f.ID)
		switch {
		case old == nil: // new, which no lead has a value of; or restored, which asks by itself
		case old.Encrypted != f.Encrypted, old.Indexed != f.Indexed, (old.MatchKey == nil) != (f.MatchKey == nil), relabelled(old.Options, f.Options):
			return true
		}
	}
	return slices.ContainsFunc(after.Pipelines, func(p Pipeline) bool { return before.PipelineByID(p.ID) == nil })
}

// relabelled tells that an option has another label, by which searches find it.
func relabelled(before, after []Option) bool {
	return slices.ContainsFunc(before, func(o Option) bool {
		i := slices.IndexFunc(after, func(n Option) bool { return n.Key == o.Key })
		return i >= 0 && after[i].Label != o.Label
	})
}

// tell records a change and tells every environment of the account of it.
func tell(ctx context.Context, tx *db.Tx, who account.Principal, e *Entity, action string, what map[string]audit.Change, fact event.Fact) error {
	err := audit.Record(ctx, tx, audit.Entry{AccountID: who.Account.ID, EnvironmentID: who.Environment.ID, Actor: who.Actor(), Action: action,
		Object: audit.Object{Kind: "entity", ID: e.ID, Name: e.Name}, Changes: what})
	if err != nil {
		return err
	}
	environments, err := environmentsOf(ctx, tx, who.Account.ID)
	if err != nil {
		return err
	}
	for _, environment := range environments {
		if err := event.Write(ctx, tx, environment, who.EventActor(), fact); err != nil {
			return err
		}
	}
	return nil
}
