package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

// Page is one page of a list.
type Page[T any] struct {
	Data       []T    `json:"data"`
	NextCursor string `json:"next_cursor"` // "" at the end
	Count      *int64 `json:"count"`       // of all pages, where it was asked for
	CountIs    string `json:"count_is"`    // exact, or at_least where an estimate stopped counting
}

// page reads one page of a list.
func page[T any](ctx context.Context, c *Client, where string, query url.Values, limit int, cursor string) (*Page[T], error) {
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	var p Page[T]
	_, err := c.do(ctx, call{method: http.MethodGet, path: where, query: query}, &p)
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// walk goes through a list from a cursor to its end. An error is the last thing it
// yields.
func walk[T any](cursor string, next func(cursor string) (*Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for at := cursor; ; {
			p, err := next(at)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, one := range p.Data {
				if !yield(one, nil) {
					return
				}
			}
			if at = p.NextCursor; at == "" {
				return
			}
		}
	}
}
