package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

const goodPassword = "seven quiet otters swim"

var office = Origin{IP: netip.MustParseAddr("192.0.2.10"), UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", RequestID: "req_test_0001"}

// world is an instance that Ada has set up, on one database.
type world struct {
	t     *testing.T
	db    *db.DB
	clock *clock.Fake
	s     *Service

	ada     Principal // the owner, in Production
	account Account
}

// empty is an instance without any account.
func empty(t *testing.T, d *db.DB, c *clock.Fake) *world {
	t.Helper()
	w := &world{t: t, db: d, clock: c, s: NewService(d, slog.New(slog.DiscardHandler), func(context.Context, *db.Tx, id.ID) error { return nil })}
	t.Cleanup(w.s.background.Wait)
	return w
}

// each runs a test on both databases, with a clock that the test moves.
func each(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	for name, open := range map[string]func(testing.TB, ...dbtest.Option) *db.DB{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			on(t, open, fn)
		})
	}
}

func on(t *testing.T, open func(testing.TB, ...dbtest.Option) *db.DB, fn func(*testing.T, *world)) {
	t.Helper()
	c := clock.NewFake(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
	fn(t, empty(t, open(t, dbtest.Clock(c)), c))
}

// setUp makes the account Acme with its owner Ada.
func (w *world) setUp() *world {
	w.t.Helper()
	in := NewAccount{Email: "ada@example.com", Name: "Ada", Password: goodPassword, Account: "Acme"}
	var err error
	if w.account, _, err = w.s.Setup(w.t.Context(), "", true, in, Origin{}); err != nil {
		w.t.Fatal(err)
	}
	w.ada = w.enter("ada@example.com", "acme", "production")
	return w
}

// enter is the principal of a person in an environment.
func (w *world) enter(email, account, environment string) Principal {
	w.t.Helper()
	who, err := w.s.Enter(w.t.Context(), w.person(email), account, environment, office)
	if err != nil {
		w.t.Fatalf("%s cannot enter %s/%s: %v", email, account, environment, err)
	}
	return who
}

func (w *world) person(email string) Person {
	w.t.Helper()
	p, _, err := personByEmail(w.t.Context(), w.db, email)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// join makes a new person a member of Acme.
func (w *world) join(email, name string, role Role) Principal {
	w.t.Helper()
	token, err := w.s.Invite(w.t.Context(), w.ada, email, role)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := w.s.Join(w.t.Context(), token, name, goodPassword, office); err != nil {
		w.t.Fatal(err)
	}
	return w.enter(email, "acme", "production")
}

// secondAccount makes an account beside Acme, which no use case does yet, with a
// person in it.
func (w *world) secondAccount(name string, person id.ID, role Role) Account {
	w.t.Helper()
	a := Account{ID: id.New(), Name: name, Slug: Slug(name), ExposedPolicy: ExposedMark, CreatedAt: w.clock.Now()}
	e := Environment{ID: id.New(), AccountID: a.ID, Name: "Production", Slug: "production", Kind: Live, CreatedAt: w.clock.Now()}
	w.update(func(ctx context.Context, tx *db.Tx) error {
		return errors.Join(insertAccount(ctx, tx, a), insertEnvironment(ctx, tx, e), insertMembership(ctx, tx, a.ID, person, role, tx.Now))
	})
	return a
}

func (w *world) update(fn func(context.Context, *db.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// login starts a session and returns its token.
func (w *world) login(email string) string {
	w.t.Helper()
	token, err := w.s.Login(w.t.Context(), email, goodPassword, office)
	if err != nil {
		w.t.Fatalf("%s cannot log in: %v", email, err)
	}
	return token
}

func (w *world) alive(token string) bool {
	w.t.Helper()
	_, ok, err := w.s.Session(w.t.Context(), token)
	if err != nil {
		w.t.Fatal(err)
	}
	return ok
}

func (w *world) session(token string) Session {
	w.t.Helper()
	se, ok, err := w.s.Session(w.t.Context(), token)
	if err != nil || !ok {
		w.t.Fatalf("no session: %v", err)
	}
	return se
}

// actions lists what stands in the account's audit log, oldest first.
func (w *world) actions() []string {
	w.t.Helper()
	w.s.background.Wait()
	entries, err := audit.List(w.t.Context(), w.db, audit.Filter{AccountID: w.account.ID, Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append([]string{e.Action}, out...)
	}
	return out
}

func (w *world) count(query string, args ...any) int {
	w.t.Helper()
	var n int
	if err := w.db.QueryRow(w.t.Context(), query, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func wantCode(t *testing.T, err error, code errs.Code) {
	t.Helper()
	if errs.CodeOf(err) != code {
		t.Errorf("got %v, want an error with code %q", err, code)
	}
}

// wantField checks that err blames one field of a form.
func wantField(t *testing.T, err error, pointer string) {
	t.Helper()
	if e := errs.As(err); err == nil || len(e.Fields) != 1 || e.Fields[0].Pointer != pointer {
		t.Errorf("got %v, want an error about %s", err, pointer)
	}
}

// together runs the functions at the same moment and returns their errors.
func together(fns ...func() error) []error {
	start, done := make(chan struct{}), make(chan struct{})
	out := make([]error, len(fns))
	for i, fn := range fns {
		go func() {
			<-start
			out[i] = fn()
			done <- struct{}{}
		}()
	}
	close(start)
	for range fns {
		<-done
	}
	return out
}

func succeeded(errs []error) (n int) {
	for _, err := range errs {
		if err == nil {
			n++
		}
	}
	return n
}

// dump is everything that is stored, as text.
func (w *world) dump() string {
	w.t.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name`
	if w.db.Dialect() == db.Postgres {
		query = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name`
	}
	rows, err := w.db.Query(w.t.Context(), query)
	var tables []string
	err = db.Each(rows, err, func(r db.Rows) error {
		var name string
		err := r.Scan(&name)
		tables = append(tables, name)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var text strings.Builder
	for _, table := range tables {
		rows, err := w.db.Query(w.t.Context(), `SELECT * FROM `+table+` ORDER BY 1, 2`)
		err = db.Each(rows, err, func(r db.Rows) error {
			columns, err := r.Columns()
			if err != nil {
				return err
			}
			values, dest := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				dest[i] = &values[i]
			}
			if err := r.Scan(dest...); err != nil {
				return err
			}
			for i, v := range values {
				if b, ok := v.([]byte); ok {
					values[i] = string(b)
				}
			}
			fmt.Fprintf(&text, "%s %v\n", table, values)
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return text.String()
}
