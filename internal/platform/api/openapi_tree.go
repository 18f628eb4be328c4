package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const schemaPrefix = "#/components/schemas/"

// tree is a JSON object of the document. Numbers in it keep their digits.
type tree = map[string]any

func treeOf(text []byte) tree {
	var doc tree
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		panic(err) // just marshalled
	}
	return doc
}

func indented(doc tree) []byte {
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err) // made of plain data
	}
	return append(text, '\n')
}

// inside is the object at the end of a path, made where there is none.
func inside(doc tree, path ...string) tree {
	for _, name := range path {
		next, ok := doc[name].(tree)
		if !ok {
			next = tree{}
			doc[name] = next
		}
		doc = next
	}
	return doc
}

func reference(kind, name string) tree { return tree{"$ref": "#/components/" + kind + "/" + name} }

// eachOperation visits every operation of a document in a fixed order.
func eachOperation(doc tree, visit func(op tree)) {
	paths := inside(doc, "paths")
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		methods := inside(paths, path)
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			if op, ok := methods[method].(tree); ok && op["operationId"] != nil {
				visit(op)
			}
		}
	}
}

// Schemas holds the schemas of the general document that are made of Go types.
func (a *API) Schemas() huma.Registry { return a.huma.OpenAPI().Components.Schemas }

// schemaName is what a Go type is called in the document: leadBody is Lead, a List of
// it LeadList, and a type that is called body alone has the name of its room.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "Body")
	item, list := strings.CutPrefix(name, "List")
	if list = list && strings.Contains(hint, "List["); list {
		name = strings.TrimSuffix(item, "Body")
	}
	if name == "" {
		pkg := t.PkgPath()
		if pkg == "" {
			pkg = hint[:max(0, strings.LastIndexByte(hint, '.'))]
		}
		if room := pkg[strings.LastIndexByte(pkg, '/')+1:]; room != "" {
			name = strings.ToUpper(room[:1]) + room[1:]
		}
	}
	if list {
		name += "List"
	}
	return name
}
