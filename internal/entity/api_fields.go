package entity

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/platform/api"
)

func (s *Service) registerFields(a *api.API) {
	const list, one = "/api/entities/{entity}/fields", "/api/entities/{entity}/fields/{field}"
	api.Register(a, huma.Operation{
		OperationID: "list-fields", Method: http.MethodGet, Path: list, Summary: "List the fields of an entity", Tags: tags,
		Description: "In the order people see. With `deleted=true`: the deleted ones instead, whose values are kept until they are purged.",
	}, api.Needs("entities:read"), s.apiFields)
	api.Register(a, huma.Operation{
		OperationID: "create-field", Method: http.MethodPost, Path: list, Summary: "Add a field", Tags: tags, DefaultStatus: http.StatusCreated, Errors: []int{http.StatusPreconditionFailed},
		Description: "Adds a field behind the others.",
	}, api.Needs("entities:write"), s.apiAddField)
	api.Register(a, huma.Operation{
		OperationID: "reorder-fields", Method: http.MethodPost, Path: list + "/reorder", Summary: "Reorder the fields", Tags: tags, Errors: []int{http.StatusPreconditionFailed},
		Description: "Puts the fields into the order of the list, which has to name all of them.",
	}, api.Needs("entities:write"), s.apiReorderFields)
	api.Register(a, huma.Operation{OperationID: "get-field", Method: http.MethodGet, Path: one, Summary: "Get a field", Tags: tags}, api.Needs("entities:read"), s.apiField)
	api.Register(a, huma.Operation{
		OperationID: "change-field", Method: http.MethodPatch, Path: one, Summary: "Change a field", Tags: tags,
		Description: "Only what is sent changes. A former key goes on working. Switching `encrypted`, `indexed` or `match_key` on or off starts a task over the leads that are there.",
	}, api.Needs("entities:write"), s.apiChangeField)
	api.Register(a, huma.Operation{
		OperationID: "delete-field", Method: http.MethodDelete, Path: one, Summary: "Delete a field", Tags: tags, Errors: whenDeleting,
		Description: "Hides the field and frees its key. The values of leads are kept, and come back when it is restored. With `purge=true` they are removed for good; that works for a field that is deleted already too.",
	}, api.Needs("entities:delete"), s.apiDeleteField)
	api.Register(a, huma.Operation{
		OperationID: "restore-field", Method: http.MethodPost, Path: one + "/restore", Summary: "Restore a deleted field", Tags: tags, Errors: []int{http.StatusPreconditionFailed},
		Description: "Brings back a deleted field, by its id or the key it had, with the values that leads had.",
	}, api.Needs("entities:write"), s.apiRestoreField)
}

// newField is a field that is added.
type newField struct {
	Label string `json:"label" doc:"What people call the field" example:"Budget"`
	Type  Type   `json:"type" doc:"Never changes afterwards"`
	FieldInput
}

func (n newField) input() FieldInput {
	in := n.FieldInput
	in.Label, in.Type = &n.Label, &n.Type
	return in
}

// FieldPath names the field of an operation.
type FieldPath struct {
	Path
	Field string `path:"field" doc:"Key, former key or id of the field" example:"email"`
}

func showField(f Of[Field]) *tagged[entityField] { return answer(f.Entity, newEntityField(f.It)) }

func showFields(e *Entity) *tagged[plainList[entityField]] {
	list := plainList[entityField]{make([]entityField, len(e.Fields))}
	for i := range e.Fields {
		list.Data[i] = newEntityField(&e.Fields[i])
	}
	return answer(e, list)
}

type fieldsInput struct {
	Path
	Deleted bool `query:"deleted" doc:"The deleted fields instead of the living ones"`
}

func (s *Service) apiFields(ctx context.Context, in *fieldsInput) (*tagged[plainList[entityField]], error) {
	if !in.Deleted {
		e, err := s.Get(ctx, principal(ctx), in.Entity)
		return shown(e, err, showFields)
	}
	e, deleted, err := s.DeletedFields(ctx, principal(ctx), in.Entity)
	if err != nil {
		return nil, err
	}
	list := plainList[entityField]{make([]entityField, len(deleted))}
	for i := range deleted {
		list.Data[i] = newEntityField(&deleted[i].Field)
		list.Data[i].DeletedAt, list.Data[i].Purging = &deleted[i].At, deleted[i].Purging
	}
	return answer(e, list), nil
}

type addFieldInput struct {
	Path
	Guard
	Body newField
}

func (s *Service) apiAddField(ctx context.Context, in *addFieldInput) (*tagged[entityField], error) {
	f, err := s.AddField(ctx, principal(ctx), in.Entity, in.Body.input(), in.match, keep(http.StatusCreated, showField))
	return shown(f, err, showField)
}

// newOrder is a new order.
type newOrder struct {
	Order []string `json:"order" doc:"All of them by name or id, in the new order"`
}

type reorderInput struct {
	Path
	Guard
	Body newOrder
}

func (s *Service) apiReorderFields(ctx context.Context, in *reorderInput) (*tagged[plainList[entityField]], error) {
	e, err := s.ReorderFields(ctx, principal(ctx), in.Entity, in.Body.Order, in.match, keep(http.StatusOK, showFields))
	return shown(e, err, showFields)
}

func (s *Service) apiField(ctx context.Context, in *FieldPath) (*tagged[entityField], error) {
	f, err := s.Field(ctx, principal(ctx), in.Entity, in.Field)
	return shown(f, err, showField)
}

type changeFieldInput struct {
	FieldPath
	Guard
	Body FieldInput
}

func (s *Service) apiChangeField(ctx context.Context, in *changeFieldInput) (*tagged[entityField], error) {
	f, err := s.ChangeField(ctx, principal(ctx), in.Entity, in.Field, in.Body, in.match, keep(http.StatusOK, showField))
	return shown(f, err, showField)
}

type deleteFieldInput struct {
	FieldPath
	Guard
	Purge bool `query:"purge" doc:"Remove the values of leads for good"`
}

func (s *Service) apiDeleteField(ctx context.Context, in *deleteFieldInput) (*tagged[entityDeletion], error) {
	d, err := s.DeleteField(ctx, principal(ctx), in.Entity, in.Field, in.Purge, in.match)
	return shown(d, err, showDeletion)
}

type restoreFieldInput struct {
	FieldPath
	Guard
}

func (s *Service) apiRestoreField(ctx context.Context, in *restoreFieldInput) (*tagged[entityField], error) {
	f, err := s.RestoreField(ctx, principal(ctx), in.Entity, in.Field, in.match, keep(http.StatusOK, showField))
	return shown(f, err, showField)
}
