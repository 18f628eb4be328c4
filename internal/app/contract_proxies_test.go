package app

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/config"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// TestWhoCallsIsSaidByDeclaredProxiesAlone: the caller's address and scheme through the
// edge, for peers that are trusted and peers that are not.
func TestWhoCallsIsSaidByDeclaredProxiesAlone(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48")}
	spoof := []string{"X-Forwarded-For: 203.0.113.7", "X-Real-IP: 203.0.113.7", "Forwarded: for=203.0.113.7;proto=https", "X-Forwarded-Proto: https", "X-Client-IP: 203.0.113.7",
		"CF-Connecting-IP: 203.0.113.7", "True-Client-IP: 203.0.113.7", "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 443", "Via: 1.1 203.0.113.7"}
	for _, c := range []struct {
		name  string
		peer  string
		lines []string
		ip    string
		https bool
		plain bool
	}{
		{"alone", "198.51.100.1:5", nil, "198.51.100.1", false, false},
		{"alone over IPv6", "[2001:db8::1]:5", nil, "2001:db8::1", false, false},
		{"alone, mapped", "[::ffff:198.51.100.1]:5", nil, "198.51.100.1", false, false},
		{"alone, with a zone", "[fe80::1%eth0]:5", nil, "fe80::1", false, false},
		{"an untrusted peer that says everything", "198.51.100.1:5", spoof, "198.51.100.1", false, false},
		{"an untrusted peer that says http", "198.51.100.1:5", []string{"X-Forwarded-Proto: http"}, "198.51.100.1", false, false},
		{"a neighbour of the proxies", "11.0.0.1:5", spoof, "11.0.0.1", false, false},
		{"a proxy that says nothing", "10.0.0.1:5", nil, "10.0.0.1", false, false},
		{"a proxy", "10.0.0.1:5", []string{"X-Forwarded-For: 203.0.113.7"}, "203.0.113.7", false, false},
		{"a proxy with TLS", "10.0.0.1:5", []string{"X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https"}, "203.0.113.7", true, false},
		{"a proxy with TLS, in capitals", "10.0.0.1:5", []string{"X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: HTTPS"}, "203.0.113.7", true, false},
		{"a proxy without TLS", "10.0.0.1:5", []string{"X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: http"}, "203.0.113.7", false, true},
		{"the caller says https, the proxy http", "10.0.0.1:5", []string{"X-Forwarded-Proto: https, http"}, "10.0.0.1", false, true},
		{"the caller says https on a line of its own", "10.0.0.1:5", []string{"X-Forwarded-Proto: https", "X-Forwarded-Proto: http"}, "10.0.0.1", false, true},
		{"the caller says http, the proxy https", "10.0.0.1:5", []string{"X-Forwarded-Proto: http, https"}, "10.0.0.1", true, false},
		{"nonsense for a scheme", "10.0.0.1:5", []string{"X-Forwarded-Proto: gopher"}, "10.0.0.1", false, true},
		{"a mapped proxy", "[::ffff:10.0.0.1]:5", []string{"X-Forwarded-For: 203.0.113.7"}, "203.0.113.7", false, false},
		{"an IPv6 proxy", "[2001:db8:ffff::1]:5", []string{"X-Forwarded-For: 2001:db8::7"}, "2001:db8::7", false, false},
		{"two proxies", "10.0.0.1:5", []string{"X-Forwarded-For: 203.0.113.7, 10.0.0.2"}, "203.0.113.7", false, false},
		{"two proxies on two lines", "10.0.0.1:5", []string{"X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 10.0.0.2"}, "203.0.113.7", false, false},
		{"proxies alone", "10.0.0.1:5", []string{"X-Forwarded-For: 10.0.0.3, 10.0.0.2"}, "10.0.0.3", false, false},
		{"the caller made up a chain", "10.0.0.1:5", []string{"X-Forwarded-For: 192.0.2.1, 203.0.113.7"}, "203.0.113.7", false, false},
		{"the caller made up a chain of proxies", "10.0.0.1:5", []string{"X-Forwarded-For: 192.0.2.1, 10.9.9.9, 203.0.113.7, 10.0.0.2"}, "203.0.113.7", false, false},
		{"the caller made up a line", "10.0.0.1:5", []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 203.0.113.7"}, "203.0.113.7", false, false},
		{"mapped", "10.0.0.1:5", []string{"X-Forwarded-For: ::ffff:203.0.113.7"}, "203.0.113.7", false, false},
		{"translated", "10.0.0.1:5", []string{"X-Forwarded-For: 64:ff9b::cb00:7107"}, "64:ff9b::cb00:7107", false, false},
		{"with a zone", "10.0.0.1:5", []string{"X-Forwarded-For: fe80::7%eth0"}, "fe80::7", false, false},
		{"empty", "10.0.0.1:5", []string{"X-Forwarded-For:"}, "10.0.0.1", false, false},
		{"nonsense", "10.0.0.1:5", []string{"X-Forwarded-For: 203.0.113.7, unknown"}, "10.0.0.1", false, false},
		{"nonsense in front", "10.0.0.1:5", []string{"X-Forwarded-For: _hidden, 203.0.113.7"}, "203.0.113.7", false, false},
		{"octal", "10.0.0.1:5", []string{"X-Forwarded-For: 0313.0.0161.7"}, "10.0.0.1", false, false},
		{"other headers of a proxy", "10.0.0.1:5", []string{"X-Real-IP: 203.0.113.7", "Forwarded: for=203.0.113.7;proto=http"}, "10.0.0.1", false, false},
	} {
		var got httpd.Request
		edge := &httpd.Edge{Log: slog.New(slog.DiscardHandler), Proxies: proxies}
		r := httptest.NewRequest(http.MethodGet, "/api/key", nil)
		r.RemoteAddr = c.peer
		addLines(r.Header, c.lines)
		w := httptest.NewRecorder()
		edge.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = *httpd.From(r.Context())
			_, _ = io.WriteString(w, "ok")
		})).ServeHTTP(w, r)
		if got.IP.String() != c.ip || got.HTTPS != c.https || got.Plain != c.plain {
			t.Errorf("%s: %s, https %v, plain %v", c.name, got.IP, got.HTTPS, got.Plain)
		}
		if hsts := w.Header().Get("Strict-Transport-Security") != ""; hsts != c.https {
			t.Errorf("%s: Strict-Transport-Security is sent: %v", c.name, hsts)
		}
	}
}

