package db

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// These tests look inside the group commit of SQLite: they decide what shares a
// group, what COMMIT answers and when.

const hang = time.Minute

func openThings(t *testing.T) *DB {
	t.Helper()
	d, err := Open(context.Background(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	err = d.Update(context.Background(), func(ctx context.Context, tx *Tx) error {
		_, err := tx.Exec(ctx, `CREATE TABLE things (k BIGINT PRIMARY KEY)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func insert(k int) func(context.Context, *Tx) error {
	return func(ctx context.Context, tx *Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO things VALUES ($1)`, k)
		return err
	}
}

func keys(t *testing.T, d *DB) []int {
	t.Helper()
	var out []int
	rows, err := d.Query(context.Background(), `SELECT k FROM things ORDER BY k`)
	err = Each(rows, err, func(r Rows) error {
		var k int
		err := r.Scan(&k)
		out = append(out, k)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// inOneGroup runs closures so that they share a commit, and returns their answers.
func inOneGroup(t *testing.T, d *DB, closures ...func(context.Context, *Tx) error) []error {
	t.Helper()
	begun, free := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- d.Update(context.Background(), func(context.Context, *Tx) error {
			close(begun)
			<-free
			return nil
		})
	}()
	<-begun
	answers := make([]chan error, len(closures))
	for i, fn := range closures {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- d.Update(context.Background(), fn) }()
		until(t, "the closure waits in the queue", func() bool { return len(d.writer.queue) == i+1 })
	}
	close(free)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	errors := make([]error, len(closures))
	for i := range answers {
		select {
		case errors[i] = <-answers[i]:
		case <-time.After(hang):
			t.Fatalf("closure %d got no answer", i)
		}
	}
	return errors
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(hang); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// onWriter runs f while the writer's goroutine stands still.
func onWriter(t *testing.T, d *DB, f func(w *writer)) {
	t.Helper()
	w := d.writer
	close(w.queue)
	<-w.done
	f(w)
	w.queue, w.done = make(chan *job, 4*groupMax), make(chan struct{})
	go w.loop()
}

func execOnWriter(t *testing.T, d *DB, statements ...string) {
	t.Helper()
	onWriter(t, d, func(w *writer) {
		for _, s := range statements {
			if _, err := w.conn.ExecContext(context.Background(), s); err != nil {
				t.Error(err)
			}
		}
	})
}

// onCommit calls f inside every COMMIT of the writer, before anything is stored; a
// false undoes the transaction and fails the COMMIT.
func onCommit(t *testing.T, d *DB, f func() bool) {
	t.Helper()
	onWriter(t, d, func(w *writer) {
		err := w.conn.Raw(func(c any) error {
			c.(interface{ RegisterCommitHook(sqlite.CommitHookFn) }).RegisterCommitHook(func() int32 {
				if f() {
					return 0
				}
				return 1
			})
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestWaitingClosuresShareOneCommit(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	var commits atomic.Int32
	onCommit(t, d, func() bool { commits.Add(1); return true })
	var closures []func(context.Context, *Tx) error
	for k := range 100 {
		closures = append(closures, insert(k))
	}
	for i, err := range inOneGroup(t, d, closures...) {
		if err != nil {
			t.Errorf("closure %d: %v", i, err)
		}
	}
	if n := commits.Load(); n != 2 { // one is of the closure that held the others up
		t.Errorf("100 closures took %d commits", n-1)
	}
	if n := len(keys(t, d)); n != 100 {
		t.Errorf("%d rows", n)
	}
}

func TestAClosureThatFailsTakesNothingFromItsNeighbours(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	mine := errors.New("mine")
	runs := make([]int, 8)
	counted := func(i int, fn func(context.Context, *Tx) error) func(context.Context, *Tx) error {
		return func(ctx context.Context, tx *Tx) error { runs[i]++; return fn(ctx, tx) }
	}
	answers := inOneGroup(t, d,
		counted(0, insert(0)),
		counted(1, func(ctx context.Context, tx *Tx) error { return errors.Join(insert(1)(ctx, tx), mine) }),
		counted(2, insert(2)),
		counted(3, func(ctx context.Context, tx *Tx) error { _ = insert(3)(ctx, tx); panic("lost") }),
		counted(4, insert(4)),
		counted(5, insert(0)), // violates what a neighbour wrote
		counted(6, func(ctx context.Context, tx *Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO nowhere VALUES (1)`)
			return err
		}),
		counted(7, insert(7)),
	)
	for i, want := range []bool{true, false, true, false, true, false, false, true} {
		if (answers[i] == nil) != want {
			t.Errorf("closure %d: %v", i, answers[i])
		}
		if runs[i] != 1 {
			t.Errorf("closure %d ran %d times", i, runs[i])
		}
	}
	if !errors.Is(answers[1], mine) || !IsUnique(answers[5]) {
		t.Errorf("answers %v, %v", answers[1], answers[5])
	}
	if got := keys(t, d); !slices.Equal(got, []int{0, 2, 4, 7}) {
		t.Errorf("stored: %v", got)
	}
}

func TestWhenTheTransactionIsLostEachClosureRunsOnceMoreAlone(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	if err := d.Update(context.Background(), insert(100)); err != nil {
		t.Fatal(err)
	}
	runs := make([]int, 3)
	answers := inOneGroup(t, d,
		func(ctx context.Context, tx *Tx) error { runs[0]++; return insert(0)(ctx, tx) },
		func(ctx context.Context, tx *Tx) error {
			runs[1]++
			if err := insert(1)(ctx, tx); err != nil {
				return err
			}
			// SQLite undoes everything here, the neighbours' savepoints included. A
			// closure that went on would write outside of any transaction.
			_, _ = tx.Exec(ctx, `INSERT OR ROLLBACK INTO things VALUES (100)`)
			_, _ = tx.Exec(ctx, `INSERT INTO things VALUES (200)`)
			return nil
		},
		func(ctx context.Context, tx *Tx) error { runs[2]++; return insert(2)(ctx, tx) },
	)
	if answers[0] != nil || !IsUnique(answers[1]) || answers[2] != nil {
		t.Errorf("answers: %v", answers)
	}
	// The third had not had its turn when the transaction was lost.
	if !slices.Equal(runs, []int{2, 2, 1}) {
		t.Errorf("the closures ran %v times", runs)
	}
	if got := keys(t, d); !slices.Equal(got, []int{0, 2, 100}) {
		t.Errorf("stored: %v", got)
	}
}

func TestWhenTheCommitFailsEachClosureRunsOnceMoreAlone(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	var commits atomic.Int32
	onCommit(t, d, func() bool { return commits.Add(1) != 2 }) // the first is of the closure that holds the others up
	for i, err := range inOneGroup(t, d, insert(0), insert(1), insert(2)) {
		if err != nil {
			t.Errorf("closure %d: %v", i, err)
		}
	}
	if n := commits.Load(); n != 5 {
		t.Errorf("%d commits: one of the group and one of each were expected", n-1)
	}
	if got := keys(t, d); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("stored: %v", got)
	}
}

func TestNobodyIsToldDoneWhenNoCommitSucceeds(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	var refuse atomic.Bool
	refuse.Store(true)
	onCommit(t, d, func() bool { return !refuse.Load() })
	for k := range 3 {
		if err := d.Update(context.Background(), insert(k)); err == nil {
			t.Errorf("%d was acknowledged", k)
		}
	}
	if got := keys(t, d); len(got) != 0 {
		t.Errorf("stored: %v", got)
	}
	refuse.Store(false)
	if err := d.Update(context.Background(), insert(3)); err != nil {
		t.Error(err)
	}
	if got := keys(t, d); !slices.Equal(got, []int{3}) {
		t.Errorf("stored: %v", got)
	}
}

func TestNobodyIsAnsweredBeforeTheCommit(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	committing, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	onCommit(t, d, func() bool {
		once.Do(func() { close(committing); <-free })
		return true
	})
	var answered atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		closures := make([]func(context.Context, *Tx) error, 10)
		for k := range closures {
			closures[k] = insert(k)
		}
		ends := make(chan struct{})
		for _, fn := range closures {
			go func() {
				if err := d.Update(context.Background(), fn); err != nil {
					t.Error(err)
				}
				answered.Add(1)
				ends <- struct{}{}
			}()
		}
		<-committing
		runtime.Gosched()
		if n := answered.Load(); n != 0 {
			t.Errorf("%d callers were answered while COMMIT was under way", n)
		}
		if got := keys(t, d); len(got) != 0 {
			t.Errorf("%v can be read while COMMIT is under way", got)
		}
		close(free)
		for range closures {
			<-ends
		}
	}()
	select {
	case <-done:
	case <-time.After(hang):
		t.Fatal("no end")
	}
	if n := len(keys(t, d)); n != 10 {
		t.Errorf("%d rows", n)
	}
}

func TestATransactionLeftOpenIsUndoneBeforeTheNext(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	execOnWriter(t, d, "BEGIN IMMEDIATE", "INSERT INTO things VALUES (1000)")
	if err := d.Update(context.Background(), insert(1)); err != nil {
		t.Error(err)
	}
	if got := keys(t, d); !slices.Equal(got, []int{1}) {
		t.Errorf("stored: %v", got)
	}
}

func TestAClosureThatTakesTooLongIsRefusedItsNextStatement(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	answers := inOneGroup(t, d, insert(0), func(ctx context.Context, tx *Tx) error {
		tx.until = time.Now() // as if it had taken that long
		time.Sleep(time.Microsecond)
		return insert(1)(ctx, tx)
	}, insert(2))
	if answers[0] != nil || errs.CodeOf(answers[1]) != errs.Unavailable || answers[2] != nil {
		t.Errorf("answers: %v", answers)
	}
	if got := keys(t, d); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("stored: %v", got)
	}
}

// A file that may not grow is what a full disk looks like to a statement.
func TestWithoutRoomWritesAreRefusedReadsGoOnAndWritingResumes(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	if err := d.Update(context.Background(), insert(0)); err != nil {
		t.Fatal(err)
	}
	limit := func(pages string) { execOnWriter(t, d, "PRAGMA max_page_count="+pages) }
	large := func(ctx context.Context, tx *Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO secrets VALUES ('large', zeroblob(1000000), 0)`)
		return err
	}
	limit("1") // it never goes below what there is
	answers := inOneGroup(t, d, insert(1), large, insert(2))
	if answers[0] != nil || errs.CodeOf(answers[1]) != errs.StorageFull || answers[2] != nil {
		t.Errorf("answers: %v", answers)
	}
	if got := keys(t, d); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("stored: %v", got)
	}
	limit("1000000")
	if err := d.Update(context.Background(), large); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestBusyIsAnsweredAtOnceToTheWholeGroup(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	execOnWriter(t, d, "PRAGMA busy_timeout=1")
	other, err := sql.Open("sqlite", sqliteDSN(d.Path()))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	err = d.Update(context.Background(), func(context.Context, *Tx) error {
		t.Error("a closure ran without the right to write")
		return nil
	})
	if errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("while another process writes: %v", err)
	}
	if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := d.Update(context.Background(), insert(1)); err != nil {
		t.Error(err)
	}
}

// What SQLite and PostgreSQL say becomes a code that the caller can act on.
func TestOnlyAFailedSyncBreaksTheWriter(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]bool{1034: true, 1290: true, 10: false, 778: false, 266: false, 13: false, 5: false} {
		if got := isSyncFailureCode(code); got != want {
			t.Errorf("code %d is a failed sync: %v", code, got)
		}
	}
}
