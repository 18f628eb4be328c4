package lead

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// holds tells whether an entity still has the version something was prepared by, and
// keeps it from changing before the transaction ends.
func holds(ctx context.Context, tx *db.Tx, e *entity.Entity) (bool, error) {
	if err := entity.Hold(ctx, tx, e.ID); err != nil {
		return false, err
	}
	var version int64
	err := tx.QueryRow(ctx, `SELECT version FROM entities WHERE id = $1 AND account_id = $2`, e.ID, e.AccountID).Scan(&version)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	return version == e.Version, err
}

// insert writes rows of one shape, many in one statement. The sizes of statements are
// powers of two, so that there are few texts to prepare.
func insert(ctx context.Context, tx *db.Tx, into string, rows [][]any) error {
	for size := 64; len(rows) > 0; {
		for size > len(rows) {
			size /= 2
		}
		args := make([]any, 0, size*len(rows[0]))
		for _, row := range rows[:size] {
			args = append(args, row...)
		}
		if err := tx.Queue(ctx, insertText(into, len(rows[0]), size), args...); err != nil {
			return err
		}
		rows = rows[size:]
	}
	return nil
}

// insertText is "INSERT INTO <into> VALUES ($1, …), …", with what follows the values
// behind a bar in into.
func insertText(into string, columns, rows int) string {
	into, after, _ := strings.Cut(into, "|")
	b := make([]byte, 0, len(into)+len(after)+rows*columns*6+32)
	b = append(b, "INSERT INTO "...)
	b = append(b, into...)
	b = append(b, " VALUES "...)
	n := 0
	for r := range rows {
		if r > 0 {
			b = append(b, ", "...)
		}
		b = append(b, '(')
		for c := range columns {
			if c > 0 {
				b = append(b, ", "...)
			}
			n++
			b = append(b, '$')
			b = strconv.AppendInt(b, int64(n), 10)
		}
		b = append(b, ')')
	}
	return string(append(b, after...))
}

const (
	intoLeads    = `leads (environment_id, id, entity_id, version, created_at, updated_at, source, assignee_id, created_by_kind, created_by_id, created_by_name, data, sealed, search, unmapped, statuses, viewers)`
	intoStatuses = `lead_statuses (environment_id, status_id, lead_id)`
	intoValues   = `lead_values (environment_id, field_id, sort_key, lead_id)| ON CONFLICT DO NOTHING`
	intoNotes    = `lead_notes (environment_id, lead_id, id, position, text, tag, created_at, created_by_kind, created_by_id, created_by_name)`
	intoFiles    = `lead_files (environment_id, lead_id, id, field_id, content)`
	intoViewers  = `lead_viewers (environment_id, lead_id, person_id)| ON CONFLICT DO NOTHING`
)

func insertKeys(ctx context.Context, tx *db.Tx, environment, leadID id.ID, keys []valueKey) error {
	rows := make([][]any, len(keys))
	for i, k := range keys {
		rows[i] = []any{environment, k.field, []byte(k.key), leadID}
	}
	return insert(ctx, tx, intoValues, rows)
}

func deleteKeys(ctx context.Context, tx *db.Tx, environment, leadID id.ID, keys []valueKey) error {
	for _, k := range keys {
		if err := tx.Queue(ctx, `DELETE FROM lead_values WHERE environment_id = $1 AND field_id = $2 AND sort_key = $3 AND lead_id = $4`, environment, k.field, []byte(k.key), leadID); err != nil {
			return err
		}
	}
	return nil
}

// lockMatches makes transactions that would look for the same duplicates wait for each
// other.
func lockMatches(ctx context.Context, tx *db.Tx, environment id.ID, keys []valueKey) error {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = "match " + environment.String() + " " + k.field.String() + " " + hex.EncodeToString([]byte(k.key))
	}
	return tx.Lock(ctx, names...)
}

// findMatches returns for each key the oldest lead that has it.
func findMatches(ctx context.Context, tx *db.Tx, environment id.ID, keys []valueKey) (map[valueKey]id.ID, error) {
	found := map[valueKey]id.ID{}
	for len(keys) > 0 {
		size := 64
		for size > len(keys) {
			size /= 2
		}
		if err := findSome(ctx, tx, environment, keys[:size], found); err != nil {
			return nil, err
		}
		keys = keys[size:]
	}
	return found, nil
}

func findSome(ctx context.Context, tx *db.Tx, environment id.ID, keys []valueKey, found map[valueKey]id.ID) error {
	var b strings.Builder
	args := make([]any, 0, 1+2*len(keys))
	args = append(args, environment)
	for i, k := range keys {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		n := strconv.Itoa
		b.WriteString("SELECT * FROM (SELECT " + n(i) + " AS n, lead_id FROM lead_values WHERE environment_id = $1 AND field_id = $" + n(2*i+2) + " AND sort_key = $" + n(2*i+3) + " ORDER BY lead_id LIMIT 1) k" + n(i))
		args = append(args, k.field, []byte(k.key))
	}
	rows, err := tx.Query(ctx, b.String(), args...)
	return db.Each(rows, err, func(r db.Rows) error {
		var n int
		var leadID id.ID
		if err := r.Scan(&n, &leadID); err != nil {
			return err
		}
		found[keys[n]] = leadID
		return nil
	})
}

