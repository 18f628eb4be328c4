package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// bodySchema is the schema of the JSON that an operation reads, nil when it has none or
// judges its body itself.
func (a *API) bodySchema(op huma.Operation) *huma.Schema {
	item := a.huma.OpenAPI().Paths[op.Path]
	if item == nil || op.SkipValidateBody {
		return nil
	}
	documented := map[string]*huma.Operation{http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch}[op.Method]
	if documented == nil || documented.RequestBody == nil || documented.RequestBody.Content["application/json"] == nil {
		return nil
	}
	return documented.RequestBody.Content["application/json"].Schema
}

// checkShape refuses names that a schema does not have, and null where it has no null.
// The validator behind it takes a null for a value that was not sent, and cannot point
// at a name with a dot in it.
func (a *API) checkShape(s *huma.Schema, body []byte) error {
	var v any
	if s == nil || len(body) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // a number need not fit a float64 to be looked at
	if err := dec.Decode(&v); err != nil {
		return err
	}
	return errs.Invalid(a.misshapen(s, v, "")...)
}

func (a *API) misshapen(s *huma.Schema, v any, at string) (wrong []errs.Field) {
	for s.Ref != "" {
		s = a.huma.OpenAPI().Components.Schemas.SchemaFromRef(s.Ref)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			member, here := s.Properties[name], at+"/"+escapePointer(name)
			if len(a.gate.FindKeys(name)) > 0 { // where bodies may carry keys
				here = at + "/[key]"
			}
			switch {
			case member == nil && s.AdditionalProperties == false:
				wrong = append(wrong, errs.Field{Pointer: here, Code: "unknown", Detail: unknownName})
			case member != nil && v[name] == nil && !member.Nullable && !takesAnything(member):
				wrong = append(wrong, errs.Field{Pointer: here, Code: "invalid", Detail: "This cannot be null. Leave the name out instead."})
			case member != nil:
				wrong = append(wrong, a.misshapen(member, v[name], here)...)
			}
		}
	case json.Number:
		if _, err := v.Float64(); err != nil { // the validator could not even read it
			wrong = append(wrong, errs.Field{Pointer: at, Code: "invalid", Detail: "This number is out of range."})
		}
	case []any:
		if s.Items == nil {
			return nil
		}
		for i := range v {
			wrong = append(wrong, a.misshapen(s.Items, v[i], at+"/"+strconv.Itoa(i))...)
		}
	}
	return wrong
}

// takesAnything tells that a schema says nothing about a value.
func takesAnything(s *huma.Schema) bool {
	return s.Type == "" && s.Ref == "" && s.OneOf == nil && s.AnyOf == nil && s.AllOf == nil && s.Not == nil && s.Enum == nil
}

const unknownName = "This name is not known here. Leave it out, or check its spelling in the API reference."

// escapePointer writes a name as a part of a JSON Pointer (RFC 6901).
func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
