package client_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/client"
)

// operations are what the client can do with leads and entities, each driven against the
// program.
var operations = []struct {
	name string
	run  func(t *testing.T, w *world)
}{
	{"bulk", bulk},
	{"an atomic batch", atomicBulk},
	{"change", patchLead},
	{"trash", trash},
	{"notes and timeline", notes},
	{"merge", merge},
	{"duplicates", duplicates},
	{"filter and sort", filter},
	{"export", export},
	{"entities", entities},
	{"fields", fields},
	{"deleted fields", deletedFields},
	{"order", order},
	{"tasks", tasks},
	{"pipelines", pipelines},
	{"statuses", statuses},
}

func TestOperations(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, w *world) {
		for _, c := range operations {
			t.Run(c.name, func(t *testing.T) {
				own := *w
				own.t = t
				c.run(t, &own)
			})
		}
	})
}

func bulk(t *testing.T, w *world) {
	r, err := w.c.Leads.Bulk(t.Context(), client.Batch{Entity: "leads", Source: "import", Note: "From the fair", Rows: []client.NewLead{
		{Fields: map[string]any{"name": "Ada", "email": "ada@bulk.example"}},
		{Fields: map[string]any{"name": "Bob", "email": "not one"}},
		{Fields: map[string]any{"name": "Cleo"}, Status: map[string]string{"stage": "Contacted"}, Notes: []client.Note{{Text: "Own"}}},
	}})
	w.must(err)
	if len(r.Created) != 2 || r.Created[0].Index != 0 || r.Created[0].Email != "ada@bulk.example" || r.Created[1].Index != 2 || len(r.Errors) != 1 || r.Errors[0].Index != 1 || len(r.Errors[0].Errors) == 0 {
		t.Fatalf("%+v", r)
	}
	l, err := w.c.Leads.Get(t.Context(), r.Created[1].LeadID)
	w.must(err)
	if l.Source != "import" || l.Status["stage"].Name != "Contacted" {
		t.Errorf("%+v", l)
	}
}

func atomicBulk(t *testing.T, w *world) {
	_, err := w.c.Leads.Bulk(t.Context(), client.Batch{Entity: "leads", Atomic: true, Source: "atomic", Rows: []client.NewLead{
		{Fields: map[string]any{"name": "Ada"}}, {Fields: map[string]any{"email": "not one"}},
	}})
	for l, lerr := range w.c.Leads.All(t.Context(), client.LeadQuery{Entity: "leads"}) {
		w.must(lerr)
		if l.Source == "atomic" {
			t.Errorf("a row was stored although another was refused with %v", err)
		}
	}
}

func patchLead(t *testing.T, w *world) {
	id := w.lead(map[string]any{"name": "Ada", "email": "ada@patch.example", "phone": "+49 30 901820"})
	before, err := w.c.Leads.Get(t.Context(), id)
	w.must(err)
	after, err := w.c.Leads.Patch(t.Context(), id, client.LeadChange{
		Fields: map[string]any{"name": "Ada Lovelace", "phone": nil}, Status: map[string]string{"stage": "Won"}, Assignee: new("ada@example.com"),
		Viewers: &[]string{"ada@example.com"}, IfMatch: before.ETag,
	})
	w.must(err)
	if after.Fields["name"] != "Ada Lovelace" || after.Fields["phone"] != nil || after.Fields["email"] != "ada@patch.example" || after.Status["stage"].Name != "Won" ||
		after.Assignee == nil || after.Assignee.Email != "ada@example.com" || len(after.Viewers) != 1 || after.ETag == before.ETag || after.ETag == "" {
		t.Errorf("%+v", after)
	}
	_, err = w.c.Leads.Patch(t.Context(), id, client.LeadChange{Fields: map[string]any{"name": "Late"}, IfMatch: before.ETag})
	w.refused("an old ETag", err, "precondition_failed")
	cleared, err := w.c.Leads.Patch(t.Context(), id, client.LeadChange{Assignee: new(""), Viewers: &[]string{}})
	w.must(err)
	if cleared.Assignee != nil || len(cleared.Viewers) != 0 || cleared.Fields["name"] != "Ada Lovelace" {
		t.Errorf("%+v", cleared)
	}
}

