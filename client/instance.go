package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Limits returns the published limits of the instance by name, e.g. page_max.
func (c *Client) Limits(ctx context.Context) (map[string]json.Number, error) {
	var out map[string]json.Number
	_, err := c.do(ctx, call{method: http.MethodGet, path: path("limits")}, &out)
	return out, err
}

// OpenAPI returns the OpenAPI document as the instance serves it.
func (c *Client) OpenAPI(ctx context.Context) (json.RawMessage, error) {
	var out json.RawMessage
	_, err := c.do(ctx, call{method: http.MethodGet, path: path("openapi.json")}, &out)
	return out, err
}
