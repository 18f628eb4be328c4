package entity

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
)

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
	Type      Type           `json:"type" doc:"Never changes"`
	Required  bool           `json:"required" doc:"A lead cannot be without it"`
	Default   any            `json:"default" doc:"Used when a new lead does not mention the field; null for none"`
	Help      string         `json:"help" doc:"What people read beside the field"`
	Options   []entityOption `json:"options" nullable:"false" doc:"Choices of a select or multi-select"`
	Min       *Decimal       `json:"min" doc:"Smallest number; null for none"`
	Max       *Decimal       `json:"max" doc:"Greatest number; null for none"`
	Step      *Decimal       `json:"step" doc:"Numbers go up from min (or 0) in this step; null for any"`
	MaxLength *int           `json:"max_length" doc:"Most characters of a text; null for the limit of the type"`
	Country   string         `json:"country,omitempty" doc:"Country of phone numbers that come without a country code" example:"DE"`
	MaxSize   *int           `json:"max_size" doc:"Most bytes of a file; null for the limit of the type"`
	Types     []string       `json:"types" nullable:"false" doc:"Media types a file may have; empty for any"`
	Encrypted bool           `json:"encrypted"`
	Indexed   bool           `json:"indexed" doc:"Lists can be sorted and filtered by it quickly"`
	MatchKey  *int           `json:"match_key" doc:"Its priority in finding duplicates; null when it has none"`
	Position  int            `json:"position" doc:"Place among the fields, from 0"`
	DeletedAt *time.Time     `json:"deleted_at,omitempty" doc:"Of a deleted field: since when"`
	Purging   bool           `json:"purging,omitempty" doc:"Of a deleted field: its values are being removed for good"`
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
	Color    Color  `json:"color" doc:"One of the palette"`
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
	for i := range e.Pipelines {
		b.Pipelines[i] = newEntityPipeline(&e.Pipelines[i])
	}
	return b
}

func newEntityPipeline(p *Pipeline) entityPipeline {
	b := entityPipeline{ID: p.ID.String(), Name: p.Name, Slug: p.Slug, Position: p.Position, Statuses: make([]entityStatus, len(p.Statuses))}
	for i := range p.Statuses {
		b.Statuses[i] = newEntityStatus(&p.Statuses[i])
	}
	return b
}

func newEntityStatus(s *Status) entityStatus {
	return entityStatus{s.ID.String(), s.Name, s.Color, s.Default, s.Position}
}

func newEntityField(f *Field) entityField {
	b := entityField{
		ID: f.ID.String(), Key: f.Key, Aliases: append([]string{}, f.Aliases...), Label: f.Label, Type: f.Type, Required: f.Required, Default: f.Wire(f.Default),
		Help: f.Help, Options: make([]entityOption, len(f.Options)), Min: f.Min, Max: f.Max, Step: f.Step, Country: f.Country, Encrypted: f.Encrypted,
		Indexed: f.Indexed, MatchKey: f.MatchKey, Position: f.Position, Types: append([]string{}, f.Types...),
	}
	for i, o := range f.Options {
		b.Options[i] = entityOption(o)
	}
	if f.MaxLength > 0 {
		b.MaxLength = &f.MaxLength
	}
	if f.MaxSize > 0 {
		b.MaxSize = &f.MaxSize
	}
	return b
}

// Schema implements huma.SchemaProvider: a decimal is a JSON number.
func (Decimal) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Nullable: true}
}

// Schema implements huma.SchemaProvider: one of the types there are.
func (Type) Schema(huma.Registry) *huma.Schema { return oneOf(Types()) }

// Schema implements huma.SchemaProvider: one of the palette.
func (Color) Schema(huma.Registry) *huma.Schema { return oneOf(Colors()) }

func oneOf[T ~string](words []T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, word := range words {
		s.Enum = append(s.Enum, string(word))
	}
	return s
}

// Schema implements huma.SchemaProvider: any JSON value.
func (SentValue) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// Schema implements huma.SchemaProvider: a number or null.
func (SentNumber) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Nullable: true}
}

// Schema implements huma.SchemaProvider: a whole number or null.
func (SentInt) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Nullable: true}
}

type entityTask struct {
	ID        string            `json:"id" format:"uuid"`
	Kind      TaskKind          `json:"kind" enum:"rebuild,purge,move" doc:"rebuild: index, search texts, encryption or missing statuses; purge: values or statuses of what was deleted; move: leads of a deleted status"`
	Object    *entityTaskObject `json:"object" doc:"The field, pipeline or status it is about; null when it is about all"`
	Target    *entityTaskObject `json:"target" doc:"Of a move: the status that takes the leads"`
	State     TaskState         `json:"state" enum:"waiting,running,done,failed"`
	Done      int64             `json:"done" doc:"Leads that are done"`
	Total     int64             `json:"total" doc:"Leads there are; 0 until it is known"`
	Problem   string            `json:"problem" doc:"What holds it up; empty when nothing does"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
}

type entityTaskObject struct {
	ID   string `json:"id" format:"uuid"`
	Name string `json:"name" doc:"Empty when it is gone for good"`
}

func newEntityTask(t *Task) entityTask {
	b := entityTask{ID: t.ID.String(), Kind: t.Kind, State: t.State, Done: t.Done, Total: t.Total, Problem: t.Problem, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt}
	if !t.ObjectID.IsNil() {
		b.Object = &entityTaskObject{t.ObjectID.String(), t.Object}
	}
	if !t.TargetID.IsNil() {
		b.Target = &entityTaskObject{t.TargetID.String(), t.To}
	}
	return b
}
