package lead

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// leadAnswer is a lead as answers show it. It writes itself, because lists and exports
// write many; leadBody says in the document what comes out.
type leadAnswer struct {
	lead        *Lead
	entity      *entity.Entity
	environment string // slug
	people      map[id.ID]account.Person
	shown       *Picked
}

// leadBodies prepares leads of one entity for an answer. It asks once for the names of
// all the people on them.
func leadBodies(ctx context.Context, q db.Handle, who account.Principal, e *entity.Entity, leads []Lead, shown *Picked) ([]leadAnswer, error) {
	var ids []id.ID
	for i := range leads {
		if assignee := leads[i].AssigneeID; !assignee.IsNil() && shown.Shows("assignee") {
			ids = append(ids, assignee)
		}
		if shown.Shows("viewers") {
			ids = append(ids, leads[i].Viewers...)
		}
	}
	slices.SortFunc(ids, func(a, b id.ID) int { return slices.Compare(a[:], b[:]) })
	people, err := account.People(ctx, q, who.Account.ID, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	out := make([]leadAnswer, len(leads))
	for i := range leads {
		out[i] = leadAnswer{&leads[i], e, who.Environment.Slug, people, shown}
	}
	return out, nil
}

// AppendJSON writes a lead of the selection as one JSON object, as answers show it.
// people are those on the lead; who is missing there is not shown.
func (sel *Selection) AppendJSON(b []byte, l *Lead, people map[id.ID]account.Person) ([]byte, error) {
	return leadAnswer{l, sel.Entity, sel.who.Environment.Slug, people, sel.Shown}.AppendJSON(b)
}

// fullBody prepares one lead for an answer.
func fullBody(ctx context.Context, q db.Handle, who account.Principal, f Full) (leadAnswer, error) {
	bodies, err := leadBodies(ctx, q, who, f.Entity, []Lead{f.Lead}, nil)
	if err != nil {
		return leadAnswer{}, err
	}
	return bodies[0], nil
}

// MarshalJSON implements json.Marshaler.
func (l leadAnswer) MarshalJSON() ([]byte, error) { return l.AppendJSON(nil) }

// AppendJSON writes the lead as one JSON object.
func (l leadAnswer) AppendJSON(b []byte) ([]byte, error) {
	b = append(b, `{"id":"`...)
	b = l.lead.ID.Append(b)
	b = append(b, '"')
	for _, m := range leadMembers {
		if !l.shown.Shows(m.name) {
			continue
		}
		b = append(b, `,"`...)
		b = append(b, m.name...)
		b = append(b, `":`...)
		var err error
		if b, err = m.append(l, b); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// leadMembers are those of a lead behind its id, in their order.
var leadMembers = [...]struct {
	name   string
	append func(leadAnswer, []byte) ([]byte, error)
}{
	{"entity", func(l leadAnswer, b []byte) ([]byte, error) { return api.AppendText(b, l.entity.Slug) }},
	{"source", func(l leadAnswer, b []byte) ([]byte, error) { return api.AppendText(b, l.lead.Source) }},
	{"created_at", func(l leadAnswer, b []byte) ([]byte, error) { return api.AppendTime(b, l.lead.CreatedAt), nil }},
	{"updated_at", func(l leadAnswer, b []byte) ([]byte, error) { return api.AppendTime(b, l.lead.UpdatedAt), nil }},
	{"assignee", func(l leadAnswer, b []byte) ([]byte, error) { return l.appendPerson(b, l.lead.AssigneeID) }},
	{"viewers", leadAnswer.appendViewers},
	{"status", leadAnswer.appendStatuses},
	{"fields", leadAnswer.appendFields},
	{"unmapped", func(l leadAnswer, b []byte) ([]byte, error) { return append(b, l.lead.Unmapped...), nil }},
	{"environment", func(l leadAnswer, b []byte) ([]byte, error) { return api.AppendText(b, l.environment) }},
}

func (l leadAnswer) appendViewers(b []byte) ([]byte, error) {
	b = append(b, '[')
	begin := len(b)
	for _, person := range l.lead.Viewers {
		if _, ok := l.people[person]; !ok {
			continue
		}
		b = comma(b, begin)
		var err error
		if b, err = l.appendPerson(b, person); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// comma separates a member or element from those before it.
func comma(b []byte, begin int) []byte {
	if len(b) > begin {
		b = append(b, ',')
	}
	return b
}

func (l leadAnswer) appendPerson(b []byte, person id.ID) ([]byte, error) {
	p, ok := l.people[person]
	if !ok {
		return append(b, "null"...), nil
	}
	b = append(b, `{"id":"`...)
	b = person.Append(b)
	b, err := api.AppendText(append(b, `","name":`...), p.Name)
	if err != nil {
		return nil, err
	}
	b, err = api.AppendText(append(b, `,"email":`...), p.Email)
	return append(b, '}'), err
}

func (l leadAnswer) appendStatuses(b []byte) ([]byte, error) {
	b = append(b, '{')
	begin := len(b)
	for i := range l.entity.Pipelines {
		p := &l.entity.Pipelines[i]
		since, ok := l.lead.Status(p.ID)
		s := p.StatusByID(since.StatusID)
		if !ok || s == nil || !l.shown.ShowsPipeline(p.ID) {
			continue
		}
		b = comma(b, begin)
		b = append(b, '"')
		b = append(b, p.Slug...)
		b = append(b, `":{"id":"`...)
		b = s.ID.Append(b)
		var err error
		if b, err = api.AppendText(append(b, `","name":`...), s.Name); err != nil {
			return nil, err
		}
		b = api.AppendTime(append(b, `,"since":`...), since.Since)
		b = append(b, '}')
	}
	return append(b, '}'), nil
}

func (l leadAnswer) appendFields(b []byte) ([]byte, error) {
	if l.lead.stored != "" {
		return l.appendStored(b)
	}
	b = append(b, '{')
	begin := len(b)
	for i := range l.entity.Fields {
		f := &l.entity.Fields[i]
		if !l.shown.ShowsField(f.ID) {
			continue
		}
		b = appendName(b, begin, f)
		var err error
		if b, err = appendWire(b, f.Wire(l.lead.Values[f.ID])); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// appendStored is appendFields for a lead whose values are as they are stored: most are
// shown just so.
func (l leadAnswer) appendStored(b []byte) ([]byte, error) {
	b = append(b, '{')
	begin, values := len(b), storedValues{data: l.lead.stored}
	for i := range l.entity.Fields {
		f := &l.entity.Fields[i]
		raw, err := values.find(f.ID)
		if err != nil {
			return nil, err
		}
		if !l.shown.ShowsField(f.ID) {
			continue
		}
		b = appendName(b, begin, f)
		if raw == "" {
			b = append(b, "null"...)
		} else if wire, ok := f.WireStored(raw); ok {
			b = append(b, wire...)
		} else {
			v, _, err := readValue(raw, 0)
			if err == nil {
				b, err = appendWire(b, f.Wire(v))
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return append(b, '}'), nil
}

func appendName(b []byte, begin int, f *entity.Field) []byte {
	b = append(comma(b, begin), '"')
	b = append(b, f.Key...)
	return append(b, '"', ':')
}

// appendWire writes a value as entity.Field.Wire shows it.
func appendWire(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		return api.AppendText(b, v)
	case entity.Decimal:
		return append(b, v...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case []string:
		b = append(b, '[')
		begin := len(b)
		for _, s := range v {
			var err error
			if b, err = api.AppendText(comma(b, begin), s); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	}
	text, err := json.Marshal(v)
	return append(b, text...), err
}
