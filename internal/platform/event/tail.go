package event

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// tailEvery is how often a followed environment is looked at. Polling alone meets
// the promise of "within a second"; nothing else is relied on.
const tailEvery = 250 * time.Millisecond

// Tail tells many followers of an environment when there is something new, with one
// poll of the database however many they are.
type Tail struct {
	db  db.Handle
	log *slog.Logger

	mu   sync.Mutex
	envs map[id.ID]*followed
}

type followed struct {
	followers int
	stop      context.CancelFunc
	changed   chan struct{} // closed and replaced at each change
	head      Position
}

// NewTail returns a Tail that reads through q.
func NewTail(q db.Handle, log *slog.Logger) *Tail {
	return &Tail{db: q, log: log, envs: map[id.ID]*followed{}}
}

// Follow sends the events of an environment behind after, in order, until ctx ends
// or send fails. About every second it calls idle, however much there is to send, so
// that a connection can be kept alive and a lost right be noticed.
func (t *Tail) Follow(ctx context.Context, environment id.ID, after Position, send func(Event) error, idle func() error) error {
	f := t.join(environment)
	defer t.leave(environment)
	beat := time.NewTicker(time.Second)
	defer beat.Stop()
	for {
		t.mu.Lock()
		changed := f.changed
		t.mu.Unlock()
		events, err := After(ctx, t.db, environment, after, 200)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := send(e); err != nil {
				return err
			}
			after = e.Position
		}
		if len(events) == 200 {
			select {
			case <-beat.C:
				if err := idle(); err != nil {
					return err
				}
			default:
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-beat.C:
			if err := idle(); err != nil {
				return err
			}
		}
	}
}

func (t *Tail) join(environment id.ID) *followed {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.envs[environment]
	if f == nil {
		ctx, stop := context.WithCancel(context.Background())
		f = &followed{stop: stop, changed: make(chan struct{})}
		t.envs[environment] = f
		go t.poll(ctx, environment, f)
	}
	f.followers++
	return f
}

func (t *Tail) leave(environment id.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.envs[environment]
	if f.followers--; f.followers == 0 {
		f.stop()
		delete(t.envs, environment)
	}
}

func (t *Tail) poll(ctx context.Context, environment id.ID, f *followed) {
	tick := time.NewTicker(tailEvery)
	defer tick.Stop()
	for {
		head, err := Head(ctx, t.db, environment)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			t.log.Warn("the event log could not be read", "error", err)
		case head != f.head:
			t.mu.Lock()
			f.head = head
			close(f.changed)
			f.changed = make(chan struct{})
			t.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
