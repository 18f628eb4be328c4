package app

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// form is one way to send a key. In its texts KEY stands for a good key, LOWER and
// UPPER for it in another letter case, %KEY for it with every character
// percent-encoded, %%KEY for that encoded again, and UKEY for it as JSON escapes.
type form struct {
	name  string
	send  func(i *instance, fill func(string) string) string // the whole request
	want  errs.Code                                          // "" means authenticated
	where string                                             // of a key in the wrong place
}

// headerForm is a form that is header lines.
func headerForm(name string, want errs.Code, lines ...string) form {
	return form{name: name, want: want, send: func(i *instance, fill func(string) string) string {
		filled := make([]string, len(lines))
		for n, l := range lines {
			filled[n] = fill(l)
		}
		return i.head(http.MethodGet, "/api/key", filled...)
	}}
}

// beside is a form with a key in a wrong place beside a good header.
func beside(name, where, target string, lines ...string) form {
	f := form{name: name, where: where, want: errs.CredentialMisplaced}
	if where == "" {
		f.want = errs.NotFound
	}
	f.send = func(i *instance, fill func(string) string) string {
		all := []string{fill("Authorization: Bearer KEY")}
		for _, l := range lines {
			all = append(all, fill(l))
		}
		return i.head(http.MethodGet, fill(target), all...)
	}
	return f
}

// inBody is a form with a key in a body beside a good header.
func inBody(name, contentType, body string) form {
	return form{name: name, where: "body", want: errs.CredentialMisplaced, send: func(i *instance, fill func(string) string) string {
		return i.withBody(http.MethodPost, "/api/intake?dry_run=true", fill(body), fill("Authorization: Bearer KEY"), "Content-Type: "+contentType)
	}}
}

// sealed is a form whose key cannot be seen by who reads the body as what it says it
// is; it is not a key then, and the body is judged by itself.
func (f form) sealed(want errs.Code) form {
	f.where, f.want = "", want
	return f
}

const (
	accepted  errs.Code = ""
	malformed           = errs.KeyMalformed
	misplaced           = errs.CredentialMisplaced
)

