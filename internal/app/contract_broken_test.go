package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// canary is a value that no answer and no log line may repeat.
const canary = "zq7canary"

// broken is a request that is refused.
type broken struct {
	name   string
	method string
	target string
	want   errs.Code
	body   string
	lines  []string // header lines; a JSON Content-Type comes by itself
	nobody bool     // without a key
}

// text is the request as it goes over the wire.
func (b broken) text(i *instance, caller string) string {
	lines := b.lines
	if !b.nobody {
		lines = append(slices.Clip(lines), "Authorization: Bearer "+caller)
	}
	if b.body == "" {
		return i.head(b.method, b.target, lines...)
	}
	if !strings.Contains(strings.ToLower(strings.Join(lines, "\n")), "content-type:") {
		lines = append(slices.Clip(lines), "Content-Type: application/json")
	}
	return i.withBody(b.method, b.target, b.body, lines...)
}

// brokenRequests is a corpus of everything a caller can do wrong.
func brokenRequests(i *instance) []broken {
	return append(append(append(brokenHeads(), brokenValues(i)...), brokenLeads()...), brokenJSON()...)
}

func brokenHeads() (out []broken) {
	add := func(name, method, target string, want errs.Code, lines ...string) {
		out = append(out, broken{name: name, method: method, target: target, want: want, lines: lines})
	}
	add("no such path", "GET", "/api/"+canary, errs.NotFound)
	add("no such path, deep", "GET", "/api/a/b/c/d/e/"+canary, errs.NotFound)
	add("unclean path", "GET", "/api//"+canary, errs.NotFound)
	add("no such lead", "GET", "/api/leads/"+canary, errs.NotFound)
	add("no such key", "GET", "/api/keys/"+canary, errs.NotFound)
	add("no such entity", "GET", "/api/entities/"+canary, errs.NotFound)
	add("wrong method", "DELETE", "/api/key", errs.MethodNotAllowed)
	add("invented method", "ZQ7", "/api/leads", errs.MethodNotAllowed)
	add("preflight of nobody", "OPTIONS", "/api/leads", errs.BrowserNotAllowed, "Origin: https://"+canary+".example", "Access-Control-Request-Method: GET")
	add("preflight of an unknown path", "OPTIONS", "/api/nothing", errs.BrowserNotAllowed, "Origin: https://"+canary+".example", "Access-Control-Request-Method: GET")
	add("from a page", "GET", "/api/key", errs.BrowserNotAllowed, "Origin: https://"+canary+".example")
	add("from a frame", "GET", "/api/key", errs.BrowserNotAllowed, "Sec-Fetch-Site: cross-site")
	add("a long address", "GET", "/api/leads?entity="+canary+strings.Repeat("a", 17<<10), errs.URITooLong)
	for _, accept := range []string{"text/html", "application/xml", "image/*", "application/json;q=0", "*/*;q=0", "text/html, application/*;q=0", canary, "application/json;q=0, */*"} {
		add("Accept: "+accept, "GET", "/api/key", errs.NotAcceptable, "Accept: "+accept)
	}
	for _, query := range []string{"limit=0", "limit=201", "limit=-1", "limit=" + canary, "limit=1.5", "limit=1e2", "limit=99999999999999999999", "limit=%00", "zz=" + canary, "cursor=" + strings.Repeat("a", 4097), "Limit=1"} {
		add("GET /api/keys?"+query, "GET", "/api/keys?"+query, errs.ValidationFailed)
	}
	for _, cursor := range []string{canary, "%00", "AAAA", "%ff%fe", "'--", strings.Repeat("A", 4096)} {
		add("a cursor", "GET", "/api/keys?cursor="+cursor, errs.InvalidCursor)
	}
	add("no entity", "GET", "/api/leads", errs.ValidationFailed)
	add("an unknown entity", "GET", "/api/leads?entity="+canary, errs.ValidationFailed)
	return append(out,
		broken{name: "no key", method: "GET", target: "/api/key", want: errs.KeyMissing, nobody: true},
		broken{name: "a password", method: "GET", target: "/api/key", want: errs.KeyMalformed, nobody: true, lines: []string{"Authorization: Bearer " + canary}},
		broken{name: "two headers", method: "GET", target: "/api/key", want: errs.AuthorizationMalformed, lines: []string{"Authorization: " + canary}},
		broken{name: "no body", method: "POST", target: "/api/keys", want: errs.InvalidJSON, lines: []string{"Content-Length: 0"}},
		broken{name: "a text", method: "POST", target: "/api/keys", want: errs.UnsupportedMediaType, body: canary, lines: []string{"Content-Type: text/plain"}},
		broken{name: "no type", method: "POST", target: "/api/keys", want: errs.UnsupportedMediaType, body: `{"name":"` + canary + `"}`, lines: []string{"Content-Type:"}},
		broken{name: "a form where JSON is read", method: "POST", target: "/api/keys", want: errs.UnsupportedMediaType, body: "name=" + canary, lines: []string{"Content-Type: application/x-www-form-urlencoded"}},
		broken{name: "a broken type", method: "POST", target: "/api/keys", want: errs.UnsupportedMediaType, body: `{}`, lines: []string{"Content-Type: application/json/" + canary}},
		broken{name: "JSON of another kind", method: "POST", target: "/api/keys", want: errs.UnsupportedMediaType, body: `{}`, lines: []string{"Content-Type: application/merge-patch+json"}},
		broken{name: "a body where none is read", method: "GET", target: "/api/key", want: errs.UnsupportedMediaType, body: canary, lines: []string{"Content-Type: text/plain"}},
		broken{name: "a compressed body", method: "POST", target: "/api/keys", want: errs.UnsupportedMediaType, body: "\x1f\x8b\x08", lines: []string{"Content-Encoding: gzip"}},
		broken{name: "a large body", method: "POST", target: "/api/keys", want: errs.BodyTooLarge, body: `{"name":"` + canary + strings.Repeat("a", 1<<20) + `"}`},
		broken{name: "a body that is cut off", method: "POST", target: "/api/keys", want: errs.InvalidJSON, body: `{"name":"` + canary},
		broken{name: "an empty Idempotency-Key", method: "POST", target: "/api/intake", want: errs.InvalidHeader, body: `{"entity":"leads"}`, lines: []string{"Idempotency-Key:"}},
		broken{name: "a long Idempotency-Key", method: "POST", target: "/api/intake", want: errs.InvalidHeader, body: `{"entity":"leads"}`, lines: []string{"Idempotency-Key: " + canary + strings.Repeat("a", 250)}},
		broken{name: "two Idempotency-Keys", method: "POST", target: "/api/intake", want: errs.InvalidHeader, body: `{"entity":"leads"}`, lines: []string{"Idempotency-Key: " + canary, "Idempotency-Key: b"}},
		broken{name: "an Idempotency-Key beyond ASCII", method: "POST", target: "/api/intake", want: errs.InvalidHeader, body: `{"entity":"leads"}`, lines: []string{"Idempotency-Key: " + canary + "ä"}},
	)
}

