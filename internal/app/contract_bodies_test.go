package app

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// chunked sends a request whose size is not said beforehand.
func (i *instance) chunked(r request) answer {
	i.t.Helper()
	req, err := http.NewRequest(r.method, i.url+r.target, io.MultiReader(strings.NewReader(r.body)))
	i.must(err)
	maps.Copy(req.Header, r.header)
	resp, err := i.client.Do(req)
	i.must(err)
	return i.read(r.String(), r.method, r.target, resp)
}

// A large body is judged as a small one is, though less of it is read for strangers: a
// key in it comes before everything else, then the caller's own key, then the size.
func TestLargeBodiesAreJudgedAsSmallOnes(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		revoked, dead := i.key(i.acme.production, "*")
		i.change(`UPDATE api_keys SET revoked_at = created_at WHERE id = $1`, revoked.ID)
		planted, secret := i.key(i.globex.staging, "leads:read")
		escaped := strings.ReplaceAll(secret, "f", `\u0066`)
		body := func(before, after int, text string) string {
			return `{"entity":"leads","x":"` + strings.Repeat("x", before) + text + strings.Repeat("y", after) + `"}`
		}
		for _, c := range []struct {
			name, body string
			found      string // what somebody without a good key is told
			good       string // and somebody with one
		}{
			{"large", body(300_000, 0, ""), "", ""},
			{"too large", body(1<<20, 0, ""), "", string(errs.BodyTooLarge)},
			{"a key at the beginning", body(10, 300_000, secret), string(errs.CredentialMisplaced), string(errs.CredentialMisplaced)},
			{"a key behind what is read for strangers", body(150_000, 150_000, secret), string(errs.CredentialMisplaced), string(errs.CredentialMisplaced)},
			{"a key across its end", body(1<<16-60, 150_000, secret), string(errs.CredentialMisplaced), string(errs.CredentialMisplaced)},
			{"a key at the very end", body(300_000, 0, secret), string(errs.CredentialMisplaced), string(errs.CredentialMisplaced)},
			{"an escaped key", body(300_000, 0, escaped), "", string(errs.CredentialMisplaced)}, // a stranger's body is not decoded
			{"a key in what is too large", body(200_000, 1<<20, secret), string(errs.CredentialMisplaced), string(errs.CredentialMisplaced)},
		} {
			for sender, key := range map[string]string{"good": caller, "revoked": dead, "none": "", "unknown": strings.Repeat("a", 69)} {
				want := map[string]string{"good": c.good, "revoked": string(errs.KeyRevoked), "none": string(errs.KeyMissing), "unknown": string(errs.KeyMalformed)}[sender]
				if sender != "good" && c.found != "" {
					want = c.found
				}
				i.change(`UPDATE api_keys SET exposed_at = NULL, exposed_where = '' WHERE id = $1`, planted.ID)
				r := newRequest(http.MethodPost, "/api/intake").sending(mediaJSON, c.body)
				if key != "" {
					r = r.by(key)
				}
				for way, send := range map[string]func(request) answer{"at once": i.send, "in chunks": i.chunked} {
					if a := send(r); a.code() != want || want == "" && a.status != http.StatusOK {
						t.Errorf("%s, %s, key: %s: want %q, got %s", c.name, way, sender, want, a)
					}
				}
				marked := ""
				if want == string(errs.CredentialMisplaced) {
					marked = "body"
				}
				if where := i.one(`SELECT exposed_where FROM api_keys WHERE id = $1`, planted.ID); where != marked {
					t.Errorf("%s, key: %s: marked as seen in %q, want %q", c.name, sender, where, marked)
				}
			}
		}
		// What was taken is kept whole.
		a := i.send(newRequest(http.MethodPost, "/api/intake").sending(mediaJSON, body(500_000, 400_000, "middle")).by(caller))
		got := i.send(newRequest(http.MethodGet, "/api/leads/"+a.text("lead_id")).by(caller))
		if kept := fmt.Sprint(got.json()["unmapped"].(map[string]any)["x"]); len(kept) != 900_006 || kept[500_000:500_006] != "middle" {
			t.Errorf("%d characters were kept", len(kept))
		}
	})
}

// A large body can be long on its way: what becomes of its key meanwhile counts, and the
// refused call leaves nothing.
func TestAKeyRevokedWhileItsBodyArrives(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		owner := i.acme.production
		body := `{"entity":"leads","x":"` + strings.Repeat("x", 200_000) + `"}`
		checks := func() string {
			w := httptest.NewRecorder()
			i.app.metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
			_, after, _ := strings.Cut(w.Body.String(), `leadflip_key_checks_total{outcome="ok"} `)
			n, _, _ := strings.Cut(after, "\n")
			return n
		}
		for what, end := range map[errs.Code]func(apikey.Key) error{
			"": func(apikey.Key) error { return nil },
			errs.KeyRevoked: func(k apikey.Key) error {
				_, err := i.app.Keys.Revoke(t.Context(), owner, k.ID, nil)
				return err
			},
			errs.KeyDisabled: func(k apikey.Key) error {
				_, err := i.app.Keys.Disable(t.Context(), owner, k.ID, nil)
				return err
			},
		} {
			k, secret := i.key(owner, "*")
			leads, before := i.one(`SELECT count(*) FROM leads`), checks()
			c := i.dial()
			send := func(text string) {
				_, err := io.WriteString(c, text)
				i.must(err)
			}
			text := i.withBody(http.MethodPost, "/api/intake", body, "Authorization: Bearer "+secret, "Content-Type: application/json")
			send(text[:100_000])
			for limit := time.Now().Add(time.Minute); checks() == before; time.Sleep(time.Millisecond) {
				if time.Now().After(limit) {
					t.Fatal("the key was not looked at before the end of the body")
				}
			}
			i.must(end(k))
			send(text[100_000:])
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			i.must(err)
			a := i.read("a call whose body is slow", http.MethodPost, "/api/intake", resp)
			i.must(c.Close())
			if a.code() != string(what) || what == "" && a.status != http.StatusOK {
				t.Errorf("want %q, got %s", what, a)
			}
			if after := i.one(`SELECT count(*) FROM leads`); (after == leads) != (what != "") {
				t.Errorf("%q: leads before and after: %s, %s", what, leads, after)
			}
		}
	})
}
