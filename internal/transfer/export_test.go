package transfer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// records reads a CSV file: its header, and each row by it.
func records(t *testing.T, file []byte) (header []string, rows []map[string]string) {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatalf("%v\n%.500s", err, file)
	}
	return byHeader(all)
}

func byHeader(all [][]string) (header []string, rows []map[string]string) {
	for _, one := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			if i < len(one) {
				row[name] = one[i]
			}
		}
		rows = append(rows, row)
	}
	return all[0], rows
}

// sheet reads an XLSX file, and makes sure that there is no formula in it.
func sheet(t *testing.T, file []byte) (header []string, rows []map[string]string) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names := f.GetSheetList()
	all, err := f.GetRows(names[0], excelize.Options{RawCellValue: true})
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	for y, row := range all {
		for x := range row {
			cell, _ := excelize.CoordinatesToCellName(x+1, y+1)
			if formula, err := f.GetCellFormula(names[0], cell); err != nil || formula != "" {
				t.Errorf("%s is the formula %q (%v)", cell, formula, err)
			}
		}
	}
	return byHeader(all)
}

// full is a lead with a value of every type, and what the cells of a table show of it.
func (w *world) full() (sent map[string]any, cells map[string]string) {
	plan := base64.StdEncoding.EncodeToString([]byte("%PDF-1.7 a plan"))
	return map[string]any{
			"name": "Ada \"the first\" Lovelace", "email": "ada@example.com", "phone": "+49 30 901820", "message": "Two lines,\nand ümläuts 🌞; a\ttab", "budget": json.Number("12345678901234567890.50"),
			"place": "Balcony, south", "wishes": []string{"roof", "balcony"}, "newsletter": true, "moves_on": "2026-12-01", "call_at": "2026-12-01T10:00:00+01:00", "site": "https://example.com/a,b",
			"secret": "whisper", "home": map[string]any{"street": "Main Street", "city": "Berlin", "latitude": json.Number("-52.5")}, "plan": map[string]any{"name": "plan.pdf", "content": plan},
			"shoe size": 43, "source": "fair", "assignee": "eve@example.com", "status:stage": "Won",
		}, map[string]string{
			"name": "Ada \"the first\" Lovelace", "email": "ada@example.com", "phone": "+4930901820", "message": "Two lines,\nand ümläuts 🌞; a\ttab", "budget": "12345678901234567890.50",
			"place": "balcony", "wishes": "roof; balcony", "newsletter": "true", "moves_on": "2026-12-01", "call_at": "2026-12-01T09:00:00.000000Z", "site": "https://example.com/a,b",
			"secret": "whisper", "home.street": "Main Street", "home.city": "Berlin", "home.latitude": "-52.5", "home.house_number": "", "plan": "plan.pdf",
			"unmapped": `{"shoe size":43}`, "source": "fair", "assignee": "eve@example.com", "status.stage": "Won", "status.temperature": "Cold",
		}
}

func TestEveryTypeOfField(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.member("eve@example.com", "Eve")
		sent, cells := w.full()
		one := w.send(w.who, sent)
		empty := w.send(w.who, map[string]any{"name": "=1+1"})

		header, rows := records(t, w.export(w.who, Query{Query: lead.Query{Sort: "created_at"}}))
		begin := []string{"id", "created_at", "updated_at", "source", "assignee", "status.stage", "status.temperature", "name", "email"}
		if !slices.Equal(header[:len(begin)], begin) || header[len(header)-1] != "unmapped" || len(rows) != 2 {
			t.Fatalf("%v, %d rows", header, len(rows))
		}
		_, inSheet := sheet(t, w.export(w.who, Query{Query: lead.Query{Sort: "created_at"}, Format: XLSX}))
		f, err := w.leads.Get(t.Context(), w.who, one)
		if err != nil {
			t.Fatal(err)
		}
		cells["id"], cells["created_at"] = one.String(), f.Lead.CreatedAt.UTC().Format("2006-01-02T15:04:05.000000Z")
		for name, want := range cells {
			if rows[0][name] != want {
				t.Errorf("CSV, %s: %q, not %q", name, rows[0][name], want)
			}
			if inSheet[0][name] != want {
				t.Errorf("XLSX, %s: %q, not %q", name, inSheet[0][name], want)
			}
		}
		if rows[1]["id"] != empty.String() || rows[1]["name"] != "'=1+1" || rows[1]["email"] != "" || rows[1]["unmapped"] != "" || inSheet[1]["name"] != "=1+1" {
			t.Errorf("%q\n%q", rows[1], inSheet[1])
		}

		labels, _ := records(t, w.export(w.who, Query{Labels: true, BOM: true}))
		if labels[0] != "\ufeffID" || !slices.Contains(labels, "Budget, in euros") || !slices.Contains(labels, "Home: house number") || len(labels) != len(header) {
			t.Errorf("%q", labels)
		}
	})
}

