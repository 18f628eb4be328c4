package apikey

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

const (
	flushEvery  = 10 * time.Second
	keptCalls   = 100 // of each key
	flushSlice  = 50  // keys in one transaction, so that intake is not held up
	usageKept   = 91 * 24 * time.Hour
	firstUseMax = 64 // first uses being written at once
)

// usage gathers calls in memory and writes them every ten seconds. observe never
// blocks on the database. What was gathered since the last write is lost by kill -9;
// a clean stop writes it.
type usage struct {
	db  *db.DB
	log *slog.Logger

	mu   sync.Mutex
	keys map[id.ID]*gathered

	flushing sync.Mutex
	first    chan struct{}
	wait     sync.WaitGroup
}

// gathered is the use of one key since the last write.
type gathered struct {
	environment id.ID
	last        *Call
	counts      map[bucket]int
	addresses   map[address]addressUse
	calls       []Call // the latest keptCalls, oldest first
}

type bucket struct {
	hour   int64
	route  string
	status int
}

type address struct {
	day int64
	ip  string
}

type addressUse struct {
	calls int
	last  time.Time
}

// Call is one call of a key as it is kept.
type Call struct {
	At        time.Time
	RequestID string
	Method    string
	Route     string
	Status    int
	Took      time.Duration
	IP        string
	UserAgent string
}

func newUsage(d *db.DB, log *slog.Logger) *usage {
	return &usage{db: d, log: log, keys: map[id.ID]*gathered{}, first: make(chan struct{}, firstUseMax)}
}

func (u *usage) observe(c api.Call) {
	call := Call{At: c.At.Truncate(time.Microsecond), RequestID: c.RequestID, Method: c.Method, Route: c.Route, Status: c.Status, Took: c.Took, IP: c.IP.String(), UserAgent: clip(c.UserAgent, 200)}
	u.mu.Lock()
	g := u.keys[c.KeyID]
	if g == nil {
		g = &gathered{environment: c.Environment, counts: map[bucket]int{}, addresses: map[address]addressUse{}}
		u.keys[c.KeyID] = g
	}
	g.counts[bucket{call.At.Unix() / 3600, c.Method + " " + c.Route, c.Status}]++
	a := address{call.At.Unix() / 86400, call.IP}
	seen := g.addresses[a]
	g.addresses[a] = addressUse{seen.calls + 1, call.At}
	if c.Accepted && (g.last == nil || call.At.After(g.last.At)) {
		g.last = &call
	}
	if len(g.calls) >= 2*keptCalls {
		g.calls = append(g.calls[:0], g.calls[len(g.calls)-keptCalls:]...)
	}
	g.calls = append(g.calls, call)
	u.mu.Unlock()
	if c.FirstUse && c.Accepted {
		u.firstUse(c, call)
	}
}

// firstUse writes a key's very first use at once, as an event, beside the request.
func (u *usage) firstUse(c api.Call, call Call) {
	select {
	case u.first <- struct{}{}:
	default:
		return // many at once: the next call of the key tries again
	}
	u.wait.Go(func() {
		defer func() { <-u.first }()
		err := u.db.Update(context.Background(), func(ctx context.Context, tx *db.Tx) error {
			name, first, err := setFirstUsed(ctx, tx, c.KeyID, call.At)
			if err != nil || !first {
				return err
			}
			return event.Write(ctx, tx, c.Environment, event.Actor{Kind: "key", ID: c.KeyID, Name: name}, KeyFirstUsed{
				KeyID: c.KeyID, Status: call.Status, Micros: call.Took.Microseconds(), IP: call.IP, Method: call.Method, Route: call.Route, RequestID: call.RequestID})
		})
		if err != nil {
			u.log.Error("the first use of a key could not be written", "error", err)
		}
	})
}

// run writes every ten seconds until ctx ends, and then once more.
func (u *usage) run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			u.wait.Wait()
			u.flush(context.WithoutCancel(ctx))
			return
		case <-tick.C:
			u.flush(ctx)
		}
	}
}

// flush writes what was gathered. What cannot be written is gathered again, so that
// a database that is away for a while costs no count.
func (u *usage) flush(ctx context.Context) {
	u.flushing.Lock()
	defer u.flushing.Unlock()
	u.mu.Lock()
	taken := u.keys
	u.keys = map[id.ID]*gathered{}
	u.mu.Unlock()
	ids := make([]id.ID, 0, len(taken))
	for k := range taken {
		ids = append(ids, k)
	}
	// One order for all nodes, so that they do not wait for each other in a circle.
	slices.SortFunc(ids, func(a, b id.ID) int { return slices.Compare(a[:], b[:]) })
	for slice := range slices.Chunk(ids, flushSlice) {
		err := u.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
			for _, k := range slice {
				if err := storeUsage(ctx, tx, k, taken[k]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			u.log.Warn("the use of keys could not be written yet", "error", err)
			u.putBack(slice, taken)
		}
	}
}

func (u *usage) putBack(ids []id.ID, taken map[id.ID]*gathered) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, k := range ids {
		old, g := taken[k], u.keys[k]
		if g == nil {
			u.keys[k] = old
			continue
		}
		for b, n := range old.counts {
			g.counts[b] += n
		}
		for a, use := range old.addresses {
			now := g.addresses[a]
			g.addresses[a] = addressUse{now.calls + use.calls, later(now.last, use.last)}
		}
		if g.last == nil {
			g.last = old.last
		}
		g.calls = append(old.calls, g.calls...)
		g.calls = g.calls[max(0, len(g.calls)-keptCalls):]
	}
}

// pending returns a copy of what was gathered for a key and not written yet, so that
// a page of this node shows calls at once.
func (u *usage) pending(key id.ID) gathered {
	u.mu.Lock()
	defer u.mu.Unlock()
	g := u.keys[key]
	if g == nil {
		return gathered{}
	}
	c := gathered{environment: g.environment, last: g.last, counts: map[bucket]int{}, addresses: map[address]addressUse{}, calls: slices.Clone(g.calls)}
	maps.Copy(c.counts, g.counts)
	maps.Copy(c.addresses, g.addresses)
	return c
}

// latest is the last use of a key: what is stored of it, or a call that was gathered
// here since.
func (u *usage) latest(key id.ID, stored *Call) *Call {
	u.mu.Lock()
	defer u.mu.Unlock()
	if g := u.keys[key]; g != nil && g.last != nil && (stored == nil || g.last.At.After(stored.At)) {
		return g.last
	}
	return stored
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
