package account

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/web"
)

func TestTheFirstRun(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		b := st.browser()
		if a := b.get("/"); a.Code != 200 || !strings.Contains(a.text(), "one-time link") || !strings.Contains(a.text(), "terminal") {
			t.Errorf("before the setup: %d %s", a.Code, a.text())
		}
		if a := b.get("/login"); a.location() != "/" {
			t.Errorf("the login before the setup: %d %s", a.Code, a.location())
		}
		if a := b.get("/setup/wrong"); a.Code != 404 || !strings.Contains(a.text(), "Link no longer valid") {
			t.Errorf("a wrong link: %d %s", a.Code, a.text())
		}
		link, err := st.s.NewSetupLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a := b.get("/setup/" + link)
		if a.Code != 200 || strings.Contains(a.body, link) {
			t.Errorf("the setup page: %d, or it holds its link", a.Code)
		}
		if n := len(regexp.MustCompile(`<(input|select|textarea)`).FindAllString(a.body, -1)); n == 0 || n > 6 {
			t.Errorf("the setup page has %d inputs", n)
		}

		typed := []string{"email", "Ada@example.com", "name", `Ada "the first" <b>`, "account", "  ", "password", "short"}
		if a = b.post("/setup/"+link, typed...); a.Code != 422 || a.value("email") != "Ada@example.com" || a.value("name") != `Ada "the first" <b>` {
			t.Errorf("what was typed is gone: %d, %q, %q", a.Code, a.value("email"), a.value("name"))
		}
		wantSummary(t, a, "password", "account")
		if a.value("password") != "" || !strings.Contains(a.body, "<title>Error: ") {
			t.Error("the password came back, or the title does not tell of the error")
		}

		a = b.post("/setup/"+link, "email", "ada@example.com", "name", "Ada", "account", "Acme", "password", goodPassword)
		if a.Code != http.StatusSeeOther || a.location() != "/app/acme/production/leads" {
			t.Fatalf("the setup: %d %s %s", a.Code, a.location(), a.text())
		}
		if a = b.get(a.location()); a.Code != 200 || len(st.entered) != 1 {
			t.Errorf("after the setup: %d", a.Code)
		}
		if a = b.get("/"); a.location() != "/app/acme/production/leads" {
			t.Errorf("the start page leads to %s", a.location())
		}
		for _, token := range []string{link, "wrong"} {
			if a := b.get("/setup/" + token); a.Code != 404 || strings.Contains(a.text(), "Link no longer valid") {
				t.Errorf("the setup after the setup: %d %s", a.Code, a.text())
			}
			if a := b.post("/setup/"+token, "email", "eve@example.com", "account", "Eve", "password", goodPassword); a.Code != 404 {
				t.Errorf("a second setup: %d", a.Code)
			}
		}
		if n := st.count(`SELECT COUNT(*) FROM accounts`); n != 1 {
			t.Errorf("%d accounts", n)
		}
	})
}

// wantSummary checks that the summary links to these fields, in this order, that each
// has its message, and that the links lead somewhere.
func wantSummary(t *testing.T, a answer, names ...string) {
	t.Helper()
	var got []string
	_, summary, _ := strings.Cut(a.body, "<error-summary")
	summary, _, _ = strings.Cut(summary, "</error-summary>")
	for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(summary, -1) {
		got = append(got, m[1])
		if !strings.Contains(a.body, ` id="`+m[1]+`"`) || !strings.Contains(a.body, ` id="`+m[1]+`-error"`) {
			t.Errorf("the summary leads to #%s, which is no field with an error", m[1])
		}
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("the summary lists %v, want %v", got, names)
	}
}

