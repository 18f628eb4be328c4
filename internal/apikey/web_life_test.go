package apikey

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
)

func TestRevokingAsksForTheNameOfAKeyInUse(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	k, _ := b.create("Website server", "leads:write")
	b.call(k, b.clock.Now(), 7, http.StatusOK)
	page := accessPath + "/" + k.ID.String() + "/revoke"
	ask := b.get(page)
	b.has(ask, "Revoke “Website server”?", "7 calls in the last 24 hours", "203.0.113.7", "POST /api/intake", `name="confirm"`, "Disable it instead", accessPath+"#key-"+k.ID.String())
	for _, typed := range []string{"", "Website", "website server 2"} {
		got := b.post(page, "confirm", typed)
		b.status(got, http.StatusUnprocessableEntity)
		b.has(got, `href="#confirm"`)
	}
	if b.byName("Website server").RevokedAt != nil {
		t.Fatal("the key is revoked without its name")
	}
	done := b.post(page, "confirm", " website  SERVER ")
	b.status(done, http.StatusOK)
	b.has(done, "“Website server” is revoked.")
	if b.byName("Website server").RevokedAt == nil {
		t.Error("the key is not revoked")
	}
	b.status(b.get(page), http.StatusConflict)
	b.status(b.post(page, "confirm", "Website server"), http.StatusConflict)
	b.has(b.get(accessPath+"?tab=ended"), "Website server", "Make one like it")
	b.has(b.get(accessPath+"/"+k.ID.String()), "It can never work again", "7 in 7 days")
	b.status(b.get(accessPath+"/"+k.ID.String()+"/edit"), http.StatusConflict)
}

func TestRevokingAnUnusedKeyIsOneClick(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	fresh, _ := b.create("Fresh", "leads:write")
	b.hasNot(b.get(accessPath+"/"+fresh.ID.String()+"/revoke"), `name="confirm"`)
	b.status(b.post(accessPath+"/"+fresh.ID.String()+"/revoke"), http.StatusOK)
	stale, _ := b.create("Stale", "leads:write")
	b.call(stale, b.clock.Now(), 1, http.StatusOK)
	b.flush()
	page := accessPath + "/" + stale.ID.String() + "/revoke"
	b.clock.Advance(7*24*time.Hour - time.Minute)
	b.again()
	b.has(b.get(page), `name="confirm"`)
	b.clock.Advance(2 * time.Hour)
	b.hasNot(b.get(page), `name="confirm"`)
	b.status(b.post(page), http.StatusOK)
	if b.byName("Fresh").RevokedAt == nil || b.byName("Stale").RevokedAt == nil {
		t.Error("a key is not revoked")
	}
}

func TestRevokingNamesTheKeysItMade(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	parent, secret := b.create("Parent", "leads:write", "keys:write")
	s, _ := ParseSecret(secret)
	child, _, err := b.keys.Create(t.Context(), b.as(s), Settings{Name: new("Child"), Scopes: new([]string{"leads:write"})}, false, nil)
	b.must(err)
	b.has(b.get(accessPath+"/"+parent.ID.String()), "Keys that this key made", "Child")
	got := b.post(accessPath+"/"+parent.ID.String()+"/revoke", "confirm", "Parent")
	b.status(got, http.StatusOK)
	b.has(got, "“Parent” is revoked.", "They go on working", "Child", accessPath+"/"+child.ID.String()+"/revoke")
}

func TestRevokingARotatingKeyEndsBothHalves(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	for _, both := range []bool{true, false} {
		name := map[bool]string{true: "Both", false: "New only"}[both]
		old, _ := b.create(name, "leads:write")
		page := accessPath + "/" + old.ID.String()
		b.status(b.post(page+"/rotate", "nonce", b.nonce(page+"/rotate"), "overlap", "24h"), http.StatusOK)
		next := b.byName(name)
		if next.ID == old.ID {
			t.Fatal("the newest key comes first")
		}
		b.has(b.get(accessPath+"/"+next.ID.String()+"/revoke"), "Also end the old half", "checked")
		form := []string{}
		if both {
			form = append(form, "old", "on")
		}
		b.status(b.post(accessPath+"/"+next.ID.String()+"/revoke", form...), http.StatusOK)
		left, err := b.keys.Get(t.Context(), b.owner, old.ID)
		b.must(err)
		if (left.RevokedAt != nil) != both {
			t.Errorf("%s: the old half was revoked at %v", name, left.RevokedAt)
		}
	}
}

