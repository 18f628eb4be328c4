package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/config"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// That every answer has its security headers is what sound checks of every answer of
// every test. Here is what depends on the request.

// TestRequestIDs: a caller's request id is taken when it is a short plain word, and
// never becomes a header or a log line of its own.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	i := newSQLiteInstance(t)
	_, secret := i.key(i.acme.production, "*")
	taken := []string{"abcdefgh", "0197b1c2-5d3e-7abc-8def-0123456789ab", strings.Repeat("a", 64), "req_7K2M4QXW5NB3HTGC6YPA", "a.b-c_d.e", "ABCDEFGH", "12345678"}
	refused := []string{"", "short", "1234567", strings.Repeat("a", 65), strings.Repeat("a", 4000), "with space", "tab\tinside", "semi;colon", "a,b,c,d,e,f", `"quoted-id"`, "<script>alert(1)</script>", "new%0d%0aline", "a%00bcdefgh",
		"ümlaut-ümlaut", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", "\u2028abcdefgh", "\u202eabcdefgh", "../../../etc/passwd", "{\"a\":1}", "${jndi:ldap}", "' OR '1'='1", "id=abcdefgh", "a\\nb-cdefgh", "\x7fabcdefgh", "\u001b[31mred", "abcdefgh\u00a0", "a:b:c:d:e", "/api/key", "id+plus+id", "id@host.tld", "id~tilde~", "id*star*id", "$(reboot)", "`reboot`"}
	for _, rid := range append(slices.Clone(taken), refused...) {
		if strings.ContainsAny(rid, "\x7f\x1b") { // the HTTP layer refuses these itself
			if a := i.raw(i.head("GET", "/api/key", "X-Request-Id: "+rid)); !a.byNetHTTP() {
				t.Errorf("%q: %s", rid, a)
			}
			continue
		}
		for _, target := range []string{"/api/key", "/api/nothing", "/healthz", "/help"} {
			a := i.raw(i.head("GET", target, "Authorization: Bearer "+secret, "X-Request-Id: "+rid))
			got := a.header.Get("X-Request-Id")
			if want := slices.Contains(taken, rid); (got == rid) != want || !want && !strings.HasPrefix(got, "req_") {
				t.Errorf("%s with %q: answered as %q", target, rid, got)
			}
		}
	}
	for _, lines := range [][]string{{"X-Request-Id: abcdefgh", "X-Request-Id: ijklmnop"}, {"X-Request-Id: abcdefgh\r\n folded"}, {"X-Request-Id:"}} {
		if got := i.raw(i.head("GET", "/api/limits", lines...)).header.Get("X-Request-Id"); !strings.HasPrefix(got, "req_") {
			t.Errorf("%q: answered as %q", lines, got)
		}
	}
	seen := map[string]bool{}
	for range 1000 {
		seen[i.send(newRequest(http.MethodGet, "/api/limits")).header.Get("X-Request-Id")] = true
	}
	if len(seen) != 1000 {
		t.Errorf("a thousand answers have %d request ids", len(seen))
	}
	// The id is what the key's page and the audit log name.
	i.send(newRequest(http.MethodGet, "/api/key").by(secret).with("X-Request-Id", "my-own-request-id"))
	made := i.send(newRequest(http.MethodPost, "/api/keys").by(secret).with("X-Request-Id", "my-own-creation").sending(mediaJSON, `{"name":"a","scopes":["leads:read"]}`))
	i.quiet()
	if i.one(`SELECT COUNT(*) FROM key_calls WHERE request_id = 'my-own-request-id'`) != "1" || i.one(`SELECT COUNT(*) FROM audit_log WHERE request_id = 'my-own-creation'`) != "1" {
		t.Errorf("the request ids are not kept: %s", made)
	}
}