var authorizationForms = []form{
	// The two good forms, in every spelling that RFC 9110 calls the same.
	headerForm("Bearer", accepted, "Authorization: Bearer KEY"),
	headerForm("lower case", accepted, "Authorization: bearer KEY"),
	headerForm("upper case", accepted, "Authorization: BEARER KEY"),
	headerForm("mixed case", accepted, "Authorization: bEaReR KEY"),
	headerForm("bare", accepted, "Authorization: KEY"),
	headerForm("header name in lower case", accepted, "authorization: Bearer KEY"),
	headerForm("header name in upper case", accepted, "AUTHORIZATION: Bearer KEY"),
	headerForm("header name in mixed case", accepted, "aUTHORIZATION: Bearer KEY"),
	headerForm("no space behind the colon", accepted, "Authorization:Bearer KEY"),
	headerForm("spaces behind the colon", accepted, "Authorization:    Bearer KEY"),
	headerForm("a tab behind the colon", accepted, "Authorization:\tBearer KEY"),
	headerForm("spaces at the end of the line", accepted, "Authorization: Bearer KEY  \t "),
	headerForm("bare with spaces around", accepted, "Authorization:  KEY "),
	// The HTTP layer joins folded lines with one space before anybody sees them.
	headerForm("folded behind the scheme", accepted, "Authorization: Bearer\r\n KEY"),
	headerForm("folded with a tab", accepted, "Authorization: Bearer\r\n\tKEY"),
	headerForm("folded behind the colon", accepted, "Authorization:\r\n Bearer KEY"),
	headerForm("folded trailing text", malformed, "Authorization: Bearer KEY\r\n x"),
	headerForm("folded second key", malformed, "Authorization: Bearer KEY\r\n KEY"),

	// No key was sent.
	headerForm("no header", errs.KeyMissing),
	headerForm("empty", errs.KeyMissing, "Authorization:"),
	headerForm("blank", errs.KeyMissing, "Authorization:    "),
	headerForm("Bearer alone", errs.KeyMissing, "Authorization: Bearer"),
	headerForm("Bearer and a space", errs.KeyMissing, "Authorization: Bearer "),
	headerForm("another scheme without a key", errs.KeyMissing, "Authorization: Basic dXNlcjpwYXNzd29yZA=="),
	headerForm("Basic with the key as name", errs.KeyMissing, "Authorization: Basic BASIC"),
	headerForm("Digest", errs.KeyMissing, `Authorization: Digest username="ada", realm="x", nonce="1", uri="/", response="2"`),
	headerForm("Negotiate", errs.KeyMissing, "Authorization: Negotiate YII="),

	// Something was sent, and it is not one key behind one space.
	headerForm("two spaces", malformed, "Authorization: Bearer  KEY"),
	headerForm("tab", malformed, "Authorization: Bearer\tKEY"),
	headerForm("space and tab", malformed, "Authorization: Bearer \tKEY"),
	headerForm("no space", malformed, "Authorization: BearerKEY"),
	headerForm("non-breaking space in UTF-8", malformed, "Authorization: Bearer\u00a0KEY"),
	headerForm("non-breaking space in Latin-1", malformed, "Authorization: Bearer\xa0KEY"),
	headerForm("non-breaking space behind the space", malformed, "Authorization: Bearer \u00a0KEY"),
	headerForm("ideographic space", malformed, "Authorization: Bearer\u3000KEY"),
	headerForm("zero-width space", malformed, "Authorization: Bearer \u200bKEY"),
	headerForm("byte order mark", malformed, "Authorization: \ufeffBearer KEY"),
	headerForm("trailing text", malformed, "Authorization: Bearer KEY x"),
	headerForm("trailing dot", malformed, "Authorization: Bearer KEY."),
	headerForm("trailing semicolon", malformed, "Authorization: Bearer KEY;"),
	headerForm("trailing comma", malformed, "Authorization: Bearer KEY,"),
	headerForm("trailing letter", malformed, "Authorization: Bearer KEYx"),
	headerForm("leading letter", malformed, "Authorization: Bearer xKEY"),
	headerForm("trailing parameter", malformed, `Authorization: Bearer KEY, realm="x"`),
	headerForm("quotes", malformed, `Authorization: Bearer "KEY"`),
	headerForm("single quotes", malformed, `Authorization: Bearer 'KEY'`),
	headerForm("whole value in quotes", malformed, `Authorization: "Bearer KEY"`),
	headerForm("angle brackets", malformed, "Authorization: Bearer <KEY>"),
	headerForm("a list", malformed, "Authorization: Bearer KEY,KEY"),
	headerForm("a list of schemes", malformed, "Authorization: Bearer KEY, Bearer KEY"),
	headerForm("two keys", malformed, "Authorization: Bearer KEY KEY"),
	headerForm("Bearer twice", malformed, "Authorization: Bearer Bearer KEY"),
	headerForm("colon", malformed, "Authorization: Bearer: KEY"),
	headerForm("colon alone", malformed, "Authorization: Bearer:"),
	headerForm("equals", malformed, "Authorization: Bearer=KEY"),
	headerForm("name and value", malformed, "Authorization: Bearer token=KEY"),
	headerForm("Basic with the bare key", malformed, "Authorization: Basic KEY"),
	headerForm("Token", malformed, "Authorization: Token KEY"),
	headerForm("Token in quotes", malformed, `Authorization: Token token="KEY"`),
	headerForm("ApiKey", malformed, "Authorization: ApiKey KEY"),
	headerForm("OAuth", malformed, "Authorization: OAuth KEY"),
	headerForm("key in lower case", malformed, "Authorization: Bearer LOWER"),
	headerForm("key in upper case", malformed, "Authorization: Bearer UPPER"),
	headerForm("key percent-encoded", malformed, "Authorization: Bearer %KEY"),
	headerForm("a password", malformed, "Authorization: hunter2"),
	headerForm("a JSON Web Token", malformed, "Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."),
	headerForm("a long value", malformed, "Authorization: Bearer "+strings.Repeat("x", 8000)),
	headerForm("an unknown key", errs.KeyUnknown, "Authorization: Bearer UNKNOWN"),
	headerForm("an unknown bare key", errs.KeyUnknown, "Authorization: UNKNOWN"),

	headerForm("two lines", errs.AuthorizationMalformed, "Authorization: Bearer KEY", "Authorization: Bearer KEY"),
	headerForm("two lines, one empty", errs.AuthorizationMalformed, "Authorization: Bearer KEY", "Authorization:"),
	headerForm("two lines, the first empty", errs.AuthorizationMalformed, "Authorization:", "Authorization: Bearer KEY"),
	headerForm("two lines in two spellings", errs.AuthorizationMalformed, "Authorization: KEY", "authorization: Bearer KEY"),
	headerForm("three lines", errs.AuthorizationMalformed, "Authorization: a", "Authorization: b", "Authorization: Bearer KEY"),

	// Elsewhere, alone and beside a good header.
	{name: "X-Api-Key alone", want: misplaced, where: "header", send: func(i *instance, fill func(string) string) string {
		return i.head(http.MethodGet, "/api/key", fill("X-Api-Key: KEY"))
	}},
	{name: "query alone", want: misplaced, where: "query", send: func(i *instance, fill func(string) string) string {
		return i.head(http.MethodGet, fill("/api/key?api_key=KEY"))
	}},
	beside("X-Api-Key", "header", "/api/key", "X-Api-Key: KEY"),
	beside("Proxy-Authorization", "header", "/api/key", "Proxy-Authorization: Bearer KEY"),
	beside("Cookie", "cookie", "/api/key", "Cookie: a=b; key=KEY"),
	beside("Cookie, percent-encoded", "cookie", "/api/key", "Cookie: key=%KEY"),
	beside("User-Agent", "header", "/api/key", "User-Agent: bot/KEY"),
	beside("Referer", "header", "/api/key", "Referer: https://example.com/?k=KEY"),
	beside("Referer, percent-encoded", "header", "/api/key", "Referer: https://example.com/?k=%KEY"),
	beside("Origin", "header", "/api/key", "Origin: https://KEY.example"),
	beside("Accept", "header", "/api/key", "Accept: application/json; k=KEY"),
	beside("If-None-Match", "header", "/api/key", `If-None-Match: "KEY"`),
	beside("X-Request-Id", "header", "/api/key", "X-Request-Id: KEY"),
	beside("X-Forwarded-For", "header", "/api/key", "X-Forwarded-For: KEY"),
	beside("Idempotency-Key", "header", "/api/key", "Idempotency-Key: KEY"),
	beside("an unknown header", "header", "/api/key", "X-Anything: a KEY b"),
	beside("the second line of a header", "header", "/api/key", "X-Anything: a", "X-Anything: KEY"),
	{name: "a trailer", want: misplaced, where: "header", send: func(i *instance, fill func(string) string) string {
		return i.head(http.MethodPost, "/api/intake?dry_run=true", fill("Authorization: Bearer KEY"), "Content-Type: application/json", "Transfer-Encoding: chunked", "Trailer: X-Key") +
			"12\r\n" + `{"entity":"leads"}` + "\r\n0\r\n" + fill("X-Key: KEY") + "\r\n\r\n"
	}},
	beside("Host", "header", "/api/key", "Host: KEY.example"),
	beside("query value", "query", "/api/key?a=KEY"),
	beside("query name", "query", "/api/key?KEY=a"),
	beside("query without a value", "query", "/api/key?KEY"),
	beside("query, glued to other text", "query", "/api/key?a=xKEYx"),
	beside("query, behind a semicolon", "query", "/api/key?a=1;b=KEY"),
	beside("query, percent-encoded", "query", "/api/key?a=%KEY"),
	beside("query, beside a broken escape", "query", "/api/key?b=%zz&a=%KEY"),
	beside("path", "path", "/api/leads/KEY"),
	beside("path, percent-encoded", "path", "/api/leads/%KEY"),
	beside("path that does not exist", "path", "/api/nothing/KEY/at/all"),
	beside("unclean path", "path", "/api/../api/KEY"),
	beside("path like a fragment", "path", "/api/key#KEY"),
	beside("absolute form, as user", "path", "http://KEY@example.com/api/key"),
	// Decoded once it is not a key, and nobody decodes it again.
	beside("path, percent-encoded twice", "", "/api/leads/%%KEY"),

	inBody("JSON value", mediaJSON, `{"entity":"leads","name":"KEY"}`),
	inBody("JSON value inside text", mediaJSON, `{"entity":"leads","message":"my key is KEY, thanks"}`),
	inBody("JSON name", mediaJSON, `{"entity":"leads","KEY":1}`),
	inBody("JSON value at depth", mediaJSON, `{"entity":"leads","a":`+strings.Repeat(`[{"b":`, 30)+`"KEY"`+strings.Repeat(`}]`, 30)+`}`),
	inBody("JSON name at depth", mediaJSON, `{"entity":"leads","a":`+strings.Repeat(`[{"b":`, 30)+`{"KEY":1}`+strings.Repeat(`}]`, 30)+`}`),
	inBody("JSON value in escapes", mediaJSON, `{"entity":"leads","name":"UKEY"}`),
	inBody("JSON name in escapes", mediaJSON, `{"entity":"leads","UKEY":1}`),
	inBody("broken JSON", mediaJSON, `{"entity":"leads","name":"KEY"`),
	inBody("JSON of another kind", "application/vnd.api+json", `{"entity":"leads","name":"UKEY"}`),
	inBody("JSON sent as text", "text/plain", `{"name":"KEY"}`),
	inBody("JSON without a type", "", `{"name":"KEY"}`),
	inBody("escapes that nobody reads as JSON", "text/plain", `{"name":"UKEY"}`).sealed(errs.UnsupportedMediaType),
	inBody("JSON value, percent-encoded", mediaJSON, `{"entity":"leads","name":"%KEY"}`).sealed(accepted),
	inBody("form value", mediaForm, `entity=leads&name=KEY`),
	inBody("form name", mediaForm, `entity=leads&KEY=1`),
	inBody("form value, percent-encoded", mediaForm, `entity=leads&name=%KEY`),
	inBody("form name, percent-encoded", mediaForm, `entity=leads&%KEY=1`),
	inBody("form value beside a broken escape", mediaForm, `a=%zz&name=%KEY`),
	inBody("form value, percent-encoded twice", mediaForm, `entity=leads&name=%%KEY`).sealed(accepted),
	inBody("multipart value", mediaMultipart+"; boundary=line", multipartBody(`name="name"`, "KEY")),
	inBody("multipart name", mediaMultipart+"; boundary=line", multipartBody(`name="KEY"`, "x")),
	inBody("multipart file name", mediaMultipart+"; boundary=line", multipartBody(`name="a"; filename="KEY.txt"`, "x")),
	inBody("multipart name, percent-encoded", mediaMultipart+"; boundary=line", multipartBody(`name*=UTF-8''%KEY`, "x")),
	inBody("multipart header", mediaMultipart+"; boundary=line", multipartBody("name=\"a\"\r\nX-Key: KEY", "x")),
	inBody("multipart value, quoted-printable", mediaMultipart+"; boundary=line", multipartBody("name=\"a\"\r\nContent-Transfer-Encoding: quoted-printable", "=6CKE=\r\nY")),
}

