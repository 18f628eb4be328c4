package db

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"
)

// write stores 100 pages anew.
func write(ctx context.Context, tx *Tx) error {
	_, err := tx.Exec(ctx, `INSERT OR REPLACE INTO secrets VALUES ('large', randomblob(400000), 0)`)
	return err
}

// logSize is the size of the log's file in bytes.
func logSize(t *testing.T, d *DB) int64 {
	t.Helper()
	info, err := os.Stat(d.path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestTheLogIsCarriedOverIntoTheFile(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	highest := 0
	for range 40 {
		err := d.Update(context.Background(), func(ctx context.Context, tx *Tx) error {
			_, err := tx.Exec(ctx, `INSERT OR REPLACE INTO secrets VALUES ('large', randomblob(400000), 0)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		onWriter(t, d, func(w *writer) {
			_, logged, _, err := w.walCheckpoint("NOOP")
			if err != nil {
				t.Error(err)
			}
			highest = max(highest, logged)
		})
	}
	if highest > 2*checkpointPages {
		t.Errorf("the log grew to %d pages", highest)
	}
}

// Where somebody reads at every moment, the log begins anew all the same.
func TestTheLogStaysShortUnderReaders(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	onWriter(t, d, func(w *writer) { w.long = 2000 })
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				rows, err := d.Query(context.Background(), `SELECT name FROM sqlite_schema`)
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Millisecond) // somebody is always within this
				rows.Close()
			}
		})
	}
	for range 120 {
		if err := d.Update(context.Background(), write); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	readers.Wait()
	if size := logSize(t, d); size > 4*2000*4096 {
		t.Errorf("the log has %d bytes after 120 writes of 400,000", size)
	}
}

// Somebody who reads for long holds the log up, but nobody else; afterwards it is short
// again, and the disk has its room back.
func TestALongReaderHoldsUpTheLogOnly(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	onWriter(t, d, func(w *writer) { w.long = 2000 })
	rows, err := d.Query(context.Background(), `SELECT name FROM sqlite_schema`)
	if err != nil {
		t.Fatal(err)
	}
	for range 180 {
		if err := d.Update(context.Background(), write); err != nil {
			t.Fatal(err)
		}
	}
	held := logSize(t, d)
	if held < logKept {
		t.Errorf("the log has %d bytes, so nobody held it up", held)
	}
	rows.Close()
	for range 30 {
		if err := d.Update(context.Background(), write); err != nil {
			t.Fatal(err)
		}
	}
	if size := logSize(t, d); size > logKept+4096 {
		t.Errorf("the log has %d bytes after its reader is gone", size)
	}
	var timeout int
	onWriter(t, d, func(w *writer) {
		if err := w.conn.QueryRowContext(context.Background(), "PRAGMA busy_timeout").Scan(&timeout); err != nil {
			t.Error(err)
		}
	})
	if time.Duration(timeout)*time.Millisecond != busyFor {
		t.Errorf("the writer now waits %d ms for a lock", timeout)
	}
}
