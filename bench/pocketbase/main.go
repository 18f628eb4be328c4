// Command pocketbase is the peer that bench compares Leadflip with: PocketBase as its
// module gives it, with its own settings, one collection for the leads of the bench,
// and a superuser to call it with. It is a program of its own so that nothing of it is
// linked into the load generator.
//
// It serves on a free loopback address until its standard input ends or it is told to
// stop. Its first line is that address, a token, and the version of PocketBase.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "pocketbase:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("say the data folder, and nothing else")
	}
	app := pocketbase.NewWithConfig(pocketbase.Config{DefaultDataDir: os.Args[1], HideStartBanner: true})
	// It would print that SQLite is newer here than in its own releases: both sides use
	// the same.
	app.OnBootstrap().Unbind(pocketbase.ModerncDepsCheckHookId)
	if err := app.Bootstrap(); err != nil {
		return err
	}
	if err := app.RunAllMigrations(); err != nil {
		return err
	}
	if err := addCollection(app); err != nil {
		return err
	}
	token, err := addSuperuser(app)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Listener = l
		return e.Next()
	})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	ended := make(chan error, 1)
	go func() { ended <- apis.Serve(app, apis.ServeConfig{HttpAddr: l.Addr().String()}) }()
	fmt.Println(l.Addr(), token, version())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	return app.OnTerminate().Trigger(&core.TerminateEvent{App: app}, func(*core.TerminateEvent) error {
		return app.ResetBootstrapState() // closes the databases
	})
}

// addCollection makes the collection: the eight values of a lead, its two moments,
// which PocketBase's own screens add to every collection, and the indexes that
// Leadflip has for the same questions.
func addCollection(app core.App) error {
	c := core.NewBaseCollection("leads")
	c.Fields.Add(
		&core.TextField{Name: "name"},
		&core.EmailField{Name: "email", Required: true},
		&core.TextField{Name: "phone"},
		&core.TextField{Name: "company"},
		&core.TextField{Name: "message"},
		&core.SelectField{Name: "product", Values: []string{"engine", "loom", "clock"}, MaxSelect: 1},
		&core.NumberField{Name: "budget"},
		&core.TextField{Name: "source"},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	c.AddIndex("leads_email", true, "email", "")
	c.AddIndex("leads_budget", false, "budget", "")
	c.AddIndex("leads_created", false, "created", "")
	return app.Save(c)
}

// addSuperuser makes the caller and returns its token, which is what PocketBase has
// for programs that call it. No rule of the collection is evaluated for it.
func addSuperuser(app core.App) (string, error) {
	users, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return "", err
	}
	who := core.NewRecord(users)
	who.SetEmail("ada@example.com")
	who.SetPassword("nine lanterns over the harbour")
	if err := app.Save(who); err != nil {
		return "", err
	}
	return who.NewAuthToken()
}

// version is that of the module that is linked in.
func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, d := range info.Deps {
		if d.Path == "github.com/pocketbase/pocketbase" {
			return d.Version
		}
	}
	return "unknown"
}
