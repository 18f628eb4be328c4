package lead

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// The work that a change of an entity leaves to be done on its leads: index, search and
// encryption made anew, values of purged fields taken out, leads moved off a status. It
// is done slice by slice beside requests; how far it is commits with each slice, so a
// stop or a crash costs nothing, and any node can go on.

const (
	taskSlice = 100 // leads in one transaction, so that nobody is held up
	taskPause = time.Second
)

// Run carries out tasks until ctx ends.
func (s *Service) Run(ctx context.Context) {
	for ctx.Err() == nil {
		worked, err := s.RunTask(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("the work on leads after a change of their entity could not go on yet", "error", err)
		}
		if worked && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(taskPause):
		}
	}
}

// RunTask carries out the next task to its end; worked is false when there is none.
func (s *Service) RunTask(ctx context.Context) (worked bool, err error) {
	var t entity.Task
	err = s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
		t, worked, err = entity.Claim(ctx, tx)
		return err
	})
	if err != nil || !worked {
		return false, err
	}
	if t.Total == 0 {
		if t.Total, err = countTask(ctx, s.db, &t); err != nil {
			return true, err
		}
	}
	for more := true; more && ctx.Err() == nil; {
		if more, err = s.taskSlice(ctx, &t); errors.Is(err, entity.ErrTaskLost) {
			return true, nil
		} else if err != nil {
			return true, err
		}
	}
	return true, ctx.Err()
}

// taskSlice does the next slice of a task; more is false after the last, with which the
// task ends.
func (s *Service) taskSlice(ctx context.Context, t *entity.Task) (more bool, err error) {
	err = retryStale(func() error {
		e, err := s.entities.DefinitionByID(ctx, t.AccountID, t.EntityID)
		if err != nil {
			return err
		}
		c, err := s.sealerOf(ctx, t.AccountID)
		if err != nil {
			return err
		}
		environments, err := account.EnvironmentIDs(ctx, s.db, t.AccountID)
		if err != nil {
			return err
		}
		next := *t
		err = s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
			next = *t
			if ok, err := holds(ctx, tx, e); err != nil || !ok {
				return cmp.Or(err, errStale)
			}
			w := &taskWork{&work{tx: tx, actor: system, entity: e, sealer: c}, &next}
			if more, err = w.slice(ctx, environments); err != nil {
				return err
			}
			if err := next.Keep(ctx, tx); err != nil || more {
				return err
			}
			return entity.Finish(ctx, tx, t.ID)
		})
		if err == nil {
			*t = next
		}
		return err
	})
	return more, err
}

// taskWork is a slice of a task.
type taskWork struct {
	*work
	task *entity.Task
}

// slice does up to taskSlice leads from where the task is, and tells whether there may be
// more. The place of a task is an environment and, behind a slash, the last lead that
// was done in it; "clean" in its stead when rows of fields that have none any more are
// next.
func (w *taskWork) slice(ctx context.Context, environments []id.ID) (more bool, err error) {
	at, last, _ := strings.Cut(w.task.Place, "/")
	i := 0
	if at != "" {
		i = slices.IndexFunc(environments, func(e id.ID) bool { return e.String() >= at })
	}
	if i < 0 || i >= len(environments) {
		return false, nil
	}
	w.environment = environments[i]
	if w.environment.String() != at {
		last = ""
	}
	done, clean := 0, last == "clean"
	switch {
	case clean:
		clean, err = w.clean(ctx)
	case w.task.Kind == entity.Move:
		done, err = w.move(ctx)
		clean = false
	default:
		done, last, err = w.refreshSome(ctx, last)
		clean = done < taskSlice
	}
	w.task.Done += int64(done)
	switch {
	case err != nil:
	case clean:
		w.task.Place = w.environment.String() + "/clean"
	case done == taskSlice:
		w.task.Place = w.environment.String() + "/" + last
	case i+1 == len(environments):
		return false, nil
	default:
		w.task.Place = environments[i+1].String()
	}
	return true, err
}

// refreshSome makes what is stored of the next leads anew, by the present definition.
func (w *taskWork) refreshSome(ctx context.Context, after string) (done int, last string, err error) {
	leads, err := lockSome(ctx, w.tx, w.environment, w.entity.ID, after, taskSlice)
	if err != nil {
		return 0, "", err
	}
	for i := range leads {
		if err := w.refresh(ctx, &leads[i]); err != nil {
			return 0, "", err
		}
		last = leads[i].ID.String()
	}
	return len(leads), last, nil
}

