package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/page"
)

// List is how every list is answered.
type List[T any] struct {
	Link string `header:"Link" doc:"The next page (RFC 8288), when there is one"`
	Body struct {
		Data       []T     `json:"data" doc:"The items of this page"`
		NextCursor *string `json:"next_cursor" doc:"Send it as cursor to get the next page; null at the end"`
	}
}

// Paging is the query parameters of every list.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many items at most"`
	Cursor string `query:"cursor" maxLength:"4096" doc:"next_cursor of the page before"`
}

// NewList answers with a page. next is the position behind the last item, nil at the
// end; bind names the list the cursor belongs to, and query is repeated in the link.
func NewList[T any](a *API, path string, query url.Values, bind string, items []T, next []byte) *List[T] {
	out := &List[T]{}
	out.Body.Data = items
	if out.Body.Data == nil {
		out.Body.Data = []T{}
	}
	if next != nil {
		cursor := a.Cursors.Encode(bind, next)
		out.Body.NextCursor = &cursor
		query.Set("cursor", cursor)
		out.Link = fmt.Sprintf(`<%s?%s>; rel="next"`, path, query.Encode())
	}
	return out
}

// Position reads a cursor of the list that bind names; nil without one.
func (a *API) Position(bind, cursor string) ([]byte, error) {
	if cursor == "" {
		return nil, nil
	}
	position, err := a.Cursors.Decode(bind, cursor)
	if err != nil {
		return nil, errs.New(errs.InvalidCursor, "This cursor does not belong to this list. Start again without one, and pass on next_cursor exactly as you got it.").Because(err)
	}
	return position, nil
}

// PathID reads an id in a path. What is not an id does not exist.
func PathID(text, what string) (id.ID, error) {
	parsed, err := id.Parse(text)
	if err != nil {
		return id.Nil, errs.NotFoundf(what)
	}
	return parsed, nil
}

// ETag is the entity tag of a version (RFC 9110 section 8.8.3).
func ETag(version int64) string { return fmt.Sprintf(`"%x"`, version) }

// Match compares an If-Match header with the present version; "" always matches.
func Match(ifMatch string, version int64) error {
	if ifMatch == "" {
		return nil
	}
	for tag := range strings.SplitSeq(ifMatch, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == ETag(version) {
			return nil
		}
	}
	return errs.New(errs.PreconditionFailed, "It was changed after you read it. Read it again, apply your change, and send the new ETag as If-Match.")
}

type limitsBody struct {
	BodyBytes         int `json:"body_bytes" doc:"Largest body of a request"`
	BulkBodyBytes     int `json:"bulk_body_bytes" doc:"Largest body of a bulk call"`
	BulkRows          int `json:"bulk_rows" doc:"Rows of a bulk call at most"`
	AddressBytes      int `json:"address_bytes" doc:"Longest path with query"`
	JSONDepth         int `json:"json_depth" doc:"Levels of a JSON body"`
	PageDefault       int `json:"page_default" doc:"Items of a page when limit is not sent"`
	PageMax           int `json:"page_max" doc:"Items of a page at most"`
	RatePerMinute     int `json:"rate_per_minute" doc:"Calls a minute of a key that has no limit of its own"`
	IdempotencyDays   int `json:"idempotency_days" doc:"How long an answer can be replayed"`
	IdempotencyLength int `json:"idempotency_key_length" doc:"Characters of an Idempotency-Key at most"`
	DecimalDigits     int `json:"decimal_digits" doc:"Digits of a number at most"`
	FieldsPerEntity   int `json:"fields_per_entity" doc:"Fields of an entity at most"`
	Entities          int `json:"entities" doc:"Entities of an account at most"`
	Pipelines         int `json:"pipelines_per_entity" doc:"Pipelines of an entity at most"`
	Statuses          int `json:"statuses_per_pipeline" doc:"Statuses of a pipeline at most"`
	Options           int `json:"options_per_field" doc:"Options of a select at most"`
	Names             int `json:"names_per_lead" doc:"Names in one lead that is sent, at most"`
	Notes             int `json:"notes_per_call" doc:"Notes sent with one lead at most"`
	Viewers           int `json:"viewers_per_lead" doc:"Viewers of a lead at most"`
	Merged            int `json:"merged_leads" doc:"Leads that one lead takes in at once, at most"`
	FilterBytes       int `json:"filter_bytes" doc:"Length of a filter at most"`
	FilterTests       int `json:"filter_comparisons" doc:"Comparisons in a filter at most"`
	FilterDepth       int `json:"filter_depth" doc:"Levels of parentheses in a filter at most"`
	FilterValues      int `json:"filter_values" doc:"Values in one list of a filter at most"`
	ListSeconds       int `json:"list_seconds" doc:"A list that would take longer is refused"`
	TrashDays         int `json:"trash_days" doc:"How long a lead in the trash can be restored"`
	ReportedKeys      int `json:"reported_keys" doc:"Keys in one leak report at most"`
	StreamsPerKey     int `json:"streams_per_key" doc:"Event streams that one key may keep open at a time"`
	ExportsPerKey     int `json:"exports_per_key" doc:"Exports that one key may have under way at a time"`
}

// ServeLimits adds GET /api/limits.
func (a *API) ServeLimits() {
	type output struct{ Body limitsBody }
	Register(a, huma.Operation{
		OperationID: "get-limits", Method: http.MethodGet, Path: "/api/limits", Summary: "Get the limits", Tags: []string{"Instance"},
		Description: "The limits that hold for every key.",
	}, Open(), func(context.Context, *struct{}) (*output, error) {
		return &output{limitsBody{BodyBytes: MaxBody, BulkBodyBytes: MaxBulkBody, BulkRows: 1000, AddressBytes: MaxAddress, JSONDepth: maxDepth, PageDefault: page.DefaultLimit, PageMax: page.MaxLimit,
			RatePerMinute: DefaultLimit, IdempotencyDays: int(IdempotencyKept.Hours() / 24), IdempotencyLength: 255, DecimalDigits: 38, FieldsPerEntity: 200,
			Entities: 100, Pipelines: 20, Statuses: 50, Options: 500, Names: 1000, Notes: 50, Viewers: 100, Merged: 20,
			FilterBytes: 4096, FilterTests: 50, FilterDepth: 16, FilterValues: 200, ListSeconds: 2, TrashDays: 30, ReportedKeys: 100, StreamsPerKey: StreamsPerKey, ExportsPerKey: ExportsPerKey}}, nil
	})
}
