package lead

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestADuplicateIsFoundByTheFirstMatchKeyThatMatches(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		byMail := w.mustSend(w.who, `{"entity":"funnel","email":"Ada@Example.com"}`).LeadID
		byPhone := w.mustSend(w.who, `{"entity":"funnel","phone":"030 123456"}`).LeadID
		byPassport := w.mustSend(w.who, `{"entity":"funnel","passport":"C01X"}`).LeadID
		for _, c := range []struct {
			body string
			want id.ID
		}{
			{`{"entity":"funnel","email":"ADA@example.COM"}`, byMail},
			{`{"entity":"funnel","phone":"+49 30 123456"}`, byPhone},
			{`{"entity":"funnel","passport":"c01x"}`, byPassport},
			{`{"entity":"funnel","email":"ada@example.com","phone":"030123456","passport":"C01X"}`, byMail},
			{`{"entity":"funnel","email":"other@example.com","phone":"030123456"}`, byPhone},
			{`{"entity":"funnel","email":"","phone":null,"passport":"C01X"}`, byPassport},
		} {
			r := w.mustSend(w.who, c.body)
			if r.Action != Skipped || r.LeadID != c.want || r.DuplicateOf != c.want || r.CreatedAt.IsZero() {
				t.Errorf("%s: %+v, want a duplicate of %s", c.body, r, c.want)
			}
		}
		for _, body := range []string{`{"entity":"funnel","name":"Ada"}`, `{"entity":"funnel","name":"Ada"}`, `{"entity":"funnel","email":"a@example.com"}`} {
			if r := w.mustSend(w.who, body); r.Action != Created || !r.DuplicateOf.IsNil() {
				t.Errorf("%s: %+v", body, r)
			}
		}
		if n := w.count("leads"); n != 6 {
			t.Errorf("%d leads", n)
		}
		test := w.inEnvironment(w.who, "staging", "test")
		if r := w.mustSend(test, `{"entity":"funnel","email":"ada@example.com"}`); r.Action != Created {
			t.Errorf("in another environment: %+v", r)
		}
		w.consistent()
	})
}

func TestWhatBecomesOfADuplicate(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		old := w.mustSend(w.who, `{"entity":"funnel","email":"ada@example.com","name":"Ada","remark":"kept","budget":1.50,"diagnosis":"flu","source":"fair"}`)

		skipped := w.mustSend(w.who, `{"entity":"funnel","email":"ada@example.com","name":"Eve","note":"lost","dedup_mode":"skip"}`)
		f := w.mustGet(w.who, old.LeadID)
		if skipped.Action != Skipped || !skipped.CreatedAt.Equal(old.CreatedAt) || f.shown()["name"] != "Ada" || f.Lead.Version != 1 || w.count("lead_notes") != 0 {
			t.Errorf("skip: %+v, %v", skipped, f.shown())
		}

		updated := w.mustSend(w.who, `{"entity":"funnel","email":"ADA@example.com","name":"Ada L.","remark":"","budget":2,"diagnosis":"cold","status:stage":"Won","note":"again","extra":1,"source":"web","dedup_mode":"update"}`)
		f = w.mustGet(w.who, old.LeadID)
		want := map[string]string{"email": "ADA@example.com", "name": "Ada L.", "remark": "kept", "budget": "2", "diagnosis": "cold"}
		if updated.Action != Updated || updated.LeadID != old.LeadID || updated.DuplicateOf != old.LeadID || cmp.Diff(want, f.shown()) != "" || f.statuses()["stage"] != "Won" || f.Lead.Source != "fair" || string(f.Lead.Unmapped) != `{"extra":1}` {
			t.Errorf("update: %+v %v %v %s", updated, f.shown(), f.statuses(), f.Lead.Unmapped)
		}
		if got := w.events(old.LeadID); !slices.Equal(got, []string{EventCreated, EventUpdated, EventNoteAdded}) {
			t.Errorf("events: %v", got)
		}

		again := w.mustSend(w.who, `{"entity":"funnel","email":"ada@example.com","dedup_mode":"create"}`)
		if again.Action != Created || again.LeadID == old.LeadID || again.DuplicateOf != old.LeadID {
			t.Errorf("create: %+v", again)
		}
		w.consistent()
	})
}

// A dry run says what would happen and leaves everything as it was.
func TestADryRunTellsOfDuplicates(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		old := w.mustSend(w.who, `{"entity":"funnel","email":"ada@example.com","name":"Ada"}`)
		for mode, want := range map[string]Action{"skip": Skipped, "update": Updated, "create": Created} {
			items, _ := ParseBody(mediaJSON, []byte(`{"entity":"funnel","email":"ada@example.com","name":"Eve","dedup_mode":"`+mode+`"}`))
			r, err := w.svc.Intake(t.Context(), w.who, Intake{Items: items, DryRun: true}, nil)
			if err != nil || r.Action != want || r.DuplicateOf != old.LeadID || !r.DryRun || (want == Created) != r.LeadID.IsNil() {
				t.Errorf("%s: %+v, %v", mode, r, err)
			}
		}
		if w.count("leads") != 1 || w.count("events") != 1 || w.mustGet(w.who, old.LeadID).shown()["name"] != "Ada" {
			t.Error("a dry run changed something")
		}
	})
}

// A thousand equal leads at once with skip make one, whichever key says so.
func TestEqualLeadsAtTheSameMomentMakeOne(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		const each = 250
		bodies := []string{`{"entity":"funnel","email":"ada@example.com","phone":"030 123456"}`, `{"entity":"funnel","email":"ADA@example.com","passport":"X1"}`}
		var mu sync.Mutex
		actions := map[Action]int{}
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 4 * each {
			wg.Go(func() {
				<-start
				r, err := w.send(w.who, bodies[i%2])
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
				actions[r.Action]++
			})
		}
		close(start)
		wg.Wait()
		if n := w.count("leads"); n != 1 || actions[Created] != 1 {
			t.Errorf("%d leads, %v", n, actions)
		}
		w.consistent()
	})
}
