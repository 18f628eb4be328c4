package entity

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestCreateWithTheStarterSet(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		a := w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "Solar Leads", "icon": "sun"}`)
		if a.body["slug"] != "solar-leads" || a.body["icon"] != "sun" || a.header.Get("ETag") != `"1"` {
			t.Errorf("%s", a.text)
		}
		if diff := cmp.Diff([]string{"name", "email", "phone", "company", "message"}, names(a.body["fields"], "key")); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"stage"}, names(a.body["pipelines"], "slug")); diff != "" {
			t.Error(diff)
		}
		again := w.ok(http.StatusOK, "GET", "/api/entities/solar-leads", "")
		if diff := cmp.Diff(a.body, again.body); diff != "" {
			t.Errorf("(-created +read):\n%s", diff)
		}
		for _, environment := range []id.ID{w.who.Environment.ID, w.staging.ID} {
			got := w.events(environment)
			if len(got) != 1 || got[0].Type != EventCreated || !strings.Contains(string(got[0].Data), a.body["id"].(string)) {
				t.Errorf("events of one environment: %v", got)
			}
		}
		if log := w.audit(); len(log) != 1 || log[0].Action != "entity.create" || log[0].Object.Name != "Solar Leads" {
			t.Errorf("audit: %+v", log)
		}
	})
}

func TestCreateWithADefinition(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		a := w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "Cars", "slug": "cars_2", "fields": [
			{"label": "Price", "type": "number", "min": 0, "step": 0.01, "default": "1.50", "indexed": true, "required": true, "help": "In euros."},
			{"key": "plate", "label": "Number plate", "type": "text", "max_length": 12, "match_key": 1, "encrypted": true},
			{"label": "Fuel", "type": "select", "options": [{"key": "e", "label": "Electric"}, {"label": "Petrol Super"}, {"key": "gas"}], "default": "petrol super"},
			{"label": "Photo", "type": "file", "max_size": 5000, "types": ["image/*"]},
			{"label": "2nd garage", "type": "address", "default": {"country_code": "de"}}
		], "pipelines": [{"name": "Work Flow", "statuses": [{"name": "In"}, {"name": "Out", "color": "green"}]},
			{"name": "Heat", "slug": "h", "statuses": [{"name": "Cold"}, {"name": "Hot", "default": true}]}]}`)
		e := w.entity("cars_2")
		if e.ID.String() != a.body["id"] {
			t.Fatal("another entity was made")
		}
		want := []Field{
			{Key: "price", Label: "Price", Type: Number, Min: new(Decimal("0")), Step: new(Decimal("0.01")), Default: "1.50", Indexed: true, Required: true, Help: "In euros."},
			{Key: "plate", Label: "Number plate", Type: Text, MaxLength: 12, MatchKey: new(1), Encrypted: true},
			{Key: "fuel", Label: "Fuel", Type: Select, Options: []Option{{Key: "e", Label: "Electric"}, {Key: "petrol_super", Label: "Petrol Super"}, {Key: "gas", Label: "gas"}}, Default: "petrol_super"},
			{Key: "photo", Label: "Photo", Type: File, MaxSize: 5000, Types: []string{"image/*"}},
			{Key: "n2nd_garage", Label: "2nd garage", Type: Address, Default: map[string]string{"country_code": "DE"}},
		}
		for i := range want {
			want[i].ID, want[i].Position = e.Fields[i].ID, i
		}
		if diff := cmp.Diff(want, e.Fields, definition); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
		p := e.Pipelines[0]
		if p.Slug != "work-flow" || p.DefaultStatus().Name != "In" || p.Statuses[0].Color != Gray || p.Statuses[1].Color != Green || e.Pipelines[1].DefaultStatus().Name != "Hot" {
			t.Errorf("pipelines %+v", e.Pipelines)
		}
	})
}

