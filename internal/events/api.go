package events

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

const scope = "events:read"

// RegisterAPI adds the operations of the room.
func RegisterAPI(a *api.API, s *Service) {
	tags := []string{"Events"}
	api.Register(a, huma.Operation{
		OperationID: "list-events", Method: http.MethodGet, Path: "/api/events", Summary: "List events", Tags: tags,
		Description: "What happened in the environment, oldest first, each event exactly once. Pass `next_after` on as `after` to get what came since; when there was nothing, `data` is empty and `next_after` goes on from the same place. " +
			"A key with this scope sees all events of its environment, whatever its other scopes are narrowed to.",
	}, api.Needs(scope), s.apiList)
	api.Register(a, streamOperation(tags), api.Needs(scope, api.Streams(mediaStream)), s.apiStream)
}

type listInput struct {
	After string `query:"after" maxLength:"64" doc:"The id of the last event you have, or next_after; without it the list begins with the oldest event"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many events at most"`
	TypeFilter
}

// TypeFilter is the query parameter that narrows events to one kind.
type TypeFilter struct {
	Type string `query:"type" maxLength:"100" pattern:"^[a-z_]+\\.([a-z_]+|\\*)$" patternDescription:"a type such as lead.created, or all of a noun such as lead.*" doc:"Only events of this type, or of all types of a noun: lead.created, lead.*"`
}

type listOutput struct{ Body eventPage }

type eventPage struct {
	Data      []eventBody `json:"data" doc:"The events of this page"`
	NextAfter string      `json:"next_after" doc:"Send it as after to get what comes next. It is the id of the last event here, or what you sent when there is none; with type, the last event that was looked at" example:"0-2s"`
}

type eventBody struct {
	ID    string     `json:"id" doc:"Where the event stands in the log; opaque" example:"0-2s"`
	Type  string     `json:"type" doc:"noun.verb" example:"lead.created"`
	At    time.Time  `json:"at"`
	Actor eventActor `json:"actor" doc:"Who caused it"`
	Data  dataBody   `json:"data"`
}

type eventActor struct {
	Kind string `json:"kind" enum:"person,key,operator,system,stranger"`
	ID   *id.ID `json:"id" format:"uuid" nullable:"true" doc:"The person or key; null for others"`
	Name string `json:"name" doc:"Its name when it happened, where that was known"`
}

// dataBody is what the fact says, as it was written.
type dataBody json.RawMessage

// MarshalJSON implements json.Marshaler.
func (d dataBody) MarshalJSON() ([]byte, error) { return d, nil }

// Schema implements huma.SchemaProvider.
func (dataBody) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "What happened, by type; mostly ids",
		Examples: []any{map[string]any{"lead_id": "01980000-0000-7000-8000-000000000000", "entity": "leads"}}}
}

func newEventBody(e event.Event) eventBody {
	b := eventBody{ID: e.Position.String(), Type: e.Type, At: e.At, Actor: eventActor{Kind: e.Actor.Kind, Name: e.Actor.Name}, Data: dataBody(e.Data)}
	if !e.Actor.ID.IsNil() {
		b.Actor.ID = &e.Actor.ID
	}
	return b
}

func (s *Service) apiList(ctx context.Context, in *listInput) (*listOutput, error) {
	after, err := position(in.After, "after")
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	p, err := s.List(ctx, who, Query{After: after, Kind: event.Kind(in.Type), Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	out := &listOutput{eventPage{Data: make([]eventBody, len(p.Events)), NextAfter: in.After}}
	for i, e := range p.Events {
		out.Body.Data[i] = newEventBody(e)
	}
	if p.Next != after {
		out.Body.NextAfter = p.Next.String()
	}
	return out, nil
}
