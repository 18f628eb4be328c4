package events

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/httpd"
)

const mediaStream = "text/event-stream"

func streamOperation(tags []string) huma.Operation {
	return huma.Operation{
		OperationID: "stream-events", Method: http.MethodGet, Path: "/api/events/stream", Summary: "Follow events", Tags: tags,
		Description: "The same as server-sent events, as they happen: `id` is the event's id, `event` its type, `data` one line of JSON in the shape of the list. " +
			"Send the last id you have as `Last-Event-ID` (or `after`) to go on there; without it the stream begins with the oldest event. " +
			"A comment comes when nothing else did for 15 seconds. The stream ends within a second when the key is revoked, disabled, expired or loses the scope, and when the server stops. " +
			"It counts as one call.",
		Responses: map[string]*huma.Response{"200": {Description: "The stream", Content: map[string]*huma.MediaType{
			mediaStream: {Schema: &huma.Schema{Type: huma.TypeString, Description: "Server-sent events (HTML standard, section 9.2)",
				Examples: []any{"id: 0-2s\nevent: lead.created\ndata: {\"id\":\"0-2s\",\"type\":\"lead.created\",\"at\":\"2026-11-23T09:30:00Z\",\"actor\":{\"kind\":\"key\",\"id\":\"01980000-0000-7000-8000-000000000000\",\"name\":\"Website\"},\"data\":{\"lead_id\":\"01980000-0000-7000-8000-000000000001\"}}\n\n"}}},
		}}},
	}
}

type streamInput struct {
	LastEventID string `header:"Last-Event-ID" doc:"The id of the last event you have; it wins over after"`
	After       string `query:"after" maxLength:"64" doc:"The id of the last event you have"`
	TypeFilter
}

func (s *Service) apiStream(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
	text, parameter := in.LastEventID, "Last-Event-ID"
	if text == "" {
		text, parameter = in.After, "after"
	}
	after, err := position(text, parameter)
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	release, err := s.Open(who)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer release()
		r, w := humago.Unwrap(hc)
		s.stream(w, r, who, after, event.Kind(in.Type))
	}}, nil
}

// stream answers with the events behind after until the caller leaves, may not go on,
// or the server stops.
func (s *Service) stream(w http.ResponseWriter, r *http.Request, who account.Principal, after event.Position, kind event.Kind) {
	ctx, cancel := s.Watch(r.Context(), api.StillAllowed)
	defer cancel()
	err := httpd.ServeEvents(ctx, w, r, func(out *httpd.EventStream) error {
		return s.Follow(ctx, who, after, kind, &reader{out: out})
	})
	if err != nil && ctx.Err() == nil && !errors.Is(err, errGone) && errs.CodeOf(err) == errs.Internal {
		httpd.From(r.Context()).Err = err // the answer has begun: only the log can be told
	}
}

// errGone is the end of a stream whose caller takes nothing any more.
var errGone = errors.New("the caller is gone")

// reader is the caller of a stream.
type reader struct {
	out *httpd.EventStream
	at  event.Position // what the caller resumes behind
}

// Send implements Reader.
func (c *reader) Send(e event.Event) error {
	line, err := api.AppendJSON(nil, api.NewEvent(e))
	if err != nil {
		return err
	}
	c.at = e.Position
	return gone(c.out.Send(e.Position.String(), e.Type, line))
}

// KeepAlive implements Reader. Where events were passed over, the caller resumes
// behind them.
func (c *reader) KeepAlive(at event.Position) error {
	if at == c.at || at == (event.Position{}) {
		return gone(c.out.KeepAlive(""))
	}
	c.at = at
	return gone(c.out.KeepAlive(at.String()))
}

func gone(err error) error {
	if err != nil {
		return errGone
	}
	return nil
}

// StillAllowed implements Reader.
func (c *reader) StillAllowed(ctx context.Context) error { return api.StillAllowed(ctx) }
