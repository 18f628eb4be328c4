package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/help"
	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/obs"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// drainFor is how long a stop waits for the requests under way.
const drainFor = 10 * time.Second

// Serve runs the product until ctx ends or something fails that it must not survive.
func (a *App) Serve(ctx context.Context, out, logTo io.Writer) error {
	listeners, err := a.listen(ctx)
	if err != nil {
		return err
	}
	if err := a.announce(ctx, out); err != nil {
		return err
	}
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	background := a.background(work)

	var ready atomic.Bool
	ready.Store(true)
	// Streams end when the drain begins; requests under way go on.
	streams, endStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer endStreams()
	failed := make(chan error, len(listeners))
	var servers []*http.Server
	for _, l := range listeners {
		srv := &http.Server{
			Handler: l.handler(a, &ready, streams), TLSConfig: l.tls, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 2 * time.Minute,
			IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: log.New(obs.NewScrubber(logTo), "", 0),
		}
		servers = append(servers, srv)
		go func() {
			if err := srv.Serve(l.Listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}()
	}
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	case err = <-a.fatal:
	}
	ready.Store(false)
	endStreams()
	a.Events.Stop()
	a.Transfer.Stop()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	for _, srv := range servers {
		if e := srv.Shutdown(drain); e != nil {
			a.log.Warn("some requests were still under way at the stop", "error", e)
		}
	}
	stopWork()
	background.Wait()
	if err == nil {
		a.log.Info("stopped")
	}
	return err
}

// listener is one address with what is served there.
type listener struct {
	net.Listener
	tls     *tls.Config
	handler func(a *App, ready *atomic.Bool, streams context.Context) http.Handler
}

func (a *App) listen(ctx context.Context) (all []listener, err error) {
	open := func(flag, addr string, handler func(*App, *atomic.Bool, context.Context) http.Handler, conf *tls.Config) {
		if err != nil || addr == "" {
			return
		}
		var l net.Listener
		if l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", addr); err != nil {
			err = listenError(flag, addr, err)
			return
		}
		if conf != nil {
			l = tls.NewListener(l, conf)
		}
		all = append(all, listener{l, nil, handler})
	}
	var conf *tls.Config
	if a.cfg.TLSCert != "" {
		cert, cerr := tls.LoadX509KeyPair(a.cfg.TLSCert, a.cfg.TLSKey)
		if cerr != nil {
			return nil, fmt.Errorf("the certificate cannot be used: %w", cerr)
		}
		conf = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	open("--addr", a.cfg.Addr, mainHandler, conf)
	open("--http-addr", a.cfg.HTTPAddr, plainHandler, nil)
	open("--metrics-addr", a.cfg.MetricsAddr, metricsHandler, nil)
	if err != nil {
		for _, l := range all {
			_ = l.Close()
		}
		return nil, err
	}
	return all, nil
}

func listenError(flag, addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("the address %s is in use by another program; stop that, or choose another address with %s, for example %s 127.0.0.1:8090", addr, flag, flag)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("this user may not listen on %s; ports below 1024 need a right of their own; choose another with %s", addr, flag)
	}
	return fmt.Errorf("cannot listen on %s: %w; choose another address with %s", addr, err, flag)
}

// announce prints the lines a newcomer needs.
func (a *App) announce(ctx context.Context, out io.Writer) error {
	needed, err := a.Accounts.SetupNeeded(ctx)
	if err != nil {
		return err
	}
	setup := "done"
	if needed {
		token, err := a.Accounts.NewSetupLink(ctx)
		if err != nil {
			return err
		}
		setup = a.cfg.PublicURL + "/setup/" + token + "  (one-time, 24 hours)"
	}
	data := a.cfg.Data
	if a.db.Dialect() == db.Postgres {
		data = "PostgreSQL " + redactURL(a.cfg.DatabaseURL) + "; master key in " + a.cfg.MasterKeyFile
	}
	made := ""
	if a.madeKey {
		made = "  Key     " + a.cfg.MasterKeyFile + " was made just now: keep a copy in another place. Without it the database and its backups cannot be used\n"
	}
	fmt.Fprintf(out, "Leadflip %s\n  Open    %s\n  Setup   %s\n  Data    %s\n  Health  %s/healthz\n%s  Stop    Ctrl-C\n", Version, a.cfg.PublicURL, setup, data, a.cfg.PublicURL, made)
	return nil
}

// redactURL shows where the database is without the password.
func redactURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "(from the database URL)"
	}
	return u.Host + u.Path
}

