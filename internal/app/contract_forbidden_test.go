package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// everythingEntity has a field of every type, with every limit.
const everythingEntity = `{"name":"Everything","slug":"everything","fields":[
	{"key":"contact","label":"Contact","type":"email","match_key":1},
	{"key":"must","label":"Must","type":"text","required":true},
	{"key":"text","label":"Text","type":"text","max_length":5},
	{"key":"area","label":"Area","type":"textarea"},
	{"key":"number","label":"Number","type":"number","min":-10,"max":1000,"step":0.5},
	{"key":"digits","label":"Digits","type":"number","indexed":true},
	{"key":"email","label":"Email","type":"email","indexed":true},
	{"key":"phone","label":"Phone","type":"phone"},
	{"key":"date","label":"Date","type":"date"},
	{"key":"moment","label":"Moment","type":"datetime"},
	{"key":"choice","label":"Choice","type":"select","options":[{"key":"a","label":"First"},{"key":"b","label":"Second"}]},
	{"key":"choices","label":"Choices","type":"multi-select","options":[{"key":"a","label":"First"},{"key":"b","label":"Second"}]},
	{"key":"tick","label":"Tick","type":"checkbox"},
	{"key":"web","label":"Web","type":"url"},
	{"key":"place","label":"Place","type":"address"},
	{"key":"scan","label":"Scan","type":"file","max_size":10},
	{"key":"secret","label":"Secret","type":"text","encrypted":true,"max_length":5,"match_key":2}],
	"pipelines":[{"name":"Stage","slug":"stage","statuses":[{"name":"New","color":"blue","default":true},{"name":"Won","color":"green"}]}]}`

// forbidden are values that a field refuses, and how.
var forbidden = []struct{ field, value, code string }{
	{"text", `"123456"`, "too_long"}, {"text", `true`, "wrong_type"}, {"text", `["a"]`, "wrong_type"}, {"text", `{"a":1}`, "wrong_type"},
	{"area", `{}`, "wrong_type"}, {"area", `"` + strings.Repeat("a", 100_001) + `"`, "too_long"},
	{"must", `null`, "required"}, {"must", `""`, "required"}, {"must", `"   "`, "required"},
	{"number", `-10.5`, "too_small"}, {"number", `1000.5`, "too_large"}, {"number", `0.25`, "wrong_step"}, {"number", `"many"`, "not_a_number"}, {"number", `true`, "wrong_type"}, {"number", `"1,5,6"`, "not_a_number"},
	{"digits", `123456789012345678901234567890123456789`, "too_many_digits"}, {"digits", `1e400`, "too_many_digits"}, {"digits", `"NaN"`, "not_a_number"}, {"digits", `"Infinity"`, "not_a_number"}, {"digits", `"0x10"`, "not_a_number"},
	{"email", `"nobody"`, "invalid_email"}, {"email", `"a@"`, "invalid_email"}, {"email", `"@b.de"`, "invalid_email"}, {"email", `"a@b@c.de"`, "invalid_email"}, {"email", `"a b@c.de"`, "invalid_email"}, {"email", `7`, "invalid_email"}, {"email", `"` + strings.Repeat("a", 300) + `@b.de"`, "invalid_email"},
	{"contact", `"nobody"`, "invalid_email"},
	{"phone", `"call me"`, "invalid_phone"}, {"phone", `"12"`, "invalid_phone"}, {"phone", `"+999999999999999999"`, "invalid_phone"}, {"phone", `{}`, "wrong_type"},
	{"date", `"2023-02-29"`, "invalid_date"}, {"date", `"tomorrow"`, "invalid_date"}, {"date", `"2023-13-01"`, "invalid_date"}, {"date", `5`, "wrong_type"},
	{"moment", `"2023-02-29T10:00:00Z"`, "invalid_datetime"}, {"moment", `"2023-02-03T25:00:00Z"`, "invalid_datetime"}, {"moment", `"now"`, "invalid_datetime"},
	{"choice", `"c"`, "unknown_option"}, {"choice", `["a","b"]`, "wrong_type"}, {"choice", `{}`, "wrong_type"},
	{"choices", `["a","c"]`, "unknown_option"}, {"choices", `"c"`, "unknown_option"}, {"choices", `[["a"]]`, "wrong_type"},
	{"tick", `"perhaps"`, "not_yes_or_no"}, {"tick", `2`, "not_yes_or_no"},
	{"web", `"javascript:alert(1)"`, "invalid_url"}, {"web", `"no address"`, "invalid_url"}, {"web", `"http://"`, "invalid_url"},
	{"place", `{"planet":"Mars"}`, "unknown_part"}, {"place", `{"latitude":"91"}`, "out_of_range"}, {"place", `{"country_code":"ZZZ"}`, "unknown_country"}, {"place", `7`, "wrong_type"}, {"place", `{"city":{}}`, "wrong_type"},
	{"scan", `"text"`, "wrong_type"}, {"scan", `{"name":"a.txt","content":"!!"}`, "invalid_base64"}, {"scan", `{"name":"a.txt","content":"` + strings.Repeat("YWFh", 10) + `"}`, "too_large"}, {"scan", `{"name":"a.txt"}`, "no_content"},
	{"secret", `"123456"`, "too_long"}, {"secret", `{}`, "wrong_type"},
}

