package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Entities is the kinds of lead of the account.
type Entities struct{ c *Client }

// Entity is a kind of lead. The same type is sent and answered; what the instance gives
// (ids, moments) may be sent back as it is.
type Entity struct {
	ID        string     `json:"id,omitempty"`
	Name      string     `json:"name"`
	Slug      string     `json:"slug,omitempty"`  // made from the name when a new one has none
	Icon      string     `json:"icon,omitempty"`  // of Heroicons
	Fields    []Field    `json:"fields,omitzero"` // a new one without any has the starter set, unless the list is empty and not nil
	Pipelines []Pipeline `json:"pipelines,omitzero"`
	CreatedAt time.Time  `json:"created_at,omitzero"`
	UpdatedAt time.Time  `json:"updated_at,omitzero"`

	// ETag names the state that was read, for EntityChange.IfMatch.
	ETag string `json:"-"`
}

// Field is one value that leads of an entity have.
type Field struct {
	ID        string       `json:"id,omitempty"`
	Key       string       `json:"key,omitempty"` // made from the label when a new one has none
	Aliases   []string     `json:"aliases,omitempty"`
	Label     string       `json:"label,omitempty"`
	Type      string       `json:"type,omitempty"` // text, textarea, number, email, phone, date, datetime, select, multi-select, checkbox, url, file, address
	Required  bool         `json:"required,omitempty"`
	Default   any          `json:"default,omitempty"`
	Help      string       `json:"help,omitempty"`
	Options   []Choice     `json:"options,omitempty"`
	Min       *json.Number `json:"min,omitempty"`
	Max       *json.Number `json:"max,omitempty"`
	Step      *json.Number `json:"step,omitempty"`
	MaxLength *int         `json:"max_length,omitempty"`
	Country   string       `json:"country,omitempty"`  // of phone numbers that come without one
	MaxSize   *int         `json:"max_size,omitempty"` // bytes of a file
	Types     []string     `json:"types,omitempty"`    // media types of a file
	Encrypted bool         `json:"encrypted,omitempty"`
	Indexed   bool         `json:"indexed,omitempty"`
	MatchKey  *int         `json:"match_key,omitempty"`  // priority in finding duplicates, 1 first
	DeletedAt *time.Time   `json:"deleted_at,omitempty"` // of a deleted field
}

// Choice is one option of a select.
type Choice struct {
	Key     string `json:"key,omitempty"`
	Label   string `json:"label,omitempty"`
	Retired bool   `json:"retired,omitempty"`
}

// Pipeline is an ordered set of statuses, of which a lead has one.
type Pipeline struct {
	ID       string   `json:"id,omitempty"`
	Name     string   `json:"name,omitempty"`
	Slug     string   `json:"slug,omitempty"`
	Statuses []Status `json:"statuses,omitempty"`
}

// Status is one status of a pipeline.
type Status struct {
	ID      string `json:"id,omitempty"`
	Name    string `json:"name,omitempty"`
	Color   string `json:"color,omitempty"` // gray, blue, teal, green, amber, red or violet
	Default bool   `json:"default,omitempty"`
}

// Change names members of an object and their new values; nil clears one. What is not
// named stays.
type Change map[string]any

// List returns all entities, the oldest first.
func (e Entities) List(ctx context.Context) ([]Entity, error) {
	return listed[Entity](ctx, e.c, path("entities"), nil)
}

// Get returns one entity, by slug or id.
func (e Entities) Get(ctx context.Context, entity string) (*Entity, error) {
	return e.entity(ctx, call{method: http.MethodGet, path: path("entities", entity)})
}

func (e Entities) entity(ctx context.Context, in call) (*Entity, error) {
	var out Entity
	head, err := e.c.do(ctx, in, &out)
	if err != nil {
		return nil, err
	}
	out.ETag = head.Get("ETag")
	return &out, nil
}

// Create makes an entity with its fields and pipelines.
func (e Entities) Create(ctx context.Context, in Entity) (*Entity, error) {
	return e.entity(ctx, call{method: http.MethodPost, path: path("entities"), body: in})
}

// Patch changes what ch names of an entity: name, slug, icon. ifMatch is the ETag of
// the state that was read, or "".
func (e Entities) Patch(ctx context.Context, entity string, ch Change, ifMatch string) (*Entity, error) {
	return e.entity(ctx, call{method: http.MethodPatch, path: path("entities", entity), body: ch, match: ifMatch})
}

// Delete deletes an entity. The key needs entities:delete.
func (e Entities) Delete(ctx context.Context, entity string) error {
	return e.delete(ctx, path("entities", entity), nil)
}

func (e Entities) delete(ctx context.Context, where string, query url.Values) error {
	_, err := e.c.do(ctx, call{method: http.MethodDelete, path: where, query: query}, nil)
	return err
}
