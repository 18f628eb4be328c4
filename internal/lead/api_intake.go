package lead

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// intakeOperation describes POST /api/intake. Its body is read raw, so that numbers
// keep their digits; the schema here is for readers.
func intakeOperation() huma.Operation {
	content := map[string]*huma.MediaType{}
	for _, media := range []string{mediaJSON, mediaForm, mediaMultipart} {
		content[media] = &huma.MediaType{Schema: intakeSchema(), Examples: map[string]*huma.Example{
			"lead": {Summary: "One lead", Value: map[string]any{
				"entity": "leads", "name": "Ada Lovelace", "email": "ada@example.com", "message": "Please call me.", "status:stage": "New", "source": "website",
			}},
		}}
	}
	return huma.Operation{
		OperationID: "intake", Method: http.MethodPost, Path: "/api/intake", Summary: "Send a lead", Tags: []string{"Leads"},
		Description: "Takes in one lead: a flat object (or form) of the entity's fields and a few control names.\n\n" +
			"Names are matched without regard to case, spaces, underscores and dashes: `Lead Name`, `lead-name` and `LEADNAME` are one. Control names win, then a field's key, a key it had before, its label. " +
			"An unknown name is kept with the lead under `unmapped` and listed in `warnings`; `?strict=true` makes it a 422.\n\n" +
			"Values are checked by the type of their field; a 422 points at every wrong one. The lead is on disk before the answer. `?dry_run=true` answers what would happen and stores nothing.",
		RequestBody:      &huma.RequestBody{Required: true, Description: "At most 1,000 names.", Content: content},
		SkipValidateBody: true,
	}
}

func intakeSchema() *huma.Schema {
	text := func(doc string, examples ...any) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Description: doc, Examples: examples}
	}
	note := &huma.Schema{OneOf: []*huma.Schema{
		text("The text of a note"),
		{Type: huma.TypeObject, Required: []string{"text"}, AdditionalProperties: false, Properties: map[string]*huma.Schema{
			"text": text("The text of the note, at most 20,000 characters"), "tag": text("At most 50 characters", "call"),
		}},
	}}
	notes := &huma.Schema{Description: "Notes on the lead: a text, or a list of texts and objects with text and tag; at most 50",
		OneOf: []*huma.Schema{text("The text of a note"), {Type: huma.TypeArray, Items: note}}}
	return &huma.Schema{
		Type: huma.TypeObject, Required: []string{"entity"}, AdditionalProperties: true,
		Properties: map[string]*huma.Schema{
			"entity":       text("Slug or id of the entity. lead_object is accepted as the older name", "leads"),
			"source":       text("Where the lead came from, at most 100 characters; api when left out", "website"),
			"note":         notes,
			"notes":        notes,
			"dedup_mode":   {Type: huma.TypeString, Enum: []any{"skip", "update", "create"}, Default: "skip", Description: "What to do when a match key of the lead is that of another: skip stores nothing, update gives the other what was sent, create stores it anyway"},
			"assignee":     text("The member who works the lead: UUID or e-mail address", "ada@example.com"),
			"viewers":      {Description: "Members who may see the lead: one or several, by UUID or e-mail address", OneOf: []*huma.Schema{text("A member"), {Type: huma.TypeArray, Items: text("A member")}}},
			"status:stage": text("The status in a pipeline: status: and the pipeline's slug or name; the value is a status by name or id, in any case. The pipeline's default when left out", "New"),
		},
		Description: "Every other name is a field of the entity: by its key, a key it had before, or its label. A select takes the key or the label of an option, in any case.",
	}
}
