package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/page"
)

// world is an account with an entity that has a field of every type, and the service
// under test.
type world struct {
	t     testing.TB
	db    *db.DB
	leads *lead.Service
	svc   *Service
	who   account.Principal // a key of Production with all rights
	e     entity.Entity
}

// secrets are the same for every world.
type secrets struct{}

func (secrets) Secret(_ context.Context, name string) ([]byte, error) {
	sum := sha256.Sum256([]byte(name))
	return sum[:], nil
}

func newWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	w := &world{t: t, db: d, leads: lead.NewService(d, entity.NewService(d), page.NewCodec([]byte("secret")), secrets{}, slog.New(slog.DiscardHandler))}
	w.svc = NewService(d, w.leads)
	a := account.Account{ID: id.New(), Name: "Acme", Slug: "acme"}
	w.exec(`INSERT INTO accounts (id, name, slug, created_at) VALUES ($1, $2, $3, 1)`, a.ID, a.Name, a.Slug)
	w.who = w.inEnvironment(account.Principal{Account: a, Scopes: account.Scopes{account.All}, Key: &account.KeyIdentity{ID: id.New(), Name: "Backup"}}, "production")
	w.e = everything()
	w.addEntity(&w.e)
	return w
}

func (w *world) addEntity(e *entity.Entity) {
	w.t.Helper()
	e.AccountID = w.who.Account.ID
	w.update(func(ctx context.Context, tx *db.Tx) error { return entity.Insert(ctx, tx, e) })
}

func (w *world) inEnvironment(p account.Principal, slug string) account.Principal {
	w.t.Helper()
	p.Environment = account.Environment{ID: id.New(), AccountID: p.Account.ID, Name: slug, Slug: slug, Kind: account.Live}
	w.exec(`INSERT INTO environments (id, account_id, name, name_folded, slug, kind, created_at) VALUES ($1, $2, $3, $3, $3, 'live', 1)`, p.Environment.ID, p.Account.ID, slug)
	return p
}

// member adds somebody to the account.
func (w *world) member(email, name string) id.ID {
	w.t.Helper()
	person := id.New()
	w.exec(`INSERT INTO people (id, email, email_folded, name, created_at) VALUES ($1, $2, $2, $3, 1)`, person, email, name)
	w.exec(`INSERT INTO memberships (account_id, person_id, role, created_at) VALUES ($1, $2, 'member', 1)`, w.who.Account.ID, person)
	return person
}