func TestDisableAndEnableGoThroughBothHalves(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	old, _ := b.create("Website server", "leads:write")
	page := accessPath + "/" + old.ID.String()
	b.status(b.post(page+"/rotate", "nonce", b.nonce(page+"/rotate"), "overlap", "24h"), http.StatusOK)
	next := accessPath + "/" + b.byName("Website server").ID.String()
	got := b.post(next+"/disable", "back", accessPath+"?q=web")
	b.has(got, "“Website server” is disabled.")
	if !strings.HasPrefix(got.at, accessPath+"?") || !strings.Contains(got.at, "q=web") {
		t.Errorf("disabling leads to %s", got.at)
	}
	left, err := b.keys.Get(t.Context(), b.owner, old.ID)
	b.must(err)
	if left.DisabledAt == nil || b.byName("Website server").DisabledAt == nil {
		t.Error("a half still works")
	}
	b.has(b.get(accessPath), "Disabled", next+"/enable")
	b.has(b.post(next+"/enable", "back", next), "is enabled")
	left, err = b.keys.Get(t.Context(), b.owner, old.ID)
	b.must(err)
	if left.DisabledAt != nil || b.byName("Website server").DisabledAt != nil {
		t.Error("a half is still off")
	}
	for _, back := range []string{"https://evil.example/", "//evil.example", accessPath + "x", "/app/acme/production/leads", accessPath + "/../../x"} {
		if got := b.post(next+"/enable", "back", back); !strings.HasPrefix(got.at, accessPath+"?done=enabled") {
			t.Errorf("back to %q leads to %s", back, got.at)
		}
	}
}

func TestRotatingShowsTheNewKeyOnce(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	k, secret := b.create("Website server", "leads:write")
	page := accessPath + "/" + k.ID.String() + "/rotate"
	b.has(b.get(page), `value="24h" checked`, "The old key works until Tue 24 Nov, 10:30 UTC.", "The new key ends Sun 21 Feb 2027")
	b.status(b.post(page, "nonce", b.nonce(page), "overlap", "31d"), http.StatusUnprocessableEntity)
	b.status(b.post(page, "nonce", "", "overlap", "24h"), http.StatusConflict)
	form := []string{"nonce", b.nonce(page), "overlap", "1h"}
	first := b.post(page, form...)
	b.status(first, http.StatusOK)
	found := FindSecrets(first.body)
	if len(found) == 0 || found[0] == secret {
		t.Fatal("no new key was shown")
	}
	b.has(first, "has a new key", "The old key goes on working until Mon 23 Nov, 11:30 UTC.")
	again := b.post(page, form...)
	b.status(again, http.StatusOK)
	b.has(again, "already shown")
	b.hasNot(again, found[0])
	if b.count() != 2 {
		t.Errorf("there are %d keys, want 2", b.count())
	}
	b.clock.Advance(16 * time.Minute)
	next := accessPath + "/" + b.byName("Website server").ID.String() + "/rotate"
	b.has(b.get(next), `type="password"`)
	b.status(b.post(next, "nonce", b.nonce(next), "overlap", "0"), http.StatusUnprocessableEntity)
	b.status(b.post(next, "nonce", b.nonce(next), "overlap", "0", "password", adasPassword), http.StatusOK)
}

