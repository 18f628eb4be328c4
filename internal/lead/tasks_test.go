package lead

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// setField changes what is stored of a field, as a change of the definition does, and
// writes the task that goes with it.
func (w *world) setField(key string, change func(settings map[string]any), kind entity.TaskKind) {
	w.t.Helper()
	w.update(func(ctx context.Context, tx *db.Tx) error {
		var text string
		if err := tx.QueryRow(ctx, `SELECT CAST(settings AS TEXT) FROM fields WHERE entity_id = $1 AND key = $2`, w.e.ID, key).Scan(&text); err != nil {
			return err
		}
		settings := map[string]any{}
		if err := json.Unmarshal([]byte(text), &settings); err != nil {
			return err
		}
		change(settings)
		if _, err := tx.Exec(ctx, `UPDATE fields SET settings = $1 WHERE entity_id = $2 AND key = $3`, db.JSON(settings), w.e.ID, key); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE entities SET version = version + 1 WHERE id = $1`, w.e.ID); err != nil {
			return err
		}
		return w.addTask(ctx, tx, kind, id.Nil, id.Nil)
	})
}

func (w *world) addTask(ctx context.Context, tx *db.Tx, kind entity.TaskKind, object, target id.ID) error {
	_, err := tx.Exec(ctx, `INSERT INTO entity_tasks (id, account_id, entity_id, kind, object_id, target_id, state, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 'waiting', $7, $7)`,
		id.New(), w.who.Account.ID, w.e.ID, string(kind), object, target, db.Micros(tx.Now))
	return err
}

// work carries out all tasks there are.
func (w *world) work() {
	w.t.Helper()
	for {
		worked, err := w.svc.RunTask(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		if !worked {
			break
		}
	}
	var open int
	if err := w.db.QueryRow(context.Background(), `SELECT COUNT(*) FROM entity_tasks WHERE state <> 'done'`).Scan(&open); err != nil || open != 0 {
		w.t.Errorf("%d tasks are not done, %v", open, err)
	}
}

// many takes in leads with values that are told apart by their number.
func (w *world) many(n int) []id.ID {
	w.t.Helper()
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"name":"Lead %d","email":"lead%d@example.com","remark":"Remark %d","diagnosis":"Flu %d","budget":%d}`, i, i, i, i, i)
	}
	results, err := w.bulk(`{"entity":"funnel","batch":[`+strings.Join(rows, ",")+`]}`, nil, newSlices())
	if err != nil {
		w.t.Fatal(err)
	}
	ids := make([]id.ID, n)
	for i, r := range results {
		ids[i] = r.LeadID
	}
	return ids
}

// Whatever setting of a field is turned on or off, afterwards the rows beside all leads
// are those that the new definition calls for, and the values are the same.
func TestARebuildFollowsTheSettingsOfFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, key string
		change    func(map[string]any)
	}{
		{"index on", "remark", func(s map[string]any) { s["indexed"] = true }},
		{"index off", "name", func(s map[string]any) { delete(s, "indexed") }},
		{"match key off, index stays", "email", func(s map[string]any) { delete(s, "match_key") }},
		{"encryption on", "remark", func(s map[string]any) { s["encrypted"] = true }},
		{"encryption of a match key on", "email", func(s map[string]any) { s["encrypted"] = true; delete(s, "indexed") }},
		{"encryption off", "diagnosis", func(s map[string]any) { delete(s, "encrypted") }},
		{"encryption of a match key off", "passport", func(s map[string]any) { delete(s, "encrypted") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				w := newFunnel(t, d)
				leads := w.many(2*taskSlice + 7)
				w.mustPatch(leads[0], `{"fields":{"passport":"C01X"}}`)
				staging := w.inEnvironment(w.who, "staging", "test")
				w.mustSend(staging, `{"entity":"funnel","name":"Other","email":"other@example.com","remark":"r"}`)
				before := w.mustGet(w.who, leads[0]).shown()
				if err := w.svc.Delete(t.Context(), w.who, leads[1], func(*Lead) error { return nil }); err != nil {
					t.Fatal(err)
				}
				w.setField(c.key, c.change, entity.Rebuild)
				w.work()
				w.consistent()
				if after := w.mustGet(w.who, leads[0]).shown(); fmt.Sprint(after) != fmt.Sprint(before) {
					t.Errorf("values before: %v, after: %v", before, after)
				}
				w.who = staging
				w.consistent()
				var done, total int
				if err := d.QueryRow(t.Context(), `SELECT done, total FROM entity_tasks WHERE state = 'done' ORDER BY created_at DESC LIMIT 1`).Scan(&done, &total); err != nil || done != len(leads)+1 || total != done {
					t.Errorf("the task tells of %d of %d leads, %v", done, total, err)
				}
			})
		})
	}
}

