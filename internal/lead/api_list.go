package lead

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
)

func registerList(a *api.API, s *Service) {
	api.Register(a, huma.Operation{
		OperationID: "list-leads", Method: http.MethodGet, Path: "/api/leads", Summary: "List leads", Tags: []string{"Leads"},
		Description: "Returns the leads of one entity that meet `filter` and `q`, in the order of `sort`, newest first when it is left out. Pass `next_cursor` on as `cursor`, with the same query, to get the next page; it is `null` on the last one.\n\n" +
			"A filter compares fields, `status.<pipeline>`, `assignee`, `source`, `created_at`, `updated_at` and `id` by `= != > >= < <=`, `contains`, `starts_with`, `in (…)`, `between … and …`, `is empty` and `is not empty`, joined by `and`, `or`, `not` and parentheses: " +
			"`status.stage in (\"New\", \"Contacted\") and budget > 5000 and (email contains \"@acme.com\" or phone is empty)`. Texts stand in quotes and compare without regard to case.\n\n" +
			"A query that has to look at so many leads one by one that it takes more than 2 seconds is refused with `query_too_expensive`. Fields that are indexed are answered by an index.",
	}, api.Needs("leads:read"), s.apiList)
}

type listInput struct {
	Entity string `query:"entity" required:"true" doc:"Slug or id of the entity" example:"leads"`
	Filter string `query:"filter" doc:"Which leads: a condition of at most 4096 bytes" example:"status.stage = \"New\" and email contains \"@example.com\""`
	Query  string `query:"q" doc:"Words that all occur in a lead, anywhere in its values"`
	Sort   string `query:"sort" doc:"Up to three of created_at, updated_at and indexed fields, separated by commas, each with - before it to turn it around. Leads without a value come last" example:"-created_at"`
	Fields string `query:"fields" doc:"What to show of each lead beside its id: fields, status.<pipeline> and members of the object, separated by commas; everything when it is left out" example:"name,email,status.stage"`
	Count  string `query:"count" enum:"exact,estimate" doc:"Count all leads of the query. An estimate is exact up to 10000 and costs less"`
	api.Paging
}

// leadList is api.List with a count.
type leadList struct {
	Link string `header:"Link" doc:"The next page (RFC 8288), when there is one"`
	Body leadListBody
}

type leadListBody struct {
	Data       []leadItem `json:"data" nullable:"false" doc:"The leads of this page"`
	NextCursor *string    `json:"next_cursor" doc:"Send it as cursor to get the next page; null at the end"`
	Count      *int       `json:"count,omitempty" nullable:"false" doc:"How many leads the whole query has, when count was sent"`
	CountIs    string     `json:"count_is,omitempty" enum:"exact,at_least" doc:"What count is; at_least when an estimate stopped counting"`
}

// leadItem is a lead of a list.
type leadItem struct{ leadAnswer }

// AppendJSON writes the answer. It is what json.Marshal would write.
func (l leadListBody) AppendJSON(b []byte) ([]byte, error) {
	b = append(slices.Grow(b, 256+768*len(l.Data)), `{"data":[`...)
	for i := range l.Data {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = l.Data[i].AppendJSON(b); err != nil {
			return nil, err
		}
	}
	b = append(b, `],"next_cursor":`...)
	if l.NextCursor == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, '"')
		b = append(b, *l.NextCursor...) // letters, digits, - and _
		b = append(b, '"')
	}
	if l.Count != nil {
		b = strconv.AppendInt(append(b, `,"count":`...), int64(*l.Count), 10)
		b = append(b, `,"count_is":"`...)
		b = append(b, l.CountIs...)
		b = append(b, '"')
	}
	return append(b, '}'), nil
}

