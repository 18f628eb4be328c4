package entity

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestARenamedKeyGoesOnWorking(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything() + "/fields"
		field := w.entity("leads").FieldNamed("company").ID
		a := w.ok(http.StatusOK, "PATCH", at+"/company", `{"key": "firm", "label": "Firm"}`)
		if diff := cmp.Diff([]any{"company"}, a.body["aliases"]); diff != "" || a.body["id"] != field.String() {
			t.Errorf("%s\n%s", a.text, diff)
		}
		w.ok(http.StatusOK, "PATCH", at+"/firm", `{"key": "organisation"}`)
		for _, name := range []string{"organisation", "firm", "company", "COM-PANY"} {
			if f := w.entity("leads").FieldNamed(name); f == nil || f.ID != field {
				t.Errorf("%q is not the field any more", name)
			}
			if a := w.ok(http.StatusOK, "GET", at+"/"+name, ""); a.body["key"] != "organisation" {
				t.Errorf("%q: %s", name, a.text)
			}
		}
		w.ok(http.StatusOK, "GET", at+"/"+field.String(), "")
		w.ok(http.StatusNotFound, "GET", at+"/Firm-Label", "")

		// An old key is nobody else's until it is freed.
		w.wrong("POST", at, `{"label": "Company", "type": "text"}`, "/key", "ambiguous")
		w.wrong("PATCH", at+"/name", `{"key": "firm"}`, "/key", "ambiguous")
		w.wrong("PATCH", at+"/name", `{"label": "Company"}`, "/label", "ambiguous")
		w.wrong("PATCH", at+"/name", `{"aliases": ["company"]}`, "/aliases", "ambiguous")
		w.ok(http.StatusOK, "PATCH", at+"/organisation", `{"aliases": ["firm"]}`)
		w.ok(http.StatusCreated, "POST", at, `{"label": "Company", "type": "text"}`)

		// Back to an old key: it is no alias then.
		a = w.ok(http.StatusOK, "PATCH", at+"/organisation", `{"key": "firm"}`)
		if diff := cmp.Diff([]any{"organisation"}, a.body["aliases"]); diff != "" {
			t.Error(diff)
		}
		if changes := w.audit()[0].Changes; changes["fields.organisation.key"].To != "firm" {
			t.Errorf("audit: %+v", changes)
		}
	})
}

