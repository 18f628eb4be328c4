package account

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestEnvironmentsPage(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		b := st.browser().logIn("ada@example.com")
		if a := b.get(settings + "environments"); !regexp.MustCompile(`value="test" checked`).MatchString(a.body) {
			t.Error("test is not the default")
		}
		if a := b.post(settings+"environments", "name", "production", "kind", "live"); a.Code != 422 || a.value("name") == "" || !regexp.MustCompile(`value="live" checked`).MatchString(a.body) {
			t.Errorf("a taken name: %d", a.Code)
		}
		st.clock.Advance(time.Second)
		a := b.post(settings+"environments", "name", "Staging", "kind", "test")
		if a.Code != 303 || !strings.HasPrefix(a.location(), settings+"environments?done=environment#environment-") {
			t.Fatalf("adding: %d %s", a.Code, a.location())
		}
		a = b.get(a.location())
		if !strings.Contains(a.text(), "The environment was added.") || !strings.Contains(a.body, `href="/app/acme/staging/settings/environments"`) {
			t.Errorf("after adding: %s", a.text())
		}
		staging := st.enter("ada@example.com", "acme", "staging").Environment.ID
		a = b.post(settings+"environments/"+staging.String(), "name", "PRODUCTION")
		if a.Code != 422 || !strings.Contains(a.body, `<details class="fold" open>`) {
			t.Errorf("renaming to a taken name: %d", a.Code)
		}
		wantSummary(t, a, "name-"+staging.String())
		if a = b.post(settings+"environments/"+staging.String(), "name", "Trial"); a.Code != 303 {
			t.Errorf("renaming: %d", a.Code)
		}
		if a = b.get("/app/acme/staging/settings/environments"); !strings.Contains(a.body, `data-env="test"`) || !strings.Contains(a.body, "<title>[Trial] ") {
			t.Error("a test environment is not unmistakable")
		}
		for _, e := range []string{id.New().String(), "x"} {
			if a := b.post(settings+"environments/"+e, "name", "Mine"); a.Code != 404 {
				t.Errorf("renaming %q: %d", e, a.Code)
			}
		}
	})
}

func TestGeneralPage(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		b := st.browser().logIn("ada@example.com")
		if a := b.post(settings+"general", "name", " ", "exposed_policy", "shrug"); a.Code != 422 {
			t.Errorf("wrong values: %d", a.Code)
		} else {
			wantSummary(t, a, "name", "exposed_policy")
		}
		if a := b.post(settings+"general", "name", "Sunroof", "exposed_policy", "revoke"); a.location() != settings+"general?done=saved" {
			t.Errorf("saving: %d", a.Code)
		}
		if a := b.get(settings + "general?done=saved"); a.value("name") != "Sunroof" || !strings.Contains(a.text(), "Saved.") || !regexp.MustCompile(`value="revoke" checked`).MatchString(a.body) {
			t.Errorf("afterwards: %q", a.value("name"))
		}
		if a := b.get("/app/acme/production/settings"); a.location() != settings+"api-access" {
			t.Errorf("the settings lead to %s", a.location())
		}
	})
}

func TestSecurityPage(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		st.join("bob@example.com", "Bob", Member)
		phone := st.browser()
		phone.agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"
		phone.logIn("ada@example.com")
		laptop, desk, bob := st.browser().logIn("ada@example.com"), st.browser().logIn("ada@example.com"), st.browser().logIn("bob@example.com")

		page := desk.get(settings + "security")
		if text := page.text(); !strings.Contains(text, "Safari on iPhone") || strings.Count(text, "Firefox on Linux") < 2 || strings.Count(text, "This one") != 1 || strings.Contains(page.body, st.session(bob.token()).ID.String()) {
			t.Errorf("the list: %s", text)
		}
		end := func(which string) answer { return desk.post(settings+"security/end", "session", which) }
		if a := end(st.session(bob.token()).ID.String()); a.Code != 303 || !st.alive(bob.token()) {
			t.Error("somebody else's login was ended")
		}
		if a := end(st.session(phone.token()).ID.String()); a.location() != settings+"security?done=ended" || st.alive(phone.token()) || !st.alive(laptop.token()) {
			t.Errorf("ending one: %d", a.Code)
		}
		for _, wrong := range []string{"", "x", "00000000-0000-0000-0000-000000000000"} {
			if a := end(wrong); a.Code != 404 || !st.alive(laptop.token()) {
				t.Errorf("ending %q: %d", wrong, a.Code)
			}
		}

		if a := desk.post(settings+"security/password", "password", "a wrong but long password", "new_password", "another fine long phrase"); a.Code != 422 || strings.Contains(a.body, "phrase") {
			t.Errorf("a wrong password: %d", a.Code)
		} else {
			wantSummary(t, a, "password")
		}
		wantSummary(t, desk.post(settings+"security/password", "password", goodPassword, "new_password", "short"), "new_password")
		a := desk.post(settings+"security/password", "password", goodPassword, "new_password", "another fine long phrase")
		if a.location() != settings+"security?done=password" || st.alive(laptop.token()) || !st.alive(desk.token()) || !st.alive(bob.token()) {
			t.Errorf("the change: %d, alive: laptop %v, desk %v", a.Code, st.alive(laptop.token()), st.alive(desk.token()))
		}
		again := st.browser()
		if a := again.post("/login", "email", "ada@example.com", "password", "another fine long phrase"); a.Code != 303 {
			t.Errorf("the new password: %d", a.Code)
		}
		if a := end("others"); a.Code != 303 || st.alive(again.token()) || !st.alive(desk.token()) {
			t.Errorf("ending the others: %d", a.Code)
		}
		if a := end(st.session(desk.token()).ID.String()); a.location() != "/login" || len(desk.cookies) != 0 {
			t.Errorf("ending this one: %s", a.location())
		}
	})
}

