package lead

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// leadColumns is a lead with its statuses and viewers, packed into one column, because each column
// costs the driver of SQLite more than the value in it. JSON has no control characters,
// so it can hold no mark.
var leadColumns = db.Packed("l.id", "l.entity_id", "l.version", "l.created_at", "l.updated_at", db.PackedText("l.source"), "l.assignee_id",
	"l.created_by_kind", "l.created_by_id", db.PackedText("l.created_by_name"), "l.data", "l.sealed", "l.unmapped", "l.deleted_at",
	`(SELECT string_agg(CAST(s.pipeline_id AS TEXT) || ' ' || CAST(s.status_id AS TEXT) || ' ' || CAST(s.since AS TEXT), ',')
		FROM lead_statuses s WHERE s.environment_id = l.environment_id AND s.lead_id = l.id)`,
	`(SELECT string_agg(CAST(v.person_id AS TEXT), ' ') FROM lead_viewers v WHERE v.environment_id = l.environment_id AND v.lead_id = l.id)`) + " AS packed"

// selectLead reads one lead, also one in the trash. Its encrypted values are closed.
func selectLead(ctx context.Context, q db.Handle, environment, leadID id.ID) (Lead, error) {
	rows, err := q.Query(ctx, `SELECT `+leadColumns+` FROM leads l WHERE l.environment_id = $1 AND l.id = $2`, environment, leadID)
	leads, err := scanLeads(environment, rows, err)
	if err == nil && len(leads) == 0 {
		err = db.ErrNoRows
	}
	if err != nil {
		return Lead{}, err
	}
	return leads[0], nil
}

// scanLeads reads rows of leadColumns.
func scanLeads(environment id.ID, rows *sql.Rows, err error) ([]Lead, error) {
	var out []Lead
	err = db.Each(rows, err, func(r *sql.Rows) error {
		l := Lead{EnvironmentID: environment}
		var data, sealed, unmapped, statuses, viewers string
		if err := r.Scan(db.ScanPacked(&l.ID, &l.EntityID, &l.Version, db.ScanTime(&l.CreatedAt), db.ScanTime(&l.UpdatedAt), &l.Source, &l.AssigneeID,
			&l.CreatedBy.Kind, &l.CreatedBy.ID, &l.CreatedBy.Name, &data, &sealed, &unmapped, db.ScanOptTime(&l.DeletedAt), &statuses, &viewers)); err != nil {
			return err
		}
		l.Unmapped = jsontext.Value(unmapped)
		var err error
		if l.Values, err = readData(data); err != nil {
			return err
		}
		if l.sealed, err = readSealed(sealed); err != nil {
			return err
		}
		if l.Statuses, err = readStatuses(statuses); err != nil {
			return err
		}
		for person := range strings.FieldsSeq(viewers) {
			u, err := id.Parse(person)
			if err != nil {
				return err
			}
			l.Viewers = append(l.Viewers, u)
		}
		out = append(out, l)
		return nil
	})
	return out, err
}

// readStatuses reads "pipeline status since", separated by commas.
func readStatuses(text string) ([]StatusSince, error) {
	if text == "" {
		return nil, nil
	}
	out := make([]StatusSince, 0, 1+strings.Count(text, ","))
	for one := range strings.SplitSeq(text, ",") {
		pipeline, rest, _ := strings.Cut(one, " ")
		status, since, _ := strings.Cut(rest, " ")
		var s StatusSince
		var err1, err2, err3 error
		var at int64
		s.PipelineID, err1 = id.Parse(pipeline)
		s.StatusID, err2 = id.Parse(status)
		at, err3 = strconv.ParseInt(since, 10, 64)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		s.Since = db.FromMicros(at)
		out = append(out, s)
	}
	return out, nil
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

func selectByKey(ctx context.Context, q db.Handle, environment id.ID, k valueKey, limit int) ([]id.ID, error) {
	rows, err := q.Query(ctx, `SELECT lead_id FROM lead_values WHERE environment_id = $1 AND field_id = $2 AND sort_key = $3 ORDER BY lead_id LIMIT $4`,
		environment, k.field, []byte(k.key), limit)
	var out []id.ID
	err = db.Each(rows, err, func(r *sql.Rows) error {
		var leadID id.ID
		err := r.Scan(&leadID)
		out = append(out, leadID)
		return err
	})
	return out, err
}

func selectTrash(ctx context.Context, q db.Handle, before time.Time, limit int) ([]trashed, error) {
	rows, err := q.Query(ctx, `SELECT e.id, e.account_id, l.entity_id, l.id FROM environments e JOIN leads l ON l.environment_id = e.id
		WHERE l.deleted_at IS NOT NULL AND l.deleted_at <= $1 LIMIT $2`, db.Micros(before), limit)
	var out []trashed
	err = db.Each(rows, err, func(r *sql.Rows) error {
		var t trashed
		err := r.Scan(&t.environment, &t.account, &t.entity, &t.lead)
		out = append(out, t)
		return err
	})
	return out, err
}

func selectCreatedAt(ctx context.Context, q db.Handle, environment, leadID id.ID) (at time.Time, err error) {
	err = q.QueryRow(ctx, `SELECT created_at FROM leads WHERE environment_id = $1 AND id = $2`, environment, leadID).Scan(db.ScanTime(&at))
	return at, err
}

func selectFile(ctx context.Context, q db.Handle, environment, leadID, file id.ID) (content []byte, err error) {
	err = q.QueryRow(ctx, `SELECT content FROM lead_files WHERE environment_id = $1 AND lead_id = $2 AND id = $3`, environment, leadID, file).Scan(&content)
	return content, err
}
