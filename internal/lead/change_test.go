package lead

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestAPatchChangesWhatItNames(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		ada, eve := w.member("ada@example.com"), w.member("eve@example.com")
		lead := w.mustSend(w.who, `{"entity":"funnel","email":"x@example.com","name":"X","budget":10,"diagnosis":"flu","assignee":"ADA@example.com","viewers":["`+eve.ID.String()+`"]}`).LeadID
		f := w.mustGet(w.who, lead)
		if f.Lead.AssigneeID != ada.ID || !slices.Equal(f.Lead.Viewers, []id.ID{eve.ID}) {
			t.Fatalf("assignee %s, viewers %v", f.Lead.AssigneeID, f.Lead.Viewers)
		}
		f = w.mustPatch(lead, `{"fields":{"Name":"Y","budget":null,"diagnosis":"cold","wishes":["Roof","car"]},"status":{"Stage":"won"},"assignee":null,"viewers":["ada@example.com","`+eve.ID.String()+`","ada@example.com"]}`)
		want := map[string]string{"email": "x@example.com", "name": "Y", "diagnosis": "cold", "wishes": "Roof, Car"}
		if diff := cmp.Diff(want, w.mustGet(w.who, lead).shown()); diff != "" || cmp.Diff(want, f.shown()) != "" {
			t.Error(diff)
		}
		if f.statuses()["stage"] != "Won" || !f.Lead.AssigneeID.IsNil() || len(f.Lead.Viewers) != 2 || f.Lead.Version != 2 {
			t.Errorf("%+v", f.Lead)
		}
		events, err := event.History(t.Context(), d, w.who.Environment.ID, lead, event.Position{}, 10)
		if err != nil || len(events) != 2 {
			t.Fatal(events, err)
		}
		var fact UpdatedFact
		if err := json.Unmarshal(events[0].Data, &fact); err != nil {
			t.Fatal(err)
		}
		if c := fact.Changes["fields.name"]; c.From != "X" || c.To != "Y" {
			t.Errorf("name: %+v", c)
		}
		if c := fact.Changes["fields.diagnosis"]; !c.Encrypted || c.From != nil || c.To != nil || strings.Contains(string(events[0].Data), "cold") {
			t.Errorf("the log tells an encrypted value: %s", events[0].Data)
		}
		if len(fact.Changes) != 7 {
			t.Errorf("%s", events[0].Data)
		}
		again := w.mustPatch(lead, `{"fields":{"name":"Y"},"status":{"stage":"Won"},"assignee":null}`)
		if again.Lead.Version != 2 || len(w.events(lead)) != 2 {
			t.Errorf("nothing is different, but the version is %d", again.Lead.Version)
		}
		w.consistent()
	})
}

func TestAPatchThatIsWrongChangesNothing(t *testing.T) {
	t.Parallel()
	w := newFunnel(t, dbtest.SQLite(t))
	required := w.newEntity(w.who, strict())
	_ = required
	lead := w.mustSend(w.who, `{"entity":"funnel","name":"X"}`).LeadID
	other := w.mustSend(w.who, `{"entity":"strict","email":"a@example.com"}`).LeadID
	for _, c := range []struct {
		lead       id.ID
		body, want string
	}{
		{lead, `{}`, " required"},
		{lead, `{"fields":{"nonsense":1}}`, "/fields/nonsense unknown_field"},
		{lead, `{"fields":{"budget":"much"}}`, "/fields/budget not_a_number"},
		{lead, `{"fields":{"name":"a","NAME":"b"}}`, "/fields/NAME sent_twice"},
		{lead, `{"fields":[]}`, "/fields wrong_type"},
		{lead, `{"name":"a"}`, "/name unknown_name"},
		{lead, `{"source":"a"}`, "/source read_only"},
		{lead, `{"environment":"staging"}`, "/environment read_only"},
		{lead, `{"entity":"strict"}`, "/entity read_only"},
		{lead, `{"status":{"stage":"Nowhere"}}`, "/status/stage unknown_status"},
		{lead, `{"status":{"nowhere":"New"}}`, "/status/nowhere unknown_pipeline"},
		{lead, `{"status":{"stage":null}}`, "/status/stage required"},
		{lead, `{"assignee":"nobody@example.com"}`, "/assignee unknown_member"},
		{lead, `{"assignee":{}}`, "/assignee wrong_type"},
		{lead, `{"viewers":["nobody@example.com"]}`, "/viewers/0 unknown_member"},
		{lead, `{"viewers":[1]}`, "/viewers/0 wrong_type"},
		{other, `{"fields":{"email":null}}`, "/fields/email required"},
		{other, `{"fields":{"email":" "}}`, "/fields/email required"},
	} {
		_, err := w.patch(c.lead, c.body)
		var got []string
		if e := errs.As(err); e.Code == errs.ValidationFailed {
			for _, f := range e.Fields {
				got = append(got, f.Pointer+" "+f.Code)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %v, want %s (%v)", c.body, got, c.want, err)
		}
	}
	if f := w.mustGet(w.who, lead); f.Lead.Version != 1 {
		t.Error("a refused change changed something")
	}
	for _, gone := range []id.ID{id.New()} {
		if _, err := w.patch(gone, `{"assignee":null}`); errs.CodeOf(err) != errs.NotFound {
			t.Errorf("a lead that is not there: %v", err)
		}
	}
	staging := w.inEnvironment(w.who, "staging", "test")
	p, _ := ParsePatch([]byte(`{"assignee":null}`))
	if _, err := w.svc.Change(t.Context(), staging, lead, p, nil, nil); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("a lead of another environment: %v", err)
	}
}

