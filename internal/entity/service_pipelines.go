package entity

import (
	"context"
	"slices"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// findPipeline is the place of the pipeline that a path names by slug, name or id; -1
// when there is none.
func (e *Entity) findPipeline(name string) int {
	p := e.PipelineNamed(name)
	return slices.IndexFunc(e.Pipelines, func(one Pipeline) bool { return p != nil && one.ID == p.ID })
}

// findStatus is the place of the status that a path names by name or id; -1 when there
// is none. One that was deleted is not found by its id any more.
func (p *Pipeline) findStatus(name string) int {
	s := p.StatusNamed(name)
	if u, err := id.Parse(name); err == nil && s != nil && s.ID != u {
		return -1
	}
	return slices.IndexFunc(p.Statuses, func(one Status) bool { return s != nil && one.ID == s.ID })
}

// Pipeline returns one pipeline by slug, name or id.
func (s *Service) Pipeline(ctx context.Context, who account.Principal, ref, pipeline string) (Of[Pipeline], error) {
	e, err := s.Get(ctx, who, ref)
	if err != nil {
		return Of[Pipeline]{}, err
	}
	at := e.findPipeline(pipeline)
	if at < 0 {
		return Of[Pipeline]{}, errs.NotFoundf("pipeline")
	}
	return Of[Pipeline]{e, &e.Pipelines[at]}, nil
}

// pipeline runs a change of the pipeline that is named; "" when do adds one.
func (s *Service) pipeline(ctx context.Context, who account.Principal, need account.Scope, ref, pipeline string, match Match, do func(context.Context, *db.Tx, *draft) error, then Then[*draft]) error {
	return s.change(ctx, who, need, ref, match, func(ctx context.Context, tx *db.Tx, d *draft) error {
		if pipeline != "" {
			if d.on.pipeline = d.findPipeline(pipeline); d.on.pipeline < 0 {
				return errs.NotFoundf("pipeline")
			}
		}
		return do(ctx, tx, d)
	}, then)
}

// AddPipeline adds a pipeline behind the others. Leads that are there get its default
// status in the background.
func (s *Service) AddPipeline(ctx context.Context, who account.Principal, ref string, in PipelineInput, match Match, then Then[Of[Pipeline]]) (Of[Pipeline], error) {
	var out Of[Pipeline]
	err := s.pipeline(ctx, who, "entities:write", ref, "", match, func(_ context.Context, tx *db.Tx, d *draft) error {
		p, wrong := in.newPipeline("", len(d.Pipelines))
		if err := errs.Invalid(wrong...); err != nil {
			return err
		}
		p.ID = id.At(tx.Now)
		for i := range p.Statuses {
			p.Statuses[i].ID = id.At(tx.Now)
		}
		d.on.pipeline, d.Pipelines = len(d.Pipelines), append(d.Pipelines, p)
		return nil
	}, ofPipeline(&out, then))
	return out, err
}

func ofPipeline(out *Of[Pipeline], then Then[Of[Pipeline]]) Then[*draft] {
	return func(ctx context.Context, tx *db.Tx, d *draft) error {
		*out = Of[Pipeline]{d.Entity, &d.Pipelines[d.on.pipeline]}
		return then.run(ctx, tx, *out)
	}
}

// ChangePipeline changes name and slug; statuses have operations of their own.
func (s *Service) ChangePipeline(ctx context.Context, who account.Principal, ref, pipeline string, in PipelineInput, match Match, then Then[Of[Pipeline]]) (Of[Pipeline], error) {
	var out Of[Pipeline]
	err := s.pipeline(ctx, who, "entities:write", ref, pipeline, match, func(_ context.Context, _ *db.Tx, d *draft) error {
		p := &d.Pipelines[d.on.pipeline]
		wrong := in.apply(p, "")
		if in.Statuses != nil && !unchangedStatuses(in.Statuses, p.Statuses) {
			wrong = append(wrong, errs.Field{Pointer: "/statuses", Code: "read_only",
				Detail: "Statuses are changed one by one, at /api/entities/" + d.Slug + "/pipelines/" + d.before.Pipelines[d.on.pipeline].Slug + "/statuses. Leave them out here, or send them as you got them."})
		}
		return errs.Invalid(wrong...)
	}, ofPipeline(&out, then))
	return out, err
}

// DeletePipeline removes a pipeline; what leads have in it goes in the background.
func (s *Service) DeletePipeline(ctx context.Context, who account.Principal, ref, pipeline string, match Match) (Deletion, error) {
	var out Deletion
	err := s.pipeline(ctx, who, "entities:delete", ref, pipeline, match, func(_ context.Context, _ *db.Tx, d *draft) error {
		out = Deletion{}
		gone := d.Pipelines[d.on.pipeline]
		d.Pipelines = slices.Delete(d.Pipelines, d.on.pipeline, d.on.pipeline+1)
		d.on = everywhere
		if d.leads {
			out.Task = d.task(Purge, gone.ID, id.Nil)
			out.Task.Object = gone.Name
		}
		return nil
	}, func(_ context.Context, _ *db.Tx, d *draft) error {
		out.Entity = d.Entity
		return nil
	})
	return out, err
}

// ReorderPipelines puts the pipelines into the order of slugs, which lists all of them.
func (s *Service) ReorderPipelines(ctx context.Context, who account.Principal, ref string, slugs []string, match Match, then Then[*Entity]) (*Entity, error) {
	var out *Entity
	err := s.change(ctx, who, "entities:write", ref, match, func(_ context.Context, _ *db.Tx, d *draft) error {
		return reorder(d.Pipelines, slugs, "/order", d.findPipeline, func(p *Pipeline) string { return p.Slug })
	}, func(ctx context.Context, tx *db.Tx, d *draft) error {
		out = d.Entity
		return then.run(ctx, tx, out)
	})
	return out, err
}
