package lead

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// browser is a world behind its pages, with somebody logged in.
type browser struct {
	*world
	mux   http.Handler
	base  string
	clock *clock.Fake
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	c := clock.NewFake(noon)
	w := newWorld(t, dbtest.SQLite(t, dbtest.Clock(c)))
	mux := http.NewServeMux()
	site := &web.Site{Log: slog.New(slog.DiscardHandler), Shell: func(*http.Request, string) (web.Shell, error) { return web.Shell{}, nil }}
	Routes(mux, site, w.svc)
	edge := &httpd.Edge{Log: slog.New(slog.DiscardHandler), Base: "https://leads.example.com"}
	return &browser{w, edge.Wrap(mux), "/app/" + w.who.Account.Slug + "/production/leads", c}
}

func (b *browser) open(who account.Principal, target string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r = r.WithContext(account.With(r.Context(), who))
	rec := httptest.NewRecorder()
	b.mux.ServeHTTP(rec, r)
	return rec
}

func (b *browser) page(target string) string {
	b.t.Helper()
	rec := b.open(b.who, target)
	if rec.Code != http.StatusOK {
		b.t.Fatalf("%s: status %d", target, rec.Code)
	}
	body := rec.Body.String()
	if bad := regexp.MustCompile(` style=| on[a-z]+=|javascript:`).FindString(body); bad != "" {
		b.t.Errorf("%s has %q, which the content security policy forbids", target, bad)
	}
	return body
}

func has(t *testing.T, body string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
}

func hasNot(t *testing.T, body string, not ...string) {
	t.Helper()
	for _, s := range not {
		if strings.Contains(body, s) {
			t.Errorf("the page has %q", s)
		}
	}
}

func TestLeadsLeadsToTheFirstEntity(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	b.clock.Advance(time.Millisecond)
	b.newEntity(b.who, strict())
	rec := b.open(b.who, b.base)
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != b.base+"/solar_leads" {
		t.Errorf("%d to %q", rec.Code, rec.Header().Get("Location"))
	}
	if rec := b.open(b.newAccount("Empty"), b.base); rec.Code != http.StatusNotFound {
		t.Errorf("an account without entities: %d", rec.Code)
	}
}

func TestTheListShowsLeads(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	r := b.mustSend(b.who, `{"entity":"solar_leads","name":"<script>alert(1)</script>","email":"ada@example.com","phone":"+49 30 123456","source":"website","status:stage":"won"}`)
	body := b.page(b.base + "/solar_leads")
	has(t, body, "&lt;script&gt;alert(1)", "ada@example.com", "030 123456", "Won", "Warm", "website", "Website form", "just now",
		b.base+"/solar_leads/"+r.LeadID.String(), `data-refresh-on="lead.created lead.updated lead.deleted lead.restored"`, "/rows?limit=50&amp;top="+r.LeadID.String())
	hasNot(t, body, "<script>alert", "No leads yet", "Show more")
}

func TestLongValuesAreShortenedInTheListAlone(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	long := strings.Repeat("ü", 900)
	lead := b.mustSend(b.who, `{"entity":"solar_leads","name":"`+long+`"}`).LeadID.String()
	body := b.page(b.base + "/solar_leads")
	has(t, body, strings.Repeat("ü", 80)+"…")
	hasNot(t, body, strings.Repeat("ü", 81))
	has(t, b.page(b.base+"/solar_leads/"+lead), long)
}

func TestTheEmptyListShowsHowToBegin(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	body := b.page(b.base + "/solar_leads")
	has(t, body, "No leads yet", "https://leads.example.com/api/intake", "/rows?limit=50&amp;top=none", "Ask an owner or admin")
	b.who.Role = account.Owner
	has(t, b.page(b.base+"/solar_leads"), "Create API key", "/settings/api-access/new")
}

func TestTheFirstCallWorks(t *testing.T) {
	t.Parallel()
	many := entity.Entity{Slug: "many", Name: "Many", Pipelines: solar().Pipelines}
	for _, f := range solar().Fields {
		f.Required = true
		many.Fields = append(many.Fields, f)
	}
	for _, e := range []entity.Entity{solar(), strict(), {Slug: "nothing", Name: "Nothing"}, many} {
		call := firstCall(identified(e), "https://leads.example.com")
		body := regexp.MustCompile(`(?s)-d '(.*)'$`).FindStringSubmatch(call)
		if body == nil || !strings.Contains(call, `"https://leads.example.com/api/intake"`) {
			t.Fatalf("%s: %s", e.Name, call)
		}
		got, wrong := matched(t, identified(e), mediaJSON, body[1], true)
		if len(wrong) > 0 || len(got.Warnings) > 0 {
			t.Errorf("%s: %s is answered with %+v %v", e.Name, body[1], wrong, got.Warnings)
		}
	}
}