// path is a way by which a value reaches a lead.
type writePath struct {
	name string
	send func(i *instance, field, value string) answer
	at   string // where the pointer to the field begins
}

// flat is a flat body that is right but for one value; email says which lead it is for.
func flat(field, value string, more ...string) string {
	names := map[string]string{"must": `"there"`, "contact": `"ada@example.com"`}
	for n := 0; n+1 < len(more); n += 2 {
		names[more[n]] = more[n+1]
	}
	names[field] = value
	var b strings.Builder
	for n, name := range slices.Sorted(maps.Keys(names)) {
		if n > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, names[name])
	}
	return "{" + b.String() + "}"
}

// TestTheSameRuleOnEveryPath: one table of forbidden values through every door by which
// values reach a lead. Each is refused everywhere with the same code at the same field,
// and nothing is touched.
func TestTheSameRuleOnEveryPath(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		call := func(method, target, body string) answer {
			return i.send(newRequest(method, target).sending(mediaJSON, body).by(caller))
		}
		if a := call(http.MethodPost, "/api/entities", everythingEntity); a.status != http.StatusCreated {
			t.Fatal(a)
		}
		there := call(http.MethodPost, "/api/intake", flat("entity", `"everything"`))
		lead := there.text("lead_id")
		if lead == "" {
			t.Fatal(there)
		}
		intake := func(more ...string) func(*instance, string, string) answer {
			return func(_ *instance, field, value string) answer {
				return call(http.MethodPost, "/api/intake", flat(field, value, append([]string{"entity", `"everything"`}, more...)...))
			}
		}
		bulk := func(query string, more ...string) func(*instance, string, string) answer {
			return func(_ *instance, field, value string) answer {
				return call(http.MethodPost, "/api/leads/bulk"+query, `{"entity":"everything","batch":[`+flat(field, value, more...)+`]}`)
			}
		}
		paths := []writePath{
			{"intake", intake("contact", `"new@example.com"`), "/"},
			{"intake, dry run", func(_ *instance, field, value string) answer {
				return call(http.MethodPost, "/api/intake?dry_run=true", flat(field, value, "entity", `"everything"`))
			}, "/"},
			{"intake of a duplicate", intake(), "/"},
			{"intake that updates", intake("dedup_mode", `"update"`), "/"},
			{"intake that creates", intake("dedup_mode", `"create"`), "/"},
			{"bulk", bulk("", "contact", `"new@example.com"`), "/"},
			{"bulk, atomic", bulk("?atomic=true", "contact", `"new@example.com"`), "/batch/0/"},
			{"bulk that updates", bulk("", "dedup_mode", `"update"`), "/"},
			{"change", func(_ *instance, field, value string) answer {
				return call(http.MethodPatch, "/api/leads/"+lead, `{"fields":{"`+field+`":`+value+`}}`)
			}, "/fields/"},
			{"a form", func(_ *instance, field, value string) answer {
				var text string
				if json.Unmarshal([]byte(value), &text) != nil { // a form has texts only
					return answer{}
				}
				form := url.Values{"entity": {"everything"}, "must": {"there"}, "contact": {"form@example.com"}}
				form.Set(field, text)
				return i.send(newRequest(http.MethodPost, "/api/intake").sending(mediaForm, form.Encode()).by(caller))
			}, "/"},
		}
		for _, f := range forbidden {
			i.untouched(f.field+" "+f.value, func() {
				for _, p := range paths {
					a := p.send(i, f.field, f.value)
					if a.status == 0 {
						continue
					}
					code, pointer := a.refusal(t)
					field, inside, _ := strings.Cut(strings.TrimPrefix(pointer, p.at), "/")
					if code != f.code || !strings.HasPrefix(pointer, p.at) || field != f.field {
						t.Errorf("%s, %s = %.80s: want %s, got %q at %s (%s)", p.name, f.field, f.value, f.code, code, pointer, inside)
					}
				}
			})
		}
		// What is no text at all is refused before anything else, the same everywhere.
		for _, value := range []string{"\"a\x00b\"", `"a\u0000b"`, "\"\xff\"", `"\ud800"`} {
			i.untouched(strconv.Quote(value), func() {
				for _, p := range paths[:len(paths)-1] {
					if a := p.send(i, "area", value); a.code() != "invalid_json" {
						t.Errorf("%s, %q: %s", p.name, value, a)
					}
				}
			})
		}
	})
}

// refusal is the code and place of the one thing that is wrong, of a call or of its row.
func (a answer) refusal(t *testing.T) (code, pointer string) {
	t.Helper()
	type wrong struct{ Pointer, Code string }
	var p struct {
		Status json.RawMessage
		Code   string
		Errors []struct {
			wrong
			Errors []wrong
		}
	}
	if err := json.Unmarshal(a.body, &p); err != nil || len(p.Errors) != 1 {
		return "no refusal: " + a.String(), ""
	}
	if a.status == http.StatusOK {
		if len(p.Errors[0].Errors) != 1 {
			return "no refusal: " + a.String(), ""
		}
		return p.Errors[0].Errors[0].Code, p.Errors[0].Errors[0].Pointer
	}
	if a.status != http.StatusUnprocessableEntity || p.Code != "validation_failed" {
		return "no refusal: " + a.String(), ""
	}
	return p.Errors[0].Code, p.Errors[0].Pointer
}
