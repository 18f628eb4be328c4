package account

import (
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestInvitingOnTheMembersPage(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		b := st.browser().logIn("ada@example.com")
		page := b.get(settings + "members")
		if page.Code != 200 || page.has("password") || page.value("nonce") == "" {
			t.Fatalf("the page: %d, asks for a password: %v", page.Code, page.has("password"))
		}
		if a := b.post(settings+"members", "nonce", page.value("nonce"), "email", "bob", "role", "admin"); a.Code != 422 || a.value("email") != "bob" || !strings.Contains(a.body, `<option value="admin" selected>`) || a.value("nonce") != page.value("nonce") {
			t.Errorf("a wrong address: %d, what was typed: %q", a.Code, a.value("email"))
		}

		sent := []string{"nonce", page.value("nonce"), "email", "bob@example.com", "role", "admin"}
		a := b.post(settings+"members", sent...)
		link := regexp.MustCompile(regexp.QuoteMeta(instance) + `/invite/([\w-]{43})`).FindStringSubmatch(a.body)
		if a.Code != 200 || link == nil {
			t.Fatalf("the invitation: %d %s", a.Code, a.text())
		}
		if in, err := st.s.Invitation(t.Context(), link[1]); err != nil || in.Role != Admin || in.Email != "bob@example.com" {
			t.Errorf("the link: %+v, %v", in, err)
		}
		// Reloading the answer sends the form again.
		for range 2 {
			if again := b.post(settings+"members", sent...); again.Code != 409 || !strings.Contains(again.text(), "shown already") || strings.Contains(again.body, "/invite/") {
				t.Errorf("a reload: %d %s", again.Code, again.text())
			}
		}
		if n := st.count(`SELECT COUNT(*) FROM one_time_links`); n != 1 {
			t.Errorf("%d links", n)
		}
		if page = b.get(settings + "members"); !strings.Contains(page.text(), "bob@example.com") || strings.Contains(page.body, link[1]) {
			t.Error("the list of invitations lacks it, or shows its link")
		}
		for _, nonce := range []string{"", "x", strings.Repeat("A", 5000)} {
			if a := b.post(settings+"members", "nonce", nonce, "email", "carol@example.com", "role", "member"); a.Code != 422 || a.value("nonce") == nonce || a.value("email") != "carol@example.com" {
				t.Errorf("the nonce %.5q: %d", nonce, a.Code)
			}
		}
		// A forged Host does not get into the link.
		b.edge.Base = instance
		a = b.do("POST", settings+"members", url.Values{"nonce": {newNonce()}, "email": {"dora@example.com"}, "role": {"member"}}, "X-Forwarded-Host", "evil.example", "Sec-Fetch-Site", "same-origin")
		if !strings.Contains(a.body, instance+"/invite/") || strings.Contains(a.body, "evil.example") {
			t.Error("the link's host comes from the request")
		}

		if a := b.post(settings+"members/withdraw", "email", "BOB@example.com"); a.location() != settings+"members?done=withdrawn" {
			t.Errorf("withdrawing: %d", a.Code)
		}
		if _, err := st.s.Invitation(t.Context(), link[1]); errs.CodeOf(err) != errs.LinkInvalid {
			t.Error("the withdrawn link works")
		}
		if a := b.post(settings+"members/withdraw", "email", "bob@example.com"); a.Code != 404 {
			t.Errorf("withdrawing twice: %d", a.Code)
		}
	})
}

