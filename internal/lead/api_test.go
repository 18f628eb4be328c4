package lead

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// gate lets everybody in as the principal its test says.
type gate struct{ who func() account.Principal }

func (gate) FindKeys(string) []string                             { return nil }
func (gate) Exposed(context.Context, []string, string, api.Facts) {}
func (gate) OriginListed(context.Context, string) (bool, error)   { return false, nil }
func (gate) Observe(api.Call)                                     {}
func (g gate) Authenticate(context.Context, string, api.Facts) (api.Caller, error) {
	who := g.who()
	return api.Caller{
		KeyID: who.Key.ID, Environment: who.Environment.ID, Owner: who.Key.ID.String(), Held: who.Scopes.Strings(),
		Allows: func(scope string) bool { return who.Scopes.AllowSome(account.Scope(scope)) },
		Enter:  func(ctx context.Context) context.Context { return account.With(ctx, who) },
	}, nil
}

// door is a world behind its API.
type door struct {
	*world
	api *api.API
}

func newDoor(t *testing.T, d *db.DB) *door {
	t.Helper()
	w := &door{world: newWorld(t, d)}
	w.api = api.New(api.Config{Gate: gate{func() account.Principal { return w.who }}, DB: d, Limiter: api.NewLimiter(d, clock.System{}), Log: slog.New(slog.DiscardHandler), Version: "test"})
	RegisterAPI(w.api, w.svc)
	return w
}

// do sends a request; header is "name: value" lines.
func (w *door) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer key")
	r.Header.Set("Content-Type", "application/json")
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	return rec
}

func decode(t *testing.T, rec *httptest.ResponseRecorder, status int) map[string]any {
	t.Helper()
	if rec.Code != status {
		t.Fatalf("status %d, want %d: %s", rec.Code, status, rec.Body)
	}
	dec := json.NewDecoder(bytes.NewReader(rec.Body.Bytes()))
	dec.UseNumber()
	var out map[string]any
	if err := dec.Decode(&out); err != nil {
		t.Fatalf("%v: %s", err, rec.Body)
	}
	return out
}

func TestIntakeOverTheAPI(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newDoor(t, d)
		got := decode(t, w.do("POST", "/api/intake", `{"entity":"solar_leads","name":"Ada","budget":12.50,"zip":"007"}`), http.StatusOK)
		lead, _ := got["lead_id"].(string)
		if _, err := id.Parse(lead); err != nil {
			t.Errorf("lead_id %v", got["lead_id"])
		}
		delete(got, "lead_id")
		want := map[string]any{"status": "success", "created_at": "2026-07-31T12:00:00.000000Z", "action": "created", "warnings": []any{
			map[string]any{"name": "zip", "code": "unknown_field", "detail": "The entity Solar leads has no field of this name, so the value was kept under unmapped."}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}

		rec := w.do("GET", "/api/leads/"+lead, "")
		got = decode(t, rec, http.StatusOK)
		stage, warm := w.e.Pipelines[0].Statuses[0].ID.String(), w.e.Pipelines[1].Statuses[1].ID.String()
		want = map[string]any{
			"id": lead, "entity": "solar_leads", "source": "api", "created_at": "2026-07-31T12:00:00.000000Z", "updated_at": "2026-07-31T12:00:00.000000Z", "assignee": nil, "viewers": []any{},
			"status": map[string]any{
				"stage":       map[string]any{"id": stage, "name": "New", "since": "2026-07-31T12:00:00.000000Z"},
				"temperature": map[string]any{"id": warm, "name": "Warm", "since": "2026-07-31T12:00:00.000000Z"},
			},
			"fields": map[string]any{"name": "Ada", "email": nil, "phone": nil, "message": nil, "budget": json.Number("12.50"), "place": nil, "wishes": nil, "newsletter": false,
				"moves_on": nil, "call_at": nil, "site": nil, "city": nil},
			"unmapped": map[string]any{"zip": "007"}, "environment": "production",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("lead (-want +got):\n%s", diff)
		}
		if etag := rec.Header().Get("ETag"); etag != `"1"` {
			t.Errorf("ETag %q", etag)
		}
		if body := rec.Body.String(); strings.Index(body, `"name"`) > strings.Index(body, `"email"`) {
			t.Errorf("fields are not in their order: %s", body)
		}
	}, dbtest.Clock(clock.NewFake(noon)))
}

