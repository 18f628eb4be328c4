package lead

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

var noon = time.Date(2026, 7, 31, 12, 0, 0, 0, time.UTC)

func TestALeadComesBackAsItWasSent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		r := w.mustSend(w.who, `{"entity":"solar_leads","name":"Zoë <b>","email":"zoe@example.com","budget":0.10,"wishes":["balcony","roof"],"newsletter":true,
			"status:stage":"won","source":"website","note":["first",{"text":"second","tag":"call"}],"UTM Source":{"b":1e400, "a":-0.0},"x":"\ud83d\ude00"}`)
		if r.Action != Created || !r.CreatedAt.Equal(noon) || r.LeadID.IsNil() || len(r.Warnings) != 2 {
			t.Errorf("answer %+v", r)
		}
		f := w.mustGet(w.who, r.LeadID)
		want := map[string]entity.Value{"name": "Zoë <b>", "email": "zoe@example.com", "budget": "0.10", "wishes": []string{"balcony", "roof"}, "newsletter": true}
		if diff := cmp.Diff(want, f.values()); diff != "" {
			t.Errorf("values (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]string{"stage": "Won", "temperature": "Warm"}, f.statuses()); diff != "" {
			t.Error(diff)
		}
		// Byte for byte, although both databases would rewrite JSON of their own type.
		if got, want := f.Lead.Unmapped.String(), `{"UTM Source":{"b":1e400, "a":-0.0},"x":"\ud83d\ude00"}`; got != want {
			t.Errorf("unmapped %s, want %s", got, want)
		}
		l := f.Lead
		actor := event.Actor{Kind: "key", ID: w.who.Key.ID, Name: "Website form"}
		if l.ID != r.LeadID || l.EntityID != w.e.ID || l.EnvironmentID != w.who.Environment.ID || l.Version != 1 || l.Source != "website" || l.CreatedBy != actor ||
			!l.CreatedAt.Equal(noon) || !l.UpdatedAt.Equal(noon) || !l.AssigneeID.IsNil() || !l.Statuses[0].Since.Equal(noon) {
			t.Errorf("%+v", l)
		}
		notes, err := w.svc.Notes(t.Context(), w.who, r.LeadID)
		if err != nil || len(notes) != 2 || notes[0].Text != "first" || notes[1].Text != "second" || notes[1].Tag != "call" || notes[0].CreatedBy != actor {
			t.Errorf("notes %+v, %v", notes, err)
		}
	}, dbtest.Clock(clock.NewFake(noon)))
}

func TestTheEventTellsNoValues(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		other := w.mustSend(w.who, `{"entity":"solar_leads","name":"Other"}`)
		r := w.mustSend(w.who, `{"entity":"solar_leads","name":"Secretive","email":"secretive@example.com","note":"secretive","status:stage":"won","x":"secretive"}`)
		events, err := w.svc.Timeline(t.Context(), w.who, r.LeadID)
		if err != nil || len(events) != 1 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		e := events[0]
		if e.Type != EventCreated || e.Actor.Name != "Website form" || e.Actor.Kind != "key" {
			t.Errorf("%+v", e)
		}
		won, warm := w.e.Pipelines[0].Statuses[2], w.e.Pipelines[1].Statuses[1]
		var got CreatedFact
		if err := json.Unmarshal(e.Data, &got); err != nil {
			t.Fatal(err)
		}
		want := CreatedFact{LeadID: r.LeadID, Entity: "solar_leads", Source: "api", Notes: 1, Status: map[string]FactStatus{"stage": {won.ID, "Won"}, "temperature": {warm.ID, "Warm"}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if strings.Contains(strings.ToLower(string(e.Data)), "secretive") {
			t.Errorf("the event holds a value: %s", e.Data)
		}
		if events, err := w.svc.Timeline(t.Context(), w.who, other.LeadID); err != nil || len(events) != 1 || strings.Contains(string(events[0].Data), r.LeadID.String()) {
			t.Errorf("timelines are mixed up: %v, %v", events, err)
		}
		// Readers of the log stay behind the oldest transaction under way, here of other
		// tests.
		var all []event.Event
		for wait := time.Now().Add(30 * time.Second); len(all) < 2 && time.Now().Before(wait); time.Sleep(5 * time.Millisecond) {
			if all, err = event.After(t.Context(), d, w.who.Environment.ID, event.Position{}, 10); err != nil {
				t.Fatal(err)
			}
		}
		if len(all) != 2 {
			t.Errorf("the log has %d events", len(all))
		}
	})
}

