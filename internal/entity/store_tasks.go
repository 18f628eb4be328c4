package entity

import (
	"context"
	"errors"
	"time"

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
	err = db.Each(rows, err, func(rows db.Rows) error {
		var t Task
		err := rows.Scan(&t.ID, &t.AccountID, &t.EntityID, &t.Kind, &t.ObjectID, &t.TargetID, &t.State, &t.Done, &t.Total, &t.Problem,
			db.ScanTime(&t.CreatedAt), db.ScanTime(&t.UpdatedAt), &t.Object, &t.To)
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

// taskLease is how long a node may be silent before another one goes on with its task.
const taskLease = 30 * time.Second

// Claim takes the next task that nobody works on; ok is false when there is none. The
// tasks of one entity are done one after the other.
func Claim(ctx context.Context, tx *db.Tx) (t Task, ok bool, err error) {
	err = tx.QueryRow(ctx, `SELECT id, account_id, entity_id, kind, object_id, target_id, done, total, place FROM entity_tasks t
		WHERE state IN ('waiting', 'running') AND lease_until <= $1 AND NOT EXISTS (SELECT 1 FROM entity_tasks o
			WHERE o.account_id = t.account_id AND o.entity_id = t.entity_id AND o.state IN ('waiting', 'running') AND (o.created_at, o.id) < (t.created_at, t.id))
		ORDER BY created_at, id LIMIT 1`+tx.Dialect().SkipLocked(), db.Micros(tx.Now)).
		Scan(&t.ID, &t.AccountID, &t.EntityID, &t.Kind, &t.ObjectID, &t.TargetID, &t.Done, &t.Total, &t.Place)
	if errors.Is(err, db.ErrNoRows) {
		return Task{}, false, nil
	}
	if err != nil {
		return Task{}, false, err
	}
	t.State = Running
	return t, true, t.Keep(ctx, tx)
}

// ErrTaskLost means that another node has taken a task over.
var ErrTaskLost = errors.New("entity: another node works on the task")

// Keep stores how far a task is, in the transaction of a slice of it, and holds it for
// the next one. It fails when another node has taken the task over meanwhile.
func (t *Task) Keep(ctx context.Context, tx *db.Tx) error {
	lease := db.Micros(tx.Now.Add(taskLease))
	n, err := tx.Exec(ctx, `UPDATE entity_tasks SET state = 'running', done = $1, total = $2, place = $3, problem = $4, lease_until = $5, updated_at = $6 WHERE id = $7 AND (lease_until = $8 OR $9)`,
		t.Done, t.Total, t.Place, t.Problem, lease, db.Micros(tx.Now), t.ID, t.lease, t.lease == 0)
	if err == nil && n == 0 {
		err = ErrTaskLost
	}
	t.lease = lease
	return err
}

// Target is the status that takes the leads of a deleted one; it changes when that one
// is deleted too.
func (t *Task) Target(ctx context.Context, q db.Handle) (target id.ID, err error) {
	err = q.QueryRow(ctx, `SELECT target_id FROM entity_tasks WHERE id = $1`, t.ID).Scan(&target)
	return target, err
}

// FieldIDs lists the fields of an entity, deleted ones too.
func FieldIDs(ctx context.Context, q db.Handle, entityID id.ID) (out []id.ID, err error) {
	rows, err := q.Query(ctx, `SELECT id FROM fields WHERE entity_id = $1`, entityID)
	err = db.Each(rows, err, func(rows db.Rows) error {
		var field id.ID
		err := rows.Scan(&field)
		out = append(out, field)
		return err
	})
	return out, err
}
