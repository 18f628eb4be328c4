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

func TestAddAndChangeAPipeline(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything() + "/pipelines"
		a := w.ok(http.StatusCreated, "POST", at, `{"name": "Fit", "statuses": [{"name": "Open"}, {"name": "Good", "color": "green"}]}`)
		if a.body["slug"] != "fit" || a.body["position"] != 2.0 || a.body["statuses"].([]any)[0].(map[string]any)["default"] != true {
			t.Error(a.text)
		}
		for _, name := range []string{"fit", "FIT", a.body["id"].(string)} {
			if again := w.ok(http.StatusOK, "GET", at+"/"+name, ""); !cmp.Equal(again.body, a.body) {
				t.Errorf("%q: %s", name, again.text)
			}
		}
		a = w.ok(http.StatusOK, "PATCH", at+"/fit", `{"name": "Match", "slug": "match"}`)
		if a.body["slug"] != "match" || a.body["name"] != "Match" {
			t.Error(a.text)
		}
		w.ok(http.StatusNotFound, "GET", at+"/fit", "")
		for _, c := range []struct{ method, target, body, pointer, code string }{
			{"POST", at, `{"name": "Stage", "statuses": [{"name": "a"}]}`, "/name", "ambiguous"},
			{"POST", at, `{"name": "Other", "slug": "STAGE", "statuses": [{"name": "a"}]}`, "/slug", "invalid_slug"},
			{"POST", at, `{"name": "Other", "statuses": []}`, "/statuses", "count"},
			{"POST", at, `{"name": "Other", "statuses": [{"name": "a"}, {"name": "A"}]}`, "/statuses/1/name", "ambiguous"},
			{"POST", at, `{"name": "", "statuses": [{"name": "a"}]}`, "/name", "required"},
			{"PATCH", at + "/match", `{"name": "stage"}`, "/name", "ambiguous"},
			{"PATCH", at + "/stage", `{"slug": "match"}`, "/name", "ambiguous"},
		} {
			w.wrong(c.method, c.target, c.body, c.pointer, c.code)
		}
	})
}

func TestAddAndChangeAStatus(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything() + "/pipelines/stage/statuses"
		a := w.ok(http.StatusCreated, "POST", at, `{"name": "Later"}`)
		if a.body["color"] != "gray" || a.body["default"] != false || a.body["position"] != 5.0 {
			t.Error(a.text)
		}
		a = w.ok(http.StatusOK, "PATCH", at+"/later", `{"name": "Much later", "color": "violet", "default": true}`)
		if a.body["name"] != "Much later" || a.body["color"] != "violet" || a.body["default"] != true {
			t.Error(a.text)
		}
		if p := w.entity("leads").PipelineNamed("stage"); p.DefaultStatus().Name != "Much later" || p.StatusNamed("new").Default {
			t.Errorf("%+v", p.Statuses)
		}
		if a := w.ok(http.StatusOK, "GET", at+"/much-later", ""); a.body["default"] != true {
			t.Error(a.text)
		}
		w.ok(http.StatusCreated, "POST", at, `{"name": "First of all", "default": true}`)
		if p := w.entity("leads").PipelineNamed("stage"); p.DefaultStatus().Name != "First of all" {
			t.Errorf("%+v", p.Statuses)
		}
		w.wrong("PATCH", at+"/first-of-all", `{"default": false}`, "/default", "default")
		w.wrong("PATCH", at+"/won", `{"name": "LOST"}`, "/name", "ambiguous")
		w.wrong("PATCH", at+"/won", `{"name": ""}`, "/name", "invalid_name")
		w.wrong("POST", at, `{"name": "won"}`, "/name", "ambiguous")
		w.wrong("POST", at, `{"name": ""}`, "/name", "required")
		w.wrong("POST", at, `{"name": "X", "color": "pink"}`, "/color", "invalid")
		w.ok(http.StatusNotFound, "GET", at+"/nothing", "")
		w.ok(http.StatusNotFound, "PATCH", at+"/"+id.New().String(), `{}`)
		w.ok(http.StatusNotFound, "GET", strings.Replace(at, "stage", "nothing", 1), "")
	})
}

