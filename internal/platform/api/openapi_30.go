package api

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// older makes an OpenAPI 3.0.3 document of a 3.1 document, which it leaves as it is.
// What 3.0 cannot say is left out, so that it allows the same or more, never less.
func older(doc tree) tree {
	o := &olderWriter{schemas: inside(doc, "components", "schemas")}
	out, _ := o.node("", doc).(tree)
	out["openapi"] = openAPI30
	delete(out, "webhooks")
	delete(out, "jsonSchemaDialect")
	delete(inside(out, "components"), "pathItems")
	info := inside(out, "info")
	delete(info, "summary")
	if license, ok := info["license"].(tree); ok {
		if spdx, ok := license["identifier"].(string); ok && license["url"] == nil {
			license["url"] = "https://spdx.org/licenses/" + spdx + ".html"
		}
		delete(license, "identifier")
	}
	return out
}

type olderWriter struct {
	schemas tree // of the 3.1 document
}

// node copies a part of the document that is no schema. under is the name it stands
// under.
func (o *olderWriter) node(under string, v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = o.node("", v[i])
		}
		return out
	case tree:
		out := make(tree, len(v))
		for name, member := range v {
			switch {
			case name == "schema":
				out[name] = o.schema(member)
			case name == "schemas" && under == "components":
				named, _ := member.(tree)
				schemas := make(tree, len(named))
				for name, s := range named {
					schemas[name] = o.schema(s)
				}
				out[name] = schemas
			case name == "example" || name == "examples" || strings.HasPrefix(name, "x-"):
				out[name] = member // values, which look like anything
			default:
				out[name] = o.node(name, member)
			}
		}
		return out
	}
	return v
}

// known are the words of a 3.0 schema that mean the same in 3.1 and hold no schema.
var known = []string{"title", "description", "format", "enum", "default", "maximum", "minimum", "multipleOf", "maxLength", "minLength", "pattern", "maxItems", "minItems",
	"uniqueItems", "maxProperties", "minProperties", "required", "readOnly", "writeOnly", "deprecated", "discriminator", "externalDocs", "xml"}

// schema is a schema in the words of 3.0.
func (o *olderWriter) schema(v any) any {
	if v == false {
		return tree{"not": tree{}}
	}
	s, ok := v.(tree)
	if !ok {
		return tree{} // true: anything
	}
	out := tree{}
	for name, member := range s {
		if slices.Contains(known, name) || strings.HasPrefix(name, "x-") {
			out[name] = member
		}
	}
	o.nested(s, out)
	if value, ok := s["const"]; ok {
		out["enum"] = []any{value}
		if value == nil {
			maps.Copy(out, nullAlone())
		}
	}
	if examples, ok := s["examples"].([]any); ok && len(examples) > 0 {
		out["example"] = examples[0]
	}
	if s["contentEncoding"] == "base64" {
		out["format"] = "byte"
	}
	exclusive(s, out, "minimum", "exclusiveMinimum", func(limit, other float64) bool { return limit < other })
	exclusive(s, out, "maximum", "exclusiveMaximum", func(limit, other float64) bool { return limit > other })
	o.types(s, out)
	if ref, ok := s["$ref"]; ok {
		if len(out) == 0 {
			return tree{"$ref": ref}
		}
		all, _ := out["allOf"].([]any)
		out["allOf"] = append([]any{tree{"$ref": ref}}, all...)
	}
	return out
}

// nested writes the schemas inside a schema.
func (o *olderWriter) nested(s, out tree) {
	for _, name := range []string{"items", "not"} {
		if inner, ok := s[name]; ok {
			out[name] = o.schema(inner)
		}
	}
	switch more := s["additionalProperties"].(type) {
	case bool:
		out["additionalProperties"] = more
	case tree:
		out["additionalProperties"] = o.schema(more)
	}
	if properties, ok := s["properties"].(tree); ok {
		named := make(tree, len(properties))
		for name, p := range properties {
			named[name] = o.schema(p)
		}
		out["properties"] = named
	}
	for _, name := range []string{"allOf", "anyOf", "oneOf"} {
		list, ok := s[name].([]any)
		if !ok {
			continue
		}
		some := make([]any, len(list))
		for i := range list {
			some[i] = o.schema(list[i])
		}
		out[name] = some
	}
}

