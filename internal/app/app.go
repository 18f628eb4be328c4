package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/events"
	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/config"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/obs"
	"github.com/leadflip/leadflip/internal/platform/page"
	"github.com/leadflip/leadflip/internal/platform/vault"
	"github.com/leadflip/leadflip/internal/platform/web"
	"github.com/leadflip/leadflip/internal/transfer"
)

// Version is the program's version; releases set it at build time.
var Version = "0.1.0-dev"

// IO is where the program reads and writes.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
}

// App is the rooms of one running program.
type App struct {
	cfg      config.Config
	log      *slog.Logger
	db       *db.DB
	Accounts *account.Service
	Keys     *apikey.Service
	Entities *entity.Service
	Leads    *lead.Service
	Events   *events.Service
	Transfer *transfer.Service
	api      *api.API
	site     *web.Site
	tail     *event.Tail
	metrics  *obs.Metrics
	madeKey  bool // this start made the file of the master key

	fatal chan error // a fault after which the program must not go on
}

// Open opens the database and builds the rooms.
func Open(ctx context.Context, cfg config.Config, log *slog.Logger) (*App, error) {
	a := &App{cfg: cfg, log: log, fatal: make(chan error, 1)}
	d, err := db.Open(ctx, db.Config{URL: cfg.DatabaseURL, Dir: cfg.Data, Fatal: a.fail})
	if err != nil {
		return nil, err
	}
	a.db = d
	if err := a.build(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return a, nil
}

func (a *App) build(ctx context.Context) error {
	v, err := vault.Open(ctx, a.db, vault.Config{Key: a.cfg.MasterKey, File: a.cfg.MasterKeyFile})
	if err != nil {
		return err
	}
	a.madeKey = v.Made()
	cursorSecret, err := v.Secret(ctx, "cursors")
	if err != nil {
		return err
	}
	cursors := page.NewCodec(cursorSecret)
	answersSecret, err := v.Secret(ctx, "answers")
	if err != nil {
		return err
	}
	a.metrics = obs.NewMetrics(Version)
	a.tail = event.NewTail(a.db, a.log)
	a.Accounts = account.NewService(a.db, a.log, entity.Seed)
	a.Keys = apikey.NewService(a.db, a.log)
	a.Entities = entity.NewService(a.db)
	a.Leads = lead.NewService(a.db, a.Entities, cursors, v, a.log)
	a.Events = events.NewService(a.db, a.tail)
	a.Transfer = transfer.NewService(a.db, a.Leads)
	a.api = api.New(api.Config{Gate: a.Keys, DB: a.db, Limiter: api.NewLimiter(a.db, clock.System{}), Cursors: cursors, Log: a.log, Secret: answersSecret, Version: Version, KeySeen: a.metrics.KeyCheck})
	registerAPI(a.api, a.Keys, a.Entities, a.Leads, a.Transfer, a.Events)
	a.site = &web.Site{Log: a.log, Shell: a.shell, AllowPlain: a.cfg.AllowPlainHTTP}
	return nil
}

// registerAPI is the whole REST API on one screen; each room's file has its own part.
func registerAPI(to *api.API, keys *apikey.Service, entities *entity.Service, leads *lead.Service, exports *transfer.Service, log *events.Service) {
	apikey.RegisterAPI(to, keys)
	entity.RegisterAPI(to, entities)
	lead.RegisterAPI(to, leads)
	transfer.RegisterAPI(to, exports)
	events.RegisterAPI(to, log)
	to.ServeLimits()
	to.ServeOpenAPI(leads.Typed)
}

// fail notes a fault after which nothing may be acknowledged any more.
func (a *App) fail(err error) {
	select {
	case a.fatal <- err:
	default:
	}
}

// Close writes what is still in memory and closes the database.
func (a *App) Close() error { return a.db.Close() }

// background runs the work beside requests until ctx ends, and waits for it.
func (a *App) background(ctx context.Context) *sync.WaitGroup {
	var wg sync.WaitGroup
	wg.Go(func() { a.Keys.Run(ctx) })
	wg.Go(func() { a.Leads.Run(ctx) })
	wg.Go(func() { a.housekeeping(ctx) })
	wg.Go(func() { obs.CollectLess(ctx) })
	return &wg
}

// housekeeping deletes once an hour what nobody can ask for any longer.
func (a *App) housekeeping(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := api.ForgetOldAnswers(ctx, a.db); err != nil && ctx.Err() == nil {
			a.log.Warn("old answers could not be deleted", "error", err)
		}
		if err := a.Leads.EmptyTrash(ctx); err != nil && ctx.Err() == nil {
			a.log.Warn("the trash could not be emptied", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// newLogger makes the log; every byte of it passes the scrubber.
func newLogger(cfg config.Config, w io.Writer) *slog.Logger {
	return obs.NewLogger(obs.NewScrubber(w), cfg.LogFormat, cfg.Level)
}

// OpenAPI is the document of the REST API, without a database.
func OpenAPI() []byte {
	a := api.New(api.Config{Version: Version, Log: slog.New(slog.DiscardHandler), Gate: (*apikey.Service)(nil)})
	registerAPI(a, nil, nil, nil, nil, nil)
	return a.OpenAPI()
}

var errStopped = fmt.Errorf("stopped")
