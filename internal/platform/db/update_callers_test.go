package db_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

func TestACallerThatIsGoneBeforeIsNotServed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(background)
		cancel()
		err := d.Update(ctx, func(context.Context, *db.Tx) error {
			t.Error("the closure ran")
			return nil
		})
		if errs.CodeOf(err) != errs.Unavailable || !errors.Is(err, context.Canceled) {
			t.Errorf("Update returned %v", err)
		}
	})
}

// occupy keeps every writing connection busy until the returned function is called.
func occupy(t *testing.T, d *db.DB) (release func()) {
	t.Helper()
	writers := 1
	if d.Dialect() == db.Postgres {
		writers = 16
	}
	begun, free, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	for range writers {
		go func() {
			ended <- d.Update(background, func(context.Context, *db.Tx) error {
				begun <- struct{}{}
				<-free
				return nil
			})
		}()
	}
	for range writers {
		await(t, begun, "a closure to begin")
	}
	return func() {
		t.Helper()
		close(free)
		for range writers {
			if err := await(t, ended, "an Update to end"); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestACallerThatGoesWhileItWaitsIsToldAndNotServed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		release := occupy(t, d)
		ctx, cancel := context.WithCancel(background)
		answer := make(chan error, 1)
		go func() {
			answer <- d.Update(ctx, func(ctx context.Context, tx *db.Tx) error { return insert(ctx, tx, 1) })
		}()
		runtime.Gosched()
		cancel()
		if err := await(t, answer, "the answer"); errs.CodeOf(err) != errs.Unavailable || !errors.Is(err, context.Canceled) {
			t.Errorf("Update returned %v", err)
		}
		release()
		if err := store(d, 2); err != nil {
			t.Fatal(err)
		}
		if got := stored(t, d); !slices.Equal(got, []int{2}) {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestCloseWaitsForTheWritesUnderWay(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		release := occupy(t, d)
		waiting := make(chan error, 1)
		go func() { waiting <- store(d, 1) }()
		closed := make(chan error, 1)
		go func() { closed <- d.Close() }()
		runtime.Gosched()
		select {
		case err := <-closed:
			t.Errorf("the database closed under a transaction: %v", err)
		default:
		}
		release()
		// The one that waited came either before the close or after it.
		if err := await(t, waiting, "the waiting Update"); err != nil && errs.CodeOf(err) != errs.Unavailable {
			t.Errorf("the waiting Update: %v", err)
		}
		if err := await(t, closed, "the close"); err != nil {
			t.Error(err)
		}
		if err := store(d, 2); errs.CodeOf(err) != errs.Unavailable {
			t.Errorf("after the close an Update returned %v", err)
		}
		if err := d.Ping(background); err == nil {
			t.Error("after the close the database answers")
		}
		if err := d.Close(); err != nil {
			t.Errorf("a second close: %v", err)
		}
	})
}

func TestWhatIsAcknowledgedIsThereForEveryOtherConnection(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]func(t *testing.T) db.Config{
		"sqlite":   func(t *testing.T) db.Config { return db.Config{Dir: dbtest.SQLiteDir(t)} },
		"postgres": func(t *testing.T) db.Config { return db.Config{URL: dbtest.PostgresMigratedURL(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			var nodes [2]*db.DB
			for i := range nodes {
				var err error
				if nodes[i], err = db.Open(background, cfg); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = nodes[i].Close() })
			}
			things(t, nodes[0])
			for k := range 100 {
				writer, reader := nodes[k%2], nodes[1-k%2]
				if err := store(writer, k); err != nil {
					t.Fatal(err)
				}
				if n := one[int](t, reader, `SELECT COUNT(*) FROM things WHERE k = $1`, k); n != 1 {
					t.Fatalf("%d was acknowledged by one node and is unknown to the other", k)
				}
			}
		})
	}
}
