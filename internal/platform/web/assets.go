package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed assets
var embedded embed.FS

// assetTypes are spelled out: what the operating system knows about types must not change what we serve.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// assetStore serves files from memory below /assets/{version}/.
type assetStore struct {
	version string
	files   map[string][]byte
	zipped  map[string][]byte // what is worth it
}

// assets is made at the first page, not at the start: most commands never show one.
var assets = sync.OnceValue(func() assetStore {
	s, err := newAssetStore(embedded, "assets")
	if err != nil {
		panic("web: embedded assets: " + err.Error()) // only a broken build gets here
	}
	return s
})

// newAssetStore reads every file below root. The version is a hash over all names and contents: one changed module
// changes the address of all, so modules that import each other by relative path always come from one release.
func newAssetStore(fsys fs.FS, root string) (assetStore, error) {
	s := assetStore{files: map[string][]byte{}, zipped: map[string][]byte{}}
	sum := sha256.New()
	err := fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(name, root+"/")
		s.files[rel] = body
		if zipped, err := compress(body); err != nil {
			return err
		} else if len(zipped) < len(body)*9/10 {
			s.zipped[rel] = zipped
		}
		one := sha256.Sum256(body)
		sum.Write([]byte(rel + "\x00"))
		sum.Write(one[:])
		return nil
	})
	s.version = hex.EncodeToString(sum.Sum(nil))[:12]
	return s, err
}

func compress(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil { // writes the end of the file
		return nil, err
	}
	return b.Bytes(), nil
}

func (s assetStore) url(name string) string {
	return "/assets/" + s.version + "/" + name
}

// ServeHTTP answers /assets/{version}/{name}. During a rolling upgrade a page of the new release may ask a node that
// still runs the old one (or the other way round): it gets what there is, but nobody may keep it.
func (s assetStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method not allowed", http.StatusMethodNotAllowed)
		return
	}
	version, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/assets/"), "/")
	body, ok := s.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", assetType(name))
	h.Set("X-Content-Type-Options", "nosniff")
	// A worker lives by the policy of its own file: the live one fetches our stream.
	h.Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	if version == s.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-store")
	}
	h.Set("Vary", "Accept-Encoding")
	if zipped, ok := s.zipped[name]; ok && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = zipped
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // a reader that went away is no fault of ours
	}
}

func assetType(name string) string {
	ext := path.Ext(name)
	if t, ok := assetTypes[ext]; ok {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return "application/octet-stream"
}

// AssetURL is the address of an embedded file, for example AssetURL("app.css").
func AssetURL(name string) string { return assets().url(name) }

// Assets serves the embedded files; mount it at "/assets/". It needs no session and sets no cookie.
func Assets() http.Handler { return assets() }
