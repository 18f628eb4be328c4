package lead

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// keptSlices keeps slices in memory, as a call with an Idempotency-Key keeps them in
// the database.
type keptSlices struct {
	done   map[int]string
	failAt int // the slice that cannot be kept; 0: none
}

func (k *keptSlices) Done(_ context.Context, n int) (done []RowResult, ok bool, err error) {
	text, ok := k.done[n]
	if ok {
		err = json.Unmarshal([]byte(text), &done)
	}
	return done, ok, err
}

var errCut = errors.New("cut off")

func (k *keptSlices) Keep(_ context.Context, _ *db.Tx, n int, results []RowResult) error {
	if k.failAt > 0 && n == k.failAt {
		return errCut
	}
	k.done[n] = db.JSON(results)
	return nil
}

func (w *world) bulk(body string, change func(*Bulk), slices Slices) ([]RowResult, error) {
	w.t.Helper()
	in, err := ParseBulk([]byte(body))
	if err != nil {
		return nil, err
	}
	if change != nil {
		change(&in)
	}
	return w.svc.Bulk(context.Background(), w.who, in, slices, func(context.Context, *db.Tx, []RowResult) error { return nil })
}

func newSlices() *keptSlices { return &keptSlices{done: map[int]string{}} }

func became(results []RowResult) string {
	words := make([]string, len(results))
	for i, r := range results {
		if words[i] = string(r.Action); len(r.Wrong) > 0 {
			words[i] = r.Wrong[0].Pointer + " " + r.Wrong[0].Code
		}
	}
	return strings.Join(words, ", ")
}

func TestBulkTakesGoodRowsAndTellsOfWrongOnes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		old := w.mustSend(w.who, `{"entity":"funnel","email":"old@example.com","name":"Old"}`)
		results, err := w.bulk(`{"entity":"funnel","source":"fair","note":"met there","batch":[
			{"email":"a@example.com","name":"A","status:stage":"won","extra":1},
			{"email":"nonsense"},
			{"E-Mail":"OLD@example.com","name":"New"},
			{"email":"old@example.com","name":"New","dedup_mode":"update","source":"row","note":"own"},
			{"email":"A@example.com"},
			{"email":"a@example.com","name":"AA","dedup_mode":"update"},
			{"email":"a@example.com","dedup_mode":"create"},
			{"entity":"solar_leads","name":"x"},
			{"entity":"Funnel","name":"y"},
			"a@example.com"]}`, nil, newSlices())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := became(results), "created, /email invalid_email, skipped, updated, skipped, updated, created, /entity other_entity, created,  wrong_type"; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
		if results[2].LeadID != old.LeadID || results[4].LeadID != results[0].LeadID || results[5].LeadID != results[0].LeadID || results[0].Email != "a@example.com" || len(results[0].Warnings) != 1 {
			t.Errorf("%+v", results)
		}
		a := w.mustGet(w.who, results[0].LeadID)
		if a.shown()["name"] != "AA" || a.Lead.Source != "fair" || a.statuses()["stage"] != "Won" || w.count("lead_notes") != 6 {
			t.Errorf("%v %s %v, %d notes", a.shown(), a.Lead.Source, a.statuses(), w.count("lead_notes"))
		}
		w.consistent()
	})
}

func TestAnAtomicCallStoresAllOrNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		atomic := func(b *Bulk) { b.Atomic = true }
		_, err := w.bulk(`{"entity":"funnel","batch":[{"name":"A"},{"email":"nonsense"}]}`, atomic, newSlices())
		if e := errs.As(err); e.Code != errs.ValidationFailed || e.Fields[0].Pointer != "/batch/1/email" {
			t.Errorf("%v", err)
		}
		if n := w.count("leads") + w.count("events"); n != 0 {
			t.Errorf("%d rows were stored", n)
		}
		results, err := w.bulk(manyRows(250), atomic, newSlices())
		if err != nil || len(results) != 250 || w.count("leads") != 250 {
			t.Errorf("%d results, %d leads, %v", len(results), w.count("leads"), err)
		}
	})
}

func manyRows(n int) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"name":"Lead %d","budget":%d}`, i, i)
	}
	return `{"entity":"funnel","batch":[` + strings.Join(rows, ",") + `]}`
}

// A call that was cut off in the middle is sent again: nothing is doubled, nothing is
// missing, and the answer tells of all rows.
func TestACallThatWasCutOffGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		kept := newSlices()
		kept.failAt = 2
		if _, err := w.bulk(manyRows(350), nil, kept); !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		if n := w.count("leads"); n != 200 {
			t.Errorf("%d leads before the cut, want two slices", n)
		}
		kept.failAt = 0
		results, err := w.bulk(manyRows(350), nil, kept)
		if err != nil || w.count("leads") != 350 || w.count("events") != 350 {
			t.Fatalf("%d leads, %d events, %v", w.count("leads"), w.count("events"), err)
		}
		seen := map[string]bool{}
		for i, r := range results {
			f := w.mustGet(w.who, r.LeadID)
			if f.shown()["name"] != fmt.Sprintf("Lead %d", i) || r.Action != Created || seen[r.LeadID.String()] {
				t.Errorf("row %d: %+v %v", i, r.Result, f.shown())
			}
			seen[r.LeadID.String()] = true
		}
		w.consistent()
	})
}

// The entity changes between two slices: the rows that are stored are not stored again.
func TestAnEntityThatChangesDuringABulkCall(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		changer := &changingSlices{w: w, keptSlices: newSlices()}
		results, err := w.bulk(manyRows(350), nil, changer)
		if err != nil || len(results) != 350 || w.count("leads") != 350 || changer.changes != 1 {
			t.Errorf("%d leads, %d changes, %v", w.count("leads"), changer.changes, err)
		}
		for i, r := range results {
			if r.LeadID.IsNil() {
				t.Errorf("row %d has no result", i)
			}
		}
	})
}

type changingSlices struct {
	*keptSlices
	w       *world
	changes int
}

func (c *changingSlices) Done(context.Context, int) ([]RowResult, bool, error) {
	if len(c.done) == 2 && c.changes == 0 {
		c.changes++
		c.w.update(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE entities SET version = version + 1 WHERE id = $1`, c.w.e.ID)
			return err
		})
	}
	return nil, false, nil
}

func TestBulkRefusesWhatIsNoBatch(t *testing.T) {
	t.Parallel()
	w := newFunnel(t, dbtest.SQLite(t))
	for body, want := range map[string]string{
		`{"entity":"funnel"}`:                             "/batch required",
		`{"entity":"funnel","batch":{}}`:                  "/batch wrong_type",
		`{"entity":"funnel","batch":[]}`:                  "/batch count",
		manyRows(1001):                                    "/batch count",
		`{"entity":"funnel","batch":[{}],"name":"A"}`:     "/name unknown_name",
		`{"entity":"nowhere","batch":[{}]}`:               "/entity unknown_entity",
		`{"batch":[{}]}`:                                  "/entity required",
		`{"entity":"funnel","batch":[{}],"dedup_mode":1}`: "/dedup_mode unknown_mode",
	} {
		_, err := w.bulk(body, nil, newSlices())
		if e := errs.As(err); len(e.Fields) != 1 || e.Fields[0].Pointer+" "+e.Fields[0].Code != want {
			t.Errorf("%.80s: %v %v, want %s", body, err, e.Fields, want)
		}
	}
}