// Leads that come and change while a task goes on end up as the definition says too.
func TestLeadsThatChangeDuringARebuild(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		leads := w.many(3*taskSlice + 1)
		w.setField("remark", func(s map[string]any) { s["indexed"] = true }, entity.Rebuild)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 40 {
				if _, err := w.patch(leads[i*7], fmt.Sprintf(`{"fields":{"remark":"Changed %d","email":"changed%d@example.com"}}`, i, i)); err != nil {
					t.Error(err)
				}
				if _, err := w.send(w.who, fmt.Sprintf(`{"entity":"funnel","remark":"New %d"}`, i)); err != nil {
					t.Error(err)
				}
			}
		}()
		w.work()
		<-done
		w.consistent()
	})
}

func TestAPurgedFieldLeavesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		leads := w.many(taskSlice + 3)
		for _, key := range []string{"remark", "diagnosis", "email"} {
			field := w.e.Fields[slices.IndexFunc(w.e.Fields, func(f entity.Field) bool { return f.Key == key })].ID
			w.update(func(ctx context.Context, tx *db.Tx) error {
				if _, err := tx.Exec(ctx, `UPDATE fields SET deleted_at = 1, key = $1 WHERE id = $2`, "deleted:"+field.String(), field); err != nil {
					return err
				}
				if _, err := tx.Exec(ctx, `UPDATE entities SET version = version + 1 WHERE id = $1`, w.e.ID); err != nil {
					return err
				}
				return w.addTask(ctx, tx, entity.Purge, field, id.Nil)
			})
			// Before the purge a change keeps the values of the deleted field.
			w.mustPatch(leads[0], `{"fields":{"name":"`+key+`"}}`)
			var kept int
			if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM leads WHERE CAST(data AS TEXT) LIKE $1 OR CAST(sealed AS TEXT) LIKE $1`, "%"+field.String()+"%").Scan(&kept); err != nil || kept != len(leads) {
				t.Errorf("%s: %d leads keep it, %v", key, kept, err)
			}
			w.work()
			if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM leads WHERE CAST(data AS TEXT) LIKE $1 OR CAST(sealed AS TEXT) LIKE $1`, "%"+field.String()+"%").Scan(&kept); err != nil || kept != 0 {
				t.Errorf("%s: %d leads have it after the purge, %v", key, kept, err)
			}
			w.consistent()
		}
	})
}

func TestLeadsMoveOffADeletedStatus(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		leads := w.many(taskSlice + 20)
		staying := leads[3]
		w.mustPatch(staying, `{"status":{"stage":"Lost"}}`)
		p := w.e.Pipelines[0]
		gone, target := p.Statuses[0].ID, p.Statuses[1].ID
		w.update(func(ctx context.Context, tx *db.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE statuses SET moved_to = $1, is_default = $2 WHERE id = $3`, target, false, gone); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `UPDATE statuses SET is_default = $1 WHERE id = $2`, true, target); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `UPDATE entities SET version = version + 1 WHERE id = $1`, w.e.ID); err != nil {
				return err
			}
			return w.addTask(ctx, tx, entity.Move, gone, target)
		})
		if got := w.mustGet(w.who, leads[0]).statuses()["stage"]; got != "Won" {
			t.Errorf("before the move a lead counts as %q", got)
		}
		w.work()
		for i, lead := range leads {
			want, version := "Won", int64(2)
			if lead == staying {
				want = "Lost"
			}
			if f := w.mustGet(w.who, lead); f.statuses()["stage"] != want || f.Lead.Version != version {
				t.Fatalf("lead %d is %v at version %d", i, f.statuses(), f.Lead.Version)
			}
		}
		events, err := event.History(t.Context(), d, w.who.Environment.ID, leads[0], event.Position{}, 10)
		if err != nil || len(events) != 2 || !strings.Contains(string(events[0].Data), "status.stage") {
			t.Errorf("%v, %v", events, err)
		}
		var left int
		if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM statuses WHERE id = $1`, gone).Scan(&left); err != nil || left != 0 {
			t.Errorf("the status is still there, %v", err)
		}
		w.consistent()
	})
}