func trash(t *testing.T, w *world) {
	ctx := t.Context()
	id := w.lead(map[string]any{"name": "Gone"})
	w.must(w.c.Leads.Delete(ctx, id))
	for l, err := range w.c.Leads.All(ctx, client.LeadQuery{Entity: "leads"}) {
		w.must(err)
		if l.ID == id {
			t.Error("a lead in the trash is listed")
		}
	}
	w.must(w.c.Leads.Restore(ctx, id))
	l, err := w.c.Leads.Get(ctx, id)
	w.must(err)
	if l.Fields["name"] != "Gone" || l.DeletedAt != nil {
		t.Errorf("%+v", l)
	}
	w.must(w.c.Leads.DeletePermanently(ctx, id))
	_, err = w.c.Leads.Get(ctx, id)
	w.refused("a lead that is gone", err, "not_found")
}

func notes(t *testing.T, w *world) {
	id := w.lead(map[string]any{"name": "Noted"})
	n, err := w.c.Leads.AddNote(t.Context(), id, client.Note{Text: "Called", Tag: "phone"})
	w.must(err)
	if n.Text != "Called" || n.Tag != "phone" || n.ID == "" {
		t.Errorf("%+v", n)
	}
	var types []string
	for e, err := range w.c.Leads.Timeline(t.Context(), id) {
		w.must(err)
		types = append(types, e.Type)
	}
	if !slices.Contains(types, "lead.created") || !slices.Contains(types, "lead.note_added") {
		t.Errorf("%v", types)
	}
}

func merge(t *testing.T, w *world) {
	into := w.lead(map[string]any{"name": "Ada", "email": "one@merge.example"})
	from := w.lead(map[string]any{"name": "Ada Lovelace", "phone": "+49 30 901820"})
	l, err := w.c.Leads.Merge(t.Context(), into, client.Merge{From: []string{from}, Prefer: map[string]string{"name": from}})
	w.must(err)
	if l.ID != into || l.Fields["name"] != "Ada Lovelace" || l.Fields["email"] != "one@merge.example" || l.Fields["phone"] == nil {
		t.Errorf("%+v", l)
	}
}

func duplicates(t *testing.T, w *world) {
	ctx := t.Context()
	_, err := w.c.Entities.AddField(ctx, "leads", client.Field{Label: "Customer number", Key: "customer_number", Type: "text", MatchKey: new(9)})
	w.must(err)
	id := w.lead(map[string]any{"customer_number": "K-17"})
	found, err := w.c.Leads.SearchDuplicates(ctx, "leads", map[string]any{"customer_number": "k-17"})
	w.must(err)
	if len(found) != 1 || found[0].Lead.ID != id || len(found[0].MatchedOn) != 1 {
		t.Errorf("%+v", found)
	}
	r, err := w.c.Leads.Intake(ctx, client.NewLead{Entity: "leads", Fields: map[string]any{"customer_number": "K-17"}, DedupMode: client.DedupSkip}, nil)
	w.must(err)
	if r.Action != "skipped" || r.DuplicateOf != id {
		t.Errorf("%+v", r)
	}
}

func filter(t *testing.T, w *world) {
	rows := []client.NewLead{}
	for n := range 7 {
		rows = append(rows, client.NewLead{Fields: map[string]any{"name": fmt.Sprint("filtered ", n)}, Source: "filter"})
	}
	_, err := w.c.Leads.Bulk(t.Context(), client.Batch{Entity: "leads", Rows: rows})
	w.must(err)
	q := client.LeadQuery{Entity: "leads", Filter: `source = "filter" and name contains "FILTERED"`, Sort: "created_at", Fields: []string{"name", "source"}, Limit: 3}
	n := 0
	for l, err := range w.c.Leads.All(t.Context(), q) {
		w.must(err)
		if l.Source != "filter" || l.Fields["email"] != nil {
			t.Errorf("%+v", l)
		}
		n++
	}
	if n != 7 {
		t.Errorf("%d leads", n)
	}
	_, err = w.c.Leads.List(t.Context(), client.LeadQuery{Entity: "leads", Filter: "nothing = = 1"})
	w.refused("a wrong filter", err, "validation_failed")
}

func export(t *testing.T, w *world) {
	id := w.lead(map[string]any{"name": "Exported"})
	for _, format := range []string{client.CSV, client.JSONL} {
		r, err := w.c.Leads.Export(t.Context(), client.LeadQuery{Entity: "leads"}, format)
		w.must(err)
		text, err := io.ReadAll(r)
		w.must(err)
		w.must(r.Close())
		if !strings.Contains(string(text), id) || !strings.Contains(string(text), "Exported") {
			t.Errorf("%s: %.200s", format, text)
		}
		for in := bufio.NewScanner(strings.NewReader(string(text))); format == client.JSONL && in.Scan(); {
			if !json.Valid(in.Bytes()) {
				t.Errorf("not JSON: %s", in.Bytes())
			}
		}
	}
	_, err := w.c.Leads.Export(t.Context(), client.LeadQuery{Entity: "leads"}, "pdf")
	w.refused("a format there is not", err, "validation_failed")
}

