package db

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

var (
	errOpenElsewhere = errors.New("the database has to be upgraded, but another Leadflip process has it open; stop that first")
	errUpgrading     = errors.New("another Leadflip process is upgrading or restoring the database in this data folder; try again when it is done")
)

// acquireShared takes the shared lock on path. Before, when pending says that there
// is work to do, it upgrades under the exclusive lock. Of several processes that
// start at once, one does the work and the others find it done.
func acquireShared(ctx context.Context, path string, pending func() (bool, error), upgrade func() error) (*fileLock, error) {
	deadline := time.Now().Add(lockWait)
	for {
		lock, inTheWay, err := tryShared(path, pending, upgrade)
		switch {
		case lock != nil || err != nil:
			return lock, err
		case inTheWay == nil: // upgraded
		case ctx.Err() != nil || time.Now().After(deadline):
			return nil, inTheWay
		default:
			time.Sleep(lockPoll/2 + rand.N(lockPoll)) // not in step with others
		}
	}
}

// tryShared returns the lock, or else what is in the way, or else nothing when it has
// upgraded.
func tryShared(path string, pending func() (bool, error), upgrade func() error) (lock *fileLock, inTheWay, err error) {
	shared := flock.New(path)
	ok, err := shared.TryRLock()
	if err != nil {
		return nil, nil, fmt.Errorf("the lock file %s cannot be used: %w", path, err)
	}
	if !ok {
		return nil, errUpgrading, nil
	}
	todo, err := pending()
	if err == nil && !todo {
		return &fileLock{shared}, nil, nil
	}
	_ = shared.Close()
	if err != nil {
		return nil, nil, err
	}
	exclusive := flock.New(path)
	if ok, err = exclusive.TryLock(); err != nil || !ok {
		return nil, errOpenElsewhere, err
	}
	// Somebody may have been faster; the upgrade looks again.
	err = upgrade()
	_ = exclusive.Close()
	return nil, nil, err
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
