package api

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// Problem is a problem document (RFC 9457).
type Problem struct {
	_         struct{}       `json:"-" additionalProperties:"true"`
	Type      string         `json:"type" format:"uri" doc:"A page of this instance that explains the problem" example:"https://leads.example.com/help/errors/validation_failed"`
	Title     string         `json:"title" doc:"What happened, the same for every occurrence"`
	Status    int            `json:"status" doc:"The HTTP status"`
	Detail    string         `json:"detail" doc:"What happened this time and how to mend it"`
	Code      string         `json:"code" doc:"What happened, for a machine" example:"validation_failed"`
	RequestID string         `json:"request_id" doc:"Names this request in the logs and on the key's page"`
	Errors    []WrongValue   `json:"errors,omitempty" nullable:"false" doc:"Each wrong value"`
	more      map[string]any // further members, e.g. revoked_at
}

// WrongValue is an errs.Field as the outside sees it.
type WrongValue struct {
	Pointer   *string `json:"pointer,omitempty" doc:"JSON Pointer (RFC 6901) to the wrong value in the body; the empty text is the whole body"`
	Parameter string  `json:"parameter,omitempty" doc:"Name of the wrong query parameter or header"`
	Code      string  `json:"code" doc:"What is wrong, for a machine"`
	Detail    string  `json:"detail" doc:"What is wrong and how to mend it"`
}

func wrongValues(fields []errs.Field) (out []WrongValue) {
	for _, f := range fields {
		v := WrongValue{Parameter: f.Parameter, Code: f.Code, Detail: f.Detail}
		if f.Parameter == "" {
			v.Pointer = &f.Pointer
		}
		out = append(out, v)
	}
	return out
}

