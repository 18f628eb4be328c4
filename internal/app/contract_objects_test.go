package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

const missingID = "0197b1c2-5d3e-7abc-8def-0123456789ab"

// shared are the collections that all environments of an account have in common.
var shared = []string{"entities"}

// gone makes an object that once was there, for the collections whose objects can go.
var gone = map[string]func(i *instance, who account.Principal) string{
	"leads": func(i *instance, who account.Principal) string {
		lead := i.lead(who)
		i.change(`UPDATE leads SET deleted_at = 1 WHERE id = $1`, lead)
		return lead
	},
}

// noIDs are texts in the place of an id. They name nothing.
var noIDs = []string{
	"x", "0", "null", "undefined", "-1", "1e3", "%20", "%00", "%0a", missingID + "0", missingID[1:], strings.ReplaceAll(missingID, "-", ""),
	"{" + missingID + "}", "urn:uuid:" + missingID, "%F0%9F%92%A9", "%ff%fe", "'%20OR%201=1--", "*", "%25", strings.Repeat("a", 4000), "00000000-0000-0000-0000-000000000000",
}

// same fails the test unless two answers are the same, but for what belongs to the
// moment.
func (i *instance) same(got, want answer) {
	i.t.Helper()
	if g, w := timeless(got), timeless(want); g != w {
		i.t.Errorf("two answers can be told apart:\n%s\n%s\n  to %s\n  to %s", g, w, got.to, want.to)
	}
}

// timeless is an answer without request id, date and what a rate limit says.
func timeless(a answer) string {
	h := a.header.Clone()
	for _, name := range []string{"X-Request-Id", "Date", "RateLimit"} {
		h.Del(name)
	}
	body := bytes.ReplaceAll(a.body, []byte(a.header.Get("X-Request-Id")), []byte("ID"))
	return fmt.Sprintf("%d %v %s", a.status, h, body)
}

// TestWhatYouMayNotSeeDoesNotExist calls every operation that names an object with
// everything that the caller must not reach.
func TestWhatYouMayNotSeeDoesNotExist(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		rows := 0
		for _, op := range i.doc.operations {
			if op.collection() == "" {
				continue
			}
			rows++
			others := map[string]string{"of another account": i.object(op.collection(), i.globex.production), "of another account's test environment": i.object(op.collection(), i.globex.staging)}
			if !slices.Contains(shared, op.collection()) {
				others["of another environment"] = i.object(op.collection(), i.acme.staging)
			}
			if mk := gone[op.collection()]; mk != nil {
				others["deleted"] = mk(i, i.acme.production)
			}
			for _, no := range noIDs {
				others["not an id: "+no] = no
			}
			want := i.send(i.about(op, missingID).by(caller))
			if want.status != http.StatusNotFound || want.code() != string(errs.NotFound) {
				t.Errorf("%s, missing: %s", op, want)
				continue
			}
			if op.ID == "restore-lead" { // which is for what was deleted
				delete(others, "deleted")
			}
			var calls []request
			for _, object := range others {
				calls = append(calls, i.about(op, object).by(caller))
			}
			i.untouched(op.String(), func() {
				for _, r := range calls {
					i.same(i.send(r), want)
				}
			})
			for _, spell := range []func(string) string{strings.ToLower, strings.ToUpper} { // each with an object of its own
				if a := i.send(i.about(op, spell(i.object(op.collection(), i.acme.production))).by(caller)); fmt.Sprint(a.status) != op.success() {
					t.Errorf("%s, own: %s", op, a)
				}
			}
		}
		if rows < 9 {
			t.Errorf("only %d operations name an object", rows)
		}
	})
}

// references are the names under which a query or a body points at something, with
// what another account or environment has there.
func (i *instance) references() map[string][]string {
	foreign := i.object("entities", i.globex.production)
	return map[string][]string{
		"entity":       {missingID, foreign, "nothing", "solar", ""},
		"lead_object":  {missingID, foreign},
		"environment":  {missingID, i.globex.production.Environment.ID.String(), i.acme.staging.Environment.ID.String(), "staging", "nothing"},
		"status:stage": {missingID, i.one(`SELECT s.id FROM statuses s JOIN pipelines p ON p.id = s.pipeline_id WHERE p.entity_id = $1`, foreign), "Nothing"},
	}
}

// A reference that leads nowhere is a wrong value: 422, with its place.
func TestForeignReferencesAreWrongValues(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		references := i.references()
		seen := map[string]int{}
		check := func(op operation, r request, name string, field map[string]string) {
			i.untouched(op.String(), func() {
				a := i.send(r.by(caller))
				wrong, _ := a.json()["errors"].([]any)
				if a.status != http.StatusUnprocessableEntity || a.code() != string(errs.ValidationFailed) || len(wrong) != 1 {
					t.Errorf("%s, %s: %s", op, name, a)
					return
				}
				for member, want := range field {
					if wrong[0].(map[string]any)[member] != want {
						t.Errorf("%s, %s: want %s %q in %s", op, name, member, want, a)
					}
				}
			})
			seen[name]++
		}
		for _, op := range i.doc.operations {
			for _, p := range op.Parameters {
				for _, value := range references[p.Name] {
					if p.In == "query" {
						check(op, replaceQuery(i.example(op, i.acme.production), p.Name, url.QueryEscape(value)), p.Name, map[string]string{"parameter": p.Name})
					}
				}
			}
			if op.RequestBody == nil {
				continue
			}
			properties := i.doc.resolve(op.RequestBody.Content[mediaJSON].Schema).properties()
			for name, values := range references {
				if _, ok := properties[name]; !ok && (name != "lead_object" || op.ID != "intake") {
					continue
				}
				for _, value := range values {
					_, object := i.bodyOf(op, mediaJSON)
					if name == "lead_object" {
						delete(object, "entity")
					}
					object[name] = value
					text, err := json.Marshal(object)
					i.must(err)
					check(op, i.example(op, i.acme.production).sending(mediaJSON, string(text)), name, map[string]string{"pointer": "/" + name})
				}
			}
		}
		for name := range references {
			if seen[name] == 0 {
				t.Errorf("no operation takes %q any more", name)
			}
		}
	})
}

// A reference into another environment tells nothing either: unknown and foreign get
// the same answer.
func TestForeignAndUnknownReferencesAreAlike(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		foreign := i.object("entities", i.globex.production)
		for _, pair := range [][2]request{
			{newRequest(http.MethodGet, "/api/leads?entity="+foreign), newRequest(http.MethodGet, "/api/leads?entity="+missingID)},
			{newRequest(http.MethodPost, "/api/intake").sending(mediaJSON, `{"entity":"`+foreign+`"}`), newRequest(http.MethodPost, "/api/intake").sending(mediaJSON, `{"entity":"`+missingID+`"}`)},
			{newRequest(http.MethodPost, "/api/keys").sending(mediaJSON, `{"name":"a","scopes":["leads:read"],"environment":"`+i.globex.production.Environment.ID.String()+`"}`),
				newRequest(http.MethodPost, "/api/keys").sending(mediaJSON, `{"name":"a","scopes":["leads:read"],"environment":"`+missingID+`"}`)},
		} {
			i.same(i.send(pair[0].by(caller)), i.send(pair[1].by(caller)))
		}
	})
}
