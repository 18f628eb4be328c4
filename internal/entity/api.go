package entity

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
)

// RegisterAPI adds the operations on entities.
func RegisterAPI(a *api.API, s *Service) {
	api.Register(a, huma.Operation{
		OperationID: "list-entities", Method: http.MethodGet, Path: "/api/entities", Summary: "List entities", Tags: []string{"Entities"},
		Description: "Returns every kind of lead the account has, with fields and pipelines, the oldest first.",
	}, api.Needs("entities:read"), s.apiList)

	api.Register(a, huma.Operation{
		OperationID: "get-entity", Method: http.MethodGet, Path: "/api/entities/{entity}", Summary: "Get an entity", Tags: []string{"Entities"},
		Description: "Returns one kind of lead with its fields and pipelines. `ETag` names its present state.",
	}, api.Needs("entities:read"), s.apiGet)
}

type listOutput struct {
	Body struct {
		Data []entityBody `json:"data" nullable:"false" doc:"The entities, the oldest first"`
	}
}

func (s *Service) apiList(ctx context.Context, _ *struct{}) (*listOutput, error) {
	who, _ := account.From(ctx)
	entities, err := s.List(ctx, who)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Data = make([]entityBody, len(entities))
	for i, e := range entities {
		out.Body.Data[i] = newEntityBody(e)
	}
	return out, nil
}

type getInput struct {
	Entity string `path:"entity" doc:"Slug or id of the entity" example:"leads"`
}

type getOutput struct {
	ETag string `header:"ETag" doc:"Names the present state of the definition"`
	Body entityBody
}

func (s *Service) apiGet(ctx context.Context, in *getInput) (*getOutput, error) {
	who, _ := account.From(ctx)
	e, err := s.Get(ctx, who, in.Entity)
	if err != nil {
		return nil, err
	}
	return &getOutput{ETag: api.ETag(e.Version), Body: newEntityBody(e)}, nil
}

type entityBody struct {
	ID        string           `json:"id" format:"uuid"`
	Name      string           `json:"name" doc:"What people call it" example:"Leads"`
	Slug      string           `json:"slug" doc:"What the API calls it" example:"leads"`
	Icon      string           `json:"icon" doc:"Name of a Heroicons icon; may be empty" example:"users"`
	Fields    []entityField    `json:"fields" nullable:"false" doc:"In the order people see"`
	Pipelines []entityPipeline `json:"pipelines" nullable:"false" doc:"In the order people see; a lead has one status in each"`
	CreatedAt time.Time        `json:"created_at"`
	UpdatedAt time.Time        `json:"updated_at"`
}

type entityField struct {
	ID        string         `json:"id" format:"uuid" doc:"Never changes, whatever the field is called"`
	Key       string         `json:"key" doc:"What the API calls the field; unique in the entity" example:"email"`
	Aliases   []string       `json:"aliases" nullable:"false" doc:"Keys the field had before, which intake still takes"`
	Label     string         `json:"label" doc:"What people call the field" example:"Email"`
	Type      Type           `json:"type" enum:"text,textarea,number,email,phone,date,datetime,select,multi-select,checkbox,url,file,address"`
	Required  bool           `json:"required" doc:"A lead cannot be without it"`
	Default   any            `json:"default" doc:"Used when a new lead does not mention the field; null for none"`
	Help      string         `json:"help" doc:"What people read beside the field"`
	Options   []entityOption `json:"options" nullable:"false" doc:"Choices of a select or multi-select"`
	Min       *Decimal       `json:"min" doc:"Smallest number; null for none"`
	Max       *Decimal       `json:"max" doc:"Greatest number; null for none"`
	Step      *Decimal       `json:"step" doc:"Numbers go up from min (or 0) in this step; null for any"`
	MaxLength *int           `json:"max_length" doc:"Most characters of a text; null for the limit of the type"`
	Country   string         `json:"country,omitempty" doc:"Country of phone numbers that come without a country code" example:"DE"`
	Encrypted bool           `json:"encrypted"`
	Indexed   bool           `json:"indexed" doc:"Lists can be sorted and filtered by it quickly"`
	MatchKey  *int           `json:"match_key" doc:"Its priority in finding duplicates; null when it has none"`
	Position  int            `json:"position" doc:"Place among the fields, from 0"`
}

type entityOption struct {
	Key     string `json:"key" doc:"What is stored" example:"solar"`
	Label   string `json:"label" doc:"What people read" example:"Solar panels"`
	Retired bool   `json:"retired" doc:"Can no longer be chosen"`
}

type entityPipeline struct {
	ID       string         `json:"id" format:"uuid"`
	Name     string         `json:"name" example:"Stage"`
	Slug     string         `json:"slug" example:"stage"`
	Position int            `json:"position" doc:"Place among the pipelines, from 0"`
	Statuses []entityStatus `json:"statuses" nullable:"false" doc:"In the order of the board"`
}

type entityStatus struct {
	ID       string `json:"id" format:"uuid"`
	Name     string `json:"name" example:"New"`
	Color    Color  `json:"color" enum:"gray,blue,teal,green,amber,red,violet"`
	Default  bool   `json:"default" doc:"What a new lead gets; exactly one of a pipeline"`
	Position int    `json:"position" doc:"Place in the pipeline, from 0"`
}

func newEntityBody(e *Entity) entityBody {
	b := entityBody{
		ID: e.ID.String(), Name: e.Name, Slug: e.Slug, Icon: e.Icon, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
		Fields: make([]entityField, len(e.Fields)), Pipelines: make([]entityPipeline, len(e.Pipelines)),
	}
	for i := range e.Fields {
		b.Fields[i] = newEntityField(&e.Fields[i])
	}
	for i, p := range e.Pipelines {
		pb := entityPipeline{ID: p.ID.String(), Name: p.Name, Slug: p.Slug, Position: p.Position, Statuses: make([]entityStatus, len(p.Statuses))}
		for j, s := range p.Statuses {
			pb.Statuses[j] = entityStatus{s.ID.String(), s.Name, s.Color, s.Default, s.Position}
		}
		b.Pipelines[i] = pb
	}
	return b
}

func newEntityField(f *Field) entityField {
	b := entityField{
		ID: f.ID.String(), Key: f.Key, Aliases: append([]string{}, f.Aliases...), Label: f.Label, Type: f.Type, Required: f.Required, Default: f.Wire(f.Default),
		Help: f.Help, Options: make([]entityOption, len(f.Options)), Min: f.Min, Max: f.Max, Step: f.Step, Country: f.Country, Encrypted: f.Encrypted,
		Indexed: f.Indexed, MatchKey: f.MatchKey, Position: f.Position,
	}
	for i, o := range f.Options {
		b.Options[i] = entityOption(o)
	}
	if f.MaxLength > 0 {
		b.MaxLength = &f.MaxLength
	}
	return b
}

// Schema implements huma.SchemaProvider: a decimal is a JSON number.
func (Decimal) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Nullable: true}
}