// Of many who read the same version only one changes it, and nothing is lost.
func TestNoChangeIsLost(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		lead := w.mustSend(w.who, `{"entity":"funnel","budget":0}`).LeadID
		stale := errors.New("stale")
		const writers, rounds = 4, 15
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for done := 0; done < rounds; {
					f := w.mustGet(w.who, lead)
					next := nextDecimal(f.shown()["budget"])
					p, _ := ParsePatch([]byte(`{"fields":{"budget":` + next + `}}`))
					_, err := w.svc.Change(context.Background(), w.who, lead, p, func(l *Lead) error {
						if l.Version != f.Lead.Version {
							return stale
						}
						return nil
					}, nil)
					switch {
					case err == nil:
						done++
					case !errors.Is(err, stale):
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		if f := w.mustGet(w.who, lead); f.shown()["budget"] != "60" || f.Lead.Version != 1+writers*rounds {
			t.Errorf("%v, version %d", f.shown(), f.Lead.Version)
		}
		w.consistent()
	})
}

func nextDecimal(s string) string {
	n := 0
	_ = json.Unmarshal([]byte(s), &n)
	b, _ := json.Marshal(n + 1)
	return string(b)
}

func TestTrashRestoreAndPurge(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC))
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, always := t.Context(), func(*Lead) error { return nil }
		w := newFunnel(t, d)
		lead := w.mustSend(w.who, `{"entity":"funnel","email":"ada@example.com","name":"Secret name","note":"n"}`).LeadID
		w.mustPatch(lead, `{"fields":{"name":"Other name"}}`)
		if err := w.svc.Delete(ctx, w.who, lead, always); err != nil {
			t.Fatal(err)
		}
		if _, err := w.svc.Get(ctx, w.who, lead); errs.CodeOf(err) != errs.NotFound {
			t.Errorf("a lead in the trash: %v", err)
		}
		if err := w.svc.Delete(ctx, w.who, lead, always); errs.CodeOf(err) != errs.NotFound {
			t.Errorf("deleted twice: %v", err)
		}
		if _, err := w.patch(lead, `{"assignee":null}`); errs.CodeOf(err) != errs.NotFound {
			t.Errorf("changed in the trash: %v", err)
		}
		w.consistent()
		if r := w.mustSend(w.who, `{"entity":"funnel","email":"ada@example.com"}`); r.Action != Created {
			t.Errorf("a lead in the trash is a duplicate: %+v", r)
		}
		f, err := w.svc.Restore(ctx, w.who, lead, nil)
		if err != nil || f.shown()["name"] != "Other name" || f.Lead.DeletedAt != nil {
			t.Errorf("%+v, %v", f.Lead, err)
		}
		if again, err := w.svc.Restore(ctx, w.who, lead, nil); err != nil || again.Lead.Version != f.Lead.Version {
			t.Errorf("restored twice: %v", err)
		}
		w.consistent()

		if err := w.svc.Purge(ctx, w.who, lead, always); err != nil {
			t.Fatal(err)
		}
		if _, err := w.svc.Restore(ctx, w.who, lead, nil); errs.CodeOf(err) != errs.NotFound {
			t.Errorf("restored after a permanent deletion: %v", err)
		}
		if got := w.events(lead); !slices.Equal(got, []string{EventCreated, EventUpdated, EventDeleted, EventRestored, EventPurged}) {
			t.Errorf("%v", got)
		}
		var told int
		if err := d.QueryRow(ctx, `SELECT COUNT(*) FROM events WHERE CAST(data AS TEXT) LIKE '%name%' AND type = 'lead.updated'`).Scan(&told); err != nil || told != 0 {
			t.Errorf("%d events still tell of its values, %v", told, err)
		}
		if w.count("lead_notes") != 0 || w.count("lead_statuses") != 1 {
			t.Error("something of it is left")
		}
		w.consistent()

		old, young := w.mustSend(w.who, `{"entity":"funnel","name":"old"}`).LeadID, w.mustSend(w.who, `{"entity":"funnel","name":"young"}`).LeadID
		if err := w.svc.Delete(ctx, w.who, old, always); err != nil {
			t.Fatal(err)
		}
		fake.Advance(TrashKept - time.Hour)
		if err := errors.Join(w.svc.Delete(ctx, w.who, young, always), w.svc.EmptyTrash(ctx)); err != nil {
			t.Fatal(err)
		}
		if _, err := w.svc.Restore(ctx, w.who, old, nil); err != nil {
			t.Errorf("within 30 days: %v", err)
		}
		_ = w.svc.Delete(ctx, w.who, old, always)
		fake.Advance(2 * time.Hour)
		if err := w.svc.EmptyTrash(ctx); err != nil {
			t.Fatal(err)
		}
		fake.Advance(TrashKept)
		if err := w.svc.EmptyTrash(ctx); err != nil {
			t.Fatal(err)
		}
		for _, gone := range []id.ID{old, young} {
			if _, err := w.svc.Restore(ctx, w.who, gone, nil); errs.CodeOf(err) != errs.NotFound {
				t.Errorf("after 30 days: %v", err)
			}
		}
		w.consistent()
	}, dbtest.Clock(fake))
}

