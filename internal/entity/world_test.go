package entity

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// world is an account of two environments and the API in front of it.
type world struct {
	t       *testing.T
	d       *db.DB
	who     account.Principal
	staging account.Environment
	api     *api.API
	svc     *Service
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := &world{t: t, d: d, who: newAccount(t, d, "Acme"), svc: NewService(d)}
	w.who.Scopes = account.Scopes{"entities:read", "entities:write", "entities:delete"}
	w.who.Environment, w.staging = w.environment("Production"), w.environment("Staging")
	w.api = newAPI(d, &w.who)
	return w
}

// inWorld runs a test in a world on each database.
func inWorld(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { run(t, newWorld(t, d)) })
}

func (w *world) environment(name string) account.Environment {
	w.t.Helper()
	e := account.Environment{ID: id.New(), AccountID: w.who.Account.ID, Name: name, Slug: strings.ToLower(name), Kind: account.Live}
	update(w.t, w.d, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO environments (id, account_id, name, name_folded, slug, kind, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			e.ID, e.AccountID, e.Name, e.Slug, e.Slug, string(e.Kind), db.Micros(tx.Now))
		return err
	})
	return e
}

// lead stores a lead of an entity, in the statuses given.
func (w *world) lead(e *Entity, environment account.Environment, trash bool, statuses ...id.ID) id.ID {
	w.t.Helper()
	lead := id.New()
	update(w.t, w.d, func(ctx context.Context, tx *db.Tx) error {
		var deleted any
		if trash {
			deleted = db.Micros(tx.Now)
		}
		_, err := tx.Exec(ctx, `INSERT INTO leads (environment_id, id, entity_id, version, created_at, updated_at, source, created_by_kind, created_by_name, data, unmapped, deleted_at)
			VALUES ($1, $2, $3, 1, 1, 1, 'api', 'key', 'k', '{}', '{}', $4)`, environment.ID, lead, e.ID, deleted)
		for _, status := range statuses {
			if err == nil {
				_, err = tx.Exec(ctx, `INSERT INTO lead_statuses (environment_id, status_id, lead_id) VALUES ($1, $2, $3)`, environment.ID, status, lead)
			}
		}
		return err
	})
	return lead
}

// answered is what the API answered.
type answered struct {
	t      *testing.T
	status int
	header http.Header
	body   map[string]any
	text   string
}

// call sends a request; header is pairs of names and values.
func (w *world) call(method, target, body string, header ...string) answered {
	w.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer key")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	a := answered{t: w.t, status: rec.Code, header: rec.Header(), text: rec.Body.String()}
	if a.text != "" {
		if err := json.Unmarshal(rec.Body.Bytes(), &a.body); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, target, err, a.text)
		}
	}
	return a
}

// ok is a call that must be answered with a status.
func (w *world) ok(status int, method, target, body string, header ...string) answered {
	w.t.Helper()
	a := w.call(method, target, body, header...)
	if a.status != status {
		w.t.Fatalf("%s %s %s: status %d, want %d: %s", method, target, body, a.status, status, a.text)
	}
	return a
}

// wrong is a refusal that points at a place, a pointer or a parameter, with a code.
func (w *world) wrong(method, target, body, place, code string) {
	w.t.Helper()
	a := w.ok(http.StatusUnprocessableEntity, method, target, body)
	problems, _ := a.body["errors"].([]any)
	for _, p := range problems {
		p := p.(map[string]any)
		at, ok := p["pointer"]
		if !ok {
			at = p["parameter"]
		}
		if at == place && p["code"] == code {
			return
		}
	}
	w.t.Errorf("%s %s %s: want %s at %q, got %s", method, target, body, code, place, a.text)
}

// entity is the definition as others get it.
func (w *world) entity(ref string) *Entity {
	w.t.Helper()
	return mustGet(w.t, w.svc, w.who, ref)
}

// fact is one event as it is stored.
type fact struct {
	Type string
	Data json.RawMessage
}

// events of an environment, in order. They are read from the table, because readers of
// the log wait for transactions of other tests.
func (w *world) events(environment id.ID) (out []fact) {
	w.t.Helper()
	rows, err := w.d.Query(w.t.Context(), `SELECT type, data FROM events WHERE environment_id = $1 ORDER BY tx, seq`, environment)
	err = db.Each(rows, err, func(r db.Rows) error {
		var f fact
		err := r.Scan(&f.Type, db.ScanJSON(&f.Data))
		out = append(out, f)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) audit() []audit.Entry {
	w.t.Helper()
	out, err := audit.List(w.t.Context(), w.d, audit.Filter{AccountID: w.who.Account.ID, Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) tasks(ref string) []Task {
	w.t.Helper()
	out, err := w.svc.Tasks(w.t.Context(), w.who, ref)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// names lists a member of the things of a list.
func names(list any, member string) (out []string) {
	things, _ := list.([]any)
	for _, thing := range things {
		name, _ := thing.(map[string]any)[member].(string)
		out = append(out, name)
	}
	return out
}

func sqlite(t *testing.T) *db.DB {
	t.Helper()
	return dbtest.SQLite(t)
}
