package entity

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
)

var (
	tags         = []string{"Entities"}
	whenDeleting = []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusInsufficientStorage}
)

// RegisterAPI adds the operations on entities.
func RegisterAPI(a *api.API, s *Service) {
	api.Register(a, huma.Operation{
		OperationID: "list-entities", Method: http.MethodGet, Path: "/api/entities", Summary: "List entities", Tags: tags,
		Description: "Returns every kind of lead the account has, with fields and pipelines, the oldest first.",
	}, api.Needs("entities:read"), s.apiList)
	api.Register(a, huma.Operation{
		OperationID: "create-entity", Method: http.MethodPost, Path: "/api/entities", Summary: "Create an entity", Tags: tags, DefaultStatus: http.StatusCreated,
		Description: "Makes a kind of lead. Without `fields` and `pipelines` it gets the starter set: name, email, phone, company, message, and the pipeline Stage. An empty list means none.",
	}, api.Needs("entities:write"), s.apiCreate)
	api.Register(a, huma.Operation{
		OperationID: "get-entity", Method: http.MethodGet, Path: "/api/entities/{entity}", Summary: "Get an entity", Tags: tags,
		Description: "Returns one kind of lead with its fields and pipelines. `ETag` names its present state.",
	}, api.Needs("entities:read"), s.apiGet)
	api.Register(a, huma.Operation{
		OperationID: "change-entity", Method: http.MethodPatch, Path: "/api/entities/{entity}", Summary: "Change an entity", Tags: tags,
		Description: "Only what is sent changes. The slug can change until the first lead is there. Fields and pipelines have operations of their own; what was read may be sent back with them unchanged.",
	}, api.Needs("entities:write"), s.apiChange)
	api.Register(a, huma.Operation{
		OperationID: "delete-entity", Method: http.MethodDelete, Path: "/api/entities/{entity}", Summary: "Delete an entity", Tags: tags, Errors: whenDeleting,
		Description: "Removes a kind of lead with its definition. While there is any lead of it, in any environment or trash, it is refused with `entity_in_use`.",
	}, api.Needs("entities:delete"), s.apiDelete)
	s.registerFields(a)
	s.registerPipelines(a)
	s.registerStatuses(a)
	s.registerTasks(a)
}

// Path names the entity of an operation.
type Path struct {
	Entity string `path:"entity" doc:"Slug or id of the entity" example:"leads"`
}

// Guard is the header that guards a change.
type Guard struct {
	IfMatch string `header:"If-Match" doc:"ETag that you read; 412 when the entity has changed since"`
}

func (m Guard) match(version int64) error { return api.Match(m.IfMatch, version) }

func principal(ctx context.Context) account.Principal {
	who, _ := account.From(ctx)
	return who
}

// tagged is an answer with the state of the definition that it shows.
type tagged[T any] struct {
	ETag string `header:"ETag" doc:"Names the present state of the entity's definition"`
	Body T
}

// answer shows a part of a definition, with the state of the whole.
func answer[T any](e *Entity, body T) *tagged[T] {
	return &tagged[T]{api.ETag(e.Version), body}
}

// keep stores the answer of a change for Idempotency-Key.
func keep[R, T any](status int, show func(R) *tagged[T]) Then[R] {
	return func(ctx context.Context, tx *db.Tx, result R) error {
		out := show(result)
		return api.AnsweredTagged(ctx, tx, status, out.ETag, out.Body)
	}
}

func showEntity(e *Entity) *tagged[entityBody] { return answer(e, newEntityBody(e)) }

// shown is the answer of an operation whose service returned a result.
func shown[R, T any](result R, err error, show func(R) *tagged[T]) (*tagged[T], error) {
	if err != nil {
		return nil, err
	}
	return show(result), nil
}

// plainList is a list that is short and has no pages.
type plainList[T any] struct {
	Data []T `json:"data" nullable:"false" doc:"All of them, in order"`
}

type listOutput struct {
	Body struct {
		Data []entityBody `json:"data" nullable:"false" doc:"The entities, the oldest first"`
	}
}