func (s *Service) apiList(ctx context.Context, in *listInput) (*leadList, error) {
	who, _ := account.From(ctx)
	p, err := s.List(ctx, who, Query{Entity: in.Entity, Filter: in.Filter, Search: in.Query, Sort: in.Sort, Fields: in.Fields, Count: in.Count, Limit: in.Limit, Cursor: in.Cursor, unread: true})
	if err != nil {
		return nil, err
	}
	bodies, err := leadBodies(ctx, s.db, who, p.Entity, p.Leads, p.Shown)
	if err != nil {
		return nil, err
	}
	out := &leadList{}
	out.Body.Data = make([]leadItem, len(bodies))
	for i := range bodies {
		out.Body.Data[i].leadAnswer = bodies[i]
	}
	if p.Count != nil {
		out.Body.Count, out.Body.CountIs = &p.Count.N, map[bool]string{true: "at_least", false: "exact"}[p.Count.AtLeast]
	}
	if p.Next != "" {
		out.Body.NextCursor = &p.Next
		q := url.Values{"entity": {in.Entity}, "limit": {strconv.Itoa(in.Limit)}, "cursor": {p.Next}}
		for name, value := range map[string]string{"filter": in.Filter, "q": in.Query, "sort": in.Sort, "fields": in.Fields} {
			if value != "" {
				q.Set(name, value)
			}
		}
		out.Link = "</api/leads?" + q.Encode() + `>; rel="next"`
	}
	return out, nil
}

// leadBody is what a leadAnswer writes when everything is shown.
type leadBody struct {
	ID          string                `json:"id" format:"uuid"`
	Entity      string                `json:"entity" doc:"Slug of the entity" example:"leads"`
	Source      string                `json:"source" doc:"Where the lead came from" example:"api"`
	CreatedAt   time.Time             `json:"created_at"`
	UpdatedAt   time.Time             `json:"updated_at"`
	Assignee    leadAssignee          `json:"assignee"`
	Viewers     []leadMember          `json:"viewers" nullable:"false" doc:"Members who were given sight of this lead"`
	Status      map[string]leadStatus `json:"status" doc:"The status in each pipeline, by the pipeline's slug"`
	Fields      leadFields            `json:"fields"`
	Unmapped    leadUnmapped          `json:"unmapped"`
	Environment string                `json:"environment" doc:"Slug of the environment" example:"production"`
}

// Schema implements huma.SchemaProvider.
func (leadAnswer) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[leadBody](), true, "")
}

// itemSchema is the name of the schema of a lead in a list.
const itemSchema = "LeadItem"

// Schema implements huma.SchemaProvider: the same object, of which fields may have
// picked some members.
func (leadItem) Schema(r huma.Registry) *huma.Schema {
	if r.Map()[itemSchema] == nil {
		r.Map()[itemSchema] = anyMembers(r.SchemaFromRef(r.Schema(reflect.TypeFor[leadBody](), true, "").Ref))
	}
	return &huma.Schema{Ref: "#/components/schemas/" + itemSchema}
}

// anyMembers is an object of which only the id has to be there.
func anyMembers(s *huma.Schema) *huma.Schema {
	some := *s
	some.Required = []string{"id"}
	some.PrecomputeMessages()
	return &some
}

type leadMember struct {
	ID    string `json:"id" format:"uuid"`
	Name  string `json:"name"`
	Email string `json:"email" format:"email"`
}

// leadAssignee is a member or null, which a pointer alone would not say in the document.
type leadAssignee struct{ *leadMember }

// MarshalJSON implements json.Marshaler.
func (a leadAssignee) MarshalJSON() ([]byte, error) { return json.Marshal(a.leadMember) }

// Schema implements huma.SchemaProvider.
func (leadAssignee) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{r.Schema(reflect.TypeFor[leadMember](), true, ""), {Type: "null"}},
		Description: "The member who works the lead; null when nobody does"}
}

type leadStatus struct {
	ID    string    `json:"id" format:"uuid"`
	Name  string    `json:"name" example:"New"`
	Since time.Time `json:"since" doc:"When the lead got this status"`
}

// leadFields is an object of every field of the entity.
type leadFields map[string]any

// Schema implements huma.SchemaProvider.
func (leadFields) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true,
		Description: "The value of every field of the entity by its key; null where there is none. Decimals keep all their digits.",
		Examples:    []any{map[string]any{"name": "Ada Lovelace", "email": "ada@example.com", "phone": nil}}}
}

// leadUnmapped is an object of what was sent under unknown names.
type leadUnmapped json.RawMessage

// MarshalJSON implements json.Marshaler.
func (u leadUnmapped) MarshalJSON() ([]byte, error) { return u, nil }

// Schema implements huma.SchemaProvider.
func (leadUnmapped) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "What was sent under names that the entity does not know, as it was sent."}
}
