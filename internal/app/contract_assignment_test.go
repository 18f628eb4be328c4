package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// serverOwned are names that an answer shows or a table has, and no caller may set:
// every column of the tables behind the API, and what answers call them.
func (i *instance) serverOwned() []string {
	names := map[string]bool{}
	for _, table := range []string{"leads", "lead_statuses", "lead_notes", "lead_values", "lead_viewers", "entities", "fields", "pipelines", "statuses", "api_keys", "events"} {
		i.each(`SELECT * FROM `+table, func(columns []string, _ []any) {
			for _, c := range columns {
				names[c] = true
			}
		})
	}
	for _, name := range []string{"account", "environment", "created_by", "aliases", "ETag", "__proto__", "constructor"} {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// TestMassAssignment sends every name that the server owns in every write. What an
// operation does not take is refused, and nothing is touched.
func TestMassAssignment(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		i.send(once(newRequest(http.MethodPost, "/api/leads/"+i.lead(i.acme.production)+"/notes").sending(mediaJSON, `{"text":"so that there is one"}`).by(caller), "note"))
		names := i.serverOwned()
		if len(names) < 40 {
			t.Fatalf("only %d names: %v", len(names), names)
		}
		sent := 0
		for _, op := range i.doc.operations {
			if op.RequestBody == nil || op.path == "/api/intake" || op.path == "/api/leads/bulk" {
				continue
			}
			r := i.example(op, i.acme.production).by(caller)
			var body map[string]any
			if err := json.Unmarshal([]byte(r.body), &body); err != nil {
				t.Fatalf("%s: %s", op, r.body)
			}
			taken := i.doc.resolve(op.RequestBody.Content[mediaJSON].Schema).properties()
			i.untouched(op.String(), func() {
				for _, name := range names {
					if _, ok := taken[name]; ok {
						continue
					}
					with := maps.Clone(body)
					with[name] = "01a2151c-0000-7000-8000-000000000000"
					text, err := json.Marshal(with)
					i.must(err)
					a := i.send(r.sending(mediaJSON, string(text)))
					if a.status != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), `"/`+name+`"`) {
						t.Errorf("%s with %q: %s", op, name, a)
					}
					sent++
				}
			})
		}
		if sent < 500 {
			t.Errorf("only %d bodies were sent", sent)
		}
		lead := i.object("leads", i.acme.production)
		i.untouched("values of a lead", func() {
			for _, name := range names {
				a := i.send(newRequest(http.MethodPatch, "/api/leads/"+lead).sending(mediaJSON, fmt.Sprintf(`{"fields":{%q:{"x":1}}}`, name)).by(caller))
				if a.status != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), `"/fields/`+name+`"`) {
					t.Errorf("%s among the fields: %s", name, a)
				}
			}
		})
		i.keptAsUnmapped(caller, names)
	})
}

// keptAsUnmapped sends all names in the two doors that keep what they do not know: they
// are stored as unmapped, with a warning each, and nowhere else.
func (i *instance) keptAsUnmapped(caller string, names []string) {
	i.t.Helper()
	const marker = "01a2151c-0000-7000-8000-000000000000"
	row := map[string]any{}
	for _, name := range names {
		if !slices.Contains([]string{"assignee", "viewers", "note", "notes", "source", "name", "email", "phone", "company", "message"}, name) {
			row[name] = marker
		}
	}
	text, err := json.Marshal(row)
	i.must(err)
	single := append([]byte(`{"entity":"leads",`), text[1:]...)
	one := i.send(newRequest(http.MethodPost, "/api/intake").sending(mediaJSON, string(single)).by(caller))
	many := i.send(newRequest(http.MethodPost, "/api/leads/bulk").sending(mediaJSON, `{"entity":"leads","batch":[`+string(text)+`]}`).by(caller))
	var inBulk struct {
		Created []struct {
			LeadID string `json:"lead_id"`
		}
	}
	if err := json.Unmarshal(many.body, &inBulk); err != nil || len(inBulk.Created) != 1 {
		i.t.Fatalf("%s", many)
	}
	for lead, a := range map[string]answer{one.text("lead_id"): one, inBulk.Created[0].LeadID: many} {
		for name := range row {
			if !strings.Contains(string(a.body), fmt.Sprintf(`"name":%q`, name)) {
				i.t.Errorf("there is no warning of %s: %s", name, a)
			}
		}
		unmapped, _ := i.send(newRequest(http.MethodGet, "/api/leads/"+lead).by(caller)).json()["unmapped"].(map[string]any)
		if len(unmapped) != len(row) {
			i.t.Errorf("%d of %d names were kept", len(unmapped), len(row))
		}
		found := 0
		i.each(`SELECT * FROM leads WHERE id = $1`, func(columns []string, values []any) {
			for n, v := range values {
				if found++; columns[n] != "unmapped" && strings.Contains(asText(v), marker) {
					i.t.Errorf("the column %s was written", columns[n])
				}
			}
		}, lead)
		if found == 0 {
			i.t.Errorf("the lead %s is not there", lead)
		}
	}
}
