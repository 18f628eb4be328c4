package entity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// everything makes an entity with all that there is and returns its path.
func (w *world) everything() string {
	w.t.Helper()
	insert(w.t, w.d, w.who.Account.ID, sample())
	return "/api/entities/leads"
}

func patchable(t *testing.T, a answered) string {
	t.Helper()
	text, err := json.Marshal(a.body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What was read can be sent back as it is, and that is no change.
func TestWhatWasReadCanBeSentBack(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything()
		w.lead(w.entity("leads"), w.who.Environment, false)
		targets := []string{at}
		for _, f := range w.entity("leads").Fields {
			targets = append(targets, at+"/fields/"+f.Key)
		}
		for _, p := range w.entity("leads").Pipelines {
			targets = append(targets, at+"/pipelines/"+p.Slug)
			for _, s := range p.Statuses {
				targets = append(targets, at+"/pipelines/"+p.Slug+"/statuses/"+s.Name)
			}
		}
		for _, target := range targets {
			before := w.ok(http.StatusOK, "GET", target, "")
			after := w.ok(http.StatusOK, "PATCH", target, patchable(t, before), "If-Match", before.header.Get("ETag"))
			if diff := cmp.Diff(before.body, after.body); diff != "" || after.header.Get("ETag") != `"1"` {
				t.Errorf("%s is %s now (-before +after):\n%s", target, after.header.Get("ETag"), diff)
			}
		}
		if e := w.entity("leads"); e.Version != 1 || len(w.audit()) != 0 || len(w.events(w.who.Environment.ID)) != 0 || len(w.tasks("leads")) != 0 {
			t.Errorf("no change left a trace: version %d", e.Version)
		}
	})
}

func TestWhatTheServerOwnsCannotBeSet(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything()
		other := id.New().String()
		for _, c := range []struct{ target, body, pointer string }{
			{at, `{"id": "` + other + `"}`, "/id"},
			{at, `{"created_at": "2020-01-01T00:00:00Z"}`, "/created_at"},
			{at, `{"updated_at": "2020-01-01T00:00:00Z"}`, "/updated_at"},
			{at, `{"fields": []}`, "/fields"},
			{at, `{"pipelines": []}`, "/pipelines"},
			{at + "/fields/name", `{"id": "` + other + `"}`, "/id"},
			{at + "/fields/name", `{"position": 3}`, "/position"},
			{at + "/fields/name", `{"type": "number"}`, "/type"},
			{at + "/pipelines/stage", `{"id": "` + other + `"}`, "/id"},
			{at + "/pipelines/stage", `{"position": 1}`, "/position"},
			{at + "/pipelines/stage", `{"statuses": [{"name": "New"}]}`, "/statuses"},
			{at + "/pipelines/stage/statuses/won", `{"id": "` + other + `"}`, "/id"},
			{at + "/pipelines/stage/statuses/won", `{"position": 0}`, "/position"},
		} {
			w.wrong("PATCH", c.target, c.body, c.pointer, "read_only")
		}
		for _, target := range []string{at, at + "/fields/name", at + "/pipelines/stage", at + "/pipelines/stage/statuses/won"} {
			w.wrong("PATCH", target, `{"vresion": 1}`, "/vresion", "unknown")
			w.wrong("PATCH", target, `{"id": null}`, "/id", "invalid")
		}
	})
}

