package account

import (
	"maps"
	"regexp"
	"strings"
	"testing"
)

// Every page of the room, as an owner sees it, keeps the rules of all pages.
func TestPagesAreWellMade(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		setup, err := st.s.NewSetupLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stranger := st.browser()
		pages := map[string]answer{"setup needed": stranger.get("/"), "setup": stranger.get("/setup/" + setup), "setup again": stranger.post("/setup/" + setup), "link": stranger.get("/setup/x")}
		st.setUp()
		bob := st.join("bob@example.com", `Bob <script>alert(1)</script> "'&`, Member).Person.ID
		invite, err := st.s.Invite(t.Context(), st.ada, "carol@example.com", Member)
		if err != nil {
			t.Fatal(err)
		}
		reset, err := st.s.NewResetLink(t.Context(), "bob@example.com")
		if err != nil {
			t.Fatal(err)
		}
		b := st.browser().logIn("ada@example.com")
		st.clock.Advance(proofFresh)
		member := settings + "members/" + bob.String()
		maps.Copy(pages, map[string]answer{
			"login": stranger.get("/login?next=%2Fhelp&done=reset"), "login again": stranger.post("/login", "email", "x"), "invitation": stranger.get("/invite/" + invite), "reset": stranger.get("/reset/" + reset),
			"reset again": stranger.post("/reset/" + reset), "plain": st.plain().get("/login"), "general": b.get(settings + "general?done=saved"), "general again": b.post(settings+"general", "name", ""),
			"members": b.get(settings + "members"), "members again": b.post(settings+"members", "nonce", newNonce()), "role": b.get(member + "/role"), "role again": b.post(member + "/role"), "suspend": b.get(member + "/suspend"),
			"suspend again": b.post(member + "/suspend"), "readmit": b.get(member + "/readmit"), "environments": b.get(settings + "environments"), "environments again": b.post(settings + "environments"),
			"environment again": b.post(settings+"environments/"+st.ada.Environment.ID.String(), "name", ""), "security": b.get(settings + "security"), "security again": b.post(settings + "security/password"),
			"audit": b.get(settings + "audit"), "not found": b.get(settings + "nothing/x"), "invited": b.post(settings+"members", "nonce", newNonce(), "email", "d@example.com", "role", "member", "password", goodPassword),
			"shown already": b.post(settings+"members", "nonce", sentNonce(b), "email", "e@example.com", "role", "member", "password", goodPassword),
		})
		for name, a := range pages {
			checkPage(t, name, a)
			for what, secret := range map[string]string{"password": goodPassword, "cookie": b.token(), "setup link": setup, "invitation": invite, "reset link": reset} {
				if strings.Contains(a.body, secret) {
					t.Errorf("%s: the %s is on the page", name, what)
				}
			}
		}
	})
}

// sentNonce is one that was spent.
func sentNonce(b *browser) string {
	nonce := newNonce()
	b.post(settings+"members", "nonce", nonce, "email", "spent@example.com", "role", "member", "password", goodPassword)
	return nonce
}

func checkPage(t *testing.T, name string, a answer) {
	t.Helper()
	if a.body == "a page of another room" {
		return
	}
	for what, pattern := range map[string]string{
		"an inline style": ` style="`, "a style element": `<style`, "an event handler": `<[^>]+ on[a-z]+="`, "an address of another host": `(src|href|action)="(https?:)?//[^"]*"`, "user text as a tag": `<script>`, "a script address": `="javascript:`,
	} {
		for _, found := range regexp.MustCompile(pattern).FindAllString(a.body, -1) {
			if !strings.Contains(found, instance) {
				t.Errorf("%s: %s: %s", name, what, found)
			}
		}
	}
	for _, script := range regexp.MustCompile(`<script[^>]*>[^<]*`).FindAllString(a.body, -1) {
		if !strings.Contains(script, ` nonce="`) || !strings.Contains(script, ` src="/assets/`) || !strings.HasSuffix(script, ">") {
			t.Errorf("%s: %s", name, script)
		}
	}
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
		if ids[m[1]]++; ids[m[1]] > 1 {
			t.Errorf("%s: two elements have the id %s", name, m[1])
		}
	}
	for _, m := range regexp.MustCompile(` (?:for|aria-describedby|aria-labelledby|aria-controls)="([^"]*)"`).FindAllStringSubmatch(a.body, -1) {
		for ref := range strings.FieldsSeq(m[1]) {
			if ids[ref] == 0 {
				t.Errorf("%s: a reference to #%s, which is not there", name, ref)
			}
		}
	}
	for _, input := range regexp.MustCompile(`<(?:input|select|textarea)[^>]*>`).FindAllString(a.body, -1) {
		m := regexp.MustCompile(` id="([^"]*)"`).FindStringSubmatch(input)
		if !strings.Contains(input, `type="hidden"`) && !strings.Contains(input, "data-secret") && (m == nil || !strings.Contains(a.body, ` for="`+m[1]+`"`)) && !strings.Contains(input, "aria-label=") {
			t.Errorf("%s: no label for %s", name, input)
		}
		if strings.Contains(input, `type="password"`) && regexp.MustCompile(` value="[^"]+"`).MatchString(input) {
			t.Errorf("%s: a password came back", name)
		}
	}
	if n := strings.Count(a.body, "<h1"); n != 1 {
		t.Errorf("%s: %d main headings", name, n)
	}
	if a.Code >= 400 && a.Code < 500 && a.Code == 422 && !strings.Contains(a.body, "<title>Error: ") && !strings.Contains(a.body, "<title>[") {
		t.Errorf("%s: the title does not tell of the error", name)
	}
	csp := a.Header().Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || a.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s: headers %v", name, a.Header())
	}
}
