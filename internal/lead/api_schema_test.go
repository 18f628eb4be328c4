package lead

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// drawText is text for every type of field: often right, often nearly.
var drawText = rapid.OneOf(
	rapid.String(),
	rapid.StringMatching(`[a-zé.+_!]{1,8}@[a-zü0-9-]{1,8}\.(com|de|рф)`),
	rapid.StringMatching(`[ (]?\+?[0-9][0-9 ()/.-]{5,16}`),
	rapid.StringMatching(`https?://[a-zü.]{1,10}(:[0-9]{1,4})?(/[a-zé %0-9]{0,6})?(\?[a-z=&]{0,5})?(#[a-z]{0,3})?`),
	rapid.StringMatching(`(0000|0001|1999|2024|9999)-(02-29|02-30|12-31|01-01)`),
	rapid.StringMatching(`(0001|2024|9999)-12-31[Tt ](00|23):59:(00|59|60)(\.[0-9]{1,9})?([Zz]|[+-](00|14|23):00)`),
	rapid.StringMatching(`-?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,2})?`),
	rapid.SampledFrom([]string{"roof", "Balcony", " ROOF ", "oil", "yes", "off", "TRUE", "1", "a\r\nb\r\n", strings.Repeat("x", 1000), strings.Repeat("é", 10), "       x       "}),
)

// drawObject is the parts of an address or of a file, or something like it.
var drawObject = rapid.Custom(func(t *rapid.T) map[string]any {
	parts := map[string]any{
		"street": drawText.Draw(t, "street"), "city": "Köln", "country_code": rapid.SampledFrom([]string{"de", "FR", "XX"}).Draw(t, "country"),
		"latitude": rapid.Float64Range(-91, 91).Draw(t, "latitude"), "longitude": rapid.SampledFrom([]any{"180", -180, 181, nil}).Draw(t, "longitude"),
	}
	if rapid.Bool().Draw(t, "file") {
		parts = map[string]any{"name": rapid.StringMatching(`[a-z é]{0,20}\.(txt|pdf)`).Draw(t, "name"), "content": rapid.SampledFrom([]string{"aGVsbG8=", "aGVsbG8", "JVBERi0xLjQK", "?"}).Draw(t, "content")}
	}
	for name := range parts {
		if rapid.IntRange(0, 3).Draw(t, "leave out "+name) == 0 {
			delete(parts, name)
		}
	}
	return parts
})

// drawRaw is a value as it may arrive in JSON for any field.
var drawRaw = rapid.Custom(func(t *rapid.T) entity.Raw {
	var v any
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		v = rapid.Bool().Draw(t, "bool")
	case 1:
		v = json.Number(rapid.StringMatching(`-?(0|[1-9][0-9]{0,38})(\.[0-9]{1,38})?(e[+-]?[0-9])?`).Draw(t, "number"))
	case 2:
		v = rapid.SliceOfN(drawText, 0, 5).Draw(t, "list")
	case 3:
		v = drawObject.Draw(t, "object")
	case 4: // null
	default:
		v = drawText.Draw(t, "text")
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return rawOf(text)
})

// drawField is a field of a type with any settings that fit it.
func drawField(typ entity.Type) *rapid.Generator[entity.Field] {
	return rapid.Custom(func(t *rapid.T) entity.Field {
		f := entity.Field{ID: id.New(), Key: "field", Label: "Field", Type: typ, Required: rapid.Bool().Draw(t, "required")}
		decimal := func(name string, pattern string) *entity.Decimal {
			if !rapid.Bool().Draw(t, "has "+name) {
				return nil
			}
			d, p := entity.ParseDecimal(rapid.StringMatching(pattern).Draw(t, name))
			if p != nil {
				t.Fatal(p)
			}
			return &d
		}
		switch typ {
		case entity.Number:
			f.Min = decimal("min", `-?[0-9]{1,3}(\.[0-9])?|-[0-9]{17}`)
			f.Max = decimal("max", `[0-9]{4,18}(\.[0-9]{1,2})?`)
			f.Step = decimal("step", `0\.(1|25|01)|[1-9]|1000|1\.5`)
		case entity.Text, entity.Textarea:
			f.MaxLength = rapid.SampledFrom([]int{0, 1, 10, 1000}).Draw(t, "length")
		case entity.Select, entity.MultiSelect:
			f.Options = []entity.Option{{Key: "roof", Label: "On the roof"}, {Key: "balcony", Label: "Balcony"}, {Key: "oil", Label: "Oil", Retired: true}}
		case entity.Phone:
			f.Country = rapid.SampledFrom([]string{"", "DE", "US"}).Draw(t, "country")
		}
		return f
	})
}