func TestAddAndChangeAField(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything() + "/fields"
		a := w.ok(http.StatusCreated, "POST", at, `{"label": "Roof area", "type": "number", "step": 0.10, "min": null, "default": null, "position": 16}`)
		if a.body["key"] != "roof_area" || a.body["position"] != 16.0 || a.body["step"] != 0.1 || a.header.Get("ETag") != `"2"` {
			t.Error(a.text)
		}
		a = w.ok(http.StatusOK, "PATCH", at+"/roof_area", `{"min": 5, "max": 500, "default": "12.5", "step": null, "help": "Square metres", "required": true, "indexed": true, "match_key": 7}`)
		want := map[string]any{"id": a.body["id"], "key": "roof_area", "aliases": []any{}, "label": "Roof area", "type": "number", "required": true, "default": 12.5, "help": "Square metres", "options": []any{},
			"min": 5.0, "max": 500.0, "step": nil, "max_length": nil, "max_size": nil, "types": []any{}, "encrypted": false, "indexed": true, "match_key": 7.0, "position": 16.0}
		if diff := cmp.Diff(want, a.body); diff != "" {
			t.Error(diff)
		}
		a = w.ok(http.StatusOK, "PATCH", at+"/roof_area", `{"min": null, "max": null, "default": null, "required": false, "match_key": null}`)
		if a.body["min"] != nil || a.body["max"] != nil || a.body["default"] != nil || a.body["match_key"] != nil {
			t.Error(a.text)
		}
		for _, c := range []struct{ method, target, body, pointer, code string }{
			{"POST", at, `{"label": "", "type": "text"}`, "/label", "required"},
			{"POST", at, `{"label": "漢字", "type": "text"}`, "/key", "invalid_key"},
			{"POST", at, `{"label": "Email", "type": "text", "key": "other"}`, "/label", "ambiguous"},
			{"POST", at, `{"label": "X", "type": "text", "key": "e_mail"}`, "/key", "ambiguous"},
			{"POST", at, `{"label": "X", "type": "text", "indexed": true, "encrypted": true}`, "/indexed", "encrypted"},
			{"POST", at, `{"label": "X", "type": "address", "match_key": 5}`, "/match_key", "not_sorted"},
			{"POST", at, `{"label": "X", "type": "text", "match_key": 1}`, "/match_key", "taken"},
			{"POST", at, `{"label": "X", "type": "text", "min": 1}`, "/min", "invalid_settings"},
			{"PATCH", at + "/name", `{"match_key": 1}`, "/match_key", "taken"},
			{"PATCH", at + "/name", `{"match_key": 1.5}`, "/match_key", "invalid"},
			{"PATCH", at + "/name", `{"label": ""}`, "/label", "invalid_name"},
			{"PATCH", at + "/name", `{"key": ""}`, "/key", "invalid_key"},
			{"PATCH", at + "/name", `{"label": "message"}`, "/label", "ambiguous"},
			{"PATCH", at + "/budget", `{"min": 2000000}`, "/min", "invalid_settings"},
			{"PATCH", at + "/budget", `{"min": 50}`, "/default", "invalid_default"},
			{"PATCH", at + "/budget", `{"default": "0.001"}`, "/default", "wrong_step"},
			{"PATCH", at + "/product", `{"default": "old"}`, "/default", "retired_option"},
			{"PATCH", at + "/newsletter", `{"default": 7}`, "/default", "not_yes_or_no"},
			{"PATCH", at + "/home", `{"default": {"latitude": 91}}`, "/default/latitude", "out_of_range"},
			{"PATCH", at + "/mobile", `{"country": "Germany"}`, "/country", "invalid_settings"},
			{"PATCH", at + "/offer", `{"encrypted": true}`, "/encrypted", "invalid_settings"},
			{"PATCH", at + "/site", `{"encrypted": true}`, "/indexed", "encrypted"},
		} {
			w.wrong(c.method, c.target, c.body, c.pointer, c.code)
		}
		w.ok(http.StatusNotFound, "PATCH", at+"/nothing", `{}`)
		if a := w.ok(422, "PATCH", at+"/site", `{"encrypted": true}`); !strings.Contains(a.text, "sorting and comparing would need its values in clear") {
			t.Error(a.text)
		}
		a = w.ok(http.StatusOK, "PATCH", at+"/site", `{"encrypted": true, "indexed": false, "match_key": 9}`)
		if a.body["encrypted"] != true || a.body["match_key"] != 9.0 {
			t.Error(a.text)
		}
	})
}

func TestOptionsThatAreUsedAreRetired(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything() + "/fields/product"
		// Nobody has used an option yet: it goes.
		a := w.ok(http.StatusOK, "PATCH", at, `{"options": [{"key": "solar", "label": "Solar"}, {"key": "wind"}]}`)
		if diff := cmp.Diff([]string{"solar", "wind"}, names(a.body["options"], "key")); diff != "" {
			t.Error(diff)
		}
		w.lead(w.entity("leads"), w.who.Environment, false)
		a = w.ok(http.StatusOK, "PATCH", at, `{"options": [{"label": "Heat Pump"}, {"key": "wind", "label": "Wind"}]}`)
		want := []any{
			map[string]any{"key": "heat_pump", "label": "Heat Pump", "retired": false},
			map[string]any{"key": "wind", "label": "Wind", "retired": false},
			map[string]any{"key": "solar", "label": "Solar", "retired": true},
		}
		if diff := cmp.Diff(want, a.body["options"]); diff != "" {
			t.Error(diff)
		}
		if tasks := w.tasks("leads"); len(tasks) != 1 || tasks[0].Kind != Rebuild { // a label changed, which searches find
			t.Errorf("tasks %+v", tasks)
		}
		a = w.ok(http.StatusOK, "PATCH", at, `{"options": [{"key": "solar", "label": "Solar"}]}`)
		if a.body["options"].([]any)[0].(map[string]any)["retired"] != false || len(a.body["options"].([]any)) != 3 {
			t.Error(a.text)
		}
		w.wrong("PATCH", at, `{"options": [{"key": "a", "label": "B"}, {"key": "b", "label": "C"}]}`, "/options", "invalid_settings")
		w.wrong("PATCH", at, `{"options": [{}]}`, "/options", "invalid_settings")
	})
}

