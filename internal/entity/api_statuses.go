package entity

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/platform/api"
)

func (s *Service) registerStatuses(a *api.API) {
	const list, one = "/api/entities/{entity}/pipelines/{pipeline}/statuses", "/api/entities/{entity}/pipelines/{pipeline}/statuses/{status}"
	api.Register(a, huma.Operation{OperationID: "list-statuses", Method: http.MethodGet, Path: list, Summary: "List the statuses of a pipeline", Tags: tags,
		Description: "In the order of the board."}, api.Needs("entities:read"), s.apiStatuses)
	api.Register(a, huma.Operation{OperationID: "create-status", Method: http.MethodPost, Path: list, Summary: "Add a status", Tags: tags, DefaultStatus: http.StatusCreated, Errors: []int{http.StatusPreconditionFailed},
		Description: "Adds a status behind the others."}, api.Needs("entities:write"), s.apiAddStatus)
	api.Register(a, huma.Operation{OperationID: "reorder-statuses", Method: http.MethodPost, Path: list + "/reorder", Summary: "Reorder the statuses", Tags: tags, Errors: []int{http.StatusPreconditionFailed},
		Description: "Puts the statuses into the order of the list, which has to name all of them."}, api.Needs("entities:write"), s.apiReorderStatuses)
	api.Register(a, huma.Operation{OperationID: "get-status", Method: http.MethodGet, Path: one, Summary: "Get a status", Tags: tags}, api.Needs("entities:read"), s.apiStatus)
	api.Register(a, huma.Operation{OperationID: "change-status", Method: http.MethodPatch, Path: one, Summary: "Change a status", Tags: tags,
		Description: "Only what is sent changes. With `default: true` the status becomes the default, and the one before is it no more."}, api.Needs("entities:write"), s.apiChangeStatus)
	api.Register(a, huma.Operation{
		OperationID: "delete-status", Method: http.MethodDelete, Path: one, Summary: "Delete a status", Tags: tags, Errors: whenDeleting,
		Description: "Removes a status that is not the default. When leads are in it, `move_to` says where they go: they count as being there at once, and a task moves them.",
	}, api.Needs("entities:delete"), s.apiDeleteStatus)
}

// newStatus is a status that is added.
type newStatus struct {
	Name string `json:"name" doc:"What people call it" example:"New"`
	StatusInput
}

func (n newStatus) input() StatusInput {
	in := n.StatusInput
	in.Name = &n.Name
	return in
}

// StatusPath names the status of an operation.
type StatusPath struct {
	PipelinePath
	Status string `path:"status" doc:"Name or id of the status" example:"New"`
}

func showStatus(s Of[Status]) *tagged[entityStatus] { return answer(s.Entity, newEntityStatus(s.It)) }

func showStatuses(p Of[Pipeline]) *tagged[plainList[entityStatus]] {
	return answer(p.Entity, plainList[entityStatus]{newEntityPipeline(p.It).Statuses})
}

func (s *Service) apiStatuses(ctx context.Context, in *PipelinePath) (*tagged[plainList[entityStatus]], error) {
	p, err := s.Pipeline(ctx, principal(ctx), in.Entity, in.Pipeline)
	return shown(p, err, showStatuses)
}

type addStatusInput struct {
	PipelinePath
	Guard
	Body newStatus
}

func (s *Service) apiAddStatus(ctx context.Context, in *addStatusInput) (*tagged[entityStatus], error) {
	st, err := s.AddStatus(ctx, principal(ctx), in.Entity, in.Pipeline, in.Body.input(), in.match, keep(http.StatusCreated, showStatus))
	return shown(st, err, showStatus)
}

type reorderStatusesInput struct {
	PipelinePath
	Guard
	Body newOrder
}

func (s *Service) apiReorderStatuses(ctx context.Context, in *reorderStatusesInput) (*tagged[plainList[entityStatus]], error) {
	p, err := s.ReorderStatuses(ctx, principal(ctx), in.Entity, in.Pipeline, in.Body.Order, in.match, keep(http.StatusOK, showStatuses))
	return shown(p, err, showStatuses)
}

func (s *Service) apiStatus(ctx context.Context, in *StatusPath) (*tagged[entityStatus], error) {
	st, err := s.Status(ctx, principal(ctx), in.Entity, in.Pipeline, in.Status)
	return shown(st, err, showStatus)
}

type changeStatusInput struct {
	StatusPath
	Guard
	Body StatusInput
}

func (s *Service) apiChangeStatus(ctx context.Context, in *changeStatusInput) (*tagged[entityStatus], error) {
	st, err := s.ChangeStatus(ctx, principal(ctx), in.Entity, in.Pipeline, in.Status, in.Body, in.match, keep(http.StatusOK, showStatus))
	return shown(st, err, showStatus)
}

type deleteStatusInput struct {
	StatusPath
	Guard
	MoveTo string `query:"move_to" doc:"Name or id of the status that takes the leads; needed when there are any"`
}

func (s *Service) apiDeleteStatus(ctx context.Context, in *deleteStatusInput) (*tagged[entityDeletion], error) {
	d, err := s.DeleteStatus(ctx, principal(ctx), in.Entity, in.Pipeline, in.Status, in.MoveTo, in.match)
	return shown(d, err, showDeletion)
}
