package client

import (
	"context"
	"io"
	"net/http"
)

// Duplicate is a lead that has a match key of what was searched for.
type Duplicate struct {
	Lead      Lead     `json:"lead"`
	MatchedOn []string `json:"matched_on"` // keys of the fields that are the same, the most important first
}

// SearchDuplicates returns the leads of an entity that a lead with these values would
// be a duplicate of.
func (l Leads) SearchDuplicates(ctx context.Context, entity string, fields map[string]any) ([]Duplicate, error) {
	var out struct {
		Data []Duplicate `json:"data"`
	}
	body := map[string]any{"entity": entity, "fields": fields}
	if _, err := l.c.do(ctx, call{method: http.MethodPost, path: path("leads", "search-duplicates"), body: body}, &out); err != nil {
		return nil, err
	}
	return out.Data, nil
}

// Merge is how leads become one.
type Merge struct {
	From   []string          `json:"from"`             // ids of the leads that go
	Prefer map[string]string `json:"prefer,omitempty"` // the lead whose value is kept, by field key
}

// Merge makes other leads part of one, and returns that.
func (l Leads) Merge(ctx context.Context, into string, m Merge) (*Lead, error) {
	return l.lead(ctx, call{method: http.MethodPost, path: path("leads", into, "merge"), body: m})
}

// The formats of an export.
const (
	CSV   = "csv"
	XLSX  = "xlsx"
	JSONL = "jsonl"
)

// Export streams the leads that q asks for as a file. The caller reads it to its end
// and closes it. An export that broke off ends with an error, never with io.EOF.
func (l Leads) Export(ctx context.Context, q LeadQuery, format string) (io.ReadCloser, error) {
	v := q.values()
	v.Set("format", format)
	resp, _, err := l.c.try(ctx, call{method: http.MethodGet, path: path("leads", "export"), query: v, accept: "*/*"}, true)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