func multipartBody(disposition, value string) string {
	return "--line\r\nContent-Disposition: form-data; name=\"entity\"\r\n\r\nleads\r\n--line\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + value + "\r\n--line--\r\n"
}

// filler puts a key into the texts of forms.
func filler(secret string) func(string) string {
	escaped, unicode := "", ""
	for _, c := range []byte(secret) {
		escaped += fmt.Sprintf("%%%02x", c)
		unicode += fmt.Sprintf(`\u%04X`, c)
	}
	r := strings.NewReplacer(
		"%%KEY", strings.ReplaceAll(escaped, "%", "%25"), "%KEY", escaped, "UNKNOWN", apikey.Mint(account.Live).Reveal(), "UKEY", unicode,
		"LOWER", strings.ToLower(secret), "UPPER", strings.ToUpper(secret), "BASIC", base64.StdEncoding.EncodeToString([]byte(secret+":")),
		"=6CKE=\r\nY", "=6C"+secret[1:30]+"=\r\n"+secret[30:], "KEY", secret,
	)
	return r.Replace
}

func TestAuthorizationTakesTwoFormsAndNoOther(t *testing.T) {
	if len(authorizationForms) < 100 {
		t.Fatalf("only %d forms", len(authorizationForms))
	}
	onBoth(t, func(t *testing.T, i *instance) {
		k, secret := i.key(i.acme.production, "*")
		fill := filler(secret)
		i.untouched("all forms", func() {
			for _, f := range authorizationForms {
				i.change(`UPDATE api_keys SET exposed_at = NULL, exposed_where = '' WHERE id = $1`, k.ID)
				a := i.raw(f.send(i, fill))
				if got := errs.Code(a.code()); got != f.want || (f.want == "" && a.status != http.StatusOK) {
					t.Errorf("%s: want %q, got %s", f.name, f.want, a)
				}
				if f.want == "" && strings.HasPrefix(a.target, "/api/key") && a.text("public_id") != k.PublicID {
					t.Errorf("%s: another key was meant: %s", f.name, a)
				}
				if where := i.one(`SELECT exposed_where FROM api_keys WHERE id = $1`, k.ID); where != f.where {
					t.Errorf("%s: the key was marked as seen in %q, want %q", f.name, where, f.where)
				}
				body, err := json.Marshal(string(a.body))
				i.must(err)
				if strings.Contains(string(body), secret) || strings.Contains(fmt.Sprint(a.header), secret) {
					t.Errorf("%s: the key is in the answer %s", f.name, a)
				}
			}
		})
	})
}