// TestCORSIsClosed: no web page reads an answer unless its origin is on the key's list,
// to the letter.
func TestCORSIsClosed(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, plain := i.key(i.acme.production, "*")
		_, listing := i.keyWith(i.acme.production, func(in *apikey.Settings) {
			in.Origins = &[]string{"https://shop.example", "http://localhost:3000", "https://other.example:8443"}
		}, "*")
		const page = "https://shop.example"
		_, revoked := i.keyWith(i.acme.production, func(in *apikey.Settings) { in.Origins = &[]string{"https://gone.example"} }, "*")
		i.change(`UPDATE api_keys SET disabled_at = 1 WHERE origins = 'https://gone.example'`)
		for _, c := range []struct {
			origin, site string
			secret       string
			want         errs.Code
		}{
			{"", "", plain, ""}, {"", "none", plain, ""}, {"", "", listing, ""},
			{"", "same-origin", plain, errs.BrowserNotAllowed}, {"", "same-site", plain, errs.BrowserNotAllowed}, {"", "cross-site", plain, errs.BrowserNotAllowed}, {"", "nonsense", plain, errs.BrowserNotAllowed},
			{"", "cross-site", listing, errs.BrowserNotAllowed},
			{page, "", plain, errs.BrowserNotAllowed}, {page, "none", plain, errs.BrowserNotAllowed}, {"null", "", plain, errs.BrowserNotAllowed},
			{page, "", listing, ""}, {page, "cross-site", listing, ""}, {"http://localhost:3000", "", listing, ""}, {"https://other.example:8443", "", listing, ""},
			{"null", "", listing, errs.BrowserNotAllowed}, {"null", "cross-site", listing, errs.BrowserNotAllowed}, {"*", "", listing, errs.BrowserNotAllowed}, {"http://shop.example", "", listing, errs.BrowserNotAllowed},
			{"https://shop.example:443", "", listing, errs.BrowserNotAllowed}, {"https://shop.example/", "", listing, errs.BrowserNotAllowed}, {"https://shop.example.evil.example", "", listing, errs.BrowserNotAllowed},
			{"https://evilshop.example", "", listing, errs.BrowserNotAllowed}, {"https://www.shop.example", "", listing, errs.BrowserNotAllowed}, {"https://shop.exampl", "", listing, errs.BrowserNotAllowed},
			{"https://shop.example http://localhost:3000", "", listing, errs.BrowserNotAllowed}, {"https://shop.example,https://evil.example", "", listing, errs.BrowserNotAllowed}, {"file://", "", listing, errs.BrowserNotAllowed},
			{"https://other.example", "", listing, errs.BrowserNotAllowed}, {"https://user@shop.example", "", listing, errs.BrowserNotAllowed}, {"chrome-extension://abc", "", listing, errs.BrowserNotAllowed},
			{"https://gone.example", "", revoked, errs.KeyDisabled},
		} {
			r := newRequest(http.MethodGet, "/api/key").by(c.secret).with("Sec-Fetch-Mode", "cors") // Node's fetch sends it too
			if c.origin != "" {
				r = r.with("Origin", c.origin)
			}
			if c.site != "" {
				r = r.with("Sec-Fetch-Site", c.site)
			}
			a := i.send(r)
			allowed := a.header.Get("Access-Control-Allow-Origin")
			if a.code() != string(c.want) {
				t.Errorf("Origin %q, Sec-Fetch-Site %q: want %q, got %s", c.origin, c.site, c.want, a)
			}
			if c.want == "" && allowed != c.origin || c.want != "" && allowed != "" {
				t.Errorf("Origin %q: allowed is %q", c.origin, allowed)
			}
			if a.header.Get("Access-Control-Expose-Headers") != "" && allowed == "" {
				t.Errorf("Origin %q: headers are exposed to nobody", c.origin)
			}
			// What a browser asks beforehand.
			listed := map[string]bool{page: true, "http://localhost:3000": true, "https://other.example:8443": true}[c.origin]
			if c.origin == "" {
				continue
			}
			ask := newRequest(http.MethodOptions, "/api/key").with("Origin", c.origin).with("Access-Control-Request-Method", "GET").with("Access-Control-Request-Headers", "authorization")
			p := i.send(ask)
			if listed != (p.status == http.StatusNoContent && p.header.Get("Access-Control-Allow-Origin") == c.origin) || !listed && (p.code() != string(errs.BrowserNotAllowed) || p.header.Get("Access-Control-Allow-Origin") != "") {
				t.Errorf("a preflight of %q: %s %v", c.origin, p, p.header)
			}
			if listed && strings.Contains(p.header.Get("Access-Control-Allow-Headers")+p.header.Get("Access-Control-Allow-Methods"), "*") {
				t.Errorf("a preflight of %q allows %v", c.origin, p.header)
			}
			for _, name := range []string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID"} {
				if listed && !slices.Contains(strings.Split(p.header.Get("Access-Control-Allow-Headers"), ", "), name) {
					t.Errorf("a preflight of %q does not allow %s: %v", c.origin, name, p.header)
				}
			}
		}
		// A page on the list reads errors too.
		if a := i.send(newRequest(http.MethodGet, "/api/leads/"+missingID).by(listing).with("Origin", page)); a.status != http.StatusNotFound || a.header.Get("Access-Control-Allow-Origin") != page {
			t.Errorf("an error for a listed page: %s", a)
		}
		// What is open needs no key, and still opens nothing to pages.
		if a := i.send(newRequest(http.MethodGet, "/api/limits").with("Origin", page)); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("an open operation: %v", a.header)
		}
	})
}

