package lead

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// funnel is an entity with match keys, indexed and encrypted fields.
func funnel() entity.Entity {
	first, second, third := 1, 2, 3
	return entity.Entity{
		Slug: "funnel", Name: "Funnel",
		Fields: []entity.Field{
			{Key: "name", Label: "Name", Type: entity.Text, Indexed: true},
			{Key: "phone", Label: "Phone", Type: entity.Phone, Country: "DE", MatchKey: &second},
			{Key: "email", Label: "Email", Type: entity.Email, MatchKey: &first, Indexed: true},
			{Key: "budget", Label: "Budget", Type: entity.Number, Indexed: true},
			{Key: "wishes", Label: "Wishes", Type: entity.MultiSelect, Indexed: true, Options: []entity.Option{{Key: "roof", Label: "Roof"}, {Key: "car", Label: "Car"}}},
			{Key: "remark", Label: "Remark", Type: entity.Textarea},
			{Key: "diagnosis", Label: "Diagnosis", Type: entity.Text, Encrypted: true},
			{Key: "passport", Label: "Passport", Type: entity.Text, Encrypted: true, MatchKey: &third},
		},
		Pipelines: []entity.Pipeline{{Name: "Stage", Slug: "stage", Statuses: []entity.Status{
			{Name: "New", Color: entity.Blue, Default: true}, {Name: "Won", Color: entity.Green}, {Name: "Lost", Color: entity.Gray}}}},
	}
}

// newFunnel is a world whose entity is funnel.
func newFunnel(t testing.TB, d *db.DB) *world {
	w := newWorld(t, d)
	w.e = w.newEntity(w.who, funnel())
	return w
}

// member stores a member of the account.
func (w *world) member(email string) account.Person {
	w.t.Helper()
	p := account.Person{ID: id.New(), Email: email, Name: "Person " + email}
	w.update(func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO people (id, email, email_folded, name, password_hash, created_at) VALUES ($1, $2, $3, $4, '', 0)`, p.ID, email, email, p.Name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO memberships (account_id, person_id, role, created_at) VALUES ($1, $2, 'member', 0)`, w.who.Account.ID, p.ID)
		return err
	})
	return p
}

// shown are the values of a lead by key, as people read them.
func (f Full) shown() map[string]string {
	out := map[string]string{}
	for i := range f.Entity.Fields {
		field := &f.Entity.Fields[i]
		if v := f.Lead.Values[field.ID]; v != nil {
			out[field.Key] = field.Show(v)
		}
	}
	return out
}

// events are the types of what the log tells of a lead, the oldest first.
func (w *world) events(lead id.ID) (types []string) {
	w.t.Helper()
	found, err := event.History(context.Background(), w.db, w.who.Environment.ID, lead, event.Position{}, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range slices.Backward(found) {
		types = append(types, e.Type)
	}
	return types
}

func (w *world) patch(lead id.ID, body string) (Full, error) {
	w.t.Helper()
	p, err := ParsePatch([]byte(body))
	if err != nil {
		return Full{}, err
	}
	return w.svc.Change(context.Background(), w.who, lead, p, func(*Lead) error { return nil }, nil)
}

func (w *world) mustPatch(lead id.ID, body string) Full {
	w.t.Helper()
	f, err := w.patch(lead, body)
	if err != nil {
		w.t.Fatalf("%s: %v %+v", body, err, errs.As(err).Fields)
	}
	return f
}

// consistent checks that the rows beside the leads are just those that their values
// call for.
func (w *world) consistent() {
	w.t.Helper()
	ctx := context.Background()
	rows, err := w.db.Query(ctx, `SELECT id FROM leads WHERE environment_id = $1`, w.who.Environment.ID)
	var ids []id.ID
	err = db.Each(rows, err, func(r db.Rows) error {
		var leadID id.ID
		err := r.Scan(&leadID)
		ids = append(ids, leadID)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	want := map[string]bool{}
	for _, leadID := range ids {
		f, err := w.svc.get(ctx, w.who, leadID, "read", true)
		if err != nil {
			w.t.Fatal(err)
		}
		c, err := w.svc.sealerOf(ctx, w.who.Account.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		if f.Lead.DeletedAt == nil {
			for _, k := range valueKeys(c, f.Entity, f.Lead.Values) {
				want[fmt.Sprintf("%s %s %x", leadID, k.field, k.key)] = true
			}
		}
		if n := len(f.Lead.Statuses); n != len(f.Entity.Pipelines) {
			w.t.Errorf("lead %s has %d statuses", leadID, n)
		}
		var search string
		if err := w.db.QueryRow(ctx, `SELECT search FROM leads WHERE environment_id = $1 AND id = $2`, w.who.Environment.ID, leadID).Scan(&search); err != nil || search != searchText(f.Entity, f.Lead.Values) {
			w.t.Errorf("lead %s is found by %q, %v", leadID, search, err)
		}
	}
	got := map[string]bool{}
	rows, err = w.db.Query(ctx, `SELECT lead_id, field_id, sort_key FROM lead_values WHERE environment_id = $1`, w.who.Environment.ID)
	err = db.Each(rows, err, func(r db.Rows) error {
		var leadID, field id.ID
		var key []byte
		err := r.Scan(&leadID, &field, &key)
		got[fmt.Sprintf("%s %s %x", leadID, field, key)] = true
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for k := range want {
		if !got[k] {
			w.t.Errorf("there is no row for %s", k)
		}
	}
	for k := range got {
		if !want[k] {
			w.t.Errorf("there is a row too many: %s", k)
		}
	}
}
