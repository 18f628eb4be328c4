package lead

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// checkIntake takes a body through everything that happens before the transaction and
// looks at what must hold whatever was sent.
func checkIntake(t *testing.T, e *entity.Entity, contentType string, body []byte) []Item {
	t.Helper()
	items, err := ParseBody(contentType, body)
	if err != nil {
		switch errs.CodeOf(err) {
		case errs.InvalidJSON, errs.InvalidForm, errs.ValidationFailed, errs.UnsupportedMediaType:
		default:
			t.Fatalf("a body was refused with %v", err)
		}
		return nil
	}
	c := readControls(items, DefaultSource)
	d, wrong := match(e, c, false)
	if (d == nil) == (len(wrong) == 0) {
		t.Fatalf("a draft %v, and problems %v", d, wrong)
	}
	if d == nil {
		for _, p := range wrong {
			checkPointer(t, items, p.Pointer)
		}
		return items
	}
	for _, it := range c.rest { // nothing is dropped without a word
		f := e.FieldNamedLoose(it.loose)
		kept := slices.Contains(d.unmapped, it)
		if kept == (f != nil) {
			t.Fatalf("%q is field %v and kept %v", it.Name, f, kept)
		}
		if f != nil && d.values[f.ID] == nil && !empty(rawOf(it.Value)) && !f.Type.Many() {
			t.Fatalf("the value %s of %q is gone", it.Value, it.Name)
		}
	}
	if len(d.warnings) != len(d.unmapped) || len(d.statuses) != len(e.Pipelines) {
		t.Fatalf("%d warnings for %d names, %d statuses", len(d.warnings), len(d.unmapped), len(d.statuses))
	}
	var unmapped map[string]json.RawMessage
	if err := json.Unmarshal([]byte(unmappedJSON(d.unmapped)), &unmapped); err != nil || len(unmapped) != len(d.unmapped) {
		t.Fatalf("unmapped %s: %v", unmappedJSON(d.unmapped), err)
	}
	stored, err := readData(dataJSON(e, d.values))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.values, stored); diff != "" {
		t.Fatalf("values change when they are stored:\n%s", diff)
	}
	return items
}

// checkPointer asks that a problem points at something that was sent, or at a field
// that was not.
func checkPointer(t *testing.T, items []Item, p string) {
	t.Helper()
	if p == "/notes" {
		return
	}
	for _, it := range items {
		if own := pointer(it.Name); p == own || strings.HasPrefix(p, own+"/") {
			return
		}
	}
	t.Fatalf("the pointer %q leads nowhere", p)
}

func FuzzIntakeJSON(f *testing.F) {
	for _, seed := range []string{
		`{"entity":"x","name":"Ada","email":"ada@example.com","budget":12.50,"wishes":["roof","Balcony"],"status:stage":"won","notes":["a",{"text":"b","tag":"c"}]}`,
		`{"E-Mail":"nope","E_MAIL_ADDRESS":1,"PHONE":"+49 30 123456","call at":"2026-08-01 10:00:00z","newsletter":"ON","utm":{"a":[1e400,null,{"b":"\ud83d\ude00"}]}}`,
		`{"status":"x","status:":1,":":2,"":3,"~/":4,"status:a/b~":"c","viewers":[],"assignee":"x","dedup_mode":"skip","source":5}`,
		`{"a":"\u0000"}`, `{"a":1,"a":2}`, `[{}]`, `{"a":[[[[]]]]}`, `{"a":tru}`, "{\"\xff\":1}", `{"a":"\udc00"}`, ` {} `, ``, `{"name":"x"}{`,
		`{"budget":-0.0e-5,"place":["roof"],"moves_on":"2026-02-30","site":"https://a:b@c"}`,
	} {
		f.Add([]byte(seed))
	}
	e := identified(solar())
	f.Fuzz(func(t *testing.T, body []byte) {
		items := checkIntake(t, e, mediaJSON, body)
		if items == nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("accepted, but encoding/json says %v", err)
		}
		got := map[string]json.RawMessage{}
		for _, it := range items {
			got[it.Name] = json.RawMessage(it.Value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the body was read differently:\n%s", diff)
		}
	})
}

func FuzzIntakeForm(f *testing.F) {
	for _, seed := range []string{
		"entity=x&name=Ada+L.&budget=12.50&newsletter=on&wishes=roof&wishes=balcony&status:stage=won&notes=a&notes=b",
		"a%5B%5D=1&a=2&a[]=3&=4&&b&c=%C3%BC&%22=%22", "a=%zz", "a=%ff", "a=%00", `{"a":1}`, "note=&note=x&E-Mail=a@b&e_mail=c", "",
	} {
		f.Add(seed)
	}
	e := identified(solar())
	f.Fuzz(func(t *testing.T, body string) {
		items := checkIntake(t, e, mediaForm, []byte(body))
		if items == nil || strings.Contains(body, ";") { // which the standard library refuses
			return
		}
		sent, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("accepted, but net/url says %v", err)
		}
		want, got := 0, 0
		for _, values := range sent {
			want += len(values)
		}
		for _, it := range items {
			list := rawOf(it.Value).List
			if list == nil {
				list = []entity.Raw{rawOf(it.Value)}
			}
			got += len(list)
			for _, one := range list {
				if !slices.Contains(sent[it.Name], one.Text) && !slices.Contains(sent[it.Name+"[]"], one.Text) {
					t.Fatalf("%q has a value that was not sent", it.Name)
				}
			}
		}
		if got != want {
			t.Fatalf("%d values came of %d", got, want)
		}
	})
}

func FuzzIntakeMultipart(f *testing.F) {
	f.Add(part(`name="entity"`, "x") + part(`name="name"`, "Ada") + "--XX--\r\n")
	f.Add(part(`name="cv"; filename="a"`, "x") + "--XX--\r\n")
	f.Add("--XX--")
	f.Add("--XX\r\n\r\n\r\n--XX--")
	e := identified(solar())
	f.Fuzz(func(t *testing.T, body string) { checkIntake(t, e, boundary, []byte(body)) })
}