func TestDeleteAndRestoreAField(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything() + "/fields"
		before := w.ok(http.StatusOK, "GET", at+"/budget", "").body
		field := before["id"].(string)
		if a := w.ok(http.StatusOK, "DELETE", at+"/budget", ""); a.body["task"] != nil || a.header.Get("ETag") != `"2"` {
			t.Error(a.text)
		}
		w.ok(http.StatusNotFound, "GET", at+"/budget", "")
		w.ok(http.StatusNotFound, "DELETE", at+"/budget", "")
		if e := w.entity("leads"); e.FieldNamed("old budget") != nil || len(e.Fields) != 15 || e.Fields[5].Position != 5 {
			t.Errorf("%+v", e.Fields)
		}
		list := w.ok(http.StatusOK, "GET", at+"?deleted=true", "").body["data"].([]any)
		gone := list[0].(map[string]any)
		if len(list) != 1 || gone["key"] != "budget" || gone["id"] != field || gone["deleted_at"] == nil || gone["purging"] != nil {
			t.Errorf("deleted: %v", list)
		}
		// The key is free, and the old field comes back only when it is free again.
		w.ok(http.StatusCreated, "POST", at, `{"label": "Budget", "type": "text"}`)
		if a := w.ok(http.StatusConflict, "POST", at+"/"+field+"/restore", ""); !strings.Contains(a.text, "cannot come back as it was: This key") {
			t.Error(a.text)
		}
		if a := w.ok(http.StatusConflict, "POST", at+"/name/restore", ""); !strings.Contains(a.text, "not deleted") {
			t.Error(a.text)
		}
		w.ok(http.StatusNotFound, "POST", at+"/nothing/restore", "")
		w.ok(http.StatusOK, "PATCH", at+"/budget", `{"key": "money", "label": "Money"}`)
		w.ok(http.StatusOK, "PATCH", at+"/money", `{"aliases": []}`)
		a := w.ok(http.StatusOK, "POST", at+"/budget/restore", "")
		before["position"] = 16.0
		if diff := cmp.Diff(before, a.body); diff != "" {
			t.Errorf("(-before +restored):\n%s", diff)
		}
		if list := w.ok(http.StatusOK, "GET", at+"?deleted=true", "").body["data"].([]any); len(list) != 0 {
			t.Errorf("still deleted: %v", list)
		}
		if f := w.entity("leads").FieldNamed("old budget"); f == nil || f.ID.String() != field {
			t.Error("the alias did not come back")
		}
	})
}

func TestPurgeAField(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything() + "/fields"
		w.ok(http.StatusOK, "DELETE", at+"/site", "")
		for _, target := range []string{"/budget", "/site"} { // a living one, and one that is deleted already
			a := w.ok(http.StatusOK, "DELETE", at+target+"?purge=true", "")
			task := a.body["task"].(map[string]any)
			if task["kind"] != "purge" || task["state"] != "waiting" || task["object"].(map[string]any)["name"] == "" {
				t.Error(a.text)
			}
			if a := w.ok(http.StatusConflict, "POST", at+target+"/restore", ""); !strings.Contains(a.text, "removed for good") {
				t.Error(a.text)
			}
			w.ok(http.StatusConflict, "DELETE", at+target+"?purge=true", "")
			one := w.ok(http.StatusOK, "GET", "/api/entities/leads/tasks/"+task["id"].(string), "")
			if diff := cmp.Diff(task, one.body); diff != "" {
				t.Error(diff)
			}
			var id = mustID(t, task["id"])
			update(t, w.d, func(ctx context.Context, tx *db.Tx) error { return Finish(ctx, tx, id) })
			one = w.ok(http.StatusOK, "GET", "/api/entities/leads/tasks/"+task["id"].(string), "")
			if one.body["state"] != "done" || one.body["object"].(map[string]any)["name"] != "" {
				t.Error(one.text)
			}
			w.ok(http.StatusNotFound, "POST", at+target+"/restore", "")
		}
		if e := w.entity("leads"); len(e.Fields) != 14 {
			t.Errorf("%d fields", len(e.Fields))
		}
	})
}

