package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockWait = 15 * time.Second // how long a start waits for another process that migrates or restores
	lockPoll = 25 * time.Millisecond
)

// fileLock is the lock file beside a SQLite database: shared by every process that
// has the database open, exclusive while one migrates or restores.
type fileLock struct{ f *flock.Flock }

func (l *fileLock) release() { _ = l.f.Close() }

// acquireShared takes the shared lock on path. Before, when pending says that there
// is work to do, it upgrades under the exclusive lock. Of several processes that
// start at once, one does the work and the others find it done.
func acquireShared(ctx context.Context, path string, pending func() (bool, error), upgrade func() error) (*fileLock, error) {
	deadline := time.Now().Add(lockWait)
	todo := false
	for first := true; first || time.Now().Before(deadline) && ctx.Err() == nil; first = false {
		if !first {
			time.Sleep(lockPoll)
		}
		shared := flock.New(path)
		ok, err := shared.TryRLock()
		if err != nil {
			return nil, fmt.Errorf("the lock file %s cannot be used: %w", path, err)
		}
		if !ok {
			continue // somebody upgrades or restores
		}
		if todo, err = pending(); err == nil && !todo {
			return &fileLock{shared}, nil
		}
		_ = shared.Close()
		if err != nil {
			return nil, err
		}
		exclusive := flock.New(path)
		if ok, err = exclusive.TryLock(); err == nil && ok {
			// Somebody may have been faster; the upgrade looks again.
			err = upgrade()
			_ = exclusive.Close()
		}
		if err != nil {
			return nil, err
		}
	}
	if todo {
		return nil, errors.New("the database has to be upgraded, but another Leadflip process has it open; stop that first")
	}
	return nil, errors.New("another Leadflip process is upgrading or restoring the database in this data folder; try again when it is done")
}

// AcquireExclusive waits a while for the exclusive lock and returns its release.
func AcquireExclusive(ctx context.Context, path string) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	f := flock.New(path)
	ok, err := f.TryLockContext(ctx, lockPoll)
	if ctx.Err() != nil || err == nil && !ok {
		return nil, errors.New("another Leadflip process has the database in this data folder open")
	}
	if err != nil {
		return nil, fmt.Errorf("the lock file %s cannot be used: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}