func TestWhatIsNotYoursDoesNotExist(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		stranger := w.newAccount("Others")
		w.newEntity(stranger, solar())
		staging := w.inEnvironment(w.who, "staging", account.Test)
		narrow := w.who
		narrow.Scopes = account.Scopes{"leads.other:read"}
		mine := w.mustSend(w.who, `{"entity":"solar_leads","name":"Mine"}`).LeadID
		trashed := w.mustSend(w.who, `{"entity":"solar_leads","name":"Old"}`).LeadID
		w.update(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE leads SET deleted_at = 1 WHERE id = $1`, trashed)
			return err
		})
		_, missing := w.svc.Get(t.Context(), w.who, id.New())
		if errs.CodeOf(missing) != errs.NotFound {
			t.Fatalf("a missing lead: %v", missing)
		}
		for name, c := range map[string]struct {
			who  account.Principal
			lead id.ID
		}{"another account": {stranger, mine}, "another environment": {staging, mine}, "another entity": {narrow, mine}, "in the trash": {w.who, trashed}} {
			_, err1 := w.svc.Get(t.Context(), c.who, c.lead)
			_, err2 := w.svc.Notes(t.Context(), c.who, c.lead)
			_, err3 := w.svc.Timeline(t.Context(), c.who, c.lead)
			for _, err := range []error{err1, err2, err3} {
				if diff := cmp.Diff(missing.Error(), fmt.Sprint(err)); diff != "" {
					t.Errorf("%s does not look like a missing lead: %s", name, diff)
				}
			}
		}
		for name, who := range map[string]account.Principal{"another account": stranger, "another environment": staging} {
			if p, err := w.svc.List(t.Context(), who, Query{Entity: "solar_leads"}); err != nil || len(p.Leads) != 0 {
				t.Errorf("%s sees %d leads, %v", name, len(p.Leads), err)
			}
		}
		if p, err := w.svc.List(t.Context(), w.who, Query{Entity: "solar_leads"}); err != nil || len(p.Leads) != 1 || p.Leads[0].ID != mine {
			t.Errorf("the list shows %+v, %v", p.Leads, err)
		}
		if _, err := w.svc.List(t.Context(), stranger, Query{Entity: w.e.ID.String()}); errs.CodeOf(err) != errs.ValidationFailed || errs.As(err).Fields[0].Parameter != "entity" {
			t.Errorf("a foreign entity in a query: %v", err)
		}
		if _, err := w.send(stranger, `{"entity":"`+w.e.ID.String()+`"}`); errs.CodeOf(err) != errs.ValidationFailed || errs.As(err).Fields[0].Pointer != "/entity" {
			t.Errorf("a foreign entity in a body: %v", err)
		}
	})
}

func TestScopesForOneEntity(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.newEntity(w.who, strict())
		narrow := w.who
		narrow.Scopes = account.Scopes{"leads.solar_leads:read", "leads.solar_leads:write"}
		w.mustSend(narrow, `{"entity":"solar_leads"}`)
		if _, err := w.svc.List(t.Context(), narrow, Query{Entity: "solar_leads"}); err != nil {
			t.Error(err)
		}
		check := func(err error, needed string) {
			t.Helper()
			if errs.CodeOf(err) != errs.InsufficientScope {
				t.Fatalf("got %v", err)
			}
			want := map[string]any{"needed": []string{needed}, "held": []string{"leads.solar_leads:read", "leads.solar_leads:write"}}
			if diff := cmp.Diff(want, errs.As(err).Meta); diff != "" {
				t.Error(diff)
			}
		}
		_, err := w.send(narrow, `{"entity":"strict","email":"a@example.com"}`)
		check(err, "leads.strict:write")
		_, err = w.svc.List(t.Context(), narrow, Query{Entity: "strict"})
		check(err, "leads.strict:read")
		reader := w.who
		reader.Scopes = account.Scopes{"leads:read"}
		if _, err := w.send(reader, `{"entity":"solar_leads"}`); errs.CodeOf(err) != errs.InsufficientScope {
			t.Errorf("a reader could write: %v", err)
		}
		// Who may write to one entity only is told of that one only.
		_, err = w.send(narrow, `{"entity":"nothing"}`)
		if detail := errs.As(err).Detail; !strings.Contains(detail, "solar_leads") || strings.Contains(detail, "strict") {
			t.Errorf("an unknown entity: %q", detail)
		}
		if n := w.count("leads"); n != 1 {
			t.Errorf("%d leads are stored", n)
		}
	})
}

func TestTheEntityIsNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	for body, want := range map[string]string{
		`{"name":"x"}`:                         "/entity required",
		`{"entity":null}`:                      "/entity required",
		`{"entity":" "}`:                       "/entity required",
		`{"lead_object":5}`:                    "/lead_object wrong_type",
		`{"Entity":"nothing"}`:                 "/Entity unknown_entity",
		`{"entity":"a/b"}`:                     "/entity unknown_entity",
		`{"entity":"Solar_Leads"}`:             "",
		`{"entity":"` + w.e.ID.String() + `"}`: "",
	} {
		_, err := w.send(w.who, body)
		got := ""
		if err != nil {
			f := errs.As(err).Fields[0]
			got = f.Pointer + " " + f.Code
		}
		if got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

func TestNothingIsStoredWhen(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		items, err := ParseBody(mediaJSON, []byte(`{"entity":"solar_leads","name":"Ada","note":"x","zip":1}`))
		if err != nil {
			t.Fatal(err)
		}
		empty := func(when string) {
			t.Helper()
			for _, table := range []string{"leads", "lead_statuses", "lead_notes", "events"} {
				if n := w.count(table); n != 0 {
					t.Errorf("%s, there are %d rows in %s", when, n, table)
				}
			}
		}
		r, err := w.svc.Intake(t.Context(), w.who, Intake{Items: items, DryRun: true}, func(context.Context, *db.Tx, Result) error {
			t.Error("a dry run was answered inside a transaction")
			return nil
		})
		if err != nil || !r.DryRun || r.Action != Created || !r.LeadID.IsNil() || len(r.Warnings) != 1 {
			t.Errorf("dry run: %+v, %v", r, err)
		}
		empty("in a dry run")

		if _, err := w.svc.Intake(t.Context(), w.who, Intake{Items: items, Strict: true}, nil); errs.CodeOf(err) != errs.ValidationFailed {
			t.Errorf("strict: %v", err)
		}
		empty("after a refusal")

		broken := errors.New("the answer could not be kept")
		if _, err := w.svc.Intake(t.Context(), w.who, Intake{Items: items}, func(_ context.Context, _ *db.Tx, r Result) error {
			if r.LeadID.IsNil() || len(r.Warnings) != 1 {
				t.Errorf("the answer to keep is %+v", r)
			}
			return broken
		}); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		empty("when the transaction fails at its end")
	})
}

func TestAnEntityThatChangedIsReadAgain(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		items, _ := ParseBody(mediaJSON, []byte(`{"entity":"solar_leads","name":"Ada"}`))
		e, err := w.svc.entities.Definition(t.Context(), w.who.Account.ID, "solar_leads")
		if err != nil {
			t.Fatal(err)
		}
		old, _ := match(e, readControls(items, DefaultSource), false)
		w.update(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE entities SET version = version + 1 WHERE id = $1`, e.ID)
			return err
		})
		if _, err := w.svc.takeIn(t.Context(), w.who, e, []*draft{old}, false, nil); !errors.Is(err, errStale) {
			t.Errorf("a draft by an old definition: %v", err)
		}
		if n := w.count("leads") + w.count("events") + w.count("lead_statuses"); n != 0 {
			t.Errorf("%d rows were stored", n)
		}
		if _, err := w.svc.Intake(t.Context(), w.who, Intake{Items: items}, nil); err != nil {
			t.Errorf("a whole intake: %v", err)
		}
	})
}