// brokenValues are bodies of the key operations that are good JSON with wrong values.
func brokenValues(i *instance) (out []broken) {
	key := i.object("keys", i.acme.production)
	for _, body := range []string{
		`[]`, `"` + canary + `"`, `1`, `null`, `true`, `{}`, `{"name":"a"}`, `{"scopes":["leads:read"]}`, `{"name":null,"scopes":["leads:read"]}`, `{"name":1,"scopes":["leads:read"]}`, `{"name":1e400,"scopes":["leads:read"]}`, `{"name":"a","scopes":[1e400]}`,
		`{"name":["` + canary + `"],"scopes":["leads:read"]}`, `{"name":"","scopes":["leads:read"]}`, `{"name":"  ","scopes":["leads:read"]}`,
		`{"name":"` + canary + strings.Repeat("a", 80) + `","scopes":["leads:read"]}`, `{"name":"` + canary + `\u0007","scopes":["leads:read"]}`,
		`{"Name":"` + canary + `","scopes":["leads:read"]}`, `{"name":"a","NAME":"` + canary + `","scopes":["leads:read"]}`, `{"name":"a","scopes":["leads:read"],"unknown":"` + canary + `"}`,
		`{"name":"a","scopes":["leads:read"],"id":"` + canary + `"}`, `{"name":"a","scopes":["leads:read"],"account":"` + canary + `"}`, `{"name":"a","scopes":["leads:read"],"created_by":null}`,
		`{"name":"a","scopes":["leads:read"],"key":"` + canary + `"}`, `{"name":"a","scopes":["leads:read"],"revoked_at":null}`, `{"name":"a","scopes":["leads:read"],"hash":"` + canary + `"}`,
	} {
		out = append(out, broken{name: "a new key", method: "POST", target: "/api/keys", body: body, want: errs.ValidationFailed})
	}
	for n, setting := range []string{
		`"scopes":"` + canary + `"`, `"scopes":[]`, `"scopes":[1]`, `"scopes":["` + canary + `"]`, `"scopes":["leads:` + canary + `"]`, `"scopes":["` + canary + `:read"]`, `"scopes":["leads.` + canary + `%:read"]`, `"scopes":[null]`,
		`"expires_at":"` + canary + `"`, `"expires_at":"2020-01-01T00:00:00Z"`, `"expires_at":"2999-01-01T00:00:00Z"`, `"expires_at":1`, `"expires_in":"` + canary + `"`, `"expires_in":"-1d"`, `"expires_in":"999999y"`, `"expires_in":"1d","expires_at":"2030-01-01T00:00:00Z"`,
		`"not_before":"` + canary + `"`, `"not_before":"2099-01-01T00:00:00Z","expires_in":"1d"`, `"ip_allow":"` + canary + `"`, `"ip_allow":["` + canary + `"]`, `"ip_allow":["10.0.0.1/8"]`, `"ip_allow":["10.0.0.0/33"]`, `"ip_allow":["::ffff:10.0.0.0/104"]`,
		`"origins":["` + canary + `"]`, `"origins":["https://` + canary + `/path"]`, `"origins":["*"]`, `"origins":["null"]`, `"origins":["javascript:` + canary + `"]`, `"rate_limit":"` + canary + `"`, `"rate_limit":"0/min"`, `"rate_limit":"-1"`, `"rate_limit":"9999999/min"`, `"rate_limit":1`,
		`"purpose":"` + canary + strings.Repeat("a", 300) + `"`, `"purpose":1`,
	} {
		out = append(out,
			broken{name: "a new key with " + setting, method: "POST", target: "/api/keys", body: fmt.Sprintf(`{"name":"n%d","scopes":["leads:read"],%s}`, n, setting), want: errs.ValidationFailed},
			broken{name: "a key changed to " + setting, method: "PATCH", target: "/api/keys/" + key, body: "{" + setting + "}", want: errs.ValidationFailed})
		if strings.HasPrefix(setting, `"scopes"`) { // a new key has its scopes already
			out[len(out)-2].want = errs.ValidationFailed
			out[len(out)-2].body = fmt.Sprintf(`{"name":"n%d",%s}`, n, setting)
		}
	}
	for _, overlap := range []string{`"` + canary + `"`, `"31d"`, `"-1h"`, `"never"`, `1`, `null`, `["24h"]`} {
		out = append(out, broken{name: "a rotation with " + overlap, method: "POST", target: "/api/keys/" + key + "/rotate", body: `{"overlap":` + overlap + `}`, want: errs.ValidationFailed})
	}
	for _, query := range []string{"from=" + canary, "to=" + canary, "from=2026-01-01", "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from=2000-01-01T00:00:00Z&to=2026-01-01T00:00:00Z"} {
		out = append(out, broken{name: "usage " + query, method: "GET", target: "/api/keys/" + key + "/usage?" + query, want: errs.ValidationFailed})
	}
	for _, body := range []string{`{}`, `{"keys":[]}`, `{"keys":"` + canary + `"}`, `{"keys":null}`, `{"keys":[1]}`, `{"keys":["` + strings.Repeat(canary+`","`, 100) + `"]}`, `{"keys":["a"],"unknown":"` + canary + `"}`} {
		out = append(out, broken{name: "a leak report", method: "POST", target: "/api/keys/report-leak", body: body, want: errs.ValidationFailed, nobody: true})
	}
	out = append(out,
		broken{name: "a lost race", method: "PATCH", target: "/api/keys/" + key, body: `{"purpose":"` + canary + `"}`, want: errs.PreconditionFailed, lines: []string{`If-Match: "` + canary + `"`}},
		broken{name: "an empty If-Match", method: "PATCH", target: "/api/keys/" + key, body: `{"purpose":"` + canary + `"}`, want: errs.InvalidHeader, lines: []string{"If-Match:"}},
		broken{name: "more than it has", method: "POST", target: "/api/keys", body: `{"name":"` + canary + `","scopes":["leads:read"],"origins":["https://` + canary + `.example"]}`, want: errs.KeyWidening})
	return out
}