// validate says what a reader of the schema would find wrong with a JSON value.
func validate(t testing.TB, r huma.Registry, s *huma.Schema, value any) []error {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	res := &huma.ValidateResult{}
	huma.Validate(r, s, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, v, res)
	return res.Errors
}

func prepared(s *huma.Schema) *huma.Schema {
	s.PrecomputeMessages()
	return s
}

// TestSchemasTakeWhatIntakeTakes: for any field and any value, what intake makes of the
// value fits the schemas of intake, of a change and of answers. And they are worth
// something: a value of another kind is refused.
func TestSchemasTakeWhatIntakeTakes(t *testing.T) {
	t.Parallel()
	r := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	for _, typ := range entity.Types() {
		t.Run(string(typ), func(t *testing.T) {
			accepted := 0
			rapid.Check(t, func(rt *rapid.T) {
				f := drawField(typ).Draw(rt, "field")
				e := &entity.Entity{ID: id.New(), Slug: "some", Name: "Some", Fields: []entity.Field{f}}
				schemas := map[string]*huma.Schema{"intake": prepared(intakeSchemaOf(e)), "change": prepared(patchSchemaOf(e)), "answer": prepared(fieldsSchema(e))}
				for _, raw := range rapid.SliceOfN(drawRaw, 30, 30).Draw(rt, "values") {
					v, wrong := f.Parse(raw)
					if wrong != nil || v == nil && f.Required {
						continue
					}
					if v != nil {
						accepted++
					}
					value := f.Wire(v)
					for name, body := range map[string]any{
						"intake": map[string]any{"entity": "some", "field": value},
						"change": map[string]any{"fields": map[string]any{"field": value}},
						"answer": map[string]any{"field": value},
					} {
						if errors := validate(t, r, schemas[name], body); len(errors) > 0 {
							rt.Fatalf("the schema of the %s refuses %#v: %v", name, value, errors)
						}
					}
				}
			})
			if accepted == 0 {
				t.Error("intake took none of the values, so nothing was shown")
			}
			f := entity.Field{ID: id.New(), Key: "field", Label: "Field", Type: typ, Options: []entity.Option{{Key: "roof", Label: "Roof"}}}
			e := &entity.Entity{ID: id.New(), Slug: "some", Name: "Some", Fields: []entity.Field{f}}
			for name, s := range map[string]*huma.Schema{"intake": intakeSchemaOf(e), "answer": fieldsSchema(e)} {
				if errors := validate(t, r, prepared(s), map[string]any{"entity": "some", "field": []any{map[string]any{}}}); len(errors) == 0 {
					t.Errorf("the schema of the %s takes a list of objects", name)
				}
			}
		})
	}
}

