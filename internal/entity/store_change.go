package entity

import (
	"context"
	"errors"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// lockEntity finds an entity by slug or id and keeps everybody else from changing it,
// or from adding leads to it, before the transaction ends.
func lockEntity(ctx context.Context, tx *db.Tx, accountID id.ID, slug string, entityID id.ID) (id.ID, error) {
	query, arg := `SELECT id FROM entities WHERE account_id = $1 AND slug = $2`, any(slug)
	if !entityID.IsNil() {
		query, arg = `SELECT id FROM entities WHERE account_id = $1 AND id = $2`, entityID
	}
	var found id.ID
	err := tx.QueryRow(ctx, query+tx.Dialect().ForUpdate(), accountID, arg).Scan(&found)
	if errors.Is(err, db.ErrNoRows) {
		return id.Nil, errs.NotFoundf("entity")
	}
	if err != nil {
		return id.Nil, err
	}
	return found, tx.Lock(ctx, lockName(found))
}

// Hold keeps an entity from changing before the transaction ends, and lets others do
// the same. A row that many transactions share would cost PostgreSQL a note of all of
// them for each that comes.
func Hold(ctx context.Context, tx *db.Tx, entityID id.ID) error {
	return tx.LockShared(ctx, lockName(entityID))
}

func lockName(entityID id.ID) string { return "entity " + entityID.String() }

// countEntities counts the entities of an account.
func countEntities(ctx context.Context, tx *db.Tx, accountID id.ID) (int, error) {
	var n int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM entities WHERE account_id = $1`, accountID).Scan(&n)
	return n, err
}

// slugTaken tells whether another entity of the account has the slug.
func slugTaken(ctx context.Context, tx *db.Tx, e *Entity) (bool, error) {
	has, err := refBySlug(ctx, tx, e.AccountID, e.Slug)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	return has.id != e.ID, err
}

// environmentsOf lists the environments of an account.
func environmentsOf(ctx context.Context, q db.Handle, accountID id.ID) ([]id.ID, error) {
	rows, err := q.Query(ctx, `SELECT id FROM environments WHERE account_id = $1 ORDER BY created_at, id`, accountID)
	var out []id.ID
	err = db.Each(rows, err, func(rows db.Rows) error {
		var environment id.ID
		err := rows.Scan(&environment)
		out = append(out, environment)
		return err
	})
	return out, err
}

// hasLeads tells whether there is any lead of the entity, in any environment, the trash
// included. Each half is answered by an index.
func hasLeads(ctx context.Context, q db.Handle, accountID, entityID id.ID) (bool, error) {
	var has bool
	err := q.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM environments n JOIN leads l ON l.environment_id = n.id AND l.entity_id = $2 AND l.deleted_at IS NULL WHERE n.account_id = $1)
		OR EXISTS (SELECT 1 FROM environments n JOIN leads l ON l.environment_id = n.id AND l.entity_id = $2 AND l.deleted_at IS NOT NULL WHERE n.account_id = $1)`,
		accountID, entityID).Scan(&has)
	return has, err
}

// countLeads counts the leads of the entity in all environments, and how many of them
// are in the trash.
func countLeads(ctx context.Context, q db.Handle, accountID, entityID id.ID) (all, trash int64, err error) {
	err = q.QueryRow(ctx, `SELECT count(*), count(l.deleted_at) FROM environments n JOIN leads l ON l.environment_id = n.id AND l.entity_id = $2 WHERE n.account_id = $1`,
		accountID, entityID).Scan(&all, &trash)
	return all, trash, err
}

