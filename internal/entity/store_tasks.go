package entity

import (
	"context"
	"database/sql"
	"errors"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// tasksListed bounds how many tasks a list shows.
const tasksListed = 100

// insertTask writes a task. A rebuild that nobody has begun yet does for later changes
// too, so it is taken instead of a second one.
func insertTask(ctx context.Context, tx *db.Tx, t *Task) error {
	if t.Kind == Rebuild {
		err := tx.QueryRow(ctx, `SELECT id FROM entity_tasks WHERE account_id = $1 AND entity_id = $2 AND kind = 'rebuild' AND state = 'waiting' AND place = ''`+tx.Dialect().ForUpdate(),
			t.AccountID, t.EntityID).Scan(&t.ID)
		if !errors.Is(err, db.ErrNoRows) {
			return err
		}
	}
	t.ID, t.State, t.CreatedAt, t.UpdatedAt = id.At(tx.Now), Waiting, tx.Now, tx.Now
	_, err := tx.Exec(ctx, `INSERT INTO entity_tasks (id, account_id, entity_id, kind, object_id, target_id, state, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		t.ID, t.AccountID, t.EntityID, string(t.Kind), t.ObjectID, t.TargetID, string(t.State), db.Micros(t.CreatedAt), db.Micros(t.UpdatedAt))
	return err
}

// selectTasks lists the tasks of an entity, the newest first, with the names of what
// they are about.
func selectTasks(ctx context.Context, q db.Handle, accountID, entityID, task id.ID) ([]Task, error) {
	query, args := taskQuery+` WHERE t.account_id = $1 AND t.entity_id = $2 ORDER BY t.created_at DESC, t.id DESC LIMIT $3`, []any{accountID, entityID, tasksListed}
	if !task.IsNil() {
		query, args[2] = taskQuery+` WHERE t.account_id = $1 AND t.entity_id = $2 AND t.id = $3`, task
	}
	rows, err := q.Query(ctx, query, args...)
	var out []Task
	err = db.Each(rows, err, func(rows *sql.Rows) error {
		var t Task
		err := rows.Scan(&t.ID, &t.AccountID, &t.EntityID, &t.Kind, &t.ObjectID, &t.TargetID, &t.State, &t.Done, &t.Total, &t.Problem,
			db.ScanTime(&t.CreatedAt), db.ScanTime(&t.UpdatedAt), &t.Object, &t.Target)
		out = append(out, t)
		return err
	})
	return out, err
}

const taskQuery = `SELECT t.id, t.account_id, t.entity_id, t.kind, t.object_id, t.target_id, t.state, t.done, t.total, t.problem, t.created_at, t.updated_at,
	COALESCE((SELECT label FROM fields WHERE id = t.object_id), (SELECT name FROM pipelines WHERE id = t.object_id), (SELECT name FROM statuses WHERE id = t.object_id), ''),
	COALESCE((SELECT name FROM statuses WHERE id = t.target_id), '') FROM entity_tasks t`

// Finish ends a task whose leads are all done: what it was about is removed for good,
// and the task says that it is done. It is called in the transaction of the last slice.
func Finish(ctx context.Context, tx *db.Tx, task id.ID) error {
	var accountID, entityID, object id.ID
	var kind TaskKind
	err := tx.QueryRow(ctx, `SELECT account_id, entity_id, object_id, kind FROM entity_tasks WHERE id = $1`, task).Scan(&accountID, &entityID, &object, &kind)
	if err != nil {
		return err
	}
	if _, err := lockEntity(ctx, tx, accountID, "", entityID); err != nil {
		return err
	}
	switch kind {
	case Purge:
		if err := run(ctx, tx, object, `DELETE FROM fields WHERE id = $1 AND deleted_at IS NOT NULL`); err != nil {
			return err
		}
		if err := deletePipeline(ctx, tx, object); err != nil {
			return err
		}
	case Move:
		// What is in memory knows the status still.
		if err := run(ctx, tx, entityID, `UPDATE entities SET version = version + 1 WHERE id = $1`); err != nil {
			return err
		}
		if err := deleteStatus(ctx, tx, object); err != nil {
			return err
		}
	case Rebuild:
	default:
		return errs.New(errs.Internal, "There is no such kind of task.")
	}
	_, err = tx.Exec(ctx, `UPDATE entity_tasks SET state = 'done', problem = '', lease_until = 0, updated_at = $2 WHERE id = $1`, task, db.Micros(tx.Now))
	return err
}