func entities(t *testing.T, w *world) {
	ctx := t.Context()
	e, err := w.c.Entities.Create(ctx, client.Entity{
		Name: "Solar leads", Icon: "sun", Fields: []client.Field{{Label: "Roof", Key: "roof", Type: "select", Options: []client.Choice{{Key: "flat", Label: "Flat"}, {Key: "steep", Label: "Steep"}}},
			{Label: "Budget", Key: "budget", Type: "number", Min: new(json.Number("0")), Step: new(json.Number("0.01")), Indexed: true}},
		Pipelines: []client.Pipeline{{Name: "Stage", Statuses: []client.Status{{Name: "New", Default: true}, {Name: "Sold", Color: "green"}}}},
	})
	w.must(err)
	if e.ID == "" || e.Slug == "" || len(e.Fields) != 2 || e.Fields[1].Min == nil || *e.Fields[1].Min != "0" || len(e.Pipelines[0].Statuses) != 2 {
		t.Fatalf("%+v", e)
	}
	id, err := w.c.Leads.Intake(ctx, client.NewLead{Entity: e.Slug, Fields: map[string]any{"roof": "FLAT", "budget": json.Number("12345678901234567890.25")}}, nil)
	w.must(err)
	l, err := w.c.Leads.Get(ctx, id.LeadID)
	w.must(err)
	if l.Fields["roof"] != "flat" || l.Fields["budget"] != json.Number("12345678901234567890.25") {
		t.Errorf("%+v", l.Fields)
	}
	changed, err := w.c.Entities.Patch(ctx, e.ID, client.Change{"name": "Roofs"}, e.ETag)
	if err != nil && client.Code(err) == "precondition_failed" { // work on its leads changed it meanwhile
		changed, err = w.c.Entities.Patch(ctx, e.ID, client.Change{"name": "Roofs"}, "")
	}
	w.must(err)
	if changed.Name != "Roofs" || len(changed.Fields) != 2 {
		t.Errorf("%+v", changed)
	}
	w.must(w.c.Leads.DeletePermanently(ctx, id.LeadID))
	w.must(w.c.Entities.Delete(ctx, e.ID))
	_, err = w.c.Entities.Get(ctx, e.ID)
	w.refused("an entity that is gone", err, "not_found")
}

func fields(t *testing.T, w *world) {
	ctx := t.Context()
	f, err := w.c.Entities.AddField(ctx, "leads", client.Field{Label: "Budget", Key: "budget", Type: "number"})
	w.must(err)
	if f.ID == "" || f.Key != "budget" || f.Type != "number" {
		t.Fatalf("%+v", f)
	}
	f, err = w.c.Entities.PatchField(ctx, "leads", f.ID, client.Change{"key": "money", "help": "In euros"})
	w.must(err)
	if f.Key != "money" || f.Help != "In euros" || !slices.Contains(f.Aliases, "budget") {
		t.Errorf("%+v", f)
	}
	w.must(w.c.Entities.DeleteField(ctx, "leads", f.ID))
	e, err := w.c.Entities.Get(ctx, "leads")
	w.must(err)
	if slices.ContainsFunc(e.Fields, func(one client.Field) bool { return one.ID == f.ID }) {
		t.Error("a deleted field is still there")
	}
}

func deletedFields(t *testing.T, w *world) {
	ctx := t.Context()
	f, err := w.c.Entities.AddField(ctx, "leads", client.Field{Label: "Hobby", Key: "hobby", Type: "text"})
	w.must(err)
	id := w.lead(map[string]any{"hobby": "chess"})
	w.must(w.c.Entities.DeleteField(ctx, "leads", f.ID))
	gone, err := w.c.Entities.DeletedFields(ctx, "leads")
	w.must(err)
	if !slices.ContainsFunc(gone, func(one client.Field) bool { return one.ID == f.ID && one.DeletedAt != nil }) {
		t.Errorf("%+v", gone)
	}
	_, err = w.c.Entities.RestoreField(ctx, "leads", f.ID)
	w.must(err)
	l, err := w.c.Leads.Get(ctx, id)
	w.must(err)
	if l.Fields["hobby"] != "chess" {
		t.Errorf("a restored field has no values: %+v", l.Fields)
	}
	w.must(w.c.Entities.PurgeField(ctx, "leads", f.ID))
}

