package lead

import (
	"context"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// firstID comes before every id there is.
const firstID = "00000000-0000-0000-0000-000000000000"

// countTask counts the leads that a task has to look at.
func countTask(ctx context.Context, q db.Handle, t *entity.Task) (n int64, err error) {
	if t.Kind == entity.Move {
		err = q.QueryRow(ctx, `SELECT COUNT(*) FROM environments e JOIN lead_statuses s ON s.environment_id = e.id AND s.status_id = $2 WHERE e.account_id = $1`, t.AccountID, t.ObjectID).Scan(&n)
		return n, err
	}
	err = q.QueryRow(ctx, `SELECT COUNT(*) FROM environments e JOIN leads l ON l.environment_id = e.id AND l.entity_id = $2 WHERE e.account_id = $1`, t.AccountID, t.EntityID).Scan(&n)
	return n, err
}

// lockSome reads the next leads of an entity in the order of their ids, those in the
// trash too, and keeps them from changing before the transaction ends.
func lockSome(ctx context.Context, tx *db.Tx, environment, entityID id.ID, after string, limit int) ([]Lead, error) {
	if after == "" {
		after = firstID
	}
	rows, err := tx.Query(ctx, `SELECT id FROM leads WHERE environment_id = $1 AND id > $2 AND entity_id = $3 ORDER BY id LIMIT $4`+tx.Dialect().ForUpdate(), environment, after, entityID, limit)
	var ids []id.ID
	if err := db.Each(rows, err, scanID(&ids)); err != nil || len(ids) == 0 {
		return nil, err
	}
	return selectByIDs(ctx, tx, environment, ids)
}

func scanID(into *[]id.ID) func(db.Rows) error {
	return func(r db.Rows) error {
		var one id.ID
		err := r.Scan(&one)
		*into = append(*into, one)
		return err
	}
}

// selectByIDs reads leads in the order of their ids. Their encrypted values are closed.
func selectByIDs(ctx context.Context, q db.Handle, environment id.ID, ids []id.ID) ([]Lead, error) {
	rows, err := q.Query(ctx, `SELECT `+leadColumns+` FROM leads l WHERE l.environment_id = $1 AND `+q.Dialect().In("l.id", 2)+` ORDER BY l.id`, environment, db.List(q.Dialect(), ids))
	return scanLeads(environment, rows, err)
}

// refreshLead writes what is computed from a lead's values. It is no new version: the
// values are the same.
func refreshLead(ctx context.Context, tx *db.Tx, environment id.ID, l *Lead, st stored) error {
	err := tx.Queue(ctx, `UPDATE leads SET data = $1, sealed = $2, search = $3, statuses = $4 WHERE environment_id = $5 AND id = $6`, st.data, st.sealed, st.search, statusesText(l.Statuses), environment, l.ID)
	return err
}

// purgeFiles deletes the files that a lead has of a purged field.
func purgeFiles(ctx context.Context, tx *db.Tx, environment, leadID, gone id.ID) error {
	err := tx.Queue(ctx, `DELETE FROM lead_files WHERE environment_id = $1 AND lead_id = $2 AND field_id = $3`, environment, leadID, gone)
	return err
}

// deleteValues deletes up to limit rows of a field's keys and returns how many.
func deleteValues(ctx context.Context, tx *db.Tx, environment, field id.ID, limit int) (int64, error) {
	return tx.Exec(ctx, `DELETE FROM lead_values WHERE environment_id = $1 AND field_id = $2 AND (sort_key, lead_id) IN (
		SELECT sort_key, lead_id FROM lead_values WHERE environment_id = $1 AND field_id = $2 LIMIT $3)`, environment, field, limit)
}

func selectByStatus(ctx context.Context, q db.Handle, environment, status id.ID, limit int) (out []id.ID, err error) {
	rows, err := q.Query(ctx, `SELECT lead_id FROM lead_statuses WHERE environment_id = $1 AND status_id = $2 ORDER BY lead_id LIMIT $3`, environment, status, limit)
	err = db.Each(rows, err, scanID(&out))
	return out, err
}
