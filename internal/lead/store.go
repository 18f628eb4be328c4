package lead

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// shownColumns are what shows a lead, leadColumns is all of it.
const (
	shownColumns = `l.id, l.created_at, l.updated_at, l.source, l.assignee_id, l.data, l.sealed, l.unmapped, l.statuses, l.viewers`
	leadColumns  = shownColumns + `, l.entity_id, l.version, l.created_by_kind, l.created_by_id, l.created_by_name, l.deleted_at`
)

// selectLead reads one lead, also one in the trash. Its encrypted values are closed.
func selectLead(ctx context.Context, q db.Handle, environment, leadID id.ID) (Lead, error) {
	l, _, err := selectOne(ctx, q, environment, leadID)
	return l, err
}

// selectOne is selectLead, with the version that the definition of its entity has.
func selectOne(ctx context.Context, q db.Handle, environment, leadID id.ID) (l Lead, definition int64, err error) {
	s := scan{environment: environment, whole: true, definition: &definition}
	rows, err := q.Query(ctx, `SELECT `+s.columns()+` FROM leads l WHERE l.environment_id = $1 AND l.id = $2`, environment, leadID)
	leads, _, err := s.leads(rows, err)
	if err == nil && len(leads) == 0 {
		err = db.ErrNoRows
	}
	if err != nil {
		return Lead{}, 0, err
	}
	return leads[0], definition, nil
}

// scanLeads reads rows of leadColumns.
func scanLeads(environment id.ID, rows db.Rows, err error) ([]Lead, error) {
	out, _, err := scan{environment: environment, whole: true}.leads(rows, err)
	return out, err
}

// scan is how rows of leads are read.
type scan struct {
	environment id.ID
	entity      id.ID  // of all rows, unless whole
	whole       bool   // the rows are of leadColumns, not of shownColumns
	unread      bool   // the values stay as they are stored, see Lead.stored
	expect      int    // leads, more or less
	enough      int    // bytes; 0 is all
	definition  *int64 // takes the version of the lead's entity, when not nil
}

func (s scan) columns() string {
	switch {
	case s.definition != nil:
		return leadColumns + `, (SELECT e.version FROM entities e WHERE e.id = l.entity_id)`
	case s.whole:
		return leadColumns
	}
	return shownColumns
}

// leads reads rows. It ends before a further lead, and tells so, when those it has hold
// more than enough bytes.
func (s scan) leads(rows db.Rows, err error) (out []Lead, more bool, _ error) {
	var l Lead
	var data, sealed, unmapped, statuses, viewers string
	dest := []any{&l.ID, db.ScanTime(&l.CreatedAt), db.ScanTime(&l.UpdatedAt), &l.Source, &l.AssigneeID, &data, &sealed, &unmapped, &statuses, &viewers}
	if s.whole {
		dest = append(dest, &l.EntityID, &l.Version, &l.CreatedBy.Kind, &l.CreatedBy.ID, &l.CreatedBy.Name, db.ScanOptTime(&l.DeletedAt))
	}
	if s.definition != nil {
		dest = append(dest, s.definition)
	}
	held := 0
	err = db.Each(rows, err, func(r db.Rows) error {
		l = Lead{EnvironmentID: s.environment, EntityID: s.entity}
		if err := r.Scan(dest...); err != nil {
			return err
		}
		if held += len(data) + len(sealed) + len(unmapped); s.enough > 0 && len(out) > 0 && held > s.enough {
			return errEnough
		}
		if l.Unmapped = nothingUnmapped; unmapped != "{}" {
			l.Unmapped = jsontext.Value(unmapped)
		}
		var err1, err2, err3, err4 error
		l.sealed, err2 = readSealed(sealed)
		if l.stored = data; !s.unread || len(l.sealed) > 0 {
			l.stored = ""
			l.Values, err1 = readData(data)
		}
		l.Statuses, err3 = readStatuses(statuses)
		l.Viewers, err4 = readViewers(viewers)
		if out == nil {
			out = make([]Lead, 0, s.expect)
		}
		out = append(out, l)
		return errors.Join(err1, err2, err3, err4)
	})
	if errors.Is(err, errEnough) {
		return out, true, nil
	}
	return out, false, err
}

// nothingUnmapped is shared by nearly all leads, and never written to.
var nothingUnmapped = jsontext.Value("{}")

// errEnough is the end of reading before the end of the rows.
var errEnough = errors.New("lead: enough was read")

func readViewers(text string) (out []id.ID, err error) {
	for person := range strings.FieldsSeq(text) {
		u, err := id.Parse(person)
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

// viewersText is what readViewers reads.
func viewersText(viewers []id.ID) string {
	var b []byte
	for i, person := range viewers {
		if i > 0 {
			b = append(b, ' ')
		}
		b = person.Append(b)
	}
	return string(b)
}

// statusesText is what readStatuses reads.
func statusesText(statuses []StatusSince) string {
	b := make([]byte, 0, 96*len(statuses))
	for i, s := range statuses {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(s.PipelineID.Append(b), ' ')
		b = append(s.StatusID.Append(b), ' ')
		b = strconv.AppendInt(b, db.Micros(s.Since), 10)
	}
	return string(b)
}

// statusIn finds the status of one pipeline; none is the absent id.
func statusIn(text string, pipeline id.ID) id.ID {
	_, rest, found := strings.Cut(text, pipeline.String()+" ")
	if !found || len(rest) < 36 {
		return id.Nil
	}
	status, _ := id.Parse(rest[:36])
	return status
}

// readStatuses reads "pipeline status since", separated by commas.
func readStatuses(text string) ([]StatusSince, error) {
	if text == "" {
		return nil, nil
	}
	out := make([]StatusSince, 0, 1+strings.Count(text, ","))
	for more := true; more; {
		var one string
		one, text, more = strings.Cut(text, ",")
		if len(one) < 75 || one[36] != ' ' || one[73] != ' ' {
			return nil, errStatuses
		}
		var s StatusSince
		var err1, err2, err3 error
		var at int64
		s.PipelineID, err1 = id.Parse(one[:36])
		s.StatusID, err2 = id.Parse(one[37:73])
		at, err3 = strconv.ParseInt(one[74:], 10, 64)
		if err1 != nil || err2 != nil || err3 != nil {
			return nil, errStatuses
		}
		s.Since = db.FromMicros(at)
		out = append(out, s)
	}
	return out, nil
}

var errStatuses = errors.New("lead: stored statuses cannot be read")

func selectNotes(ctx context.Context, q db.Handle, environment, leadID id.ID) ([]Note, error) {
	rows, err := q.Query(ctx, `SELECT id, text, tag, created_at, created_by_kind, created_by_id, created_by_name FROM lead_notes
		WHERE environment_id = $1 AND lead_id = $2 ORDER BY created_at DESC, position, id`, environment, leadID)
	var out []Note
	err = db.Each(rows, err, func(r db.Rows) error {
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
	err = db.Each(rows, err, func(r db.Rows) error {
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
	err = db.Each(rows, err, func(r db.Rows) error {
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