func TestChangeAnEntity(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "Other"}`)
		at := w.everything()
		a := w.ok(http.StatusOK, "PATCH", at, `{"name": "Solar", "slug": "solar", "icon": ""}`)
		if a.body["name"] != "Solar" || a.body["slug"] != "solar" || a.body["icon"] != "" || a.header.Get("ETag") != `"2"` {
			t.Errorf("%s", a.text)
		}
		w.ok(http.StatusNotFound, "GET", at, "")
		at = "/api/entities/solar"
		if last := w.audit()[0]; last.Action != "entity.change" || last.Changes["name"].From != "Leads" || last.Changes["slug"].To != "solar" || len(last.Changes) != 3 {
			t.Errorf("audit: %+v", last)
		}
		facts := w.events(w.staging.ID)
		var fact ChangedFact
		if err := json.Unmarshal(facts[len(facts)-1].Data, &fact); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(ChangedFact{EntityID: w.entity("solar").ID, Entity: "solar", Version: 2, Changes: []string{"icon", "name", "slug"}}, fact); diff != "" {
			t.Error(diff)
		}
		w.wrong("PATCH", at, `{"slug": "other"}`, "/slug", "taken")
		w.wrong("PATCH", at, `{"slug": "So Lar"}`, "/slug", "invalid_slug")
		w.wrong("PATCH", at, `{"name": ""}`, "/name", "invalid_name")
		w.wrong("PATCH", at, `{"icon": "<"}`, "/icon", "invalid_icon")
		w.lead(w.entity("solar"), w.staging, true)
		refused := w.ok(http.StatusConflict, "PATCH", at, `{"slug": "wind"}`)
		if refused.body["code"] != "conflict" || !strings.Contains(refused.text, "slug cannot change any more") {
			t.Error(refused.text)
		}
		w.ok(http.StatusOK, "PATCH", at, `{"slug": "solar", "name": "Wind"}`)
	})
}

func TestALostRaceIsTold(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything()
		w.ok(http.StatusOK, "PATCH", at, `{"name": "First"}`, "If-Match", `"1"`)
		for _, c := range [][3]string{
			{"PATCH", at, `{"name": "X"}`}, {"DELETE", at, ""},
			{"POST", at + "/fields", `{"label": "X", "type": "text"}`}, {"PATCH", at + "/fields/name", `{"label": "X"}`}, {"DELETE", at + "/fields/name", ""},
			{"POST", at + "/fields/name/restore", ""}, {"POST", at + "/fields/reorder", `{"order": []}`},
			{"POST", at + "/pipelines", `{"name": "X", "statuses": [{"name": "a"}]}`}, {"PATCH", at + "/pipelines/stage", `{"name": "X"}`}, {"DELETE", at + "/pipelines/stage", ""},
			{"POST", at + "/pipelines/reorder", `{"order": []}`},
			{"POST", at + "/pipelines/stage/statuses", `{"name": "X"}`}, {"PATCH", at + "/pipelines/stage/statuses/won", `{"name": "X"}`}, {"DELETE", at + "/pipelines/stage/statuses/won", ""},
			{"POST", at + "/pipelines/stage/statuses/reorder", `{"order": []}`},
		} {
			w.ok(http.StatusPreconditionFailed, c[0], c[1], c[2], "If-Match", `"1"`)
		}
		if e := w.entity("leads"); e.Version != 2 {
			t.Errorf("version %d", e.Version)
		}
	})
}

func TestReorder(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "Leads"}`)
		at := "/api/entities/leads"
		w.ok(http.StatusCreated, "POST", at+"/pipelines", `{"name": "Heat", "statuses": [{"name": "Cold"}, {"name": "Hot"}]}`)
		email := w.entity("leads").FieldNamed("email").ID.String()
		a := w.ok(http.StatusOK, "POST", at+"/fields/reorder", `{"order": ["message", "`+email+`", "phone", "NAME", "company"]}`)
		if diff := cmp.Diff([]string{"message", "email", "phone", "name", "company"}, names(a.body["data"], "key")); diff != "" {
			t.Error(diff)
		}
		a = w.ok(http.StatusOK, "PATCH", at, `{"field_order": ["name", "email", "phone", "company", "message"], "pipeline_order": ["heat", "stage"]}`)
		if diff := cmp.Diff([]string{"name", "email", "phone", "company", "message"}, names(a.body["fields"], "key")); diff != "" {
			t.Error(diff)
		}
		a = w.ok(http.StatusOK, "POST", at+"/pipelines/reorder", `{"order": ["stage", "heat"]}`)
		if diff := cmp.Diff([]string{"stage", "heat"}, names(a.body["data"], "slug")); diff != "" {
			t.Error(diff)
		}
		a = w.ok(http.StatusOK, "POST", at+"/pipelines/heat/statuses/reorder", `{"order": ["hot", "Cold"]}`)
		if diff := cmp.Diff([]string{"Hot", "Cold"}, names(a.body["data"], "name")); diff != "" {
			t.Error(diff)
		}
		if e := w.entity("leads"); e.Fields[4].Key != "message" || e.Fields[4].Position != 4 || e.Pipelines[1].Statuses[1].Position != 1 || e.Pipelines[1].DefaultStatus().Name != "Cold" {
			t.Errorf("%+v", e)
		}
		w.wrong("POST", at+"/fields/reorder", `{"order": ["name", "email"]}`, "/order", "incomplete")
		w.wrong("POST", at+"/fields/reorder", `{"order": ["name", "nothing"]}`, "/order/1", "unknown")
		w.wrong("POST", at+"/fields/reorder", `{"order": ["name", "Name"]}`, "/order/1", "duplicate")
		w.wrong("PATCH", at, `{"field_order": []}`, "/field_order", "incomplete")
		w.wrong("PATCH", at, `{"pipeline_order": ["stage", "stage"]}`, "/pipeline_order/1", "duplicate")
		w.wrong("POST", at+"/pipelines/stage/statuses/reorder", `{"order": ["won"]}`, "/order", "incomplete")
	})
}

