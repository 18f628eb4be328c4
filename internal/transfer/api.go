package transfer

import (
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// media are the media types of the formats, csv when none is asked for.
var media = map[string]string{
	"":            "text/csv",
	string(CSV):   "text/csv",
	string(XLSX):  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	string(JSONL): "application/x-ndjson",
}

// RegisterAPI adds the operations of the room.
func RegisterAPI(a *api.API, s *Service) {
	file := func(description, example string) *huma.MediaType {
		m := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Description: description}}
		if example == "" {
			m.Schema.Format = "binary"
		} else {
			m.Schema.Examples = []any{example}
		}
		return m
	}
	api.Register(a, huma.Operation{
		OperationID: "export-leads", Method: http.MethodGet, Path: "/api/leads/export", Summary: "Export leads", Tags: []string{"Leads"},
		Description: "Answers with a file of all leads of one entity that meet `filter` and `q`, in the order of `sort`, newest first when it is left out. It has no limit of rows, but for XLSX, whose sheets have 1,048,576: more are refused.\n\n" +
			"CSV and XLSX have a column for each field, with its key as the header: `id`, `created_at`, `updated_at`, `source`, `assignee` (an e-mail address), `status.<pipeline>` (a name), the fields (parts of an address as `address.city`), `unmapped` (JSON). JSON lines have one lead each, as `GET /api/leads/{id}` shows it.\n\n" +
			"A cell of CSV that a spreadsheet could take for a formula has an apostrophe in front. The export is written to the audit log. When it cannot be finished, when the key ends and when the server stops, the connection is broken off: a client that reads to the end has everything.",
		Responses: map[string]*huma.Response{"200": {Description: "The file", Headers: map[string]*huma.Param{
			"Content-Disposition": {Description: "The name of the file", Schema: &huma.Schema{Type: huma.TypeString, Examples: []any{`attachment; filename="leads-production-2026-11-25.csv"`}}},
		}, Content: map[string]*huma.MediaType{
			media["csv"]:   file("CSV (RFC 4180) in UTF-8, with a header", "id,created_at,name\r\n01980000-0000-7000-8000-000000000001,2026-11-25T09:30:00.123456Z,Ada Lovelace\r\n"),
			media["xlsx"]:  file("A workbook with one sheet", ""),
			media["jsonl"]: file("One JSON object a line", "{\"id\":\"01980000-0000-7000-8000-000000000001\",\"entity\":\"leads\",\"fields\":{\"name\":\"Ada Lovelace\"}}\n"),
		}}},
		Errors: []int{http.StatusInsufficientStorage},
	}, api.Needs("leads:export", api.StreamsAs("format", media)), s.apiExport)
}

type exportInput struct {
	Entity string `query:"entity" required:"true" doc:"Slug or id of the entity" example:"leads"`
	Format string `query:"format" enum:"csv,xlsx,jsonl" default:"csv" doc:"What kind of file"`
	Filter string `query:"filter" doc:"Which leads, as for the list of leads" example:"status.stage = \"Won\""`
	Query  string `query:"q" doc:"Words that all occur in a lead, anywhere in its values"`
	Sort   string `query:"sort" doc:"Up to three of created_at, updated_at and indexed fields, separated by commas, each with - before it to turn it around" example:"-created_at"`
	Fields string `query:"fields" doc:"What to export of each lead beside its id, as for the list of leads; everything when it is left out" example:"name,email,status.stage"`
	Header string `query:"header" enum:"keys,labels" default:"keys" doc:"What heads the columns of a table: the keys of fields, or their labels"`
	BOM    bool   `query:"bom" doc:"Begin a CSV file with a byte order mark, by which Excel knows that it is UTF-8"`
}

func (s *Service) apiExport(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
	who, _ := account.From(ctx)
	x, err := s.Export(ctx, who, Query{
		Query:  lead.Query{Entity: in.Entity, Filter: in.Filter, Search: in.Query, Sort: in.Sort, Fields: in.Fields},
		Format: Format(in.Format), Labels: in.Header == "labels", BOM: in.BOM,
	})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer x.Close()
		r, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", contentType(in.Format))
		w.Header().Set("Content-Disposition", `attachment; filename="`+x.Name+`"`)
		ctx, cancel := x.Watch(r.Context(), again)
		defer cancel()
		httpd.ServeDownload(ctx, w, r, func(w io.Writer) error { return x.Write(ctx, w) })
	}}, nil
}

func contentType(format string) string {
	if media[format] == media["csv"] {
		return media["csv"] + "; charset=utf-8; header=present"
	}
	return media[format]
}

// again tells who the caller is now.
func again(ctx context.Context) (account.Principal, error) {
	ctx, err := api.Again(ctx)
	if err != nil {
		return account.Principal{}, err
	}
	who, _ := account.From(ctx)
	return who, nil
}
