package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// send carries out a call that answers with a T.
func send[T any](ctx context.Context, c *Client, method, where string, body any) (*T, error) {
	var out T
	if _, err := c.do(ctx, call{method: method, path: where, body: body}, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// listed reads a list that is short and has no pages.
func listed[T any](ctx context.Context, c *Client, where string, query url.Values) ([]T, error) {
	var out struct {
		Data []T `json:"data"`
	}
	_, err := c.do(ctx, call{method: http.MethodGet, path: where, query: query}, &out)
	return out.Data, err
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

// PurgeField deletes a field, if that was not done, and its values for good.
func (e Entities) PurgeField(ctx context.Context, entity, field string) error {
	return e.delete(ctx, path("entities", entity, "fields", field), url.Values{"purge": {"true"}})
}

// DeletedFields returns the fields that were deleted, whose values are kept.
func (e Entities) DeletedFields(ctx context.Context, entity string) ([]Field, error) {
	return listed[Field](ctx, e.c, path("entities", entity, "fields"), url.Values{"deleted": {"true"}})
}

// RestoreField brings back a deleted field with its values.
func (e Entities) RestoreField(ctx context.Context, entity, field string) (*Field, error) {
	return send[Field](ctx, e.c, http.MethodPost, path("entities", entity, "fields", field, "restore"), nil)
}

// ReorderFields puts the fields into this order, by key or id; it names all of them.
func (e Entities) ReorderFields(ctx context.Context, entity string, order []string) error {
	return e.reorder(ctx, order, "entities", entity, "fields", "reorder")
}

func (e Entities) reorder(ctx context.Context, order []string, where ...string) error {
	_, err := e.c.do(ctx, call{method: http.MethodPost, path: path(where...), body: map[string][]string{"order": order}}, nil)
	return err
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

// ReorderPipelines puts the pipelines into this order, by slug or id; it names all of
// them.
func (e Entities) ReorderPipelines(ctx context.Context, entity string, order []string) error {
	return e.reorder(ctx, order, "entities", entity, "pipelines", "reorder")
}

// AddStatus adds a status to a pipeline.
func (e Entities) AddStatus(ctx context.Context, entity, pipeline string, s Status) (*Status, error) {
	return send[Status](ctx, e.c, http.MethodPost, path("entities", entity, "pipelines", pipeline, "statuses"), s)
}

// PatchStatus changes what ch names of a status.
func (e Entities) PatchStatus(ctx context.Context, entity, pipeline, status string, ch Change) (*Status, error) {
	return send[Status](ctx, e.c, http.MethodPatch, path("entities", entity, "pipelines", pipeline, "statuses", status), ch)
}

// ReorderStatuses puts the statuses of a pipeline into this order, by name or id; it
// names all of them.
func (e Entities) ReorderStatuses(ctx context.Context, entity, pipeline string, order []string) error {
	return e.reorder(ctx, order, "entities", entity, "pipelines", pipeline, "statuses", "reorder")
}

// DeleteStatus deletes a status; its leads get the status moveTo.
func (e Entities) DeleteStatus(ctx context.Context, entity, pipeline, status, moveTo string) error {
	v := url.Values{}
	set(v, "move_to", moveTo)
	return e.delete(ctx, path("entities", entity, "pipelines", pipeline, "statuses", status), v)
}

// Task is work on all leads of an entity that a change of its definition made
// necessary: an index, encryption, the leads of a deleted status.
type Task struct {
	ID        string      `json:"id"`
	Kind      string      `json:"kind"`   // rebuild, purge or move
	Object    *TaskObject `json:"object"` // the field, pipeline or status it is about; nil for all
	Target    *TaskObject `json:"target"` // of a move: the status that takes the leads
	State     string      `json:"state"`  // waiting, running, done or failed
	Done      int64       `json:"done"`   // leads
	Total     int64       `json:"total"`  // leads; 0 until it is known
	Problem   string      `json:"problem"`
	CreatedAt time.Time   `json:"created_at"`
	UpdatedAt time.Time   `json:"updated_at"`
}

// TaskObject names what a task is about.
type TaskObject struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Tasks returns the latest tasks of an entity, the newest first.
func (e Entities) Tasks(ctx context.Context, entity string) ([]Task, error) {
	return listed[Task](ctx, e.c, path("entities", entity, "tasks"), nil)
}
