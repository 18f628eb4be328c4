package client_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/leadflip/leadflip/client"
	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/app"
	"github.com/leadflip/leadflip/internal/platform/config"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// hang is when a test that waits for something gives up. Nothing is measured by it.
const hang = time.Minute

// world is the real program, served in this process, with one account.
type world struct {
	t        *testing.T
	cfg      config.Config
	app      *app.App
	operator account.Principal
	url, key string
	c        *client.Client // with a key that may do everything
	stop     func()
}

// onBoth runs fn against the program on each database.
func onBoth(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, newWorld(t, config.Config{Data: dbtest.SQLiteDir(t)}))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, newWorld(t, config.Config{DatabaseURL: dbtest.PostgresMigratedURL(t), Data: t.TempDir()}))
	})
}

func newWorld(t *testing.T, cfg config.Config) *world {
	t.Helper()
	cfg.MasterKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	w := &world{t: t, cfg: cfg}
	w.cfg.Addr = freeAddress(t)
	w.cfg.PublicURL = "http://" + w.cfg.Addr
	w.url = w.cfg.PublicURL
	w.start()
	ctx := t.Context()
	_, _, err := w.app.Accounts.Setup(ctx, "", true, account.NewAccount{Email: "ada@example.com", Name: "Ada", Password: "nine lanterns over the harbour", Account: "Acme"}, account.Origin{})
	w.must(err)
	w.operator, err = w.app.Accounts.OperatorIn(ctx, "acme", "")
	w.must(err)
	w.key = w.newKey("*")
	w.c = w.client(w.key)
	return w
}

// start opens the program and serves it until the test ends or stop is called.
func (w *world) start() {
	w.t.Helper()
	a, err := app.Open(context.Background(), w.cfg, slog.New(slog.DiscardHandler))
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- a.Serve(ctx, io.Discard, io.Discard) }()
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		resp, err := http.Get(w.url + "/healthz")
		if err == nil {
			_ = resp.Body.Close()
			break
		}
		if time.Since(begun) > hang {
			w.t.Fatal(err)
		}
	}
	w.app = a
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-served; err != nil {
			w.t.Error(err)
		}
		w.must(a.Close())
	}
	w.t.Cleanup(w.stop)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// newKey makes a key without rate limit and returns its secret.
func (w *world) newKey(scopes ...string) string {
	w.t.Helper()
	name := "key " + time.Now().Format(time.RFC3339Nano)
	_, secret, err := w.app.Keys.Create(w.t.Context(), w.operator, apikey.Settings{Name: &name, Scopes: &scopes, Rate: new("none"), ExpiresIn: new("never")}, true, nil)
	w.must(err)
	return secret.Reveal()
}

func (w *world) client(key string, opts ...client.Option) *client.Client {
	w.t.Helper()
	c, err := client.New(w.url, key, opts...)
	w.must(err)
	return c
}

// lead takes in a lead and returns its id.
func (w *world) lead(fields map[string]any) string {
	w.t.Helper()
	r, err := w.c.Leads.Intake(w.t.Context(), client.NewLead{Entity: "leads", Fields: fields}, nil)
	w.must(err)
	return r.LeadID
}

// refused checks the code of a refusal.
func (w *world) refused(what string, err error, code string) {
	w.t.Helper()
	if client.Code(err) != code {
		w.t.Errorf("%s: want %s, got %v", what, code, err)
	}
}
