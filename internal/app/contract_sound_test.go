package app

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Headers of every answer, errors included.
var everyAnswer = map[string]string{
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

var fileNameShape = regexp.MustCompile(`^[a-z0-9_-]+\.[a-z]+$`)

var requestIDShape = regexp.MustCompile(`^[0-9A-Za-z_.-]{8,64}$`)

// sound holds every answer of every test to what all answers have in common.
func (i *instance) sound(a answer) {
	i.t.Helper()
	if a.byNetHTTP() {
		return
	}
	bad := func(format string, args ...any) {
		i.t.Helper()
		i.t.Errorf("%s\n  %s", fmt.Sprintf(format, args...), a)
	}
	for name, want := range everyAnswer {
		got := a.header.Get(name)
		if name == "Cross-Origin-Resource-Policy" && a.header.Get("Access-Control-Allow-Origin") != "" && a.status != http.StatusNoContent {
			want = "cross-origin"
		}
		if got != want || len(a.header.Values(name)) != 1 {
			bad("%s is %q", name, a.header.Values(name))
		}
	}
	if rid := a.header.Values("X-Request-Id"); len(rid) != 1 || !requestIDShape.MatchString(rid[0]) {
		bad("X-Request-Id is %q", rid)
	}
	if hsts := a.header.Get("Strict-Transport-Security"); (hsts != "") != strings.HasPrefix(i.url, "https:") && !i.trustsProxies() {
		bad("Strict-Transport-Security is %q", hsts)
	}
	if !isAPI(strings.Split(a.target, "?")[0]) {
		return
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Vary") != "Authorization, Origin" {
		bad("Cache-Control is %q, Vary %q", a.header.Get("Cache-Control"), a.header.Values("Vary"))
	}
	if a.header.Get("Set-Cookie") != "" || a.header.Get("Location") != "" || a.header.Get("Access-Control-Allow-Credentials") != "" {
		bad("an API answer sets a cookie, redirects or takes credentials")
	}
	switch {
	case a.method == http.MethodHead || a.status == http.StatusNoContent:
		if len(a.body) > 0 {
			bad("a body where there is none")
		}
	case a.status == http.StatusNotModified:
		op, _ := i.doc.operation(a)
		if _, documented := op.Responses["304"]; !documented || len(a.body) > 0 {
			bad("a 304 that is not documented, or has a body")
		}
	case a.status >= 400:
		i.soundProblem(a, bad)
	case a.status != http.StatusOK && a.status != http.StatusCreated:
		bad("an unexpected status")
	default:
		i.soundSuccess(a, bad)
	}
	i.soundChallenge(a, bad)
}

// operation finds what an answer was given by.
func (d *document) operation(a answer) (operation, bool) {
	path, _, _ := strings.Cut(a.target, "?")
	n := slices.IndexFunc(d.operations, func(op operation) bool { return op.method == a.method && op.matches(path) })
	if n < 0 {
		return operation{}, false
	}
	return d.operations[n], true
}

// soundSuccess checks that an answer is what the document says.
func (i *instance) soundSuccess(a answer, bad func(string, ...any)) {
	i.t.Helper()
	op, found := i.doc.operation(a)
	if !found || op.ID == "get-openapi" {
		return
	}
	if op.streams() {
		if a.header.Get("Content-Type") != mediaStream || !strings.HasSuffix(string(a.body), "\n\n") {
			bad("not a stream of events")
		}
		return
	}
	if op.downloads() {
		media, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
		if _, documented := op.Responses["200"].Content[media]; err != nil || !documented || len(a.body) == 0 && media != "application/x-ndjson" {
			bad("not a file of a documented type")
		}
		if disposition, params, err := mime.ParseMediaType(a.header.Get("Content-Disposition")); err != nil || disposition != "attachment" || !fileNameShape.MatchString(params["filename"]) {
			bad("Content-Disposition is %q", a.header.Get("Content-Disposition"))
		}
		return
	}
	if a.header.Get("Content-Type") != mediaJSON {
		bad("the Content-Type is %q", a.header.Get("Content-Type"))
	}
	documented, ok := op.Responses[strconv.Itoa(a.status)]
	if !ok {
		if a.header.Get("Idempotency-Replayed") == "" {
			bad("the status is not documented")
		}
		return
	}
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		bad("not JSON: %v", err)
	}
	if wrong := i.doc.misfit(documented.Content[mediaJSON].Schema, v, ""); len(wrong) > 0 {
		bad("the answer does not fit the document: %v", wrong)
	}
}

func (i *instance) trustsProxies() bool { return len(i.cfg.Proxies) > 0 }

