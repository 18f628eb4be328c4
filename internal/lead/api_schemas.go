package lead

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// changeOperation describes PATCH /api/leads/{id}. Its body is read raw, so that
// numbers keep their digits and null can be told from nothing.
func changeOperation() huma.Operation {
	schema := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{
		"fields":   {Type: huma.TypeObject, AdditionalProperties: true, Description: "Values by the field's key; null clears"},
		"status":   {Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeString}, Description: "A status, by name or id, for each pipeline that is to change"},
		"assignee": {OneOf: []*huma.Schema{{Type: huma.TypeString}, {Type: "null"}}, Description: "A member, by UUID or e-mail address; null for nobody"},
		"viewers":  {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, Description: "All members who may see this lead from now on, by UUID or e-mail address"},
	}}
	return huma.Operation{
		OperationID: "change-lead", Method: http.MethodPatch, Path: "/api/leads/{id}", Summary: "Change a lead", Tags: []string{"Leads"},
		Description:      "Only what is named changes. Answers with the lead as it is then.",
		RequestBody:      rawJSON(schema, map[string]any{"fields": map[string]any{"phone": "+49 30 123456", "company": nil}, "status": map[string]any{"stage": "Won"}}),
		SkipValidateBody: true,
	}
}

func searchDuplicatesOperation() huma.Operation {
	schema := &huma.Schema{Type: huma.TypeObject, Required: []string{"entity", "fields"}, AdditionalProperties: false, Properties: map[string]*huma.Schema{
		"entity": {Type: huma.TypeString, Description: "Slug or id of the entity"},
		"fields": {Type: huma.TypeObject, AdditionalProperties: true, Description: "Values by the field's key, at least one of a match key"},
	}}
	return huma.Operation{
		OperationID: "search-duplicates", Method: http.MethodPost, Path: "/api/leads/search-duplicates", Summary: "Search duplicates", Tags: []string{"Leads"},
		Description:      "The leads that would count as duplicates of one with these values: by every match key, the most important first, at most 200. Changes nothing.",
		RequestBody:      rawJSON(schema, map[string]any{"entity": "leads", "fields": map[string]any{"email": "ada@example.com"}}),
		SkipValidateBody: true,
	}
}

func rawJSON(schema *huma.Schema, example any) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{mediaJSON: {Schema: schema, Examples: map[string]*huma.Example{"example": {Value: example}}}}}
}
