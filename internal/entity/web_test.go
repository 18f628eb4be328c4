package entity

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/web"
)

func TestEntityPages(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	who := newAccount(t, d, "Acme")
	who.Environment.Slug = "production"
	insert(t, d, who.Account.ID, sample())
	mux := http.NewServeMux()
	Routes(mux, &web.Site{Log: slog.New(slog.DiscardHandler), Shell: func(*http.Request, string) (web.Shell, error) { return web.Shell{}, nil }}, NewService(d))
	open := func(target string) (int, string) {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, r.WithContext(account.With(r.Context(), who)))
		return rec.Code, rec.Body.String()
	}
	for target, wants := range map[string][]string{
		"/app/acme/production/entities":       {"/app/acme/production/entities/leads", "16 fields", "2 pipelines"},
		"/app/acme/production/entities/leads": {"Budget in euros", "budget", "number", "at least 0, at most 1000000, in steps of 0.01", "default 10.50", "required, one of: Solar panels, Heat pump, Two", "status:temperature", "Qualified", "at most 5 characters", "indexed", "match key 1", "default DE, encrypted", "at most 1000 bytes, one of: application/pdf, image/*"},
	} {
		status, body := open(target)
		if status != http.StatusOK {
			t.Errorf("%s: %d", target, status)
		}
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s does not have %q", target, want)
			}
		}
	}
	if status, _ := open("/app/acme/production/entities/nothing"); status != http.StatusNotFound {
		t.Errorf("a missing entity: %d", status)
	}
	who.Scopes = account.Scopes{}
	if status, body := open("/app/acme/production/entities"); status != http.StatusForbidden || strings.Contains(body, "leads") {
		t.Errorf("without the right: %d", status)
	}
}