// Lines of JSON are what GET /api/leads/{id} shows, with those who are on the lead.
func TestJSONLines(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		eve := w.member("eve@example.com", "Eve")
		sent, _ := w.full()
		one := w.send(w.who, sent)
		w.exec(`UPDATE leads SET viewers = $1 WHERE environment_id = $2 AND id = $3`, eve.String(), w.who.Environment.ID, one)
		w.send(w.who, map[string]any{"name": "Second"})
		lines := strings.Split(strings.TrimSuffix(string(w.export(w.who, Query{Query: lead.Query{Sort: "created_at"}, Format: JSONL})), "\n"), "\n")
		var got struct {
			ID, Source, Environment string
			Assignee                struct{ Email string }
			Viewers                 []struct{ Email string }
			Status                  map[string]struct{ Name string }
			Fields                  map[string]json.RawMessage
			Unmapped                map[string]any
		}
		if len(lines) != 2 || json.Unmarshal([]byte(lines[0]), &got) != nil {
			t.Fatalf("%q", lines)
		}
		if got.ID != one.String() || got.Source != "fair" || got.Environment != "production" || got.Assignee.Email != "eve@example.com" || len(got.Viewers) != 1 || got.Viewers[0].Email != "eve@example.com" ||
			got.Status["stage"].Name != "Won" || string(got.Fields["budget"]) != "12345678901234567890.50" || string(got.Fields["secret"]) != `"whisper"` || got.Unmapped["shoe size"] == nil {
			t.Errorf("%s", lines[0])
		}
	})
}

func TestFilterOrderAndFields(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for _, name := range []string{"Cleo", "Ada", "Bob"} {
			w.send(w.who, map[string]any{"name": name, "budget": len(name), "message": "from " + name, "email": name + "@example.com"})
		}
		for _, c := range []struct {
			q      lead.Query
			header string
			names  string
		}{
			{lead.Query{Sort: "name", Fields: "name"}, "id,name", "Ada Bob Cleo"},
			{lead.Query{Sort: "-budget,name", Fields: "status.stage,name,created_at"}, "id,created_at,status.stage,name", "Cleo Ada Bob"},
			{lead.Query{Fields: "fields"}, "", "Bob Ada Cleo"},
			{lead.Query{Sort: "created_at", Fields: "name,home"}, "", "Cleo Ada Bob"},
			{lead.Query{Sort: "updated_at", Fields: "name"}, "id,name", "Cleo Ada Bob"},
			{lead.Query{Sort: "-updated_at", Fields: "name"}, "id,name", "Bob Ada Cleo"},
			{lead.Query{Filter: `budget = 3`, Sort: "name"}, "", "Ada Bob"},
			{lead.Query{Filter: `message contains "BOB"`}, "", "Bob"},
			{lead.Query{Search: "cleo@example"}, "", "Cleo"},
			{lead.Query{Filter: `name = "Nobody"`, Fields: "name,source"}, "id,source,name", ""},
		} {
			for _, f := range []Format{CSV, XLSX} {
				read := records
				if f == XLSX {
					read = sheet
				}
				header, rows := read(t, w.export(w.who, Query{Query: c.q, Format: f}))
				var names []string
				for _, r := range rows {
					names = append(names, r["name"])
				}
				if got := strings.Join(names, " "); got != c.names || c.header != "" && strings.Join(header, ",") != c.header {
					t.Errorf("%s %+v: %q by %q", f, c.q, got, header)
				}
			}
			lines := w.export(w.who, Query{Query: c.q, Format: JSONL})
			if got := bytes.Count(lines, []byte("\n")); got != len(strings.Fields(c.names)) || strings.HasPrefix(c.header, "id,") && bytes.Contains(lines, []byte(`"email"`)) {
				t.Errorf("%+v: %s", c.q, lines)
			}
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.send(w.who, map[string]any{"name": "Ada"})
		other := usual()
		w.addEntity(&other)
		with := func(scopes ...account.Scope) account.Principal {
			p := w.who
			p.Scopes = scopes
			return p
		}
		for _, c := range []struct {
			name string
			who  account.Principal
			q    Query
			want errs.Code
			at   string
		}{
			{"a format", w.who, Query{Format: "pdf"}, errs.ValidationFailed, "format"},
			{"a mark in XLSX", w.who, Query{Format: XLSX, BOM: true}, errs.ValidationFailed, "bom"},
			{"labels in JSON", w.who, Query{Format: JSONL, Labels: true}, errs.ValidationFailed, "header"},
			{"no entity", w.who, Query{Query: lead.Query{Entity: "nothing"}}, errs.ValidationFailed, "entity"},
			{"a filter", w.who, Query{Query: lead.Query{Filter: "name ="}}, errs.ValidationFailed, "filter"},
			{"an order", w.who, Query{Query: lead.Query{Sort: "message"}}, errs.ValidationFailed, "sort"},
			{"fields", w.who, Query{Query: lead.Query{Fields: "nothing"}}, errs.ValidationFailed, "fields"},
			{"no right", with("leads:read", "leads:write"), Query{}, errs.InsufficientScope, ""},
			{"a right on another entity", with("leads.leads:export"), Query{}, errs.InsufficientScope, ""},
			{"a right on this one", with("leads.solar_leads:export"), Query{}, "", ""},
			{"a right on all", with("leads:export"), Query{}, "", ""},
		} {
			if c.q.Entity == "" {
				c.q.Entity = w.e.Slug
			}
			x, err := w.svc.Export(t.Context(), c.who, c.q)
			if errs.CodeOf(err) != c.want || c.at != "" && (len(errs.As(err).Fields) == 0 || errs.As(err).Fields[0].Parameter != c.at) {
				t.Errorf("%s: %v", c.name, err)
			}
			if err == nil {
				x.Close()
			}
		}
		if taken, keys := w.svc.exports.Taken(); taken != 0 || keys != 0 {
			t.Errorf("%d exports of %d keys are under way for ever", taken, keys)
		}
		// Only those that began are in the audit log.
		entries, err := audit.List(t.Context(), d, audit.Filter{AccountID: w.who.Account.ID, Action: "lead.export", Limit: 10})
		if err != nil || len(entries) != 2 || entries[0].Object.ID != w.e.ID || entries[0].Actor.Name != "Backup" || entries[0].Changes["format"].To != "csv" {
			t.Errorf("%+v %v", entries, err)
		}
		// Another environment has other leads.
		if _, rows := records(t, w.export(w.inEnvironment(w.who, "staging"), Query{})); len(rows) != 0 {
			t.Errorf("another environment exports %v", rows)
		}
	})
}

func TestTheNumberOfExportsIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	q := Query{Query: lead.Query{Entity: w.e.Slug}}
	begin := func(key id.ID) (*Export, error) {
		who := w.who
		who.Key = &account.KeyIdentity{ID: key}
		return w.svc.Export(t.Context(), who, q)
	}
	first := id.New()
	var all []*Export
	for n := range maxExports {
		key := first
		if n >= api.ExportsPerKey {
			key = id.New()
		}
		x, err := begin(key)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	for _, key := range []id.ID{first, id.New()} {
		if _, err := begin(key); errs.CodeOf(err) != errs.TooManyExports || errs.As(err).Meta["retry_after"] == nil {
			t.Errorf("one too many: %v", err)
		}
	}
	all[0].Close()
	all[0].Close()
	x, err := begin(first)
	if err != nil {
		t.Fatal(err)
	}
	x.Close()
	w.svc.Stop()
	if _, err := begin(first); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("when the server stops: %v", err)
	}
}

// slowWriter waits before each piece until it is let go on.
type slowWriter struct {
	bytes.Buffer
	wrote chan struct{}
	next  chan struct{}
}

func (s *slowWriter) Write(b []byte) (int, error) {
	s.wrote <- struct{}{}
	<-s.next
	return s.Buffer.Write(b)
}

// What ends an export ends it before its end: it is not complete, and says so.
func TestAnExportIsCutOff(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.copies(w.send(w.who, map[string]any{"name": "Ada", "message": strings.Repeat("Long. ", 200)}), 3*2000)
		for _, f := range []Format{CSV, XLSX, JSONL} {
			for name, end := range map[string]func(s *Service, now *account.Principal, allowed *error){
				"revoked":  func(_ *Service, _ *account.Principal, allowed *error) { *allowed = errors.New("revoked") },
				"narrowed": func(_ *Service, now *account.Principal, _ *error) { now.Scopes = account.Scopes{"leads.other:export"} },
				"a stop":   func(s *Service, _ *account.Principal, _ *error) { s.Stop() },
			} {
				svc := NewService(d, w.leads)
				x, err := svc.Export(t.Context(), w.who, Query{Query: lead.Query{Entity: w.e.Slug}, Format: f})
				if err != nil {
					t.Fatal(err)
				}
				var mu sync.Mutex
				now, allowed := w.who, error(nil)
				ctx, cancel := x.Watch(t.Context(), func(context.Context) (account.Principal, error) {
					mu.Lock()
					defer mu.Unlock()
					return now, allowed
				})
				out := &slowWriter{wrote: make(chan struct{}), next: make(chan struct{})}
				failed := make(chan error)
				go func() { failed <- x.Write(ctx, out) }()
				<-out.wrote // the first piece
				mu.Lock()
				end(svc, &now, &allowed)
				mu.Unlock()
				<-ctx.Done()
				go func() { // whoever writes on is let
					for range out.wrote {
						out.next <- struct{}{}
					}
				}()
				out.next <- struct{}{}
				if err := <-failed; err == nil {
					t.Errorf("%s, %s: the export ended well", f, name)
				}
				close(out.wrote)
				cancel()
				x.Close()
			}
		}
	})
}

