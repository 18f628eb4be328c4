package lead

import (
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/api"
)

// Typed implements api.Typing: each entity that the caller may see, as schemas of its
// own. A schema takes whatever intake takes, in the form in which answers show it;
// intake knows more forms of a value than a schema can say.
func (s *Service) Typed(ctx context.Context, general huma.Registry) (api.Typed, error) {
	who, ok := account.From(ctx)
	if !ok {
		return api.Typed{}, nil
	}
	all, err := s.entities.Definitions(ctx, who.Account.ID)
	if err != nil {
		return api.Typed{}, err
	}
	t := newTyping(general)
	names := schemaNames(all)
	for _, e := range all {
		if maySee(who, e) {
			t.add(e, names[e.Slug])
		}
	}
	return t.finish(), nil
}

// maySee tells whether who may know what an entity looks like.
func maySee(who account.Principal, e *entity.Entity) bool {
	return who.Scopes.Allow("entities:read") ||
		slices.ContainsFunc([]string{"read", "write", "delete", "export"}, func(verb string) bool { return mayFor(who, e, verb) == nil })
}

// schemaNames gives each slug a name that every language can write. Slugs that differ
// in dashes only would become one; those with dashes step back, the younger ones
// further.
func schemaNames(all []*entity.Entity) map[string]string {
	names, taken := map[string]string{}, map[string]bool{}
	for _, e := range all {
		if !strings.Contains(e.Slug, "-") {
			names[e.Slug], taken[e.Slug] = e.Slug, true
		}
	}
	for _, e := range all {
		if names[e.Slug] != "" {
			continue
		}
		plain := strings.ReplaceAll(e.Slug, "-", "_")
		name := plain
		for n := 2; taken[name]; n++ {
			name = plain + "_" + strconv.Itoa(n)
		}
		names[e.Slug], taken[name] = name, true
	}
	return names
}

// typing gathers the schemas of several entities.
type typing struct {
	lead    string // the name of the general schema of a lead
	general *huma.Schema
	state   strings.Builder
	schemas map[string]*huma.Schema

	leads, items, intakes, patches []*huma.Schema
	bySlug                         map[string]string
}

func newTyping(general huma.Registry) *typing {
	ref := general.Schema(reflect.TypeFor[leadBody](), true, "").Ref
	return &typing{lead: ref[strings.LastIndexByte(ref, '/')+1:], general: general.SchemaFromRef(ref), schemas: map[string]*huma.Schema{}, bySlug: map[string]string{}}
}

func (t *typing) add(e *entity.Entity, name string) {
	fmt.Fprintf(&t.state, "%s %s %d\n", e.ID, name, e.Version)
	fields := t.put("LeadFields_"+name, fieldsSchema(e))
	whole := t.leadSchema(e, fields)
	lead := t.put(t.lead+"_"+name, whole)
	t.leads = append(t.leads, lead)
	t.items = append(t.items, t.put(itemSchema+"_"+name, anyMembers(whole)))
	t.bySlug[e.Slug] = lead.Ref
	t.intakes = append(t.intakes, t.put("Intake_"+name, intakeSchemaOf(e)))
	t.patches = append(t.patches, t.put("LeadPatch_"+name, patchSchemaOf(e)))
}

func (t *typing) put(name string, s *huma.Schema) *huma.Schema {
	t.schemas[name] = s
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

// finish lets the general schemas be a choice of those of the entities.
func (t *typing) finish() api.Typed {
	if len(t.leads) > 0 {
		t.put(t.lead, &huma.Schema{OneOf: t.leads, Description: "A lead of one of the entities; entity says of which",
			Discriminator: &huma.Discriminator{PropertyName: "entity", Mapping: t.bySlug}})
		t.put(itemSchema, &huma.Schema{AnyOf: t.items, Description: "A lead in a list; fields may have picked some of its members"})
		t.put(api.RequestSchema("intake"), &huma.Schema{OneOf: t.intakes, Description: "A lead for one of the entities; entity says for which"})
		t.put(api.RequestSchema("change-lead"), &huma.Schema{AnyOf: t.patches, Description: "What to change; the names are those of the lead's entity"})
	}
	return api.Typed{State: t.state.String(), Schemas: t.schemas}
}

// leadSchema is the general schema of a lead with what is special to an entity.
func (t *typing) leadSchema(e *entity.Entity, fields *huma.Schema) *huma.Schema {
	s := *t.general
	s.Title, s.Properties = e.Name, maps.Clone(s.Properties)
	for _, name := range []string{"id", "entity", "created_at", "updated_at", "environment"} {
		p := *s.Properties[name]
		p.ReadOnly = true
		s.Properties[name] = &p
	}
	only(s.Properties["entity"], e.Slug)
	s.Properties["fields"] = fields
	statuses := map[string]*huma.Schema{}
	for i := range e.Pipelines {
		p := &e.Pipelines[i]
		statuses[p.Slug] = &huma.Schema{Type: huma.TypeObject, Title: p.Name, AdditionalProperties: false, Required: []string{"id", "name", "since"},
			Properties: map[string]*huma.Schema{
				"id":    {Type: huma.TypeString, Format: "uuid", ReadOnly: true},
				"name":  statusSchema(p),
				"since": {Type: huma.TypeString, Format: "date-time", ReadOnly: true, Description: "When the lead got this status"},
			}}
	}
	s.Properties["status"] = closed(statuses, nil, "The status in each pipeline")
	return &s
}

// only lets a schema have one value. The list of one is for validators that know no
// const.
func only(s *huma.Schema, value string) {
	s.Enum, s.Examples, s.Extensions = []any{value}, nil, map[string]any{"const": value}
}

// closed is an object without other names.
func closed(properties map[string]*huma.Schema, required []string, description string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required, AdditionalProperties: false, Description: description}
}

