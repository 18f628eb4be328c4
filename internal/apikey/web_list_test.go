package apikey

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

var rowNames = regexp.MustCompile(`<a class="row-title" href="[^"]*">([^<]*)</a>`)

// names are the keys of a list in their order.
func names(a answer) string {
	var out []string
	for _, m := range rowNames.FindAllStringSubmatch(a.body, -1) {
		out = append(out, m[1])
	}
	return strings.Join(out, ", ")
}

func TestTheListSearchesFiltersAndSorts(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	alpha, _ := b.create("Alpha", "leads:write")
	b.clock.Advance(time.Minute)
	beta, _ := b.create("Beta", "leads:read", "entities:read")
	b.clock.Advance(time.Minute)
	b.create("Gamma", "events:read")
	form := b.createForm("Delta", "scopes", "leads:read", "purpose", "Nightly REPORT for the board")
	for i := range form {
		if form[i] == "me" {
			form[i] = "service"
		}
	}
	b.clock.Advance(time.Minute)
	b.status(b.post(accessPath+"/new", form...), http.StatusOK)
	b.call(alpha, b.clock.Now(), 5, http.StatusOK)
	b.call(beta, b.clock.Now().Add(-time.Hour), 9, http.StatusOK)
	_, err := b.keys.Revoke(t.Context(), b.owner, b.byName("Gamma").ID, nil)
	b.must(err)
	for query, want := range map[string]string{
		"":                                     "Delta, Beta, Alpha",
		"?tab=ended":                           "Gamma",
		"?q=alp":                               "Alpha",
		"?q=BOARD+report":                      "Delta",
		"?q=" + beta.Last4:                     "Beta",
		"?q=203.0.113.7":                       "Beta, Alpha",
		"?q=leads:read":                        "Delta, Beta",
		"?q=nothing+like+it":                   "",
		"?status=never_used":                   "Delta",
		"?status=revoked&tab=ended":            "Gamma",
		"?status=nonsense":                     "Delta, Beta, Alpha",
		"?scope=leads:read":                    "Delta, Beta",
		"?owner=service":                       "Delta",
		"?owner=" + b.owner.Person.ID.String(): "Beta, Alpha",
		"?sort=name":                           "Alpha, Beta, Delta",
		"?sort=-name":                          "Delta, Beta, Alpha",
		"?sort=used":                           "Alpha, Beta, Delta",
		"?sort=-used":                          "Delta, Beta, Alpha",
		"?sort=calls":                          "Beta, Alpha, Delta",
		"?sort=ends":                           "Alpha, Beta, Delta",
		"?sort=status":                         "Delta, Beta, Alpha",
		"?sort=nonsense":                       "Delta, Beta, Alpha",
		"?q=e&scope=leads:read&sort=name":      "Beta, Delta",
	} {
		got := b.get(accessPath + query)
		b.status(got, http.StatusOK)
		if names(got) != want {
			t.Errorf("%s shows %q, want %q", query, names(got), want)
		}
		if part := b.get(accessPath+"/rows"+query, "HX-Request", "true"); names(part) != want {
			t.Errorf("the part %s shows %q, want %q", query, names(part), want)
		}
	}
	for _, key := range []string{"name", "key", "scopes", "used", "calls", "ends", "status"} {
		b.has(b.get(accessPath+"?sort="+key), `aria-sort="ascending"`, "sort=-"+key)
	}
	b.has(b.get(accessPath+"?q=nothing"), "No key here matches", "Clear the filter")
}