func TestLoggingInAndOut(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		b := st.browser()
		if a := b.get("/"); a.location() != "/login" {
			t.Errorf("the start page leads to %s", a.location())
		}
		wrong := b.post("/login", "email", "ada@example.com", "password", "a wrong but long password")
		nobody := b.post("/login", "email", "nobody@example.com", "password", "a wrong but long password")
		if wrong.Code != 422 || wrong.value("email") != "ada@example.com" || strings.Contains(wrong.body, "a wrong but long") || len(b.cookies) != 0 {
			t.Errorf("a wrong password: %d %s", wrong.Code, wrong.text())
		}
		if mask(wrong.body, "ada@example.com") != mask(nobody.body, "nobody@example.com") || wrong.Code != nobody.Code {
			t.Error("the answers for a known and an unknown address differ")
		}
		b.logIn(" ADA@example.com ")
		first := b.token()
		for target, want := range map[string]string{"/login": "/", "/login?next=%2Fhelp": "/help", "/login?next=https%3A%2F%2Fevil.example": "/"} {
			if a := b.get(target); a.location() != want {
				t.Errorf("%s when logged in leads to %s, want %s", target, a.location(), want)
			}
		}
		b.logIn("ada@example.com")
		if b.token() == first || st.alive(first) {
			t.Error("a second login did not replace the first")
		}
		if a := b.get("/logout"); a.Code != http.StatusMethodNotAllowed && len(st.entered) == 0 {
			t.Errorf("GET /logout: %d", a.Code)
		}
		token := b.token()
		if a := b.post("/logout"); a.location() != "/login" || len(b.cookies) != 0 || st.alive(token) {
			t.Errorf("after logging out: %s, cookies %v, alive %v", a.location(), b.cookies, st.alive(token))
		}
		if a := b.post("/logout"); a.location() != "/login" {
			t.Errorf("logging out twice: %d", a.Code)
		}
	})
}

// mask takes out what must differ between two answers: the address and the nonce.
func mask(body, address string) string {
	return regexp.MustCompile(`nonce="[^"]*"`).ReplaceAllString(strings.ReplaceAll(body, address, "…"), "")
}

func TestTooManyLoginsAreToldToWait(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		b := st.browser()
		var a answer
		for range freeFailures + 2 {
			a = b.post("/login", "email", "ada@example.com", "password", "a wrong but long password")
		}
		if a.Code != http.StatusTooManyRequests || a.Header().Get("Retry-After") != "2" || a.value("email") != "ada@example.com" {
			t.Errorf("%d, Retry-After %q", a.Code, a.Header().Get("Retry-After"))
		}
	})
}

func TestTheLoginLeadsBackOnlyToThisInstance(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		evil := []string{
			"//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "/\\/evil.example", "https://evil.example", "HTTPS://evil.example",
			"https:evil.example", "http:/evil.example", "https:///evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x", "evil.example", "@evil.example",
			"/%2f%2fevil.example", "/%2F/evil.example", "/%5cevil.example", "/%5Cevil.example", "%2f%2fevil.example", "/%252f%252fevil.example/..//x", "/\tevil", "/\t/evil.example", "/\n/evil.example",
			"/\r/evil.example", "/%09/evil.example", "/%0d%0aLocation:%20https://evil.example", "/%0a/evil.example", "/\x00/evil.example", "/%00/evil.example", "/./../evil.example/..//x", "/..//evil.example",
			"/.//evil.example", "/app/..//evil.example", "/app/%2e%2e//evil.example", "/app/../../x", "//user@evil.example", "//user:pass@evil.example/x", "//evil.example:443", "//[::1]", "//0x7f.1", "//evil%E3%80%82example",
			" //evil.example", "\u00a0//evil.example", "\u2028//evil.example", "/\u2028/evil.example//", "?next=//evil.example", "#//evil.example", ".", "..", "../", "login", "", " ", "/" + strings.Repeat("a", 3000),
			"http://localhost:8080@evil.example", "//localhost:8080@evil.example", "/\x7f/evil", "/%7f/evil.example", "////////", "/%",
		}
		for _, next := range evil {
			b := st.browser()
			page := b.get("/login?next=" + url.QueryEscape(next))
			if hidden := page.value("next"); hidden != "" && !ours(hidden) {
				t.Errorf("next=%q stands in the form as %q", next, hidden)
			}
			a := b.post("/login", "email", "ada@example.com", "password", goodPassword, "next", next)
			if got := a.location(); a.Code != http.StatusSeeOther || !ours(got) {
				t.Errorf("next=%q leads to %q (%d)", next, got, a.Code)
			}
		}
		for _, next := range []string{"/app/acme/production/leads", "/app/acme/production/settings/audit?about=key&before=1.x", "/help/errors/key_revoked", "/app/acme/production/leads?q=a%20b%2Fc"} {
			b := st.browser()
			if a := b.post("/login", "email", "ada@example.com", "password", goodPassword, "next", next); a.location() != next {
				t.Errorf("next=%q leads to %q", next, a.location())
			}
		}
	})
}