func statusSchema(p *entity.Pipeline) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, name := range p.StatusNames() {
		s.Enum = append(s.Enum, name)
	}
	return s
}

// fieldsSchema is the fields of an entity in answers: each of them, and null where
// there is no value. A value may be older than the limits of its field, so they are
// not said here.
func fieldsSchema(e *entity.Entity) *huma.Schema {
	properties, required := map[string]*huma.Schema{}, []string{}
	for i := range e.Fields {
		f := &e.Fields[i]
		properties[f.Key] = orNull(shape(f, true))
		required = append(required, f.Key)
	}
	s := closed(properties, required, "The value of every field; null where there is none")
	s.Title = e.Name
	return s
}

// intakeSchemaOf is the body of intake for one entity: what intake takes for every
// entity, and the statuses and fields of this one. Unknown names are kept, so they are
// allowed.
func intakeSchemaOf(e *entity.Entity) *huma.Schema {
	s := intakeSchema()
	s.Title, s.Properties = e.Name, maps.Clone(s.Properties)
	maps.DeleteFunc(s.Properties, func(name string, _ *huma.Schema) bool { return strings.HasPrefix(name, "status:") })
	of := *s.Properties["entity"]
	only(&of, e.Slug)
	s.Properties["entity"] = &of
	s.Required = slices.Clone(s.Required)
	for i := range e.Pipelines {
		p := &e.Pipelines[i]
		status := statusSchema(p)
		status.Title, status.Default = p.Name, p.DefaultStatus().Name
		status.Description = "The status in this pipeline, by its name"
		s.Properties["status:"+p.Slug] = status
	}
	example := map[string]any{"entity": e.Slug}
	for i := range e.Fields {
		f := &e.Fields[i]
		p := bounded(f)
		if f.Default != nil {
			p.Default = f.Wire(f.Default)
		}
		switch {
		case !f.Required:
			p = orNull(p)
		case f.Default == nil:
			s.Required = append(s.Required, f.Key)
			example[f.Key] = exampleValue(f)
		}
		s.Properties[f.Key] = p
	}
	if len(example) == 1 && len(e.Fields) > 0 {
		example[e.Fields[0].Key] = exampleValue(&e.Fields[0])
	}
	s.Examples = nil
	if !slices.Contains(slices.Collect(maps.Values(example)), nil) {
		s.Examples = []any{example}
	}
	return s
}

// patchSchemaOf is the body that changes a lead of one entity: null clears a value,
// which a required field does not allow.
func patchSchemaOf(e *entity.Entity) *huma.Schema {
	fields, statuses := map[string]*huma.Schema{}, map[string]*huma.Schema{}
	for i := range e.Fields {
		f := &e.Fields[i]
		p := bounded(f)
		if !f.Required {
			p = orNull(p)
		}
		fields[f.Key] = p
	}
	for i := range e.Pipelines {
		p := &e.Pipelines[i]
		statuses[p.Slug] = statusSchema(p)
		statuses[p.Slug].Title = p.Name
	}
	s := closed(map[string]*huma.Schema{
		"fields":   closed(fields, nil, "The values to change; null clears one"),
		"status":   closed(statuses, nil, "The statuses to change, by name"),
		"assignee": {Type: huma.TypeString, Nullable: true, Description: "A member, by id or e-mail address; null for nobody"},
		"viewers":  {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, Description: "The members who may see the lead, by id or e-mail address"},
	}, nil, "What to change; what is not named stays as it is")
	s.Title = e.Name
	return s
}

// shape is the type of a field's values. Retired options are among the choices where
// old values may be met.
func shape(f *entity.Field, old bool) *huma.Schema {
	s := &huma.Schema{Title: f.Label, Description: f.Help}
	var keys []any
	for _, o := range f.Options {
		if old || !o.Retired {
			keys = append(keys, o.Key)
		}
	}
	switch f.Type {
	case entity.Number:
		s.Type = huma.TypeNumber
	case entity.Checkbox:
		s.Type = huma.TypeBoolean
	case entity.Select:
		s.Type, s.Enum = huma.TypeString, keys
	case entity.MultiSelect:
		s.Type, s.Items = huma.TypeArray, &huma.Schema{Type: huma.TypeString, Enum: keys}
	case entity.Text, entity.Textarea, entity.Phone, entity.Email, entity.URL, entity.Date, entity.DateTime:
		s.Type, s.Format = huma.TypeString, formats[f.Type]
	case "address", "file":
		s.Type, s.Properties, s.AdditionalProperties = huma.TypeObject, parts(f.Type, old), false
	}
	return s
}

