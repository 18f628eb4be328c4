package lead

import (
	"context"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// A lead goes to the trash just after an equal one that arrives has found it. The one
// that arrives is stored as if it had come a moment later; it is never refused for a lead
// that its sender did not name. (On SQLite, whose writer is serial, there is no such
// moment.)
func TestADuplicateGoesToTheTrashAfterItWasFound(t *testing.T) {
	t.Parallel()
	w := newFunnel(t, dbtest.Postgres(t))
	const body = `{"entity":"funnel","email":"ada@example.com","budget":1,"dedup_mode":"update"}`
	first := w.mustSend(w.who, body)
	type outcome struct {
		Result
		err error
	}
	arrived := make(chan outcome, 1)
	err := w.svc.work(context.Background(), w.who, first.LeadID, "write", false, func(ctx context.Context, trash *work) error {
		l, err := trash.lock(ctx, first.LeadID)
		if err == nil {
			err = trash.discard(ctx, &l)
		}
		if err != nil {
			return err
		}
		go func() {
			r, err := w.send(w.who, body)
			arrived <- outcome{r, err}
		}()
		return w.somebodyWaits()
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := <-arrived; r.err != nil || r.Action != Created || r.LeadID == first.LeadID {
		t.Errorf("%+v", r)
	}
	w.consistent()
}

// somebodyWaits returns when a transaction waits for the lock of another.
func (w *world) somebodyWaits() error {
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		var waiting int
		err := w.db.QueryRow(context.Background(), `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil || waiting > 0 || time.Now().After(limit) {
			return err
		}
	}
}
