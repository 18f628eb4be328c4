package entity

import (
	"context"
	"slices"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// findField is the place of the field that a path names by key, old key or id; -1 when
// there is none. A label is too fickle for an address.
func (e *Entity) findField(name string) int {
	u, err := id.Parse(name)
	loose := Loose(name)
	return slices.IndexFunc(e.Fields, func(f Field) bool {
		if err == nil {
			return f.ID == u
		}
		return Loose(f.Key) == loose || slices.ContainsFunc(f.Aliases, func(alias string) bool { return Loose(alias) == loose })
	})
}

// Field returns one field by key, old key or id.
func (s *Service) Field(ctx context.Context, who account.Principal, ref, field string) (Of[Field], error) {
	e, err := s.Get(ctx, who, ref)
	if err != nil {
		return Of[Field]{}, err
	}
	at := e.findField(field)
	if at < 0 {
		return Of[Field]{}, errs.NotFoundf("field")
	}
	return Of[Field]{e, &e.Fields[at]}, nil
}

// DeletedFields lists the fields that were deleted and whose values are kept, the last
// deleted first.
func (s *Service) DeletedFields(ctx context.Context, who account.Principal, ref string) (*Entity, []Deleted, error) {
	e, err := s.Get(ctx, who, ref)
	if err != nil {
		return nil, nil, err
	}
	deleted, err := deletedFields(ctx, s.db, e.ID)
	return e, deleted, err
}

// AddField adds a field behind the others.
func (s *Service) AddField(ctx context.Context, who account.Principal, ref string, in FieldInput, match Match, then Then[Of[Field]]) (Of[Field], error) {
	return s.field(ctx, who, ref, match, func(tx *db.Tx, d *draft) error {
		f := Field{Position: len(d.Fields)}
		if err := errs.Invalid(in.apply(&f, "", d.leads)...); err != nil {
			return err
		}
		f.ID = id.At(tx.Now)
		d.on.field, d.Fields = len(d.Fields), append(d.Fields, f)
		return nil
	}, then)
}

// ChangeField changes a field.
func (s *Service) ChangeField(ctx context.Context, who account.Principal, ref, field string, in FieldInput, match Match, then Then[Of[Field]]) (Of[Field], error) {
	return s.field(ctx, who, ref, match, func(_ *db.Tx, d *draft) error {
		if d.on.field = d.findField(field); d.on.field < 0 {
			return errs.NotFoundf("field")
		}
		return errs.Invalid(in.apply(&d.Fields[d.on.field], "", d.leads)...)
	}, then)
}

// field runs a change of the field that do sets the focus on.
func (s *Service) field(ctx context.Context, who account.Principal, ref string, match Match, do func(*db.Tx, *draft) error, then Then[Of[Field]]) (Of[Field], error) {
	var out Of[Field]
	err := s.change(ctx, who, "entities:write", ref, match, func(_ context.Context, tx *db.Tx, d *draft) error { return do(tx, d) },
		func(ctx context.Context, tx *db.Tx, d *draft) error {
			out = Of[Field]{d.Entity, &d.Fields[d.on.field]}
			return then.run(ctx, tx, out)
		})
	return out, err
}

// RestoreField brings a deleted field back, behind the others, with the values that
// leads had.
func (s *Service) RestoreField(ctx context.Context, who account.Principal, ref, field string, match Match, then Then[Of[Field]]) (Of[Field], error) {
	var out Of[Field]
	err := s.change(ctx, who, "entities:write", ref, match, func(ctx context.Context, tx *db.Tx, d *draft) error {
		gone, err := findDeleted(ctx, tx, d.Entity, field)
		if err != nil {
			return err
		}
		f := gone.Field
		d.on.field, d.Fields = len(d.Fields), append(d.Fields, f)
		d.restored[f.ID] = true
		if wrong := d.check(d.on); wrong != nil {
			return errs.New(errs.Conflict, "The field “%s” cannot come back as it was: %s Change what is in its way first.", f.Label, wrong[0].Detail)
		}
		if d.leads {
			d.task(Rebuild, id.Nil, id.Nil)
		}
		return nil
	}, func(ctx context.Context, tx *db.Tx, d *draft) error {
		out = Of[Field]{d.Entity, &d.Fields[d.on.field]}
		return then.run(ctx, tx, out)
	})
	return out, err
}

// findDeleted finds a deleted field by id, or by the key it had: the last deleted of
// them.
func findDeleted(ctx context.Context, tx *db.Tx, e *Entity, field string) (Deleted, error) {
	deleted, err := deletedFields(ctx, tx, e.ID)
	if err != nil {
		return Deleted{}, err
	}
	u, notID := id.Parse(field)
	for _, d := range deleted {
		if notID == nil && d.ID != u || notID != nil && Loose(d.Key) != Loose(field) {
			continue
		}
		if d.Purging {
			return Deleted{}, errs.New(errs.Conflict, "The values of the field “%s” are being removed for good, which cannot be undone.", d.Label)
		}
		return d, nil
	}
	if e.findField(field) >= 0 {
		return Deleted{}, errs.New(errs.Conflict, "The field is not deleted.")
	}
	return Deleted{}, errs.NotFoundf("field")
}

// DeleteField hides a field and frees its key. Its values are kept, so that it can be
// restored; with purge they are removed for good.
func (s *Service) DeleteField(ctx context.Context, who account.Principal, ref, field string, purge bool, match Match) (Deletion, error) {
	var out Deletion
	err := s.change(ctx, who, "entities:delete", ref, match, func(ctx context.Context, tx *db.Tx, d *draft) error {
		out = Deletion{}
		var gone Field
		switch at := d.findField(field); {
		case at >= 0:
			gone = d.Fields[at]
			d.Fields = slices.Delete(d.Fields, at, at+1)
		case !purge:
			return errs.NotFoundf("field")
		default:
			found, err := findDeleted(ctx, tx, d.Entity, field)
			if err != nil {
				return err
			}
			gone = found.Field
		}
		if purge {
			out.Task = d.task(Purge, gone.ID, id.Nil)
			out.Task.Object = gone.Label
		}
		return nil
	}, func(_ context.Context, _ *db.Tx, d *draft) error {
		out.Entity = d.Entity
		return nil
	})
	return out, err
}

// ReorderFields puts the fields into the order of keys, which lists all of them.
func (s *Service) ReorderFields(ctx context.Context, who account.Principal, ref string, keys []string, match Match, then Then[*Entity]) (*Entity, error) {
	var out *Entity
	err := s.change(ctx, who, "entities:write", ref, match, func(_ context.Context, _ *db.Tx, d *draft) error {
		return reorder(d.Fields, keys, "/order", d.findField, func(f *Field) string { return f.Key })
	}, func(ctx context.Context, tx *db.Tx, d *draft) error {
		out = d.Entity
		return then.run(ctx, tx, out)
	})
	return out, err
}