func addLines(h http.Header, lines []string) {
	for _, l := range lines {
		for n := range l {
			if l[n] == ':' {
				h.Add(l[:n], l[min(n+2, len(l)):])
				break
			}
		}
	}
}

// TestNoHeaderChangesTheVerdictOfAnIPList: from a peer that is no declared proxy no
// header opens or closes a key's list of addresses.
func TestNoHeaderChangesTheVerdictOfAnIPList(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, here := i.keyWith(i.acme.production, func(in *apikey.Settings) { in.IPAllow = &[]string{"127.0.0.1", "::1"} }, "*")
		_, elsewhere := i.keyWith(i.acme.production, func(in *apikey.Settings) { in.IPAllow = &[]string{"203.0.113.0/24", "2001:db8::/32"} }, "*")
		values := []string{"203.0.113.7", "::ffff:203.0.113.7", "2001:db8::1", "203.0.113.7, 127.0.0.1", "127.0.0.1, 203.0.113.7", "64:ff9b::cb00:7107", "127.0.0.1", "unknown", ""}
		names := []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "CF-Connecting-IP", "True-Client-IP", "X-Originating-IP", "X-Remote-Addr", "Client-IP", "X-Forwarded"}
		for _, name := range names {
			for _, value := range values {
				if name == "Forwarded" {
					value = `for="` + value + `"`
				}
				r := newRequest(http.MethodGet, "/api/key").with(name, value)
				if a := i.send(r.by(here)); a.status != http.StatusOK {
					t.Errorf("%s: %q closed a key: %s", name, value, a)
				}
				if a := i.send(r.by(elsewhere)); a.code() != string(errs.KeyIPNotAllowed) || a.text("ip") != "127.0.0.1" {
					t.Errorf("%s: %q opened a key: %s", name, value, a)
				}
			}
		}
	})
}

