package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/platform/config"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/obs"
)

// The contract tests hold the REST API to its document: they drive the real handler
// over real connections, and take what they send from the OpenAPI document, so that a
// new operation is covered without a change here.

// instance is the product as it runs, with two accounts of two environments each.
type instance struct {
	t      *testing.T
	cfg    config.Config
	app    *App
	doc    *document
	log    *logBuffer
	addr   string // host:port
	url    string
	client *http.Client
	close  func()

	acme, globex company

	atWork gauge // requests inside the handler
	number atomic.Int64

	mu      sync.Mutex
	secrets []string // every key that was made
	seen    []answer // every answer, when watching
	watch   bool
}

// company is an account as its owner sees it.
type company struct{ production, staging account.Principal }

// logBuffer is what the program logged.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// gauge counts what is under way, and lets a test wait until nothing is.
type gauge struct {
	mu   sync.Mutex
	n    int
	idle *sync.Cond
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n += n
	if g.n == 0 && g.idle != nil {
		g.idle.Broadcast()
	}
}

func (g *gauge) wait() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle == nil {
		g.idle = sync.NewCond(&g.mu)
	}
	for g.n > 0 {
		g.idle.Wait()
	}
}

const contractMasterKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// onBoth runs fn on a fresh instance on each database.
func onBoth(t *testing.T, fn func(t *testing.T, i *instance), settings ...func(*config.Config)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, newInstance(t, config.Config{Data: dbtest.SQLiteDir(t)}, settings...))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, newInstance(t, config.Config{DatabaseURL: dbtest.PostgresMigratedURL(t), Data: t.TempDir()}, settings...))
	})
}

// newSQLiteInstance is an instance for what has nothing to do with the database.
func newSQLiteInstance(t *testing.T, settings ...func(*config.Config)) *instance {
	t.Helper()
	return newInstance(t, config.Config{Data: dbtest.SQLiteDir(t)}, settings...)
}

func newInstance(t *testing.T, cfg config.Config, settings ...func(*config.Config)) *instance {
	t.Helper()
	i := &instance{t: t, log: &logBuffer{}, doc: readDocument(t, OpenAPI())}
	cfg.MasterKey = contractMasterKey
	for _, set := range settings {
		set(&cfg)
	}
	i.listen(cfg)
	i.settle()
	return i
}

// listen opens the program on a loopback address, as Serve does.
func (i *instance) listen(cfg config.Config) {
	srv := httptest.NewUnstartedServer(nil)
	scheme := "http"
	if cfg.TLSCert != "" {
		scheme = "https"
	}
	cfg.PublicURL = scheme + "://" + srv.Listener.Addr().String()
	a, err := Open(context.Background(), cfg, newLogger(cfg, i.log))
	i.must(err)
	var ready atomic.Bool
	ready.Store(true)
	inside := mainHandler(a, &ready, context.Background())
	srv.Config = &http.Server{MaxHeaderBytes: 64 << 10, ErrorLog: log.New(obs.NewScrubber(i.log), "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.atWork.add(1)
		defer i.atWork.add(-1)
		inside.ServeHTTP(w, r)
	})}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	if scheme == "https" {
		srv.StartTLS()
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // the certificate of httptest
	} else {
		srv.Start()
	}
	i.app, i.cfg, i.url, i.addr = a, cfg, cfg.PublicURL, srv.Listener.Addr().String()
	i.client = &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	i.close = sync.OnceFunc(func() {
		transport.CloseIdleConnections()
		srv.Close()
		i.quiet()
		i.must(a.Close())
	})
	i.t.Cleanup(i.close)
}

// settle makes the two accounts.
func (i *instance) settle() {
	ctx := context.Background()
	a := i.app
	_, _, err := a.Accounts.Setup(ctx, "", true, account.NewAccount{Email: "ada@example.com", Name: "Ada", Password: "nine lanterns over the harbour", Account: "Acme"}, account.Origin{})
	i.must(err)
	operator, err := a.Accounts.OperatorIn(ctx, "acme", "")
	i.must(err)
	members, err := a.Accounts.Members(ctx, operator)
	i.must(err)
	i.acme = i.company("acme", members[0].Person)
	i.globex = i.company("globex", i.secondAccount("globex"))
	for _, c := range []company{i.acme, i.globex} {
		_, err := a.Entities.AddField(ctx, c.production, "leads", entity.FieldInput{Label: new("Offer"), Type: new(entity.File)}, nil, nil)
		i.must(err)
	}
}

// secondAccount stores an account with its owner and Production, which the program
// itself makes only once.
func (i *instance) secondAccount(slug string) account.Person {
	p := account.Person{ID: id.New(), Email: slug + "@example.com", Name: "Bob"}
	i.must(i.app.db.Update(context.Background(), func(ctx context.Context, tx *db.Tx) error {
		accountID, now := id.At(tx.Now), db.Micros(tx.Now)
		for _, step := range []struct {
			query string
			args  []any
		}{
			{`INSERT INTO accounts (id, name, slug, created_at) VALUES ($1, $2, $3, $4)`, []any{accountID, slug, slug, now}},
			{`INSERT INTO people (id, email, email_folded, name, created_at) VALUES ($1, $2, $3, $4, $5)`, []any{p.ID, p.Email, p.Email, p.Name, now}},
			{`INSERT INTO memberships (account_id, person_id, role, created_at) VALUES ($1, $2, 'owner', $3)`, []any{accountID, p.ID, now}},
			{`INSERT INTO environments (id, account_id, name, name_folded, slug, kind, created_at) VALUES ($1, $2, 'Production', 'production', 'production', 'live', $3)`, []any{id.At(tx.Now), accountID, now}},
		} {
			if _, err := tx.Exec(ctx, step.query, step.args...); err != nil {
				return err
			}
		}
		return entity.Seed(ctx, tx, accountID)
	}))
	return p
}

