package lead

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// identified gives a definition ids, as storing it would.
func identified(e entity.Entity) *entity.Entity {
	e.ID, e.Version = id.New(), 1
	for i := range e.Fields {
		e.Fields[i].ID = id.New()
	}
	for i := range e.Pipelines {
		e.Pipelines[i].ID = id.New()
		for j := range e.Pipelines[i].Statuses {
			e.Pipelines[i].Statuses[j].ID = id.New()
		}
	}
	return &e
}

// outcome is what became of a body, by key and slug.
type outcome struct {
	Source   string
	Values   map[string]entity.Value
	Statuses map[string]string
	Notes    []NewNote
	Unmapped string
	Warnings []string // name code
}

func matched(t *testing.T, e *entity.Entity, contentType, body string, strict bool) (outcome, problems) {
	t.Helper()
	items, err := ParseBody(contentType, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	d, wrong := match(e, readControls(items, DefaultSource), strict)
	if len(wrong) > 0 {
		if d != nil {
			t.Error("there are problems, and a draft")
		}
		return outcome{}, wrong
	}
	o := outcome{Source: d.source, Values: map[string]entity.Value{}, Statuses: map[string]string{}, Notes: d.notes, Unmapped: unmappedJSON(d.unmapped)}
	for field, v := range d.values {
		o.Values[e.FieldByID(field).Key] = v
	}
	for _, c := range d.statuses {
		o.Statuses[c.pipeline.Slug] = c.status.Name
	}
	for _, w := range d.warnings {
		o.Warnings = append(o.Warnings, w.Name+" "+w.Code)
	}
	return o, nil
}

var standardStatuses = map[string]string{"stage": "New", "temperature": "Warm"}

func TestIntakeUnderstands(t *testing.T) {
	t.Parallel()
	e := identified(solar())
	warm := e.Pipelines[1].Statuses[1].ID.String()
	type vals = map[string]entity.Value
	for _, c := range []struct {
		name, contentType, body string
		want                    outcome
	}{
		{name: "nothing but the entity", body: `{"entity":"solar_leads"}`, want: outcome{}},
		{name: "every type", body: `{"entity":"solar_leads","name":" Ada ","email":"Ada@Example.com","phone":"030 123456","message":"a\r\nb","budget":12.50,"place":"ON THE ROOF",
				"wishes":["balcony","On the roof"],"newsletter":"yes","moves_on":"2026-08-01","call_at":"2026-08-01T10:00:00+02:00","site":"https://example.com","city":"Köln"}`,
			want: outcome{Values: vals{"name": "Ada", "email": "Ada@Example.com", "phone": "+4930123456", "message": "a\nb", "budget": "12.50", "place": "roof",
				"wishes": []string{"balcony", "roof"}, "newsletter": true, "moves_on": "2026-08-01", "call_at": "2026-08-01T08:00:00.000000Z", "site": "https://example.com", "city": "Köln"}}},
		{name: "loose names", body: `{"Entity":"solar_leads","NAME":"a","e-mail-address":"a@example.com","Budget In-Euros":1,"where":"roof","Web_Site":"https://a.example"}`,
			want: outcome{Values: vals{"name": "a", "email": "a@example.com", "budget": "1", "place": "roof", "site": "https://a.example"}}},
		{name: "older name of entity", body: `{"lead_object":"solar_leads","LeadName":"x"}`, want: outcome{Unmapped: `{"LeadName":"x"}`, Warnings: []string{"LeadName unknown_field"}}},
		{name: "digits", body: `{"entity":"x","budget":0.10}`, want: outcome{Values: vals{"budget": "0.10"}}},
		{name: "nothing in it", body: `{"entity":"x","name":null,"email":"","place":" ","wishes":[],"status:stage":null,"note":null,"source":""}`, want: outcome{}},
		{name: "a default is for what is not mentioned", body: `{"entity":"x","newsletter":null}`, want: outcome{Values: vals{"newsletter": nil}}},
		{name: "source", body: `{"entity":"x","SOURCE":" Landing page "}`, want: outcome{Source: "Landing page"}},
		{name: "statuses by name", body: `{"entity":"x","status:stage":"in TALKS","Status : Temperature Today":"cold"}`, want: outcome{Statuses: map[string]string{"stage": "In talks", "temperature": "Cold"}}},
		{name: "statuses by id", body: `{"entity":"x","status:` + e.Pipelines[1].ID.String() + `":"` + strings.ToUpper(warm) + `"}`, want: outcome{Statuses: standardStatuses}},
		{name: "status alone is a hint", body: `{"entity":"x","status":"Won"}`, want: outcome{Unmapped: `{"status":"Won"}`, Warnings: []string{"status unknown_field"}}},
		{name: "a note", body: `{"entity":"x","note":"call back"}`, want: outcome{Notes: []NewNote{{Text: "call back"}}}},
		{name: "notes", body: `{"entity":"x","notes":["a",{"text":"b","tag":" call "},{"Text":"c"}," "],"note":{"text":"d"}}`,
			want: outcome{Notes: []NewNote{{Text: "a"}, {Text: "b", Tag: "call"}, {Text: "c"}, {Text: "d"}}}},
		{name: "unknown names are kept as they are", body: `{"entity":"x","utm":{"a": [1.50, "\u00fc"]},"Zip Code":  "007","a.b":null,"":1}`,
			want: outcome{Unmapped: `{"utm":{"a": [1.50, "\u00fc"]},"Zip Code":"007","a.b":null,"":1}`, Warnings: []string{"utm unknown_field", "Zip Code unknown_field", "a.b unknown_field", " unknown_field"}}},
		{name: "dedup_mode create", body: `{"entity":"x","dedup-mode":"Create"}`, want: outcome{}},
		{name: "empty assignee and viewers", body: `{"entity":"x","assignee":null,"viewers":[],"dedup_mode":""}`, want: outcome{}},
		{name: "form", contentType: mediaForm, body: "entity=x&Name=Ada+L.&budget=12.50&newsletter=on&wishes=roof&wishes=Balcony&status:stage=won&notes=a&notes=b&utm_source=x&utm_source=y",
			want: outcome{Values: vals{"name": "Ada L.", "budget": "12.50", "newsletter": true, "wishes": []string{"roof", "balcony"}}, Statuses: map[string]string{"stage": "Won", "temperature": "Warm"},
				Notes: []NewNote{{Text: "a"}, {Text: "b"}}, Unmapped: `{"utm_source":["x","y"]}`, Warnings: []string{"utm_source unknown_field"}}},
		{name: "form with brackets", contentType: mediaForm, body: "entity=x&wishes[]=roof", want: outcome{Values: vals{"wishes": []string{"roof"}}}},
		{name: "multipart", contentType: boundary, body: part(`name="entity"`, "x") + part(`name="message"`, "a\r\nb") + "--XX--\r\n", want: outcome{Values: vals{"message": "a\nb"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.want.Source == "" {
				c.want.Source = DefaultSource
			}
			if c.want.Statuses == nil {
				c.want.Statuses = standardStatuses
			}
			if c.want.Unmapped == "" {
				c.want.Unmapped = "{}"
			}
			if c.want.Values == nil {
				c.want.Values = vals{}
			}
			if v, ok := c.want.Values["newsletter"]; !ok {
				c.want.Values["newsletter"] = false // its default
			} else if v == nil {
				delete(c.want.Values, "newsletter")
			}
			if c.contentType == "" {
				c.contentType = mediaJSON
			}
			got, wrong := matched(t, e, c.contentType, c.body, false)
			if len(wrong) > 0 {
				t.Fatalf("refused: %+v", wrong)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestIntakeRefuses(t *testing.T) {
	t.Parallel()
	e := identified(solar())
	long := strings.Repeat("x", 101)
	for _, c := range []struct {
		name, contentType, body string
		want                    []string // pointer code
		detail                  string   // a part of the first sentence
		strict                  bool
	}{
		{name: "one wrong value", body: `{"entity":"x","E-Mail":"nope"}`, want: []string{"/E-Mail invalid_email"}, detail: "E-mail: This is not"},
		{name: "all of them at once", body: `{"entity":"x","email":"nope","budget":"x","place":"moon","status:stage":"Gone","note":5}`,
			want: []string{"/note wrong_type", "/email invalid_email", "/budget not_a_number", "/place unknown_option", "/status:stage unknown_status"}},
		{name: "pointers are escaped", body: `{"entity":"x","status:a/b~c":"x"}`, want: []string{"/status:a~1b~0c unknown_pipeline"}, detail: "It has: stage, temperature."},
		{name: "a field twice", body: `{"entity":"x","email":"a@example.com","E_MAIL_address":"b@example.com"}`, want: []string{"/E_MAIL_address sent_twice"}, detail: `"email"`},
		{name: "a field twice, the same value", body: `{"entity":"x","Name":"a","NAME":"a"}`, want: []string{"/NAME sent_twice"}},
		{name: "a control twice", body: `{"entity":"x","lead_object":"x"}`, want: []string{"/lead_object sent_twice"}},
		{name: "a note name twice", body: `{"entity":"x","note":"a","NOTE":"b"}`, want: []string{"/NOTE sent_twice"}},
		{name: "a pipeline twice", body: `{"entity":"x","status:stage":"Won","status:STAGE":"New"}`, want: []string{"/status:STAGE sent_twice"}},
		{name: "a form name twice", contentType: mediaForm, body: "entity=x&name=a&name=b", want: []string{"/name sent_twice"}, detail: "takes one value"},
		{name: "source", body: `{"entity":"x","source":"` + long + `"}`, want: []string{"/source too_long"}},
		{name: "source of another type", body: `{"entity":"x","source":5}`, want: []string{"/source wrong_type"}},
		{name: "status of another type", body: `{"entity":"x","status:stage":["Won"]}`, want: []string{"/status:stage wrong_type"}},
		{name: "unknown status", body: `{"entity":"x","status:stage":"Lost"}`, want: []string{"/status:stage unknown_status"}, detail: "It has: New, In talks, Won."},
		{name: "dedup unknown", body: `{"entity":"x","dedup_mode":"merge"}`, want: []string{"/dedup_mode unknown_mode"}},
		{name: "dedup of another type", body: `{"entity":"x","dedup_mode":true}`, want: []string{"/dedup_mode unknown_mode"}},
		{name: "notes of other types", body: `{"entity":"x","notes":["a",5,["b"],{"text":1},{"tag":"t"},{"text":"c","colour":"red"}]}`,
			want: []string{"/notes/1 wrong_type", "/notes/2 wrong_type", "/notes/3/text wrong_type", "/notes/4/text required", "/notes/5/colour unknown"}},
		{name: "long note and tag", body: `{"entity":"x","note":{"text":"` + strings.Repeat("x", MaxNoteLength+1) + `","tag":"` + long + `"}}`, want: []string{"/note too_long", "/note/tag too_long"}},
		{name: "many notes", body: `{"entity":"x","notes":["a"` + strings.Repeat(`,"a"`, MaxNotes) + `]}`, want: []string{"/notes too_many"}},
		{name: "unknown name, strictly", body: `{"entity":"x","utm":1,"Status":"x"}`, strict: true, want: []string{"/utm unknown_field", "/Status unknown_field"}},
		{name: "list for one value", body: `{"entity":"x","city":["a"]}`, want: []string{"/city wrong_type"}},
		{name: "too long for the field", body: `{"entity":"x","City":"12345678901"}`, want: []string{"/City too_long"}, detail: "City: This has 11 characters; use at most 10."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if c.contentType == "" {
				c.contentType = mediaJSON
			}
			got, wrong := matched(t, e, c.contentType, c.body, c.strict)
			if len(wrong) == 0 {
				t.Fatalf("accepted: %+v", got)
			}
			var list []string
			for _, f := range wrong {
				list = append(list, f.Pointer+" "+f.Code)
				if !strings.HasSuffix(f.Detail, ".") {
					t.Errorf("not a sentence: %q", f.Detail)
				}
			}
			if d := cmp.Diff(c.want, list); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if !strings.Contains(wrong[0].Detail, c.detail) {
				t.Errorf("%q does not say %q", wrong[0].Detail, c.detail)
			}
		})
	}
}

func TestRequiredFields(t *testing.T) {
	t.Parallel()
	e := identified(strict())
	for body, want := range map[string]string{
		`{"entity":"strict"}`:                                              "/email required",
		`{"entity":"strict","E-Mail":null}`:                                "/E-Mail required",
		`{"entity":"strict","email":"a@example.com","plan":" "}`:           "/plan required",
		`{"entity":"strict","email":"nope"}`:                               "/email invalid_email", // and not "required" too
		`{"entity":"strict","email":"a@example.com"}`:                      "",                     // the default of plan
		`{"entity":"strict","email":"a@example.com","plan":"extra large"}`: "",
	} {
		_, wrong := matched(t, e, mediaJSON, body, false)
		var got []string
		for _, f := range wrong {
			got = append(got, f.Pointer+" "+f.Code)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %v, want %s", body, got, want)
		}
	}
}

func TestAStatusAloneGetsAHint(t *testing.T) {
	t.Parallel()
	items, _ := ParseBody(mediaJSON, []byte(`{"status":"Won"}`))
	d, _ := match(identified(solar()), readControls(items, ""), false)
	if len(d.warnings) != 1 || !strings.Contains(d.warnings[0].Detail, `"status:stage"`) {
		t.Errorf("%+v", d.warnings)
	}
}