func TestLeadsAndChangesOfTheEntityAtTheSameTime(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		const senders, each = 8, 15
		done := make(chan struct{})
		var changes, all sync.WaitGroup
		changes.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(10 * time.Millisecond):
				}
				w.update(func(ctx context.Context, tx *db.Tx) error {
					_, err := tx.Exec(ctx, `UPDATE entities SET version = version + 1 WHERE id = $1`, w.e.ID)
					return err
				})
			}
		})
		var mu sync.Mutex
		sent := map[id.ID]string{}
		for i := range senders {
			all.Go(func() {
				for j := range each {
					name := fmt.Sprintf("lead %d/%d", i, j)
					r, err := w.send(w.who, `{"entity":"solar_leads","name":"`+name+`","note":"n"}`)
					if errs.CodeOf(err) == errs.Unavailable {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					sent[r.LeadID] = name
					mu.Unlock()
				}
			})
		}
		all.Wait()
		close(done)
		changes.Wait()
		if len(sent) == 0 {
			t.Error("no lead came through")
		}
		for lead, name := range sent {
			f := w.mustGet(w.who, lead)
			if f.values()["name"] != name || len(f.Lead.Statuses) != 2 {
				t.Errorf("%s: %v %v", name, f.values(), f.Lead.Statuses)
			}
		}
		for table, n := range map[string]int{"leads": len(sent), "lead_statuses": 2 * len(sent), "lead_notes": len(sent), "events": len(sent)} {
			if got := w.count(table); got != n {
				t.Errorf("%d rows in %s, want %d", got, table, n)
			}
		}
	})
}

