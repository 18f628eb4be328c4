package apikey

import (
	"context"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// world is an account with an owner and two environments, and the service under test.
type world struct {
	t        testing.TB
	db       *db.DB
	accounts *account.Service
	keys     *Service
	owner    account.Principal
	test     account.Principal // the same person in a test environment
}

var from = account.Origin{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "test", RequestID: "req_test0001"}

func newWorld(t testing.TB, d *db.DB) *world {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	w := &world{t: t, db: d, keys: NewService(d, log)}
	w.accounts = account.NewService(d, log, func(context.Context, *db.Tx, id.ID) error { return nil })
	ctx := context.Background()
	made, _, err := w.accounts.Setup(ctx, "", true, account.NewAccount{Email: "ada@example.com", Name: "Ada", Password: "nine lanterns over the harbour", Account: "Acme"}, from)
	w.must(err)
	operator, err := w.accounts.OperatorIn(ctx, made.Slug, "")
	w.must(err)
	members, err := w.accounts.Members(ctx, operator)
	w.must(err)
	w.owner, err = w.accounts.Enter(ctx, members[0].Person, made.Slug, "production", from)
	w.must(err)
	_, err = w.accounts.AddEnvironment(ctx, w.owner, "Staging", account.Test)
	w.must(err)
	w.test, err = w.accounts.Enter(ctx, members[0].Person, made.Slug, "staging", from)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// key makes a key of the owner with these scopes.
func (w *world) key(name string, scopes ...string) (Key, Secret) {
	w.t.Helper()
	k, s, err := w.keys.Create(context.Background(), w.owner, Settings{Name: &name, Scopes: &scopes}, false, nil)
	w.must(err)
	return k, s
}

func facts() api.Facts { return api.Facts{IP: from.IP, UserAgent: "test", RequestID: "req_test0001"} }

// try authenticates as a request would.
func (w *world) try(s Secret, change ...func(*api.Facts)) (api.Caller, error) {
	f := facts()
	for _, c := range change {
		c(&f)
	}
	return w.keys.Authenticate(context.Background(), s.Reveal(), f)
}

// as is the principal a key acts as.
func (w *world) as(s Secret) account.Principal {
	w.t.Helper()
	c, err := w.try(s)
	w.must(err)
	who, _ := account.From(c.Enter(context.Background()))
	return who
}

//go:fix inline
