package lead

import (
	"cmp"
	"context"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Then runs at the end of a transaction with a lead as it is then. Nothing is stored
// when it fails.
type Then func(ctx context.Context, tx *db.Tx, f Full) error

// Check looks at a lead inside the transaction, before it is changed.
type Check func(l *Lead) error

// Patch is what a caller wants to be different of a lead. What it does not name stays.
type Patch struct {
	Fields   []Item  // names as in intake; null clears
	Statuses []Item  // by pipeline
	Assignee *Item   // null: nobody
	Viewers  *Item   // all viewers from now on
	Wrong    []Wrong // what was wrong with the body itself
}

// Wrong is one thing that is wrong with a body.
type Wrong = errs.Field

// Change changes a lead and returns it as it is then.
func (s *Service) Change(ctx context.Context, who account.Principal, leadID id.ID, p Patch, check Check, then Then) (Full, error) {
	var out Full
	err := retryStale(func() error {
		f, err := s.get(ctx, who, leadID, "write", false)
		if err != nil {
			return err
		}
		c, err := s.readPatch(ctx, who, f.Entity, p)
		if err != nil {
			return err
		}
		out, err = s.alterOnce(ctx, who, f.Entity, then, func(ctx context.Context, w *work) (Lead, error) {
			return w.change(ctx, leadID, c, check)
		})
		return err
	})
	return out, err
}

// readPatch checks a patch by the entity's definition.
func (s *Service) readPatch(ctx context.Context, who account.Principal, e *entity.Entity, p Patch) (change, error) {
	c := change{values: map[id.ID]entity.Value{}}
	wrong := problems(p.Wrong)
	seen := map[id.ID]string{}
	for i := range p.Fields {
		it := &p.Fields[i]
		at := "/fields" + pointer(it.Name)
		f := e.FieldNamed(it.Name)
		if f == nil {
			wrong.add(at, "unknown_field", e.NoField())
			continue
		}
		if other, twice := seen[f.ID]; twice {
			wrong.add(at, "sent_twice", "This means the same field as \""+other+"\", which was sent too; send one of them.")
			continue
		}
		seen[f.ID] = it.Name
		v, problem := f.Parse(rawOf(it.Value))
		switch {
		case problem != nil:
			wrong.add("/fields"+problemAt(it.Name, problem), problem.Code, f.Label+": "+problem.Detail)
		case v == nil && f.Required:
			wrong.add(at, "required", f.Label+": this is required.")
		default:
			c.values[f.ID] = v
		}
	}
	statuses := make([]pipelineStatus, len(p.Statuses))
	for i, it := range p.Statuses {
		at := "/status" + pointer(it.Name)
		statuses[i] = pipelineStatus{at, it.Name, it.Name, it.Value}
		if empty(rawOf(it.Value)) {
			wrong.add(at, "required", "A lead always has a status in each pipeline; send its name or id.")
		}
	}
	for pipeline, status := range chooseStatuses(e, statuses, &wrong) {
		c.statuses = append(c.statuses, choice{e.PipelineByID(pipeline), status, true})
	}
	if err := s.readPeople(ctx, who, p, &c, &wrong); err != nil {
		return change{}, err
	}
	if len(wrong) > 0 {
		return change{}, errs.Invalid(wrong...)
	}
	return c, nil
}

func (s *Service) readPeople(ctx context.Context, who account.Principal, p Patch, c *change, wrong *problems) error {
	if p.Assignee != nil {
		var nobody id.ID
		c.assignee = &nobody
		switch raw := rawOf(p.Assignee.Value); {
		case empty(raw):
		case raw.Kind != entity.RawText:
			wrong.add("/assignee", "wrong_type", "Send the assignee as a text: the UUID or e-mail address of a member; or null for nobody.")
		default:
			var err error
			if *c.assignee, err = s.member(ctx, who, memberRef{"/assignee", raw.Text}, wrong); err != nil {
				return err
			}
		}
	}
	if p.Viewers != nil {
		refs, bad := viewerRefs("/viewers", rawOf(p.Viewers.Value))
		*wrong = append(*wrong, bad...)
		viewers := []id.ID{}
		for _, ref := range refs {
			person, err := s.member(ctx, who, ref, wrong)
			if err != nil {
				return err
			}
			viewers = append(viewers, person)
		}
		c.viewers = &viewers
	}
	return nil
}

// alter does something with a lead in a transaction and returns it as it is then.
func (s *Service) alter(ctx context.Context, who account.Principal, leadID id.ID, trashed bool, then Then, do func(context.Context, *work) (Lead, error)) (Full, error) {
	var out Full
	err := retryStale(func() error {
		f, err := s.get(ctx, who, leadID, "write", trashed)
		if err == nil {
			out, err = s.alterOnce(ctx, who, f.Entity, then, do)
		}
		return err
	})
	return out, err
}

func (s *Service) alterOnce(ctx context.Context, who account.Principal, e *entity.Entity, then Then, do func(context.Context, *work) (Lead, error)) (Full, error) {
	c, err := s.sealer(ctx, e)
	if err != nil {
		return Full{}, err
	}
	var out Full
	err = s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		w, err := s.begin(ctx, tx, who, e, c)
		if err != nil {
			return err
		}
		l, err := do(ctx, w)
		if err != nil {
			return err
		}
		out = Full{l, e}
		if then == nil {
			return nil
		}
		return then(ctx, tx, out)
	})
	return out, err
}

// work does something with a lead in a transaction.
func (s *Service) work(ctx context.Context, who account.Principal, leadID id.ID, verb string, trashed bool, do func(context.Context, *work) error) error {
	return retryStale(func() error {
		f, err := s.get(ctx, who, leadID, verb, trashed)
		if err != nil {
			return err
		}
		_, err = s.alterOnce(ctx, who, f.Entity, nil, func(ctx context.Context, w *work) (Lead, error) {
			return Lead{}, do(ctx, w)
		})
		return err
	})
}

// systemWork is work that nobody asked for, on a lead that may be gone.
func (s *Service) systemWork(ctx context.Context, one trashed, do func(context.Context, *work) error) error {
	return retryStale(func() error {
		e, err := s.entities.DefinitionByID(ctx, one.account, one.entity)
		if err != nil {
			return err
		}
		c, err := s.sealerOf(ctx, one.account)
		if err != nil {
			return err
		}
		err = s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
			if ok, err := holds(ctx, tx, e); err != nil || !ok {
				return cmp.Or(err, errStale)
			}
			return do(ctx, &work{tx: tx, environment: one.environment, actor: system, entity: e, sealer: c})
		})
		if errs.CodeOf(err) == errs.NotFound {
			return nil
		}
		return err
	})
}

// system is who does what nobody asked for.
var system = event.Actor{Kind: "system", Name: "Leadflip"}
