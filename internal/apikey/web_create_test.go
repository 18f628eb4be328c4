package apikey

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

func TestCreateShowsTheKeyOnceAndAReloadMakesNoSecond(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	form := b.createForm("Website server", "scopes", "leads:write", "purpose", "Quote form")
	first := b.post(accessPath+"/new", form...)
	b.status(first, http.StatusOK)
	secrets := FindSecrets(first.body)
	if len(secrets) == 0 {
		t.Fatal("the answer has no key")
	}
	for _, s := range secrets {
		if s != secrets[0] {
			t.Fatal("the answer has two different keys")
		}
	}
	if got := first.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
	b.has(first, "secret-reveal", "LEADFLIP_KEY="+secrets[0], "/api/key", "/api/intake", "first-request", "leave-guard", "fetch(")

	again := b.post(accessPath+"/new", form...)
	b.status(again, http.StatusOK)
	b.has(again, "already shown", "Rotate it")
	b.hasNot(again, secrets[0], "secret-reveal")
	if n := b.count(); n != 1 {
		t.Errorf("there are %d keys, want 1", n)
	}

	// Something else in the same form is another key, but only after another press.
	changed := append(append([]string{}, form...), "purpose", "x")
	changed[3] = "Another server"
	third := b.post(accessPath+"/new", changed...)
	b.status(third, http.StatusUnprocessableEntity)
	b.has(third, "made a key before", "Another server")
	if n := b.count(); n != 1 {
		t.Errorf("there are %d keys, want 1", n)
	}
	if nonceField.FindStringSubmatch(third.body)[1] == form[1] {
		t.Error("the form came back with a spent nonce")
	}
}

func TestTwoPressesAtOnceMakeOneKey(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB, ...dbtest.Option) *db.DB{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pressAtOnce(t, newBrowserOn(t, open))
		})
	}
}

func pressAtOnce(t *testing.T, b *browser) {
	t.Helper()
	form := b.createForm("Website server", "scopes", "leads:write")
	answers := make([]answer, 8)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = b.post(accessPath+"/new", form...) })
	}
	wg.Wait()
	shown := 0
	for _, a := range answers {
		b.status(a, http.StatusOK)
		if len(FindSecrets(a.body)) > 0 {
			shown++
		} else {
			b.has(a, "already shown")
		}
	}
	if shown != 1 || b.count() != 1 {
		t.Errorf("%d answers show a key and there are %d keys, want one each", shown, b.count())
	}
}

func TestTheSecretIsNowhereElse(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	k, secret := b.create("Website server", "leads:write")
	b.call(k, b.clock.Now(), 3, http.StatusOK)
	b.flush()
	page := accessPath + "/" + k.ID.String()
	rotated := b.post(page+"/rotate", "nonce", b.nonce(page+"/rotate"), "overlap", "24h")
	b.status(rotated, http.StatusOK)
	second := FindSecrets(rotated.body)
	if len(second) == 0 || second[0] == secret {
		t.Fatal("rotating showed no new key")
	}
	next := accessPath + "/" + b.byName("Website server").ID.String()
	for _, path := range []string{accessPath, accessPath + "?tab=ended", accessPath + "/new", page, page + "/edit", page + "/revoke", next, next + "?range=90d", next + "/edit", next + "/rotate", next + "/revoke", next + "/usage.csv"} {
		got := b.get(path)
		b.status(got, http.StatusOK)
		b.hasNot(got, secret, second[0], secret[20:60])
	}
	rows := b.get(accessPath+"/rows", "HX-Request", "true")
	b.hasNot(rows, secret, second[0])
	for _, file := range []string{b.db.Path(), b.db.Path() + "-wal"} {
		bytes, err := os.ReadFile(file)
		b.must(err)
		for _, s := range []string{secret, second[0]} {
			if strings.Contains(string(bytes), s) || strings.Contains(string(bytes), s[20:63]) {
				t.Errorf("%s has the key in it", file)
			}
		}
	}
}