// While others write, every lead that was there from the beginning is in the export
// once, whole.
func TestExportBesideWriters(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.copies(w.send(w.who, map[string]any{"name": "Ada", "email": "ada@example.com"}), 5000)
		stop := make(chan struct{})
		var writing sync.WaitGroup
		writing.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					w.send(w.who, map[string]any{"name": "New"})
				}
			}
		})
		for _, sort := range []string{"", "created_at", "updated_at", "-name"} {
			_, rows := records(t, w.export(w.who, Query{Query: lead.Query{Sort: sort}}))
			seen := map[string]int{}
			old := 0
			for _, r := range rows {
				if seen[r["id"]]++; seen[r["id"]] > 1 {
					t.Errorf("sort %q: %s is there twice", sort, r["id"])
				}
				if r["name"] == "Ada" {
					old++
				}
				if r["status.stage"] != "New" || r["status.temperature"] != "Cold" || r["name"] == "" {
					t.Fatalf("half a lead: %v", r)
				}
			}
			if old != 5001 {
				t.Errorf("sort %q: %d of 5001 leads", sort, old)
			}
		}
		close(stop)
		writing.Wait()
	})
}

// Leads that together are too large to be held are read in pieces, in both directions.
func TestLargeLeads(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.copies(w.send(w.who, map[string]any{"name": "Ada", "message": strings.Repeat("x", 20_000)}), 600)
		var orders [][]string
		for _, sort := range []string{"created_at", "-created_at"} {
			_, rows := records(t, w.export(w.who, Query{Query: lead.Query{Sort: sort}}))
			var ids []string
			for _, r := range rows {
				ids = append(ids, r["id"])
				if len(r["message"]) != 20_000 || r["status.stage"] != "New" || r["status.temperature"] != "Cold" {
					t.Fatalf("half a lead: %.500v", r)
				}
			}
			orders = append(orders, ids)
		}
		slices.Reverse(orders[1])
		if len(orders[0]) != 601 || !slices.Equal(orders[0], orders[1]) {
			t.Errorf("%d and %d leads, which are not the same", len(orders[0]), len(orders[1]))
		}
		slices.Sort(orders[0])
		if n := len(slices.Compact(orders[0])); n != 601 {
			t.Errorf("only %d different leads", n)
		}
	})
}

func TestXLSXHasALimitOfRows(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.svc.maxRows = 4
		for _, name := range []string{"Ada", "Bob", "Cleo"} {
			w.send(w.who, map[string]any{"name": name})
		}
		q := Query{Query: lead.Query{Entity: w.e.Slug}, Format: XLSX}
		x, err := w.svc.Export(t.Context(), w.who, q)
		if err != nil {
			t.Fatalf("as many as there may be: %v", err)
		}
		w.send(w.who, map[string]any{"name": "Late"})
		if err := x.Write(t.Context(), io.Discard); err == nil {
			t.Error("more leads than were counted make a whole file")
		}
		x.Close()
		if _, err := w.svc.Export(t.Context(), w.who, q); errs.CodeOf(err) != errs.ValidationFailed || errs.As(err).Fields[0].Code != "too_many_rows" {
			t.Errorf("too many: %v", err)
		}
		q.Filter = `name contains "o"` // Bob, Cleo
		if _, rows := sheet(t, w.export(w.who, q)); len(rows) != 2 {
			t.Errorf("%d rows", len(rows))
		}
		q.Format, q.Filter = CSV, ""
		if _, rows := records(t, w.export(w.who, q)); len(rows) != 4 {
			t.Errorf("CSV has %d rows", len(rows))
		}
	})
}

// Members are asked for once, also those who are none any more.
func TestPeopleAreAskedForOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	eve := w.member("eve@example.com", "Eve")
	one := w.send(w.who, map[string]any{"name": "Ada", "assignee": eve.String()})
	w.copies(one, 500)
	w.exec(`DELETE FROM memberships WHERE person_id = $1`, eve)
	before := w.db.Queries()
	_, rows := records(t, w.export(w.who, Query{}))
	if n := w.db.Queries() - before; n > 12 || len(rows) != 501 || rows[0]["assignee"] != "" {
		t.Errorf("%d queries for %d leads, of %q", n, len(rows), rows[0]["assignee"])
	}
	if got := slices.Sorted(maps.Keys(rows[0])); len(got) < 20 {
		t.Errorf("%v", got)
	}
}
