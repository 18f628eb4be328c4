package events

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/event"
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
	Type string `query:"type" maxLength:"100" pattern:"^[a-z_]+\\.([a-z_]+|\\*)$" doc:"Only events of this type, or of all types of a noun: lead.created, lead.*"`
}

type listOutput struct{ Body eventPage }

type eventPage struct {
	Data      []api.Event `json:"data" doc:"The events of this page"`
	NextAfter string      `json:"next_after" doc:"Send it as after to get what comes next. It is the id of the last event here, or what you sent when there is none; with type, the last event that was looked at" example:"0-2s"`
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
	out := &listOutput{eventPage{Data: make([]api.Event, len(p.Events)), NextAfter: in.After}}
	for i, e := range p.Events {
		out.Body.Data[i] = api.NewEvent(e)
	}
	if p.Next != after {
		out.Body.NextAfter = p.Next.String()
	}
	return out, nil
}
