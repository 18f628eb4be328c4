package gallery

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"github.com/leadflip/leadflip/internal/platform/web"
)

var pages = map[string]func() templ.Component{
	"components": componentsPage,
	"confirm":    confirmPage,
	"create":     createPage,
	"detail":     detailPage,
	"empty":      emptyPage,
	"help":       helpPage,
	"keys":       keysPage,
	"login":      loginPage,
	"reveal":     revealPage,
	"setup":      setupPage,
}

const policy = "default-src 'none'; script-src 'nonce-%s'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func render(t testing.TB, page func() templ.Component) string {
	t.Helper()
	var b bytes.Buffer
	if err := page().Render(templ.WithNonce(t.Context(), "test-nonce"), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What the content security policy would block must not be in any page.
func TestPagesObeyThePolicy(t *testing.T) {
	t.Parallel()
	forbidden := map[string]*regexp.Regexp{
		"inline style":    regexp.MustCompile(`\sstyle=|<style`),
		"inline handler":  regexp.MustCompile(`\son[a-z]+=`),
		"inline script":   regexp.MustCompile(`<script[^>]*>[^<]`),
		"script address":  regexp.MustCompile(`(?i)javascript:`),
		"foreign address": regexp.MustCompile(`(?:src|<link[^>]*href)="(?:https?:)?//`),
		"eval in htmx":    regexp.MustCompile(`hx-on|"js:`),
	}
	for name, page := range pages {
		html := render(t, page)
		for what, pattern := range forbidden {
			if m := pattern.FindString(html); m != "" {
				t.Errorf("%s has an %s: %q", name, what, m)
			}
		}
	}
}

func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	ids := regexp.MustCompile(`\sid="([^"]*)"`)
	for name, page := range pages {
		seen := map[string]bool{}
		for _, m := range ids.FindAllStringSubmatch(render(t, page), -1) {
			if seen[m[1]] {
				t.Errorf("%s has the id %q twice", name, m[1])
			}
			seen[m[1]] = true
		}
	}
}

func TestReferencesExist(t *testing.T) {
	t.Parallel()
	references := regexp.MustCompile(`\s(?:for|aria-describedby|aria-labelledby|aria-controls)="([^"]*)"`)
	for name, page := range pages {
		html := render(t, page)
		for _, m := range references.FindAllStringSubmatch(html, -1) {
			for _, id := range regexp.MustCompile(`\s+`).Split(m[1], -1) {
				if !strings.Contains(html, ` id="`+id+`"`) {
					t.Errorf("%s refers to %q, which isn't there", name, id)
				}
			}
		}
	}
}

// TestServe shows the gallery in a browser; see the package comment.
func TestServe(t *testing.T) {
	addr := os.Getenv("LEADFLIP_GALLERY")
	if addr == "" {
		t.Skip("LEADFLIP_GALLERY is not set")
	}
	mux := http.NewServeMux()
	mux.Handle("/assets/", web.Assets())
	for name, page := range pages {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", fmt.Sprintf(policy, "gallery"))
			if err := page().Render(templ.WithNonce(r.Context(), "gallery"), w); err != nil {
				t.Log(err)
			}
		})
	}
	s := &fakeStream{changed: make(chan struct{})}
	mux.HandleFunc("GET /stream", s.stream)
	mux.HandleFunc("GET /stream/poll", s.poll)
	mux.HandleFunc("POST /fire", s.fire)
	mux.HandleFunc("GET /streams", s.count)
	t.Logf("http://%s/components", addr)
	if err := http.ListenAndServe(addr, mux); err != nil {
		t.Fatal(err)
	}
}