func (a *App) edge() *httpd.Edge {
	return &httpd.Edge{Log: a.log, Proxies: a.cfg.Proxies, OwnTLS: a.cfg.TLSCert != "", Base: a.cfg.PublicURL, Observe: a.metrics.Request, Panicked: a.panicked}
}

// panicked answers in the language of whoever asked.
func (a *App) panicked(w http.ResponseWriter, r *http.Request) {
	err := errs.As(errors.New("panic"))
	if isAPI(r.URL.Path) {
		a.api.Fail(w, r, err)
		return
	}
	a.site.Error(w, r, err)
}

func isAPI(path string) bool { return path == "/api" || strings.HasPrefix(path, "/api/") }

// mainHandler is everything the product serves: the API, which never reads a cookie,
// and the web app, which never reads a key.
func mainHandler(a *App, ready *atomic.Bool, streams context.Context) http.Handler {
	assets := web.Assets()
	app := a.site.Protect(a.routes(streams))
	return a.edge().Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case isAPI(path):
			a.api.ServeHTTP(w, r)
		case strings.HasPrefix(path, "/assets/"):
			httpd.From(r.Context()).Route = "GET /assets/"
			assets.ServeHTTP(w, r)
		case path == "/favicon.ico": // browsers ask for it beside what is no page of ours: text, JSON
			httpd.From(r.Context()).Route = "GET /favicon.ico"
			http.Redirect(w, r, web.AssetURL("favicon.svg"), http.StatusFound)
		case path == "/healthz" || path == "/readyz":
			a.health(w, r, ready)
		default:
			app.ServeHTTP(w, r)
		}
	}))
}

// routes is the web app: every room's pages on one mux, with the guard before all of
// them that begin with /app/.
func (a *App) routes(streams context.Context) http.Handler {
	mux := http.NewServeMux()
	account.Routes(mux, a.site, a.Accounts)
	apikey.Routes(mux, a.site, a.Keys, a.Accounts, a.entityNames)
	entity.Routes(mux, a.site, a.Entities)
	lead.Routes(mux, a.site, a.Leads)
	help.Routes(mux, a.site)
	a.site.Handle(mux, "GET /app/{account}/{env}/stream", a.stream(streams))
	a.site.Handle(mux, "GET /app/{account}/{env}/stream/poll", a.poll)
	a.site.Handle(mux, "/", a.noSuchPage(mux))
	guarded := account.Guard(a.site, a.Accounts, mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/app/") {
			guarded.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// noSuchPage answers what no page matches: 405 where the path exists under another
// method, 404 otherwise.
func (a *App) noSuchPage(mux *http.ServeMux) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if allow := httpd.Allowed(mux, r, "/"); len(allow) > 0 {
			w.Header().Set("Allow", strings.Join(allow, ", "))
			return errs.New(errs.MethodNotAllowed, "This address takes %s.", strings.Join(allow, ", "))
		}
		return errs.NotFoundf("page")
	}
}

// health answers the machines that watch this one: /healthz while the process lives,
// /readyz while it takes requests and its database takes writes.
func (a *App) health(w http.ResponseWriter, r *http.Request, ready *atomic.Bool) {
	httpd.From(r.Context()).Route = "GET " + r.URL.Path
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		a.api.Fail(w, r, errs.New(errs.MethodNotAllowed, "This path takes GET, HEAD."))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/readyz" {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		err := a.db.Update(ctx, func(context.Context, *db.Tx) error { return nil })
		if err == nil {
			err = a.db.Ping(ctx)
		}
		if err != nil || !ready.Load() {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"status":"not ready"}`+"\n")
			return
		}
	}
	_, _ = io.WriteString(w, `{"status":"ok"}`+"\n")
}

// plainHandler stands beside HTTPS: browsers are sent there, API calls are refused
// and their keys marked, because redirecting them would teach clients to leak.
func plainHandler(a *App, ready *atomic.Bool, streams context.Context) http.Handler {
	edge := a.edge()
	edge.OwnTLS, edge.Plain = false, true
	return edge.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isAPI(r.URL.Path):
			a.api.ServeHTTP(w, r)
		case r.URL.Path == "/healthz" || r.URL.Path == "/readyz":
			a.health(w, r, ready)
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			http.Redirect(w, r, a.cfg.PublicURL+web.SafePath(r.URL.RequestURI(), "/"), http.StatusPermanentRedirect)
		default:
			a.site.Error(w, r, errs.New(errs.HTTPSRequired, "Use the address %s.", a.cfg.PublicURL))
		}
	}))
}

func metricsHandler(a *App, _ *atomic.Bool, _ context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", a.metrics.Handler())
	return mux
}