// parts are those of a value that is an object. Of a file an answer tells what it is,
// and a caller sends its content.
func parts(t entity.Type, answered bool) map[string]*huma.Schema {
	text := func(most int) *huma.Schema { return &huma.Schema{Type: huma.TypeString, MaxLength: &most} }
	degrees := func(limit float64) *huma.Schema {
		return &huma.Schema{Type: huma.TypeNumber, Minimum: new(-limit), Maximum: &limit}
	}
	if t == "address" {
		return map[string]*huma.Schema{"street": text(200), "house_number": text(200), "postcode": text(200), "city": text(200), "state": text(200), "country": text(200),
			"country_code": text(2), "latitude": degrees(90), "longitude": degrees(180)}
	}
	p := map[string]*huma.Schema{"id": {Type: huma.TypeString, Format: "uuid"}, "name": text(200), "size": {Type: huma.TypeInteger, Description: "In bytes"}, "type": {Type: huma.TypeString}}
	if !answered {
		p["content"] = &huma.Schema{Type: huma.TypeString, ContentEncoding: "base64"}
	}
	return p
}

var formats = map[entity.Type]string{entity.Email: "email", entity.URL: "uri", entity.Date: "date", entity.DateTime: "date-time"}

// lengths are the most characters of types, where the field has no limit of its own.
var lengths = map[entity.Type]int{entity.Text: 1000, entity.Textarea: 20_000, entity.Email: 254, entity.URL: 2048}

// bounded is the shape of a new value with the limits that a schema can say exactly.
func bounded(f *entity.Field) *huma.Schema {
	s := shape(f, false)
	switch {
	case f.MaxLength > 0:
		s.MaxLength = &f.MaxLength
	case lengths[f.Type] > 0:
		s.MaxLength = new(lengths[f.Type])
	case f.Type == entity.MultiSelect:
		s.MaxItems = new(entity.MaxOptions)
	}
	if f.Required && s.Type == huma.TypeString && s.Enum == nil {
		s.MinLength = new(1)
	}
	if f.Type == entity.Phone {
		s.Description = strings.TrimSpace(s.Description + " With + and the country code, for example +49 30 123456.")
	}
	s.Minimum, s.Maximum = number(f.Min), number(f.Max)
	if f.Step != nil {
		if whole(f) {
			s.MultipleOf = number(f.Step)
		}
		from := entity.Decimal("0")
		if f.Min != nil {
			from = *f.Min
		}
		s.Description = strings.TrimSpace(s.Description + " In steps of " + string(*f.Step) + " from " + string(from) + ".")
	}
	return s
}

func number(d *entity.Decimal) *float64 {
	if d == nil {
		return nil
	}
	f, err := strconv.ParseFloat(string(*d), 64)
	if err != nil {
		return nil
	}
	return &f
}

// whole tells whether the steps of a field can be said as multiples in the arithmetic
// of those who read schemas, binary floating point: 0.3 is no multiple of 0.1 there,
// and beyond 2^53 not every whole number exists. (Of 1 and 2 every number there is a
// multiple.)
func whole(f *entity.Field) bool {
	const exact = 1 << 53
	step := *number(f.Step)
	if step != math.Trunc(step) || step > exact || f.Min != nil && !f.Min.IsStep(*f.Step, nil) {
		return false
	}
	low, high := number(f.Min), number(f.Max)
	return step <= 2 || low != nil && high != nil && *low >= -exact && *high <= exact
}

// orNull allows null too.
func orNull(s *huma.Schema) *huma.Schema {
	if s.Type == "" {
		return s // anything already
	}
	s.Nullable = true
	if s.Enum != nil {
		s.Enum = append(s.Enum, nil)
	}
	return s
}

// exampleValue is a value that the field takes, nil when none of those that come to
// mind is.
func exampleValue(f *entity.Field) any {
	var tries []entity.Value
	if f.Default != nil {
		tries = append(tries, f.Default)
	}
	switch f.Type {
	case entity.Number:
		tries = append(tries, "1")
		for _, d := range []*entity.Decimal{f.Min, f.Max, f.Step} {
			if d != nil {
				tries = append(tries, string(*d))
			}
		}
	case entity.Select, entity.MultiSelect:
		for _, o := range f.Options {
			tries = append(tries, o.Key)
		}
	default:
		for _, text := range []string{"Ada Lovelace", "ada@example.com", "+4930123456", "https://example.com", "2026-07-31", "2026-07-31T14:30:00Z", "true", "A"} {
			tries = append(tries, text)
		}
	}
	for _, v := range tries {
		raw := entity.Raw{Kind: entity.RawText}
		if raw.Text, _ = v.(string); raw.Text == "" {
			return f.Wire(v)
		}
		if value, wrong := f.Parse(raw); wrong == nil && value != nil {
			return f.Wire(value)
		}
	}
	return nil
}