// What the HTTP layer refuses by itself is plain text, and never reaches a key.
func TestTheHTTPLayerRefusesBrokenHeads(t *testing.T) {
	t.Parallel()
	i := newSQLiteInstance(t)
	_, secret := i.key(i.acme.production, "*")
	for name, lines := range map[string][]string{
		"space before the colon":   {"Authorization : Bearer " + secret},
		"a NUL in the value":       {"Authorization: Bearer \x00" + secret},
		"a control character":      {"Authorization: Bearer \x01" + secret},
		"a bare carriage return":   {"Authorization: Bearer\r" + secret},
		"no name":                  {": Bearer " + secret},
		"two hosts":                {"Host: a", "Host: b", "Authorization: Bearer " + secret},
		"both lengths":             {"Authorization: Bearer " + secret, "Content-Length: 1", "Content-Length: 2"},
		"an invented coding":       {"Authorization: Bearer " + secret, "Transfer-Encoding: magic"},
		"a head beyond 64 KiB":     {"Authorization: Bearer " + secret, "X-Long: " + strings.Repeat("x", 80<<10)},
		"a name with a line break": {"Author\nization: Bearer " + secret},
	} {
		if a := i.raw(i.head(http.MethodGet, "/api/key", lines...)); !a.byNetHTTP() || a.status < 400 {
			t.Errorf("%s: %s", name, a)
		}
	}
}
