package help

import (
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/web"
)

const testBase = "https://leads.example.com"

// serve is the help centre behind the same outside as in the product.
func serve(l *Library) http.Handler {
	log := slog.New(slog.DiscardHandler)
	site := &web.Site{Log: log}
	mux := http.NewServeMux()
	routes(mux, site, l)
	edge := &httpd.Edge{Log: log, Base: testBase, Panicked: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }}
	return edge.Wrap(site.Protect(mux))
}

func get(t *testing.T, h http.Handler, path string, header ...string) (int, http.Header, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, testBase+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, w.Result().Header, string(body)
}

// ok is get of a page that must be there.
func ok(t *testing.T, h http.Handler, path string, header ...string) string {
	t.Helper()
	status, head, body := get(t, h, path, header...)
	if status != http.StatusOK {
		t.Fatalf("GET %s: status %d", path, status)
	}
	if head.Get("Set-Cookie") != "" {
		t.Errorf("GET %s sets a cookie", path)
	}
	return body
}

func TestEveryArticleIsShown(t *testing.T) {
	h := serve(library)
	index := ok(t, h, "/help")
	for _, a := range Articles() {
		for what, page := range map[string]string{"page": ok(t, h, "/help/"+a.Slug), "Markdown": ok(t, h, "/help/"+a.Slug+".md")} {
			if !strings.Contains(page, html.EscapeString(a.Title)) || strings.Contains(page, "{{") {
				t.Errorf("%s: the %s has no title or a placeholder that was not filled", a.Slug, what)
			}
		}
		if !strings.Contains(index, `href="/help/`+a.Slug+`"`) {
			t.Errorf("%s is not on the first page", a.Slug)
		}
		if len(Snippets(a, testBase)) > 0 && !strings.Contains(ok(t, h, "/help/"+a.Slug), "<copy-button") {
			t.Errorf("%s has code that cannot be copied", a.Slug)
		}
	}
}

func TestEveryCodeHasAPageWithATrueExample(t *testing.T) {
	h := serve(library)
	list := ok(t, h, "/help/errors")
	for _, c := range errs.Codes() {
		x, _ := errs.Explain(c)
		page := ok(t, h, "/help/errors/"+string(c))
		for _, want := range []string{x.Title, x.Meaning, x.Fix, strconv.Itoa(httpd.Status(c))} {
			if !strings.Contains(html.UnescapeString(page), want) {
				t.Errorf("the page of %s does not say %q", c, want)
			}
		}
		if examples[c] == nil || examples[c].Code != c {
			t.Fatalf("%s has no example of its own", c)
		}
		_, example, err := exampleOf(c, testBase)
		if err != nil {
			t.Fatal(err)
		}
		var problem struct{ Type, Title, Detail, Code string }
		if err := json.Unmarshal([]byte(example), &problem); err != nil {
			t.Fatal(err)
		}
		if problem.Type != testBase+"/help/errors/"+string(c) || problem.Title != x.Title || problem.Code != string(c) || problem.Detail == "" {
			t.Errorf("the example of %s is not whole: %s", c, example)
		}
		if !strings.Contains(html.UnescapeString(page), example) || !strings.Contains(ok(t, h, "/help/errors/"+string(c)+".md"), example) {
			t.Errorf("the page of %s does not show its example", c)
		}
		if !strings.Contains(list, `href="/help/errors/`+string(c)+`"`) {
			t.Errorf("%s is not in the list of codes", c)
		}
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	h := serve(library)
	for _, path := range []string{"/help/nothing", "/help/nothing.md", "/help/.md", "/help/errors/nothing", "/help/errors/nothing.md", "/help/api-authentication/more", "/help/../etc/passwd", "/help/articles%2Ferrors"} {
		if status, _, _ := get(t, h, path); status != http.StatusNotFound {
			t.Errorf("GET %s: status %d", path, status)
		}
	}
}

func TestPagesAreMarkdownForThoseWhoAsk(t *testing.T) {
	h := serve(library)
	for _, c := range []struct {
		accept   string
		markdown bool
	}{
		{"text/markdown", true}, {"text/markdown, */*;q=0.1", true}, {"text/html,application/xhtml+xml,*/*;q=0.8", false}, {"*/*", false}, {"text/html, text/markdown", false},
	} {
		for _, path := range []string{"/help/errors", "/help/errors/key_missing", "/help/environments"} {
			_, head, _ := get(t, h, path, "Accept", c.accept)
			if got := strings.HasPrefix(head.Get("Content-Type"), "text/markdown"); got != c.markdown {
				t.Errorf("GET %s with Accept: %s answers %s", path, c.accept, head.Get("Content-Type"))
			}
			if !slices.Contains(head.Values("Vary"), "Accept") {
				t.Errorf("GET %s does not vary by Accept", path)
			}
		}
	}
	index := ok(t, h, "/llms.txt")
	for _, a := range Articles() {
		if !strings.Contains(index, testBase+"/help/"+a.Slug+".md") {
			t.Errorf("llms.txt lacks %s", a.Slug)
		}
	}
	for _, c := range errs.Codes() {
		if !strings.Contains(index, testBase+"/help/errors/"+string(c)+".md") {
			t.Errorf("llms.txt lacks %s", c)
		}
	}
}

var (
	hrefs     = regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)
	ids       = regexp.MustCompile(`\bid="([^"]*)"`)
	textLinks = regexp.MustCompile(`\]\(([^)]*)\)`)
)