func TestAFieldThatIsGoneLeavesTheLeadReadable(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		lead := w.mustSend(w.who, `{"entity":"solar_leads","name":"Ada","city":"Rome"}`).LeadID
		w.update(func(ctx context.Context, tx *db.Tx) error {
			_, err1 := tx.Exec(ctx, `DELETE FROM fields WHERE id = $1`, w.e.Fields[11].ID)
			_, err2 := tx.Exec(ctx, `UPDATE fields SET key = 'full_name' WHERE id = $1`, w.e.Fields[0].ID)
			_, err3 := tx.Exec(ctx, `UPDATE entities SET version = version + 1 WHERE id = $1`, w.e.ID)
			return errors.Join(err1, err2, err3)
		})
		got := w.mustGet(w.who, lead).values()
		if diff := cmp.Diff(map[string]entity.Value{"full_name": "Ada", "newsletter": false}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnIntakeReadsNothingBeforeItsTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	w.mustSend(w.who, `{"entity":"solar_leads"}`) // the definition is known from here on
	before := w.db.Queries()
	w.mustSend(w.who, `{"entity":"solar_leads","name":"Ada","zip":1}`)
	if n := w.db.Queries() - before; n != 0 {
		t.Errorf("%d reads before the transaction, want none", n)
	}
	// A field that came a moment ago, from another node, is known nevertheless.
	w.update(func(ctx context.Context, tx *db.Tx) error {
		_, err1 := tx.Exec(ctx, `UPDATE fields SET key = 'area' WHERE id = $1`, w.e.Fields[11].ID)
		_, err2 := tx.Exec(ctx, `UPDATE entities SET version = version + 1 WHERE id = $1`, w.e.ID)
		return errors.Join(err1, err2)
	})
	r := w.mustSend(w.who, `{"entity":"solar_leads","area":"Rome"}`)
	if f := w.mustGet(w.who, r.LeadID); f.values()["area"] != "Rome" || len(r.Warnings) != 0 {
		t.Errorf("%v, %v", f.values(), r.Warnings)
	}
	items, _ := ParseBody(mediaJSON, []byte(`{"entity":"solar_leads","zone":"Rome"}`))
	w.update(func(ctx context.Context, tx *db.Tx) error {
		_, err1 := tx.Exec(ctx, `UPDATE fields SET key = 'zone' WHERE id = $1`, w.e.Fields[11].ID)
		_, err2 := tx.Exec(ctx, `UPDATE entities SET version = version + 1 WHERE id = $1`, w.e.ID)
		return errors.Join(err1, err2)
	})
	if _, err := w.svc.Intake(t.Context(), w.who, Intake{Items: items, Strict: true}, nil); err != nil {
		t.Errorf("refused by an old definition: %v", err)
	}
}
