package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// KeyUsage is the use of a key over time.
type KeyUsage struct {
	Slots     []UsageSlot    `json:"data"`      // the oldest first
	Routes    []UsageRoute   `json:"routes"`    // the most called first
	Addresses []UsageAddress `json:"addresses"` // the latest first
	Calls     []UsageCall    `json:"calls"`     // the last 100, the latest first
}

// Outcomes is calls by what came of them.
type Outcomes struct {
	OK           int `json:"ok"`
	ClientErrors int `json:"client_errors"`
	Limited      int `json:"limited"`
	ServerErrors int `json:"server_errors"`
}

// UsageSlot is the outcomes of one hour or day.
type UsageSlot struct {
	Start time.Time `json:"start"`
	Outcomes
}

// UsageRoute is the outcomes of one route.
type UsageRoute struct {
	Route string `json:"route"`
	Outcomes
}

// UsageAddress is the use from one address.
type UsageAddress struct {
	IP       string    `json:"ip"`
	Calls    int       `json:"calls"`
	LastUsed time.Time `json:"last_used"`
}

// UsageCall is one call.
type UsageCall struct {
	KeyUse

	RequestID string `json:"request_id"`
	Micros    int64  `json:"micros"`
}

// Usage returns the use of a key between two moments; the zero time is a week ago, and
// now.
func (k Keys) Usage(ctx context.Context, id string, from, to time.Time) (*KeyUsage, error) {
	v := url.Values{}
	for name, at := range map[string]time.Time{"from": from, "to": to} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	var out KeyUsage
	if _, err := k.c.do(ctx, call{method: http.MethodGet, path: path("keys", id, "usage"), query: v}, &out); err != nil {
		return nil, err
	}
	return &out, nil
}