// TestSchemaOfEachField is what is said of a field in the body of intake.
func TestSchemaOfEachField(t *testing.T) {
	t.Parallel()
	dec := func(s string) *entity.Decimal { d := entity.Decimal(s); return &d }
	options := []entity.Option{{Key: "roof", Label: "On the roof"}, {Key: "oil", Label: "Oil", Retired: true}}
	for _, c := range []struct {
		name  string
		field entity.Field
		want  string // of intake
	}{
		{"text", entity.Field{Type: entity.Text, Help: "First and last"}, `{"type":["string","null"],"title":"F","description":"First and last","maxLength":1000}`},
		{"required text", entity.Field{Type: entity.Text, Required: true, MaxLength: 5}, `{"type":"string","title":"F","maxLength":5,"minLength":1}`},
		{"default", entity.Field{Type: entity.Text, Required: true, Default: "a"}, `{"type":"string","title":"F","default":"a","maxLength":1000,"minLength":1}`},
		{"textarea", entity.Field{Type: entity.Textarea}, `{"type":["string","null"],"title":"F","maxLength":20000}`},
		{"number", entity.Field{Type: entity.Number}, `{"type":["number","null"],"title":"F"}`},
		{"limits", entity.Field{Type: entity.Number, Min: dec("-1.5"), Max: dec("1000000")}, `{"type":["number","null"],"title":"F","minimum":-1.5,"maximum":1000000}`},
		{"whole steps", entity.Field{Type: entity.Number, Step: dec("1")}, `{"type":["number","null"],"title":"F","multipleOf":1,"description":"In steps of 1 from 0."}`},
		{"whole steps of 5 within limits", entity.Field{Type: entity.Number, Step: dec("5"), Min: dec("10"), Max: dec("100")}, `{"type":["number","null"],"title":"F","multipleOf":5,"minimum":10,"maximum":100,"description":"In steps of 5 from 10."}`},
		{"whole steps from an odd start", entity.Field{Type: entity.Number, Step: dec("5"), Min: dec("1"), Max: dec("100")}, `{"type":["number","null"],"title":"F","minimum":1,"maximum":100,"description":"In steps of 5 from 1."}`},
		{"whole steps without limits", entity.Field{Type: entity.Number, Step: dec("5")}, `{"type":["number","null"],"title":"F","description":"In steps of 5 from 0."}`},
		{"small steps", entity.Field{Type: entity.Number, Step: dec("0.01"), Min: dec("0"), Max: dec("1")}, `{"type":["number","null"],"title":"F","minimum":0,"maximum":1,"description":"In steps of 0.01 from 0."}`},
		{"email", entity.Field{Type: entity.Email}, `{"type":["string","null"],"title":"F","format":"email","maxLength":254}`},
		{"phone", entity.Field{Type: entity.Phone}, `{"type":["string","null"],"title":"F","description":"With + and the country code, for example +49 30 123456."}`},
		{"date", entity.Field{Type: entity.Date}, `{"type":["string","null"],"title":"F","format":"date"}`},
		{"datetime", entity.Field{Type: entity.DateTime, Required: true}, `{"type":"string","title":"F","format":"date-time","minLength":1}`},
		{"url", entity.Field{Type: entity.URL}, `{"type":["string","null"],"title":"F","format":"uri","maxLength":2048}`},
		{"checkbox", entity.Field{Type: entity.Checkbox, Default: false}, `{"type":["boolean","null"],"title":"F","default":false}`},
		{"select", entity.Field{Type: entity.Select, Options: options}, `{"type":["string","null"],"title":"F","enum":["roof",null]}`},
		{"required select", entity.Field{Type: entity.Select, Options: options, Required: true, Default: "roof"}, `{"type":"string","title":"F","enum":["roof"],"default":"roof"}`},
		{"multi-select", entity.Field{Type: entity.MultiSelect, Options: options}, `{"type":["array","null"],"title":"F","items":{"type":"string","enum":["roof"]},"maxItems":500}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.field.Key, c.field.Label = "f", "F"
			e := &entity.Entity{Slug: "some", Name: "Some", Fields: []entity.Field{c.field}}
			s := intakeSchemaOf(e)
			equalJSON(t, s.Properties["f"], c.want)
			if needed := c.field.Required && c.field.Default == nil; slices.Contains(s.Required, "f") != needed {
				t.Errorf("required: %v", s.Required)
			}
			if len(s.Examples) != 1 {
				t.Fatal("no example")
			}
			r := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
			if errors := validate(t, r, prepared(s), s.Examples[0]); len(errors) > 0 {
				t.Errorf("the example %v does not fit: %v", s.Examples[0], errors)
			}
		})
	}
}

// TestStandardLengths holds the limits that the schemas repeat to those of the types.
func TestStandardLengths(t *testing.T) {
	t.Parallel()
	letters := func(n int) string { return strings.Repeat("x", n) }
	for typ, longest := range map[entity.Type]string{
		entity.Text: letters(1000), entity.Textarea: letters(20_000), entity.URL: "https://example.com/" + letters(2028),
		entity.Email: "a@" + strings.Repeat(letters(62)+".", 3) + letters(63),
	} {
		f := entity.Field{Type: typ}
		if _, wrong := f.Parse(entity.Raw{Kind: entity.RawText, Text: longest}); wrong != nil || len(longest) != lengths[typ] {
			t.Errorf("%s of %d characters, the schema allows %d: %v", typ, len(longest), lengths[typ], wrong)
		}
		if _, wrong := f.Parse(entity.Raw{Kind: entity.RawText, Text: strings.Replace(longest, "x", "xx", 1)}); wrong == nil {
			t.Errorf("%s takes more than %d characters", typ, len(longest))
		}
	}
}

func equalJSON(t *testing.T, got any, want string) {
	t.Helper()
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b, a); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestSchemaNames(t *testing.T) {
	t.Parallel()
	for want, slugs := range map[string][]string{
		"leads":                     {"leads"},
		"solar_leads":               {"solar-leads"},
		"solar_leads_2 solar_leads": {"solar-leads", "solar_leads"},
		"solar_leads solar_leads_2": {"solar_leads", "solar-leads"},
		"a_b_c a_b_c_2 a_b_c_3":     {"a-b-c", "a_b-c", "a-b_c"},
		"a_b_3 a_b a_b_2":           {"a-b", "a_b", "a_b_2"},
		"7_days":                    {"7-days"},
		"":                          {},
		"leads leads_2 other__x":    {"leads", "leads_2", "other--x"},
	} {
		var all []*entity.Entity
		for _, slug := range slugs {
			all = append(all, &entity.Entity{Slug: slug})
		}
		names := schemaNames(all)
		var got []string
		for _, slug := range slugs {
			got = append(got, names[slug])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v are called %v, want %s", slugs, got, want)
		}
	}
}

// TestTypedShowsWhatTheKeySees: which entities are in the document of which key, and
// that another state is told whenever it changes.
func TestTypedShowsWhatTheKeySees(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newDoor(t, d)
		w.newEntity(w.who, strict())
		other := w.newAccount("Other")
		w.newEntity(other, entity.Entity{Slug: "hidden", Name: "Hidden"})
		general := w.api.Schemas()
		states := map[string]string{}
		for _, c := range []struct{ scopes, want string }{
			{"*", "solar_leads strict"},
			{"entities:read", "solar_leads strict"},
			{"leads:read", "solar_leads strict"},
			{"leads.strict:write", "strict"},
			{"leads.solar_leads:export keys:read", "solar_leads"},
			{"leads.hidden:read", ""},
			{"keys:read", ""},
		} {
			who := w.who
			who.Scopes = nil
			for scope := range strings.FieldsSeq(c.scopes) {
				who.Scopes = append(who.Scopes, account.Scope(scope))
			}
			typed, err := w.svc.Typed(account.With(context.Background(), who), general)
			if err != nil {
				t.Fatal(err)
			}
			var seen []string
			for _, name := range slices.Sorted(maps.Keys(typed.Schemas)) {
				if slug, ok := strings.CutPrefix(name, "Intake_"); ok {
					seen = append(seen, slug)
				}
			}
			if got := strings.Join(seen, " "); got != c.want {
				t.Errorf("%s sees %s, want %s", c.scopes, got, c.want)
			}
			if known, ok := states[c.want]; ok && known != typed.State {
				t.Errorf("%s: another state of the same schemas", c.scopes)
			}
			states[c.want] = typed.State
			if c.want == "" && len(typed.Schemas) > 0 {
				t.Errorf("%s: %v", c.scopes, slices.Collect(maps.Keys(typed.Schemas)))
			}
		}
		if len(states) != 4 || len(slices.Compact(slices.Sorted(maps.Values(states)))) != 4 {
			t.Errorf("different schemas of one state: %v", states)
		}
		if typed, err := w.svc.Typed(context.Background(), general); err != nil || typed.State != "" || len(typed.Schemas) > 0 {
			t.Errorf("without a key: %v, %v", typed, err)
		}
		if typed, err := w.svc.Typed(account.With(context.Background(), other), general); err != nil || len(typed.Schemas) != 9 {
			t.Errorf("another account: %d schemas, %v", len(typed.Schemas), err)
		}
	})
}

// TestTypedReplacesWhatIsThere: the general schemas that give way have the names that
// the document uses.
func TestTypedReplacesWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newDoor(t, dbtest.SQLite(t))
	typed, err := w.svc.Typed(account.With(context.Background(), w.who), w.api.Schemas())
	if err != nil {
		t.Fatal(err)
	}
	document := string(w.api.OpenAPI())
	for _, name := range []string{"Lead", "LeadItem", "IntakeRequest", "ChangeLeadRequest"} {
		if typed.Schemas[name] == nil || !strings.Contains(document, fmt.Sprintf("%q: {\n        ", name)) || !strings.Contains(document, "#/components/schemas/"+name+`"`) {
			t.Errorf("%s is not both in the general document and in the typed one", name)
		}
	}
	for name, s := range typed.Schemas {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), `"$ref":"`)[1:] {
			ref, _, _ := strings.Cut(part, `"`)
			target, local := strings.CutPrefix(ref, "#/components/schemas/")
			if !local || typed.Schemas[target] == nil && !strings.Contains(document, fmt.Sprintf("%q: {", target)) {
				t.Errorf("%s refers to %s, which is not in the document", name, ref)
			}
		}
	}
	lead := typed.Schemas["Lead_solar_leads"]
	equalJSON(t, lead.Properties["entity"].Enum, `["solar_leads"]`)
	equalJSON(t, lead.Properties["status"].Properties["stage"].Properties["name"].Enum, `["New","In talks","Won"]`)
	intake := typed.Schemas["Intake_solar_leads"]
	equalJSON(t, intake.Properties["status:temperature"].Enum, `["Cold","Warm"]`)
	equalJSON(t, intake.AdditionalProperties, `true`)
	equalJSON(t, typed.Schemas["LeadFields_solar_leads"].Properties["place"].Enum, `["roof","balcony","oil",null]`)
	equalJSON(t, typed.Schemas["LeadFields_solar_leads"].AdditionalProperties, `false`)
	if intake.Properties["note"] == nil || intake.Properties["status:stage"] == nil || len(typed.Schemas["LeadPatch_solar_leads"].Properties["fields"].Properties) != 12 {
		t.Errorf("intake knows %v", slices.Sorted(maps.Keys(intake.Properties)))
	}
}