func TestCreateWithNothingInIt(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		for i, body := range []string{`"fields": [], "pipelines": []`, `"fields": []`, `"pipelines": []`, `"starter": false`} {
			a := w.ok(http.StatusCreated, "POST", "/api/entities", fmt.Sprintf(`{"name": "Empty %d", %s}`, i, body))
			if len(a.body["fields"].([]any)) != 0 || len(a.body["pipelines"].([]any)) != 0 {
				t.Errorf("%s: %s", body, a.text)
			}
		}
		w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "Asked", "starter": true}`)
		if len(w.entity("asked").Fields) != 5 {
			t.Error("no starter set although it was asked for")
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "Leads"}`)
		for _, c := range []struct{ body, pointer, code string }{
			{`{"name": "leads"}`, "/slug", "taken"},
			{`{"name": "Other", "slug": "leads"}`, "/slug", "taken"},
			{`{"name": ""}`, "/name", "invalid_name"},
			{`{"name": "漢字"}`, "/slug", "invalid_slug"},
			{`{"name": "A", "starter": true, "fields": []}`, "/starter", "invalid"},
			{`{"name": "A", "id": "` + id.New().String() + `"}`, "/id", "unknown"},
			{`{"name": "A", "fields": [{"label": "X", "type": "text", "id": "` + id.New().String() + `"}]}`, "/fields/0/id", "read_only"},
			{`{"name": "A", "fields": [{"label": "X", "type": "text", "position": 1}]}`, "/fields/0/position", "read_only"},
			{`{"name": "A", "fields": [{"label": "", "type": "text"}]}`, "/fields/0/label", "required"},
			{`{"name": "A", "fields": [{"label": "X", "type": "text", "key": "source"}]}`, "/fields/0/key", "reserved_key"},
			{`{"name": "A", "fields": [{"label": "X", "type": "text"}, {"label": "x", "type": "text", "key": "y"}]}`, "/fields/1/label", "ambiguous"},
			{`{"name": "A", "fields": [{"label": "X", "type": "number", "default": "many"}]}`, "/fields/0/default", "not_a_number"},
			{`{"name": "A", "fields": [{"label": "X", "type": "address", "default": {"country_code": "XX"}}]}`, "/fields/0/default/country_code", "unknown_country"},
			{`{"name": "A", "fields": [{"label": "X", "type": "text", "max_length": 0}]}`, "/fields/0/max_length", "invalid"},
			{`{"name": "A", "fields": [{"label": "X", "type": "number", "min": 1234567890123456789012345678901234567890}]}`, "/fields/0/min", "too_many_digits"},
			{`{"name": "A", "fields": [{"label": "X", "type": "select", "options": []}]}`, "/fields/0/options", "invalid_settings"},
			{`{"name": "A", "pipelines": [{"name": "P", "statuses": []}]}`, "/pipelines/0/statuses", "count"},
			{`{"name": "A", "pipelines": [{"name": "P", "statuses": [{"name": "a", "default": true}, {"name": "b", "default": true}]}]}`, "/pipelines/0/statuses", "default"},
			{`{"name": "A", "pipelines": [{"name": "P", "statuses": [{"name": "a"}, {"name": "A"}]}]}`, "/pipelines/0/statuses/1/name", "ambiguous"},
			{`{"name": "A", "pipelines": [{"name": "P", "statuses": [{"name": ""}]}]}`, "/pipelines/0/statuses/0/name", "required"},
		} {
			w.wrong("POST", "/api/entities", c.body, c.pointer, c.code)
		}
		if all, err := w.svc.List(t.Context(), w.who); err != nil || len(all) != 1 || len(w.audit()) != 1 {
			t.Errorf("refused calls left something behind: %d entities, %v", len(all), err)
		}
	})
}