func TestLinksFillTheForm(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	ticked := func(scope string) string { return `value="` + scope + `" checked` }
	for _, c := range []struct {
		query    string
		has, not []string
	}{
		{"", []string{`value="90d" checked`, ticked("entities:read"), ticked("leads:read"), ticked("leads:write"), "Works in Production only. Ends Sun 21 Feb 2027."}, []string{ticked("leads:delete")}},
		{"?preset=custom", []string{"Can do nothing yet. Works in Production only. Ends Sun 21 Feb 2027."}, []string{ticked("leads:write")}},
		{"?preset=website", []string{ticked("leads:write"), `value="Website form"`, "Can create and change all leads. Can read nothing."}, []string{ticked("leads:read")}},
		{"?preset=report", []string{ticked("leads:read"), ticked("entities:read"), "Can read all leads and entities."}, []string{ticked("leads:write")}},
		{"?preset=automation", []string{ticked("leads:read"), ticked("leads:write"), ticked("entities:read"), ticked("events:read"), "Can read, create and change all leads, and read entities and events."}, nil},
		{"?scopes=leads.solar_quotes:read,events:read&expires=24h&name=n8n", []string{ticked("leads.solar_quotes:read"), ticked("events:read"), `value="24h" checked`, `value="n8n"`, "Can read “Solar quotes” and events.", "Ends Tue 24 Nov, 10:30 UTC."}, nil},
		{"?preset=website&scopes=leads:read&expires=never", []string{ticked("leads:read"), `value="never" checked`, "Never ends."}, []string{ticked("leads:write")}},
		{"?expires=45d", []string{`value="date" checked`, `value="2027-01-07"`}, nil},
		{"?scopes=*", []string{"Can do everything."}, nil},
		{"?scopes=leads:fly,leads:read&expires=soon&preset=moon", []string{ticked("leads:read"), "leads:fly", "the expiry “soon”", "the preset “moon”"}, nil},
		{"?environment=staging&owner=service", []string{`value="staging" selected`, `value="service" selected`, "Works in Staging only, a test environment."}, nil},
	} {
		got := b.get(accessPath + "/new" + c.query)
		b.status(got, http.StatusOK)
		b.has(got, c.has...)
		b.hasNot(got, c.not...)
	}
	b.create("Website form", "leads:write")
	b.has(b.get(accessPath+"/new?preset=website"), `value="Website form 2"`)
}

func TestFormsComeBackWithWhatWasTyped(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	b.create("Taken", "leads:read")
	for name, c := range map[string]struct {
		change []string
		has    []string
	}{
		"no name":       {[]string{"name", " "}, []string{`href="#name"`, "Please enter a name"}},
		"no scopes":     {nil, []string{`href="#scopes"`, "Choose at least one scope"}},
		"taken":         {[]string{"name", "taken", "scopes", "leads:read"}, []string{`href="#name"`, "has this name"}},
		"bad network":   {[]string{"scopes", "leads:read", "ip_allow", "203.0.113.0/24\n10.0.0.1/8"}, []string{`href="#ip_allow"`, "host bits", "203.0.113.0/24\n10.0.0.1/8"}},
		"bad origin":    {[]string{"scopes", "leads:read", "origins", "example.com"}, []string{`href="#origins"`, "not a web origin"}},
		"bad rate":      {[]string{"scopes", "leads:read", "rate_limit", "many"}, []string{`href="#rate_limit"`, "calls a minute"}},
		"past date":     {[]string{"scopes", "leads:read", "expires", "date", "expires_date", "2026-11-22"}, []string{`href="#expires_date"`, "from today on"}},
		"no date":       {[]string{"scopes", "leads:read", "expires", "date"}, []string{`href="#expires_date"`, "last day"}},
		"never, no why": {[]string{"scopes", "leads:read", "expires", "never"}, []string{`href="#never_reason"`, "why it never ends"}},
		"environment":   {[]string{"scopes", "leads:read", "environment", "elsewhere"}, []string{`href="#environment"`, "one of the environments"}},
		"wild scope":    {[]string{"scopes", "leads:fly"}, []string{`href="#scopes"`, "is not a scope"}},
	} {
		form := b.createForm("Kept name", "purpose", "Kept purpose")
		for i := 0; i < len(c.change); i += 2 {
			for j := 0; j < len(form); j += 2 {
				if form[j] == c.change[i] && c.change[i] != "scopes" {
					form[j+1] = c.change[i+1]
				}
			}
			form = append(form, c.change[i], c.change[i+1])
		}
		got := b.post(accessPath+"/new", form...)
		if got.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: answered %d", name, got.status)
		}
		b.has(got, append(c.has, "error-summary", "Kept purpose")...)
	}
	if n := b.count(); n != 1 {
		t.Errorf("there are %d keys, want 1", n)
	}
}

