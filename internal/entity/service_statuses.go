package entity

import (
	"context"
	"slices"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Status returns one status by name or id.
func (s *Service) Status(ctx context.Context, who account.Principal, ref, pipeline, status string) (Of[Status], error) {
	p, err := s.Pipeline(ctx, who, ref, pipeline)
	if err != nil {
		return Of[Status]{}, err
	}
	at := p.It.findStatus(status)
	if at < 0 {
		return Of[Status]{}, errs.NotFoundf("status")
	}
	return Of[Status]{p.Entity, &p.It.Statuses[at]}, nil
}

func ofStatus(out *Of[Status], then Then[Of[Status]]) Then[*draft] {
	return func(ctx context.Context, tx *db.Tx, d *draft) error {
		*out = Of[Status]{d.Entity, &d.Pipelines[d.on.pipeline].Statuses[d.on.status]}
		return then.run(ctx, tx, *out)
	}
}

// AddStatus adds a status behind the others of a pipeline.
func (s *Service) AddStatus(ctx context.Context, who account.Principal, ref, pipeline string, in StatusInput, match Match, then Then[Of[Status]]) (Of[Status], error) {
	var out Of[Status]
	err := s.pipeline(ctx, who, "entities:write", ref, pipeline, match, func(_ context.Context, tx *db.Tx, d *draft) error {
		p := &d.Pipelines[d.on.pipeline]
		made, w := Status{Color: Gray, Position: len(p.Statuses)}, &wrongs{}
		in.apply(&made, w)
		if err := errs.Invalid(w.list...); err != nil {
			return err
		}
		made.ID = id.At(tx.Now)
		d.on.status, p.Statuses = len(p.Statuses), append(p.Statuses, made)
		p.onlyDefault(d.on.status)
		return nil
	}, ofStatus(&out, then))
	return out, err
}

// onlyDefault takes the default from all others when the status at this place has it.
func (p *Pipeline) onlyDefault(at int) {
	for i := range p.Statuses {
		if i != at && p.Statuses[at].Default {
			p.Statuses[i].Default = false
		}
	}
}

// ChangeStatus changes a status. Making it the default takes the default from the one
// that had it.
func (s *Service) ChangeStatus(ctx context.Context, who account.Principal, ref, pipeline, status string, in StatusInput, match Match, then Then[Of[Status]]) (Of[Status], error) {
	var out Of[Status]
	err := s.pipeline(ctx, who, "entities:write", ref, pipeline, match, func(_ context.Context, _ *db.Tx, d *draft) error {
		p := &d.Pipelines[d.on.pipeline]
		if d.on.status = p.findStatus(status); d.on.status < 0 {
			return errs.NotFoundf("status")
		}
		one, w := &p.Statuses[d.on.status], &wrongs{}
		was := one.Default
		in.apply(one, w)
		if was && !one.Default {
			w.add("default", "default", "A pipeline has one default. Make another status the default instead; then this one is it no more.")
		}
		p.onlyDefault(d.on.status)
		return errs.Invalid(w.list...)
	}, ofStatus(&out, then))
	return out, err
}

// DeleteStatus removes a status. Leads that are in it go to moveTo: for everybody who
// reads at once, and in the tables in the background.
func (s *Service) DeleteStatus(ctx context.Context, who account.Principal, ref, pipeline, status, moveTo string, match Match) (Deletion, error) {
	var out Deletion
	err := s.pipeline(ctx, who, "entities:delete", ref, pipeline, match, func(ctx context.Context, tx *db.Tx, d *draft) error {
		out = Deletion{}
		p := &d.Pipelines[d.on.pipeline]
		at := p.findStatus(status)
		switch {
		case at < 0:
			return errs.NotFoundf("status")
		case len(p.Statuses) == 1:
			return errs.New(errs.Conflict, "This is the last status of the pipeline, and every lead needs one. Delete the pipeline instead.")
		case p.Statuses[at].Default:
			return errs.New(errs.Conflict, "“%s” is the default of the pipeline. Make another status the default first.", p.Statuses[at].Name)
		}
		gone := p.Statuses[at]
		target, err := p.moveTarget(ctx, tx, d, gone, moveTo)
		if err != nil {
			return err
		}
		p.Statuses = slices.Delete(p.Statuses, at, at+1)
		if target == nil {
			return nil
		}
		d.moved[gone.ID] = target.ID
		for old, to := range p.Moved {
			if to == gone.ID {
				p.Moved[old] = target.ID
			}
		}
		if p.Moved == nil {
			p.Moved = map[id.ID]id.ID{}
		}
		p.Moved[gone.ID] = target.ID
		out.Task = d.task(Move, gone.ID, target.ID)
		out.Task.Object, out.Task.To = gone.Name, target.Name
		return nil
	}, func(_ context.Context, _ *db.Tx, d *draft) error {
		out.Entity = d.Entity
		return nil
	})
	return out, err
}

// moveTarget is the status that takes the leads of one that goes; nil when there are
// none and none is named.
func (p *Pipeline) moveTarget(ctx context.Context, tx *db.Tx, d *draft, gone Status, moveTo string) (*Status, error) {
	if moveTo != "" {
		at := p.findStatus(moveTo)
		if at < 0 || p.Statuses[at].ID == gone.ID {
			return nil, errs.Invalid(errs.Field{Parameter: "move_to", Code: "unknown", Detail: "Name another status of this pipeline, by name or id."})
		}
		target := p.Statuses[at]
		return &target, nil
	}
	taken := len(p.StatusIDs(gone.ID)) > 1 // leads are still on their way into it
	if !taken {
		var err error
		if taken, err = statusHasLeads(ctx, tx, d.AccountID, gone.ID); err != nil {
			return nil, err
		}
	}
	if taken {
		return nil, errs.Invalid(errs.Field{Parameter: "move_to", Code: "required", Detail: "Leads are in this status. Say with move_to which status they go to, by name or id."})
	}
	return nil, nil
}

// ReorderStatuses puts the statuses of a pipeline into the order of names, which lists
// all of them.
func (s *Service) ReorderStatuses(ctx context.Context, who account.Principal, ref, pipeline string, names []string, match Match, then Then[Of[Pipeline]]) (Of[Pipeline], error) {
	var out Of[Pipeline]
	err := s.pipeline(ctx, who, "entities:write", ref, pipeline, match, func(_ context.Context, _ *db.Tx, d *draft) error {
		p := &d.Pipelines[d.on.pipeline]
		return reorder(p.Statuses, names, "/order", p.findStatus, func(s *Status) string { return s.Name })
	}, ofPipeline(&out, then))
	return out, err
}
