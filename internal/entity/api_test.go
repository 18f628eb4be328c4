package entity

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// gate lets everybody in as the principal its test says.
type gate struct{ who *account.Principal }

func (gate) FindKeys(string) []string                             { return nil }
func (gate) Exposed(context.Context, []string, string, api.Facts) {}
func (gate) OriginListed(context.Context, string) (bool, error)   { return false, nil }
func (gate) Observe(api.Call)                                     {}
func (g gate) Authenticate(context.Context, string, api.Facts) (api.Caller, error) {
	who := *g.who
	return api.Caller{
		KeyID: id.New(), Environment: who.Environment.ID, Owner: "family", Held: who.Scopes.Strings(),
		Allows: func(scope string) bool { return who.Scopes.AllowSome(account.Scope(scope)) },
		Enter:  func(ctx context.Context) context.Context { return account.With(ctx, who) },
	}, nil
}

func newAPI(d *db.DB, who *account.Principal) *api.API {
	a := api.New(api.Config{Gate: gate{who}, DB: d, Limiter: api.NewLimiter(d, clock.System{}), Log: slog.New(slog.DiscardHandler), Version: "test"})
	RegisterAPI(a, NewService(d))
	return a
}

func get(t *testing.T, a *api.API, target string, status int) (map[string]any, http.Header) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Authorization", "Bearer key")
	rec := httptest.NewRecorder()
	a.ServeHTTP(rec, r)
	if rec.Code != status {
		t.Fatalf("%s: status %d, want %d: %s", target, rec.Code, status, rec.Body)
	}
	var out map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out, rec.Header()
}

func TestEntitiesOverTheAPI(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 31, 12, 0, 0, 123456000, time.UTC)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		who := newAccount(t, d, "Acme")
		e := insert(t, d, who.Account.ID, sample())
		a := newAPI(d, &who)
		got, head := get(t, a, "/api/entities/leads", http.StatusOK)
		if head.Get("ETag") != `"1"` {
			t.Errorf("ETag %q", head.Get("ETag"))
		}
		list, _ := get(t, a, "/api/entities", http.StatusOK)
		if diff := cmp.Diff([]any{got}, list["data"]); diff != "" {
			t.Errorf("a listed entity has another shape (-single +listed):\n%s", diff)
		}
		byID, _ := get(t, a, "/api/entities/"+e.ID.String(), http.StatusOK)
		if diff := cmp.Diff(got, byID); diff != "" {
			t.Error(diff)
		}
		for name, want := range map[string]any{"id": e.ID.String(), "name": "Leads", "slug": "leads", "icon": "users", "created_at": "2026-07-31T12:00:00.123456Z", "updated_at": "2026-07-31T12:00:00.123456Z"} {
			if got[name] != want {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		fields := got["fields"].([]any)
		want := map[string]any{
			"id": e.Fields[5].ID.String(), "key": "budget", "aliases": []any{"old_budget"}, "label": "Budget in euros", "type": "number", "required": false, "default": 10.5,
			"help": "Roughly.", "options": []any{}, "min": 0.0, "max": 1e6, "step": 0.01, "max_length": nil, "max_size": nil, "types": []any{}, "encrypted": false, "indexed": false, "match_key": nil, "position": 5.0,
		}
		if diff := cmp.Diff(want, fields[5]); diff != "" {
			t.Errorf("number field (-want +got):\n%s", diff)
		}
		option := fields[6].(map[string]any)["options"].([]any)[3]
		if diff := cmp.Diff(map[string]any{"key": "old", "label": "Oil", "retired": true}, option); diff != "" {
			t.Error(diff)
		}
		if f := fields[12].(map[string]any); f["country"] != "DE" || f["match_key"] != 1.0 {
			t.Errorf("phone field %v", f)
		}
		pipeline := got["pipelines"].([]any)[0].(map[string]any)
		status := pipeline["statuses"].([]any)[0]
		wantStatus := map[string]any{"id": e.Pipelines[0].Statuses[0].ID.String(), "name": "New", "color": "blue", "default": true, "position": 0.0}
		if diff := cmp.Diff(wantStatus, status); diff != "" || pipeline["slug"] != "stage" || pipeline["name"] != "Stage" || pipeline["position"] != 0.0 {
			t.Errorf("pipeline %v\n%s", pipeline, diff)
		}
		for _, target := range []string{"/api/entities/nothing", "/api/entities/" + id.New().String(), "/api/entities/%20"} {
			get(t, a, target, http.StatusNotFound)
		}
		who.Scopes = account.Scopes{"leads:read"}
		get(t, a, "/api/entities", http.StatusForbidden)
		get(t, a, "/api/entities/leads", http.StatusForbidden)
	}, dbtest.Clock(clock.NewFake(now)))
}

func TestAnAccountWithoutEntities(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	who := newAccount(t, d, "Acme")
	got, _ := get(t, newAPI(d, &who), "/api/entities", http.StatusOK)
	if diff := cmp.Diff(map[string]any{"data": []any{}}, got); diff != "" {
		t.Error(diff)
	}
}