// soundProblem checks that an error is a problem document that says what the header
// says, explained on this instance.
func (i *instance) soundProblem(a answer, bad func(string, ...any)) {
	i.t.Helper()
	if a.header.Get("Content-Type") != "application/problem+json" {
		bad("the Content-Type of an error is %q", a.header.Get("Content-Type"))
		return
	}
	var p map[string]any
	if err := json.Unmarshal(a.body, &p); err != nil {
		bad("an error is not JSON: %v", err)
		return
	}
	if wrong := i.doc.misfit(i.doc.schemas["Problem"], p, ""); len(wrong) > 0 {
		bad("an error does not fit the document: %v", wrong)
	}
	code := errs.Code(a.code())
	x, known := errs.Explain(code)
	if !known || p["title"] != x.Title || p["type"] != i.url+"/help/errors/"+string(code) || p["status"] != float64(a.status) || a.status != httpd.Status(code) {
		bad("type, title, status and code do not agree")
	}
	if p["request_id"] != a.header.Get("X-Request-Id") {
		bad("request_id and X-Request-Id differ")
	}
	for _, stack := range []string{"goroutine ", ".go:", "runtime.", "SQLITE", "SQLSTATE", "huma", "pgx"} {
		if strings.Contains(string(a.body), stack) {
			bad("an error tells of the inside: %s", stack)
		}
	}
	if op, found := i.doc.operation(a); found {
		if _, documented := op.Responses[strconv.Itoa(a.status)]; !documented {
			bad("the status is not documented")
		}
	}
	fields, _ := p["errors"].([]any)
	for _, f := range fields {
		f := f.(map[string]any)
		if (f["pointer"] == nil) == (f["parameter"] == nil) || f["code"] == "" || f["detail"] == "" {
			bad("a wrong value is not named by exactly one of pointer and parameter: %v", f)
		}
	}
	if wait := a.header.Get("Retry-After"); a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable {
		if n, err := strconv.Atoi(wait); err != nil || n < 1 {
			bad("Retry-After is %q", wait)
		}
	}
	if a.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
		bad("a 405 without Allow")
	}
}

const realm = `Bearer realm="leadflip"`

// challenges are the WWW-Authenticate headers of RFC 6750 section 3.
var challenges = map[errs.Code]string{
	errs.KeyMissing:             realm,
	errs.KeyMalformed:           realm + `, error="invalid_token"`,
	errs.KeyUnknown:             realm + `, error="invalid_token"`,
	errs.KeyRevoked:             realm + `, error="invalid_token"`,
	errs.KeyExpired:             realm + `, error="invalid_token"`,
	errs.KeyDisabled:            realm + `, error="invalid_token"`,
	errs.KeyIPNotAllowed:        realm + `, error="invalid_token"`,
	errs.AuthorizationMalformed: realm + `, error="invalid_request"`,
	errs.CredentialMisplaced:    realm + `, error="invalid_request"`,
}

func (i *instance) soundChallenge(a answer, bad func(string, ...any)) {
	i.t.Helper()
	if a.method == http.MethodHead {
		return
	}
	want := challenges[errs.Code(a.code())]
	if a.code() == string(errs.InsufficientScope) {
		var needed []string
		list, _ := a.json()["needed"].([]any)
		for _, one := range list {
			needed = append(needed, one.(string))
		}
		if len(needed) == 0 {
			bad("a missing scope is not named")
		}
		want = realm + `, error="insufficient_scope", scope="` + strings.Join(needed, " ") + `"`
	}
	if got := a.header.Values("WWW-Authenticate"); strings.Join(got, "|") != want {
		bad("WWW-Authenticate is %q, want %q", got, want)
	}
}

// misfit says where a value does not fit a schema of the document.
func (d *document) misfit(s schema, v any, at string) []string {
	if s == nil {
		return nil
	}
	s = d.resolve(s)
	if alternatives := s.alternatives(); len(alternatives) > 1 {
		for _, one := range alternatives {
			if len(d.misfit(one, v, at)) == 0 {
				return nil
			}
		}
		return []string{at + " fits no alternative"}
	}
	if !hasType(s["type"], v) {
		return []string{fmt.Sprintf("%s: %T is not %v", at, v, s["type"])}
	}
	var wrong []string
	switch v := v.(type) {
	case map[string]any:
		properties := s.properties()
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				wrong = append(wrong, at+"/"+name.(string)+" is missing")
			}
		}
		for name, member := range v {
			p, known := properties[name]
			if !known {
				if more, ok := s.sub("additionalProperties"); ok {
					p = more
				} else if s["additionalProperties"] == false {
					wrong = append(wrong, at+"/"+name+" is not documented")
				}
			}
			wrong = append(wrong, d.misfit(p, member, at+"/"+name)...)
		}
	case []any:
		items, _ := s.sub("items")
		for n, member := range v {
			wrong = append(wrong, d.misfit(items, member, at+"/"+strconv.Itoa(n))...)
		}
	case string:
		if !hasFormat(s["format"], v) || !inEnum(s["enum"], v) {
			wrong = append(wrong, fmt.Sprintf("%s: %q is not %v %v", at, v, s["format"], s["enum"]))
		}
	}
	return wrong
}

func hasType(want, v any) bool {
	if all, ok := want.([]any); ok {
		for _, one := range all {
			if hasType(one, v) {
				return true
			}
		}
		return false
	}
	switch v := v.(type) {
	case nil:
		return want == "null" || want == nil
	case bool:
		return want == "boolean" || want == nil
	case string:
		return want == "string" || want == nil
	case float64:
		return want == "number" || want == nil || want == "integer" && v == float64(int64(v))
	case []any:
		return want == "array" || want == nil
	}
	return want == "object" || want == nil
}

func hasFormat(format any, s string) bool {
	switch format {
	case "uuid":
		_, err := id.Parse(s)
		return err == nil
	case "date-time":
		return timeShape.MatchString(s)
	case "uri":
		u, err := url.Parse(s)
		return err == nil && u.IsAbs()
	}
	return true
}

// RFC 3339 in UTC; at most microseconds.
var timeShape = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$`)

func inEnum(enum any, s string) bool {
	all, ok := enum.([]any)
	if !ok {
		return true
	}
	for _, one := range all {
		if one == s {
			return true
		}
	}
	return false
}
