package web

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func store(t *testing.T, files map[string]string) assetStore {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, body := range files {
		fsys["root/"+name] = &fstest.MapFile{Data: []byte(body)}
	}
	s, err := newAssetStore(fsys, "root")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAssetVersionChangesWithEveryByte(t *testing.T) {
	t.Parallel()
	base := store(t, map[string]string{"app.css": "a", "js/app.js": "b"})
	same := store(t, map[string]string{"js/app.js": "b", "app.css": "a"})
	if base.version != same.version {
		t.Errorf("equal files have versions %s and %s", base.version, same.version)
	}
	for what, files := range map[string]map[string]string{
		"content":      {"app.css": "a", "js/app.js": "B"},
		"name":         {"app.css": "a", "js/app2.js": "b"},
		"another file": {"app.css": "a", "js/app.js": "b", "js/x.js": ""},
		"swapped":      {"app.css": "b", "js/app.js": "a"},
		"moved border": {"app.cssa": "", "js/app.js": "b"},
	} {
		if s := store(t, files); s.version == base.version {
			t.Errorf("%s: the version did not change", what)
		}
	}
}

func TestAssetsAreServed(t *testing.T) {
	t.Parallel()
	s := store(t, map[string]string{"app.css": "css", "js/app.js": "js", "favicon.svg": "<svg/>"})
	const forever, never = "public, max-age=31536000, immutable", "no-store"
	for _, c := range []struct {
		method, path string
		status       int
		cache, typ   string
		body         string
	}{
		{"GET", s.url("app.css"), 200, forever, "text/css; charset=utf-8", "css"},
		{"GET", s.url("js/app.js"), 200, forever, "text/javascript; charset=utf-8", "js"},
		{"GET", s.url("favicon.svg"), 200, forever, "image/svg+xml", "<svg/>"},
		{"HEAD", s.url("app.css"), 200, forever, "text/css; charset=utf-8", ""},
		{"GET", "/assets/0123456789ab/app.css", 200, never, "text/css; charset=utf-8", "css"},
		{"GET", s.url("nothing.css"), 404, "", "", ""},
		{"GET", s.url(""), 404, "", "", ""},
		{"GET", s.url("js"), 404, "", "", ""},
		{"GET", "/assets/", 404, "", "", ""},
		{"GET", "/assets/" + s.version + "/../../etc/passwd", 404, "", "", ""},
		{"POST", s.url("app.css"), 405, "", "", ""},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(c.method, "/", nil)
		r.URL.Path = c.path
		s.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, w.Code, c.status)
			continue
		}
		if c.status != http.StatusOK {
			continue
		}
		h := w.Header()
		if h.Get("Cache-Control") != c.cache || h.Get("Content-Type") != c.typ || w.Body.String() != c.body {
			t.Errorf("%s %s: %v %q", c.method, c.path, h, w.Body)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s may be sniffed", c.method, c.path)
		}
	}
}

func TestAssetsAreCompressedForWhoeverAsks(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a { color: red }\n", 100)
	s := store(t, map[string]string{"long.css": long, "short.css": "a{}"})
	get := func(name, accept string) *http.Response {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, s.url(name), nil)
		r.Header.Set("Accept-Encoding", accept)
		s.ServeHTTP(w, r)
		return w.Result()
	}
	res := get("long.css", "br, gzip")
	z, err := gzip.NewReader(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(z); err != nil || string(body) != long {
		t.Errorf("%v %q", err, body)
	}
	if res.Header.Get("Content-Encoding") != "gzip" || res.Header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v", res.Header)
	}
	for _, res := range []*http.Response{get("long.css", ""), get("short.css", "gzip")} {
		if res.Header.Get("Content-Encoding") != "" {
			t.Errorf("%v", res.Header)
		}
	}
}

// What the pages load must exist, and must not need what the content security policy forbids.
func TestEmbeddedAssets(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"app.css", "htmx.js", "theme.js", "live-worker.js", "js/app.js", "favicon.svg"} {
		if len(assets().files[name]) == 0 {
			t.Errorf("%s is missing or empty; run tools/gen-web.sh", name)
		}
	}
	css := string(assets().files["app.css"])
	for what, pattern := range map[string]string{
		"another style sheet": `@import`, "a foreign host": `url\(["']?(https?:)?//`, "a data address": `url\(["']?data:`,
	} {
		if m := regexp.MustCompile(pattern).FindString(css); m != "" {
			t.Errorf("app.css loads %s: %s", what, m)
		}
	}
	own := regexp.MustCompile(`\beval\(|new Function|innerHTML|insertAdjacentHTML|document\.write|setAttribute\("style"|https?://`)
	for name, body := range assets().files {
		if strings.HasSuffix(name, ".js") && name != "htmx.js" {
			if m := own.Find(body); m != nil {
				t.Errorf("%s uses %s", name, m)
			}
		}
	}
}

// A module that nobody imports is dead weight; one that isn't there breaks all islands at once.
func TestModulesImportEachOther(t *testing.T) {
	t.Parallel()
	imports := regexp.MustCompile(`(?:from|import) "\./([a-z-]+\.js)"`)
	used := map[string]bool{"js/app.js": true}
	for name, body := range assets().files {
		if !strings.HasPrefix(name, "js/") {
			continue
		}
		for _, m := range imports.FindAllSubmatch(body, -1) {
			target := "js/" + string(m[1])
			used[target] = true
			if assets().files[target] == nil {
				t.Errorf("%s imports %s, which isn't there", name, target)
			}
		}
	}
	err := fs.WalkDir(embedded, "assets/js", func(name string, d fs.DirEntry, err error) error {
		if name = strings.TrimPrefix(name, "assets/"); err == nil && !d.IsDir() && !used[name] {
			t.Errorf("nobody imports %s", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