// Two nodes that look for work at once do not both take the same task, and one that was
// cut off is taken over.
func TestATaskIsDoneOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		w.many(5)
		w.setField("remark", func(s map[string]any) { s["indexed"] = true }, entity.Rebuild)
		claim := func() (task entity.Task, ok bool) {
			w.update(func(ctx context.Context, tx *db.Tx) (err error) {
				task, ok, err = entity.Claim(ctx, tx)
				return err
			})
			return task, ok
		}
		first, ok := claim()
		if _, again := claim(); !ok || again {
			t.Errorf("taken %v, taken again %v", ok, again)
		}
		w.update(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE entity_tasks SET lease_until = 1 WHERE state = 'running'`)
			return err
		})
		if _, ok := claim(); !ok {
			t.Error("what was cut off is not taken over")
		}
		if _, err := w.svc.taskSlice(t.Context(), &first); err == nil {
			t.Error("the node that was cut off goes on")
		}
		w.update(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE entity_tasks SET lease_until = 1 WHERE state = 'running'`)
			return err
		})
		w.work()
		w.consistent()
	})
}

func TestFilesOfALead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.e = w.newEntity(w.who, entity.Entity{Slug: "papers", Name: "Papers", Fields: []entity.Field{
			{Key: "name", Label: "Name", Type: entity.Text}, {Key: "offer", Label: "Offer", Type: entity.File}}})
		const text = "first line\nsecond line"
		body := "--x\r\nContent-Disposition: form-data; name=\"entity\"\r\n\r\npapers\r\n" +
			"--x\r\nContent-Disposition: form-data; name=\"offer\"; filename=\"../../offer.txt\"\r\nContent-Type: text/html\r\n\r\n" + text + "\r\n--x--\r\n"
		items, err := ParseBody("multipart/form-data; boundary=x", []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.svc.Intake(t.Context(), w.who, Intake{Items: items}, nil)
		if err != nil {
			t.Fatal(err, errs.As(err).Fields)
		}
		file := func() entity.FileValue {
			v, _ := w.mustGet(w.who, r.LeadID).values()["offer"].(entity.FileValue)
			return v
		}
		first := file()
		if first.Name != "offer.txt" || first.Size != int64(len(text)) || first.ID.IsNil() {
			t.Errorf("%+v", first)
		}
		got, err := w.svc.File(t.Context(), w.who, r.LeadID, "Offer")
		if err != nil || string(got.Content) != text {
			t.Errorf("%q, %v", got.Content, err)
		}
		other := w.mustSend(w.who, `{"entity":"papers","name":"other"}`).LeadID
		if _, err := w.svc.File(t.Context(), w.who, other, "offer"); errs.CodeOf(err) != errs.NotFound {
			t.Errorf("a lead without a file: %v", err)
		}
		same, _ := json.Marshal(first)
		if _, err := w.patch(other, `{"fields":{"offer":`+string(same)+`}}`); errs.CodeOf(err) != errs.ValidationFailed {
			t.Errorf("the id of another lead's file: %v", err)
		}
		if f := w.mustPatch(r.LeadID, `{"fields":{"offer":`+string(same)+`}}`); f.Lead.Version != 1 {
			t.Error("the file sent back as it is counts as a change")
		}
		w.mustPatch(r.LeadID, `{"fields":{"offer":{"name":"b.txt","content":"Yg=="}}}`)
		if second := file(); second.Name != "b.txt" || second.ID == first.ID || w.count("lead_files") != 1 {
			t.Errorf("%+v, %d files", second, w.count("lead_files"))
		}
		f, err := w.svc.Merge(t.Context(), w.who, other, Merge{From: []string{r.LeadID.String()}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := f.values()["offer"].(entity.FileValue); v.Name != "b.txt" {
			t.Errorf("%+v", v)
		} else if got, err := w.svc.File(t.Context(), w.who, other, "offer"); err != nil || string(got.Content) != "b" {
			t.Errorf("after a merge: %q, %v", got.Content, err)
		}
		w.mustPatch(other, `{"fields":{"offer":null}}`)
		for _, lead := range []id.ID{other, r.LeadID} {
			if err := w.svc.Purge(t.Context(), w.who, lead, func(*Lead) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.count("lead_files"); n != 0 {
			t.Errorf("%d files are left", n)
		}
		if _, err := w.svc.Intake(t.Context(), w.who, Intake{Items: append(items[:1:1], Item{Name: "nowhere", loose: "nowhere", File: &entity.RawFile{Name: "a", Content: []byte("a")}})}, nil); errs.CodeOf(err) != errs.ValidationFailed {
			t.Errorf("a file under an unknown name: %v", err)
		}
	})
}