func TestSeveralKeysAtOnce(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	used, _ := b.create("Used", "leads:write")
	quiet, _ := b.create("Quiet", "leads:write")
	other, _ := b.create("Other", "leads:write")
	b.call(used, b.clock.Now(), 3, http.StatusOK)
	pick := []string{"pick", used.ID.String(), "pick", quiet.ID.String()}
	ask := b.post(accessPath+"/bulk", append(pick, "do", "disable")...)
	b.has(ask, "Disable 2 keys?", "One of them was used", "Used", "Quiet", "3 calls")
	b.hasNot(ask, "Other", `name="confirm"`)
	b.has(b.post(accessPath+"/bulk", append(pick, "do", "disable", "confirmed", "yes")...), "Disabled: 2 keys")
	ask = b.post(accessPath+"/bulk", append(pick, "do", "revoke", "confirmed", "yes")...)
	b.status(ask, http.StatusUnprocessableEntity)
	b.has(ask, "Type “revoke 2 keys” to confirm")
	b.has(b.post(accessPath+"/bulk", append(pick, "do", "revoke", "confirmed", "yes", "confirm", "revoke 2 keys")...), "Revoked: 2 keys")
	if b.byName("Used").RevokedAt == nil || b.byName("Quiet").RevokedAt == nil || b.byName("Other").RevokedAt != nil {
		t.Error("the wrong keys are revoked")
	}
	// A key of another environment cannot be picked.
	foreign, _, err := b.keys.Create(t.Context(), b.test, Settings{Name: new("Foreign"), Scopes: new([]string{"leads:read"})}, false, nil)
	b.must(err)
	got := b.post(accessPath+"/bulk", "pick", foreign.ID.String(), "pick", other.ID.String(), "do", "revoke", "confirmed", "yes")
	b.has(got, "Revoked: 1 key.")
	left, err := b.keys.Get(t.Context(), b.test, foreign.ID)
	b.must(err)
	if left.RevokedAt != nil {
		t.Error("a key of another environment was revoked")
	}
}

func TestEditingKeepsEverythingButTheSecret(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	k, _ := b.create("Website server", "leads:write")
	page := accessPath + "/" + k.ID.String()
	form := b.get(page + "/edit?add=leads:delete")
	b.has(form, `value="leads:write" checked`, `value="leads:delete" checked autofocus`, "lacks leads:delete", "Keep 21 Feb 2027", "Can create, change and delete all leads. Can read nothing. Works in Production only. Ends Sun 21 Feb 2027.")
	b.hasNot(b.get(page+"/edit?add=leads:write"), "autofocus=", "lacks")
	b.hasNot(b.get(page+"/edit?add=%22onload%3D"), "lacks")
	b.has(b.get(page+"/edit?open=limits"), "<details class=\"fold\" open")
	fields := func(more ...string) []string {
		return append([]string{"version", versionOf(b.byName("Website server")), "name", "Website server", "purpose", "Quotes", "expires", "keep", "rate_limit", "600", "ip_allow", "203.0.113.0/24, 2001:db8::/48", "origins", "https://www.example.com"}, more...)
	}
	got := b.post(page+"/edit", fields("scopes", "leads:write", "scopes", "leads.solar_quotes:read")...)
	b.status(got, http.StatusOK)
	b.has(got, "is saved", "leads.solar_quotes:read", "203.0.113.0/24, 2001:db8::/48", "https://www.example.com", "600 a minute", "changed it")
	now := b.byName("Website server")
	if !now.ExpiresAt.Equal(*k.ExpiresAt) || now.Last4 != k.Last4 || *now.Rate != 600 {
		t.Errorf("the key is now %+v", now)
	}

	// Two people at once: the second is told, and can save on purpose.
	stale := fields("scopes", "leads:read")
	b.clock.Advance(time.Second)
	_, err := b.keys.Edit(t.Context(), b.owner, k.ID, Settings{Purpose: new("Somebody else's")}, nil, nil)
	b.must(err)
	got = b.post(page+"/edit", append(stale, "purpose", "Mine")...)
	b.status(got, http.StatusUnprocessableEntity)
	b.has(got, "Somebody else changed this key", "Quotes")
	again := hiddenField(got, "version")
	b.status(b.post(page+"/edit", "version", again, "name", "Website server", "purpose", "Mine", "expires", "never", "never_reason", "a meter", "scopes", "leads:read", "rate_none", "on"), http.StatusOK)
	now = b.byName("Website server")
	if now.Purpose != "Mine. Never ends: a meter" || now.ExpiresAt != nil || now.Rate != nil || len(now.IPAllow) != 0 || now.Scopes.String() != "leads:read" {
		t.Errorf("the key is now %+v", now)
	}
}

