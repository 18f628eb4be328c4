package lead

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// A kept answer comes back as it was, and holds nothing in clear that is encrypted in
// the lead.
func TestKeptAnswersAreEncrypted(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	w.e = w.newEntity(w.who, funnel())
	const canary = "Zanzibar-Syndrome"
	lead := w.mustSend(w.who, `{"entity":"funnel","name":"Ada"}`).LeadID.String()
	change := `{"fields":{"diagnosis":"` + canary + `"}}`
	first := w.do("PATCH", "/api/leads/"+lead, change, "Idempotency-Key: abc")
	second := w.do("PATCH", "/api/leads/"+lead, change, "Idempotency-Key: abc")
	if first.Code != http.StatusOK || !strings.Contains(first.Body.String(), canary) || !bytes.Equal(first.Body.Bytes(), second.Body.Bytes()) || second.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %s, then %d %s", first.Code, first.Body, second.Code, second.Body)
	}
	for _, file := range []string{w.db.Path(), w.db.Path() + "-wal"} {
		content, err := os.ReadFile(file)
		if err != nil || bytes.Contains(content, []byte(canary)) {
			t.Errorf("%s holds the value, %v", file, err)
		}
	}
}

func TestBulkOverTheAPI(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newDoor(t, d)
		w.e = w.newEntity(w.who, funnel())
		body := `{"entity":"funnel","batch":[{"email":"a@example.com","x":1},{"email":"?"},{"email":"A@example.com"}]}`
		got := decode(t, w.do("POST", "/api/leads/bulk", body, "Idempotency-Key: abc"), http.StatusOK)
		created := got["created"].([]any)[0].(map[string]any)
		id := created["lead_id"]
		want := map[string]any{"status": "success", "created": []any{map[string]any{"index": n(0), "lead_id": id, "email": "a@example.com"}}, "updated": []any{},
			"skipped":  []any{map[string]any{"index": n(2), "lead_id": id, "email": "A@example.com", "duplicate_of": id}},
			"errors":   []any{map[string]any{"index": n(1), "errors": []any{map[string]any{"pointer": "/email", "code": "invalid_email", "detail": "Email: This is not an e-mail address; it should be like name@example.com."}}}},
			"warnings": []any{map[string]any{"index": n(0), "warnings": []any{map[string]any{"name": "x", "code": "unknown_field", "detail": "The entity Funnel has no field of this name, so the value was kept under unmapped."}}}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		again := w.do("POST", "/api/leads/bulk", body, "Idempotency-Key: abc")
		if diff := cmp.Diff(want, decode(t, again, 200)); diff != "" || again.Header().Get("Idempotency-Replayed") != "true" || w.count("leads") != 1 {
			t.Errorf("again: %s", diff)
		}
		decode(t, w.do("POST", "/api/leads/bulk?atomic=true", body), http.StatusUnprocessableEntity)
		dry := decode(t, w.do("POST", "/api/leads/bulk?dry_run=true", `{"entity":"funnel","batch":[{"name":"a"}]}`), 200)
		if dry["dry_run"] != true || w.count("leads") != 1 {
			t.Errorf("%v", dry)
		}
		decode(t, w.do("POST", "/api/leads/bulk", manyRows(1000)), http.StatusOK)
		if c := w.count("leads"); c != 1001 {
			t.Errorf("%d leads", c)
		}
	})
}

func n(i int) any { return json.Number(fmt.Sprint(i)) }
