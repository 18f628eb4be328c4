package lead

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/page"
)

// world is an account with two environments, an entity that has everything, and the
// service under test.
type world struct {
	t   testing.TB
	db  *db.DB
	svc *Service
	who account.Principal // a key of Production with all rights
	e   entity.Entity
}

func newWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	w := &world{t: t, db: d, svc: NewService(d, entity.NewService(d), page.NewCodec([]byte("secret")), secrets{}, slog.New(slog.DiscardHandler))}
	w.who = w.newAccount("Acme")
	w.e = w.newEntity(w.who, solar())
	return w
}

// secrets are the same for every world.
type secrets struct{}

func (secrets) Secret(_ context.Context, name string) ([]byte, error) {
	sum := sha256.Sum256([]byte(name))
	return sum[:], nil
}

// newAccount stores an account and returns a key of its Production environment.
func (w *world) newAccount(name string) account.Principal {
	w.t.Helper()
	a := account.Account{ID: id.New(), Name: name, Slug: account.Slug(name)}
	w.update(func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO accounts (id, name, slug, created_at) VALUES ($1, $2, $3, $4)`, a.ID, a.Name, a.Slug, db.Micros(tx.Now))
		return err
	})
	p := account.Principal{Account: a, Scopes: account.Scopes{account.All}, Key: &account.KeyIdentity{ID: id.New(), Name: "Website form"}}
	return w.inEnvironment(p, "production", account.Live)
}

// inEnvironment stores an environment and returns the principal inside it.
func (w *world) inEnvironment(p account.Principal, slug string, kind account.Kind) account.Principal {
	w.t.Helper()
	p.Environment = account.Environment{ID: id.New(), AccountID: p.Account.ID, Name: strings.ToUpper(slug[:1]) + slug[1:], Slug: slug, Kind: kind}
	w.update(func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO environments (id, account_id, name, name_folded, slug, kind, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			p.Environment.ID, p.Account.ID, p.Environment.Name, slug, slug, string(kind), db.Micros(tx.Now))
		return err
	})
	return p
}

func (w *world) newEntity(p account.Principal, e entity.Entity) entity.Entity {
	w.t.Helper()
	e.AccountID = p.Account.ID
	w.update(func(ctx context.Context, tx *db.Tx) error { return entity.Insert(ctx, tx, &e) })
	return e
}

func (w *world) update(fn func(context.Context, *db.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// send takes in a JSON body.
func (w *world) send(p account.Principal, body string) (Result, error) {
	w.t.Helper()
	items, err := ParseBody("application/json", []byte(body))
	if err != nil {
		return Result{}, err
	}
	return w.svc.Intake(context.Background(), p, Intake{Items: items}, nil)
}

func (w *world) mustSend(p account.Principal, body string) Result {
	w.t.Helper()
	r, err := w.send(p, body)
	if err != nil {
		w.t.Fatalf("%s: %v %+v", body, err, errs.As(err).Fields)
	}
	return r
}

func (w *world) mustGet(p account.Principal, lead id.ID) Full {
	w.t.Helper()
	f, err := w.svc.Get(context.Background(), p, lead)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// values are the values of a lead by key, as they are stored.
func (f Full) values() map[string]entity.Value {
	out := map[string]entity.Value{}
	for i := range f.Entity.Fields {
		if v, ok := f.Lead.Values[f.Entity.Fields[i].ID]; ok {
			out[f.Entity.Fields[i].Key] = v
		}
	}
	return out
}

// statuses are the names of a lead's statuses by pipeline slug.
func (f Full) statuses() map[string]string {
	out := map[string]string{}
	for _, s := range f.Lead.Statuses {
		p := f.Entity.PipelineByID(s.PipelineID)
		out[p.Slug] = p.StatusByID(s.StatusID).Name
	}
	return out
}

// count counts the rows of a table.
func (w *world) count(table string) int {
	w.t.Helper()
	var n int
	if err := w.db.QueryRow(context.Background(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// solar is an entity with a field of every type and two pipelines.
func solar() entity.Entity {
	options := []entity.Option{{Key: "roof", Label: "On the roof"}, {Key: "balcony", Label: "Balcony"}, {Key: "oil", Label: "Oil", Retired: true}}
	limit := entity.Decimal("1000000")
	return entity.Entity{
		Slug: "solar_leads", Name: "Solar leads", Icon: "sun",
		Fields: []entity.Field{
			{Key: "name", Label: "Name", Type: entity.Text},
			{Key: "email", Aliases: []string{"e_mail_address"}, Label: "E-mail", Type: entity.Email},
			{Key: "phone", Label: "Phone number", Type: entity.Phone, Country: "DE"},
			{Key: "message", Label: "Message", Type: entity.Textarea},
			{Key: "budget", Label: "Budget in euros", Type: entity.Number, Max: &limit},
			{Key: "place", Label: "Where", Type: entity.Select, Options: options},
			{Key: "wishes", Label: "Wishes", Type: entity.MultiSelect, Options: options},
			{Key: "newsletter", Label: "Newsletter", Type: entity.Checkbox, Default: false},
			{Key: "moves_on", Label: "Moves on", Type: entity.Date},
			{Key: "call_at", Label: "Call at", Type: entity.DateTime},
			{Key: "site", Label: "Web site", Type: entity.URL},
			{Key: "city", Label: "City", Type: entity.Text, MaxLength: 10},
		},
		Pipelines: []entity.Pipeline{
			{Name: "Stage", Slug: "stage", Statuses: []entity.Status{
				{Name: "New", Color: entity.Blue, Default: true}, {Name: "In talks", Color: entity.Amber}, {Name: "Won", Color: entity.Green}}},
			{Name: "Temperature today", Slug: "temperature", Statuses: []entity.Status{
				{Name: "Cold", Color: entity.Gray}, {Name: "Warm", Color: entity.Amber, Default: true}}},
		},
	}
}

// strict is an entity with required fields.
func strict() entity.Entity {
	return entity.Entity{Slug: "strict", Name: "Strict", Fields: []entity.Field{
		{Key: "email", Label: "Email", Type: entity.Email, Required: true},
		{Key: "plan", Label: "Plan", Type: entity.Text, Required: true, Default: "basic"},
	}}
}