// elsewhere are addresses of other rooms that articles may point to.
var elsewhere = []string{"/", "/api/openapi.json"}

func TestEveryLinkResolvesAndNoneLeadsOutside(t *testing.T) {
	h := serve(library)
	pages := map[string]string{}
	page := func(path string) string {
		if _, seen := pages[path]; !seen {
			status, _, body := get(t, h, path)
			if status != http.StatusOK {
				t.Errorf("GET %s: status %d", path, status)
			}
			pages[path] = body
		}
		return pages[path]
	}
	todo := []string{"/help", "/help?q=key", "/llms.txt"}
	seen := map[string]bool{}
	for len(todo) > 0 {
		from := todo[0]
		todo = todo[1:]
		body := page(from)
		found := hrefs.FindAllStringSubmatch(body, -1)
		if strings.HasSuffix(from, ".md") || strings.HasSuffix(from, ".txt") {
			found = textLinks.FindAllStringSubmatch(body, -1)
		}
		for _, m := range found {
			href := strings.TrimPrefix(html.UnescapeString(m[1]), testBase)
			target, fragment, _ := strings.Cut(href, "#")
			if href == "" || strings.HasPrefix(target, "/assets/") || slices.Contains(elsewhere, target) {
				continue
			}
			if u, err := url.Parse(href); err != nil || u.IsAbs() || u.Host != "" {
				t.Errorf("%s leads outside: %s", from, href)
				continue
			}
			if target == "" {
				target = from
			}
			if fragment != "" {
				has := false
				for _, id := range ids.FindAllStringSubmatch(page(target), -1) {
					has = has || id[1] == fragment
				}
				if !has {
					t.Errorf("%s points to %s, but there is no such place", from, href)
				}
			}
			if !seen[target] {
				seen[target] = true
				todo = append(todo, target)
			}
		}
	}
	if len(seen) < len(Articles())+len(errs.Codes()) {
		t.Errorf("only %d pages were reached", len(seen))
	}
}

func TestIDsAreUniqueOnEachPage(t *testing.T) {
	h := serve(library)
	for _, a := range Articles() {
		seen := map[string]bool{}
		for _, m := range ids.FindAllStringSubmatch(ok(t, h, "/help/"+a.Slug), -1) {
			if seen[m[1]] {
				t.Errorf("%s has the id %s twice", a.Slug, m[1])
			}
			seen[m[1]] = true
		}
	}
}