func TestNewRowsAreAnnounced(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	rows := b.base + "/solar_leads/rows?limit=50&top="
	if body := b.page(rows + "none"); strings.Contains(body, "new lead") || !strings.Contains(body, "No leads yet") {
		t.Errorf("news of nothing: %s", body)
	}
	first := b.mustSend(b.who, `{"entity":"solar_leads","name":"First"}`).LeadID.String()
	has(t, b.page(rows+"none"), "1 new lead: First.", "top=none")
	body := b.page(rows + first)
	hasNot(t, body, "new lead", "<html")
	has(t, body, `<div id="leads"`, "First")
	for _, name := range []string{"Second", "Third"} { // the clock stands still: the id decides
		b.mustSend(b.who, `{"entity":"solar_leads","name":"`+name+`"}`)
	}
	has(t, b.page(rows+"none"), "3 new leads. The newest: ")
	if rec := b.open(b.who, b.base+"/solar_leads/rows?limit=5&top="+first); rec.Code != 200 {
		t.Errorf("status %d", rec.Code)
	}
}

func TestShowMoreThenOlder(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	for i := range 9 {
		b.mustSend(b.who, fmt.Sprintf(`{"entity":"solar_leads","name":"lead %d"}`, i))
	}
	count := func(body string) int { return strings.Count(body, `id="lead-`) }
	list := b.base + "/solar_leads"
	body := b.page(list + "?limit=2")
	has(t, body, "Show more", "?limit=4#lead-")
	if count(body) != 2 {
		t.Errorf("%d rows", count(body))
	}
	p, err := b.svc.List(context.Background(), b.who, Query{Entity: "solar_leads", Limit: 4})
	if err != nil {
		t.Fatal(err)
	}
	body = b.page(list + "?limit=4&cursor=" + p.Next)
	has(t, body, "Back to the newest", "Show older")
	hasNot(t, body, "data-refresh-on")
	if count(body) != 4 {
		t.Errorf("%d rows", count(body))
	}
	for _, strange := range []string{"?limit=0", "?limit=x", "?limit=-1", "?limit=100000"} {
		if n := count(b.page(list + strange)); n != 9 {
			t.Errorf("%s: %d rows", strange, n)
		}
	}
	if rec := b.open(b.who, list+"?cursor=abc"); rec.Code != http.StatusBadRequest {
		t.Errorf("an invented cursor: %d", rec.Code)
	}
}

func TestTheLeadPageShowsEverything(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	r := b.mustSend(b.who, `{"entity":"solar_leads","name":"Ada & Co","email":"ada@example.com","message":"two\nlines","site":"https://example.com/?a=1&b=2","place":"roof","newsletter":true,
		"note":{"text":"<i>call</i>","tag":"urgent"},"utm":{"a":1.50},"zip":"007","source":"fair"}`)
	body := b.page(b.base + "/solar_leads/" + r.LeadID.String())
	has(t, body, "Ada &amp; Co", "mailto:ada@example.com", "two\nlines", `href="https://example.com/?a=1&amp;b=2"`, "On the roof", "Yes", "&lt;i&gt;call", "urgent", "utm", "{&#34;a&#34;:1.50}", "007",
		"Created, source fair", "Website form", "New", "Warm", r.LeadID.String(), "Budget in euros")
	hasNot(t, body, "<i>call")
}

func TestForeignLeadPagesDoNotExist(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	b.newEntity(b.who, strict())
	lead := b.mustSend(b.who, `{"entity":"solar_leads","name":"Mine"}`).LeadID.String()
	staging := b.inEnvironment(b.who, "staging", account.Test)
	for name, c := range map[string]struct {
		who    account.Principal
		target string
	}{
		"missing":             {b.who, "/solar_leads/" + id.New().String()},
		"not an id":           {b.who, "/solar_leads/x"},
		"another entity":      {b.who, "/strict/" + lead},
		"no such entity":      {b.who, "/nothing"},
		"another environment": {staging, "/solar_leads/" + lead},
	} {
		if rec := b.open(c.who, b.base+c.target); rec.Code != http.StatusNotFound || strings.Contains(rec.Body.String(), "Mine") {
			t.Errorf("%s: status %d", name, rec.Code)
		}
	}
	if body := b.open(staging, b.base+"/solar_leads").Body.String(); strings.Contains(body, "Mine") {
		t.Error("a lead shows in another environment")
	}
}
