package lead

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// RegisterAPI adds the operations on leads.
func RegisterAPI(a *api.API, s *Service) {
	intake := intakeOperation()
	api.Register(a, intake, api.Needs("leads:write", api.Bodies(mediaJSON, mediaForm, mediaMultipart)), s.apiIntake)
	// Registering adds a description of the raw body, which says nothing to a reader.
	delete(intake.RequestBody.Content, "application/octet-stream")

	api.Register(a, huma.Operation{
		OperationID: "get-lead", Method: http.MethodGet, Path: "/api/leads/{id}", Summary: "Get a lead", Tags: []string{"Leads"},
		Description: "Returns one lead. `ETag` names its present state, for a later change with `If-Match`.",
	}, api.Needs("leads:read"), s.apiGet)

	api.Register(a, huma.Operation{
		OperationID: "list-leads", Method: http.MethodGet, Path: "/api/leads", Summary: "List leads", Tags: []string{"Leads"},
		Description: "Returns the leads of one entity, newest first. Pass `next_cursor` on as `cursor` to get the next page; it is `null` on the last one.",
	}, api.Needs("leads:read"), s.apiList)

	registerChanges(a, s)
	registerBulk(a, s)
}

type intakeInput struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Strict      bool   `query:"strict" doc:"Refuse names that the entity does not know, instead of keeping them under unmapped"`
	DryRun      bool   `query:"dry_run" doc:"Check everything and answer what would happen, but store nothing"`
	RawBody     []byte
}

type intakeOutput struct{ Body intakeAnswer }

type intakeAnswer struct {
	Status    string     `json:"status" enum:"success" doc:"Always success; what goes wrong is a problem document"`
	LeadID    string     `json:"lead_id,omitempty" format:"uuid" doc:"The lead that was stored or found; absent in a dry run that would create one"`
	CreatedAt *time.Time `json:"created_at,omitempty" doc:"When that lead was created"`
	Action    Action     `json:"action" enum:"created,updated,skipped" doc:"What became of the lead"`
	Duplicate string     `json:"duplicate_of,omitempty" format:"uuid" doc:"The lead with the same match key; absent when there is none"`
	DryRun    bool       `json:"dry_run,omitempty" doc:"true when nothing was stored because of ?dry_run=true"`
	Warnings  []Warning  `json:"warnings,omitempty" doc:"What was kept but could not be used"`
}

func newIntakeAnswer(r Result) intakeAnswer {
	b := intakeAnswer{Status: "success", Action: r.Action, DryRun: r.DryRun, Warnings: r.Warnings}
	if !r.LeadID.IsNil() {
		b.LeadID, b.CreatedAt = r.LeadID.String(), &r.CreatedAt
	}
	if !r.DuplicateOf.IsNil() {
		b.Duplicate = r.DuplicateOf.String()
	}
	return b
}

func (s *Service) apiIntake(ctx context.Context, in *intakeInput) (*intakeOutput, error) {
	items, err := ParseBody(in.ContentType, in.RawBody)
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	r, err := s.Intake(ctx, who, Intake{Items: items, Strict: in.Strict, DryRun: in.DryRun}, func(ctx context.Context, tx *db.Tx, r Result) error {
		return api.Answered(ctx, tx, http.StatusOK, newIntakeAnswer(r))
	})
	if err != nil {
		return nil, err
	}
	return &intakeOutput{newIntakeAnswer(r)}, nil
}

type getInput struct {
	ID string `path:"id" doc:"The lead's id, a UUID"`
}

type getOutput struct {
	ETag string `header:"ETag" doc:"Names the present state of the lead"`
	Body leadBody
}

func (s *Service) apiGet(ctx context.Context, in *getInput) (*getOutput, error) {
	leadID, err := api.PathID(in.ID, "lead")
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	f, err := s.Get(ctx, who, leadID)
	return s.output(ctx, who, f, err)
}

type listInput struct {
	Entity string `query:"entity" required:"true" doc:"Slug or id of the entity" example:"leads"`
	api.Paging
}

func (s *Service) apiList(ctx context.Context, in *listInput) (*api.List[leadBody], error) {
	who, _ := account.From(ctx)
	p, err := s.List(ctx, who, Query{Entity: in.Entity, Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return nil, err
	}
	out := &api.List[leadBody]{}
	out.Body.Data = make([]leadBody, len(p.Leads))
	for i := range p.Leads {
		out.Body.Data[i] = newLeadBody(who, &p.Leads[i], p.Entity)
	}
	if p.Next != "" {
		out.Body.NextCursor = &p.Next
		q := url.Values{"entity": {in.Entity}, "limit": {strconv.Itoa(in.Limit)}, "cursor": {p.Next}}
		out.Link = "</api/leads?" + q.Encode() + `>; rel="next"`
	}
	return out, nil
}

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

// fullBody is a lead as answers show it, with the names of its people.
func fullBody(ctx context.Context, q db.Handle, who account.Principal, f Full) (leadBody, error) {
	ids := append([]id.ID{}, f.Lead.Viewers...)
	if !f.Lead.AssigneeID.IsNil() {
		ids = append(ids, f.Lead.AssigneeID)
	}
	people, err := account.People(ctx, q, who.Account.ID, ids)
	b := newLeadBody(who, &f.Lead, f.Entity)
	if p, ok := people[f.Lead.AssigneeID]; ok {
		b.Assignee.leadMember = &leadMember{p.ID.String(), p.Name, p.Email}
	}
	for _, v := range f.Lead.Viewers {
		if p, ok := people[v]; ok {
			b.Viewers = append(b.Viewers, leadMember{p.ID.String(), p.Name, p.Email})
		}
	}
	return b, err
}

func newLeadBody(who account.Principal, l *Lead, e *entity.Entity) leadBody {
	b := leadBody{
		ID: l.ID.String(), Entity: e.Slug, Source: l.Source, CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt, Viewers: []leadMember{},
		Status: map[string]leadStatus{}, Unmapped: leadUnmapped(l.Unmapped), Environment: who.Environment.Slug,
	}
	for i := range e.Pipelines {
		p := &e.Pipelines[i]
		if since, ok := l.Status(p.ID); ok {
			if s := p.StatusByID(since.StatusID); s != nil {
				b.Status[p.Slug] = leadStatus{s.ID.String(), s.Name, since.Since}
			}
		}
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		b.Fields = append(b.Fields, leadField{f.Key, f.Wire(l.Values[f.ID])})
	}
	return b
}

// leadFields is an object in the order of the entity's fields.
type leadFields []leadField

type leadField struct {
	key   string
	value any
}

// MarshalJSON implements json.Marshaler.
func (f leadFields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, one := range f {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(one.value)
		if err != nil {
			return nil, err
		}
		b.Write(quote(one.key))
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

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
