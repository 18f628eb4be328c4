package app

import (
	"net/http"
	"strings"
	"testing"
)

// A stored answer holds no value of an encrypted field in clear, and still is replayed
// to the byte. A row that was moved to another call is not opened.
func TestStoredAnswersHoldNoEncryptedValue(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		post := func(path, body string) answer {
			return i.send(newRequest(http.MethodPost, path).sending(mediaJSON, body).by(caller))
		}
		if a := post("/api/entities", `{"name":"Patients","slug":"patients","fields":[{"key":"name","label":"Name","type":"text"},{"key":"diagnosis","label":"Diagnosis","type":"text","encrypted":true}]}`); a.status != http.StatusCreated {
			t.Fatal(a)
		}
		lead := post("/api/intake", `{"entity":"patients","name":"Ada"}`).text("lead_id")
		calls := []request{
			newRequest(http.MethodPatch, "/api/leads/"+lead).sending(mediaJSON, `{"fields":{"diagnosis":"`+canary+`"}}`),
			newRequest(http.MethodPatch, "/api/leads/"+lead).sending(mediaJSON, `{"fields":{"name":"Ada Lovelace"}}`),
			newRequest(http.MethodPost, "/api/leads/"+lead+"/restore"),
		}
		for n, r := range calls {
			r = r.by(caller).with("Idempotency-Key", "sealed-"+string(rune('a'+n)))
			first := i.send(r)
			again := i.send(r)
			if first.status != http.StatusOK || !strings.Contains(string(first.body), canary) || string(again.body) != string(first.body) || again.header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("%d: first %s\nthen %s", n, first, again)
			}
		}
		rows := 0
		for _, table := range i.tableNames() {
			i.each(`SELECT * FROM `+table, func(columns []string, values []any) {
				for n, v := range values {
					if strings.Contains(asText(v), canary) {
						t.Errorf("%s.%s holds an encrypted value: %s", table, columns[n], asText(v))
					}
				}
				if table == "idempotency" {
					rows++
				}
			})
		}
		if rows != len(calls) {
			t.Errorf("%d answers are stored", rows)
		}
		i.change(`UPDATE idempotency SET body = (SELECT body FROM idempotency WHERE idempotency_key = 'sealed-a') WHERE idempotency_key = 'sealed-b'`)
		if a := i.send(calls[1].by(caller).with("Idempotency-Key", "sealed-b")); a.status != http.StatusInternalServerError || strings.Contains(string(a.body), canary) {
			t.Errorf("an answer that was moved: %s", a)
		}
	})
}
