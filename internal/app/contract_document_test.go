package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
)

// document is the OpenAPI document as the tests use it.
type document struct {
	operations []operation
	schemas    map[string]schema
}

// operation is one method of one path.
type operation struct {
	ID          string      `json:"operationId"`
	Scope       string      `json:"x-leadflip-scope"`
	Safe        bool        `json:"x-leadflip-safe"`     // a POST that changes nothing
	MaxBody     int         `json:"x-leadflip-max-body"` // where it is not the usual limit
	Parameters  []parameter `json:"parameters"`
	RequestBody *struct {
		Required bool             `json:"required"`
		Content  map[string]media `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Content map[string]media  `json:"content"`
		Headers map[string]schema `json:"headers"`
	} `json:"responses"`

	method, path string
}

type parameter struct {
	Name     string `json:"name"`
	In       string `json:"in"`
	Required bool   `json:"required"`
	Schema   schema `json:"schema"`
}

type media struct {
	Schema   schema `json:"schema"`
	Examples map[string]struct {
		Value any `json:"value"`
	} `json:"examples"`
}

// schema is a JSON Schema.
type schema map[string]any

const (
	mediaJSON      = "application/json"
	mediaForm      = "application/x-www-form-urlencoded"
	mediaMultipart = "multipart/form-data"
	mediaStream    = "text/event-stream"
)

func readDocument(t *testing.T, text []byte) *document {
	t.Helper()
	var raw struct {
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	var shared map[string]any
	if err := json.Unmarshal(text, &shared); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(inPlace(shared, shared))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	d := &document{schemas: raw.Components.Schemas}
	for path, methods := range raw.Paths {
		for method, text := range methods {
			op := operation{method: strings.ToUpper(method), path: path}
			if err := json.Unmarshal(text, &op); err != nil {
				t.Fatal(err)
			}
			d.operations = append(d.operations, op)
		}
	}
	if len(d.operations) < 15 {
		t.Fatalf("the document has only %d operations", len(d.operations))
	}
	slices.SortFunc(d.operations, func(a, b operation) int { return strings.Compare(a.String(), b.String()) })
	return d
}

// inPlace puts shared parameters, answers and headers where they are referred to.
// Schemas stay references.
func inPlace(v any, doc map[string]any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = inPlace(v[i], doc)
		}
	case map[string]any:
		ref, _ := v["$ref"].(string)
		if part := strings.Split(ref, "/"); len(part) == 4 && part[2] != "schemas" {
			return inPlace(doc["components"].(map[string]any)[part[2]].(map[string]any)[part[3]], doc)
		}
		for name := range v {
			v[name] = inPlace(v[name], doc)
		}
	}
	return v
}

func (op operation) String() string { return op.method + " " + op.path }

// open tells that an operation needs no key.
func (op operation) open() bool { return op.Scope == "open" }

// scoped tells that an operation needs a scope of its own.
func (op operation) scoped() bool { return strings.Contains(op.Scope, ":") }

// streams tells that an operation answers with a stream that does not end by itself.
func (op operation) streams() bool {
	_, ok := op.Responses["200"].Content[mediaStream]
	return ok
}

// downloads tells that an operation answers with a file, of a type that may be chosen.
func (op operation) downloads() bool {
	content := op.Responses["200"].Content
	_, alsoJSON := content[mediaJSON]
	return len(content) > 0 && !alsoJSON && !op.streams()
}

func (op operation) reads() bool { return op.method == http.MethodGet }

// takes tells whether an operation has a parameter of a kind: path, query or header.
func (op operation) takes(in, name string) bool {
	return slices.ContainsFunc(op.Parameters, func(p parameter) bool { return p.In == in && p.Name == name })
}

// collection is the word in the path before a parameter: keys in /api/keys/{id}.
func (op operation) collection() string {
	before, _, found := strings.Cut(op.path, "/{")
	if !found {
		return ""
	}
	return before[strings.LastIndex(before, "/")+1:]
}

// success is the documented status of a success.
func (op operation) success() string {
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		if status[0] == '2' {
			return status
		}
	}
	return ""
}

// at fills the first parameter of an operation's path.
func (op operation) at(object string) string {
	before, rest, found := strings.Cut(op.path, "{")
	if !found {
		return op.path
	}
	_, after, _ := strings.Cut(rest, "}")
	for part, name := range inside {
		after = strings.ReplaceAll(after, "{"+part+"}", name)
	}
	if strings.HasSuffix(after, "/restore") && op.collection() == "entities" {
		after = "/fields/company/restore"
	}
	return before + object + strings.ReplaceAll(after, "{task}", object)
}

// resolve follows a reference.
func (d *document) resolve(s schema) schema {
	if ref, ok := s["$ref"].(string); ok {
		return d.schemas[ref[strings.LastIndex(ref, "/")+1:]]
	}
	return s
}

func (s schema) properties() map[string]schema {
	out := map[string]schema{}
	all, _ := s["properties"].(map[string]any)
	for name, p := range all {
		if p, ok := p.(map[string]any); ok {
			out[name] = p
		}
	}
	return out
}

func (s schema) sub(name string) (schema, bool) {
	sub, ok := s[name].(map[string]any)
	return sub, ok
}

// alternatives of a schema, itself when it has none.
func (s schema) alternatives() []schema {
	list, ok := s["oneOf"].([]any)
	if !ok {
		list, _ = s["anyOf"].([]any)
	}
	var out []schema
	for _, one := range list {
		if one, ok := one.(map[string]any); ok {
			out = append(out, one)
		}
	}
	if out == nil {
		return []schema{s}
	}
	return out
}

// kind is the type of a schema without null.
func (s schema) kind() string {
	switch k := s["type"].(type) {
	case string:
		return k
	case []any:
		for _, one := range k {
			if one != "null" {
				return one.(string)
			}
		}
	}
	return ""
}

func (s schema) requires(name string) bool {
	list, _ := s["required"].([]any)
	return slices.Contains(list, any(name))
}

// sample is a value that fits a schema, the smallest there is but for what everybody
// fills in.
func (i *instance) sample(name string, s schema) any {
	s = i.doc.resolve(s)
	switch name {
	case "name":
		return i.unique("sample")
	case "from": // leads that are merged into another
		return []any{i.lead(i.acme.production)}
	case "scopes": // what every caller of the tests may pass on
		return []any{"keys:write"}
	}
	if all, ok := s["examples"].([]any); ok {
		return all[0]
	}
	if one, ok := s["default"]; ok {
		return one
	}
	if all, ok := s["enum"].([]any); ok {
		return all[0]
	}
	s = s.alternatives()[0]
	switch s.kind() {
	case "object":
		out := map[string]any{}
		for field, p := range s.properties() {
			if s.requires(field) || field == "name" || field == "scopes" {
				out[field] = i.sample(field, p)
			}
		}
		return out
	case "array":
		items, _ := s.sub("items")
		return []any{i.sample("", items)}
	case "integer", "number":
		return 1
	case "boolean":
		return false
	}
	if s["format"] == "date-time" {
		return "2026-03-01T12:00:00Z"
	}
	return "sample"
}

// orders are what the operations that put things into order have to name, of a fresh
// entity.
var orders = map[string][]string{
	"reorder-fields":    {"message", "phone", "email", "name"},
	"reorder-pipelines": {"stage"},
	"reorder-statuses":  {"Lost", "Won", "Qualified", "Contacted", "New"},
}

// bodyOf is a body that an operation takes, in one media type.
func (i *instance) bodyOf(op operation, contentType string) (string, map[string]any) {
	if op.RequestBody == nil {
		return "", nil
	}
	m := op.RequestBody.Content[contentType]
	var value any
	for _, e := range m.Examples {
		value = e.Value
	}
	if value == nil {
		value = i.sample("", m.Schema)
	}
	object, _ := value.(map[string]any)
	object = maps.Clone(object) // the example belongs to the document
	if order := orders[op.ID]; order != nil {
		object["order"] = order
	}
	switch contentType {
	case mediaForm:
		form := url.Values{}
		for name, v := range object {
			form.Set(name, fmt.Sprint(v))
		}
		return form.Encode(), object
	case mediaMultipart:
		var b strings.Builder
		for name, v := range object {
			fmt.Fprintf(&b, "--line\r\nContent-Disposition: form-data; name=%q\r\n\r\n%v\r\n", name, v)
		}
		return b.String() + "--line--\r\n", object
	}
	if object != nil {
		value = object
	}
	text, err := json.Marshal(value)
	i.must(err)
	return string(text), object
}

func boundary(contentType string) string {
	if contentType == mediaMultipart {
		return contentType + "; boundary=line"
	}
	return contentType
}

// example is a call of an operation that the document allows: about a fresh object of
// an environment, with what is required and nothing else.
func (i *instance) example(op operation, who account.Principal) request {
	i.t.Helper()
	object := ""
	if op.collection() != "" {
		object = i.object(op.collection(), who)
	}
	return i.about(op, object)
}

// about is a call of an operation about an object.
func (i *instance) about(op operation, object string) request {
	r := newRequest(op.method, op.at(object))
	for _, p := range op.Parameters {
		if p.In == "query" && p.Required {
			r = r.query(p.Name + "=" + url.QueryEscape(fmt.Sprint(i.sample(p.Name, p.Schema))))
		}
	}
	if op.RequestBody != nil {
		body, _ := i.bodyOf(op, mediaJSON)
		r = r.sending(mediaJSON, body)
	}
	return r
}
