package filter

import (
	"strings"
	"time"
	"unicode"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// subject reads a name and finds what it stands for.
func (p *parser) subject() (Subject, error) {
	at := p.tok.from
	parts, err := p.name()
	if err != nil {
		return Subject{}, err
	}
	first := entity.Loose(parts[0])
	if len(parts) == 2 && first != "status" {
		return p.part(at, parts)
	}
	if len(parts) == 2 {
		pipeline := p.entity.PipelineNamed(parts[1])
		if pipeline == nil {
			return Subject{}, p.fail(at, "unknown_pipeline", "the entity "+p.entity.Name+" has no such pipeline. It has: "+strings.Join(p.entity.PipelineSlugs(), ", ")+".")
		}
		return Subject{Kind: OfStatus, Pipeline: pipeline}, nil
	}
	for kind, name := range systemNames {
		if entity.Loose(name) == first {
			return Subject{Kind: kind}, nil
		}
	}
	f := p.entity.FieldNamedLoose(first)
	switch {
	case f == nil && first == "status":
		return Subject{}, p.fail(at, "unknown_field", "say of which pipeline, as in status."+p.somePipeline()+".")
	case f == nil:
		return Subject{}, p.fail(at, "unknown_field", p.noField(parts[0]))
	case f.Encrypted:
		return Subject{}, p.fail(at, "encrypted_field", f.Key+" is encrypted, so it cannot be searched, sorted or filtered.")
	case classOf(f.Type) == 0:
		return Subject{}, p.fail(at, "wrong_operator", f.Key+" is of a type that cannot be filtered.")
	}
	return Subject{Kind: OfField, Field: f}, nil
}

// noField says of a name that it is no field, and which names could be meant.
func (p *parser) noField(name string) string {
	if pipeline := p.entity.PipelineNamed(name); pipeline != nil {
		return pipeline.Slug + " is a pipeline, written as status." + pipeline.Slug + "."
	}
	says := p.entity.NoField()
	return strings.ToLower(says[:1]) + says[1:]
}

// part finds a part of a field, such as address.city.
func (p *parser) part(at int, names []string) (Subject, error) {
	f, part := p.entity.PartNamed(names[0] + "." + names[1])
	switch {
	case f == nil:
		return Subject{}, p.fail(at, "unknown_field", "there is no such part of a field. Behind a point stands a part of an address, or a pipeline as in status."+p.somePipeline()+".")
	case f.Encrypted:
		return Subject{}, p.fail(at, "encrypted_field", f.Key+" is encrypted, so it cannot be searched, sorted or filtered.")
	}
	stands := &entity.Field{ID: f.ID, Key: f.Key + "." + part, Label: f.Label, Type: entity.Text}
	if f.PartIsNumber(part) {
		stands.Type = entity.Number
	}
	return Subject{Kind: OfField, Field: stands, Whole: f, Part: part}, nil
}

func (p *parser) somePipeline() string {
	if len(p.entity.Pipelines) == 0 {
		return "stage"
	}
	return p.entity.Pipelines[0].Slug
}

// name reads the parts of a name, which points separate and backticks may hold.
func (p *parser) name() ([]string, error) {
	at := p.tok.from
	if p.tok.kind != word && p.tok.kind != named || p.tok.kind == word && isKeyword(p.tok.text) {
		return nil, p.fail(at, "syntax", "expected the name of a field. Names that are keywords stand in backticks.")
	}
	parts, closed := []string{""}, false
	last := &parts[0]
	for to := at; p.tok.from == to && (p.tok.kind == word || p.tok.kind == named); {
		pieces := []string{p.tok.text}
		if p.tok.kind == word {
			pieces = strings.Split(p.tok.text, ".")
		}
		for i, piece := range pieces {
			if i > 0 {
				parts, closed = append(parts, ""), false
				last = &parts[len(parts)-1]
			}
			if p.tok.kind == named || piece != "" {
				if closed {
					return nil, p.fail(p.tok.from, "syntax", "expected a point between the parts of a name.")
				}
				*last, closed = piece, true
			}
		}
		to = p.tok.to
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if len(parts) > 2 || !closed || parts[0] == "" {
		return nil, p.fail(at, "syntax", "expected the name of a field, or two names with a point between them.")
	}
	return parts, nil
}

// class is a group of types that compare alike.
type class int

const (
	texts   class = iota + 1
	phones        // texts whose order means nothing
	ordered       // numbers, dates, moments
	choices       // options, yes and no, ids
)

func classOf(t entity.Type) class {
	switch t {
	case entity.Text, entity.Textarea, entity.Email, entity.URL:
		return texts
	case entity.Phone:
		return phones
	case entity.Number, entity.Date, entity.DateTime:
		return ordered
	case entity.Select, entity.MultiSelect, entity.Checkbox:
		return choices
	}
	return 0
}

func (s Subject) class() class {
	switch s.Kind {
	case OfField:
		return classOf(s.Field.Type)
	case OfSource:
		return texts
	case OfCreatedAt, OfUpdatedAt:
		return ordered
	}
	return choices
}

// ops is the set of comparisons that make sense, a bit each.
func (s Subject) ops() int {
	const order = 1<<Less | 1<<AtMost | 1<<Greater | 1<<AtLeast | 1<<Between
	set := map[class]int{texts: 1<<In | 1<<Contains | 1<<StartsWith | order, phones: 1<<In | 1<<Contains | 1<<StartsWith, ordered: 1<<In | order, choices: 1 << In}[s.class()]
	if s.Kind == OfField || s.Kind == OfStatus || s.Kind == OfAssignee {
		set |= 1 << Empty
	}
	return set
}

func opNames(set int) string {
	var out []string
	for _, o := range []struct {
		op   Op
		text string
	}{{In, "= != in"}, {Less, "> >= < <="}, {Between, "between"}, {Contains, "contains"}, {StartsWith, "starts_with"}, {Empty, "is empty"}} {
		if set&(1<<o.op) != 0 {
			out = append(out, o.text)
		}
	}
	return strings.Join(out, ", ")
}

// read checks a literal by what it is compared with.
func (p *parser) read(t *Test, lit token) (Value, error) {
	s := t.Subject
	switch {
	case lit.kind == quoted && strings.TrimSpace(lit.text) == "":
		return Value{}, p.fail(lit.from, "empty_value", "this text is empty. To find leads without a value, write: is empty.")
	case s.Kind == OfCreatedAt || s.Kind == OfUpdatedAt:
		return p.moment(&entity.Field{Type: entity.DateTime}, lit)
	case s.Kind == OfStatus:
		return p.status(s.Pipeline, lit)
	case s.Kind == OfAssignee:
		return p.member(lit)
	case s.Kind == OfID:
		u, err := id.Parse(lit.text)
		if err != nil {
			return Value{}, p.fail(lit.from, "invalid_id", "expected the id of a lead, a UUID.")
		}
		return Value{Text: u.String(), ids: []id.ID{u}}, nil
	case s.Kind == OfSource:
		return p.plain(lit)
	}
	f := s.Field
	switch f.Type {
	case entity.Number:
		if lit.kind == quoted {
			return Value{}, p.fail(lit.from, "wrong_type", f.Key+" is a number; write it without quotes.")
		}
		d, problem := entity.ParseDecimal(lit.text)
		return p.valueOf(f, string(d), true, problem, lit)
	case entity.DateTime:
		return p.moment(f, lit)
	case entity.Date, entity.Checkbox:
		v, problem := f.Parse(entity.Raw{Kind: entity.RawText, Text: lit.text})
		return p.valueOf(f, v, true, problem, lit)
	case entity.Select, entity.MultiSelect:
		return p.option(f, lit)
	case entity.Phone:
		return p.phone(f, t.Op, lit)
	}
	v, err := p.plain(lit)
	if err == nil {
		v.key = f.Keys(v.Text)[0]
	}
	return v, err
}

// plain is a text. A number stands for its digits, as it does when leads are sent.
func (p *parser) plain(lit token) (Value, error) {
	if lit.kind != quoted {
		if _, problem := entity.ParseDecimal(lit.text); problem != nil {
			return Value{}, p.fail(lit.from, "wrong_type", "put this text in quotes.")
		}
	}
	return Value{Text: lit.text, folded: entity.Fold(lit.text)}, nil
}

// valueOf makes a Value of what a field made of a literal.
func (p *parser) valueOf(f *entity.Field, v entity.Value, bare bool, problem *entity.Problem, lit token) (Value, error) {
	if problem != nil {
		return Value{}, p.fail(lit.from, problem.Code, f.Key+": "+problem.Detail)
	}
	out := Value{bare: bare, key: f.Keys(v)[0]}
	switch v := v.(type) {
	case bool:
		out.Text = map[bool]string{true: "true", false: "false"}[v]
	case string:
		out.Text, out.folded = v, entity.Fold(v)
	case []string:
		out.Text, out.folded = v[0], entity.Fold(v[0])
	}
	return out, nil
}

// moment reads a moment, or a date as the beginning of its day in UTC.
func (p *parser) moment(f *entity.Field, lit token) (Value, error) {
	text := lit.text
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		text += "T00:00:00Z"
	}
	v, problem := f.Parse(entity.Raw{Kind: entity.RawText, Text: text})
	if problem != nil {
		return Value{}, p.fail(lit.from, problem.Code, "expected a date like 2026-07-31 or a moment with its offset from UTC like 2026-07-31T14:30:00Z.")
	}
	out, err := p.valueOf(f, v, true, nil, lit)
	if at, parseErr := time.Parse(time.RFC3339Nano, out.Text); parseErr == nil {
		out.at = at.UnixMicro()
	}
	return out, err
}

// option finds an option by key or label, a retired one too, because leads may have it.
func (p *parser) option(f *entity.Field, lit token) (Value, error) {
	v, err := p.plain(lit)
	if err != nil {
		return v, err
	}
	wanted, found := account.Fold(lit.text), -1
	for i, o := range f.Options {
		if account.Fold(o.Key) == wanted {
			found = i
			break
		}
		if account.Fold(o.Label) == wanted {
			found = i
		}
	}
	if found < 0 {
		return Value{}, p.fail(lit.from, "unknown_option", f.Key+" has no such option. GET /api/entities lists them.")
	}
	key := f.Options[found].Key
	if f.Type == entity.MultiSelect {
		return p.valueOf(f, []string{key}, false, nil, lit)
	}
	return p.valueOf(f, key, false, nil, lit)
}

// phone is a whole number in its normal form, or what stands in one.
func (p *parser) phone(f *entity.Field, op Op, lit token) (Value, error) {
	if v, err := p.plain(lit); err != nil {
		return v, err
	}
	if op == In {
		v, problem := f.Parse(entity.Raw{Kind: entity.RawText, Text: lit.text})
		return p.valueOf(f, v, false, problem, lit)
	}
	digits := strings.Map(func(r rune) rune {
		if r == '+' || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, lit.text)
	if digits == "" {
		return Value{}, p.fail(lit.from, "invalid_phone", f.Key+" holds phone numbers; write some digits of one.")
	}
	return p.valueOf(f, digits, false, nil, lit)
}

func (p *parser) status(pipeline *entity.Pipeline, lit token) (Value, error) {
	s := pipeline.StatusNamed(lit.text)
	_, notID := id.Parse(lit.text)
	switch {
	case lit.kind != quoted && notID != nil:
		return Value{}, p.fail(lit.from, "wrong_type", "put the name of the status in quotes.")
	case s == nil:
		return Value{}, p.fail(lit.from, "unknown_status", "the pipeline "+pipeline.Name+" has no such status. It has: "+strings.Join(pipeline.StatusNames(), ", ")+".")
	}
	return Value{Text: s.ID.String(), ids: pipeline.StatusIDs(s.ID)}, nil
}

func (p *parser) member(lit token) (Value, error) {
	u, err := id.Parse(lit.text)
	if err != nil {
		if !strings.Contains(lit.text, "@") {
			return Value{}, p.fail(lit.from, "wrong_type", "expected a member: an e-mail address in quotes, or a UUID.")
		}
		if u, err = p.members(lit.text); err != nil {
			return Value{}, err
		}
		if u.IsNil() {
			return Value{}, p.fail(lit.from, "unknown_member", "this account has no active member with this e-mail address. Name somebody who left by UUID.")
		}
	}
	return Value{Text: u.String(), ids: []id.ID{u}}, nil
}
