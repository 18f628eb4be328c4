package app

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

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