// ours tells whether a browser that is on this instance stays on it when sent there.
func ours(location string) bool {
	base, _ := url.Parse("https://here.example/login")
	u, err := base.Parse(location)
	// What browsers do and url.Parse does not: a backslash counts as a slash, and
	// control characters are dropped.
	asBrowser := regexp.MustCompile(`[\x00-\x20\x7f]`).ReplaceAllString(strings.ReplaceAll(location, `\`, "/"), "")
	return err == nil && u.Host == "here.example" && u.Scheme == "https" && strings.HasPrefix(asBrowser, "/") && !strings.HasPrefix(asBrowser, "//")
}

func TestCookies(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		st.web.AllowPlain = true
		for name, tt := range map[string]struct {
			b      *browser
			cookie string
			secure bool
			life   int
		}{
			"https":    {st.secure(), "__Host-leadflip", true, 30 * 24 * 3600},
			"loopback": {st.browser(), "__Host-leadflip", true, 30 * 24 * 3600},
			"plain":    {st.plain(), "leadflip-plain", false, 12 * 3600},
		} {
			a := tt.b.post("/login", "email", "ada@example.com", "password", goodPassword)
			lines := a.Header().Values("Set-Cookie")
			if len(lines) != 1 {
				t.Fatalf("%s: %v", name, lines)
			}
			c := a.Result().Cookies()[0]
			if c.Name != tt.cookie || c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != tt.life || len(c.Value) != 43 {
				t.Errorf("%s: %s", name, lines[0])
			}
			if strings.Contains(a.body, c.Value) || strings.Contains(st.dump(), c.Value) {
				t.Errorf("%s: the cookie's value is elsewhere too", name)
			}
		}
		if sessionPlain != web.PlainLife {
			t.Error("cookie and session over plain HTTP end at different times")
		}
	})
}

func TestPlainHTTPNeedsTheOperatorsLeave(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		link, err := st.s.NewSetupLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b := st.plain()
		if a := b.get("/login"); !strings.Contains(a.body, `href="`+instance+`/"`) {
			t.Error("the encrypted address is not offered")
		}
		b.edge.Base = "http://192.0.2.80:8080"
		before := st.dump()
		for _, a := range []answer{b.get("/"), b.get("/setup/" + link), b.get("/login"), b.get("/invite/x"), b.get("/reset/x"), b.get("/app/acme/production/leads"),
			b.post("/setup/"+link, "email", "ada@example.com", "name", "Ada", "account", "Acme", "password", goodPassword),
			b.post("/login", "email", "ada@example.com", "password", goodPassword)} {
			if a.Code != http.StatusForbidden || !strings.Contains(a.text(), "not encrypted") || !strings.Contains(a.text(), "--tls-cert") || !strings.Contains(a.text(), "--allow-plain-http") || a.has("password") {
				t.Errorf("%d %s", a.Code, a.text())
			}
		}
		if a := b.get("/app/acme/production/stream"); a.Code != http.StatusForbidden {
			t.Errorf("the stream: %d", a.Code)
		}
		if st.dump() != before || len(b.cookies) != 0 || len(st.entered) != 0 {
			t.Error("something was done over a connection that others can read")
		}
		if a := b.get("/login"); strings.Contains(a.body, `href="http`) {
			t.Error("it leads to another unencrypted address")
		}

		st.web.AllowPlain = true
		if a := b.get("/setup/" + link); a.Code != 200 || !strings.Contains(a.text(), "Not encrypted") {
			t.Errorf("allowed: %d", a.Code)
		}
		if a := b.post("/setup/"+link, "email", "ada@example.com", "name", "Ada", "account", "Acme", "password", goodPassword); a.Code != http.StatusSeeOther {
			t.Fatalf("allowed: %d %s", a.Code, a.text())
		}
		if a := b.get(settings + "general"); a.Code != 200 || !strings.Contains(a.text(), "This connection is not encrypted") {
			t.Errorf("the banner is missing: %d", a.Code)
		}
		if a := st.browser().get("/login"); strings.Contains(a.text(), "Not encrypted") {
			t.Error("the note also stands on loopback")
		}
		// The session ends with the cookie, also for somebody who keeps the cookie.
		st.clock.Advance(sessionPlain)
		if a := b.get(settings + "general"); a.location() != "/login?next="+url.QueryEscape(settings+"general") {
			t.Errorf("after 12 hours: %d %s", a.Code, a.location())
		}
	})
}

