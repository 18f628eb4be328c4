package apikey

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
)

// allPages are the pages of a key in every state that differs.
func (b *browser) allPages() []answer {
	b.t.Helper()
	k, secret := b.create("Website server", "leads:write", "entities:read")
	b.call(k, b.clock.Now().Add(-time.Hour), 30, http.StatusOK)
	b.call(k, b.clock.Now(), 30, http.StatusForbidden)
	b.must(b.keys.markExposed(b.t.Context(), secret, "body", b.owner.Actor(), false))
	page := accessPath + "/" + k.ID.String()
	rotated := b.post(page+"/rotate", "nonce", b.nonce(page+"/rotate"), "overlap", "24h")
	never, _ := b.create("Never", "*")
	off, _ := b.create("Off", "leads.gone:read")
	b.must(second(b.keys.Disable(b.t.Context(), b.owner, off.ID, nil)))
	dead, _ := b.create("Dead", "leads:read")
	b.must(second(b.keys.Revoke(b.t.Context(), b.owner, dead.ID, nil)))
	next := accessPath + "/" + b.byName("Website server").ID.String()
	pages := []answer{rotated, b.post(accessPath+"/new", b.createForm(" ", "scopes", "x", "ip_allow", "x", "origins", "x")...),
		b.post(page+"/revoke", "confirm", "wrong"), b.post(accessPath+"/bulk", "pick", never.ID.String(), "do", "revoke"), b.post(accessPath+"/new", b.createForm("Fresh", "scopes", "leads:write")...)}
	for _, path := range []string{accessPath, accessPath + "?tab=ended", accessPath + "?q=nothing", accessPath + "/new", accessPath + "/new?scopes=*&expires=never", accessPath + "/new?preset=sync&expires=45d",
		page, page + "/edit", page + "/revoke", next, next + "/edit?add=leads:delete", next + "/rotate", next + "/revoke", accessPath + "/" + never.ID.String(), accessPath + "/" + off.ID.String() + "/edit",
		accessPath + "/" + dead.ID.String(), "/app/acme/staging/settings/api-access"} {
		pages = append(pages, b.get(path))
	}
	mia := b.colleague("Mia", account.Member)
	return append(pages, mia.get(accessPath), mia.get(accessPath+"/new"))
}

func second[T any](_ T, err error) error { return err }

func TestPagesObeyThePolicyAndPointAtWhatIsThere(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	forbidden := map[string]*regexp.Regexp{
		"inline style":    regexp.MustCompile(`\sstyle=|<style`),
		"inline handler":  regexp.MustCompile(`\son[a-z]+=`),
		"inline script":   regexp.MustCompile(`<script[^>]*>[^<]`),
		"script address":  regexp.MustCompile(`(?i)javascript:`),
		"foreign address": regexp.MustCompile(`(?:src|<link[^>]*href)="(?:https?:)?//`),
		"eval in htmx":    regexp.MustCompile(`hx-on|"js:|every \d+s \[`),
		"broken format":   regexp.MustCompile(`%!|<nil>|0001-01-01|1 Jan 0001`),
	}
	ids := regexp.MustCompile(`\sid="([^"]*)"`)
	references := regexp.MustCompile(`\s(?:for|form|aria-describedby|aria-labelledby|aria-controls|data-target)="([^"]*)"|href="#([^"]+)"`)
	for _, page := range b.allPages() {
		for what, pattern := range forbidden {
			if m := pattern.FindString(page.body); m != "" {
				t.Errorf("%s has an %s: %q", page.at, what, m)
			}
		}
		seen := map[string]bool{}
		for _, m := range ids.FindAllStringSubmatch(page.body, -1) {
			if seen[m[1]] {
				t.Errorf("%s has the id %q twice", page.at, m[1])
			}
			seen[m[1]] = true
		}
		for _, m := range references.FindAllStringSubmatch(page.body, -1) {
			for id := range strings.FieldsSeq(m[1] + " " + m[2]) {
				if !seen[id] {
					t.Errorf("%s refers to %q, which is not there", page.at, id)
				}
			}
		}
		if strings.Count(page.body, "<h1") != 1 {
			t.Errorf("%s has %d headings of the first order", page.at, strings.Count(page.body, "<h1"))
		}
	}
}

// What people type is text wherever it is shown.
func TestNothingThatIsTypedRuns(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	for i, text := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</title><svg/onload=alert(1)>`, `javascript:alert(1)`, `{{7*7}}${7*7}`, `</textarea><script>alert(1)</script>`, `--><script>alert(1)</script>`,
		`<a href="javascript:alert(1)">x</a>`, `&lt;script&gt;alert(1)`, `<details open ontoggle=alert(1)>`,
	} {
		name := text
		k, _ := b.create(name, "leads:write")
		_, err := b.keys.Edit(t.Context(), b.owner, k.ID, Settings{Purpose: &text}, nil, nil)
		b.must(err)
		b.call(k, b.clock.Now(), 1, http.StatusOK)
		page := accessPath + "/" + k.ID.String()
		pages := []answer{b.get(accessPath), b.get(accessPath + "/rows"), b.get(page), b.get(page + "/edit"), b.get(page + "/rotate"), b.get(page + "/revoke"), b.post(page+"/revoke", "confirm", text),
			b.post(accessPath+"/bulk", "pick", k.ID.String(), "do", "disable"), b.get(accessPath + "?done=changed&key=" + k.ID.String()), b.post(accessPath+"/new", b.createForm(text, "purpose", text, "ip_allow", text, "origins", text, "never_reason", text)...)}
		for _, got := range pages {
			for _, raw := range []string{"<script>alert", "<img src=x", "<svg/onload", `href="javascript:`, `"><img`, "<details open ontoggle", `' onmouseover='alert`} {
				if strings.Contains(got.body, raw) {
					t.Errorf("%d: %s has %q", i, got.at, raw)
				}
			}
		}
	}
	for _, query := range []string{`?q=<script>alert(1)</script>`, `?sort=<script>alert(1)</script>`, `?owner="><img src=x>`, `?scope="><img src=x>`, `?tab="><img src=x>`} {
		b.hasNot(b.get(accessPath+strings.NewReplacer("<", "%3C", ">", "%3E", `"`, "%22", " ", "%20").Replace(query)), "<script>alert", `"><img`)
	}
	b.hasNot(b.get(accessPath+"/new?name=%3Cscript%3Ealert(1)%3C/script%3E&purpose=%22%3E%3Cimg%20src=x%3E&scopes=%3Cscript%3Ealert(1)&preset=%3Cscript%3Ealert&expires=%3Cscript%3Ealert"), "<script>alert", `"><img`)
}
