package api

import (
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Event is an event as answers show it, in lists, streams and timelines.
type Event struct {
	ID    string     `json:"id" doc:"Where the event stands in the log; opaque" example:"0-2s"`
	Type  string     `json:"type" doc:"noun.verb" example:"lead.created"`
	At    time.Time  `json:"at"`
	Actor EventActor `json:"actor" doc:"Who caused it"`
	Data  eventData  `json:"data"`
}

// EventActor is who caused an event.
type EventActor struct {
	Kind string `json:"kind" enum:"person,key,operator,system,stranger"`
	ID   *id.ID `json:"id" format:"uuid" nullable:"true" doc:"The person or key; null for others"`
	Name string `json:"name" doc:"Its name when it happened, where that was known"`
}

// eventData is what the fact says, as it was written.
type eventData json.RawMessage

// MarshalJSON implements json.Marshaler.
func (d eventData) MarshalJSON() ([]byte, error) { return d, nil }

// Schema implements huma.SchemaProvider.
func (eventData) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "What happened, by type; mostly ids",
		Examples: []any{map[string]any{"lead_id": "01980000-0000-7000-8000-000000000000", "entity": "leads"}}}
}

// NewEvent is an event of the log as answers show it.
func NewEvent(e event.Event) Event {
	b := Event{ID: e.Position.String(), Type: e.Type, At: e.At, Actor: EventActor{Kind: e.Actor.Kind, Name: e.Actor.Name}, Data: eventData(e.Data)}
	if !e.Actor.ID.IsNil() {
		b.Actor.ID = &e.Actor.ID
	}
	return b
}
