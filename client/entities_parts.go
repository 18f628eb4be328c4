package client

import (
	"context"
	"net/http"
	"net/url"
)

// send carries out a call that answers with a T.
func send[T any](ctx context.Context, c *Client, method, where string, body any) (*T, error) {
	var out T
	if _, err := c.do(ctx, call{method: method, path: where, body: body}, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// AddField adds a field to an entity.
func (e Entities) AddField(ctx context.Context, entity string, f Field) (*Field, error) {
	return send[Field](ctx, e.c, http.MethodPost, path("entities", entity, "fields"), f)
}

// PatchField changes what ch names of a field, by key or id.
func (e Entities) PatchField(ctx context.Context, entity, field string, ch Change) (*Field, error) {
	return send[Field](ctx, e.c, http.MethodPatch, path("entities", entity, "fields", field), ch)
}

// DeleteField deletes a field. Its values are kept until they are purged.
func (e Entities) DeleteField(ctx context.Context, entity, field string) error {
	return e.delete(ctx, path("entities", entity, "fields", field), nil)
}

// AddPipeline adds a pipeline with its statuses to an entity.
func (e Entities) AddPipeline(ctx context.Context, entity string, p Pipeline) (*Pipeline, error) {
	return send[Pipeline](ctx, e.c, http.MethodPost, path("entities", entity, "pipelines"), p)
}

// PatchPipeline changes what ch names of a pipeline, by slug or id.
func (e Entities) PatchPipeline(ctx context.Context, entity, pipeline string, ch Change) (*Pipeline, error) {
	return send[Pipeline](ctx, e.c, http.MethodPatch, path("entities", entity, "pipelines", pipeline), ch)
}

// DeletePipeline deletes a pipeline.
func (e Entities) DeletePipeline(ctx context.Context, entity, pipeline string) error {
	return e.delete(ctx, path("entities", entity, "pipelines", pipeline), nil)
}

// AddStatus adds a status to a pipeline.
func (e Entities) AddStatus(ctx context.Context, entity, pipeline string, s Status) (*Status, error) {
	return send[Status](ctx, e.c, http.MethodPost, path("entities", entity, "pipelines", pipeline, "statuses"), s)
}

// PatchStatus changes what ch names of a status.
func (e Entities) PatchStatus(ctx context.Context, entity, pipeline, status string, ch Change) (*Status, error) {
	return send[Status](ctx, e.c, http.MethodPatch, path("entities", entity, "pipelines", pipeline, "statuses", status), ch)
}

// DeleteStatus deletes a status; its leads get the status moveTo.
func (e Entities) DeleteStatus(ctx context.Context, entity, pipeline, status, moveTo string) error {
	v := url.Values{}
	set(v, "move_to", moveTo)
	return e.delete(ctx, path("entities", entity, "pipelines", pipeline, "statuses", status), v)
}