func TestDeleteAStatus(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything() + "/pipelines/stage/statuses"
		stage := *w.entity("leads").PipelineNamed("stage")
		won, lost := stage.StatusNamed("won").ID, stage.StatusNamed("lost").ID
		// One that nobody is in goes at once.
		if a := w.ok(http.StatusOK, "DELETE", at+"/qualified", ""); a.body["task"] != nil {
			t.Error(a.text)
		}
		w.ok(http.StatusNotFound, "DELETE", at+"/qualified", "")
		for _, c := range []struct{ target, sentence string }{
			{at + "/new", "Make another status the default first"},
			{strings.Replace(at, "stage", "temperature", 1) + "/hot", "Make another status the default first"},
		} {
			if a := w.ok(http.StatusConflict, "DELETE", c.target, ""); !strings.Contains(a.text, c.sentence) {
				t.Error(a.text)
			}
		}
		w.ok(http.StatusOK, "DELETE", strings.Replace(at, "stage", "temperature", 1)+"/cold", "")
		if a := w.ok(http.StatusConflict, "DELETE", strings.Replace(at, "stage", "temperature", 1)+"/hot", ""); !strings.Contains(a.text, "the last status of the pipeline") {
			t.Error(a.text)
		}
		w.lead(w.entity("leads"), w.staging, true, won)
		w.wrong("DELETE", at+"/won", "", "move_to", "required")
		w.wrong("DELETE", at+"/won?move_to=nothing", "", "move_to", "unknown")
		w.wrong("DELETE", at+"/won?move_to=won", "", "move_to", "unknown")
		w.wrong("DELETE", at+"/won?move_to=hot", "", "move_to", "unknown")
		a := w.ok(http.StatusOK, "DELETE", at+"/won?move_to=lost", "")
		task := a.body["task"].(map[string]any)
		if task["kind"] != "move" || task["object"].(map[string]any)["id"] != won.String() || task["target"].(map[string]any)["name"] != "Lost" {
			t.Error(a.text)
		}
		p := w.entity("leads").PipelineNamed("stage")
		if diff := cmp.Diff([]string{"New", "Contacted", "Lost"}, p.StatusNames()); diff != "" {
			t.Error(diff)
		}
		if s := p.StatusByID(won); s == nil || s.ID != lost {
			t.Errorf("leads of the deleted status are in %v", s)
		}
		if diff := cmp.Diff([]id.ID{lost, won}, p.StatusIDs(lost)); diff != "" {
			t.Error(diff)
		}
		w.ok(http.StatusNotFound, "GET", at+"/"+won.String(), "")
		w.ok(http.StatusNotFound, "PATCH", at+"/"+won.String(), `{"name": "X"}`)
		w.ok(http.StatusCreated, "POST", at, `{"name": "Won"}`) // its name is free

		// The target goes too, before the leads have arrived.
		w.wrong("DELETE", at+"/lost", "", "move_to", "required")
		w.ok(http.StatusOK, "DELETE", at+"/"+lost.String()+"?move_to=contacted", "")
		p = w.entity("leads").PipelineNamed("stage")
		contacted := p.StatusNamed("contacted").ID
		if p.StatusByID(won).ID != contacted || p.StatusByID(lost).ID != contacted || len(p.StatusIDs(contacted)) != 3 || len(p.StatusIDs(lost)) != 1 {
			t.Errorf("%+v", p)
		}
		for _, task := range w.tasks("leads") {
			if task.Kind == Move && task.TargetID != contacted {
				t.Errorf("a task still moves leads to %v", task.TargetID)
			}
		}

		// The leads arrive, and the task ends.
		update(t, w.d, func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE lead_statuses SET status_id = $1`, contacted)
			for _, task := range w.tasks("leads") {
				if err == nil && task.Kind == Move {
					err = Finish(ctx, tx, task.ID)
				}
			}
			return err
		})
		if p = w.entity("leads").PipelineNamed("stage"); p.StatusByID(won) != nil || len(p.Moved) != 0 {
			t.Errorf("after the task: %+v", p)
		}
		for _, task := range w.tasks("leads") {
			if task.State != Done {
				t.Errorf("%+v", task)
			}
		}
	})
}

func TestDeleteAPipeline(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		at := w.everything() + "/pipelines"
		temperature := w.entity("leads").PipelineNamed("temperature")
		if a := w.ok(http.StatusOK, "DELETE", at+"/stage", ""); a.body["task"] != nil { // no leads: it is gone at once
			t.Error(a.text)
		}
		w.ok(http.StatusCreated, "POST", at, `{"name": "Stage", "statuses": [{"name": "New"}]}`)
		w.lead(w.entity("leads"), w.who.Environment, false, temperature.Statuses[0].ID)
		a := w.ok(http.StatusOK, "DELETE", at+"/temperature", "")
		task := a.body["task"].(map[string]any)
		if task["kind"] != "purge" || task["object"].(map[string]any)["name"] != "Temperature" {
			t.Error(a.text)
		}
		if e := w.entity("leads"); e.PipelineNamed("temperature") != nil || e.PipelineByID(temperature.ID) != nil || len(e.Pipelines) != 1 || e.Pipelines[0].Position != 0 {
			t.Errorf("%+v", e.Pipelines)
		}
		w.ok(http.StatusNotFound, "DELETE", at+"/temperature", "")
		w.ok(http.StatusCreated, "POST", at, `{"name": "Temperature", "statuses": [{"name": "Cold"}]}`)
		update(t, w.d, func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.Exec(ctx, `DELETE FROM lead_statuses WHERE status_id = $1`, temperature.Statuses[0].ID); err != nil {
				return err
			}
			return Finish(ctx, tx, mustID(t, task["id"]))
		})
		var n int
		if err := w.d.QueryRow(t.Context(), `SELECT count(*) FROM pipelines WHERE id = $1`, temperature.ID).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows are left, %v", n, err)
		}
		if len(w.entity("leads").Pipelines) != 2 {
			t.Error("the new pipeline of the same name went too")
		}
	})
}

func TestTasksOfAnEntity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqlite(t))
	at := w.everything()
	if a := w.ok(http.StatusOK, "GET", at+"/tasks", ""); len(a.body["data"].([]any)) != 0 {
		t.Error(a.text)
	}
	w.lead(w.entity("leads"), w.staging, false)
	w.ok(http.StatusOK, "PATCH", at+"/fields/name", `{"encrypted": true}`)
	update(t, w.d, func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE entity_tasks SET state = 'running', done = 3, total = 7, problem = 'slow', place = 'x'`)
		return err
	})
	w.ok(http.StatusOK, "DELETE", at+"/fields/email?purge=true", "")
	list := w.ok(http.StatusOK, "GET", at+"/tasks", "").body["data"].([]any)
	var kinds []string
	for _, one := range list {
		kinds = append(kinds, one.(map[string]any)["kind"].(string))
	}
	if len(kinds) != 3 { // the first rebuild, the purge, and a rebuild because a field is gone
		t.Fatalf("%v", list)
	}
	first := list[2].(map[string]any)
	if first["kind"] != "rebuild" || first["state"] != "running" || first["done"] != 3.0 || first["total"] != 7.0 || first["problem"] != "slow" || first["object"] != nil {
		t.Errorf("%v", first)
	}
	for _, task := range []string{"nothing", id.New().String()} {
		w.ok(http.StatusNotFound, "GET", at+"/tasks/"+task, "")
	}
	err := w.d.Update(t.Context(), func(ctx context.Context, tx *db.Tx) error { return Finish(ctx, tx, id.New()) })
	if err == nil {
		t.Error("a task that does not exist was finished")
	}
}