func order(t *testing.T, w *world) {
	ctx := t.Context()
	e, err := w.c.Entities.Create(ctx, client.Entity{Name: "Order", Fields: []client.Field{{Label: "A", Type: "text"}, {Label: "B", Type: "text"}},
		Pipelines: []client.Pipeline{{Name: "P", Statuses: []client.Status{{Name: "One", Default: true}, {Name: "Two"}}}, {Name: "Q", Statuses: []client.Status{{Name: "Only", Default: true}}}}})
	w.must(err)
	p, q := e.Pipelines[0], e.Pipelines[1]
	w.must(w.c.Entities.ReorderFields(ctx, e.ID, []string{e.Fields[1].ID, e.Fields[0].ID}))
	w.must(w.c.Entities.ReorderPipelines(ctx, e.ID, []string{q.ID, p.ID}))
	w.must(w.c.Entities.ReorderStatuses(ctx, e.ID, p.ID, []string{p.Statuses[1].ID, p.Statuses[0].ID}))
	now, err := w.c.Entities.Get(ctx, e.ID)
	w.must(err)
	if now.Fields[0].ID != e.Fields[1].ID || now.Pipelines[0].ID != q.ID || now.Pipelines[1].Statuses[0].ID != p.Statuses[1].ID {
		t.Errorf("%+v", now)
	}
}

func tasks(t *testing.T, w *world) {
	ctx := t.Context()
	f, err := w.c.Entities.AddField(ctx, "leads", client.Field{Label: "Rank", Key: "rank", Type: "number"})
	w.must(err)
	w.lead(map[string]any{"rank": json.Number("3")})
	_, err = w.c.Entities.PatchField(ctx, "leads", f.ID, client.Change{"indexed": true})
	w.must(err)
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		all, err := w.c.Entities.Tasks(ctx, "leads")
		w.must(err)
		n := slices.IndexFunc(all, func(one client.Task) bool { return one.Kind == "rebuild" })
		if n < 0 || all[n].State == "failed" || time.Since(begun) > hang {
			t.Fatalf("%+v", all)
		}
		if all[n].State == "done" {
			return
		}
	}
}

func pipelines(t *testing.T, w *world) {
	ctx := t.Context()
	p, err := w.c.Entities.AddPipeline(ctx, "leads", client.Pipeline{Name: "Support", Statuses: []client.Status{{Name: "Open", Default: true}, {Name: "Closed"}}})
	w.must(err)
	if p.ID == "" || p.Slug != "support" || len(p.Statuses) != 2 {
		t.Fatalf("%+v", p)
	}
	p, err = w.c.Entities.PatchPipeline(ctx, "leads", p.ID, client.Change{"name": "Help desk"})
	w.must(err)
	if p.Name != "Help desk" {
		t.Errorf("%+v", p)
	}
	w.must(w.c.Entities.DeletePipeline(ctx, "leads", p.ID))
}

func statuses(t *testing.T, w *world) {
	ctx := t.Context()
	e, err := w.c.Entities.Get(ctx, "leads")
	w.must(err)
	stage := e.Pipelines[0]
	s, err := w.c.Entities.AddStatus(ctx, "leads", stage.ID, client.Status{Name: "Waiting", Color: "amber"})
	w.must(err)
	if s.ID == "" || s.Color != "amber" {
		t.Fatalf("%+v", s)
	}
	s, err = w.c.Entities.PatchStatus(ctx, "leads", stage.ID, s.ID, client.Change{"name": "On hold"})
	w.must(err)
	if s.Name != "On hold" {
		t.Errorf("%+v", s)
	}
	r, err := w.c.Leads.Intake(ctx, client.NewLead{Entity: "leads", Status: map[string]string{stage.Slug: "on hold"}}, nil)
	w.must(err)
	w.must(w.c.Entities.DeleteStatus(ctx, "leads", stage.ID, s.ID, stage.Statuses[0].ID))
	l, err := w.c.Leads.Get(ctx, r.LeadID)
	w.must(err)
	if l.Status[stage.Slug].Name != stage.Statuses[0].Name {
		t.Errorf("the lead of a deleted status is in %+v", l.Status)
	}
}