func (w *world) update(fn func(context.Context, *db.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	w.update(func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
}

// send takes in a lead of some values.
func (w *world) send(p account.Principal, values map[string]any) id.ID {
	w.t.Helper()
	if values["entity"] == nil {
		values["entity"] = w.e.Slug
	}
	body, err := json.Marshal(values)
	if err != nil {
		w.t.Fatal(err)
	}
	items, err := lead.ParseBody("application/json", body)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.leads.Intake(context.Background(), p, lead.Intake{Items: items}, nil)
	if err != nil {
		w.t.Fatalf("%s: %v", body, err)
	}
	return r.LeadID
}

// export returns the file of an export that must be accepted.
func (w *world) export(p account.Principal, q Query) []byte {
	w.t.Helper()
	if q.Entity == "" {
		q.Entity = w.e.Slug
	}
	x, err := w.svc.Export(context.Background(), p, q)
	if err != nil {
		w.t.Fatal(err)
	}
	defer x.Close()
	var b bytes.Buffer
	if err := x.Write(context.Background(), &b); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// copies stores many leads like one that is there.
func (w *world) copies(of id.ID, n int) {
	w.t.Helper()
	type key struct {
		field id.ID
		key   []byte
	}
	var keys []key
	rows, err := w.db.Query(context.Background(), `SELECT field_id, sort_key FROM lead_values WHERE environment_id = $1 AND lead_id = $2`, w.who.Environment.ID, of)
	if err := db.Each(rows, err, func(r db.Rows) error {
		var k key
		err := r.Scan(&k.field, &k.key)
		keys = append(keys, k)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	var statuses []id.ID
	rows, err = w.db.Query(context.Background(), `SELECT status_id FROM lead_statuses WHERE environment_id = $1 AND lead_id = $2`, w.who.Environment.ID, of)
	if err := db.Each(rows, err, func(r db.Rows) error {
		var s id.ID
		err := r.Scan(&s)
		statuses = append(statuses, s)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	const portion = 200 // with the race detector a transaction keeps far within its time
	columns := `version, source, assignee_id, created_by_kind, created_by_id, created_by_name, data, sealed, unmapped, search, statuses, viewers, entity_id`
	for done := 0; done < n; done += portion {
		w.update(func(ctx context.Context, tx *db.Tx) error {
			for i := done; i < min(n, done+portion); i++ {
				made := id.New()
				if _, err := tx.Exec(ctx, `INSERT INTO leads (environment_id, id, created_at, updated_at, `+columns+`) SELECT environment_id, $1, $2, $2, `+columns+` FROM leads WHERE environment_id = $3 AND id = $4`,
					made, 1_764_000_000_000_000+int64(i), w.who.Environment.ID, of); err != nil {
					return err
				}
				for _, s := range statuses {
					if _, err := tx.Exec(ctx, `INSERT INTO lead_statuses (environment_id, status_id, lead_id) VALUES ($1, $2, $3)`, w.who.Environment.ID, s, made); err != nil {
						return err
					}
				}
				for _, k := range keys {
					if _, err := tx.Exec(ctx, `INSERT INTO lead_values (environment_id, field_id, sort_key, lead_id) VALUES ($1, $2, $3, $4)`, w.who.Environment.ID, k.field, k.key, made); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
}

// everything is an entity with a field of every type and two pipelines.
func everything() entity.Entity {
	options := []entity.Option{{Key: "roof", Label: "On the roof"}, {Key: "balcony", Label: "Balcony, south"}}
	return entity.Entity{
		Slug: "solar_leads", Name: "Solar leads", Icon: "sun",
		Fields: []entity.Field{
			{Key: "name", Label: "Name", Type: entity.Text, Indexed: true},
			{Key: "email", Label: "E-mail", Type: entity.Email},
			{Key: "phone", Label: "Phone number", Type: entity.Phone, Country: "DE"},
			{Key: "message", Label: "Message", Type: entity.Textarea},
			{Key: "budget", Label: "Budget, in euros", Type: entity.Number, Indexed: true},
			{Key: "place", Label: "Where", Type: entity.Select, Options: options},
			{Key: "wishes", Label: "Wishes", Type: entity.MultiSelect, Options: options},
			{Key: "newsletter", Label: "Newsletter", Type: entity.Checkbox},
			{Key: "moves_on", Label: "Moves on", Type: entity.Date},
			{Key: "call_at", Label: "Call at", Type: entity.DateTime},
			{Key: "site", Label: "Web site", Type: entity.URL},
			{Key: "secret", Label: "Secret", Type: entity.Text, Encrypted: true},
			{Key: "home", Label: "Home", Type: entity.Address},
			{Key: "plan", Label: "Plan", Type: entity.File},
		},
		Pipelines: []entity.Pipeline{
			{Name: "Stage", Slug: "stage", Statuses: []entity.Status{{Name: "New", Color: entity.Blue, Default: true}, {Name: "Won", Color: entity.Green}}},
			{Name: "Temperature", Slug: "temperature", Statuses: []entity.Status{{Name: "Cold", Color: entity.Gray, Default: true}, {Name: "Warm", Color: entity.Amber}}},
		},
	}
}

// usual is an entity like most: eight fields and a pipeline.
func usual() entity.Entity {
	e := entity.Entity{Slug: "leads", Name: "Leads", Icon: "sun", Pipelines: []entity.Pipeline{
		{Name: "Stage", Slug: "stage", Statuses: []entity.Status{{Name: "New", Color: entity.Blue, Default: true}, {Name: "Won", Color: entity.Green}}}}}
	for _, f := range []entity.Field{{Type: entity.Text, Label: "Name"}, {Type: entity.Email, Label: "Email"}, {Type: entity.Phone, Label: "Phone"}, {Type: entity.Text, Label: "Company"},
		{Type: entity.Textarea, Label: "Message"}, {Type: entity.Number, Label: "Budget"}, {Type: entity.Date, Label: "Moves on"}, {Type: entity.URL, Label: "Site"}} {
		f.Key = strings.ToLower(strings.ReplaceAll(f.Label, " ", "_"))
		e.Fields = append(e.Fields, f)
	}
	return e
}

// ada is a lead of the usual entity.
func ada() map[string]any {
	return map[string]any{"entity": "leads", "name": "Ada Lovelace", "email": "ada@example.com", "phone": "+4930901820", "company": "Analytical Engines Ltd.",
		"message": "Please call me back about the roof; \"soon\" would be fine.", "budget": json.Number("12500.50"), "moves_on": "2026-12-01", "site": "https://example.com/ada"}
}
