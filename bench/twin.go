package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// twin writes for each lead the rows that the product writes: the lead with its search
// text, its status, a sort key for the match key and for the indexed number, the event.
// And like the product it looks for a lead with the same match key first.
type twin struct {
	find, lead, status, value, event *sql.Stmt

	environment, entity, pipeline, first string
	fields                               map[string]string // id by key
}

// openTwin reads the entity of prospects from a database that the product made.
func openTwin(ctx context.Context, path string) (*grouped, error) {
	g, err := openGrouped(ctx, path, "rw")
	if err != nil {
		return nil, err
	}
	t := &twin{fields: map[string]string{}}
	if err := errors.Join(t.read(ctx, g.pool), t.prepare(ctx, g)); err != nil {
		return nil, errors.Join(err, g.pool.Close())
	}
	g.insert = t.insert
	go g.loop(ctx)
	return g, nil
}

func (t *twin) read(ctx context.Context, pool *sql.DB) error {
	err := pool.QueryRowContext(ctx, `SELECT v.id, e.id, p.id, s.id FROM entities e JOIN environments v ON v.account_id = e.account_id
		JOIN pipelines p ON p.entity_id = e.id JOIN statuses s ON s.pipeline_id = p.id
		WHERE e.slug = 'prospects' AND v.slug = 'production' AND p.slug = 'stage' AND s.is_default`).Scan(&t.environment, &t.entity, &t.pipeline, &t.first)
	if err != nil {
		return err
	}
	return names(ctx, pool, t.fields, `SELECT key, id FROM fields WHERE entity_id = $1`, t.entity)
}

func (t *twin) prepare(ctx context.Context, g *grouped) error {
	return g.prepare(ctx, map[string]**sql.Stmt{
		`SELECT lead_id FROM lead_values WHERE environment_id = $1 AND field_id = $2 AND sort_key = $3 LIMIT 1`: &t.find,
		`INSERT INTO leads (environment_id, id, entity_id, version, created_at, updated_at, source, created_by_kind, created_by_id, created_by_name, data, unmapped, search, statuses)
			VALUES ($1, $2, $3, 1, $4, $4, $5, 'key', $6, 'bench', $7, '{}', $8, $9)`: &t.lead,
		`INSERT INTO lead_statuses (environment_id, status_id, lead_id) VALUES ($1, $2, $3)`:                                        &t.status,
		`INSERT INTO lead_values (environment_id, field_id, sort_key, lead_id) VALUES ($1, $2, $3, $4)`:                             &t.value,
		`INSERT INTO events (tx, environment_id, type, at, actor, data, subject_id) VALUES (0, $1, 'lead.created', $2, $3, $4, $5)`: &t.event,
	})
}

// insert writes the rows of one lead. Nothing of it is expected to fail; should it, the
// run ends.
func (t *twin) insert(ctx context.Context, l *groupedLead) error {
	var found string
	if err := t.find.QueryRowContext(ctx, t.environment, t.fields["email"], []byte(l.Email)).Scan(&found); !errors.Is(err, sql.ErrNoRows) {
		return errors.Join(errors.New("a lead with this e-mail is there"), err)
	}
	data, err := json.Marshal(map[string]any{
		t.fields["name"]: l.Name, t.fields["email"]: l.Email, t.fields["phone"]: l.Phone, t.fields["company"]: l.Company, t.fields["message"]: l.Message,
		t.fields["product"]: l.Product, t.fields["budget"]: l.Budget,
	})
	if err != nil {
		return err
	}
	search := strings.ToLower(strings.Join([]string{l.Name, l.Email, l.Phone, l.Company, l.Message, l.Product, l.Budget.String()}, "\n"))
	const actor = `{"kind":"key","id":"0198c0de-0000-7000-8000-000000000001","name":"bench"}`
	fact := `{"lead_id":"` + l.ID + `","entity":"prospects","source":"website","status":{"stage":{"id":"` + t.first + `","name":"New"}}}`
	for _, do := range []struct {
		stmt *sql.Stmt
		args []any
	}{
		{t.lead, []any{t.environment, l.ID, t.entity, l.createdAt, l.Source, t.entity, string(data), search, t.pipeline + " " + t.first + " " + strconv.FormatInt(l.createdAt, 10)}},
		{t.status, []any{t.environment, t.first, l.ID}},
		{t.value, []any{t.environment, t.fields["email"], []byte(l.Email), l.ID}},
		{t.value, []any{t.environment, t.fields["budget"], []byte("+08" + l.Budget.String()), l.ID}},
		{t.event, []any{t.environment, l.createdAt, actor, fact, l.ID}},
	} {
		if _, err := do.stmt.ExecContext(ctx, do.args...); err != nil {
			return err
		}
	}
	return nil
}