func TestNeverKeepsTheReason(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	got := b.post(accessPath+"/new", b.createForm("Meter", "scopes", "leads:write", "expires", "90d", "purpose", "Box in the cellar.")...)
	b.status(got, http.StatusOK)
	form := b.createForm("Forever", "scopes", "leads:write", "purpose", "Box in the cellar.", "never_reason", "nobody can reach it")
	for i := range form {
		if form[i] == "90d" {
			form[i] = "never"
		}
	}
	b.status(b.post(accessPath+"/new", form...), http.StatusOK)
	k := b.byName("Forever")
	if k.ExpiresAt != nil || k.Purpose != "Box in the cellar. Never ends: nobody can reach it" {
		t.Errorf("ends %v, purpose %q", k.ExpiresAt, k.Purpose)
	}
}

func TestAKeyForAnotherEnvironmentAndAServiceAccount(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	form := b.createForm("Test bench", "scopes", "leads:write")
	for i := range form {
		switch form[i] {
		case "production":
			form[i] = "staging"
		case "me":
			form[i] = "service"
		}
	}
	got := b.post(accessPath+"/new", form...)
	b.status(got, http.StatusOK)
	if s := FindSecrets(got.body); len(s) == 0 || !strings.HasPrefix(s[0], prefixTest) {
		t.Error("no test key was shown")
	}
	b.has(got, "/app/acme/staging/settings/api-access/")
	if b.count() != 0 {
		t.Error("the key is in Production")
	}
	keys, err := b.keys.List(context.Background(), b.test, nil, 10)
	b.must(err)
	if len(keys) != 1 || !keys[0].ServiceAccount() {
		t.Errorf("Staging has %v", keys)
	}
	b.has(b.post(accessPath+"/new", form...), "already shown", "/app/acme/staging/settings/api-access/"+keys[0].ID.String())
}

func TestAStaleProofAsksForThePassword(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	b.clock.Advance(16 * time.Minute)
	b.has(b.get(accessPath+"/new"), `type="password"`)
	form := b.createForm("Website server", "scopes", "leads:write")
	got := b.post(accessPath+"/new", form...)
	b.status(got, http.StatusUnprocessableEntity)
	b.has(got, `href="#password"`, "Website server")
	got = b.post(accessPath+"/new", append(form, "password", "wrong horse")...)
	b.status(got, http.StatusUnprocessableEntity)
	b.hasNot(got, "wrong horse")
	got = b.post(accessPath+"/new", append(form, "password", adasPassword)...)
	b.status(got, http.StatusOK)
	b.hasNot(got, adasPassword)
	if b.count() != 1 {
		t.Error("the key was not made")
	}
	b.hasNot(b.get(accessPath+"/new"), `type="password"`)
}

func TestMembersSeeTheListWithoutValues(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	k, _ := b.create("Website server", "leads:write")
	b.call(k, b.clock.Now(), 1, http.StatusOK)
	mia := b.colleague("Mia", account.Member)
	list := mia.get(accessPath)
	mia.status(list, http.StatusOK)
	mia.has(list, "Website server", "leads:write", "Ada creates and changes keys here")
	mia.hasNot(list, k.Last4, k.PublicID, "203.0.113.7", "Create API key", "/revoke", "/edit", "name=\"pick\"")
	mia.hasNot(mia.get(accessPath+"/rows", "HX-Request", "true"), k.Last4, "203.0.113.7")
	mia.status(mia.get(accessPath+"?q="+k.Last4), http.StatusOK)
	mia.hasNot(mia.get(accessPath+"?q="+k.PublicID), "Website server")
	page := accessPath + "/" + k.ID.String()
	for _, path := range []string{accessPath + "/new", page, page + "/edit", page + "/rotate", page + "/revoke", page + "/usage.csv", page + "/use"} {
		got := mia.get(path)
		mia.status(got, http.StatusForbidden)
		mia.hasNot(got, k.Last4)
	}
	for _, path := range []string{accessPath + "/new", accessPath + "/bulk", page + "/edit", page + "/rotate", page + "/revoke", page + "/disable", page + "/enable"} {
		mia.status(mia.post(path, "name", "x", "scopes", "*", "pick", k.ID.String(), "do", "revoke", "confirmed", "yes"), http.StatusForbidden)
	}
	if now := b.byName("Website server"); now.RevokedAt != nil || now.DisabledAt != nil || b.count() != 1 {
		t.Error("a member changed a key")
	}
	mia.hasNot(mia.get("/app/acme/staging/settings/api-access"), "Website server")
}
