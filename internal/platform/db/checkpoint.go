package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// checkpointPages is how much the log may hold before it is carried over into the
	// database file.
	checkpointPages = 1000

	// restartPages is how long the log gets before the writer sees to it that it begins
	// anew. A log that is carried over does so by itself, but only at a commit at which
	// nobody reads from it: where somebody always reads, it would grow for ever, and
	// every read with it.
	restartPages = 16 * checkpointPages

	// restartWait is how long the writer waits for those who read, for each time that
	// the log is as long as it should be, up to five. Whoever begins meanwhile reads the
	// database file and need not be waited for. When somebody reads for longer, such as
	// a backup, the next attempt is made after as many pages again.
	restartWait = 100 * time.Millisecond

	// logKept is the size in bytes to which the file of the log is cut when it begins
	// anew after it has been longer.
	logKept = 64 << 20
)

// checkpoint carries the log over into the database file once there is enough of it.
// SQLite would do so inside COMMIT, where it makes the callers wait and where a
// failed fsync goes unreported.
func (w *writer) checkpoint() {
	if w.broken != nil {
		return
	}
	_, logged, carried, err := w.walCheckpoint("NOOP")
	if err == nil && logged-carried >= checkpointPages {
		_, logged, _, err = w.walCheckpoint("PASSIVE")
	}
	if err == nil {
		err = w.restartLog(logged)
	}
	w.judge(err) // anything but a failed fsync may pass: the data is safe in the log
}

// restartLog lets the log begin anew with the next commit when it has got long.
func (w *writer) restartLog(logged int) error {
	if logged < w.long {
		w.later = 0
	}
	if logged < max(w.long, w.later) {
		return nil
	}
	err := w.waitForLocks(restartWait * time.Duration(min(logged/w.long, 5)))
	if err == nil {
		var busy bool
		if busy, logged, _, err = w.walCheckpoint("RESTART"); busy {
			w.later = logged + w.long
		}
	}
	return errors.Join(err, w.waitForLocks(busyFor))
}

// waitForLocks sets how long the writer waits for a lock of SQLite's.
func (w *writer) waitForLocks(d time.Duration) error {
	return w.exec(fmt.Sprintf("PRAGMA busy_timeout = %d", d.Milliseconds()))
}

func (w *writer) walCheckpoint(mode string) (busy bool, logged, carried int, err error) {
	rows, err := w.stmts.query(context.Background(), "PRAGMA wal_checkpoint("+mode+")", nil)
	err = (&Row{rows, err}).Scan(&busy, &logged, &carried)
	return busy, logged, carried, err
}
