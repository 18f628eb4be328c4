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

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// planting is a request with KEY somewhere in it.
type planting struct {
	at    string
	where string
	request
}

// headersToPlantIn stand for the headers that a client may send with anything.
var headersToPlantIn = []string{"X-Api-Key", "Proxy-Authorization", "User-Agent", "Referer", "Accept-Language", "If-None-Match", "X-Custom"}

// plantings are an operation's calls with KEY in every position that holds a text:
// once each, in everything the document names and in what it does not.
func (i *instance) plantings(op operation) []planting {
	base := i.example(op, i.acme.production)
	var out []planting
	add := func(where, at string, r request) { out = append(out, planting{at, where, r}) }

	if op.collection() != "" {
		add("path", "the path's parameter", i.about(op, "KEY"))
		add("path", "inside the path's parameter", i.about(op, "aKEYb"))
	}
	longer := base
	path, query, _ := strings.Cut(base.target, "?")
	longer.target = strings.TrimSuffix(path+"/KEY?"+query, "?")
	add("path", "behind the path", longer)
	for _, p := range op.Parameters {
		switch p.In {
		case "query":
			add("query", "query "+p.Name, replaceQuery(base, p.Name, "KEY"))
			add("query", "query "+p.Name+", percent-encoded", replaceQuery(base, p.Name, "%KEY"))
		case "header":
			add("header", "header "+p.Name, base.with(p.Name, "KEY"))
		}
	}
	add("query", "an unknown query name", base.query("KEY=1"))
	add("query", "an unknown query value", base.query("unknown=KEY"))
	for _, name := range headersToPlantIn {
		add("header", "header "+name, base.with(name, "x KEY"))
	}
	add("cookie", "a cookie", base.with("Cookie", "a=1; KEY=KEY"))
	add("header", "the media type", base.sending(mediaJSON+"; charset=KEY", base.body))
	for _, b := range i.plantedBodies(op) {
		add("body", b.at, base.sending(b.contentType, b.body))
	}
	return out
}

type plantedBody struct{ at, contentType, body string }

func (i *instance) plantedBodies(op operation) (out []plantedBody) {
	if op.RequestBody == nil {
		return []plantedBody{
			{"a value of a body that nobody asked for", mediaJSON, `{"a":"KEY"}`}, {"a name of it", mediaJSON, `{"KEY":1}`}, {"its only value", mediaJSON, `"KEY"`},
			{"a form that nobody asked for", mediaForm, `a=KEY`}, {"a text that nobody asked for", "text/plain", `KEY`}, {"a body without a type", "", `KEY`},
		}
	}
	for contentType, m := range op.RequestBody.Content {
		whole, object := i.bodyOf(op, contentType)
		switch contentType {
		case mediaForm:
			out = append(out, plantedBody{"a form name", contentType, whole + "&KEY=1"}, plantedBody{"a form name, percent-encoded", contentType, whole + "&%KEY=1"})
		case mediaMultipart:
			out = append(out, plantedBody{"a multipart name", boundary(contentType), multipartBody(`name="KEY"`, "x")},
				plantedBody{"a file name", boundary(contentType), multipartBody(`name="a"; filename="KEY"`, "x")})
		default:
			for _, v := range i.plantedValues("", m.Schema, object) {
				text, err := json.Marshal(v.value)
				i.must(err)
				out = append(out, plantedBody{v.at, contentType, string(text)})
			}
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			original := fmt.Sprint(object[name])
			if contentType == mediaForm {
				original = url.QueryEscape(original)
			}
			out = append(out, plantedBody{contentType + " " + name, boundary(contentType), strings.Replace(whole, original, "KEY", 1)})
		}
	}
	return out
}

type plantedValue struct {
	at    string
	value any
}