func TestTheRowsAnswerOnlyWhenSomethingChanged(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	k, _ := b.create("Website server", "leads:write")
	seenField := regexp.MustCompile(`name="seen" value="([^"]+)"`)
	seen := func(a answer) string { return seenField.FindStringSubmatch(a.body)[1] }
	rows := func(seen string) answer { return b.get(accessPath+"/rows?seen="+seen, "HX-Request", "true") }
	page := b.get(accessPath)
	b.has(page, `data-refresh-every="5"`, `hx-swap="outerMorph"`, "key.first_used", "Last used is at most ten seconds old.")
	now := seen(page)
	b.status(rows(now), http.StatusNoContent)
	b.clock.Advance(5 * time.Second)
	b.status(rows(now), http.StatusNoContent)
	b.call(k, b.clock.Now(), 1, http.StatusOK)
	part := rows(now)
	b.status(part, http.StatusOK)
	b.has(part, "just now", "203.0.113.7", "POST /api/intake")
	b.hasNot(part, "<html", "key-filter\"")
	b.status(rows(seen(part)), http.StatusNoContent)
	b.status(b.post(accessPath+"/"+k.ID.String()+"/disable"), http.StatusOK)
	b.status(rows(seen(part)), http.StatusOK)

	// Opened as a page, the part leads to the list.
	if got := b.get(accessPath + "/rows?q=web"); got.at != accessPath+"?q=web" {
		t.Errorf("the part leads to %s", got.at)
	}
	// What the toolbar fetches moves the address with it.
	got := b.get(accessPath+"/rows?q=web&status=&tab=ended", "HX-Request", "true", "HX-Source", "form#key-filter")
	if got.header.Get("HX-Replace-Url") != accessPath+"?q=web&tab=ended" {
		t.Errorf("the address becomes %q", got.header.Get("HX-Replace-Url"))
	}
	// The key's page does the same.
	use := accessPath + "/" + k.ID.String() + "/use"
	first := b.get(use, "HX-Request", "true")
	b.status(first, http.StatusOK)
	b.status(b.get(use+"?seen="+seen(first), "HX-Request", "true"), http.StatusNoContent)
	b.status(b.get(use+"?range=24h&seen="+seen(first), "HX-Request", "true"), http.StatusOK)
}

func TestAnEmptyListOffersWaysToBegin(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	got := b.get(accessPath)
	b.has(got, "No API key in Production yet", "/new?preset=website", "/new?preset=report", "/new?preset=automation", "curl -X POST "+b.url+"/api/intake")
	b.hasNot(got, "key-table", "key-filter")
	for _, slug := range firstPresets {
		p, ok := findPreset(slug)
		if !ok {
			t.Fatalf("there is no preset %q", slug)
		}
		page := b.get(accessPath + "/new?preset=" + slug)
		for _, s := range p.Scopes {
			b.has(page, `value="`+string(s)+`" checked`)
		}
	}
}

func TestExposedKeysAreAnnounced(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	k, secret := b.create("Leaky", "leads:write")
	b.must(b.keys.markExposed(t.Context(), secret, "query", b.owner.Actor(), false))
	b.has(b.get(accessPath), "“Leaky” was exposed.", "in a web address", accessPath+"/"+k.ID.String()+"/rotate")

	page := accessPath + "/" + k.ID.String()
	rotated := b.post(page+"/rotate", "nonce", b.nonce(page+"/rotate"), "overlap", "24h")
	b.status(rotated, http.StatusOK)
	b.has(b.get(accessPath), "The old key of “Leaky” was exposed", "End it now")
	b.status(b.post(page+"/revoke"), http.StatusOK)
	b.hasNot(b.get(accessPath), "was exposed")
}

func TestARotationIsOneRow(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	k, _ := b.create("Website server", "leads:write")
	b.call(k, b.clock.Now(), 3, http.StatusOK)
	page := accessPath + "/" + k.ID.String()
	b.clock.Advance(2 * time.Hour)
	b.status(b.post(page+"/rotate", "nonce", b.nonce(page+"/rotate"), "overlap", "24h", "password", adasPassword), http.StatusOK)
	b.clock.Advance(time.Hour)
	b.call(k, b.clock.Now(), 12, http.StatusOK)
	list := b.get(accessPath)
	if names(list) != "Website server" {
		t.Errorf("the list shows %q", names(list))
	}
	b.has(list, "old half", "…"+k.Last4, "ends in 23 h", "12 calls since", "last call just now", "Rotating, 23 h", page+"/revoke")
	b.clock.Advance(6 * time.Hour)
	b.has(b.get(accessPath), "safe to end: silent for 6 h")
	next := accessPath + "/" + b.byName("Website server").ID.String()
	b.has(b.get(next), "two keys work", "12 calls since the rotation", "End the old key now", "Safe to end")
	b.has(b.get(page), "This is the old half of a rotation", next)
	if got := b.get(page + "/rotate"); got.at != next+"/rotate" {
		t.Errorf("rotating the old half leads to %s", got.at)
	}
	b.clock.Advance(17 * time.Hour)
	if got := names(b.get(accessPath)); got != "Website server" {
		t.Errorf("after the overlap the list shows %q", got)
	}
	b.hasNot(b.get(accessPath), "old half")
	b.has(b.get(accessPath+"?tab=ended"), "Expired", "Open the new key")
}