func (w *taskWork) refresh(ctx context.Context, l *Lead) error {
	if err := l.reveal(w.sealer, w.entity); err != nil {
		return err
	}
	if gone := w.task.ObjectID; w.task.Kind == entity.Purge {
		delete(l.Values, gone)
		delete(l.sealed, gone)
		if err := purgeFiles(ctx, w.tx, w.environment, l.ID, gone); err != nil {
			return err
		}
		if err := dropStatus(ctx, w.tx, w.environment, l, gone); err != nil {
			return err
		}
	}
	if err := w.completeStatuses(ctx, l); err != nil {
		return err
	}
	st := store(w.sealer, w.entity, l)
	if err := refreshLead(ctx, w.tx, w.environment, l, st); err != nil {
		return err
	}
	want := st.keys
	if l.DeletedAt != nil {
		want = nil
	}
	if err := deleteKeys(ctx, w.tx, w.environment, l.ID, w.staleKeys(l, want)); err != nil {
		return err
	}
	return insertKeys(ctx, w.tx, w.environment, l.ID, want)
}

// staleKeys are those that a lead's values had by other settings of their fields:
// encrypted before, or not.
func (w *taskWork) staleKeys(l *Lead, want []valueKey) []valueKey {
	var out []valueKey
	for i := range w.entity.Fields {
		f := w.entity.Fields[i]
		if !f.Indexed && f.MatchKey == nil {
			continue // all rows of the field go, see clean
		}
		for _, f.Encrypted = range []bool{false, true} {
			for _, k := range fieldKeys(w.sealer, &f, l.Values[f.ID]) {
				if !slices.Contains(want, k) {
					out = append(out, k)
				}
			}
		}
	}
	return out
}

// completeStatuses gives a lead the default status of pipelines that came after it.
func (w *taskWork) completeStatuses(ctx context.Context, l *Lead) error {
	for i := range w.entity.Pipelines {
		p := &w.entity.Pipelines[i]
		if _, ok := l.Status(p.ID); ok {
			continue
		}
		if err := setStatus(ctx, w.tx, w.environment, l, StatusSince{p.ID, p.DefaultStatus().ID, w.tx.Now}); err != nil {
			return err
		}
	}
	return nil
}

// clean deletes rows of fields that are neither indexed nor find duplicates any more, a
// slice at a time, and tells whether there are more.
func (w *taskWork) clean(ctx context.Context) (more bool, err error) {
	fields, err := entity.FieldIDs(ctx, w.tx, w.entity.ID)
	if err != nil {
		return false, err
	}
	for _, field := range fields {
		if f := w.entity.FieldByID(field); f != nil && (f.Indexed || f.MatchKey != nil) {
			continue
		}
		n, err := deleteValues(ctx, w.tx, w.environment, field, 5*taskSlice)
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// move takes leads off a status that was deleted.
func (w *taskWork) move(ctx context.Context) (done int, err error) {
	target, err := w.task.Target(ctx, w.tx)
	if err != nil {
		return 0, err
	}
	pipeline, to := w.statusByID(target)
	if pipeline == nil {
		return 0, errs.New(errs.Internal, "the status %s that takes leads is gone", target)
	}
	leads, err := selectByStatus(ctx, w.tx, w.environment, w.task.ObjectID, taskSlice)
	if err != nil {
		return 0, err
	}
	for _, leadID := range leads {
		l, err := w.lockAny(ctx, leadID)
		if err != nil {
			return 0, err
		}
		if err := setStatus(ctx, w.tx, w.environment, &l, StatusSince{pipeline.ID, to.ID, w.tx.Now}); err != nil {
			return 0, err
		}
		if err := w.save(ctx, &l, valueKeys(w.sealer, w.entity, l.Values)); err != nil {
			return 0, err
		}
		change := map[string]Change{"status." + pipeline.Slug: {From: FactStatus{ID: w.task.ObjectID, Name: w.task.Object}, To: FactStatus{to.ID, to.Name}}}
		if err := event.Write(ctx, w.tx, w.environment, w.actor, UpdatedFact{leadID, w.entity.Slug, change}); err != nil {
			return 0, err
		}
	}
	return len(leads), nil
}

func (w *taskWork) statusByID(status id.ID) (*entity.Pipeline, *entity.Status) {
	for i := range w.entity.Pipelines {
		if s := w.entity.Pipelines[i].StatusByID(status); s != nil {
			return &w.entity.Pipelines[i], s
		}
	}
	return nil, nil
}