// brokenLeads are bodies that intake refuses.
func brokenLeads() (out []broken) {
	add := func(name, body string, want errs.Code, lines ...string) {
		out = append(out, broken{name: "a lead: " + name, method: "POST", target: "/api/intake", body: body, want: want, lines: lines})
	}
	const form, multi = "Content-Type: application/x-www-form-urlencoded", "Content-Type: multipart/form-data; boundary=line"
	add("no entity", `{"name":"`+canary+`"}`, errs.ValidationFailed)
	add("an unknown entity", `{"entity":"`+canary+`"}`, errs.ValidationFailed)
	add("an entity that is no text", `{"entity":["`+canary+`"]}`, errs.ValidationFailed)
	add("a list", `["`+canary+`"]`, errs.ValidationFailed)
	add("an e-mail address", `{"entity":"leads","email":"`+canary+`"}`, errs.ValidationFailed)
	add("a phone number", `{"entity":"leads","phone":"`+canary+`"}`, errs.ValidationFailed)
	add("a text that is an object", `{"entity":"leads","name":{"a":"`+canary+`"}}`, errs.ValidationFailed)
	add("an unknown status", `{"entity":"leads","status:stage":"`+canary+`"}`, errs.ValidationFailed)
	add("an unknown pipeline", `{"entity":"leads","status:nothing":"`+canary+`"}`, errs.ValidationFailed)
	add("an unknown mode", `{"entity":"leads","dedup_mode":"`+canary+`"}`, errs.ValidationFailed)
	add("a note", `{"entity":"leads","note":1}`, errs.ValidationFailed)
	add("a note's name", `{"entity":"leads","notes":[{"text":"a","unknown":"`+canary+`"}]}`, errs.ValidationFailed)
	add("a note without text", `{"entity":"leads","notes":[{"tag":"`+canary+`"}]}`, errs.ValidationFailed)
	add("a source", `{"entity":"leads","source":"`+canary+strings.Repeat("a", 100)+`"}`, errs.ValidationFailed)
	add("one field under two names", `{"entity":"leads","name":"`+canary+`","Name":"b"}`, errs.ValidationFailed)
	add("two entities", `{"entity":"leads","lead_object":"`+canary+`"}`, errs.ValidationFailed)
	add("a broken escape", "entity=leads&name="+canary+"%zz", errs.InvalidForm, form)
	add("JSON called a form", `{"name":"`+canary+`"}`, errs.InvalidForm, form)
	add("another character set", `{"name":"`+canary+`"}`, errs.UnsupportedMediaType, "Content-Type: application/json; charset=iso-8859-1")
	add("no boundary", "--line\r\n"+canary, errs.InvalidForm, "Content-Type: multipart/form-data")
	add("a cut-off form", "--line\r\nContent-Disposition: form-data; name=\"entity\"\r\n\r\n"+canary, errs.InvalidForm, multi)
	add("a file", multipartBody(`name="a"; filename="`+canary+`.txt"`, canary), errs.ValidationFailed, multi)
	out = append(out, broken{name: "a lead: strictly", method: "POST", target: "/api/intake?strict=true", body: `{"entity":"leads","favourite":"` + canary + `"}`, want: errs.ValidationFailed})
	out = append(out, broken{name: "a lead: a wrong flag", method: "POST", target: "/api/intake?strict=" + canary, body: `{"entity":"leads"}`, want: errs.ValidationFailed})
	return out
}

