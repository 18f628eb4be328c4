package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/leadflip/leadflip/internal/platform/clock"
)

const (
	// groupMax bounds how many closures share one commit, so that the first of them
	// does not wait long for the last.
	groupMax = 256

	// closureBudget is how long one closure may take before its next statement is
	// refused. Closures hold up everybody, so they do no slow work.
	closureBudget = 10 * time.Second
)

// writer is the single writing connection of SQLite and the goroutine that owns it.
type writer struct {
	queue chan *job
	done  chan struct{}

	// What follows belongs to the goroutine.
	pool   *sql.DB
	conn   *sql.Conn
	stmts  *connStmts
	clock  clock.Clock
	fatal  func(error)
	broken error // set once: the disk cannot be trusted
	calm   int   // groups since a closure failed
	long   int   // pages after which the log is to begin anew: restartPages
	later  int   // pages before that is tried again; 0 when it did not fail
}

// calmAfter is how many groups without a failure it takes before closures run without
// savepoints, which cost two statements and a copy of every page a closure touches.
const calmAfter = 4

// job is one Update.
type job struct {
	ctx   context.Context
	fn    func(context.Context, *Tx) error
	taken atomic.Bool // by the writer, to carry it out, or by its caller, to leave
	err   error
	end   chan struct{}
}

func newWriter(pool *sql.DB, conn *sql.Conn, c clock.Clock, fatal func(error)) *writer {
	w := &writer{
		queue: make(chan *job, 4*groupMax), done: make(chan struct{}),
		pool: pool, conn: conn, stmts: newConnStmts(conn), clock: c, fatal: fatal, long: restartPages,
	}
	go w.loop()
	return w
}

// update waits for its turn no longer than ctx lasts, and from then on for the end.
func (w *writer) update(ctx, closureCtx context.Context, fn func(context.Context, *Tx) error) error {
	j := &job{ctx: closureCtx, fn: fn, end: make(chan struct{})}
	select {
	case w.queue <- j:
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	select {
	case <-j.end:
		return j.err
	case <-ctx.Done():
	}
	if j.taken.CompareAndSwap(false, true) {
		return unavailable(ctx.Err())
	}
	<-j.end
	return j.err
}

// close ends the writer. No Update is under way or comes after.
func (w *writer) close() error {
	close(w.queue)
	<-w.done
	w.stmts.close()
	return errors.Join(w.conn.Close(), w.pool.Close())
}

func (w *writer) loop() {
	group := make([]*job, 0, groupMax)
	closed := false
	defer func() {
		if closed {
			close(w.done)
			return
		}
		// A closure ended this goroutine (runtime.Goexit, which is what t.Fatal calls).
		// Nothing of its group is stored; the next goroutine takes over.
		w.rollback()
		w.answer(group, unavailable(errors.New("db: a closure ended the writing goroutine")))
		w.dismiss(group)
		go w.loop()
	}()
	for first := range w.queue {
		group = w.gather(group[:0], first)
		w.commit(group)
		w.dismiss(group)
		group = group[:0]
		w.checkpoint()
	}
	closed = true
}

// gather takes the jobs that are waiting.
func (w *writer) gather(group []*job, j *job) []*job {
	// Let callers that are ready to run join this commit.
	runtime.Gosched()
	for {
		if j.taken.CompareAndSwap(false, true) {
			group = append(group, j)
		}
		if len(group) == groupMax {
			return group
		}
		var ok bool
		select {
		case j, ok = <-w.queue:
			if !ok {
				return group
			}
		default:
			return group
		}
	}
}

// commit carries out a group. When the shared transaction is lost, each closure is
// run once more alone, so that none pays for its neighbour.
func (w *writer) commit(group []*job) {
	if len(group) == 0 || w.attempt(group) {
		return
	}
	for i := range group {
		w.attempt(group[i : i+1])
	}
}

// attempt runs a group in one transaction and sets every job's outcome. It returns
// false when the transaction was lost after closures had run in it: then nothing of
// the group has been stored.
func (w *writer) attempt(group []*job) bool {
	if w.broken != nil {
		w.answer(group, unavailable(w.broken))
		return true
	}
	if err := w.begin(); err != nil {
		w.answer(group, mapError(err))
		return true
	}
	var err error
	if len(group) == 1 {
		if group[0].err = w.call(group[0]); group[0].err != nil {
			w.rollback()
			return true
		}
	} else if err = w.callAll(group); errors.Is(err, errAgain) {
		w.rollback()
		return w.attempt(group)
	}
	if err == nil {
		err = w.exec("COMMIT")
	}
	if err == nil {
		return true
	}
	w.rollback()
	if w.broken != nil {
		// It may be on disk or not; the next start will tell.
		w.answer(group, inDoubt(err))
		return true
	}
	w.answer(group, mapError(err))
	return false
}

// errAgain asks for the group to be run again, in savepoints.
var errAgain = errors.New("db: a closure of the group failed")

// callAll runs the closures of a group. When none has failed for a while they run
// without savepoints; should one fail then, the whole group is undone and run again
// with them, so that it takes nothing from its neighbours.
func (w *writer) callAll(group []*job) error {
	if w.calm >= calmAfter {
		for _, j := range group {
			j.err = w.call(j)
			if w.broken != nil {
				return w.broken
			}
			if j.err != nil {
				w.calm = 0
				return errAgain
			}
		}
		return nil
	}
	w.calm++
	for _, j := range group {
		if err := w.callInSavepoint(j); err != nil {
			return err
		}
		if j.err != nil {
			w.calm = 0
		}
	}
	return nil
}

// callInSavepoint sets the job's outcome. It returns an error when not only the
// closure but the whole transaction failed.
func (w *writer) callInSavepoint(j *job) error {
	if err := w.exec("SAVEPOINT closure"); err != nil {
		return err
	}
	if j.err = w.call(j); w.broken != nil {
		return w.broken
	}
	if j.err != nil {
		if err := w.exec("ROLLBACK TO closure"); err != nil {
			return err
		}
	}
	return w.exec("RELEASE closure")
}

func (w *writer) call(j *job) error {
	tx := &Tx{Now: w.clock.Now(), dialect: SQLite, ctx: j.ctx, run: w.stmts, until: time.Now().Add(closureBudget)}
	err := tx.call(j.fn)
	w.judge(tx.failed)
	return err
}

func (w *writer) answer(group []*job, err error) {
	for _, j := range group {
		j.err = err
	}
}

func (w *writer) dismiss(group []*job) {
	for _, j := range group {
		close(j.end)
	}
}

// begin opens the transaction, after ending one that should have ended before.
func (w *writer) begin() error {
	err := w.exec("BEGIN IMMEDIATE")
	if err == nil || isBusy(err) || w.broken != nil {
		return err
	}
	w.rollback()
	return w.exec("BEGIN IMMEDIATE")
}

func (w *writer) rollback() {
	// SQLite may have rolled back by itself; then this says "no transaction", which
	// is what we want.
	_ = w.exec("ROLLBACK")
}

func (w *writer) exec(statement string) error {
	_, err := w.stmts.exec(context.Background(), statement, nil)
	w.judge(err)
	return err
}

// judge looks for a failed fsync. What was written before may be lost although the
// operating system will not say so again, so from then on nothing is acknowledged.
func (w *writer) judge(err error) {
	if w.broken != nil || !isSyncFailure(err) {
		return
	}
	w.broken = fmt.Errorf("db: the disk failed to sync: %w", err)
	if w.fatal != nil {
		go w.fatal(w.broken) // on its own, so that it may close the database
	}
}