func TestAnAccountHasAtMost100Entities(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		update(t, w.d, func(ctx context.Context, tx *db.Tx) error {
			for i := range MaxEntities {
				if err := Insert(ctx, tx, &Entity{AccountID: w.who.Account.ID, Name: "E", Slug: fmt.Sprint("e", i)}); err != nil {
					return err
				}
			}
			return nil
		})
		a := w.ok(http.StatusConflict, "POST", "/api/entities", `{"name": "One more"}`)
		if !strings.Contains(a.text, "at most 100 entities") {
			t.Error(a.text)
		}
		w.ok(http.StatusNoContent, "DELETE", "/api/entities/e7", "")
		w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "One more"}`)
	})
}

// Two that make the same slug at once: one is told that it is taken.
func TestOneOfTwoGetsTheSlug(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		results := make(chan error)
		for range 8 {
			go func() {
				_, err := w.svc.Create(t.Context(), w.who, NewEntity{Name: "Leads"}, nil)
				results <- err
			}()
		}
		made := 0
		for range 8 {
			if err := <-results; err == nil {
				made++
			} else if errs.CodeOf(err) != errs.ValidationFailed {
				t.Errorf("got %v", err)
			}
		}
		if made != 1 {
			t.Errorf("%d entities were made", made)
		}
	})
}

func TestACreatedEntityIsAnsweredAgainForTheSameKey(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			status               int
			method, target, body string
		}{
			{201, "POST", "/api/entities", `{"name": "Leads"}`},
			{200, "PATCH", "/api/entities/leads", `{"name": "All leads"}`},
			{201, "POST", "/api/entities/leads/fields", `{"label": "Budget", "type": "number"}`},
			{200, "PATCH", "/api/entities/leads/fields/budget", `{"min": 1.50}`},
			{200, "POST", "/api/entities/leads/fields/reorder", `{"order": ["budget", "name", "email", "phone", "company", "message"]}`},
			{201, "POST", "/api/entities/leads/pipelines", `{"name": "Heat", "statuses": [{"name": "Cold"}]}`},
			{200, "PATCH", "/api/entities/leads/pipelines/heat", `{"name": "Warmth"}`},
			{200, "POST", "/api/entities/leads/pipelines/reorder", `{"order": ["heat", "stage"]}`},
			{201, "POST", "/api/entities/leads/pipelines/heat/statuses", `{"name": "Hot"}`},
			{200, "PATCH", "/api/entities/leads/pipelines/heat/statuses/hot", `{"color": "red"}`},
			{200, "POST", "/api/entities/leads/pipelines/heat/statuses/reorder", `{"order": ["Hot", "Cold"]}`},
		} {
			first := w.ok(c.status, c.method, c.target, c.body, "Idempotency-Key", "k "+c.target+c.method)
			again := w.ok(c.status, c.method, c.target, c.body, "Idempotency-Key", "k "+c.target+c.method)
			if again.header.Get("Idempotency-Replayed") != "true" || again.text != first.text || again.header.Get("ETag") != first.header.Get("ETag") || first.header.Get("ETag") == "" {
				t.Errorf("%s %s: first %s %s\nagain %s %s", c.method, c.target, first.header.Get("ETag"), first.text, again.header.Get("ETag"), again.text)
			}
		}
		w.ok(http.StatusOK, "DELETE", "/api/entities/leads/fields/budget", "")
		first := w.ok(200, "POST", "/api/entities/leads/fields/budget/restore", "", "Idempotency-Key", "restore")
		if again := w.ok(200, "POST", "/api/entities/leads/fields/budget/restore", "", "Idempotency-Key", "restore"); again.text != first.text {
			t.Errorf("%s became %s", first.text, again.text)
		}
	})
}

func TestEveryOperationNeedsItsScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqlite(t))
	w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "Leads"}`)
	ctx := t.Context()
	calls := map[account.Scope][]func() error{
		"entities:read": {
			func() error { _, err := w.svc.Field(ctx, w.who, "leads", "name"); return err },
			func() error { _, _, err := w.svc.DeletedFields(ctx, w.who, "leads"); return err },
			func() error { _, err := w.svc.Pipeline(ctx, w.who, "leads", "stage"); return err },
			func() error { _, err := w.svc.Status(ctx, w.who, "leads", "stage", "new"); return err },
			func() error { _, err := w.svc.Tasks(ctx, w.who, "leads"); return err },
			func() error { _, err := w.svc.Task(ctx, w.who, "leads", id.New().String()); return err },
		},
		"entities:write": {
			func() error { _, err := w.svc.Create(ctx, w.who, NewEntity{Name: "X"}, nil); return err },
			func() error { _, err := w.svc.Change(ctx, w.who, "leads", Input{}, nil, nil); return err },
			func() error { _, err := w.svc.AddField(ctx, w.who, "leads", FieldInput{}, nil, nil); return err },
			func() error {
				_, err := w.svc.ChangeField(ctx, w.who, "leads", "name", FieldInput{}, nil, nil)
				return err
			},
			func() error { _, err := w.svc.RestoreField(ctx, w.who, "leads", "name", nil, nil); return err },
			func() error { _, err := w.svc.ReorderFields(ctx, w.who, "leads", nil, nil, nil); return err },
			func() error { _, err := w.svc.AddPipeline(ctx, w.who, "leads", PipelineInput{}, nil, nil); return err },
			func() error {
				_, err := w.svc.ChangePipeline(ctx, w.who, "leads", "stage", PipelineInput{}, nil, nil)
				return err
			},
			func() error { _, err := w.svc.ReorderPipelines(ctx, w.who, "leads", nil, nil, nil); return err },
			func() error {
				_, err := w.svc.AddStatus(ctx, w.who, "leads", "stage", StatusInput{}, nil, nil)
				return err
			},
			func() error {
				_, err := w.svc.ChangeStatus(ctx, w.who, "leads", "stage", "new", StatusInput{}, nil, nil)
				return err
			},
			func() error { _, err := w.svc.ReorderStatuses(ctx, w.who, "leads", "stage", nil, nil, nil); return err },
		},
		"entities:delete": {
			func() error { return w.svc.Delete(ctx, w.who, "leads", nil) },
			func() error { _, err := w.svc.DeleteField(ctx, w.who, "leads", "name", false, nil); return err },
			func() error { _, err := w.svc.DeletePipeline(ctx, w.who, "leads", "stage", nil); return err },
			func() error { _, err := w.svc.DeleteStatus(ctx, w.who, "leads", "stage", "won", "", nil); return err },
		},
	}
	for need, list := range calls {
		for held := range calls {
			w.who.Scopes = account.Scopes{held}
			for i, call := range list {
				if err := call(); (errs.CodeOf(err) == errs.InsufficientScope) != (held != need) {
					t.Errorf("number %d of %s with %s: %v", i, need, held, err)
				}
			}
			w.who.Scopes = account.Scopes{account.All}
		}
	}
}