func TestInvitationAndResetPages(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		token, err := st.s.Invite(t.Context(), st.ada, "bob@example.com", Admin)
		if err != nil {
			t.Fatal(err)
		}
		b := st.browser()
		a := b.get("/invite/" + token)
		if a.Code != 200 || !strings.Contains(a.text(), "Acme") || !strings.Contains(a.text(), "Admin") || strings.Contains(a.body, token) {
			t.Errorf("the invitation: %d %s", a.Code, a.text())
		}
		if a = b.post("/invite/"+token, "name", "Bob B.", "password", "short"); a.Code != 422 || a.value("name") != "Bob B." {
			t.Errorf("a short password: %d, %q", a.Code, a.value("name"))
		}
		wantSummary(t, a, "password")
		if a = b.post("/invite/"+token, "name", "Bob B.", "password", goodPassword); a.location() != "/app/acme/production/leads" {
			t.Errorf("joining: %d %s", a.Code, a.text())
		}
		if a = b.get(settings + "members"); a.Code != 200 {
			t.Errorf("after joining: %d", a.Code)
		}
		for _, target := range []string{"/invite/" + token, "/reset/" + token, "/invite/x", "/reset/x"} {
			if a := b.get(target); a.Code != 404 || !strings.Contains(a.text(), "Link no longer valid") {
				t.Errorf("GET %s: %d", target, a.Code)
			}
			if a := b.post(target, "password", goodPassword, "name", "Eve"); a.Code != 404 {
				t.Errorf("POST %s: %d", target, a.Code)
			}
		}

		reset, err := st.s.NewResetLink(t.Context(), "bob@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if a := b.get("/reset/" + reset); a.Code != 200 || strings.Contains(a.body, reset) {
			t.Errorf("the reset page: %d", a.Code)
		}
		wantSummary(t, b.post("/reset/"+reset, "password", "short"), "password")
		session := b.token()
		a = b.post("/reset/"+reset, "password", "another fine long phrase")
		if a.location() != "/login?done=reset" || st.alive(session) {
			t.Errorf("the reset: %d %s, the old login is alive: %v", a.Code, a.location(), st.alive(session))
		}
		if a = b.get(a.location()); !strings.Contains(a.text(), "Your password was changed") {
			t.Errorf("after the reset: %s", a.text())
		}
		if a = b.get("/login?done=" + url.QueryEscape("<script>")); strings.Contains(html.UnescapeString(a.body), "done=<script>") || strings.Contains(a.body, "banner") {
			t.Error("the address puts text on the page")
		}
	})
}

func TestSomebodyWithoutAnyAccount(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		bob := st.join("bob@example.com", "Bob", Member)
		b := st.browser().logIn("bob@example.com")
		st.clock.Advance(1)
		if _, err := st.s.Login(t.Context(), "bob@example.com", goodPassword, office); err != nil {
			t.Fatal(err)
		}
		if err := st.s.Suspend(t.Context(), st.ada, bob.Person.ID); err != nil {
			t.Fatal(err)
		}
		if a := b.get("/app/acme/production/leads"); a.Code == 200 || len(st.entered) != 0 {
			t.Errorf("a suspended member gets %d", a.Code)
		}
		if a := b.post("/login", "email", "bob@example.com", "password", goodPassword); a.Code != 422 {
			t.Errorf("a suspended member logs in: %d", a.Code)
		}
	})
}
