package events

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// hang is when a test that waits for something gives up. Nothing is measured by it.
const hang = time.Minute

// fact says which of its writer's facts it is.
type fact struct {
	Type   string `json:"-"`
	Writer int    `json:"writer"`
	Number int    `json:"number"`
}

func (f fact) EventType() string { return f.Type }

func newService(d *db.DB) *Service {
	return NewService(d, event.NewTail(d, slog.New(slog.DiscardHandler)))
}

// reading is a key that may read the events of a new environment.
func reading() account.Principal {
	return account.Principal{Environment: account.Environment{ID: id.New()}, Scopes: account.Scopes{"events:read"}, Key: &account.KeyIdentity{ID: id.New()}}
}

func write(d *db.DB, who account.Principal, facts ...fact) error {
	return d.Update(context.Background(), func(ctx context.Context, tx *db.Tx) error {
		for _, f := range facts {
			if err := event.Write(ctx, tx, who.Environment.ID, event.Actor{Kind: "system"}, f); err != nil {
				return err
			}
		}
		return nil
	})
}

func read(t interface{ Fatal(...any) }, e event.Event) fact {
	f := fact{Type: e.Type}
	if err := json.Unmarshal(e.Data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// load is what some writers write at the same time, each its facts in order.
type load struct{ writers, each int }

func drawLoad(rt *rapid.T) load {
	return load{rapid.IntRange(1, 5).Draw(rt, "writers"), rapid.IntRange(0, 12).Draw(rt, "facts of each")}
}

// start begins to write; the transactions of the writers overlap as they may.
func (l load) start(d *db.DB, who account.Principal) *sync.WaitGroup {
	var writing sync.WaitGroup
	for w := range l.writers {
		writing.Go(func() {
			for n := range l.each {
				if err := write(d, who, fact{"thing.counted", w, n}); err != nil {
					panic(err)
				}
			}
		})
	}
	return &writing
}

// ledger checks that what is read is each writer's facts, in order, each once.
type ledger struct {
	next []int
	got  int
}

func (l load) ledger() *ledger { return &ledger{next: make([]int, l.writers)} }

func (g *ledger) take(t interface {
	Fatal(...any)
	Fatalf(string, ...any)
}, e event.Event) {
	f := read(t, e)
	if f.Number != g.next[f.Writer] {
		t.Fatalf("of writer %d comes number %d, not %d", f.Writer, f.Number, g.next[f.Writer])
	}
	g.next[f.Writer]++
	g.got++
}

func TestAPollerGetsEverythingOnceInOrderBesideWriters(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newService(d)
		rapid.Check(t, func(rt *rapid.T) {
			l, who := drawLoad(rt), reading()
			writing := l.start(d, who)
			defer writing.Wait()
			seen, after := l.ledger(), event.Position{}
			for begun := time.Now(); seen.got < l.writers*l.each; {
				limit := rapid.IntRange(1, 7).Draw(rt, "limit")
				p, err := s.List(t.Context(), who, Query{After: after, Limit: limit})
				if err != nil {
					rt.Fatal(err)
				}
				for _, e := range p.Events {
					seen.take(rt, e)
				}
				if len(p.Events) > limit || len(p.Events) == 0 && p.Next != after || len(p.Events) > 0 && p.Next != p.Events[len(p.Events)-1].Position {
					rt.Fatalf("a page of %d after %v has %d events and goes on behind %v", limit, after, len(p.Events), p.Next)
				}
				if after = p.Next; time.Since(begun) > hang {
					rt.Fatalf("only %d of %d came", seen.got, l.writers*l.each)
				}
				if len(p.Events) == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	})
}

// cutReader takes some events and then breaks, as a connection does.
type cutReader struct {
	takes int // before it breaks
	take  func(event.Event)
}

var errCut = errors.New("cut")

func (c *cutReader) Send(e event.Event) error {
	if c.takes == 0 {
		return errCut
	}
	c.takes--
	c.take(e)
	return nil
}

func (*cutReader) KeepAlive(event.Position) error     { return nil }
func (*cutReader) StillAllowed(context.Context) error { return nil }
func always(context.Context) error                    { return nil }
func refuse(context.Context) error                    { return errs.New(errs.KeyRevoked, "revoked") }
func withKeepAlive(s *Service, idles int) *Service    { s.keepAliveAt = idles; return s }
func background() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), hang)
}

func TestAStreamThatIsCutResumesExactlyOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := newService(d)
		rapid.Check(t, func(rt *rapid.T) {
			l, who := drawLoad(rt), reading()
			writing := l.start(d, who)
			defer writing.Wait()
			seen, after := l.ledger(), event.Position{}
			ctx, cancel := background()
			defer cancel()
			for seen.got < l.writers*l.each {
				left := l.writers*l.each - seen.got
				r := &cutReader{takes: rapid.IntRange(0, left).Draw(rt, "events before the cut")}
				run, stop := context.WithCancel(ctx)
				r.take = func(e event.Event) {
					seen.take(rt, e)
					after = e.Position
					if seen.got == l.writers*l.each {
						stop()
					}
				}
				err := s.Follow(run, who, after, "", r)
				stop()
				if ctx.Err() != nil || !errors.Is(err, errCut) && !errors.Is(err, context.Canceled) {
					rt.Fatalf("after %d of %d: %v", seen.got, l.writers*l.each, err)
				}
			}
		})
	})
}

// What a kind holds is the same in SQL and in Go, and a poller of a kind gets on
// although nothing of it happens.
func TestKinds(t *testing.T) {
	t.Parallel()
	types := []string{"lead.created", "lead.updated", "lead.note_added", "leads.created", "lea.created", "key.created", "l_ad.created", "entity.changed"}
	kinds := []event.Kind{"", "lead.*", "lead.created", "lead.note_added", "l_ad.*", "lead.%", "le%.created", "nothing.*", "key.*"}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, who := newService(d), reading()
		for n := range 40 {
			if err := write(d, who, fact{types[n%len(types)], 0, n}); err != nil {
				t.Fatal(err)
			}
		}
		all := everything(t, s, who, "", 200)
		if len(all) != 40 {
			t.Fatalf("%d events", len(all))
		}
		for _, kind := range kinds {
			var want []string
			for _, e := range all {
				if kind.Holds(e.Type) {
					want = append(want, e.Position.String())
				}
			}
			var got []string
			for _, e := range everything(t, s, who, kind, 3) {
				got = append(got, e.Position.String())
			}
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%q:\n%v\n%v", kind, got, want)
			}
			p, err := s.List(t.Context(), who, Query{Kind: kind, Limit: 200})
			if last := all[len(all)-1].Position; err != nil || p.Next != last {
				t.Errorf("%q goes on behind %v, %v; everything up to %v was looked at", kind, p.Next, err, last)
			}
		}
		future := event.Position{Tx: 1 << 60, Seq: 1}
		if p, err := s.List(t.Context(), who, Query{After: future, Kind: "lead.*", Limit: 5}); err != nil || p.Next != future {
			t.Errorf("a poller was led back to %v, %v", p.Next, err)
		}
	})
}

// everything walks the log of a kind. Other tests' transactions on the same server may
// hold it up.
func everything(t *testing.T, s *Service, who account.Principal, kind event.Kind, limit int) (all []event.Event) {
	t.Helper()
	waitSettled(t, s, who)
	var after event.Position
	for {
		p, err := s.List(t.Context(), who, Query{After: after, Kind: kind, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Events) == 0 {
			return all
		}
		all, after = append(all, p.Events...), p.Next
	}
}

// waitSettled waits until what was written can be read.
func waitSettled(t *testing.T, s *Service, who account.Principal) {
	t.Helper()
	marker := fact{"marker.set", 0, int(time.Now().UnixNano())}
	if err := write(s.db.(*db.DB), marked(who), marker); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); time.Since(begun) < hang; time.Sleep(time.Millisecond) {
		if p, err := s.List(t.Context(), marked(who), Query{Limit: 200}); err != nil {
			t.Fatal(err)
		} else if n := len(p.Events); n > 0 && read(t, p.Events[n-1]).Number == marker.Number {
			return
		}
	}
	t.Fatal("nothing settles")
}

// marked is another environment, so that markers are not among what is looked at.
func marked(who account.Principal) account.Principal {
	who.Environment.ID[15] ^= 0xff
	return who
}

func TestNobodyReadsWithoutTheRight(t *testing.T) {
	t.Parallel()
	s := newService(dbtest.SQLite(t))
	for _, scopes := range []account.Scopes{nil, {"leads:read"}, {"leads.solar:read", "leads.solar:write"}, {"keys:read"}} {
		who := reading()
		who.Scopes = scopes
		if _, err := s.List(t.Context(), who, Query{Limit: 1}); errs.CodeOf(err) != errs.InsufficientScope {
			t.Errorf("%v lists: %v", scopes, err)
		}
		if _, err := s.Open(who); errs.CodeOf(err) != errs.InsufficientScope {
			t.Errorf("%v streams: %v", scopes, err)
		}
	}
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := newService(dbtest.SQLite(t))
	open := func(who account.Principal) func() {
		t.Helper()
		release, err := s.Open(who)
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	full := func(who account.Principal) {
		t.Helper()
		_, err := s.Open(who)
		if errs.CodeOf(err) != errs.TooManyStreams || errs.As(err).Meta["retry_after"] == nil {
			t.Errorf("one too many: %v", err)
		}
	}
	one := reading()
	var release []func()
	for range api.StreamsPerKey {
		release = append(release, open(one))
	}
	full(one)
	release[0]()
	release[0]() // counts once
	release[0] = open(one)
	full(one)
	for taken, _ := s.streams.Taken(); taken < maxStreams; taken++ {
		release = append(release, open(reading()))
	}
	full(reading())
	for _, r := range release {
		r()
	}
	if taken, keys := s.streams.Taken(); taken != 0 || keys != 0 {
		t.Errorf("%d streams of %d keys are left", taken, keys)
	}
	s.Stop()
	if _, err := s.Open(one); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("a stream begins while the server stops: %v", err)
	}
}

