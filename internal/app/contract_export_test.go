package app

import (
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

var exported = newRequest(http.MethodGet, "/api/leads/export?entity=leads")

// manyLeads are more bytes than the sockets between a server and a reader hold, so that
// an export of them waits for its reader.
const (
	manyLeads = 1500
	manyBytes = manyLeads * 16 << 10
)

func (i *instance) manyLeads() {
	i.t.Helper()
	of := i.lead(i.acme.production)
	unmapped := `{"page":"` + strings.Repeat("x", 16<<10) + `"}`
	i.must(i.app.db.Update(context.Background(), func(ctx context.Context, tx *db.Tx) error {
		for n := range manyLeads {
			if _, err := tx.Exec(ctx, `INSERT INTO leads (environment_id, id, entity_id, version, created_at, updated_at, source, created_by_kind, created_by_name, data, sealed, unmapped, search)
				SELECT environment_id, $1, entity_id, version, $2, $2, source, created_by_kind, created_by_name, data, sealed, $3, search FROM leads WHERE environment_id = $4 AND id = $5`,
				id.New(), n+1, unmapped, i.acme.production.Environment.ID, of); err != nil {
				return err
			}
		}
		return nil
	}))
}

// begin begins an export, and reads a little of it.
func (i *instance) begin(r request) *http.Response {
	i.t.Helper()
	req, err := http.NewRequest(r.method, i.url+r.target, nil)
	i.must(err)
	req.Header = r.header
	resp, err := i.client.Do(req)
	i.must(err)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-store" {
		i.t.Fatalf("%s: %d %v", r, resp.StatusCode, resp.Header)
	}
	_, err = io.ReadFull(resp.Body, make([]byte, 100))
	i.must(err)
	i.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// TestExports: the file is whole, named and of the type that was asked for.
func TestExports(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "leads:export")
		lead := i.lead(i.acme.production)
		for query, want := range map[string]string{
			"": "text/csv; charset=utf-8; header=present", "format=csv": "text/csv; charset=utf-8; header=present", "format=jsonl": "application/x-ndjson",
			"format=xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		} {
			a := i.send(exported.query(query).by(caller))
			if a.status != http.StatusOK || a.header.Get("Content-Type") != want || !strings.HasPrefix(a.header.Get("Content-Disposition"), `attachment; filename="leads-production-2`) {
				t.Errorf("%s: %s %v", query, a, a.header)
			}
			if want[0] == 't' {
				if rows, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll(); err != nil || len(rows) != 2 || rows[1][0] != lead {
					t.Errorf("%s: %v %v", query, rows, err)
				}
			}
			if a := i.send(request{method: http.MethodHead, target: exported.target, header: http.Header{}}.query(query).by(caller)); a.status != http.StatusOK || a.header.Get("Content-Type") != want {
				t.Errorf("the head of %s: %s %v", query, a, a.header)
			}
		}
		for accept, want := range map[string]int{"text/csv": 200, "text/*": 200, "*/*": 200, "application/json": 406, "application/x-ndjson": 406} {
			if a := i.send(exported.by(caller).with("Accept", accept)); a.status != want {
				t.Errorf("Accept: %s: %s", accept, a)
			}
		}
		if a := i.send(exported.query("format=jsonl").by(caller).with("Accept", "application/x-ndjson")); a.status != http.StatusOK {
			t.Error(a)
		}
		for query, at := range map[string]string{"format=pdf": "format", "header=none": "header", "format=jsonl&header=labels": "header", "format=xlsx&bom=true": "bom", "filter=name": "filter", "fields=nothing": "fields"} {
			a := i.send(exported.query(query).by(caller))
			if wrong, _ := a.json()["errors"].([]any); a.status != http.StatusUnprocessableEntity || len(wrong) != 1 || wrong[0].(map[string]any)["parameter"] != at {
				t.Errorf("%s: %s", query, a)
			}
		}
		i.quiet()
		if n := i.one(`SELECT COUNT(*) FROM audit_log WHERE action = 'lead.export' AND object_name = 'Leads'`); n != "12" {
			t.Errorf("%s exports are in the audit log", n)
		}
	})
}

// TestAnExportEndsWithItsKey: its reader sees that the file is not whole. A key may have
// some exports under way and no more.
func TestAnExportEndsWithItsKey(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		i.manyLeads()
		_, admin := i.key(i.acme.production, "*")
		for _, c := range []struct{ name, method, path, body string }{
			{"revoked", http.MethodPost, "/revoke", ""},
			{"disabled", http.MethodPost, "/disable", ""},
			{"without the scope", http.MethodPatch, "", `{"scopes":["leads:read"]}`},
			{"narrowed to another entity", http.MethodPatch, "", `{"scopes":["leads.solar:export"]}`},
		} {
			k, caller := i.key(i.acme.production, "leads:export")
			resp := i.begin(exported.by(caller))
			r := newRequest(c.method, "/api/keys/"+k.ID.String()+c.path).by(admin)
			if c.body != "" {
				r = r.sending(mediaJSON, c.body)
			}
			if a := i.send(r); a.status >= 300 {
				t.Fatal(a)
			}
			i.quiet() // although nobody reads
			n, err := io.Copy(io.Discard, resp.Body)
			if err == nil || n >= manyBytes {
				t.Errorf("%s: the reader gets %d bytes and %v", c.name, n, err)
			}
		}

		_, caller := i.key(i.acme.production, "leads:export")
		var open []*http.Response
		for range api.ExportsPerKey {
			open = append(open, i.begin(exported.by(caller)))
		}
		if a := i.send(exported.by(caller)); a.code() != string(errs.TooManyExports) {
			t.Errorf("one too many: %s", a)
		}
		_ = open[0].Body.Close() // the reader went away
		var last *http.Response
		for begun := time.Now(); last == nil; time.Sleep(10 * time.Millisecond) {
			if a := i.send(exported.query("fields=name").by(caller)); a.status == http.StatusOK {
				last = open[1]
			} else if time.Since(begun) > streamHang {
				t.Fatalf("with one gone: %s", a)
			}
		}
		if n, err := io.Copy(io.Discard, last.Body); err != nil || n < manyBytes {
			t.Errorf("whoever reads to the end gets %d bytes and %v", n, err)
		}
		i.app.Transfer.Stop()
		if n, err := io.Copy(io.Discard, open[2].Body); err == nil {
			t.Errorf("when the server stops the reader gets %d bytes and no error", n)
		}
	})
}
