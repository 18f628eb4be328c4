package api

import (
	"errors"
	"sync"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// What Places.Take refuses with.
var (
	ErrKeyFull = errors.New("the key holds as many places as it may")
	ErrFull    = errors.New("all places are taken")
	ErrStopped = errors.New("no place is given any more")
)

// Places counts what keeps a connection for long, such as streams and exports: so many
// for each key and so many on this node. It may be used by many goroutines.
type Places struct {
	perKey, all int
	stopped     chan struct{}
	stop        func()

	mu   sync.Mutex
	held map[id.ID]int // by key
	sum  int
}

// NewPlaces returns places that are all free. The zero id stands for people, who share perKey.
func NewPlaces(perKey, all int) *Places {
	p := &Places{perKey: perKey, all: all, stopped: make(chan struct{}), held: map[id.ID]int{}}
	p.stop = sync.OnceFunc(func() { close(p.stopped) })
	return p
}

// Stop gives no place any more, and tells those who hold one by Stopped.
func (p *Places) Stop() { p.stop() }

// Stopped is closed by Stop.
func (p *Places) Stopped() <-chan struct{} { return p.stopped }

// Take takes a place for a key; release, which may be called twice, gives it back.
func (p *Places) Take(key id.ID) (release func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.stopped:
		return nil, ErrStopped
	default:
	}
	switch {
	case p.held[key] >= p.perKey:
		return nil, ErrKeyFull
	case p.sum >= p.all:
		return nil, ErrFull
	}
	p.held[key]++
	p.sum++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sum--
		if p.held[key]--; p.held[key] == 0 {
			delete(p.held, key)
		}
	}), nil
}

// Taken is how many places are taken, and by how many keys.
func (p *Places) Taken() (places, keys int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sum, len(p.held)
}