func TestAWatchedStreamEnds(t *testing.T) {
	t.Parallel()
	gone, leave := context.WithCancel(context.Background())
	for _, c := range []struct {
		name  string
		ctx   context.Context
		still func(context.Context) error
		end   func(s *Service)
	}{
		{"with its caller", gone, always, func(*Service) { leave() }},
		{"with the server", context.Background(), always, (*Service).Stop},
		{"with its right", context.Background(), refuse, func(*Service) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newService(dbtest.SQLite(t))
			ctx, cancel := s.Watch(c.ctx, c.still)
			defer cancel()
			c.end(s)
			select {
			case <-ctx.Done():
			case <-time.After(hang):
				t.Error("it goes on")
			}
		})
	}
}

// blockedReader takes nothing until it is let go.
type blockedReader struct {
	cutReader
	reached chan struct{}
	letGo   chan struct{}
}

func (b *blockedReader) Send(event.Event) error {
	close(b.reached)
	<-b.letGo
	return errCut
}

func TestAReaderThatDoesNotReadHoldsUpNobody(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, who := newService(d), reading()
		ctx, cancel := background()
		defer cancel()
		slow := &blockedReader{reached: make(chan struct{}), letGo: make(chan struct{})}
		ended := make(chan error)
		go func() { ended <- s.Follow(ctx, who, event.Position{}, "", slow) }()
		if err := write(d, who, fact{"thing.counted", 0, 0}); err != nil {
			t.Fatal(err)
		}
		<-slow.reached
		l := load{3, 20}
		other := who
		other.Key = &account.KeyIdentity{ID: id.New()}
		writing := l.start(d, other)
		n := 0
		run, stop := context.WithCancel(ctx)
		err := s.Follow(run, other, event.Position{}, "", &cutReader{takes: -1, take: func(event.Event) {
			if n++; n == 61 {
				stop()
			}
		}})
		stop()
		writing.Wait()
		if n != 61 || ctx.Err() != nil {
			t.Errorf("beside a reader that does not read came %d events, %v", n, err)
		}
		close(slow.letGo)
		if err := <-ended; !errors.Is(err, errCut) {
			t.Error(err)
		}
	})
}

// keptReader notes where it was told that everything was looked at.
type keptReader struct {
	cutReader
	at chan event.Position
}

func (k *keptReader) KeepAlive(at event.Position) error {
	k.at <- at
	return errCut
}

func TestAQuietStreamIsKeptAliveBehindWhatWasPassedOver(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, who := withKeepAlive(newService(d), 1), reading()
		if err := write(d, who, fact{"thing.counted", 0, 0}, fact{"thing.counted", 0, 1}); err != nil {
			t.Fatal(err)
		}
		all := everything(t, s, who, "", 10)
		k := &keptReader{at: make(chan event.Position, 1)}
		if err := s.Follow(t.Context(), who, event.Position{}, "lead.*", k); !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		if at := <-k.at; at != all[1].Position {
			t.Errorf("everything up to %v was looked at, but it says %v", all[1].Position, at)
		}
	})
}

// endedReader lost its right.
type endedReader struct{ cutReader }

func (*endedReader) StillAllowed(ctx context.Context) error { return refuse(ctx) }

func TestWhatEndedAKeyIsNotToldToIt(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, who := newService(d), reading()
		if err := write(d, who, fact{"lead.created", 0, 0}, fact{"key.revoked", 0, 1}, fact{"lead.created", 0, 2}); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []event.Kind{"", "lead.*"} {
			var got []int
			ctx, cancel := background()
			r := &endedReader{cutReader{takes: -1, take: func(e event.Event) { got = append(got, read(t, e).Number) }}}
			if err := s.Follow(ctx, who, event.Position{}, kind, r); errs.CodeOf(err) != errs.KeyRevoked {
				t.Errorf("%q: it ended with %v", kind, err)
			}
			cancel()
			if len(got) != 1 || got[0] != 0 {
				t.Errorf("%q: it got %v", kind, got)
			}
		}
	})
}