// hiddenField is the value of a hidden field of an answer.
func hiddenField(a answer, field string) string {
	_, rest, _ := strings.Cut(a.body, `name="`+field+`" value="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func TestWideningAKeyNeedsAFreshProof(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	k, _ := b.create("Website server", "leads:write", "leads:read")
	page := accessPath + "/" + k.ID.String() + "/edit"
	b.clock.Advance(time.Hour)
	send := func(more ...string) answer {
		return b.post(page, append([]string{"version", versionOf(b.byName("Website server")), "name", "Website server", "expires", "keep", "rate_limit", "6000"}, more...)...)
	}
	b.status(send("scopes", "leads:write"), http.StatusOK) // takes away
	got := send("scopes", "leads:write", "scopes", "leads:delete")
	b.status(got, http.StatusUnprocessableEntity)
	b.has(got, `href="#password"`, `value="leads:delete" checked`)
	b.status(send("scopes", "leads:write", "scopes", "leads:delete", "password", adasPassword), http.StatusOK)
	if got := b.byName("Website server").Scopes.String(); got != "leads:delete leads:write" {
		t.Errorf("the scopes are %s", got)
	}
}

func TestTheAccountsLongestLifeShowsInTheForms(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	b.must(b.accounts.Change(t.Context(), b.owner, account.Settings{Name: "Acme", ExposedPolicy: account.ExposedMark, MaxKeyDays: new(30)}))
	form := b.get(accessPath + "/new")
	b.has(form, `value="30d" checked`, "a key lives for 30 days at most")
	b.hasNot(form, `value="90d"`, `value="never"`)
	b.has(b.get(accessPath+"/new?expires=never"), "a longer life than this account allows")
	b.has(b.get(accessPath+"/new?expires=45d"), "a longer life than this account allows")
	got := b.post(accessPath+"/new", b.createForm("Long", "scopes", "leads:read")...) // asks for 90 days
	b.status(got, http.StatusUnprocessableEntity)
	b.has(got, `href="#expires"`, "30 days at most")
}

func TestTheKeyPageTellsAllAboutItsUse(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	k, _ := b.create("Website server", "leads:write")
	page := accessPath + "/" + k.ID.String()
	b.has(b.get(page), "Make the first call", "$LEADFLIP_KEY", "Waiting for your first request", "Never used", "created it", k.PublicID)
	now := b.clock.Now()
	b.call(k, now.Add(-3*24*time.Hour), 30, http.StatusOK)
	b.call(k, now.Add(-time.Hour), 8, http.StatusOK)
	b.call(k, now.Add(-time.Hour), 2, http.StatusUnprocessableEntity)
	for query, has := range map[string][]string{
		"":           {"Calls in the last 7 days", "POST /api/intake", "203.0.113.7", "2 not ok", "req_" + k.PublicID, "40 in 7 days", "Show 30 more"},
		"?range=24h": {"Calls in the last 24 hours", "10:00", "by hour"},
		"?range=30d": {"Calls in the last 30 days"},
		"?range=90d": {"Calls in the last 90 days"},
		"?range=1s":  {"Calls in the last 7 days"},
	} {
		b.has(b.get(page+query), has...)
	}
	csv := b.get(page + "/usage.csv?range=24h")
	want := "hour_utc,method,route,status,calls\n2026-11-23T09:00:00Z,POST,/api/intake,200,8\n2026-11-23T09:00:00Z,POST,/api/intake,422,2\n"
	if csv.body != want || csv.header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(csv.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the download is %q (%v)", csv.body, csv.header)
	}
	for _, text := range []string{"=1+1", "+1", "-1", "@x", "\tx"} {
		if harmless(text)[0] != '\'' {
			t.Errorf("%q is a formula", text)
		}
	}
}

func TestWhatIsNotThereIsNotThere(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	foreign, _, err := b.keys.Create(t.Context(), b.test, Settings{Name: new("Foreign"), Scopes: new([]string{"leads:read"})}, false, nil)
	b.must(err)
	for _, key := range []string{foreign.ID.String(), "01a1a06c-0a08-73ff-81e3-09e8b1a4a8d7", "x", url.PathEscape("../x")} {
		for _, rest := range []string{"", "/edit", "/rotate", "/revoke", "/use", "/usage.csv"} {
			b.status(b.get(accessPath+"/"+key+rest), http.StatusNotFound)
		}
		for _, rest := range []string{"/edit", "/rotate", "/revoke", "/disable", "/enable"} {
			b.status(b.post(accessPath+"/"+key+rest, "confirm", "Foreign", "name", "x"), http.StatusNotFound)
		}
	}
	left, err := b.keys.Get(t.Context(), b.test, foreign.ID)
	b.must(err)
	if left.RevokedAt != nil || left.DisabledAt != nil || left.Name != "Foreign" {
		t.Error("a key of another environment was changed")
	}
}