func TestIntakeTakesForms(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	decode(t, w.do("POST", "/api/intake", "entity=solar_leads&name=Ada", "Content-Type: application/x-www-form-urlencoded"), http.StatusOK)
	decode(t, w.do("POST", "/api/intake", part(`name="entity"`, "solar_leads")+"--XX--\r\n", "Content-Type: "+boundary), http.StatusOK)
	for status, c := range map[int][2]string{
		http.StatusUnsupportedMediaType: {"entity=x", "text/plain"},
		http.StatusBadRequest:           {"a=%zz", "application/x-www-form-urlencoded"},
		http.StatusUnprocessableEntity:  {part(`name="cv"; filename="x"`, "") + "--XX--\r\n", boundary},
	} {
		decode(t, w.do("POST", "/api/intake", c[0], "Content-Type: "+c[1]), status)
	}
	if n := w.count("leads"); n != 2 {
		t.Errorf("%d leads", n)
	}
}

func TestIntakeRefusalsOverTheAPI(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	w.newEntity(w.who, strict())
	w.who.Scopes = account.Scopes{"leads.solar_leads:write"}
	for name, c := range map[string]struct {
		query, body string
		status      int
		code        string
		pointers    string
	}{
		"bad JSON":      {"", `{"entity"`, 400, "invalid_json", ""},
		"duplicate":     {"", `{"a":1,"a":2}`, 400, "invalid_json", ""},
		"no body":       {"", ``, 400, "invalid_json", ""},
		"a list":        {"", `[]`, 422, "validation_failed", ""},
		"wrong values":  {"", `{"entity":"solar_leads","email":"nope","budget":"x"}`, 422, "validation_failed", "/email invalid_email, /budget not_a_number"},
		"strict":        {"?strict=true", `{"entity":"solar_leads","zip":1}`, 422, "validation_failed", "/zip unknown_field"},
		"other entity":  {"", `{"entity":"strict"}`, 403, "insufficient_scope", ""},
		"unknown query": {"?stict=true", `{"entity":"solar_leads"}`, 422, "validation_failed", ""},
	} {
		rec := w.do("POST", "/api/intake"+c.query, c.body)
		got := decode(t, rec, c.status)
		if got["code"] != c.code {
			t.Errorf("%s: %v", name, got)
		}
		if c.pointers == "" {
			continue
		}
		var pointers []string
		for _, e := range got["errors"].([]any) {
			e := e.(map[string]any)
			pointer, _ := e["pointer"].(string)
			pointers = append(pointers, pointer+" "+e["code"].(string))
		}
		if diff := cmp.Diff(c.pointers, strings.Join(pointers, ", ")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if n := w.count("leads"); n != 0 {
		t.Errorf("%d leads were stored", n)
	}
}

func TestDryRunOverTheAPI(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	got := decode(t, w.do("POST", "/api/intake?dry_run=true", `{"entity":"solar_leads"}`), http.StatusOK)
	if diff := cmp.Diff(map[string]any{"status": "success", "action": "created", "dry_run": true}, got); diff != "" {
		t.Error(diff)
	}
	if n := w.count("leads"); n != 0 {
		t.Errorf("%d leads were stored", n)
	}
}

func TestTheSameCallTwiceMakesOneLead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newDoor(t, d)
		body := `{"entity":"solar_leads","name":"Ada <3","zip":1}`
		first := w.do("POST", "/api/intake", body, "Idempotency-Key: abc")
		second := w.do("POST", "/api/intake", body, "Idempotency-Key: abc")
		if diff := cmp.Diff(decode(t, first, 200), decode(t, second, 200)); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
		if first.Header().Get("Idempotency-Replayed") != "" || second.Header().Get("Idempotency-Replayed") != "true" {
			t.Errorf("replayed %q, then %q", first.Header().Get("Idempotency-Replayed"), second.Header().Get("Idempotency-Replayed"))
		}
		decode(t, w.do("POST", "/api/intake", `{"entity":"solar_leads"}`, "Idempotency-Key: abc"), 422)
		if n := w.count("leads"); n != 1 {
			t.Errorf("%d leads", n)
		}
		decode(t, w.do("POST", "/api/intake?dry_run=true", body, "Idempotency-Key: dry"), 200)
		decode(t, w.do("POST", "/api/intake?dry_run=true", body, "Idempotency-Key: dry"), 200)
		decode(t, w.do("POST", "/api/intake", `{"entity":"solar_leads","email":"x"}`, "Idempotency-Key: wrong"), 422)
		if n := w.count("idempotency"); n != 1 {
			t.Errorf("%d answers are kept, want the executed one alone", n)
		}
	})
}

