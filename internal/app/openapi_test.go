package app

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// openAPI is a served document.
type openAPI struct {
	OpenAPI string
	Servers []struct{ URL string }
	Tags    []struct{ Name, Description string }
	Paths   map[string]map[string]struct {
		OperationID, Summary string
		Tags                 []string
	}
	Components struct{ Schemas map[string]map[string]any }
}

func (i *instance) openAPI(a answer) (doc openAPI) {
	i.t.Helper()
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/openapi+json" {
		i.t.Fatalf("no document: %s", a)
	}
	i.must(json.Unmarshal(a.body, &doc))
	return doc
}

// TestTheDocumentOfAKey: without a key the general document, with one the entities
// that it may see, and a key that does not work is refused as everywhere.
func TestTheDocumentOfAKey(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, i *instance) {
		get := newRequest(http.MethodGet, "/api/openapi.json")
		_, reader := i.key(i.acme.production, "entities:read")
		_, narrow := i.key(i.acme.production, "leads.leads:write")
		_, blind := i.key(i.acme.production, "keys:read")
		dead, revoked := i.key(i.acme.production, "*")
		i.change(`UPDATE api_keys SET expires_at = 1 WHERE id = $1`, dead.ID)

		open := i.send(get)
		general := i.openAPI(open)
		if general.OpenAPI != "3.1.0" || len(general.Servers) != 1 || general.Servers[0].URL != i.url || general.Components.Schemas["Lead_leads"] != nil {
			t.Errorf("the general document: %s %v", general.OpenAPI, general.Servers)
		}
		typed := i.openAPI(i.send(get.by(reader)))
		for _, name := range []string{"Lead_leads", "LeadFields_leads", "Intake_leads", "LeadPatch_leads"} {
			if typed.Components.Schemas[name] == nil {
				t.Errorf("%s is missing", name)
			}
		}
		if lead := typed.Components.Schemas["Lead"]; lead["oneOf"] == nil || len(typed.Paths) != len(general.Paths) {
			t.Errorf("a lead is %v", lead)
		}
		old := i.openAPI(i.send(get.query("version=3.0").by(reader)))
		if old.OpenAPI != "3.0.3" || len(old.Components.Schemas) != len(typed.Components.Schemas) {
			t.Errorf("the older document is %s", old.OpenAPI)
		}
		if got := i.send(get.by(narrow)); string(got.body) != string(i.send(get.by(reader)).body) {
			t.Errorf("who sees the same reads the same: %s", got)
		}
		if got := i.send(get.by(blind)); string(got.body) != string(open.body) || got.header.Get("ETag") != open.header.Get("ETag") {
			t.Errorf("who sees no entity reads what everybody reads: %s", got)
		}
		if got := i.send(get.by(revoked)); got.status != http.StatusUnauthorized || got.code() != string(errs.KeyExpired) {
			t.Errorf("a key that ended: %s", got)
		}
		if got := i.send(get.with("Authorization", "Bearer lf_live_short")); got.code() != string(errs.KeyMalformed) {
			t.Errorf("no key at all: %s", got)
		}
		if got := i.send(get.query("version=2.0")); got.status != http.StatusUnprocessableEntity {
			t.Errorf("a version there is not: %s", got)
		}
	})
}

// TestTheDocumentHasAnETag: one that stays while the document does, and changes with
// whatever is in it.
func TestTheDocumentHasAnETag(t *testing.T) {
	t.Parallel()
	i := newSQLiteInstance(t)
	_, secret := i.key(i.acme.production, "*")
	get := newRequest(http.MethodGet, "/api/openapi.json")
	tags := map[string]string{}
	check := func(what string, r request) {
		t.Helper()
		a := i.send(r)
		tag := a.header.Get("ETag")
		if other, taken := tags[tag]; taken || tag == "" {
			t.Errorf("%s has the ETag %q of %s", what, tag, other)
		}
		tags[tag] = what
		for _, header := range []string{tag, `"other", W/` + tag, "*"} {
			if again := i.send(r.with("If-None-Match", header)); again.status != http.StatusNotModified || again.header.Get("ETag") != tag || len(again.body) > 0 {
				t.Errorf("%s with If-None-Match: %s", what, again)
			}
		}
		for known := range tags {
			if again := i.send(r.with("If-None-Match", known)); known != tag && (again.status != http.StatusOK || string(again.body) != string(a.body)) {
				t.Errorf("%s with the ETag of %s: %s", what, tags[known], again)
			}
		}
	}
	check("the general document", get)
	check("the older one", get.query("version=3.0.3"))
	check("that of a key", get.by(secret))
	check("the older one of a key", get.query("version=3.0").by(secret))
	e := entity.Entity{AccountID: i.acme.production.Account.ID, Slug: "solar-leads", Name: "Solar leads"}
	i.must(i.app.db.Update(context.Background(), func(ctx context.Context, tx *db.Tx) error { return entity.Insert(ctx, tx, &e) }))
	check("that of a key with another entity", get.by(secret))
	i.change(`UPDATE entities SET name = 'Sun', version = version + 1 WHERE id = $1`, e.ID)
	check("that of a key after a change", get.by(secret))
}

var schemaShape = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// TestEveryOperationIsDescribed: what a generator makes names of, and a reader looks
// for, is there for each of them.
func TestEveryOperationIsDescribed(t *testing.T) {
	t.Parallel()
	var doc openAPI
	if err := json.Unmarshal(OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for _, tag := range doc.Tags {
		described[tag.Name] = tag.Description != ""
	}
	seen := map[string]string{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			name := method + " " + path
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 || !described[op.Tags[0]] {
				t.Errorf("%s: operationId %q, summary %q, tags %v", name, op.OperationID, op.Summary, op.Tags)
			}
			if other := seen[op.OperationID]; other != "" {
				t.Errorf("%s and %s have one operationId", name, other)
			}
			seen[op.OperationID] = name
		}
	}
	for _, op := range readDocument(t, OpenAPI()).operations {
		for status, r := range op.Responses {
			var content schema
			for _, m := range r.Content {
				content = m.Schema
			}
			if status == "200" && op.ID != "get-openapi" || status == "201" {
				if content == nil && !op.streams() && !op.downloads() {
					t.Errorf("%s: a %s without a schema", op, status)
				}
			}
			if status >= "400" && (r.Content["application/problem+json"].Schema["$ref"] != "#/components/schemas/Problem") {
				t.Errorf("%s: %s is no problem document", op, status)
			}
			if r.Headers["X-Request-Id"] == nil {
				t.Errorf("%s: %s without X-Request-Id", op, status)
			}
		}
	}
	for name := range doc.Components.Schemas {
		if !schemaShape.MatchString(name) || slices.Contains([]string{"Body", "Input", "Output"}, name) {
			t.Errorf("a schema is called %q", name)
		}
	}
}
