package lead

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func registerBulk(a *api.API, s *Service) {
	op := huma.Operation{
		OperationID: "bulk-leads", Method: http.MethodPost, Path: "/api/leads/bulk", Summary: "Send many leads", Tags: []string{"Leads"},
		Description: "Takes in up to 1,000 leads of one entity. Each row is a flat object as for intake, and may carry what intake carries; `source`, `note` and `dedup_mode` beside the batch hold for the rows that do not say it themselves.\n\n" +
			"Good rows are stored even when others are wrong; `?atomic=true` stores all or refuses the call. With an Idempotency-Key a call that was cut off in the middle can be sent again: what is stored already is not stored twice.",
		RequestBody:      rawJSON(bulkSchema(), map[string]any{"entity": "leads", "source": "fair", "batch": []any{map[string]any{"name": "Ada Lovelace", "email": "ada@example.com"}}}),
		SkipValidateBody: true,
		MaxBodyBytes:     api.MaxBulkBody,
	}
	api.Register(a, op, api.Needs("leads:write", api.MaxBodyBytes(api.MaxBulkBody)), s.apiBulk)
}

func bulkSchema() *huma.Schema {
	text := func(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }
	least, most := 1, MaxBulk
	return &huma.Schema{Type: huma.TypeObject, Required: []string{"entity", "batch"}, AdditionalProperties: false, Properties: map[string]*huma.Schema{
		"entity":     text("Slug or id of the entity"),
		"source":     text("Where the leads came from"),
		"note":       text("A note for every lead"),
		"dedup_mode": {Type: huma.TypeString, Enum: []any{"skip", "update", "create"}, Default: "skip"},
		"batch":      {Type: huma.TypeArray, MinItems: &least, MaxItems: &most, Items: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}, Description: "The leads, each as a flat object"},
	}}
}

type bulkInput struct {
	Strict  bool `query:"strict" doc:"A row with names that the entity does not know is wrong"`
	DryRun  bool `query:"dry_run" doc:"Check everything and answer what would happen, but store nothing"`
	Atomic  bool `query:"atomic" doc:"Store all rows or none"`
	RawBody []byte
}

type bulkOutput struct{ Body bulkAnswer }

type bulkAnswer struct {
	Status   string        `json:"status" enum:"success" doc:"Always success; a call that cannot be carried out is a problem document"`
	DryRun   bool          `json:"dry_run,omitempty" doc:"true when nothing was stored because of ?dry_run=true"`
	Created  []bulkRow     `json:"created" nullable:"false"`
	Updated  []bulkRow     `json:"updated" nullable:"false"`
	Skipped  []bulkRow     `json:"skipped" nullable:"false"`
	Errors   []bulkError   `json:"errors" nullable:"false" doc:"Rows of which nothing was stored"`
	Warnings []bulkWarning `json:"warnings,omitempty" doc:"What was kept but could not be used"`
}

type bulkRow struct {
	Index     int    `json:"index" doc:"The row's place in the batch, from 0"`
	LeadID    string `json:"lead_id,omitempty" format:"uuid" doc:"The lead that was stored or found; absent in a dry run that would create one"`
	Email     string `json:"email" doc:"The row's first e-mail field, if any"`
	Duplicate string `json:"duplicate_of,omitempty" format:"uuid" doc:"The lead with the same match key"`
}

type bulkError struct {
	Index  int          `json:"index" doc:"The row's place in the batch, from 0"`
	Errors []errs.Field `json:"errors" nullable:"false" doc:"What is wrong, with pointers into the row"`
}

type bulkWarning struct {
	Index    int       `json:"index" doc:"The row's place in the batch, from 0"`
	Warnings []Warning `json:"warnings" nullable:"false"`
}

func newBulkAnswer(results []RowResult, dryRun bool) bulkAnswer {
	b := bulkAnswer{Status: "success", DryRun: dryRun, Created: []bulkRow{}, Updated: []bulkRow{}, Skipped: []bulkRow{}, Errors: []bulkError{}}
	for i, r := range results {
		if len(r.Wrong) > 0 {
			b.Errors = append(b.Errors, bulkError{i, r.Wrong})
			continue
		}
		row := bulkRow{Index: i, LeadID: textOrNone(r.LeadID), Email: r.Email, Duplicate: textOrNone(r.DuplicateOf)}
		switch r.Action {
		case Created:
			b.Created = append(b.Created, row)
		case Updated:
			b.Updated = append(b.Updated, row)
		case Skipped:
			b.Skipped = append(b.Skipped, row)
		}
		if len(r.Warnings) > 0 {
			b.Warnings = append(b.Warnings, bulkWarning{i, r.Warnings})
		}
	}
	return b
}

func textOrNone(u id.ID) string {
	if u.IsNil() {
		return ""
	}
	return u.String()
}

func (s *Service) apiBulk(ctx context.Context, in *bulkInput) (*bulkOutput, error) {
	bulk, err := ParseBulk(in.RawBody)
	if err != nil {
		return nil, err
	}
	bulk.Strict, bulk.DryRun, bulk.Atomic = in.Strict, in.DryRun, in.Atomic
	who, _ := account.From(ctx)
	results, err := s.Bulk(ctx, who, bulk, apiSlices{s.db}, func(ctx context.Context, tx *db.Tx, results []RowResult) error {
		return api.Answered(ctx, tx, http.StatusOK, newBulkAnswer(results, false))
	})
	if err != nil {
		return nil, err
	}
	return &bulkOutput{newBulkAnswer(results, in.DryRun)}, nil
}

// apiSlices keeps the slices of a call that has an Idempotency-Key.
type apiSlices struct{ db *db.DB }

// Done implements Slices.
func (a apiSlices) Done(ctx context.Context, n int) (done []RowResult, ok bool, err error) {
	ok, err = api.PartDone(ctx, a.db, n, &done)
	return done, ok, err
}

// Keep implements Slices.
func (apiSlices) Keep(ctx context.Context, tx *db.Tx, n int, results []RowResult) error {
	return api.KeepPart(ctx, tx, n, results)
}
