package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"index/suffixarray"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/db"
)

// traces are the forms in which a secret could lie about: itself, its secret part, and
// both as hex, as base64 of any alignment, percent-encoded and as JSON escapes; and the
// hash that is kept of it, in letters.
func traces(secret string) map[string]string {
	out := map[string]string{}
	for name, part := range map[string]string{"the key": secret, "its secret part": secret[20:], "its random part": secret[20:63]} {
		out[name] = part
		out[name+", backwards"] = reversed(part)
		out[name+", in hex"] = hex.EncodeToString([]byte(part))
		out[name+", in upper-case hex"] = strings.ToUpper(hex.EncodeToString([]byte(part)))
		for shift := range 3 {
			// The characters that the neighbours of the text have a share in are cut off.
			text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + part))
			text = strings.TrimRight(text, "=")
			out[fmt.Sprintf("%s, in base64 %d", name, shift)] = text[4 : len(text)-2]
		}
		sum := sha256.Sum256([]byte(part))
		out[name+", hashed, in hex"] = hex.EncodeToString(sum[:])
		out[name+", hashed, in upper-case hex"] = strings.ToUpper(hex.EncodeToString(sum[:]))
		out[name+", hashed, in base64"] = base64.RawStdEncoding.EncodeToString(sum[:])
		out[name+", hashed, in URL base64"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	fill := filler(secret)
	out["the key, percent-encoded"] = fill("%KEY")
	out["the key, as JSON escapes"] = strings.ToLower(fill("UKEY"))
	return out
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// search looks for every trace of every secret in a text.
func (i *instance) search(where string, text []byte) {
	i.t.Helper()
	for what, found := range i.found(text) {
		i.t.Errorf("%s holds %s: %q", where, what, around(text, found))
	}
}

// found returns the traces in a text with where they are.
func (i *instance) found(text []byte) map[string]int {
	out := map[string]int{}
	index, folded := suffixarray.New(text), suffixarray.New(bytes.ToLower(text))
	for _, secret := range i.secrets {
		for what, trace := range traces(secret) {
			in := index
			if strings.Contains(what, "escapes") {
				in = folded
			}
			if at := in.Lookup([]byte(trace), 1); len(at) > 0 {
				out[what+" "+secret[:20]] = at[0]
			}
		}
	}
	return out
}

func around(text []byte, at int) []byte { return text[max(0, at-100):min(len(text), at+100)] }

// fullRun drives everything that handles a key: every operation, twice and replayed,
// and every way to send a key wrongly.
func (i *instance) fullRun() {
	callerKey, caller := i.key(i.acme.production, "*")
	corpus := brokenRequests(i)
	for _, op := range i.doc.operations {
		r := i.example(op, i.acme.production).by(caller)
		for range 2 {
			i.note(i.send(once(r, "run "+op.ID)))
		}
		i.note(i.send(i.example(op, i.acme.production).by(caller)))
		i.note(i.send(i.example(op, i.acme.production).by(caller).query("unknown=1")))
		planted, secret := i.key(i.acme.staging, "leads:read")
		fill := filler(secret)
		for _, p := range i.plantings(op) {
			r := p.request
			r.target, r.body = fill(r.target), fill(r.body)
			for name, values := range r.header {
				for v := range values {
					r.header[name][v] = fill(values[v])
				}
			}
			i.send(r)
		}
		i.change(`UPDATE api_keys SET purpose = 'seen' WHERE id = $1`, planted.ID)
	}
	fill := filler(caller)
	for _, f := range authorizationForms {
		i.raw(f.send(i, fill))
	}
	for _, b := range corpus {
		i.raw(b.text(i, caller))
	}
	for _, k := range i.deadKeys() {
		i.send(newRequest(http.MethodGet, "/api/key").by(k.secret))
	}
	i.send(newRequest(http.MethodPost, "/api/keys/report-leak").sending(mediaJSON, `{"keys":["`+caller+`"]}`))
	for _, path := range []string{"/api/key", "/api/keys?limit=200", "/api/keys/" + callerKey.ID.String(), "/api/keys/" + callerKey.ID.String() + "/usage"} {
		_, reader := i.key(i.acme.production, "keys:read")
		i.send(newRequest(http.MethodGet, path).by(reader))
	}
	i.app.edge().Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Vary", "Authorization, Origin")
		panic(fmt.Errorf("with %s in the middle", caller))
	})).ServeHTTP(i.recorder(i.t, "/api/key"))
	i.app.log.Error("careless "+caller, "key", caller, "error", fmt.Errorf("wrapped: %s", caller), "many", []string{caller})
	i.quiet()
}

