package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const introduction = `The REST API of a Leadflip instance: capture leads, read them, and look after the keys that do it.

**Authentication.** Send an API key as ` + "`Authorization: Bearer <key>`" + ` and nowhere else. Keys are made under *Account Settings > API Access*, belong to one environment and can do what their scopes say.

**Errors** are problem documents (RFC 9457); their ` + "`type`" + ` is a page of the instance that explains them. **Lists** page with ` + "`limit`" + ` and ` + "`cursor`" + `. **Idempotency-Key** works on every POST and PATCH. **Rate limits** are told in ` + "`RateLimit`" + ` headers.`

func describe(c *huma.Config) {
	c.Info.Description = introduction
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	c.Servers = []*huma.Server{{URL: "/", Description: thisInstance}}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", BearerFormat: "lf_live_… or lf_test_…", Description: "An API key of one environment."},
	}
	c.Components.Schemas = huma.NewMapRegistry(schemaPrefix, schemaName)
	c.Tags = []*huma.Tag{
		{Name: "Leads", Description: "Capture leads and read them."},
		{Name: "Entities", Description: "What a lead is in this account."},
		{Name: "Events", Description: "What happened, in order: read it page by page, or follow it as it happens."},
		{Name: "API keys", Description: "The keys themselves: which one am I, make, watch, rotate, revoke."},
		{Name: "Instance", Description: "About this instance."},
	}
}

const thisInstance = "This instance"

// document writes into the operation what the frame does for it. What the operation
// itself may answer beside that stands in its Errors.
func document(op *huma.Operation, p Policy) {
	op.Extensions = map[string]any{}
	switch p.kind {
	case policyOpen:
		op.Security = []map[string][]string{}
		if p.keyOptional {
			op.Security = []map[string][]string{{}, {"key": {}}}
		}
		op.Extensions["x-leadflip-scope"] = "open"
	case policyAnyKey:
		op.Security = []map[string][]string{{"key": {}}}
		op.Extensions["x-leadflip-scope"] = "any live key"
	default:
		op.Security = []map[string][]string{{"key": {}}}
		op.Extensions["x-leadflip-scope"] = p.scope
		op.Description = strings.TrimSpace(op.Description + "\n\nNeeds the scope `" + p.scope + "`.")
	}
	op.MaxBodyBytes = p.maxBody + 1
	statuses := append(slices.Clone(op.Errors), http.StatusBadRequest, http.StatusForbidden, http.StatusNotAcceptable, http.StatusRequestURITooLong, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable)
	if p.kind != policyOpen || p.keyOptional {
		statuses = append(statuses, http.StatusUnauthorized, http.StatusTooManyRequests)
	}
	if strings.Contains(op.Path, "{") {
		statuses = append(statuses, http.StatusNotFound)
	}
	if op.Method != http.MethodGet { // it writes; where there is no key, it is limited by address
		statuses = append(statuses, http.StatusInsufficientStorage, http.StatusTooManyRequests)
	}
	if op.Method == http.MethodPost || op.Method == http.MethodPatch {
		statuses = append(statuses, http.StatusConflict, http.StatusRequestEntityTooLarge)
		if p.kind != policyOpen && !p.safe {
			op.Parameters = append(op.Parameters, &huma.Param{Name: "Idempotency-Key", In: "header",
				Description: "Any text of 1 to 255 printable ASCII characters. The same call with the same key is carried out once; repeats get the same answer for 30 days.",
				Schema:      &huma.Schema{Type: "string", MinLength: new(1), MaxLength: new(255)}})
		}
	}
	slices.Sort(statuses)
	op.Errors = slices.Compact(statuses)
}

// MayHaveKey lets an open operation know who calls when a key is sent. A key that does
// not work is refused as everywhere.
func MayHaveKey() PolicyOption { return func(p *Policy) { p.keyOptional = true } }

// identifies tells whether a request has to show a key.
func (p Policy) identifies(h http.Header) bool {
	return p.kind != policyOpen || p.keyOptional && len(h.Values("Authorization")) > 0
}

// Operations calls visit for every operation, for the tests that compare what is
// served with what is documented.
func (a *API) Operations(visit func(pattern, scope string)) {
	for pattern, rt := range a.routes {
		scope := rt.policy.scope
		switch rt.policy.kind {
		case policyOpen:
			scope = "open"
		case policyAnyKey:
			scope = "any live key"
		}
		visit(pattern, scope)
	}
}

// OpenAPI is the general OpenAPI 3.1 document, indented, the same bytes for the same
// program.
func (a *API) OpenAPI() []byte { return indented(a.general()) }

// general is the document that everybody may read, as a tree.
func (a *API) general() tree {
	text, err := json.Marshal(a.huma.OpenAPI())
	if err != nil {
		panic(err) // made of plain data
	}
	doc := treeOf(text)
	a.allowNull(doc)
	nameBodies(doc)
	share(doc)
	return doc
}

// allowNull says of each member that is a pointer to a struct that it can be null.
// huma writes the reference alone.
func (a *API) allowNull(doc tree) {
	registry := a.Schemas()
	for name, s := range registry.Map() {
		t := registry.TypeFromRef(schemaPrefix + name)
		if t == nil || t.Kind() != reflect.Struct {
			continue
		}
		for _, f := range reflect.VisibleFields(t) {
			member, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if p := s.Properties[member]; f.Type.Kind() != reflect.Pointer || options != "" || p == nil || p.Ref == "" {
				continue
			}
			at := inside(doc, "components", "schemas", name, "properties", member)
			at["anyOf"] = []any{tree{"$ref": at["$ref"]}, tree{"type": "null"}}
			delete(at, "$ref")
		}
	}
}