// plantedValues are the values a schema allows, with KEY in the place of each leaf, and
// as one more name of each object. sample is what stands beside it.
func (i *instance) plantedValues(at string, s schema, sample any) []plantedValue {
	s = i.doc.resolve(s)
	if all := s.alternatives(); len(all) > 1 {
		var out []plantedValue
		for _, one := range all {
			out = append(out, i.plantedValues(at, one, i.sample("", one))...)
		}
		return out
	}
	switch s.kind() {
	case "object":
		object, _ := sample.(map[string]any)
		var out []plantedValue
		put := func(name string, value any, at string) {
			one := maps.Clone(object)
			if one == nil {
				one = map[string]any{}
			}
			one[name] = value
			out = append(out, plantedValue{at, one})
		}
		properties := s.properties()
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			for _, inner := range i.plantedValues(at+"/"+name, properties[name], i.sample(name, properties[name])) {
				put(name, inner.value, inner.at)
			}
		}
		put("KEY", 1, at+"/an unknown name")
		put("unknown", "KEY", at+"/unknown")
		put("unknown", []any{map[string]any{"a": []any{"KEY"}}}, at+"/unknown, deep inside")
		return out
	case "array":
		items, _ := s.sub("items")
		var out []plantedValue
		for _, inner := range i.plantedValues(at+"/0", items, i.sample("", items)) {
			out = append(out, plantedValue{inner.at, []any{inner.value}})
		}
		return append(out, plantedValue{at, "KEY"})
	}
	return []plantedValue{{at, "KEY"}}
}

func replaceQuery(r request, name, value string) request {
	path, query, _ := strings.Cut(r.target, "?")
	values, _ := url.ParseQuery(query)
	values.Del(name)
	r.target = path + "?" + values.Encode()
	return r.query(name + "=" + value)
}

// TestAKeyAnywhereElseIsRefused plants a living key in every position of every
// operation, beside a good header and alone.
func TestAKeyAnywhereElseIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		planted, secret := i.key(i.globex.staging, "leads:read")
		fill := filler(secret)
		total := 0
		for _, op := range i.doc.operations {
			all := i.plantings(op)
			i.untouched(op.String(), func() {
				for n, p := range all {
					if p.where == "body" && op.ID == "report-leak" {
						continue
					}
					total++
					i.change(`UPDATE api_keys SET exposed_at = NULL, exposed_where = '' WHERE id = $1`, planted.ID)
					r := p.request
					if n%2 == 0 {
						r = r.by(caller)
					}
					r.target, r.body = fill(r.target), fill(r.body)
					for name, values := range r.header {
						for v := range values {
							r.header[name][v] = fill(values[v])
						}
					}
					a := i.send(r)
					if a.status != http.StatusBadRequest || a.code() != string(errs.CredentialMisplaced) || a.text("where") != p.where {
						t.Errorf("%s, %s: want it refused in %s, got %s", op, p.at, p.where, a)
					}
					if strings.Contains(string(a.body)+fmt.Sprint(a.header), secret[20:]) {
						t.Errorf("%s, %s: the answer repeats the key: %s", op, p.at, a)
					}
					if where := i.one(`SELECT exposed_where FROM api_keys WHERE id = $1`, planted.ID); where != p.where {
						t.Errorf("%s, %s: marked as seen in %q, want %q", op, p.at, where, p.where)
					}
				}
			})
		}
		if total < 20*len(i.doc.operations) {
			t.Errorf("only %d positions for %d operations", total, len(i.doc.operations))
		}
		i.quiet()
		if strings.Contains(i.log.String(), secret[20:]) {
			t.Error("the key is in the log")
		}
		// It was marked and not stopped: that is for people to decide.
		if a := i.send(newRequest(http.MethodGet, "/api/key").by(secret)); a.status != http.StatusOK || a.text("exposed_where") == "" {
			t.Errorf("a marked key: %s", a)
		}
	})
}

// A report of leaked keys is the one body that may hold them.
func TestALeakReportMayCarryKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		found, secret := i.key(i.globex.production, "leads:read")
		body, err := json.Marshal(map[string]any{"keys": []string{secret, "nothing like a key", strings.ToLower(secret)}})
		i.must(err)
		report := newRequest(http.MethodPost, "/api/keys/report-leak").sending(mediaJSON, string(body))
		known := i.send(report)
		unknown := i.send(report.sending(mediaJSON, `{"keys":["lf_live_nobody"]}`))
		if known.status != http.StatusOK || string(known.body) != string(unknown.body) {
			t.Errorf("the answers tell real keys from others: %s, %s", known, unknown)
		}
		if a := i.send(newRequest(http.MethodGet, "/api/key").by(secret)); a.code() != string(errs.KeyDisabled) {
			t.Errorf("a reported key still answers %s", a)
		}
		if where := i.one(`SELECT exposed_where FROM api_keys WHERE id = $1`, found.ID); where != "reported" {
			t.Errorf("it was marked as %q", where)
		}
		// Its address may not.
		if a := i.send(report.query("k=" + secret)); a.code() != string(errs.CredentialMisplaced) {
			t.Errorf("a key in the address of a report: %s", a)
		}
	})
}