func TestMemberChangesAskForThePasswordWhenTheProofIsOld(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		bob := st.join("bob@example.com", "Bob", Member).Person.ID
		b := st.browser().logIn("ada@example.com")
		member := settings + "members/" + bob.String()
		state := func() Membership {
			m, err := st.s.Member(t.Context(), st.ada, bob)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		type step struct {
			path string
			form []string
			done func() bool
		}
		steps := []step{
			{"/role", []string{"role", "admin"}, func() bool { return state().Role == Admin }},
			{"/suspend", nil, func() bool { return state().SuspendedAt != nil }},
			{"/readmit", nil, func() bool { return state().SuspendedAt == nil }},
		}
		for _, s := range steps {
			st.clock.Advance(proofFresh)
			if a := b.get(member + s.path); a.Code != 200 || !a.has("password") {
				t.Errorf("%s: %d, asks: %v", s.path, a.Code, a.has("password"))
			}
			done := s.done()
			a := b.post(member+s.path, s.form...)
			if a.Code != 422 || s.done() != done || !a.has("password") {
				t.Errorf("%s without the password: %d", s.path, a.Code)
			}
			wantSummary(t, a, "password")
			if s.path == "/role" && !regexp.MustCompile(`value="admin"[^>]* checked`).MatchString(a.body) {
				t.Error("the chosen role is gone")
			}
			a = b.post(member+s.path, append(s.form, "password", "a wrong but long password")...)
			if a.Code != 422 || s.done() != done || strings.Contains(a.body, "a wrong but long") {
				t.Errorf("%s with a wrong password: %d", s.path, a.Code)
			}
			a = b.post(member+s.path, append(s.form, "password", goodPassword)...)
			if a.Code != 303 || !strings.HasSuffix(a.location(), "#"+memberRow(bob)) || !s.done() {
				t.Errorf("%s with the password: %d %s", s.path, a.Code, a.location())
			}
			if a := b.get(member + s.path); a.has("password") {
				t.Errorf("%s asks again at once", s.path)
			}
		}
		// The proof counts although the rest of the form was wrong.
		st.clock.Advance(proofFresh)
		a := b.post(settings+"members", "nonce", newNonce(), "email", "nobody", "role", "member", "password", goodPassword)
		if a.Code != 422 || a.has("password") || a.value("email") != "nobody" {
			t.Errorf("a form with the right password and a wrong address: %d, asks again: %v", a.Code, a.has("password"))
		}
		wantSummary(t, a, "email")
	})
}

func TestWhatAMemberSeesAndMayNotDo(t *testing.T) {
	onSite(t, func(t *testing.T, st *site) {
		st.setUp()
		st.join("bob@example.com", "Bob", Member)
		admin := st.join("carol@example.com", "Carol", Admin).Person.ID
		b := st.browser().logIn("bob@example.com")
		for _, tab := range []string{"general", "members", "environments", "security"} {
			a := b.get(settings + tab)
			forms := regexp.MustCompile(`action="(/app/[^"]*)"`).FindAllStringSubmatch(a.body, -1)
			if a.Code != 200 || (tab != "security" && len(forms) > 0) || strings.Contains(a.body, "settings/audit") {
				t.Errorf("%s: %d, forms %v", tab, a.Code, forms)
			}
		}
		if a := b.get(settings + "members"); !strings.Contains(a.text(), "ada@example.com") || strings.Contains(a.body, "/suspend") {
			t.Error("the list of members lacks somebody, or offers actions")
		}
		before := st.dump()
		for _, target := range []string{"general", "members", "members/withdraw", "members/" + admin.String() + "/role", "members/" + admin.String() + "/suspend", "members/" + admin.String() + "/readmit", "environments", "environments/" + st.ada.Environment.ID.String()} {
			a := b.post(settings+target, "name", "Eve", "email", "eve@example.com", "role", "owner", "kind", "test", "exposed_policy", "mark", "nonce", newNonce())
			if a.Code != 403 {
				t.Errorf("POST %s: %d", target, a.Code)
			}
		}
		for _, target := range []string{"audit", "members/" + admin.String() + "/role"} {
			if a := b.get(settings + target); a.Code != 403 {
				t.Errorf("GET %s: %d", target, a.Code)
			}
		}
		if st.dump() != before {
			t.Error("a refused request changed something")
		}
		// An admin may not touch an owner, and an owner not be suspended by themselves by mistake.
		c := st.browser().logIn("carol@example.com")
		if a := c.get(settings + "members/" + st.ada.Person.ID.String() + "/suspend"); a.Code != 403 {
			t.Errorf("an admin suspends an owner: %d", a.Code)
		}
		if a := c.get(settings + "members"); strings.Contains(a.body, st.ada.Person.ID.String()+"/") || strings.Contains(a.body, admin.String()+"/suspend") || strings.Contains(a.body, `value="owner"`) {
			t.Error("an admin is offered what is refused")
		}
		a := st.browser().logIn("ada@example.com").post(settings+"members/"+st.ada.Person.ID.String()+"/role", "role", "member")
		if a.Code != 422 || !strings.Contains(a.text(), "only active owner") {
			t.Errorf("the last owner steps down: %d %s", a.Code, a.text())
		}
		for _, who := range []string{id.New().String(), "x", ""} {
			if a := c.get(settings + "members/" + who + "/role"); a.Code == 200 && who != "" || a.Code == 403 {
				t.Errorf("the member %q: %d", who, a.Code)
			}
		}
	})
}