func TestListOverTheAPI(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newDoor(t, d)
		for range 3 {
			w.mustSend(w.who, `{"entity":"solar_leads"}`)
		}
		var ids []string
		pages := 0
		for target := "/api/leads?entity=solar_leads&limit=2"; target != ""; pages++ {
			rec := w.do("GET", target, "")
			got := decode(t, rec, http.StatusOK)
			for _, l := range got["data"].([]any) {
				ids = append(ids, l.(map[string]any)["id"].(string))
			}
			link := rec.Header().Get("Link")
			if (got["next_cursor"] == nil) != (link == "") {
				t.Errorf("next_cursor %v, Link %q", got["next_cursor"], link)
			}
			target = ""
			if link != "" {
				var ok bool
				if target, ok = strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`); !ok {
					t.Fatalf("Link %q", link)
				}
			}
		}
		if len(ids) != 3 || pages != 2 || ids[0] == ids[1] || ids[1] == ids[2] {
			t.Errorf("%d pages with %v", pages, ids)
		}
		single := decode(t, w.do("GET", "/api/leads/"+ids[0], ""), http.StatusOK)
		first := decode(t, w.do("GET", "/api/leads?entity=solar_leads&limit=1", ""), http.StatusOK)["data"].([]any)[0]
		if diff := cmp.Diff(single, first.(map[string]any)); diff != "" {
			t.Errorf("a listed lead has another shape (-single +listed):\n%s", diff)
		}
		if got := decode(t, w.do("GET", "/api/leads?entity="+w.e.ID.String(), ""), 200)["data"].([]any); len(got) != 3 {
			t.Errorf("by the entity's id: %d", len(got))
		}
	})
}

func TestListAndGetRefusals(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	lead := w.mustSend(w.who, `{"entity":"solar_leads"}`).LeadID.String()
	for target, want := range map[string][2]any{
		"/api/leads":                                      {422, "validation_failed"},
		"/api/leads?entity=nothing":                       {422, "validation_failed"},
		"/api/leads?entity=solar_leads&limit=0":           {422, "validation_failed"},
		"/api/leads?entity=solar_leads&limit=201":         {422, "validation_failed"},
		"/api/leads?entity=solar_leads&cursor=x":          {400, "invalid_cursor"},
		"/api/leads?entity=solar_leads&colour=red":        {422, "validation_failed"},
		"/api/leads/" + id.New().String():                 {404, "not_found"},
		"/api/leads/solar":                                {404, "not_found"},
		"/api/leads/" + strings.ReplaceAll(lead, "-", ""): {404, "not_found"},
	} {
		got := decode(t, w.do("GET", target, ""), want[0].(int))
		if got["code"] != want[1] {
			t.Errorf("%s: %v", target, got)
		}
		if fields, ok := got["errors"].([]any); want[0] == 422 && (!ok || fields[0].(map[string]any)["parameter"] == nil) {
			t.Errorf("%s: no parameter in %v", target, got)
		}
	}
	w.who.Scopes = account.Scopes{"leads:write"}
	decode(t, w.do("GET", "/api/leads/"+lead, ""), 403)
	decode(t, w.do("GET", "/api/leads?entity=solar_leads", ""), 403)
}

func TestTheDocumentDescribesIntake(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	var doc struct {
		Components struct {
			Schemas map[string]struct {
				Required   []string
				Properties map[string]any
			}
		}
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					}
				}
			}
			Parameters []struct{ Name string }
		}
	}
	if err := json.Unmarshal(w.api.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	op := doc.Paths["/api/intake"]["post"]
	var media []string
	for m, c := range op.RequestBody.Content {
		media = append(media, m)
		if s := doc.Components.Schemas[strings.TrimPrefix(c.Schema.Ref, "#/components/schemas/")]; len(s.Required) != 1 || s.Properties["status:stage"] == nil {
			t.Errorf("%s: %s %+v", m, c.Schema.Ref, s)
		}
	}
	if len(media) != 3 {
		t.Errorf("bodies %v", media)
	}
	for _, p := range op.Parameters {
		if p.Name == "Content-Type" {
			t.Error("Content-Type is listed as a parameter")
		}
	}
}