func TestDevices(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                     "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":       "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15":               "Safari on macOS",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36": "Samsung Internet on Android",
		"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/140.0 Mobile/15E148 Safari/605.1.15":    "Firefox on iPad",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":                      "Chrome on ChromeOS",
		"curl/8.14.1": "curl", "": "Unknown device", "<script>": "Unknown device",
	} {
		if got := device(agent); got != want {
			t.Errorf("%s: %s, want %s", agent, got, want)
		}
	}
}

func TestAuditPage(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		b := st.browser().logIn("ada@example.com")
		st.update(func(ctx context.Context, tx *db.Tx) error {
			for range 120 { // all at one moment, so that only their ids tell them apart
				if err := audit.Record(ctx, tx, audit.Entry{AccountID: st.account.ID, EnvironmentID: st.ada.Environment.ID, Actor: st.ada.Actor(), Action: "key.revoke",
					Object: audit.Object{Kind: "api_key", Name: "Website server"}, Changes: map[string]audit.Change{"because": {To: "revoked"}}}); err != nil {
					return err
				}
			}
			return nil
		})
		other := st.secondAccount("Other", st.ada.Person.ID, Owner)
		st.update(func(ctx context.Context, tx *db.Tx) error {
			return audit.Record(ctx, tx, audit.Entry{AccountID: other.ID, Actor: st.ada.Actor(), Action: "key.revoke", Object: audit.Object{Name: "Foreign"}})
		})
		seen := map[string]int{}
		target, pages := settings+"audit?about=key", 0
		for target != "" && pages < 10 {
			a := b.get(target)
			if a.Code != 200 || strings.Contains(a.text(), "Foreign") {
				t.Fatalf("%s: %d", target, a.Code)
			}
			for _, m := range regexp.MustCompile(`id="entry-([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
				seen[m[1]]++
			}
			if pages == 0 && !strings.Contains(a.text(), "Ada revoked the API key Website server in Production Because: revoked") {
				t.Errorf("the entry reads: %s", a.text())
			}
			target = ""
			if m := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(a.body); m != nil {
				target = strings.ReplaceAll(m[1], "&amp;", "&")
			}
			pages++
		}
		if len(seen) != 120 || pages != 3 {
			t.Errorf("%d entries on %d pages, want 120 on 3", len(seen), pages)
		}
		if a := b.get(settings + "audit?about=member"); !strings.Contains(a.text(), "Nothing of this kind") {
			t.Error("an empty group")
		}
		if a := b.get(settings + "audit?about=%25"); len(regexp.MustCompile(`id="entry-`).FindAllString(a.body, -1)) != 50 {
			t.Error("an unknown group filters")
		}
		for _, wrong := range []string{"x", "1", "1.x", "99999999999999999999." + id.New().String()} {
			if a := b.get(settings + "audit?before=" + wrong); a.Code != 400 {
				t.Errorf("before=%s: %d", wrong, a.Code)
			}
		}
	})
}

func TestTabsAndSwitchers(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		st.clock.Advance(time.Second)
		if _, err := st.s.AddEnvironment(t.Context(), st.ada, "Staging", Test); err != nil {
			t.Fatal(err)
		}
		other := st.secondAccount("Other", st.ada.Person.ID, Member)
		st.secondAccount("Foreign", st.join("bob@example.com", "Bob", Member).Person.ID, Owner)

		tabs := SettingsTabs(st.ada, "api-access")
		var labels []string
		for _, tab := range tabs {
			labels = append(labels, tab.Label)
			if tab.Active != (tab.Label == "API Access") || !strings.HasPrefix(tab.Href, "/app/acme/production/settings/") {
				t.Errorf("%+v", tab)
			}
		}
		if !slices.Equal(labels, []string{"General", "Members", "API Access", "Environments", "Security", "Audit log"}) {
			t.Errorf("tabs: %v", labels)
		}

		b := st.browser().logIn("ada@example.com")
		b.get("/app/acme/production/leads")
		a := b.get(settings + "environments")
		for _, href := range []string{"/app/acme/staging/settings/environments", "/app/" + other.Slug + "/production/leads", "/help", "/app/acme/production/settings"} {
			if !strings.Contains(a.body, `href="`+href+`"`) {
				t.Errorf("there is no link to %s", href)
			}
		}
		if strings.Contains(a.body, "Foreign") || !strings.Contains(a.body, `<live-updates src="/app/acme/production/stream"`) {
			t.Error("somebody else's account is offered, or there are no live updates")
		}
	})
	for _, tt := range [][3]string{
		{"/settings/environments", "settings", "/settings/environments"}, {"/settings/members/0197b1c2/role", "settings", "/settings/members"}, {"/settings/api-access/0197/rotate", "settings", "/settings/api-access"},
		{"/settings/elsewhere", "settings", "/settings"}, {"/settings", "settings", "/leads"}, {"/leads", "leads/solar", "/leads"}, {"/leads/solar", "leads/solar", "/leads/solar"},
		{"/leads/solar/0197b1c2", "leads/solar", "/leads"}, {"/anything", "", "/leads"}, {"", "", "/leads"},
	} {
		if got := samePage("/app/a/e"+tt[0], "/app/a/e", tt[1]); got != tt[2] {
			t.Errorf("%s: %s, want %s", tt[0], got, tt[2])
		}
	}
}