func TestDeleteAnEntity(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything()
		e := w.entity("leads")
		w.lead(e, w.staging, false)
		w.lead(e, w.who.Environment, true)
		a := w.ok(http.StatusConflict, "DELETE", at, "")
		if a.body["code"] != string(errs.EntityInUse) || a.body["leads"] != 2.0 || a.body["leads_in_trash"] != 1.0 || !strings.Contains(a.text, "2 leads, 1 of them in the trash") {
			t.Error(a.text)
		}
		// One that has been through everything leaves nothing behind either.
		w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "Empty"}`)
		empty := w.entity("empty")
		w.ok(http.StatusOK, "DELETE", "/api/entities/empty/fields/name?purge=true", "")
		w.ok(http.StatusOK, "DELETE", "/api/entities/empty/pipelines/stage/statuses/lost?move_to=won", "")
		w.ok(http.StatusNoContent, "DELETE", "/api/entities/"+empty.ID.String(), "")
		w.ok(http.StatusNotFound, "GET", "/api/entities/empty", "")
		w.ok(http.StatusNotFound, "DELETE", "/api/entities/empty", "")
		for _, table := range []string{"entities WHERE slug = 'empty'", "fields WHERE entity_id = '" + empty.ID.String() + "'", "pipelines WHERE entity_id = '" + empty.ID.String() + "'",
			"statuses WHERE pipeline_id = '" + empty.Pipelines[0].ID.String() + "'", "entity_tasks WHERE entity_id = '" + empty.ID.String() + "'"} {
			var n int
			if err := w.d.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s: %d rows, %v", table, n, err)
			}
		}
		facts := w.events(w.staging.ID)
		if last := facts[len(facts)-1]; last.Type != EventDeleted || w.audit()[0].Action != "entity.delete" {
			t.Errorf("the last event is %s", last.Type)
		}
		w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "Empty"}`)
	})
}

func TestTooManyParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqlite(t))
	var fields, statuses []string
	for i := range MaxFields {
		fields = append(fields, fmt.Sprintf(`{"label": "Field %d", "type": "text"}`, i))
	}
	for i := range MaxStatuses {
		statuses = append(statuses, fmt.Sprintf(`{"name": "Status %d"}`, i))
	}
	pipelines := []string{`{"name": "Big", "statuses": [` + strings.Join(statuses, ",") + `]}`}
	for i := range MaxPipelines - 1 {
		pipelines = append(pipelines, fmt.Sprintf(`{"name": "Pipeline %d", "statuses": [{"name": "a"}]}`, i))
	}
	w.ok(http.StatusCreated, "POST", "/api/entities", `{"name": "Big", "fields": [`+strings.Join(fields, ",")+`], "pipelines": [`+strings.Join(pipelines, ",")+`]}`)
	w.wrong("POST", "/api/entities/big/fields", `{"label": "One more", "type": "text"}`, "", "too_many")
	w.wrong("POST", "/api/entities/big/pipelines", `{"name": "One more", "statuses": [{"name": "a"}]}`, "", "too_many")
	w.wrong("POST", "/api/entities/big/pipelines/big/statuses", `{"name": "One more"}`, "", "count")
}