// notStrict are bodies that are not strict JSON.
var notStrict = []string{
	"{", "}", "[", `{"name"}`, `{"name":}`, `{"name":"` + canary + `",}`, `[1,]`, `{'name':'` + canary + `'}`, `{name:"` + canary + `"}`, `{"name":"` + canary, `{"name":"` + canary + `"`,
	`{"name":"` + canary + `"}x`, `{"name":"` + canary + `"} {}`, `{"name":"` + canary + `"}]`, "{}\x00", `{"name":"a","name":"` + canary + `"}`, `{"name":"a","n\u0061me":"` + canary + `"}`,
	`{"x":{"y":1,"y":"` + canary + `"}}`, "\ufeff{}", "{\x00}", "\xff\xfe{\x00}\x00", "{\"name\":\"\xff\"}", "{\"\xff\":1}", "{\"name\":\"\xc0\xaf\"}", "{\"name\":\"\xed\xa0\x80\"}",
	`{"name":"\ud800"}`, `{"name":"\udc00\ud800"}`, `{"name":"\ud800` + canary + `"}`, "{\"name\":\"\x00\"}", `{"name":"` + canary + `\u0000"}`, `{"` + `\u0000":1}`, "{\"name\":\"a\nb\"}", "{\"name\":\"a\tb\"}",
	`{"name":NaN}`, `{"name":Infinity}`, `{"name":-Infinity}`, `{"name":01}`, `{"name":+1}`, `{"name":.5}`, `{"name":1.}`, `{"name":0x10}`, `{"name":1e}`, `{"name":--1}`, `{"name":1_000}`,
	`{"name":"a"} // ` + canary, `{/* ` + canary + ` */"name":"a"}`, `nul`, `True`, `{"name":undefined}`, `{"name":"\x41"}`, `{"name":"\u12"}`, `{"name":"\q"}`, strings.Repeat("[", 65) + strings.Repeat("]", 65),
	strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), strings.Repeat("[", 60_000), strings.Repeat(`{"a":`, 12_000), `<name>` + canary + `</name>`, "name: " + canary, "   ", "\n",
}

func brokenJSON() (out []broken) {
	for n, body := range notStrict {
		target := []string{"/api/keys", "/api/intake"}[n%2]
		out = append(out, broken{name: fmt.Sprintf("JSON %.40q", body), method: "POST", target: target, body: body, want: errs.InvalidJSON})
	}
	return out
}