// The wall: whatever another account sends, our entity does not exist, and does not
// change.
func TestAnotherAccountChangesNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		created := w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "Leads"}`)
		before, entries := w.entity("leads"), len(w.audit())
		mine := w.who
		w.who.Account = newAccount(t, w.d, "Stranger").Account
		for _, ref := range []string{"leads", created.body["id"].(string)} {
			at := "/api/entities/" + ref
			for _, c := range [][3]string{
				{"GET", at, ""}, {"PATCH", at, `{"name": "X"}`}, {"DELETE", at, ""},
				{"GET", at + "/fields", ""}, {"POST", at + "/fields", `{"label": "X", "type": "text"}`}, {"POST", at + "/fields/reorder", `{"order": []}`},
				{"GET", at + "/fields/name", ""}, {"PATCH", at + "/fields/name", `{"label": "X"}`}, {"DELETE", at + "/fields/name", ""}, {"POST", at + "/fields/name/restore", ""},
				{"GET", at + "/pipelines", ""}, {"POST", at + "/pipelines", `{"name": "X", "statuses": [{"name": "a"}]}`}, {"POST", at + "/pipelines/reorder", `{"order": []}`},
				{"GET", at + "/pipelines/stage", ""}, {"PATCH", at + "/pipelines/stage", `{"name": "X"}`}, {"DELETE", at + "/pipelines/stage", ""},
				{"GET", at + "/pipelines/stage/statuses", ""}, {"POST", at + "/pipelines/stage/statuses", `{"name": "X"}`}, {"POST", at + "/pipelines/stage/statuses/reorder", `{"order": []}`},
				{"GET", at + "/pipelines/stage/statuses/won", ""}, {"PATCH", at + "/pipelines/stage/statuses/won", `{"name": "X"}`}, {"DELETE", at + "/pipelines/stage/statuses/won", ""},
				{"GET", at + "/tasks", ""}, {"GET", at + "/tasks/" + id.New().String(), ""},
			} {
				if a := w.ok(http.StatusNotFound, c[0], c[1], c[2]); a.body["detail"] != "There is no such entity here." {
					t.Errorf("%v: %s", c, a.text)
				}
			}
		}
		w.who = mine
		if after := w.entity("leads"); after != before || len(w.audit()) != entries {
			t.Error("a stranger changed something")
		}
	})
}