// note remembers the keys that an answer shows.
func (i *instance) note(a answer) {
	for _, secret := range apikey.FindSecrets(string(a.body)) {
		i.remember(secret)
	}
}

// TestSecretsAreNowhere searches every byte that a full run leaves behind.
func TestSecretsAreNowhere(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		i.watch = true
		i.fullRun()
		i.watch = false
		if len(i.secrets) < 50 {
			t.Fatalf("only %d keys were made", len(i.secrets))
		}
		i.search("the log", []byte(i.log.String()))
		shown := map[string]int{}
		var answers bytes.Buffer
		var starts []int // where each answer begins
		for _, a := range i.seen {
			if found := apikey.FindSecrets(string(a.body)); len(found) == 1 && a.status == http.StatusCreated && a.header.Get("Cache-Control") == "no-store" && a.json()["key"] == found[0] {
				shown[found[0]]++
				a.body = bytes.Replace(a.body, []byte(found[0]), nil, 1)
			}
			starts = append(starts, answers.Len())
			fmt.Fprintf(&answers, "\n%v\n%s\n", a.header, a.body)
		}
		for what, at := range i.found(answers.Bytes()) {
			n, exact := slices.BinarySearch(starts, at)
			if !exact {
				n--
			}
			t.Errorf("an answer holds %s: %s", what, i.seen[n])
		}
		for secret, times := range shown {
			if times != 1 {
				t.Errorf("the key %s was shown %d times", secret[:20], times)
			}
		}
		if len(shown) < 4 {
			t.Errorf("only %d keys were shown", len(shown))
		}
		i.search("the database as text", i.dump())
		if i.app.db.Dialect() == db.SQLite {
			backup := filepath.Join(t.TempDir(), "backup.db")
			i.must(i.app.db.Backup(context.Background(), backup))
			i.searchFiles(filepath.Dir(backup))
			i.searchFiles(i.cfg.Data)
			if _, ok := i.files(i.cfg.Data)["leadflip.db-wal"]; !ok {
				t.Error("there is no WAL to search")
			}
			i.close()
			i.searchFiles(i.cfg.Data)
		}
	})
}

// searchFiles looks into every file of a folder. The hash of a key lies there as bytes,
// which also shows that the search looks at the right ones.
func (i *instance) searchFiles(dir string) {
	i.t.Helper()
	sum := sha256.Sum256([]byte(i.secrets[0]))
	hashed := false
	for name, content := range i.files(dir) {
		i.search(name, content)
		hashed = hashed || bytes.Contains(content, sum[:])
	}
	if !hashed {
		i.t.Errorf("%s does not even hold the hash of a key", dir)
	}
}

// dump is the content of every table as text, but for the one column whose purpose is to
// hold the hash of a key.
func (i *instance) dump() []byte {
	i.t.Helper()
	var b bytes.Buffer
	for _, table := range i.tableNames() {
		i.each(`SELECT * FROM `+table, func(columns []string, values []any) {
			for n, v := range values {
				if table == "api_keys" && columns[n] == "hash" {
					continue
				}
				// Binary columns as a dump writes them, and as they are.
				fmt.Fprintf(&b, "%s.%s=%s %x\n", table, columns[n], asText(v), asText(v))
			}
		})
	}
	return b.Bytes()
}
