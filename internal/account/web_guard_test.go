package account

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
)

func TestTheGuard(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		st.join("bob@example.com", "Bob", Member)
		other := st.secondAccount("Other", st.ada.Person.ID, Owner)

		stranger := st.browser()
		for _, tt := range []struct {
			name, method, target string
			header               []string
			code                 int
			location, redirect   string
		}{
			{"a page", "GET", "/app/acme/production/leads?q=a%20b", nil, 303, "/login?next=" + url.QueryEscape("/app/acme/production/leads?q=a%20b"), ""},
			{"a missing account looks the same", "GET", "/app/none/production/leads", nil, 303, "/login?next=" + url.QueryEscape("/app/none/production/leads"), ""},
			{"a form leads back to its page", "POST", "/app/acme/production/settings/general", []string{"Referer", "http://localhost:8080/app/acme/production/settings/general"}, 303, "/login?next=" + url.QueryEscape("/app/acme/production/settings/general"), ""},
			{"a form of another site leads nowhere", "POST", "/app/acme/production/settings/general", []string{"Referer", "https://evil.example/x"}, 303, "/login", ""},
			{"a fragment", "GET", "/app/acme/production/settings/keys/rows", []string{"HX-Request", "true", "HX-Current-URL", "http://localhost:8080/app/acme/production/settings/api-access"}, 204, "", "/login?next=" + url.QueryEscape("/app/acme/production/settings/api-access")},
			{"the event stream", "GET", "/app/acme/production/stream", []string{"Accept", "text/event-stream"}, 401, "", ""},
			{"the poll", "GET", "/app/acme/production/stream/poll?after=1.2", []string{"Accept", "application/json"}, 401, "", ""},
			{"an entity called stream is a page", "GET", "/app/acme/production/leads/stream", nil, 303, "/login?next=" + url.QueryEscape("/app/acme/production/leads/stream"), ""},
		} {
			a := stranger.do(tt.method, tt.target, nil, tt.header...)
			if a.Code != tt.code || a.location() != tt.location || a.Header().Get("HX-Redirect") != tt.redirect {
				t.Errorf("%s: %d, Location %q, HX-Redirect %q", tt.name, a.Code, a.location(), a.Header().Get("HX-Redirect"))
			}
		}

		bob := st.browser().logIn("bob@example.com")
		missing := bob.get("/app/none/production/leads")
		for _, target := range []string{"/app/" + other.Slug + "/production/leads", "/app/acme/staging/leads", "/app/acme", "/app/acme/", "/app/acme%2Fproduction/x/leads", "/app/%61cme/production/leads", "/app//production/leads", "/app/ACME/production/leads"} {
			a := bob.get(target)
			if a.Code != 404 || mask(a.body, requestOf(a)) != mask(missing.body, requestOf(missing)) {
				t.Errorf("%s: %d, unlike what is missing", target, a.Code)
			}
		}
		if len(st.entered) != 0 {
			t.Errorf("reached: %v", st.entered)
		}
		if a := bob.get("/app/acme/production/leads"); a.Code != 200 || len(st.entered) != 1 {
			t.Errorf("a member: %d", a.Code)
		}
		for name, cookie := range map[string]string{"wrong": strings.Repeat("A", 43), "empty": "", "short": "x", "a hash": string(hashToken(bob.token()))[:8]} {
			b := st.browser()
			b.cookies["__Host-leadflip"] = &http.Cookie{Name: "__Host-leadflip", Value: cookie}
			if a := b.get("/app/acme/production/leads"); a.Code != 303 {
				t.Errorf("%s cookie: %d", name, a.Code)
			}
		}
		// A cookie of the other kind does not count.
		b := st.browser()
		b.cookies["leadflip-plain"] = &http.Cookie{Name: "leadflip-plain", Value: bob.token()}
		if a := b.get("/app/acme/production/leads"); a.Code != 303 {
			t.Errorf("the plain cookie on loopback: %d", a.Code)
		}
	})
}

func TestABrowserThatKeepsNoCookieIsTold(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		for _, tt := range []struct {
			target, referer string
			told            bool
		}{
			{"/app/acme/production/leads", "http://localhost:8080/login?next=%2Fapp", true},
			{"/app/acme/production/leads", "http://localhost:8080/setup/x", true},
			{"/app/acme/production/leads", "http://localhost:8080/invite/x", true},
			{"/", "http://localhost:8080/login", true},
			{"/", "http://localhost:8080/setup/x", false}, // the way back from a link that is not good
			{"/app/acme/production/leads", "http://localhost:8080/help", false},
			{"/app/acme/production/leads", "https://evil.example/login", false},
			{"/app/acme/production/leads", "", false},
		} {
			b := st.browser()
			a := b.get(tt.target, "Referer", tt.referer)
			if !strings.HasPrefix(a.location(), "/login") {
				t.Fatalf("%s leads to %s", tt.target, a.location())
			}
			if told := strings.Contains(b.get(a.location()).text(), "did not keep the login"); told != tt.told {
				t.Errorf("%s from %q: told %v", tt.target, tt.referer, told)
			}
		}
	})
}