// statusHasLeads tells whether a lead of any environment is in the status. The status
// is locked, so that none gets into it before the transaction ends.
func statusHasLeads(ctx context.Context, tx *db.Tx, accountID, status id.ID) (bool, error) {
	var has bool
	if err := tx.QueryRow(ctx, `SELECT TRUE FROM statuses WHERE id = $1`+tx.Dialect().ForUpdate(), status).Scan(&has); err != nil {
		return false, err
	}
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM environments n JOIN lead_statuses s ON s.environment_id = n.id AND s.status_id = $2 WHERE n.account_id = $1)`,
		accountID, status).Scan(&has)
	return has, err
}

func updateEntity(ctx context.Context, tx *db.Tx, e *Entity) error {
	_, err := tx.Exec(ctx, `UPDATE entities SET slug = $2, name = $3, icon = $4, version = $5, updated_at = $6 WHERE id = $1`,
		e.ID, e.Slug, e.Name, e.Icon, e.Version, db.Micros(e.UpdatedAt))
	return err
}

func updateField(ctx context.Context, tx *db.Tx, f *Field) error {
	_, err := tx.Exec(ctx, `UPDATE fields SET key = $2, label = $3, position = $4, settings = $5, deleted_at = NULL WHERE id = $1`,
		f.ID, f.Key, f.Label, f.Position, db.JSON(settingsOf(*f)))
	return err
}

// markFieldDeleted hides a field and frees its key. Its values are kept.
func markFieldDeleted(ctx context.Context, tx *db.Tx, f *Field) error {
	s := settingsOf(*f)
	s.Key = f.Key
	_, err := tx.Exec(ctx, `UPDATE fields SET key = $2, settings = $3, deleted_at = $4 WHERE id = $1`, f.ID, deletedMark+f.ID.String(), db.JSON(s), db.Micros(tx.Now))
	return err
}

func updatePipeline(ctx context.Context, tx *db.Tx, p *Pipeline) error {
	_, err := tx.Exec(ctx, `UPDATE pipelines SET slug = $2, name = $3, position = $4 WHERE id = $1`, p.ID, p.Slug, p.Name, p.Position)
	return err
}

// markPipelineDeleted hides a pipeline and frees its slug, until the statuses of the
// leads in it are removed.
func markPipelineDeleted(ctx context.Context, tx *db.Tx, p *Pipeline) error {
	_, err := tx.Exec(ctx, `UPDATE pipelines SET slug = $2 WHERE id = $1`, p.ID, deletedMark+p.ID.String())
	return err
}

func deletePipeline(ctx context.Context, tx *db.Tx, pipeline id.ID) error {
	return run(ctx, tx, pipeline,
		`UPDATE statuses SET moved_to = NULL WHERE pipeline_id = $1 AND moved_to IS NOT NULL`,
		`DELETE FROM statuses WHERE pipeline_id = $1`,
		`DELETE FROM pipelines WHERE id = $1`)
}

// run carries out statements about one thing.
func run(ctx context.Context, tx *db.Tx, about id.ID, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement, about); err != nil {
			return err
		}
	}
	return nil
}

func updateStatus(ctx context.Context, tx *db.Tx, s *Status) error {
	_, err := tx.Exec(ctx, `UPDATE statuses SET name = $2, color = $3, is_default = $4, position = $5 WHERE id = $1`, s.ID, s.Name, string(s.Color), s.Default, s.Position)
	return err
}

// markStatusMoved hides a status: its leads count as being in the target from now on,
// and so do those that were on their way into it.
func markStatusMoved(ctx context.Context, tx *db.Tx, status, target id.ID) error {
	if _, err := tx.Exec(ctx, `UPDATE statuses SET moved_to = $2, is_default = FALSE WHERE id = $1 OR moved_to = $1`, status, target); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE entity_tasks SET target_id = $2, updated_at = $3 WHERE kind = 'move' AND target_id = $1 AND state IN ('waiting', 'running')`,
		status, target, db.Micros(tx.Now))
	return err
}

func deleteStatus(ctx context.Context, tx *db.Tx, status id.ID) error {
	return run(ctx, tx, status, `DELETE FROM statuses WHERE id = $1`)
}

// deleteEntity removes a definition that has no leads.
func deleteEntity(ctx context.Context, tx *db.Tx, entityID id.ID) error {
	return run(ctx, tx, entityID,
		`UPDATE statuses SET moved_to = NULL WHERE moved_to IS NOT NULL AND pipeline_id IN (SELECT id FROM pipelines WHERE entity_id = $1)`,
		`DELETE FROM statuses WHERE pipeline_id IN (SELECT id FROM pipelines WHERE entity_id = $1)`,
		`DELETE FROM pipelines WHERE entity_id = $1`,
		`DELETE FROM fields WHERE entity_id = $1`,
		`DELETE FROM entity_tasks WHERE entity_id = $1`,
		`DELETE FROM entities WHERE id = $1`)
}

// Deleted is a field whose values are kept, so that it can be restored.
type Deleted struct {
	Field   // with the key it had
	At      time.Time
	Purging bool // its values are being removed, which cannot be undone
}

// deletedFields lists the deleted fields of an entity, the last deleted first.
func deletedFields(ctx context.Context, q db.Handle, entityID id.ID) ([]Deleted, error) {
	rows, err := q.Query(ctx, `SELECT f.id, f.label, f.type, f.settings, f.deleted_at, EXISTS (SELECT 1 FROM entity_tasks t WHERE t.account_id = f.account_id AND t.entity_id = f.entity_id AND t.kind = 'purge' AND t.object_id = f.id)
		FROM fields f WHERE f.entity_id = $1 AND f.deleted_at IS NOT NULL ORDER BY f.deleted_at DESC, f.id DESC`, entityID)
	var out []Deleted
	err = db.Each(rows, err, func(rows db.Rows) error {
		var d Deleted
		var s settings
		err := rows.Scan(&d.ID, &d.Label, &d.Type, db.ScanJSON(&s), db.ScanTime(&d.At), &d.Purging)
		s.into(&d.Field)
		d.Key = s.Key
		out = append(out, d)
		return err
	})
	return out, err
}
