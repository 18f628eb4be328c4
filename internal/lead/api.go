package lead

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
)

// RegisterAPI adds the operations on leads.
func RegisterAPI(a *api.API, s *Service) {
	intake := intakeOperation()
	api.Register(a, intake, api.Needs("leads:write", api.Bodies(mediaJSON, mediaForm, mediaMultipart)), s.apiIntake)
	// Registering adds a description of the raw body, which says nothing to a reader.
	delete(intake.RequestBody.Content, "application/octet-stream")

	api.Register(a, huma.Operation{
		OperationID: "get-lead", Method: http.MethodGet, Path: "/api/leads/{id}", Summary: "Get a lead", Tags: []string{"Leads"},
		Description: "Returns one lead. `ETag` names its present state, for a later change with `If-Match`.",
	}, api.Needs("leads:read"), s.apiGet)

	registerList(a, s)
	registerChanges(a, s)
	registerBulk(a, s)
}

type intakeInput struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Strict      bool   `query:"strict" doc:"Refuse names that the entity does not know, instead of keeping them under unmapped"`
	DryRun      bool   `query:"dry_run" doc:"Check everything and answer what would happen, but store nothing"`
	RawBody     []byte
}

type intakeOutput struct{ Body intakeAnswer }

type intakeAnswer struct {
	Status    string     `json:"status" enum:"success" doc:"Always success; what goes wrong is a problem document"`
	LeadID    string     `json:"lead_id,omitempty" format:"uuid" doc:"The lead that was stored or found; absent in a dry run that would create one"`
	CreatedAt *time.Time `json:"created_at,omitempty" doc:"When that lead was created"`
	Action    Action     `json:"action" enum:"created,updated,skipped" doc:"What became of the lead"`
	Duplicate string     `json:"duplicate_of,omitempty" format:"uuid" doc:"The lead with the same match key; absent when there is none"`
	DryRun    bool       `json:"dry_run,omitempty" doc:"true when nothing was stored because of ?dry_run=true"`
	Warnings  []Warning  `json:"warnings,omitempty" doc:"What was kept but could not be used"`
}

func newIntakeAnswer(r Result) intakeAnswer {
	b := intakeAnswer{Status: "success", Action: r.Action, DryRun: r.DryRun, Warnings: r.Warnings}
	if !r.LeadID.IsNil() {
		b.LeadID, b.CreatedAt = r.LeadID.String(), &r.CreatedAt
	}
	if !r.DuplicateOf.IsNil() {
		b.Duplicate = r.DuplicateOf.String()
	}
	return b
}

func (s *Service) apiIntake(ctx context.Context, in *intakeInput) (*intakeOutput, error) {
	items, err := ParseBody(in.ContentType, in.RawBody)
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	r, err := s.Intake(ctx, who, Intake{Items: items, Strict: in.Strict, DryRun: in.DryRun}, func(ctx context.Context, tx *db.Tx, r Result) error {
		return api.Answered(ctx, tx, http.StatusOK, newIntakeAnswer(r))
	})
	if err != nil {
		return nil, err
	}
	return &intakeOutput{newIntakeAnswer(r)}, nil
}

type getInput struct {
	ID string `path:"id" doc:"The lead's id, a UUID"`
}

type getOutput struct {
	ETag string `header:"ETag" doc:"Names the present state of the lead"`
	Body leadAnswer
}

func (s *Service) apiGet(ctx context.Context, in *getInput) (*getOutput, error) {
	leadID, err := api.PathID(in.ID, "lead")
	if err != nil {
		return nil, err
	}
	who, _ := account.From(ctx)
	f, err := s.Get(ctx, who, leadID)
	return s.output(ctx, who, f, err)
}
