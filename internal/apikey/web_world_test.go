package apikey

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/web"
)

const (
	adasPassword = "nine lanterns over the harbour"
	accessPath   = "/app/acme/production/settings/api-access"
)

// browser is a person in front of the pages, with the guard and everything else that
// stands before them in the product.
type browser struct {
	*world
	clock *clock.Fake
	site  *web.Site
	url   string
	http  *http.Client
}

// answer is what the browser got.
type answer struct {
	status int
	header http.Header
	body   string
	at     string // path and query it ended up at
}

// webMux is the pages as the product mounts them.
func webMux(w *world, site *web.Site) http.Handler {
	inside := http.NewServeMux()
	Routes(inside, site, w.keys, w.accounts, func(context.Context, account.Principal) ([]EntityName, error) {
		return []EntityName{{"leads", "Leads"}, {"solar_quotes", "Solar quotes"}}, nil
	})
	mux := http.NewServeMux()
	account.Routes(mux, site, w.accounts)
	mux.Handle("/app/", account.Guard(site, w.accounts, inside))
	mux.Handle("/assets/", web.Assets())
	edge := &httpd.Edge{Log: slog.New(slog.DiscardHandler), Panicked: func(rw http.ResponseWriter, r *http.Request) { site.Error(rw, r, errs.New(errs.Internal, "panic")) }}
	return edge.Wrap(site.Protect(mux))
}

func newBrowser(t testing.TB) *browser {
	t.Helper()
	return newBrowserOn(t, dbtest.SQLite)
}

func newBrowserOn(t testing.TB, open func(testing.TB, ...dbtest.Option) *db.DB) *browser {
	t.Helper()
	c := clock.NewFake(time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC))
	b := &browser{world: newWorld(t, open(t, dbtest.Clock(c))), clock: c}
	b.site = &web.Site{Log: slog.New(slog.DiscardHandler), Shell: b.accounts.Shell}
	srv := httptest.NewServer(webMux(b.world, b.site))
	t.Cleanup(srv.Close)
	b.url = srv.URL
	return b.logIn("ada@example.com", adasPassword)
}

// logIn is the same instance in the browser of another person.
func (b *browser) logIn(email, password string) *browser {
	b.t.Helper()
	other := *b
	jar, err := cookiejar.New(nil)
	b.must(err)
	other.http = &http.Client{Jar: jar}
	got := other.post("/login", "email", email, "password", password)
	if strings.HasPrefix(got.at, "/login") {
		b.t.Fatalf("%s could not log in: %d", email, got.status)
	}
	return &other
}

// colleague makes a member with a role and returns their browser.
func (b *browser) colleague(name string, role account.Role) *browser {
	b.t.Helper()
	email := strings.ToLower(name) + "@example.com"
	token, err := b.accounts.Invite(context.Background(), b.owner, email, role)
	b.must(err)
	_, _, err = b.accounts.Join(context.Background(), token, name, adasPassword, account.Origin{IP: netip.MustParseAddr("127.0.0.1")})
	b.must(err)
	return b.logIn(email, adasPassword)
}

// again logs in afresh, when the test's time went on for too long.
func (b *browser) again() { b.http = b.logIn("ada@example.com", adasPassword).http }

func (b *browser) send(r *http.Request, err error) answer {
	b.t.Helper()
	b.must(err)
	resp, err := b.http.Do(r)
	b.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	b.must(err)
	return answer{resp.StatusCode, resp.Header, string(body), resp.Request.URL.RequestURI()}
}

func (b *browser) get(path string, header ...string) answer {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodGet, b.url+path, nil)
	for i := 0; err == nil && i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return b.send(r, err)
}

// post sends a form a second later; a name may come more than once.
func (b *browser) post(path string, pairs ...string) answer {
	b.t.Helper()
	b.clock.Advance(time.Second)
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, b.url+path, strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return b.send(r, err)
}

var nonceField = regexp.MustCompile(`name="nonce" value="([^"]+)"`)

// nonce opens a form and returns its nonce.
func (b *browser) nonce(path string) string {
	b.t.Helper()
	m := nonceField.FindStringSubmatch(b.get(path).body)
	if m == nil {
		b.t.Fatalf("%s has no nonce", path)
	}
	return m[1]
}

// createForm is a filled form of a new key.
func (b *browser) createForm(name string, more ...string) []string {
	b.t.Helper()
	return append([]string{"nonce", b.nonce(accessPath + "/new"), "name", name, "environment", "production", "owner", "me", "expires", "90d", "rate_limit", "6000"}, more...)
}

// create makes a key through the form and returns it with its secret.
func (b *browser) create(name string, scopes ...string) (Key, string) {
	b.t.Helper()
	var more []string
	for _, s := range scopes {
		more = append(more, "scopes", s)
	}
	got := b.post(accessPath+"/new", b.createForm(name, more...)...)
	found := FindSecrets(got.body)
	if got.status != http.StatusOK || len(found) == 0 {
		b.t.Fatalf("the key %q was not made: %d", name, got.status)
	}
	return b.byName(name), found[0]
}

// byName is a living key of Production.
func (b *browser) byName(name string) Key {
	b.t.Helper()
	keys, err := b.keys.List(context.Background(), b.owner, nil, 1000)
	b.must(err)
	for _, k := range keys {
		if k.Name == name {
			return k
		}
	}
	b.t.Fatalf("there is no key %q", name)
	return Key{}
}

func (b *browser) count() int {
	b.t.Helper()
	keys, err := b.keys.List(context.Background(), b.owner, nil, 1000)
	b.must(err)
	return len(keys)
}

// call notes n calls of a key as the API would, the last of them at a moment.
func (b *browser) call(k Key, at time.Time, n, status int) {
	for i := range n {
		b.keys.Observe(api.Call{KeyID: k.ID, Environment: k.Environment.ID, At: at.Add(-time.Duration(n-1-i) * time.Millisecond), RequestID: "req_" + k.PublicID + at.Format("150405") + string(rune('a'+i%26)), Method: "POST",
			Route: "/api/intake", Status: status, Took: 4 * time.Millisecond, IP: netip.MustParseAddr("203.0.113.7"), UserAgent: "curl/8.5.0", Accepted: status != http.StatusUnauthorized})
	}
}

// flush writes what the calls left in memory.
func (b *browser) flush() { b.keys.usage.flush(context.Background()) }

func (b *browser) has(a answer, texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			b.t.Errorf("%s (%d) does not say %q", a.at, a.status, text)
		}
	}
}

func (b *browser) hasNot(a answer, texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			b.t.Errorf("%s (%d) says %q", a.at, a.status, text)
		}
	}
}

// status checks the status of an answer.
func (b *browser) status(a answer, want int) {
	b.t.Helper()
	if a.status != want {
		b.t.Errorf("%s answered %d, want %d", a.at, a.status, want)
	}
}
