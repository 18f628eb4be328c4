package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Events is what happened in the environment of the key.
type Events struct{ c *Client }

// Event is one fact that happened.
type Event struct {
	ID    string          `json:"id"`   // where it stands in the log
	Type  string          `json:"type"` // e.g. lead.created
	At    time.Time       `json:"at"`
	Actor Actor           `json:"actor"`
	Data  json.RawMessage `json:"data"` // an object, by type
}

// Actor is who caused something.
type Actor struct {
	Kind string `json:"kind"` // person, key, operator, system or stranger
	ID   string `json:"id"`   // "" for others than persons and keys
	Name string `json:"name"`
}

// EventQuery says which events are wanted. The zero value is all of them, from the
// oldest on.
type EventQuery struct {
	After string // the id of the last event you have
	Type  string // one type, lead.created, or all of a noun, lead.*; "" is every type
	Limit int    // of a page; 0 is the instance's usual
}

// EventPage is a part of the log, oldest first.
type EventPage struct {
	Data      []Event `json:"data"`
	NextAfter string  `json:"next_after"` // always good as the After of the next query
}

// List returns one page.
func (e Events) List(ctx context.Context, q EventQuery) (*EventPage, error) {
	query := q.values()
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	var p EventPage
	if _, err := e.c.do(ctx, call{method: http.MethodGet, path: path("events"), query: query}, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

func (q EventQuery) values() url.Values {
	v := url.Values{}
	set(v, "after", q.After)
	set(v, "type", q.Type)
	return v
}

// set adds a parameter that has a value.
func set(v url.Values, name, value string) {
	if value != "" {
		v.Set(name, value)
	}
}