// types writes the type. Null is no type in 3.0, but a mark beside one.
func (o *olderWriter) types(s, out tree) {
	switch t := s["type"].(type) {
	case string:
		out["type"] = t
		if t == "null" {
			maps.Copy(out, nullAlone())
		}
	case []any:
		some := slices.DeleteFunc(slices.Clone(t), func(one any) bool { return one == "null" })
		if len(some) < len(t) {
			out["nullable"] = true
		}
		switch len(some) {
		case 0:
			maps.Copy(out, nullAlone())
		case 1:
			out["type"] = some[0]
		default: // several: which, is an alternative of its own
			var choices []any
			for _, one := range some {
				alternative := tree{"type": one}
				if out["nullable"] == true {
					alternative["nullable"] = true
				}
				if one == "array" {
					alternative["items"] = o.items(out)
				}
				choices = append(choices, alternative)
			}
			delete(out, "nullable")
			delete(out, "items")
			all, _ := out["allOf"].([]any)
			out["allOf"] = append(all, tree{"anyOf": choices})
		}
	}
	if out["type"] == "array" {
		out["items"] = o.items(out)
	}
	for _, name := range []string{"anyOf", "oneOf"} {
		o.alternatives(s, out, name)
	}
}

func (o *olderWriter) items(out tree) any {
	if out["items"] == nil {
		return tree{} // 3.0 wants it said
	}
	return out["items"]
}

// alternatives takes {"type": "null"} out of a choice: it becomes a mark on the choice
// when what is left has one type, and an alternative that 3.0 knows when it has several.
func (o *olderWriter) alternatives(s, out tree, name string) {
	before, _ := s[name].([]any)
	after, _ := out[name].([]any)
	var left []any
	kinds := map[string]bool{}
	for i, one := range before {
		if alone, ok := one.(tree); ok && len(alone) == 1 && alone["type"] == "null" {
			continue
		}
		left = append(left, after[i])
		kinds[o.kind(one, 0)] = true
	}
	if len(left) == len(before) {
		return
	}
	kind := ""
	for one := range kinds {
		kind = one
	}
	if len(kinds) != 1 || kind == "" || out["type"] != nil {
		out[name] = append(left, nullAlone())
		return
	}
	out["type"], out["nullable"] = kind, true
	if out[name] = left; len(left) == 1 {
		delete(out, name)
		all, _ := out["allOf"].([]any)
		out["allOf"] = append(all, left[0])
	}
	if kind == "array" {
		out["items"] = o.items(out)
	}
}

// kind is the one type of a schema of the 3.1 document, "" when it has not just one.
func (o *olderWriter) kind(v any, depth int) string {
	s, _ := v.(tree)
	if ref, ok := s["$ref"].(string); ok && depth < 10 {
		return o.kind(o.schemas[strings.TrimPrefix(ref, schemaPrefix)], depth+1)
	}
	kind, _ := s["type"].(string)
	return kind
}

// nullAlone is a schema of null and nothing else.
func nullAlone() tree {
	return tree{"type": "string", "nullable": true, "enum": []any{nil}}
}

// exclusive writes a limit that is itself not allowed: in 3.0 a mark beside the limit.
func exclusive(s, out tree, limit, word string, weaker func(limit, exclusive float64) bool) {
	strict, ok := float(s[word])
	if !ok {
		return
	}
	if plain, ok := float(s[limit]); ok && !weaker(plain, strict) && plain != strict {
		return // the plain limit is the stricter one
	}
	out[limit], out[word] = s[word], true
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}
