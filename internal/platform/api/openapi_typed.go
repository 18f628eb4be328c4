package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// Typed is what the document says to one caller beyond what it says to everybody.
type Typed struct {
	State   string                  // another one whenever Schemas are others
	Schemas map[string]*huma.Schema // by name; one of a general schema takes its place
}

// Typing answers what the document says to the caller of a context. general holds the
// schemas that everybody reads.
type Typing func(ctx context.Context, general huma.Registry) (Typed, error)

// The versions of OpenAPI that the document can be had in.
const (
	openAPI31 = "3.1.0"
	openAPI30 = "3.0.3"
)

type documentInput struct {
	Version     string `query:"version" enum:"3.1,3.1.0,3.0,3.0.3" default:"3.1" doc:"The version of OpenAPI to answer in; 3.0 is for generators that do not know 3.1" example:"3.0"`
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag of a document that you have; it is not sent again while it holds"`
}

// publisher makes the document in its forms.
type publisher struct {
	api     *API
	typing  Typing
	general func() tree
	program func() string // names the general document
	open    sync.Map      // what everybody reads, by edition
}

// edition is one form of the document for everybody.
type edition struct{ version, base string }

// ServeOpenAPI adds GET /api/openapi.json. Without a key it answers the general
// document; with one, what typing says to its owner is in it.
func (a *API) ServeOpenAPI(typing Typing) {
	p := &publisher{api: a, typing: typing}
	p.general = sync.OnceValue(a.general) // at the first request, when all operations are there
	p.program = sync.OnceValue(func() string { return digest(string(indented(p.general()))) })
	Register(a, huma.Operation{
		OperationID: "get-openapi", Method: http.MethodGet, Path: "/api/openapi.json", Summary: "Get this document", Tags: []string{"Instance"},
		Description: "The OpenAPI document of this instance. With a key it also has the entities that the key may see, as schemas with their own fields; without one it is the general document. " +
			"`ETag` stays the same as long as the document does.",
		Responses: map[string]*huma.Response{
			"200": {Description: "The document", Content: map[string]*huma.MediaType{mediaOpenAPI: {Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}},
				Headers: map[string]*huma.Param{"ETag": {Schema: &huma.Schema{Type: huma.TypeString}}}},
			"304": {Description: "The document is still the one that If-None-Match names", Headers: map[string]*huma.Param{"ETag": {Schema: &huma.Schema{Type: huma.TypeString}}}},
		},
	}, Open(MayHaveKey()), p.get)
}

const mediaOpenAPI = "application/openapi+json"

func (p *publisher) get(ctx context.Context, in *documentInput) (*huma.StreamResponse, error) {
	typed, err := p.typing(ctx, p.api.Schemas())
	if err != nil {
		return nil, err
	}
	e := edition{openAPI31, httpd.From(ctx).Base}
	if strings.HasPrefix(in.Version, "3.0") {
		e.version = openAPI30
	}
	tag := `"` + digest(p.program(), e.version, e.base, typed.State) + `"`
	held := in.IfNoneMatch == "*" || strings.Contains(in.IfNoneMatch, tag)
	var text []byte
	if !held {
		text = p.text(e, typed)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("ETag", tag)
		if held {
			ctx.SetStatus(http.StatusNotModified)
			return
		}
		ctx.SetHeader("Content-Type", mediaOpenAPI)
		_, _ = ctx.BodyWriter().Write(text)
	}}, nil
}

// text is the document. The one for everybody is kept, because everybody may ask for
// it; there are as many of it as versions and public addresses.
func (p *publisher) text(e edition, typed Typed) []byte {
	if len(typed.Schemas) > 0 {
		return p.build(e, typed)
	}
	if kept, ok := p.open.Load(e); ok {
		return kept.([]byte)
	}
	text := p.build(e, typed)
	p.open.Store(e, text)
	return text
}

// build makes the document, without changing the general one.
func (p *publisher) build(e edition, typed Typed) []byte {
	doc := maps.Clone(p.general())
	if e.base != "" {
		doc["servers"] = []any{tree{"url": e.base, "description": thisInstance}}
	}
	if len(typed.Schemas) > 0 {
		components := maps.Clone(inside(doc, "components"))
		schemas := maps.Clone(inside(components, "schemas"))
		for name, s := range typed.Schemas {
			text, err := json.Marshal(s)
			if err != nil {
				panic(err) // made of plain data
			}
			schemas[name] = treeOf(text)
		}
		components["schemas"], doc["components"] = schemas, components
	}
	if e.version == openAPI30 {
		doc = older(doc)
	}
	return indented(doc)
}

// digest names a list of texts.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}