func requestOf(a answer) string { return a.Header().Get("X-Request-Id") }

func TestThePagesOfTheRoomNeedTheGuard(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		mux := http.NewServeMux()
		Routes(mux, st.web, st.s)
		for _, target := range []string{settings + "general", settings + "members", settings + "audit"} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
			if w.Code != 404 {
				t.Errorf("%s without the guard: %d", target, w.Code)
			}
		}
		if _, err := st.s.Shell(httptest.NewRequest(http.MethodGet, "/", nil), "settings"); err == nil {
			t.Error("the frame without the guard")
		}
	})
}

func TestAFailingDatabaseLetsNobodyIn(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		b := st.browser().logIn("ada@example.com")
		for _, table := range []string{"sessions", "memberships", "environments"} {
			rename := func(from, to string) {
				st.update(func(ctx context.Context, tx *db.Tx) error {
					_, err := tx.Exec(ctx, `ALTER TABLE `+from+` RENAME TO `+to)
					return err
				})
			}
			rename(table, "away")
			for _, a := range []answer{b.get("/app/acme/production/leads"), b.get(settings + "general"), b.post(settings+"general", "name", "Eve", "exposed_policy", "mark")} {
				if a.Code < 500 || a.Code > 503 || strings.Contains(a.body, "SQL") || strings.Contains(a.body, table) {
					t.Errorf("without %s: %d", table, a.Code)
				}
			}
			if len(st.entered) != 0 {
				t.Errorf("without %s somebody got in", table)
			}
			rename("away", table)
		}
	})
}

func TestCrossOriginRequests(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		https, loopback := st.secure().logIn("ada@example.com"), st.browser().logIn("ada@example.com")
		for _, tt := range []struct {
			name    string
			b       *browser
			method  string
			header  []string
			refused bool
		}{
			{"same origin", https, "POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://leads.example.com"}, false},
			{"typed by the user", https, "POST", []string{"Sec-Fetch-Site", "none"}, false},
			{"cross site", https, "POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, true},
			{"same site, another origin", https, "POST", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://blog.example.com"}, true},
			{"an old browser, same origin", https, "POST", []string{"Origin", "https://leads.example.com"}, false},
			{"an old browser, another origin", https, "POST", []string{"Origin", "https://evil.example"}, true},
			{"Origin: null", https, "POST", []string{"Origin", "null"}, true},
			{"the same host over http", https, "POST", []string{"Origin", "http://leads.example.com"}, true},
			{"the same host over http, called same-origin", https, "POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://leads.example.com"}, true},
			{"no browser", https, "POST", nil, false},
			{"another port", loopback, "POST", []string{"Origin", "http://localhost:9090"}, true},
			{"https where we speak http", loopback, "POST", []string{"Origin", "https://localhost:8080"}, true},
			{"a link from another site", https, "GET", []string{"Sec-Fetch-Site", "cross-site"}, false},
			{"DELETE cross site", https, "DELETE", []string{"Sec-Fetch-Site", "cross-site"}, true},
		} {
			before := st.account.Name
			form := url.Values{"name": {"Renamed " + tt.name}, "exposed_policy": {"mark"}}
			a := tt.b.do(tt.method, settings+"general", form, tt.header...)
			if refused := a.Code == 403; refused != tt.refused {
				t.Errorf("%s: %d", tt.name, a.Code)
			}
			after := st.enter("ada@example.com", "acme", "production").Account.Name
			if changed := after == "Renamed "+tt.name; changed != (!tt.refused && tt.method == "POST") {
				t.Errorf("%s: the account was called %s and is called %s", tt.name, before, after)
			}
		}
		// Also the doors: nobody is logged in or out by another site.
		b := st.secure()
		if a := b.do("POST", "/login", url.Values{"email": {"ada@example.com"}, "password": {goodPassword}}, "Sec-Fetch-Site", "cross-site"); a.Code != 403 || len(b.cookies) != 0 {
			t.Errorf("a login from another site: %d", a.Code)
		}
		if a := https.do("POST", "/logout", nil, "Sec-Fetch-Site", "cross-site"); a.Code != 403 || !st.alive(https.token()) {
			t.Errorf("a logout from another site: %d", a.Code)
		}
	})
}