// NewProblem renders an error for the outside. The cause of it is not in there.
func NewProblem(err error, req *httpd.Request) *Problem {
	e := errs.As(err)
	x, ok := errs.Explain(e.Code)
	if !ok {
		x, _ = errs.Explain(errs.Internal)
	}
	return &Problem{
		Type: req.Base + "/help/errors/" + string(e.Code), Title: x.Title, Status: httpd.Status(e.Code), Detail: e.Detail, Code: string(e.Code),
		RequestID: req.ID, Errors: wrongValues(e.Fields), more: e.Meta,
	}
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// MarshalJSON writes the members of RFC 9457 first, then ours, then the others.
func (p *Problem) MarshalJSON() ([]byte, error) {
	type plain Problem
	body, err := AppendJSON(nil, (*plain)(p))
	if err != nil || len(p.more) == 0 {
		return body, err
	}
	more, err := AppendJSON(nil, p.more)
	if err != nil {
		return nil, err
	}
	object := bytes.TrimSuffix(body, []byte("}\n"))
	return append(append(object, ','), more[1:]...), nil
}

// Fail answers with the problem document of err and notes it for the log line.
func (a *API) Fail(w http.ResponseWriter, r *http.Request, err error) {
	req := httpd.From(r.Context())
	p := NewProblem(err, req)
	note(req, p, err)
	maps.Copy(w.Header(), p.GetHeaders())
	body, merr := AppendJSON(nil, p)
	if merr != nil {
		body = []byte(`{"title":"Something went wrong on our side","status":500,"code":"internal"}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// note tells the log line what was refused; the fault behind a 5xx goes there too.
func note(req *httpd.Request, p *Problem, err error) {
	req.Code = p.Code
	if p.Status >= 500 {
		req.Err = err
	}
}

// GetHeaders implements huma.HeadersError: what RFC 6750 and RFC 9110 ask for
// beside the body.
func (p *Problem) GetHeaders() http.Header {
	const realm = `Bearer realm="leadflip"`
	h := http.Header{}
	switch {
	case p.Status == http.StatusUnauthorized && p.Code == string(errs.KeyMissing):
		h.Set("WWW-Authenticate", realm)
	case p.Status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", realm+`, error="invalid_token"`)
	case p.Code == string(errs.InsufficientScope):
		needed, _ := p.more["needed"].([]string)
		h.Set("WWW-Authenticate", fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, realm, strings.Join(needed, " ")))
	case p.Code == string(errs.AuthorizationMalformed), p.Code == string(errs.CredentialMisplaced):
		h.Set("WWW-Authenticate", realm+`, error="invalid_request"`)
	case p.Status == http.StatusServiceUnavailable:
		h.Set("Retry-After", "2")
	}
	if after, ok := p.more["retry_after"].(int); ok {
		h.Set("Retry-After", strconv.Itoa(after))
	}
	return h
}

// humaProblem turns what huma finds wrong with a request into our problem.
func humaProblem(ctx huma.Context, status int, message string, details ...error) huma.StatusError {
	code := map[int]errs.Code{
		http.StatusBadRequest: errs.InvalidJSON, http.StatusNotAcceptable: errs.NotAcceptable, http.StatusRequestEntityTooLarge: errs.BodyTooLarge,
		http.StatusUnsupportedMediaType: errs.UnsupportedMediaType, http.StatusUnprocessableEntity: errs.ValidationFailed, http.StatusNotFound: errs.NotFound,
	}[status]
	var err error
	switch code {
	case "":
		err = fmt.Errorf("huma answered %d: %s", status, message)
	case errs.ValidationFailed:
		fields := make([]errs.Field, 0, len(details))
		for _, d := range details {
			fields = append(fields, humaField(d))
		}
		if err = errs.Invalid(fields...); err == nil {
			err = errs.New(errs.ValidationFailed, "The request does not fit what this operation takes.")
		}
	case errs.InvalidJSON:
		err = errs.New(code, "This operation needs a body: send a JSON object as the OpenAPI document describes it.")
	default:
		x, _ := errs.Explain(code)
		err = errs.New(code, "%s", x.Meaning)
	}
	req := &httpd.Request{}
	if ctx != nil {
		req = httpd.From(ctx.Context())
	}
	p := NewProblem(err, req)
	note(req, p, err)
	return p
}

// humaField keeps where and what, and drops the value.
func humaField(err error) errs.Field {
	d, ok := err.(huma.ErrorDetailer)
	if !ok {
		return errs.Field{Code: "invalid", Detail: sentence(err.Error())}
	}
	detail := d.ErrorDetail()
	f := errs.Field{Code: "invalid", Detail: sentence(detail.Message)}
	where, rest, _ := strings.Cut(detail.Location, ".")
	switch where {
	case "query", "header", "path":
		f.Parameter = rest
	case "body":
		f.Pointer = pointer(rest)
	default:
		f.Pointer = pointer(strings.TrimPrefix(strings.TrimPrefix(detail.Location, "body"), "."))
	}
	if name, ok := strings.CutPrefix(detail.Message, "expected required property "); ok {
		f.Pointer += "/" + escapePointer(strings.TrimSuffix(name, " to be present"))
		f.Code, f.Detail = "required", "This value is required."
	}
	if strings.HasSuffix(detail.Message, "parameter is missing") {
		f.Code, f.Detail = "required", "Send this "+where+" parameter too; it is required."
	}
	if says, ok := unread[detail.Message]; ok {
		f.Detail = says
	}
	if strings.HasPrefix(detail.Message, "unexpected property") || strings.HasPrefix(detail.Message, "unknown query parameter") {
		f.Code, f.Detail = "unknown", unknownName
	}
	return f
}

// pointer turns a.b[3].c into /a/b/3/c (RFC 6901).
func pointer(location string) string {
	if location == "" {
		return ""
	}
	location = escapePointer(location)
	return "/" + strings.NewReplacer("[", "/", "]", "", ".", "/").Replace(location)
}

func sentence(s string) string {
	if s == "" {
		return "This value is not accepted."
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