func mustID(t *testing.T, v any) id.ID {
	t.Helper()
	u, err := id.Parse(v.(string))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// What is stored beside the values of leads is made anew when a change needs it, once
// for changes that come before anybody has begun.
func TestChangesThatNeedARebuild(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything()
		step := func(what string, method, target, body string, rebuild bool) {
			t.Helper()
			update(t, w.d, func(ctx context.Context, tx *db.Tx) error {
				_, err := tx.Exec(ctx, `DELETE FROM entity_tasks WHERE kind = 'rebuild'`)
				return err
			})
			if a := w.call(method, at+target, body); a.status >= 300 {
				t.Fatalf("%s: %s", what, a.text)
			}
			n := 0
			for _, task := range w.tasks("leads") {
				if task.Kind == Rebuild {
					n++
				}
			}
			if n != map[bool]int{true: 1}[rebuild] {
				t.Errorf("%s: %d rebuilds", what, n)
			}
		}
		step("without leads", "PATCH", "/fields/name", `{"indexed": true}`, false)
		w.lead(w.entity("leads"), w.staging, true)
		step("no index", "PATCH", "/fields/name", `{"indexed": false}`, true)
		step("index", "PATCH", "/fields/name", `{"indexed": true}`, true)
		step("match key", "PATCH", "/fields/email", `{"match_key": 2}`, true)
		step("another priority", "PATCH", "/fields/email", `{"match_key": 3}`, false)
		step("no match key", "PATCH", "/fields/email", `{"match_key": null}`, true)
		step("encryption", "PATCH", "/fields/phone", `{"encrypted": true}`, true)
		step("no encryption", "PATCH", "/fields/phone", `{"encrypted": false}`, true)
		step("country", "PATCH", "/fields/phone", `{"country": "DE"}`, false)
		step("key and label", "PATCH", "/fields/phone", `{"key": "telephone", "label": "Telephone"}`, false)
		step("new field", "POST", "/fields", `{"label": "New", "type": "text", "indexed": true}`, false)
		step("deleted field", "DELETE", "/fields/new", ``, true)
		step("restored field", "POST", "/fields/new/restore", ``, true)
		step("new status", "POST", "/pipelines/stage/statuses", `{"name": "Later"}`, false)
		step("new pipeline", "POST", "/pipelines", `{"name": "More", "statuses": [{"name": "a"}]}`, true)
		step("name", "PATCH", "", `{"name": "Other"}`, false)

		w.ok(http.StatusOK, "PATCH", at+"/fields/name", `{"indexed": false}`)
		w.ok(http.StatusOK, "PATCH", at+"/fields/name", `{"indexed": true}`)
		if n := len(w.tasks("leads")); n != 1 {
			t.Errorf("%d tasks for two changes that nobody has begun with", n)
		}
		update(t, w.d, func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE entity_tasks SET state = 'running', place = 'x'`)
			return err
		})
		w.ok(http.StatusOK, "PATCH", at+"/fields/name", `{"indexed": false}`)
		if n := len(w.tasks("leads")); n != 2 {
			t.Errorf("%d tasks although one runs already", n)
		}
	})
}

// Two who add a field of the same key at once: one of them is told.
func TestOneOfTwoGetsTheKey(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.everything()
		results := make(chan error)
		for range 6 {
			go func() {
				_, err := w.svc.AddField(t.Context(), w.who, "leads", FieldInput{Label: new("Roof"), Type: new(Text)}, nil, nil)
				results <- err
			}()
		}
		made := 0
		for range 6 {
			if <-results == nil {
				made++
			}
		}
		if e := w.entity("leads"); made != 1 || len(e.Fields) != 17 || e.Version != 2 {
			t.Errorf("%d were made, there are %d, version %d", made, len(e.Fields), e.Version)
		}
	})
}