func TestMerge(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		ada := w.member("ada@example.com")
		into := w.mustSend(w.who, `{"entity":"funnel","email":"a@example.com","name":"A","x":1}`).LeadID
		b := w.mustSend(w.who, `{"entity":"funnel","email":"b@example.com","name":"B","budget":7,"diagnosis":"flu","note":"from b","assignee":"ada@example.com","viewers":"ada@example.com","x":2,"y":3}`).LeadID
		c := w.mustSend(w.who, `{"entity":"funnel","phone":"030 1234567","budget":9}`).LeadID
		f, err := w.svc.Merge(t.Context(), w.who, into, Merge{From: []string{b.String(), c.String()}, Prefer: map[string]string{"name": b.String()}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"email": "a@example.com", "name": "B", "budget": "7", "diagnosis": "flu", "phone": "030 1234567"}
		if diff := cmp.Diff(want, w.mustGet(w.who, into).shown()); diff != "" {
			t.Error(diff)
		}
		if f.Lead.AssigneeID != ada.ID || len(f.Lead.Viewers) != 1 || string(f.Lead.Unmapped) != `{"y":3,"x":1}` {
			t.Errorf("%+v %s", f.Lead, f.Lead.Unmapped)
		}
		if notes, err := w.svc.Notes(t.Context(), w.who, into); err != nil || len(notes) != 1 || notes[0].Text != "from b" {
			t.Errorf("%v %v", notes, err)
		}
		for _, gone := range []id.ID{b, c} {
			if _, err := w.svc.Get(t.Context(), w.who, gone); errs.CodeOf(err) != errs.NotFound {
				t.Errorf("%v", err)
			}
		}
		w.consistent()
		stranger := w.mustSend(w.who, `{"entity":"solar_leads","name":"S"}`).LeadID
		for _, bad := range []Merge{{}, {From: []string{"x"}}, {From: []string{into.String()}}, {From: []string{id.New().String()}}, {From: []string{b.String()}}, {From: []string{stranger.String()}}} {
			if _, err := w.svc.Merge(t.Context(), w.who, into, bad, nil); errs.CodeOf(err) != errs.ValidationFailed {
				t.Errorf("%v: %v", bad, err)
			}
		}
	})
}