func TestWhatKeepsALoginAlive(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		b := st.browser().logIn("ada@example.com")
		for _, tt := range []struct {
			name   string
			do     func()
			counts bool
		}{
			{"a page", func() { b.get("/app/acme/production/leads", "Sec-Fetch-Mode", "navigate") }, true},
			{"a page in an old browser", func() { b.get("/app/acme/production/leads") }, true},
			{"a form", func() { b.post(settings+"general", "name", "") }, true},
			{"a refreshed fragment", func() { b.get("/app/acme/production/leads", "HX-Request", "true", "Sec-Fetch-Mode", "cors") }, false},
			{"the event stream", func() { b.get("/app/acme/production/stream", "Accept", "text/event-stream") }, false},
			{"a poll", func() { b.get("/app/acme/production/stream/poll", "Accept", "application/json") }, false},
			{"a script", func() { b.get("/app/acme/production/leads", "Sec-Fetch-Mode", "cors") }, false},
			{"a prefetched page", func() { b.get("/app/acme/production/leads", "Sec-Fetch-Mode", "navigate", "Sec-Purpose", "prefetch") }, false},
			{"HEAD", func() { b.do("HEAD", "/app/acme/production/leads", nil) }, false},
			{"somebody else's account", func() { b.get("/app/none/production/leads") }, false},
		} {
			st.clock.Advance(time.Hour)
			tt.do()
			if noted := st.session(b.token()).LastSeenAt.Equal(st.clock.Now()); noted != tt.counts {
				t.Errorf("%s: noted %v", tt.name, noted)
			}
		}
	})
}

func TestPagesOpenWhenNothingCanBeNoted(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		b := st.browser().logIn("ada@example.com")
		st.clock.Advance(time.Hour)
		st.update(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `CREATE TRIGGER full BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'full'); END`)
			return err
		})
		if a := b.get(settings + "general"); a.Code != 200 {
			t.Errorf("%d", a.Code)
		}
	})
}

func TestReadingChangesNothing(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		bob := st.join("bob@example.com", "Bob", Member)
		token, err := st.s.Invite(t.Context(), st.ada, "carol@example.com", Member)
		if err != nil {
			t.Fatal(err)
		}
		b := st.browser().logIn("ada@example.com")
		before := st.dump()
		member := settings + "members/" + bob.Person.ID.String()
		for _, target := range []string{"/", "/login", "/setup/x", "/invite/" + token, "/reset/x", "/app/acme/production/settings", settings + "general", settings + "members", member + "/role", member + "/suspend",
			member + "/readmit", settings + "environments", settings + "security", settings + "audit", settings + "audit?about=member", "/logout", settings + "security/end", settings + "members/withdraw", settings + "nothing"} {
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				b.do(method, target, nil)
			}
		}
		if st.dump() != before {
			t.Error("reading changed something")
		}
	})
}

func TestProofFromAForm(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		se := st.session(st.login("ada@example.com"))
		request := func(ctx context.Context, password string) *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(url.Values{"password": {password}}.Encode())).WithContext(ctx)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return r
		}
		ctx := withSession(t.Context(), se)
		if NeedsProof(ctx, st.s) {
			t.Error("needed just after the login")
		}
		if err := ProveFromForm(request(ctx, ""), st.s); err != nil {
			t.Errorf("fresh: %v", err)
		}
		st.clock.Advance(proofFresh)
		if !NeedsProof(ctx, st.s) {
			t.Error("not needed after 15 minutes")
		}
		err := ProveFromForm(request(ctx, ""), st.s)
		wantCode(t, err, errs.StepUpRequired)
		wantField(t, err, "/password")
		wantField(t, ProveFromForm(request(ctx, "a wrong but long password"), st.s), "/password")
		if !NeedsProof(ctx, st.s) {
			t.Error("a wrong password proved")
		}
		if err := ProveFromForm(request(ctx, goodPassword), st.s); err != nil || NeedsProof(ctx, st.s) {
			t.Errorf("the right password: %v, still needed: %v", err, NeedsProof(ctx, st.s))
		}
		// Without a session nothing is proven.
		if !NeedsProof(t.Context(), st.s) || errs.CodeOf(ProveFromForm(request(t.Context(), goodPassword), st.s)) != errs.StepUpRequired {
			t.Error("somebody without a session is proven")
		}
		if _, ok := SessionFrom(t.Context()); ok {
			t.Error("a session from nowhere")
		}
	})
}

func TestTheLogNamesWhoAsked(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		b := st.browser().logIn("ada@example.com")
		var seen *httpd.Request
		inner := st.handler
		st.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = httpd.From(r.Context())
			inner.ServeHTTP(w, r)
		})
		b.get(settings + "general")
		if len(seen.Caller) != 3 || seen.Caller[0].Value.String() != st.ada.Person.ID.String() || seen.Route != "GET /app/{account}/{env}/settings/general" {
			t.Errorf("%v %s", seen.Caller, seen.Route)
		}
		b.post("/login", "email", "ada@example.com", "password", "a wrong but long password")
		if seen.Code != string(errs.LoginFailed) {
			t.Errorf("a failed login is logged as %q", seen.Code)
		}
	})
}