// company adds a test environment to an account.
func (i *instance) company(slug string, owner account.Person) (c company) {
	ctx := context.Background()
	var err error
	c.production, err = i.app.Accounts.Enter(ctx, owner, slug, "production", account.Origin{})
	i.must(err)
	_, err = i.app.Accounts.AddEnvironment(ctx, c.production, "Staging", account.Test)
	i.must(err)
	c.staging, err = i.app.Accounts.Enter(ctx, owner, slug, "staging", account.Origin{})
	i.must(err)
	return c
}

func (i *instance) must(err error) {
	i.t.Helper()
	if err != nil {
		i.t.Fatal(err)
	}
}

// quiet waits until every request has left the handler, and what runs beside requests
// is written.
func (i *instance) quiet() {
	i.atWork.wait()
	ended, end := context.WithCancel(context.Background())
	end()
	i.app.Keys.Run(ended)
}

// unique is a name that was not used before.
func (i *instance) unique(what string) string {
	return fmt.Sprintf("%s %d", what, i.number.Add(1))
}

// key makes a key without end and rate limit for the owner of an environment.
func (i *instance) key(who account.Principal, scopes ...string) (apikey.Key, string) {
	i.t.Helper()
	return i.keyWith(who, nil, scopes...)
}

func (i *instance) keyWith(who account.Principal, change func(*apikey.Settings), scopes ...string) (apikey.Key, string) {
	i.t.Helper()
	in := apikey.Settings{Name: new(i.unique("key")), Scopes: &scopes, Rate: new("none"), ExpiresIn: new("never")}
	if change != nil {
		change(&in)
	}
	k, secret, err := i.app.Keys.Create(context.Background(), who, in, false, nil)
	i.must(err)
	i.remember(secret.Reveal())
	return k, secret.Reveal()
}

// remember notes a key, so that it can be searched for later.
func (i *instance) remember(secret string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.secrets = append(i.secrets, secret)
}

// lead stores a lead in an environment.
func (i *instance) lead(who account.Principal) string {
	i.t.Helper()
	items, err := lead.ParseBody("application/json", []byte(`{"entity":"leads","name":"Ada Lovelace","email":"ada@example.com","offer":{"name":"a.txt","content":"YQ=="}}`))
	i.must(err)
	r, err := i.app.Leads.Intake(context.Background(), who, lead.Intake{Items: items}, nil)
	i.must(err)
	return r.LeadID.String()
}

// change runs a statement that no operation offers.
func (i *instance) change(query string, args ...any) {
	i.t.Helper()
	i.must(i.app.db.Update(context.Background(), func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	}))
}

// makers make an object of a collection, by the word behind /api/ in the paths that
// name one. A key among them can do what the smallest caller that may change it can.
var makers = map[string]func(i *instance, who account.Principal) string{
	"leads": func(i *instance, who account.Principal) string { return i.lead(who) },
	"keys": func(i *instance, who account.Principal) string {
		k, _ := i.key(who, "keys:write")
		return k.ID.String()
	},
	"entities": func(i *instance, who account.Principal) string { return i.entity(who) },
}

// entity makes an entity of its own, with the starter set, a deleted field and a task.
func (i *instance) entity(who account.Principal) string {
	i.t.Helper()
	ctx := context.Background()
	all, err := i.app.Entities.List(ctx, who)
	i.must(err)
	if len(all) > entity.MaxEntities/2 { // those of former calls make room
		for _, old := range all {
			if strings.HasPrefix(old.Name, "entity ") {
				i.must(i.app.Entities.Delete(ctx, who, old.ID.String(), nil))
			}
		}
	}
	e, err := i.app.Entities.Create(ctx, who, entity.NewEntity{Name: i.unique("entity")}, nil)
	i.must(err)
	_, err = i.app.Entities.DeleteField(ctx, who, e.ID.String(), "company", false, nil)
	i.must(err)
	i.change(`INSERT INTO entity_tasks (id, account_id, entity_id, kind, state, created_at, updated_at) VALUES ($1, $2, $1, 'rebuild', 'done', 1, 1)`, e.ID, who.Account.ID)
	return e.ID.String()
}

// inside are the parts of an entity or lead that the paths of operations name beside it.
var inside = map[string]string{"key": "offer", "field": "name", "pipeline": "stage", "status": "won"}

// object is the id of a fresh object for an operation's path.
func (i *instance) object(collection string, who account.Principal) string {
	i.t.Helper()
	mk := makers[collection]
	if mk == nil {
		i.t.Fatalf("the tests cannot make anything of /api/%s/{…} yet; add it to makers", collection)
	}
	return mk(i, who)
}

// dial opens a connection to the instance.
func (i *instance) dial() net.Conn {
	i.t.Helper()
	c, err := (&net.Dialer{Timeout: time.Minute}).Dial("tcp", i.addr)
	i.must(err)
	i.must(c.SetDeadline(time.Now().Add(time.Minute)))
	return c
}

// files are the bytes of every file in a folder.
func (i *instance) files(dir string) map[string][]byte {
	i.t.Helper()
	entries, err := os.ReadDir(dir)
	i.must(err)
	out := map[string][]byte{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		i.must(err)
		out[e.Name()] = text
	}
	return out
}
