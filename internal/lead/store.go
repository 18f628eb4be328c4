package lead

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// insertLead stores a lead if its entity is still at the version it was checked by,
// and tells whether it was.
func insertLead(ctx context.Context, tx *db.Tx, leadID id.ID, r row) (bool, error) {
	now := db.Micros(tx.Now)
	n, err := tx.Exec(ctx, `INSERT INTO leads (environment_id, id, entity_id, version, created_at, updated_at, source,
			created_by_kind, created_by_id, created_by_name, data, unmapped)
		SELECT $1, $2, id, 1, $3, $4, $5, $6, $7, $8, $9, $10 FROM entities WHERE id = $11 AND account_id = $12 AND version = $13`+tx.Dialect().ForShare(),
		r.environment, leadID, now, now, r.source, r.actor.Kind, r.actor.ID, r.actor.Name, r.data, r.unmapped, r.entityID, r.account, r.version)
	return n == 1, err
}

func insertStatuses(ctx context.Context, tx *db.Tx, environment, leadID id.ID, statuses []choice) error {
	if len(statuses) == 0 {
		return nil
	}
	v := values{}
	for _, c := range statuses {
		v.row(environment, leadID, c.pipeline.ID, c.status.ID, db.Micros(tx.Now))
	}
	_, err := tx.Exec(ctx, `INSERT INTO lead_statuses (environment_id, lead_id, pipeline_id, status_id, since) VALUES `+v.String(), v.args...)
	return err
}

func insertNotes(ctx context.Context, tx *db.Tx, environment, leadID id.ID, actor event.Actor, notes []NewNote) error {
	if len(notes) == 0 {
		return nil
	}
	v := values{}
	for i, n := range notes {
		v.row(environment, leadID, id.At(tx.Now), i, n.Text, n.Tag, db.Micros(tx.Now), actor.Kind, actor.ID, actor.Name)
	}
	_, err := tx.Exec(ctx, `INSERT INTO lead_notes (environment_id, lead_id, id, position, text, tag, created_at, created_by_kind, created_by_id, created_by_name) VALUES `+v.String(), v.args...)
	return err
}

// values writes the rows of an INSERT of several.
type values struct {
	strings.Builder
	args []any
}

func (v *values) row(args ...any) {
	if len(v.args) > 0 {
		v.WriteString(", ")
	}
	v.WriteByte('(')
	for i, a := range args {
		if i > 0 {
			v.WriteString(", ")
		}
		v.args = append(v.args, a)
		v.WriteByte('$')
		v.WriteString(strconv.Itoa(len(v.args)))
	}
	v.WriteByte(')')
}

const leadColumns = `l.id, l.entity_id, l.version, l.created_at, l.updated_at, l.source, l.assignee_id,
	l.created_by_kind, l.created_by_id, l.created_by_name, l.data, l.unmapped, s.pipeline_id, s.status_id, s.since`

func selectLead(ctx context.Context, q db.Handle, environment, leadID id.ID) (Lead, error) {
	rows, err := q.Query(ctx, `SELECT `+leadColumns+` FROM leads l
		LEFT JOIN lead_statuses s ON s.environment_id = l.environment_id AND s.lead_id = l.id
		WHERE l.environment_id = $1 AND l.id = $2 AND l.deleted_at IS NULL`, environment, leadID)
	leads, err := scanLeads(environment, rows, err)
	if err == nil && len(leads) == 0 {
		err = db.ErrNoRows
	}
	if err != nil {
		return Lead{}, err
	}
	return leads[0], nil
}

// selectNewest reads leads behind a place, newest first, in one statement, so that
// leads and statuses are of the same moment.
func selectNewest(ctx context.Context, q db.Handle, environment, entityID id.ID, after *place, limit int) ([]Lead, error) {
	args := []any{environment, entityID, limit}
	behind := ""
	if after != nil {
		behind = " AND (created_at, id) < ($4, $5)"
		args = append(args, after.createdAt, after.id)
	}
	rows, err := q.Query(ctx, `SELECT `+leadColumns+` FROM (
			SELECT * FROM leads WHERE environment_id = $1 AND entity_id = $2 AND deleted_at IS NULL`+behind+` ORDER BY created_at DESC, id DESC LIMIT $3
		) l LEFT JOIN lead_statuses s ON s.environment_id = l.environment_id AND s.lead_id = l.id
		ORDER BY l.created_at DESC, l.id DESC`, args...)
	return scanLeads(environment, rows, err)
}

// scanLeads reads rows of leadColumns; a lead with several statuses has several.
func scanLeads(environment id.ID, rows *sql.Rows, err error) ([]Lead, error) {
	var out []Lead
	err = db.Each(rows, err, func(r *sql.Rows) error {
		l := Lead{EnvironmentID: environment}
		var s StatusSince
		var since *int64
		var data, unmapped string
		if err := r.Scan(&l.ID, &l.EntityID, &l.Version, db.ScanTime(&l.CreatedAt), db.ScanTime(&l.UpdatedAt), &l.Source, &l.AssigneeID,
			&l.CreatedBy.Kind, &l.CreatedBy.ID, &l.CreatedBy.Name, &data, &unmapped, &s.PipelineID, &s.StatusID, &since); err != nil {
			return err
		}
		if n := len(out); n == 0 || out[n-1].ID != l.ID {
			l.Unmapped = jsontext.Value(unmapped)
			if l.Values, err = readData(data); err != nil {
				return err
			}
			out = append(out, l)
		}
		if since != nil {
			s.Since = db.FromMicros(*since)
			last := &out[len(out)-1]
			last.Statuses = append(last.Statuses, s)
		}
		return nil
	})
	return out, err
}

func selectNotes(ctx context.Context, q db.Handle, environment, leadID id.ID) ([]Note, error) {
	rows, err := q.Query(ctx, `SELECT id, text, tag, created_at, created_by_kind, created_by_id, created_by_name FROM lead_notes
		WHERE environment_id = $1 AND lead_id = $2 ORDER BY created_at DESC, position, id`, environment, leadID)
	var out []Note
	err = db.Each(rows, err, func(r *sql.Rows) error {
		var n Note
		err := r.Scan(&n.ID, &n.Text, &n.Tag, db.ScanTime(&n.CreatedAt), &n.CreatedBy.Kind, &n.CreatedBy.ID, &n.CreatedBy.Name)
		out = append(out, n)
		return err
	})
	return out, err
}

// timelineMax bounds how far back a timeline is read at once.
const timelineMax = 500

// selectEvents reads what the log tells of one lead, the newest first, through the
// index on the lead's id in the data of events. The id is always a text there, so the
// expression means the same on both databases, and must read as it does in the index.
func selectEvents(ctx context.Context, q db.Handle, environment, leadID id.ID) ([]event.Event, error) {
	rows, err := q.Query(ctx, `SELECT tx, seq, type, at, actor, data FROM events
		WHERE environment_id = $1 AND (data ->> 'lead_id') = $2 ORDER BY tx DESC, seq DESC LIMIT $3`,
		environment, leadID.String(), timelineMax)
	var out []event.Event
	err = db.Each(rows, err, func(r *sql.Rows) error {
		var e event.Event
		err := r.Scan(&e.Position.Tx, &e.Position.Seq, &e.Type, db.ScanTime(&e.At), db.ScanJSON(&e.Actor), db.ScanJSON(&e.Data))
		out = append(out, e)
		return err
	})
	return out, err
}