// Behind declared proxies the list is held to the address they name.
func TestAnIPListBehindProxies(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, secret := i.keyWith(i.acme.production, func(in *apikey.Settings) { in.IPAllow = &[]string{"203.0.113.0/24", "2001:db8::/32"} }, "*")
		for address, want := range map[string]errs.Code{
			"203.0.113.7": "", "::ffff:203.0.113.7": "", "2001:db8::1": "", "203.0.113.7, 127.0.0.2": "", "198.51.100.1, 203.0.113.7": "",
			"203.0.114.7": errs.KeyIPNotAllowed, "203.0.113.7, 198.51.100.1": errs.KeyIPNotAllowed, "64:ff9b::cb00:7107": errs.KeyIPNotAllowed, "2001:db9::1": errs.KeyIPNotAllowed, "unknown": errs.KeyIPNotAllowed, "203.0.113.7, x": errs.KeyIPNotAllowed,
		} {
			if a := i.send(newRequest(http.MethodGet, "/api/key").from(address).by(secret)); a.code() != string(want) {
				t.Errorf("%s: want %q, got %s", address, want, a)
			}
		}
	}, behindProxies)
}

// TestPlainHTTPIsRefusedAndMarked: behind a proxy that says http nothing is served, no
// redirect teaches a client to go on, and the key counts as seen.
func TestPlainHTTPIsRefusedAndMarked(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		for _, op := range i.doc.operations {
			r := i.example(op, i.acme.production).with("X-Forwarded-Proto", "http")
			k, secret := i.key(i.acme.production, "*")
			bare := r.with("Authorization", secret)
			i.untouched(op.String(), func() {
				for _, call := range []request{r.by(secret), bare, r} {
					if a := i.send(call); a.status != http.StatusForbidden || a.code() != string(errs.HTTPSRequired) || a.header.Get("Location") != "" || a.header.Get("Strict-Transport-Security") != "" {
						t.Errorf("%s: %s", op, a)
					}
				}
			})
			if where := i.one(`SELECT exposed_where FROM api_keys WHERE id = $1`, k.ID); where != "plain_http" {
				t.Errorf("%s: the key is marked as %q", op, where)
			}
		}
		// Over HTTPS the same key goes on working, and the answer binds the client to HTTPS.
		_, secret := i.key(i.acme.production, "*")
		a := i.send(newRequest(http.MethodGet, "/api/key").with("X-Forwarded-Proto", "https").by(secret))
		if a.status != http.StatusOK || a.header.Get("Strict-Transport-Security") == "" || a.json()["exposed_at"] != nil {
			t.Errorf("over HTTPS: %s %v", a, a.header)
		}
		// A proxy that says nothing is a proxy without TLS anywhere.
		if a := i.send(newRequest(http.MethodGet, "/api/key").by(secret)); a.status != http.StatusOK || a.header.Get("Strict-Transport-Security") != "" {
			t.Errorf("from a proxy that says nothing: %s", a)
		}
	}, behindProxies)
}

// TestHSTSWithTLSAlone: with TLS of its own every answer says so; what an untrusted peer
// says of its scheme changes nothing, either way.
func TestHSTSWithTLSAlone(t *testing.T) {
	t.Parallel()
	i := newSQLiteInstance(t, func(cfg *config.Config) { cfg.TLSCert = "of httptest" })
	_, secret := i.key(i.acme.production, "*")
	for _, r := range []request{newRequest("GET", "/api/key"), newRequest("GET", "/api/key").with("X-Forwarded-Proto", "http"), newRequest("GET", "/api/nothing"), newRequest("POST", "/api/keys").sending(mediaJSON, "{"), newRequest("GET", "/healthz")} {
		if a := i.send(r.by(secret)); a.header.Get("Strict-Transport-Security") != "max-age=31536000" || a.code() == string(errs.HTTPSRequired) {
			t.Errorf("with TLS: %s %v", a, a.header)
		}
	}
}