func TestHostileTextIsInert(t *testing.T) {
	const front = "---\ntitle: <script>alert(1)</script>\nsummary: <img src=x onerror=alert(1)>\ncategory: \"><script>\norder: 1\nupdated: 2026-11-23\nscreen: <b>A</b> > B\n---\n"
	l, err := NewLibrary(fstest.MapFS{"a/bad.md": {Data: []byte(front + `
<script>alert(2)</script>

Text <img src=x onerror=alert(3)> and [link](javascript:alert(4)) and [other](vbscript:x) and ![p](data:text/html,x).

# Head "><svg onload=alert(5)>

` + "```bash\ncurl '</code></pre><script>alert(6)</script>'\n```\n```js \" onclick=alert(7) x\n\"</script><script>alert(8)</script>\n```\n")}}, "a")
	if err != nil {
		t.Fatal(err)
	}
	h := serve(l)
	tags := regexp.MustCompile(`<[^>]*>`)
	for _, path := range []string{"/help", "/help/bad", "/help?q=" + url.QueryEscape(`"><script>alert(9)</script>`), "/help?q=alert"} {
		body := ok(t, h, path)
		for _, tag := range tags.FindAllString(body, -1) {
			lower := strings.ToLower(tag)
			quoted := regexp.MustCompile(`="[^"]*"`).ReplaceAllString(lower, "")
			if strings.Contains(quoted, "onerror") || strings.Contains(quoted, "onload") || strings.Contains(quoted, "onclick") || strings.Contains(lower, `href="javascript:`) ||
				strings.Contains(lower, `href="vbscript:`) || strings.Contains(lower, `src="data:`) || strings.HasPrefix(lower, "<script") && !strings.Contains(lower, "nonce=") {
				t.Errorf("GET %s has %s", path, tag)
			}
		}
		if strings.Contains(body, "<script>alert") {
			t.Errorf("GET %s runs a foreign script", path)
		}
	}
}

func TestSearch(t *testing.T) {
	for _, c := range []struct{ query, first string }{
		{"rotate", "/help/api-authentication"}, {"AUTHENTICATION", "/help/api-authentication"}, {"idempotency rate", "/help/rate-limits-and-idempotency"},
		{"key_revoked", "/help/errors/key_revoked"}, {"first LEAD", "/help/your-first-lead"}, {"environments", "/help/environments"},
	} {
		hits := library.Search(c.query)
		if len(hits) == 0 || hits[0].Href != c.first {
			t.Errorf("%q finds %v first, not %s", c.query, hits[:min(1, len(hits))], c.first)
		}
	}
	for _, nothing := range []string{"", "   ", "zebra", "key zebra"} {
		if hits := library.Search(nothing); len(hits) > 0 {
			t.Errorf("%q finds %v", nothing, hits)
		}
	}
	h := serve(library)
	if body := ok(t, h, "/help?q=rotate"); !strings.Contains(body, `href="/help/api-authentication"`) || !strings.Contains(body, `value="rotate"`) {
		t.Error("the page does not show what was found, or not what was asked")
	}
	if body := ok(t, h, "/help?q=zebra"); !strings.Contains(body, "Nothing here has all of these words") {
		t.Error("the page does not say that nothing was found")
	}
	ok(t, h, "/help?q="+strings.Repeat("%C3%A4", 2000))
}

