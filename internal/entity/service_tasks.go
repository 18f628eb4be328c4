package entity

import (
	"context"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Tasks lists the work on the leads of an entity, the newest first, the last hundred.
func (s *Service) Tasks(ctx context.Context, who account.Principal, ref string) ([]Task, error) {
	e, err := s.Get(ctx, who, ref)
	if err != nil {
		return nil, err
	}
	return selectTasks(ctx, s.db, who.Account.ID, e.ID, id.Nil)
}

// Task returns one task of an entity by its id.
func (s *Service) Task(ctx context.Context, who account.Principal, ref, task string) (Task, error) {
	e, err := s.Get(ctx, who, ref)
	if err != nil {
		return Task{}, err
	}
	taskID, err := id.Parse(task)
	if err != nil || taskID.IsNil() {
		return Task{}, errs.NotFoundf("task")
	}
	found, err := selectTasks(ctx, s.db, who.Account.ID, e.ID, taskID)
	if err != nil {
		return Task{}, err
	}
	if len(found) == 0 {
		return Task{}, errs.NotFoundf("task")
	}
	return found[0], nil
}
