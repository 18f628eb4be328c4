package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// liveEvent is an event as the browser gets it.
type liveEvent struct {
	ID   string          `json:"id"`
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

const pollMax = 200

// poll answers what happened after a cursor, for browsers without a stream and for
// tabs that join one.
func (a *App) poll(w http.ResponseWriter, r *http.Request) error {
	who, _ := account.From(r.Context())
	after, err := event.ParsePosition(r.URL.Query().Get("after"))
	if err != nil {
		return err
	}
	events, err := event.After(r.Context(), a.db, who.Environment.ID, after, pollMax)
	if err != nil {
		return err
	}
	out := struct {
		Events []liveEvent `json:"events"`
		Cursor string      `json:"cursor"`
	}{Events: []liveEvent{}, Cursor: after.String()}
	for _, e := range events {
		out.Events = append(out.Events, liveEvent{e.Position.String(), e.Type, e.Data})
		out.Cursor = e.Position.String()
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(out)
}

// recheckEvery is how many idle seconds pass before a stream asks again whether its
// person may still look.
const (
	recheckEvery   = 2
	keepAliveEvery = 15
)

// stream sends the events of an environment to a browser as they happen (HTML
// standard, server-sent events). It ends when the login or membership does, and when
// the server stops.
func (a *App) stream(streams context.Context) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		who, _ := account.From(r.Context())
		position := r.Header.Get("Last-Event-ID")
		if position == "" {
			position = r.URL.Query().Get("after")
		}
		after, err := event.ParsePosition(position)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(streams, cancel)()

		quiet := 0
		err = httpd.ServeEvents(ctx, w, r, func(out *httpd.EventStream) error {
			return a.tail.Follow(ctx, who.Environment.ID, after,
				func(e event.Event) error { return out.Send(e.Position.String(), e.Type, e.Data) },
				func() error {
					quiet++
					if quiet%recheckEvery == 0 && !a.mayStillLook(r, who) {
						return errStopped
					}
					if quiet%keepAliveEvery == 0 {
						return out.KeepAlive("")
					}
					return nil
				})
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, errStopped) {
			httpd.From(r.Context()).Err = err
		}
		return nil // the answer has begun; there is no error page any more
	}
}

func (a *App) mayStillLook(r *http.Request, who account.Principal) bool {
	ctx := context.WithoutCancel(r.Context())
	session, ok, err := a.Accounts.Session(ctx, web.SessionToken(r))
	if err != nil || !ok {
		return false
	}
	_, err = a.Accounts.Enter(ctx, session.Person, who.Account.Slug, who.Environment.Slug, who.Origin)
	return errs.CodeOf(err) == ""
}
