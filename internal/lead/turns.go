package lead

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// A list that looks at many leads keeps a processor busy until it ends or ListBudget is
// spent, and an export for as long as it lasts. Many of them together would leave nothing
// to the short calls of everybody else, so they take turns: lists among themselves, and
// exports, one short read after the other.
const (
	slicesAtOnce = 3               // slices that a list may look at before it waits for its turn
	turnWait     = 5 * time.Second // how long it waits
)

// turns are given to environments one after the other, and within each in the order
// in which they were asked for, so that who asks often delays nobody but himself for
// long.
type turns struct {
	mu      sync.Mutex
	free    int                       // not taken; then nobody waits
	waiting map[id.ID][]chan struct{} // by environment
	next    []id.ID                   // environments in which somebody waits, in their order
}

func newTurns(n int) *turns { return &turns{free: n, waiting: map[id.ID][]chan struct{}{}} }

// take waits for a turn no longer than ctx lasts.
func (t *turns) take(ctx context.Context, environment id.ID) error {
	turn := t.ask(environment)
	if turn == nil {
		return nil
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		t.leave(environment, turn)
		return ctx.Err()
	}
}

// ask takes a turn when one is free, and returns nil. Otherwise what it returns is closed
// when there is one.
func (t *turns) ask(environment id.ID) chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.free > 0 {
		t.free--
		return nil
	}
	turn := make(chan struct{})
	if len(t.waiting[environment]) == 0 {
		t.next = append(t.next, environment)
	}
	t.waiting[environment] = append(t.waiting[environment], turn)
	return turn
}

// leave takes back what was asked for, or gives on what was given meanwhile.
func (t *turns) leave(environment id.ID, turn chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.waiting[environment]
	i := slices.Index(line, turn)
	if i < 0 {
		t.pass()
		return
	}
	if t.waiting[environment] = slices.Delete(line, i, i+1); len(line) == 1 {
		delete(t.waiting, environment)
		t.next = slices.DeleteFunc(t.next, func(e id.ID) bool { return e == environment })
	}
}

// give ends a turn.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pass()
}

func (t *turns) pass() {
	if len(t.next) == 0 {
		t.free++
		return
	}
	environment := t.next[0]
	t.next = t.next[1:]
	line := t.waiting[environment]
	close(line[0])
	if line = line[1:]; len(line) == 0 {
		delete(t.waiting, environment)
		return
	}
	t.waiting[environment] = line
	t.next = append(t.next, environment)
}

// pace says when something that takes a while may be read. It belongs to one goroutine.
type pace interface {
	// look is asked before each read: of a slice, or of more than that.
	look(ctx context.Context, more bool) error

	// rest is told before anything else than the database is waited for.
	rest()
}

// stint is the pace of one who reads for long: after each read it is somebody else's
// turn.
type stint struct {
	turns       *turns
	environment id.ID
	turn        bool // it is ours
}

func (s *stint) look(ctx context.Context, _ bool) error {
	s.rest()
	err := s.turns.take(ctx, s.environment)
	s.turn = err == nil
	return err
}

func (s *stint) rest() {
	if s.turn {
		s.turns.give()
	}
	s.turn = false
}

func (s *Service) newStint(environment id.ID) *stint {
	return &stint{turns: s.exports, environment: environment}
}

// effort is the pace of a list: a few slices at once, then one turn for all that is left.
type effort struct {
	turns       *turns
	environment id.ID
	slices      int
	turn        bool // it is ours

	spent *time.Timer // ends the context when the budget is spent
	left  func() time.Duration
}

// newEffort begins to spend a budget of time. The context it returns ends with it; the
// time in which a turn is waited for does not count.
func (s *Service) newEffort(ctx context.Context, environment id.ID, budget time.Duration) (within context.Context, e *effort, done func()) {
	within, cancel := context.WithCancel(ctx)
	if budget <= 0 {
		cancel()
	}
	start := time.Now()
	left := func() time.Duration { return budget - time.Since(start) }
	e = &effort{turns: s.lists, environment: environment, spent: time.AfterFunc(budget, cancel), left: left}
	return within, e, func() {
		e.spent.Stop()
		cancel()
		if e.turn {
			s.lists.give()
		}
	}
}

func (e *effort) look(ctx context.Context, more bool) error {
	if e.slices++; e.slices <= slicesAtOnce && !more || e.turn || !e.spent.Stop() {
		return ctx.Err()
	}
	left := e.left()
	waiting, cancel := context.WithTimeout(ctx, turnWait)
	defer cancel()
	if err := e.turns.take(waiting, e.environment); err != nil {
		return errs.New(errs.Unavailable, "Other lists that look at many leads are under way, and this one did not get its turn. Try again in a moment.").Because(err)
	}
	e.turn = true
	e.spent.Reset(left)
	return ctx.Err()
}

// rest does nothing: a list waits for nothing else than the database.
func (e *effort) rest() {}