func TestSnippetsCanBeRun(t *testing.T) {
	placeholders := regexp.MustCompile(`\b[A-Z]+_(?:KEY|ID)\b`)
	dataOf := regexp.MustCompile(`(?s)-d '([^']*)'`)
	commands := 0
	for _, a := range Articles() {
		snippets := Snippets(a, testBase)
		for _, s := range snippets {
			where := a.Slug + ": " + s.Code
			switch s.Lang {
			case "bash":
				commands++
				for line := range strings.SplitSeq(strings.ReplaceAll(s.Code, "\\\n", " "), "\n") {
					if !strings.HasPrefix(line, "curl ") && !strings.HasPrefix(line, "leadflip ") && !strings.HasPrefix(line, " ") {
						t.Errorf("%s\nis neither curl nor leadflip", where)
					}
				}
				for _, m := range dataOf.FindAllStringSubmatch(s.Code, -1) {
					if !json.Valid([]byte(m[1])) {
						t.Errorf("%s\nsends invalid JSON", where)
					}
				}
			case "json":
				if !json.Valid([]byte(s.Code)) {
					t.Errorf("%s\nis not JSON", where)
				}
			case "js", "http":
			default:
				t.Errorf("%s\nhas no known language", where)
			}
			for _, p := range placeholders.FindAllString(s.Code, -1) {
				if !slices.Contains([]string{"YOUR_KEY", "KEY_ID", "FOUND_KEY"}, p) {
					t.Errorf("%s\nhas the unknown placeholder %s", where, p)
				}
			}
			if strings.Contains(s.Code, "curl ") && !strings.Contains(s.Code, testBase) {
				t.Errorf("%s\ndoes not call this instance", where)
			}
		}
	}
	if commands < 10 {
		t.Errorf("only %d commands were found", commands)
	}
}

// TestEndpointsAreTheOnesServed holds the table of operations to the OpenAPI document
// that the program makes.
func TestEndpointsAreTheOnesServed(t *testing.T) {
	doc, err := os.ReadFile("../../docs/openapi.json")
	if os.IsNotExist(err) {
		t.Skip("docs/openapi.json has not been made yet; another test holds it to the program")
	}
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(doc, &api); err != nil {
		t.Fatal(err)
	}
	served := map[string]string{}
	for path, operations := range api.Paths {
		for method, body := range operations {
			var op struct {
				Scope string `json:"x-leadflip-scope"`
			}
			if slices.Contains([]string{"get", "post", "put", "patch", "delete"}, method) {
				if err := json.Unmarshal(body, &op); err != nil {
					t.Fatal(err)
				}
				served[strings.ToUpper(method)+" "+path] = op.Scope
			}
		}
	}
	a, _ := library.Find("api-endpoints")
	listed := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /[^`]*)` \\| ([^|]*) \\|").FindAllStringSubmatch(a.Source, -1) {
		listed[m[1]] = strings.Trim(m[2], " `")
	}
	for op, scope := range served {
		if listed[op] != scope {
			t.Errorf("%s needs %q; the article says %q", op, scope, listed[op])
		}
	}
	for op := range listed {
		if _, ok := served[op]; !ok {
			t.Errorf("%s is in the article, but not served", op)
		}
	}
}

func TestFrontMatterIsChecked(t *testing.T) {
	good := "---\ntitle: T\nsummary: S\ncategory: C\norder: 1\nupdated: 2026-11-23\n---\nText\n"
	if _, err := parseArticle("a", good); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"none":          "Text",
		"not ended":     "---\ntitle: T\n",
		"empty title":   strings.Replace(good, "title: T", "title:", 1),
		"no title":      strings.Replace(good, "title: T\n", "", 1),
		"twice":         strings.Replace(good, "title: T\n", "title: T\ntitle: U\n", 1),
		"unknown name":  strings.Replace(good, "title: T\n", "title: T\ncolour: red\n", 1),
		"wrong day":     strings.Replace(good, "2026-11-23", "yesterday", 1),
		"wrong order":   strings.Replace(good, "order: 1", "order: first", 1),
		"not a pair":    strings.Replace(good, "title: T", "title", 1),
		"no front line": strings.TrimPrefix(good, "---\n"),
	} {
		if _, err := parseArticle("a", text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestArticlesAreInOneOrder(t *testing.T) {
	seen := map[int]string{}
	for _, a := range Articles() {
		if other := seen[a.Order]; other != "" {
			t.Errorf("%s and %s have the same place", other, a.Slug)
		}
		seen[a.Order] = a.Slug
	}
}
