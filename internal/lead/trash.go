package lead

import (
	"context"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// TrashKept is how long a lead in the trash can be restored.
const TrashKept = 30 * 24 * time.Hour

// Delete puts a lead into the trash, from where it can be restored for 30 days.
func (s *Service) Delete(ctx context.Context, who account.Principal, leadID id.ID, check Check) error {
	return s.work(ctx, who, leadID, "write", false, func(ctx context.Context, w *work) error {
		l, err := w.lock(ctx, leadID)
		if err == nil {
			err = check(&l)
		}
		if err != nil {
			return err
		}
		return w.discard(ctx, &l)
	})
}

// discard puts a locked lead into the trash.
func (w *work) discard(ctx context.Context, l *Lead) error {
	l.DeletedAt = &w.tx.Now
	if err := w.save(ctx, l, valueKeys(w.sealer, w.entity, l.Values)); err != nil {
		return err
	}
	return event.Write(ctx, w.tx, w.environment, w.actor, PlainFact{EventDeleted, l.ID, w.entity.Slug})
}

// Restore takes a lead out of the trash. One that is not there stays as it is.
func (s *Service) Restore(ctx context.Context, who account.Principal, leadID id.ID, then Then) (Full, error) {
	return s.alter(ctx, who, leadID, true, then, func(ctx context.Context, w *work) (Lead, error) {
		l, err := w.lockAny(ctx, leadID)
		if err != nil || l.DeletedAt == nil {
			return l, err
		}
		l.DeletedAt = nil
		if err := w.save(ctx, &l, nil); err != nil {
			return l, err
		}
		return l, event.Write(ctx, w.tx, w.environment, w.actor, PlainFact{EventRestored, l.ID, w.entity.Slug})
	})
}

// Purge deletes a lead for ever, from the trash or not, with its notes, files and what
// the event log tells of its values. That it was deleted stays on record, by its id.
func (s *Service) Purge(ctx context.Context, who account.Principal, leadID id.ID, check Check) error {
	return s.work(ctx, who, leadID, "delete", true, func(ctx context.Context, w *work) error {
		l, err := w.lockAny(ctx, leadID)
		if err == nil {
			err = check(&l)
		}
		if err != nil {
			return err
		}
		if err := w.purge(ctx, &l); err != nil {
			return err
		}
		return audit.Record(ctx, w.tx, audit.Entry{AccountID: who.Account.ID, EnvironmentID: who.Environment.ID, Actor: who.Actor(), Action: "lead.purge",
			Object: audit.Object{Kind: "lead", ID: leadID, Name: w.entity.Name}})
	})
}

func (w *work) purge(ctx context.Context, l *Lead) error {
	if err := deleteKeys(ctx, w.tx, w.environment, l.ID, valueKeys(w.sealer, w.entity, l.Values)); err != nil {
		return err
	}
	if err := deleteLead(ctx, w.tx, w.environment, l); err != nil {
		return err
	}
	if err := forgetChanges(ctx, w.tx, w.environment, l.ID, w.entity.Slug); err != nil {
		return err
	}
	return event.Write(ctx, w.tx, w.environment, w.actor, PlainFact{EventPurged, l.ID, w.entity.Slug})
}

// purgeSlice is how many leads leave the trash in one transaction.
const purgeSlice = 50

// EmptyTrash deletes for ever what has been in the trash for 30 days, a slice at a
// time.
func (s *Service) EmptyTrash(ctx context.Context) error {
	for {
		before := s.db.Now().Add(-TrashKept)
		due, err := selectTrash(ctx, s.db, before, purgeSlice)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, one := range due {
			err := s.systemWork(ctx, one, func(ctx context.Context, w *work) error {
				l, err := w.lockAny(ctx, one.lead)
				if err != nil || l.DeletedAt == nil || l.DeletedAt.After(before) {
					return err
				}
				return w.purge(ctx, &l)
			})
			if err != nil {
				return err
			}
		}
	}
}

// trashed is a lead whose time in the trash is over.
type trashed struct{ environment, account, entity, lead id.ID }