func (s *Service) apiList(ctx context.Context, _ *struct{}) (*listOutput, error) {
	entities, err := s.List(ctx, principal(ctx))
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

func (s *Service) apiGet(ctx context.Context, in *Path) (*tagged[entityBody], error) {
	e, err := s.Get(ctx, principal(ctx), in.Entity)
	return shown(e, err, showEntity)
}

type createInput struct{ Body newEntity }

// newEntity is an entity that is made.
type newEntity struct {
	Name      string        `json:"name" doc:"What people call it" example:"Solar leads"`
	Slug      *string       `json:"slug,omitempty" doc:"What the API calls it; made from the name when it is not sent" example:"solar-leads"`
	Icon      string        `json:"icon,omitempty" doc:"Name of a Heroicons icon" example:"users"`
	Fields    []newField    `json:"fields,omitempty" doc:"In the order people see"`
	Pipelines []newPipeline `json:"pipelines,omitempty" doc:"In the order people see; a lead has one status in each"`
	Starter   *bool         `json:"starter,omitempty" doc:"The starter set, which is the default when fields and pipelines are not sent; false for an entity without anything"`
}

func (s *Service) apiCreate(ctx context.Context, in *createInput) (*tagged[entityBody], error) {
	b := in.Body
	described := NewEntity{Name: b.Name, Slug: b.Slug, Icon: b.Icon, Starter: b.Starter}
	if b.Fields != nil {
		described.Fields = make([]FieldInput, len(b.Fields))
		for i, f := range b.Fields {
			described.Fields[i] = f.input()
		}
	}
	if b.Pipelines != nil {
		described.Pipelines = make([]PipelineInput, len(b.Pipelines))
		for i, p := range b.Pipelines {
			described.Pipelines[i] = p.input()
		}
	}
	e, err := s.Create(ctx, principal(ctx), described, keep(http.StatusCreated, showEntity))
	return shown(e, err, showEntity)
}

type changeInput struct {
	Path
	Guard
	Body entityChange
}

// entityChange is what may change of an entity.
type entityChange struct {
	ID            *string         `json:"id,omitempty" doc:"May be sent back unchanged"`
	Name          *string         `json:"name,omitempty" doc:"What people call it"`
	Slug          *string         `json:"slug,omitempty" doc:"What the API calls it"`
	Icon          *string         `json:"icon,omitempty" doc:"Name of a Heroicons icon; empty for none"`
	FieldOrder    []string        `json:"field_order,omitempty" doc:"Keys or ids of all fields, in the order people are to see them"`
	PipelineOrder []string        `json:"pipeline_order,omitempty" doc:"Slugs or ids of all pipelines, in the order people are to see them"`
	Fields        []FieldInput    `json:"fields,omitempty" doc:"May be sent back unchanged"`
	Pipelines     []PipelineInput `json:"pipelines,omitempty" doc:"May be sent back unchanged"`
	CreatedAt     *time.Time      `json:"created_at,omitempty" doc:"May be sent back unchanged"`
	UpdatedAt     *time.Time      `json:"updated_at,omitempty" doc:"May be sent back unchanged"`
}

func (s *Service) apiChange(ctx context.Context, in *changeInput) (*tagged[entityBody], error) {
	b := in.Body
	e, err := s.Change(ctx, principal(ctx), in.Entity, Input{
		Name: b.Name, Slug: b.Slug, Icon: b.Icon, FieldOrder: b.FieldOrder, PipelineOrder: b.PipelineOrder,
		ID: b.ID, Fields: b.Fields, Pipelines: b.Pipelines, CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt,
	}, in.match, keep(http.StatusOK, showEntity))
	return shown(e, err, showEntity)
}

type deleteInput struct {
	Path
	Guard
}

func (s *Service) apiDelete(ctx context.Context, in *deleteInput) (*struct{}, error) {
	return nil, s.Delete(ctx, principal(ctx), in.Entity, in.match)
}

// entityDeletion tells of what was deleted what is left to do.
type entityDeletion struct {
	Task *entityTask `json:"task" doc:"The work on leads that goes on in the background; null when there is none. Watch it at /api/entities/{entity}/tasks/{task}"`
}

func showDeletion(d Deletion) *tagged[entityDeletion] {
	var b entityDeletion
	if d.Task != nil {
		b.Task = new(newEntityTask(d.Task))
	}
	return answer(d.Entity, b)
}

func (s *Service) registerTasks(a *api.API) {
	api.Register(a, huma.Operation{
		OperationID: "list-entity-tasks", Method: http.MethodGet, Path: "/api/entities/{entity}/tasks", Summary: "List the tasks of an entity", Tags: tags,
		Description: "Work on all leads of the entity that a change of its definition made necessary, the newest first, at most 100.",
	}, api.Needs("entities:read"), s.apiTasks)
	api.Register(a, huma.Operation{
		OperationID: "get-entity-task", Method: http.MethodGet, Path: "/api/entities/{entity}/tasks/{task}", Summary: "Get a task", Tags: tags,
		Description: "How far a task is: `done` of `total` leads.",
	}, api.Needs("entities:read"), s.apiTask)
}

func (s *Service) apiTasks(ctx context.Context, in *Path) (*struct{ Body plainList[entityTask] }, error) {
	tasks, err := s.Tasks(ctx, principal(ctx), in.Entity)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body plainList[entityTask] }{plainList[entityTask]{make([]entityTask, len(tasks))}}
	for i := range tasks {
		out.Body.Data[i] = newEntityTask(&tasks[i])
	}
	return out, nil
}

type taskInput struct {
	Path
	Task string `path:"task" doc:"Id of the task, a UUID"`
}

func (s *Service) apiTask(ctx context.Context, in *taskInput) (*struct{ Body entityTask }, error) {
	t, err := s.Task(ctx, principal(ctx), in.Entity, in.Task)
	if err != nil {
		return nil, err
	}
	return &struct{ Body entityTask }{newEntityTask(&t)}, nil
}
