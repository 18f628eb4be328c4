package entity

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// NewEntity is an entity as a caller describes it. nil lists were not sent.
type NewEntity struct {
	Name      string
	Slug      *string
	Icon      string
	Fields    []FieldInput
	Pipelines []PipelineInput
	Starter   *bool
}

// Create makes an entity. Without fields and pipelines it gets the starter set.
func (s *Service) Create(ctx context.Context, who account.Principal, in NewEntity, then Then[*Entity]) (*Entity, error) {
	if err := may(who, "entities:write"); err != nil {
		return nil, err
	}
	draft, err := in.entity(who.Account.ID)
	if err != nil {
		return nil, err
	}
	var made *Entity
	err = s.write.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		made = draft.clone()
		if err := tx.Lock(ctx, "entities of "+who.Account.ID.String()); err != nil {
			return err
		}
		n, err := countEntities(ctx, tx, who.Account.ID)
		if err != nil {
			return err
		}
		if n >= MaxEntities {
			return errs.New(errs.Conflict, "An account has at most %d entities. Delete one that is not used.", MaxEntities)
		}
		if err := checkSlug(ctx, tx, made); err != nil {
			return err
		}
		if err := Insert(ctx, tx, made); err != nil {
			return err
		}
		made.index()
		if err := tell(ctx, tx, who, made, "entity.create", changes(&Entity{}, made), CreatedFact{EntityID: made.ID, Entity: made.Slug, Name: made.Name}); err != nil {
			return err
		}
		return then.run(ctx, tx, made)
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// entity is the definition that the input describes.
func (in NewEntity) entity(accountID id.ID) (*Entity, error) {
	e := &Entity{AccountID: accountID, Name: in.Name, Slug: account.Slug(in.Name), Icon: in.Icon}
	if in.Slug != nil {
		e.Slug = *in.Slug
	}
	described := in.Fields != nil || in.Pipelines != nil
	if described && in.Starter != nil && *in.Starter {
		return nil, errs.Invalid(errs.Field{Pointer: "/starter", Code: "invalid", Detail: "Send starter, or fields and pipelines of your own, but not both."})
	}
	if !described && (in.Starter == nil || *in.Starter) {
		starter := starter()
		e.Fields, e.Pipelines = starter.Fields, starter.Pipelines
	}
	var wrong []errs.Field
	for i, f := range in.Fields {
		made := Field{Position: i}
		wrong = append(wrong, f.apply(&made, "/fields/"+strconv.Itoa(i), false)...)
		e.Fields = append(e.Fields, made)
	}
	for i, p := range in.Pipelines {
		made, problems := p.newPipeline("/pipelines/"+strconv.Itoa(i), i)
		wrong = append(wrong, problems...)
		e.Pipelines = append(e.Pipelines, made)
	}
	if wrong == nil {
		wrong = e.check(everywhere)
	}
	return e, errs.Invalid(wrong...)
}

func checkSlug(ctx context.Context, tx *db.Tx, e *Entity) error {
	taken, err := slugTaken(ctx, tx, e)
	if err != nil {
		return err
	}
	if taken {
		return errs.Invalid(errs.Field{Pointer: "/slug", Code: "taken", Detail: "Another entity of this account has this slug. Please send another."})
	}
	return nil
}

// Input is a change of an entity. nil was not sent.
type Input struct {
	Name, Slug, Icon          *string
	FieldOrder, PipelineOrder []string

	// What a caller may send back as it was got.
	ID                   *string
	Fields               []FieldInput
	Pipelines            []PipelineInput
	CreatedAt, UpdatedAt *time.Time
}

// Change changes an entity itself; its fields and pipelines have operations of their own.
func (s *Service) Change(ctx context.Context, who account.Principal, ref string, in Input, match Match, then Then[*Entity]) (*Entity, error) {
	var out *Entity
	err := s.change(ctx, who, "entities:write", ref, match, func(ctx context.Context, tx *db.Tx, d *draft) error {
		if err := errs.Invalid(in.owned(d)...); err != nil {
			return err
		}
		set(&d.Name, in.Name)
		set(&d.Icon, in.Icon)
		if in.Slug != nil && *in.Slug != d.Slug {
			if d.leads {
				return errs.New(errs.Conflict, "The slug cannot change any more, because the entity has leads and integrations send to it. The name can.")
			}
			d.Slug = *in.Slug
			if err := tx.Lock(ctx, "entities of "+who.Account.ID.String()); err != nil {
				return err
			}
			if err := checkSlug(ctx, tx, d.Entity); err != nil {
				return err
			}
		}
		if in.FieldOrder != nil {
			if err := reorder(d.Fields, in.FieldOrder, "/field_order", d.findField, func(f *Field) string { return f.Key }); err != nil {
				return err
			}
		}
		if in.PipelineOrder != nil {
			return reorder(d.Pipelines, in.PipelineOrder, "/pipeline_order", d.findPipeline, func(p *Pipeline) string { return p.Slug })
		}
		return nil
	}, func(ctx context.Context, tx *db.Tx, d *draft) error {
		out = d.Entity
		return then.run(ctx, tx, out)
	})
	return out, err
}

// owned checks what a change of the entity itself cannot change.
func (in Input) owned(d *draft) []errs.Field {
	w := &wrongs{}
	w.owned(in.ID, d.ID, nil, 0)
	for member, sent := range map[string]*time.Time{"created_at": in.CreatedAt, "updated_at": in.UpdatedAt} {
		if is := map[string]time.Time{"created_at": d.CreatedAt, "updated_at": d.UpdatedAt}[member]; sent != nil && !sent.Equal(is) {
			w.add(member, "read_only", "The server keeps this time. Leave it out, or send it as you got it.")
		}
	}
	if in.Fields != nil && !unchangedFields(in.Fields, d.Fields) {
		w.add("fields", "read_only", "Fields are changed one by one, at /api/entities/"+d.Slug+"/fields. Leave them out here, or send them as you got them.")
	}
	if in.Pipelines != nil && !unchangedPipelines(in.Pipelines, d.Pipelines) {
		w.add("pipelines", "read_only", "Pipelines are changed one by one, at /api/entities/"+d.Slug+"/pipelines. Leave them out here, or send them as you got them.")
	}
	return w.list
}

// reorder puts things into the order of names, each of which has to occur once.
func reorder[T any](things []T, names []string, pointer string, find func(string) int, name func(*T) string) error {
	before := slices.Clone(things)
	wanted := make([]int, 0, len(names))
	for i, n := range names {
		at := find(n)
		switch {
		case at < 0:
			return errs.Invalid(errs.Field{Pointer: pointer + "/" + strconv.Itoa(i), Code: "unknown", Detail: "There is nothing of this name to put into order."})
		case slices.Contains(wanted, at):
			return errs.Invalid(errs.Field{Pointer: pointer + "/" + strconv.Itoa(i), Code: "duplicate", Detail: "This is in the order twice."})
		}
		wanted = append(wanted, at)
	}
	if len(wanted) < len(things) {
		var missing []string
		for i := range before {
			if !slices.Contains(wanted, i) {
				missing = append(missing, name(&before[i]))
			}
		}
		return errs.Invalid(errs.Field{Pointer: pointer, Code: "incomplete", Detail: "The order has to list all of them. Missing: " + strings.Join(missing, ", ") + "."})
	}
	for i, at := range wanted {
		things[i] = before[at]
	}
	return nil
}

// Delete removes an entity that has no leads.
func (s *Service) Delete(ctx context.Context, who account.Principal, ref string, match Match) error {
	if err := may(who, "entities:delete"); err != nil {
		return err
	}
	slug, entityID, err := parseRef(ref)
	if err != nil {
		return err
	}
	err = s.write.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		d, err := newDraft(ctx, tx, who.Account.ID, slug, entityID)
		if err != nil {
			return err
		}
		if match != nil {
			if err := match(d.Version); err != nil {
				return err
			}
		}
		if d.leads {
			entityID = d.ID
			return errs.New(errs.EntityInUse, "The entity has leads.")
		}
		if err := deleteEntity(ctx, tx, d.ID); err != nil {
			return err
		}
		return tell(ctx, tx, who, d.Entity, "entity.delete", map[string]audit.Change{"slug": {From: d.Slug}}, DeletedFact{EntityID: d.ID, Entity: d.Slug})
	})
	if errs.CodeOf(err) == errs.EntityInUse {
		return s.inUse(ctx, who, entityID) // counted outside of the writer, because it may take a while
	}
	return err
}

func (s *Service) inUse(ctx context.Context, who account.Principal, entityID id.ID) error {
	all, trash, err := countLeads(ctx, s.db, who.Account.ID, entityID)
	if err != nil {
		return err
	}
	leads := count(int(all), "lead")
	if trash > 0 {
		leads += ", " + strconv.FormatInt(trash, 10) + " of them in the trash"
	}
	return errs.New(errs.EntityInUse, "The entity has %s, all environments together. Delete them for good first.", leads).With("leads", all).With("leads_in_trash", trash)
}