// TestEveryRefusalIsOneLogLine: each refused request is one line with its code, and no
// line is made by what was sent.
func TestEveryRefusalIsOneLogLine(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			i := newSQLiteInstance(t, func(cfg *config.Config) { cfg.LogFormat = format })
			key, caller := i.key(i.acme.production, "*")
			want := map[string]string{} // request id to what its line must hold
			note := func(a answer) {
				if !a.byNetHTTP() {
					want[a.header.Get("X-Request-Id")] = fmt.Sprintf("%d %s", a.status, a.code())
				}
			}
			for _, b := range brokenRequests(i) {
				note(i.raw(b.text(i, caller)))
			}
			fill := filler(caller)
			for _, f := range authorizationForms {
				note(i.raw(f.send(i, fill)))
			}
			for _, nasty := range []string{"\u001b[31mred\u001b[0m", "a%0d%0aX-Evil:%201", "a%1b%5b31m", "\u2028\u2029", "%00", `"}{"level":"ERROR","msg":"forged"}`, "level=ERROR msg=forged", "\u202egnp.exe", "<script>", "${jndi:ldap://x}", "\x85\x9b31m"} {
				target := "/api/" + strings.NewReplacer("\u001b", "%1b", " ", "%20").Replace(nasty)
				agent := strings.NewReplacer("\u001b", "").Replace(nasty)
				note(i.raw(i.head("GET", target, "User-Agent: "+agent, "Referer: "+agent, "X-Forwarded-For: "+agent, "X-Request-Id: "+agent)))
				note(i.raw(i.head("GET", "/api/key?"+strings.TrimPrefix(target, "/api/"), "Authorization: Bearer "+caller, "User-Agent: "+agent)))
			}
			i.quiet()
			log := i.log.String()
			got := map[string]string{}
			for line := range strings.SplitSeq(strings.TrimSuffix(log, "\n"), "\n") {
				rid, status, code := i.readLine(format, line)
				if _, twice := got[rid]; twice && rid != "" {
					t.Errorf("two lines for one request: %s", line)
				}
				got[rid] = status + " " + code
			}
			for rid, line := range want {
				if got[rid] != line {
					t.Errorf("request %s: the log says %q, the answer %q", rid, got[rid], line)
				}
			}
			if len(want) < 300 {
				t.Errorf("only %d answers", len(want))
			}
			for n := range len(log) {
				if c := log[n]; c < 0x20 && c != '\n' || c == 0x7f || c == 0x9b {
					t.Fatalf("the log holds the control character %#x near %q", c, log[max(0, n-80):min(len(log), n+20)])
				}
			}
			for _, forged := range []string{"forged", "evil", "Evil", "jndi", canary, caller[20:]} {
				if strings.Contains(log, forged) {
					t.Errorf("the log holds %q", forged)
				}
			}
			if !strings.Contains(log, key.PublicID) {
				t.Error("the log does not name the key that called")
			}
		})
	}
}

// readLine reads the line of a request; the id is "" for other lines.
func (i *instance) readLine(format, line string) (rid, status, code string) {
	i.t.Helper()
	if format == "text" {
		fields := map[string]string{}
		for f := range strings.FieldsSeq(line) {
			name, value, _ := strings.Cut(f, "=")
			fields[name] = value
		}
		if fields["msg"] != "request" || fields["time"] == "" {
			i.t.Errorf("not a line of a request: %s", line)
		}
		return fields["request_id"], fields["status"], fields["code"]
	}
	var l struct {
		Msg    string `json:"msg"`
		ID     string `json:"request_id"`
		Status int    `json:"status"`
		Code   string `json:"code"`
		IP     string `json:"ip"`
		Time   string `json:"time"`
	}
	if err := json.Unmarshal([]byte(line), &l); err != nil || l.Msg != "request" || l.IP != "127.0.0.1" || l.Time == "" {
		i.t.Errorf("not a line of a request: %s %v", line, err)
	}
	return l.ID, fmt.Sprint(l.Status), l.Code
}