// An encrypted value can be read by who may, and by nobody who has the file.
func TestEncryptedValuesAreNowhereInTheDatabase(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	w := newFunnel(t, d)
	const canary = "Zanzibar-Syndrome"
	lead := w.mustSend(w.who, `{"entity":"funnel","name":"Ada","diagnosis":"`+canary+`","passport":"`+canary+`"}`).LeadID
	w.mustPatch(lead, `{"fields":{"diagnosis":"`+canary+` 2","name":"Eve"}}`)
	if f := w.mustGet(w.who, lead); f.shown()["diagnosis"] != canary+" 2" || f.shown()["passport"] != canary {
		t.Errorf("%v", f.shown())
	}
	for _, file := range []string{d.Path(), d.Path() + "-wal"} {
		bytes, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(string(bytes)), strings.ToLower(canary)) {
			t.Errorf("%s holds the value", file)
		}
	}
	// A value that was copied to another lead does not open.
	other := w.mustSend(w.who, `{"entity":"funnel","name":"B","diagnosis":"x"}`).LeadID
	w.update(func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE leads SET sealed = (SELECT sealed FROM leads WHERE id = $1) WHERE id = $2`, lead, other)
		return err
	})
	if _, err := w.svc.Get(t.Context(), w.who, other); !errors.Is(err, errSealed) {
		t.Errorf("a value of another lead: %v", err)
	}
}

// Whatever is done to leads in whatever order, the rows beside them are those their
// values call for.
func TestTheRowsBesideLeadsAlwaysAgree(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		always := func(*Lead) error { return nil }
		base := newFunnel(t, d)
		rapid.Check(t, func(rt *rapid.T) {
			w := *base
			w.who = base.inEnvironment(base.who, id.New().String(), "test")
			ctx := context.Background()
			var leads []id.ID
			body := func() string {
				o := map[string]any{}
				for key, g := range map[string]*rapid.Generator[any]{
					"name": anyOf("", "Ada", "Eve", "Zoë"), "email": anyOf("", "a@example.com", "B@example.com"), "phone": anyOf("", "030 123456", "+49301234567"),
					"budget": anyOf(nil, 1, 2.5, -3), "wishes": anyOf(nil, []string{"roof"}, []string{"car", "roof"}), "diagnosis": anyOf("", "flu"), "passport": anyOf("", "X1", "x2"),
				} {
					if rapid.Bool().Draw(rt, key+"?") {
						o[key] = g.Draw(rt, key)
					}
				}
				b, _ := json.Marshal(o)
				return string(b)
			}
			pick := func() id.ID {
				if len(leads) == 0 {
					return id.New()
				}
				return rapid.SampledFrom(leads).Draw(rt, "lead")
			}
			for range rapid.IntRange(1, 12).Draw(rt, "steps") {
				switch rapid.IntRange(0, 6).Draw(rt, "what") {
				case 0, 1:
					mode := rapid.SampledFrom([]string{"skip", "update", "create"}).Draw(rt, "mode")
					more := strings.TrimPrefix(body(), "{")
					leads = append(leads, w.mustSend(w.who, strings.Replace(`{"entity":"funnel","dedup_mode":"`+mode+`",`+more, ",}", "}", 1)).LeadID)
				case 2:
					_, _ = w.patch(pick(), `{"fields":`+body()+`}`)
				case 3:
					_ = w.svc.Delete(ctx, w.who, pick(), always)
				case 4:
					_, _ = w.svc.Restore(ctx, w.who, pick(), nil)
				case 5:
					_ = w.svc.Purge(ctx, w.who, pick(), always)
				case 6:
					_, _ = w.svc.Merge(ctx, w.who, pick(), Merge{From: []string{pick().String()}}, nil)
				}
			}
			w.consistent()
		})
	})
}

func anyOf(values ...any) *rapid.Generator[any] { return rapid.SampledFrom(values) }
