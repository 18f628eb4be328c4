package events

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

const (
	maxStreams   = 500                    // of all keys together, on a node
	askEvery     = 400 * time.Millisecond // whether the key of a stream may go on
	freeAgainIn  = 5                      // seconds after which to try again for a stream
	drainedAfter = 2                      // the same, when the server stops
)

// Service reads the log for those who may.
type Service struct {
	db   db.Handle
	tail *event.Tail

	keepAliveAt int // seconds in which nothing was sent

	streams *api.Places
}

// NewService returns a service that reads through q and follows with tail.
func NewService(q db.Handle, tail *event.Tail) *Service {
	return &Service{db: q, tail: tail, keepAliveAt: 15, streams: api.NewPlaces(api.StreamsPerKey, maxStreams)}
}

// Stop ends all streams and lets no new one begin.
func (s *Service) Stop() { s.streams.Stop() }

func allowed(who account.Principal) error {
	if who.Scopes.Allow("events:read") {
		return nil
	}
	return api.ScopeMissing(who.Scopes.Strings(), "events:read")
}

// List returns the events behind a position, oldest first.
func (s *Service) List(ctx context.Context, who account.Principal, q Query) (Page, error) {
	if err := allowed(who); err != nil {
		return Page{}, err
	}
	p := Page{Next: q.After}
	// With a kind, a page that is not full has looked at everything there was. Whoever
	// goes on there need not look at it again.
	var head event.Position
	var err error
	if q.Kind != "" {
		if head, err = event.Head(ctx, s.db, who.Environment.ID); err != nil {
			return Page{}, err
		}
	}
	if p.Events, err = event.AfterOf(ctx, s.db, who.Environment.ID, q.After, q.Limit, q.Kind); err != nil {
		return Page{}, err
	}
	if n := len(p.Events); n > 0 {
		p.Next = p.Events[n-1].Position
	}
	if len(p.Events) < q.Limit && p.Next.Before(head) {
		p.Next = head
	}
	return p, nil
}

// Reader is who gets the events of a stream.
type Reader interface {
	// Send takes one event.
	Send(e event.Event) error

	// KeepAlive is called when nothing was sent for a while. Everything up to at was
	// looked at.
	KeepAlive(at event.Position) error

	// StillAllowed tells whether the reader may go on.
	StillAllowed(ctx context.Context) error
}

// Open reserves a stream; release gives it back.
func (s *Service) Open(who account.Principal) (release func(), err error) {
	if err := allowed(who); err != nil {
		return nil, err
	}
	var key id.ID
	if who.Key != nil {
		key = who.Key.ID
	}
	release, err = s.streams.Take(key)
	switch {
	case errors.Is(err, api.ErrStopped):
		return nil, errs.New(errs.Unavailable, "The server is about to stop. Open the stream again in a moment.").With("retry_after", drainedAfter)
	case errors.Is(err, api.ErrKeyFull):
		return nil, errs.New(errs.TooManyStreams, "This key has %d streams open, which is the most there may be. Close one of them.", api.StreamsPerKey).With("retry_after", freeAgainIn)
	case err != nil:
		return nil, errs.New(errs.TooManyStreams, "The server has as many streams open as it can. Read GET /api/events, or try again later.").With("retry_after", freeAgainIn)
	}
	return release, nil
}

// Watch returns a context for a stream: it ends with ctx, with the server, and when
// the reader is no longer allowed. It must be cancelled.
func (s *Service) Watch(ctx context.Context, stillAllowed func(context.Context) error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		ask := time.NewTicker(askEvery)
		defer ask.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.streams.Stopped():
				return
			case <-ask.C:
				if stillAllowed(ctx) != nil {
					return
				}
			}
		}
	}()
	return ctx, cancel
}

// Follow sends what happens behind after until ctx ends or the reader fails.
func (s *Service) Follow(ctx context.Context, who account.Principal, after event.Position, kind event.Kind, to Reader) error {
	quiet := 0
	at := after
	return s.tail.Follow(ctx, who.Environment.ID, after,
		func(e event.Event) error {
			// What happens to keys may be the end of this one: it is asked before it is told.
			if strings.HasPrefix(e.Type, "key.") {
				if err := to.StillAllowed(ctx); err != nil {
					return err
				}
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			at = e.Position
			if !kind.Holds(e.Type) {
				return nil
			}
			quiet = 0
			return to.Send(e)
		},
		func() error {
			if quiet++; quiet%s.keepAliveAt == 0 {
				return to.KeepAlive(at)
			}
			return nil
		})
}