// lockLead keeps a lead from changing before the transaction ends, and returns its
// entity. On PostgreSQL a lock cannot be taken through the outer join that reads a lead.
func lockLead(ctx context.Context, tx *db.Tx, environment, leadID id.ID) (entityID id.ID, err error) {
	err = tx.QueryRow(ctx, `SELECT entity_id FROM leads WHERE environment_id = $1 AND id = $2`+tx.Dialect().ForUpdate(), environment, leadID).Scan(&entityID)
	return entityID, err
}

func updateLead(ctx context.Context, tx *db.Tx, environment id.ID, l *Lead, st stored) error {
	err := tx.Queue(ctx, `UPDATE leads SET version = $1, updated_at = $2, assignee_id = $3, data = $4, sealed = $5, search = $6, unmapped = $7, deleted_at = $8, statuses = $9, viewers = $10
		WHERE environment_id = $11 AND id = $12`,
		l.Version, db.Micros(l.UpdatedAt), l.AssigneeID, st.data, st.sealed, st.search, string(l.Unmapped), db.OptMicros(l.DeletedAt), statusesText(l.Statuses), viewersText(l.Viewers), environment, l.ID)
	return err
}

// setStatus gives a lead a status in a pipeline and keeps lead_statuses up; its row has
// to be written afterwards.
func setStatus(ctx context.Context, tx *db.Tx, environment id.ID, l *Lead, s StatusSince) error {
	if err := dropStatus(ctx, tx, environment, l, s.PipelineID); err != nil {
		return err
	}
	l.Statuses = append(l.Statuses, s)
	err := tx.Queue(ctx, `INSERT INTO lead_statuses (environment_id, status_id, lead_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, environment, s.StatusID, l.ID)
	return err
}

// dropStatus takes a lead out of a pipeline as setStatus puts it in.
func dropStatus(ctx context.Context, tx *db.Tx, environment id.ID, l *Lead, pipeline id.ID) error {
	i := slices.IndexFunc(l.Statuses, func(s StatusSince) bool { return s.PipelineID == pipeline })
	if i < 0 {
		return nil
	}
	gone := l.Statuses[i].StatusID
	l.Statuses = slices.Delete(slices.Clone(l.Statuses), i, i+1)
	return deleteStatus(ctx, tx, environment, l.ID, gone)
}

func deleteStatus(ctx context.Context, tx *db.Tx, environment, leadID, status id.ID) error {
	err := tx.Queue(ctx, `DELETE FROM lead_statuses WHERE environment_id = $1 AND status_id = $2 AND lead_id = $3`, environment, status, leadID)
	return err
}

func setViewers(ctx context.Context, tx *db.Tx, environment, leadID id.ID, viewers []id.ID) error {
	if err := tx.Queue(ctx, `DELETE FROM lead_viewers WHERE environment_id = $1 AND lead_id = $2`, environment, leadID); err != nil {
		return err
	}
	rows := make([][]any, len(viewers))
	for i, person := range viewers {
		rows[i] = []any{environment, leadID, person}
	}
	return insert(ctx, tx, intoViewers, rows)
}

func moveNotes(ctx context.Context, tx *db.Tx, environment, from, to id.ID) error {
	err := tx.Queue(ctx, `UPDATE lead_notes SET lead_id = $1 WHERE environment_id = $2 AND lead_id = $3`, to, environment, from)
	return err
}

// deleteLead deletes a lead's row and what is found by its statuses. Notes, viewers and
// files go with it.
func deleteLead(ctx context.Context, tx *db.Tx, environment id.ID, l *Lead) error {
	for _, s := range l.Statuses {
		if err := deleteStatus(ctx, tx, environment, l.ID, s.StatusID); err != nil {
			return err
		}
	}
	err := tx.Queue(ctx, `DELETE FROM leads WHERE environment_id = $1 AND id = $2`, environment, l.ID)
	return err
}

// forgetChanges takes the values out of what the event log tells of a lead.
func forgetChanges(ctx context.Context, tx *db.Tx, environment, leadID id.ID, slug string) error {
	err := tx.Queue(ctx, `UPDATE events SET data = $1 WHERE environment_id = $2 AND subject_id = $3 AND type = $4`,
		db.JSON(UpdatedFact{leadID, slug, map[string]Change{}}), environment, leadID, EventUpdated)
	return err
}

func deleteFile(ctx context.Context, tx *db.Tx, environment, leadID, file id.ID) error {
	err := tx.Queue(ctx, `DELETE FROM lead_files WHERE environment_id = $1 AND lead_id = $2 AND id = $3`, environment, leadID, file)
	return err
}

// copyFiles gives a lead the files of another one too.
func copyFiles(ctx context.Context, tx *db.Tx, environment, from, to id.ID) error {
	err := tx.Queue(ctx, `INSERT INTO lead_files (environment_id, lead_id, id, field_id, content)
		SELECT environment_id, CAST($1 AS `+tx.Dialect().IDType()+`), id, field_id, content FROM lead_files WHERE environment_id = $2 AND lead_id = $3 ON CONFLICT DO NOTHING`, to, environment, from)
	return err
}
