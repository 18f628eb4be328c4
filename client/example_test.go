package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/leadflip/leadflip/client"
	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/app"
	"github.com/leadflip/leadflip/internal/platform/config"
)

// instance serves a fresh program for an example, and returns its address, a key that
// may do everything, and how to end it.
func instance() (url, key string, end func()) {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := os.MkdirTemp("", "leadflip-example")
	check(err)
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	check(err)
	addr := l.Addr().String()
	check(l.Close())
	ctx, stop := context.WithCancel(context.Background())
	a, err := app.Open(ctx, config.Config{Data: dir, Addr: addr, PublicURL: "http://" + addr, MasterKey: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}, slog.New(slog.DiscardHandler))
	check(err)
	_, _, err = a.Accounts.Setup(ctx, "", true, account.NewAccount{Email: "ada@example.com", Name: "Ada", Password: "nine lanterns over the harbour", Account: "Acme"}, account.Origin{})
	check(err)
	operator, err := a.Accounts.OperatorIn(ctx, "acme", "")
	check(err)
	_, secret, err := a.Keys.Create(ctx, operator, apikey.Settings{Name: new("example"), Scopes: &[]string{"*"}}, true, nil)
	check(err)
	served := make(chan error)
	go func() { served <- a.Serve(ctx, io.Discard, io.Discard) }()
	return "http://" + addr, secret.Reveal(), func() {
		stop()
		check(<-served)
		check(a.Close())
		check(os.RemoveAll(dir))
	}
}

func Example() {
	url, key, end := instance()
	defer end()
	ctx := context.Background()

	c, err := client.New(url, key)
	if err != nil {
		panic(err)
	}
	r, err := c.Leads.Intake(ctx, client.NewLead{
		Entity: "leads",
		Fields: map[string]any{"name": "Ada Lovelace", "email": "ada@example.com"},
		Status: map[string]string{"stage": "Contacted"},
	}, nil)
	if err != nil {
		panic(err)
	}
	lead, err := c.Leads.Get(ctx, r.LeadID)
	if err != nil {
		panic(err)
	}
	fmt.Println(r.Action, lead.Fields["name"], lead.Status["stage"].Name)
	// Output: created Ada Lovelace Contacted
}

func ExampleProblem() {
	url, key, end := instance()
	defer end()
	c, err := client.New(url, key)
	if err != nil {
		panic(err)
	}
	_, err = c.Leads.Intake(context.Background(), client.NewLead{Entity: "leads", Fields: map[string]any{"email": "ada at example"}}, nil)
	if p, ok := errors.AsType[*client.Problem](err); ok {
		fmt.Println(p.Status, p.Code)
		for _, wrong := range p.Errors {
			fmt.Println(wrong.Where())
		}
	}
	// Output:
	// 422 validation_failed
	// /email
}

func ExampleLeads_All() {
	url, key, end := instance()
	defer end()
	ctx := context.Background()
	c, err := client.New(url, key)
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"Ada", "Bob", "Cleo"} {
		if _, err := c.Leads.Intake(ctx, client.NewLead{Entity: "leads", Fields: map[string]any{"name": name}}, nil); err != nil {
			panic(err)
		}
	}
	for lead, err := range c.Leads.All(ctx, client.LeadQuery{Entity: "leads", Limit: 2}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(lead.Fields["name"])
	}
	// Output:
	// Cleo
	// Bob
	// Ada
}

func ExampleEvents_Stream() {
	url, key, end := instance()
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := client.New(url, key)
	if err != nil {
		panic(err)
	}
	if _, err := c.Leads.Intake(ctx, client.NewLead{Entity: "leads", Fields: map[string]any{"name": "Ada"}}, nil); err != nil {
		panic(err)
	}
	for event, err := range c.Events.Stream(ctx, client.EventQuery{Type: "lead.*"}) {
		if err != nil {
			panic(err)
		}
		fmt.Println(event.Type, "by the", event.Actor.Kind, event.Actor.Name)
		break // an endless stream; a real program goes on
	}
	// Output: lead.created by the key example
}

// A key that a program makes for another one is shown once.
func ExampleKeys_Create() {
	url, key, end := instance()
	defer end()
	ctx := context.Background()
	c, err := client.New(url, key)
	if err != nil {
		panic(err)
	}
	made, err := c.Keys.Create(ctx, client.KeySettings{Name: new("Website"), Scopes: &[]string{"leads:write"}})
	if err != nil {
		panic(err)
	}
	website, err := client.New(url, made.Secret.Reveal())
	if err != nil {
		panic(err)
	}
	self, err := website.Keys.Self(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Println(self.Name, self.Scopes, made.Secret)
	// Output: Website [leads:write] ***
}
