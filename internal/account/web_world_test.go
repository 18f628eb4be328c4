package account

import (
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// site is the web app as far as this room goes, with a stand-in for the pages of
// other rooms.
type site struct {
	*world
	web     *web.Site
	handler http.Handler
	entered []string // the pages of other rooms that were reached
}

const instance = "https://leads.example.com"

func newSite(w *world) *site {
	st := &site{world: w, web: &web.Site{Log: slog.New(slog.DiscardHandler), Shell: w.s.Shell}}
	mux := http.NewServeMux()
	Routes(mux, st.web, w.s)
	st.web.Handle(mux, "/", func(out http.ResponseWriter, r *http.Request) error {
		st.entered = append(st.entered, r.Method+" "+r.URL.Path)
		_, err := out.Write([]byte("a page of another room"))
		return err
	})
	guarded := Guard(st.web, w.s, mux)
	st.handler = st.web.Protect(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/app/") {
			guarded.ServeHTTP(out, r)
			return
		}
		mux.ServeHTTP(out, r)
	}))
	return st
}

// browser is somebody at a screen.
type browser struct {
	*site
	edge    *httpd.Edge
	host    string
	addr    string
	cookies map[string]*http.Cookie
	agent   string
}

// browser opens one on the same machine, over http.
func (st *site) browser() *browser {
	return &browser{site: st, host: "localhost:8080", addr: "127.0.0.1:50000", cookies: map[string]*http.Cookie{}, agent: office.UserAgent,
		edge: &httpd.Edge{Log: slog.New(slog.DiscardHandler), Base: instance, Panicked: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }}}
}

// secure opens one elsewhere, over HTTPS.
func (st *site) secure() *browser {
	b := st.browser()
	b.host, b.addr, b.edge.OwnTLS = "leads.example.com", "198.51.100.7:50000", true
	return b
}

// plain opens one elsewhere, over http.
func (st *site) plain() *browser {
	b := st.browser()
	b.host, b.addr = "192.0.2.80:8080", "192.0.2.44:50000"
	return b
}

type answer struct {
	*httptest.ResponseRecorder
	body string
}

func (a answer) location() string { return a.Header().Get("Location") }

// text is the page without its tags.
func (a answer) text() string {
	return strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(a.body, " "))), " ")
}

// value is what stands in a field of the page: the visible one, or else a hidden one.
func (a answer) value(name string) string {
	inputs := regexp.MustCompile(`<input[^>]*>`).FindAllString(a.body, -1)
	for _, mark := range []string{` id="` + name + `"`, ` name="` + name + `"`} {
		for _, input := range inputs {
			if strings.Contains(input, mark) {
				if m := regexp.MustCompile(` value="([^"]*)"`).FindStringSubmatch(input); m != nil {
					return html.UnescapeString(m[1])
				}
			}
		}
	}
	return ""
}

func (a answer) has(name string) bool { return strings.Contains(a.body, ` name="`+name+`"`) }

// do sends a request. header holds names and values in turn.
func (b *browser) do(method, target string, form url.Values, header ...string) answer {
	b.t.Helper()
	target, _, _ = strings.Cut(target, "#")
	r := httptest.NewRequest(method, target, strings.NewReader(form.Encode()))
	r.Host, r.RemoteAddr = b.host, b.addr
	r.Header.Set("User-Agent", b.agent)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.edge.Wrap(b.handler).ServeHTTP(w, r)
	b.s.background.Wait()
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return answer{w, w.Body.String()}
}

func (b *browser) get(target string, header ...string) answer {
	b.t.Helper()
	return b.do(http.MethodGet, target, nil, header...)
}

// post sends a form as the page it stands on would. values holds names and values in
// turn.
func (b *browser) post(target string, values ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Add(values[i], values[i+1])
	}
	return b.do(http.MethodPost, target, form, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "navigate")
}

// logIn logs in.
func (b *browser) logIn(email string) *browser {
	b.t.Helper()
	if a := b.post("/login", "email", email, "password", goodPassword); a.Code != http.StatusSeeOther {
		b.t.Fatalf("%s cannot log in: %d %s", email, a.Code, a.text())
	}
	return b
}

func (b *browser) token() string {
	for _, c := range b.cookies {
		return c.Value
	}
	return ""
}

// onSite runs a test of the web app on SQLite, where every page is made in the same
// way; what differs between the databases is tested with the use cases.
func onSite(t *testing.T, fn func(t *testing.T, st *site)) {
	t.Helper()
	t.Parallel()
	on(t, dbtest.SQLite, func(t *testing.T, w *world) { fn(t, newSite(w)) })
}

const settings = "/app/acme/production/settings/"
