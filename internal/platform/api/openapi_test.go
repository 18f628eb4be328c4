package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
)

// TestOlderSchemas is what becomes of each word of 3.1 that 3.0 says otherwise or not
// at all.
func TestOlderSchemas(t *testing.T) {
	t.Parallel()
	null := `{"type":"string","nullable":true,"enum":[null]}`
	for _, c := range []struct{ name, newer, older string }{
		{"nothing special", `{"type":"string","format":"uuid","maxLength":9}`, `{"type":"string","format":"uuid","maxLength":9}`},
		{"a type or null", `{"type":["string","null"],"enum":["a",null]}`, `{"type":"string","nullable":true,"enum":["a",null]}`},
		{"null or a type", `{"type":["null","integer"]}`, `{"type":"integer","nullable":true}`},
		{"a list of one type", `{"type":["integer"]}`, `{"type":"integer"}`},
		{"several types", `{"type":["string","array"],"description":"d"}`, `{"description":"d","allOf":[{"anyOf":[{"type":"string"},{"type":"array","items":{}}]}]}`},
		{"several types or null", `{"type":["string","number","null"]}`, `{"allOf":[{"anyOf":[{"type":"string","nullable":true},{"type":"number","nullable":true}]}]}`},
		{"null alone", `{"type":"null"}`, null},
		{"a list of null", `{"type":["null"]}`, null},
		{"const", `{"type":"string","const":"a"}`, `{"type":"string","enum":["a"]}`},
		{"const null", `{"const":null}`, null},
		{"examples", `{"type":"string","examples":["a","b"]}`, `{"type":"string","example":"a"}`},
		{"no examples", `{"examples":[]}`, `{}`},
		{"exclusive minimum", `{"type":"number","exclusiveMinimum":0}`, `{"type":"number","minimum":0,"exclusiveMinimum":true}`},
		{"exclusive maximum", `{"type":"number","exclusiveMaximum":1.5}`, `{"type":"number","maximum":1.5,"exclusiveMaximum":true}`},
		{"the stricter minimum", `{"minimum":5,"exclusiveMinimum":0}`, `{"minimum":5}`},
		{"the weaker minimum", `{"minimum":-5,"exclusiveMinimum":0}`, `{"minimum":0,"exclusiveMinimum":true}`},
		{"the same minimum", `{"minimum":0,"exclusiveMinimum":0}`, `{"minimum":0,"exclusiveMinimum":true}`},
		{"the stricter maximum", `{"maximum":5,"exclusiveMaximum":9}`, `{"maximum":5}`},
		{"the weaker maximum", `{"maximum":50,"exclusiveMaximum":9}`, `{"maximum":9,"exclusiveMaximum":true}`},
		{"a reference", `{"$ref":"#/components/schemas/Cat"}`, `{"$ref":"#/components/schemas/Cat"}`},
		{"a described reference", `{"$ref":"#/components/schemas/Cat","description":"d"}`, `{"description":"d","allOf":[{"$ref":"#/components/schemas/Cat"}]}`},
		{"a reference with example", `{"$ref":"#/components/schemas/Cat","examples":[{}]}`, `{"example":{},"allOf":[{"$ref":"#/components/schemas/Cat"}]}`},
		{"a reference or null", `{"anyOf":[{"$ref":"#/components/schemas/Cat"},{"type":"null"}],"description":"d"}`, `{"type":"object","nullable":true,"description":"d","allOf":[{"$ref":"#/components/schemas/Cat"}]}`},
		{"a text or null", `{"oneOf":[{"type":"string"},{"type":"null"}]}`, `{"type":"string","nullable":true,"allOf":[{"type":"string"}]}`},
		{"a list or null", `{"oneOf":[{"type":"array","items":{"type":"string"}},{"type":"null"}]}`, `{"type":"array","items":{},"nullable":true,"allOf":[{"type":"array","items":{"type":"string"}}]}`},
		{"equal types or null", `{"oneOf":[{"type":"string","format":"uuid"},{"type":"null"},{"type":"string","format":"email"}]}`, `{"type":"string","nullable":true,"oneOf":[{"type":"string","format":"uuid"},{"type":"string","format":"email"}]}`},
		{"different types or null", `{"anyOf":[{"type":"string"},{"type":"number"},{"type":"null"}]}`, `{"anyOf":[{"type":"string"},{"type":"number"},` + null + `]}`},
		{"a choice without null", `{"oneOf":[{"type":"string"},{"type":"number"}]}`, `{"oneOf":[{"type":"string"},{"type":"number"}]}`},
		{"inside properties", `{"properties":{"const":{"const":1},"examples":{"type":["string","null"]}}}`, `{"properties":{"const":{"enum":[1]},"examples":{"type":"string","nullable":true}}}`},
		{"inside items", `{"type":"array","items":{"const":1}}`, `{"type":"array","items":{"enum":[1]}}`},
		{"an array of anything", `{"type":"array"}`, `{"type":"array","items":{}}`},
		{"inside not", `{"not":{"const":1}}`, `{"not":{"enum":[1]}}`},
		{"inside additional properties", `{"additionalProperties":{"const":1}}`, `{"additionalProperties":{"enum":[1]}}`},
		{"no more properties", `{"additionalProperties":false}`, `{"additionalProperties":false}`},
		{"anything and nothing", `{"properties":{"a":true,"b":false}}`, `{"properties":{"a":{},"b":{"not":{}}}}`},
		{"words 3.0 does not have", `{"$id":"x","$comment":"c","if":{},"then":{},"patternProperties":{},"propertyNames":{},"unevaluatedProperties":false,"prefixItems":[],"dependentRequired":{},"contentMediaType":"text/plain"}`, `{}`},
		{"binary in text", `{"type":"string","contentEncoding":"base64"}`, `{"type":"string","format":"byte"}`},
		{"values that look like schemas", `{"default":{"const":1},"enum":[{"type":["a","null"]}],"examples":[{"const":2}]}`, `{"default":{"const":1},"enum":[{"type":["a","null"]}],"example":{"const":2}}`},
		{"our own words", `{"x-mine":{"const":1}}`, `{"x-mine":{"const":1}}`},
		{"long numbers", `{"maximum":12345678901234567890.5}`, `{"maximum":12345678901234567890.5}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			newer := treeOf([]byte(c.newer))
			o := &olderWriter{schemas: tree{"Cat": tree{"type": "object"}}}
			got := o.schema(newer)
			if d := cmp.Diff(any(treeOf([]byte(c.older))), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if d := cmp.Diff(treeOf([]byte(c.newer)), newer); d != "" {
				t.Errorf("the 3.1 schema was changed:\n%s", d)
			}
		})
	}
}

// TestOlderDocument: what is around the schemas.
func TestOlderDocument(t *testing.T) {
	t.Parallel()
	newer := treeOf([]byte(`{"openapi":"3.1.0","jsonSchemaDialect":"x","info":{"title":"T","summary":"S","license":{"name":"Apache-2.0","identifier":"Apache-2.0"}},"webhooks":{"a":{}},
		"paths":{"/a":{"get":{"operationId":"a","parameters":[{"name":"schema","in":"query","example":{"const":1},"schema":{"const":"a"}}],
			"responses":{"200":{"description":"OK","content":{"application/json":{"examples":{"one":{"value":{"const":1}}},"schema":{"type":["string","null"]}}}}}}}},
		"components":{"pathItems":{},"schemas":{"schemas":{"properties":{"schema":{"const":1}}}}}}`))
	want := treeOf([]byte(`{"openapi":"3.0.3","info":{"title":"T","license":{"name":"Apache-2.0","url":"https://spdx.org/licenses/Apache-2.0.html"}},
		"paths":{"/a":{"get":{"operationId":"a","parameters":[{"name":"schema","in":"query","example":{"const":1},"schema":{"enum":["a"]}}],
			"responses":{"200":{"description":"OK","content":{"application/json":{"examples":{"one":{"value":{"const":1}}},"schema":{"type":"string","nullable":true}}}}}}}},
		"components":{"schemas":{"schemas":{"properties":{"schema":{"enum":[1]}}}}}}`))
	before := string(indented(newer))
	if d := cmp.Diff(want, older(newer)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if string(indented(newer)) != before {
		t.Error("the 3.1 document was changed")
	}
}

type noteBody struct {
	Text string `json:"text"`
}

type body struct {
	ID string `json:"id"`
}

type OneNote struct {
	IfMatch string `header:"If-Match"`
	ID      string `path:"id" doc:"Which one"`
	When    string `query:"when" format:"date-time"`
}

// TestDocumentIsShared: what operations have in common is said once, and what is
// special to one stays with it.
func TestDocumentIsShared(t *testing.T) {
	t.Parallel()
	a := New(Config{Version: "1"})
	type output struct {
		ETag string `header:"ETag"`
		Body noteBody
	}
	one := func(method, id string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/api/notes/{id}", Summary: id, Tags: []string{"Leads"}}
	}
	Register(a, one(http.MethodPatch, "change-note"), Needs("leads:write"), func(context.Context, *struct {
		OneNote
		Body struct {
			Text string `json:"text"`
		}
	}) (*output, error) {
		return nil, nil
	})
	Register(a, huma.Operation{OperationID: "list-notes", Method: http.MethodGet, Path: "/api/notes", Summary: "List", Errors: []int{http.StatusConflict}}, Open(MayHaveKey()),
		func(context.Context, *struct{ Paging }) (*List[body], error) { return nil, nil })
	sent := huma.Operation{OperationID: "send-note", Method: http.MethodPost, Path: "/api/notes", Summary: "Send", SkipValidateBody: true,
		RequestBody: &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: "object", Properties: map[string]*huma.Schema{"a": {Type: "string"}}},
			Examples: map[string]*huma.Example{"one": {Value: map[string]any{"a": "b"}}}}}}}
	Register(a, sent, AnyKey(), func(context.Context, *struct{ RawBody []byte }) (*struct{}, error) { return nil, nil })
	doc := treeOf(a.OpenAPI())
	get := func(path ...string) any {
		var v any = doc
		for _, name := range path {
			m, _ := v.(tree)
			v = m[name]
		}
		return v
	}
	statuses := func(path, method string) string {
		var all []string
		for status := range inside(doc, "paths", path, method, "responses") {
			all = append(all, status)
		}
		return strings.Join(slices.Sorted(slices.Values(all)), " ")
	}
	for _, c := range []struct {
		what string
		got  any
		want any
	}{
		{"statuses of a change", statuses("/api/notes/{id}", "patch"), "200 400 401 403 404 406 409 412 413 414 415 422 429 500 503 507"},
		{"statuses of an open list that may have a key", statuses("/api/notes", "get"), "200 400 401 403 406 409 414 415 422 429 500 503"},
		{"a shared refusal", get("paths", "/api/notes/{id}", "patch", "responses", "412"), reference("responses", "PreconditionFailed")},
		{"what it is", get("components", "responses", "PreconditionFailed", "content", "application/problem+json", "schema"), reference("schemas", "Problem")},
		{"a header of 429", get("components", "responses", "TooManyRequests", "headers", "Retry-After"), reference("headers", "RetryAfter")},
		{"the ETag", get("paths", "/api/notes/{id}", "patch", "responses", "200", "headers", "ETag"), reference("headers", "ETag")},
		{"the replay", get("paths", "/api/notes/{id}", "patch", "responses", "200", "headers", "Idempotency-Replayed"), reference("headers", "IdempotencyReplayed")},
		{"no replay of a list", get("paths", "/api/notes", "get", "responses", "200", "headers", "Idempotency-Replayed"), nil},
		{"no rate limit without a key", get("paths", "/api/notes", "get", "responses", "200", "headers", "RateLimit"), nil},
		{"the shared parameter", get("components", "parameters", "IfMatch", "example"), `"3"`},
		{"security of an open operation that may have a key", get("paths", "/api/notes", "get", "security"), []any{tree{}, tree{"key": []any{}}}},
		{"a body described in place", get("paths", "/api/notes", "post", "requestBody", "content", "application/json"), tree{"schema": reference("schemas", "SendNoteRequest")}},
		{"its example", get("components", "schemas", "SendNoteRequest", "examples"), []any{tree{"a": "b"}}},
		{"a body of a type", get("paths", "/api/notes/{id}", "patch", "responses", "200", "content", "application/json", "schema"), reference("schemas", "Note")},
		{"a list of a type that is called body", get("paths", "/api/notes", "get", "responses", "200", "content", "application/json", "schema"), reference("schemas", "ApiList")},
		{"its items", get("components", "schemas", "ApiList", "properties", "data", "items"), reference("schemas", "Api")},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, d)
		}
	}
	for _, p := range get("paths", "/api/notes/{id}", "patch", "parameters").([]any) {
		if p := p.(tree); p["$ref"] == nil && p["example"] == nil {
			t.Errorf("a parameter without an example: %v", p)
		}
	}
}

func TestComponentNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"Retry-After": "RetryAfter", "cursor": "Cursor", "If-None-Match": "IfNoneMatch", "I'm a teapot": "IMATeapot", "list-leads": "ListLeads"} {
		if got := componentName(text); got != want {
			t.Errorf("%s became %s", text, got)
		}
	}
}

// TestTypedTakesThePlaceOfGeneral: of one caller's document, without a trace in that of
// everybody else.
func TestTypedTakesThePlaceOfGeneral(t *testing.T) {
	t.Parallel()
	a := New(Config{Version: "1"})
	p := &publisher{api: a, general: func() tree { return general }}
	before := string(indented(general))
	typed := Typed{State: "1", Schemas: map[string]*huma.Schema{"A": {Type: "string", Nullable: true}, "C": {Type: "integer"}}}
	for version, want := range map[string]string{openAPI31: `{"type":["string","null"]}`, openAPI30: `{"nullable":true,"type":"string"}`} {
		e := edition{version, "https://leads.example.com"}
		doc := treeOf(p.text(e, typed))
		schemas := inside(doc, "components", "schemas")
		if len(schemas) != 3 || doc["openapi"] != version {
			t.Errorf("%s: %v", version, doc)
		}
		if got, _ := json.Marshal(schemas["A"]); string(got) != want {
			t.Errorf("%s: A is %s", version, got)
		}
		if servers := doc["servers"].([]any); servers[0].(tree)["url"] != e.base {
			t.Errorf("servers %v", servers)
		}
		open := treeOf(p.text(e, Typed{}))
		if len(inside(open, "components", "schemas")) != 2 || !reflect.DeepEqual(open, treeOf(p.text(e, Typed{}))) {
			t.Errorf("what everybody reads: %v", open)
		}
	}
	if string(indented(general)) != before {
		t.Error("the general document was changed")
	}
}

var general = treeOf([]byte(`{"openapi":"3.1.0","info":{},"servers":[{"url":"/"}],"paths":{},"components":{"schemas":{"A":{"type":"object"},"B":{}}}}`))
