package entity

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/platform/api"
)

func (s *Service) registerPipelines(a *api.API) {
	const list, one = "/api/entities/{entity}/pipelines", "/api/entities/{entity}/pipelines/{pipeline}"
	api.Register(a, huma.Operation{OperationID: "list-pipelines", Method: http.MethodGet, Path: list, Summary: "List the pipelines of an entity", Tags: tags,
		Description: "In the order people see, with their statuses."}, api.Needs("entities:read"), s.apiPipelines)
	api.Register(a, huma.Operation{
		OperationID: "create-pipeline", Method: http.MethodPost, Path: list, Summary: "Add a pipeline", Tags: tags, DefaultStatus: http.StatusCreated, Errors: []int{http.StatusPreconditionFailed},
		Description: "Adds a pipeline behind the others. When no status is marked as default, the first one is it. A task gives leads that are there the default status.",
	}, api.Needs("entities:write"), s.apiAddPipeline)
	api.Register(a, huma.Operation{OperationID: "reorder-pipelines", Method: http.MethodPost, Path: list + "/reorder", Summary: "Reorder the pipelines", Tags: tags, Errors: []int{http.StatusPreconditionFailed},
		Description: "Puts the pipelines into the order of the list, which has to name all of them."}, api.Needs("entities:write"), s.apiReorderPipelines)
	api.Register(a, huma.Operation{OperationID: "get-pipeline", Method: http.MethodGet, Path: one, Summary: "Get a pipeline", Tags: tags}, api.Needs("entities:read"), s.apiPipeline)
	api.Register(a, huma.Operation{OperationID: "change-pipeline", Method: http.MethodPatch, Path: one, Summary: "Change a pipeline", Tags: tags,
		Description: "Only what is sent changes. Statuses have operations of their own."}, api.Needs("entities:write"), s.apiChangePipeline)
	api.Register(a, huma.Operation{
		OperationID: "delete-pipeline", Method: http.MethodDelete, Path: one, Summary: "Delete a pipeline", Tags: tags, Errors: whenDeleting,
		Description: "Removes the pipeline at once. A task removes what leads have in it; that cannot be undone.",
	}, api.Needs("entities:delete"), s.apiDeletePipeline)
}

// newPipeline is a pipeline that is added.
type newPipeline struct {
	Name     string      `json:"name" doc:"What people call it" example:"Stage"`
	Statuses []newStatus `json:"statuses" doc:"In the order of the board, at least one"`
	PipelineInput
}

func (n newPipeline) input() PipelineInput {
	in := n.PipelineInput
	in.Name, in.Statuses = &n.Name, make([]StatusInput, len(n.Statuses))
	for i, s := range n.Statuses {
		in.Statuses[i] = s.input()
	}
	return in
}

// PipelinePath names the pipeline of an operation.
type PipelinePath struct {
	Path
	Pipeline string `path:"pipeline" doc:"Slug, name or id of the pipeline" example:"stage"`
}

func showPipeline(p Of[Pipeline]) *tagged[entityPipeline] {
	return answer(p.Entity, newEntityPipeline(p.It))
}

func showPipelines(e *Entity) *tagged[plainList[entityPipeline]] {
	return answer(e, plainList[entityPipeline]{newEntityBody(e).Pipelines})
}

func (s *Service) apiPipelines(ctx context.Context, in *Path) (*tagged[plainList[entityPipeline]], error) {
	e, err := s.Get(ctx, principal(ctx), in.Entity)
	return shown(e, err, showPipelines)
}

type addPipelineInput struct {
	Path
	Guard
	Body newPipeline
}

func (s *Service) apiAddPipeline(ctx context.Context, in *addPipelineInput) (*tagged[entityPipeline], error) {
	p, err := s.AddPipeline(ctx, principal(ctx), in.Entity, in.Body.input(), in.match, keep(http.StatusCreated, showPipeline))
	return shown(p, err, showPipeline)
}

func (s *Service) apiReorderPipelines(ctx context.Context, in *reorderInput) (*tagged[plainList[entityPipeline]], error) {
	e, err := s.ReorderPipelines(ctx, principal(ctx), in.Entity, in.Body.Order, in.match, keep(http.StatusOK, showPipelines))
	return shown(e, err, showPipelines)
}

func (s *Service) apiPipeline(ctx context.Context, in *PipelinePath) (*tagged[entityPipeline], error) {
	p, err := s.Pipeline(ctx, principal(ctx), in.Entity, in.Pipeline)
	return shown(p, err, showPipeline)
}

type changePipelineInput struct {
	PipelinePath
	Guard
	Body PipelineInput
}

func (s *Service) apiChangePipeline(ctx context.Context, in *changePipelineInput) (*tagged[entityPipeline], error) {
	p, err := s.ChangePipeline(ctx, principal(ctx), in.Entity, in.Pipeline, in.Body, in.match, keep(http.StatusOK, showPipeline))
	return shown(p, err, showPipeline)
}

type deletePipelineInput struct {
	PipelinePath
	Guard
}

func (s *Service) apiDeletePipeline(ctx context.Context, in *deletePipelineInput) (*tagged[entityDeletion], error) {
	d, err := s.DeletePipeline(ctx, principal(ctx), in.Entity, in.Pipeline, in.match)
	return shown(d, err, showDeletion)
}
