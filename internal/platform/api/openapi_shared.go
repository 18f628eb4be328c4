package api

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// sharedHeaders are the headers of answers that mean the same wherever they come.
var sharedHeaders = map[string]tree{
	"X-Request-Id":         header("Names the request in the logs and on the key's page", "0198c4f2-7d10-7cc3-98c4-dc0c0c07398f"),
	"ETag":                 header("Names the present state. Send it back as If-Match with a change, so that nobody else's change is overwritten", `"3"`),
	"Link":                 header("The address of the next page with rel=\"next\" (RFC 8288); absent on the last page", `</api/leads?cursor=djE&entity=leads&limit=50>; rel="next"`),
	"RateLimit":            header("What is left in the window that ends first; absent for a key without a limit", `"minute";r=5991;t=41`),
	"RateLimit-Policy":     header("The limits of the key; absent for a key without a limit", `"burst";q=600;w=6, "minute";q=6000;w=60`),
	"Retry-After":          header("After how many seconds to try again", "6"),
	"WWW-Authenticate":     header("What the caller has to show (RFC 6750)", `Bearer realm="leadflip", error="invalid_token"`),
	"X-Api-Key-Expires":    header("When the key ends (RFC 3339); sent in its last 30 days", "2026-12-24T18:00:00Z"),
	"Idempotency-Replayed": header("true when this answer was given before to the same Idempotency-Key", "true"),
}

func header(description, example string) tree {
	return tree{"description": description, "schema": tree{"type": "string"}, "example": example}
}

// sharedParameters are those that mean the same wherever they are taken.
var sharedParameters = map[string]bool{"Idempotency-Key": true, "If-Match": true, "If-None-Match": true, "limit": true, "cursor": true}

// exampleOf holds examples of parameters whose Go type does not bring one.
var exampleOf = map[string]any{
	"id": "0198c4f2-7d10-7cc3-98c4-dc0c0c07398f", "cursor": "djE6MDE5OGM0ZjI", "Idempotency-Key": "order-1042", "If-Match": `"3"`, "If-None-Match": `"3"`,
}

// refusals says what a status of a problem document means, whatever the operation.
var refusals = map[int]string{
	http.StatusBadRequest:            "The request cannot be read, or carries a key where it must not be",
	http.StatusUnauthorized:          "There is no key, or one that does not work; code says why",
	http.StatusForbidden:             "The key lacks a scope, or the request came in a way that is not allowed",
	http.StatusNotFound:              "There is nothing of this id that the key may see",
	http.StatusNotAcceptable:         "The Accept header excludes what the operation answers",
	http.StatusConflict:              "The call does not go with the present state, or the same call is still under way",
	http.StatusPreconditionFailed:    "It was changed since it was read; If-Match names an older state",
	http.StatusRequestEntityTooLarge: "The body is larger than this operation takes",
	http.StatusRequestURITooLong:     "The address is too long",
	http.StatusUnsupportedMediaType:  "The body is of a type that this operation does not read",
	http.StatusUnprocessableEntity:   "Values are wrong; errors points at each",
	http.StatusTooManyRequests:       "Too many calls; Retry-After says when the next one is taken",
	http.StatusInternalServerError:   "Something went wrong on our side; the log has it under the request id",
	http.StatusServiceUnavailable:    "The instance cannot answer right now; nothing was changed. Try again after Retry-After",
	http.StatusInsufficientStorage:   "The disk of the instance is full; nothing was changed",
}

// refusalHeaders are sent with a problem beside the X-Request-Id.
var refusalHeaders = map[int][]string{
	http.StatusUnauthorized: {"WWW-Authenticate"}, http.StatusForbidden: {"WWW-Authenticate"},
	http.StatusTooManyRequests: {"Retry-After", "RateLimit", "RateLimit-Policy"}, http.StatusServiceUnavailable: {"Retry-After"},
}

// share moves what operations have in common to the components: a reader sees it once,
// and a generator makes one type of it. It also gives parameters their examples and
// answers the headers that the frame sends.
func share(doc tree) {
	components := inside(doc, "components")
	for name, h := range sharedHeaders {
		inside(components, "headers")[componentName(name)] = h
	}
	eachOperation(doc, func(op tree) {
		preconditions, once := shareParameters(components, op)
		keyed := op["x-leadflip-scope"] != "open"
		responses := inside(op, "responses")
		if preconditions {
			responses[strconv.Itoa(http.StatusPreconditionFailed)] = refusal(components, http.StatusPreconditionFailed)
		}
		for text := range responses {
			status, err := strconv.Atoi(text)
			switch {
			case err != nil:
			case status >= http.StatusBadRequest && isPlainProblem(responses[text]):
				responses[text] = refusal(components, status)
			case status < http.StatusBadRequest:
				headers := inside(inside(responses, text), "headers")
				names := []string{"X-Request-Id"}
				if keyed {
					names = append(names, "RateLimit", "RateLimit-Policy", "X-Api-Key-Expires")
				}
				if once {
					names = append(names, "Idempotency-Replayed")
				}
				for _, name := range []string{"ETag", "Link"} {
					if headers[name] != nil {
						names = append(names, name)
					}
				}
				for _, name := range names {
					headers[name] = reference("headers", componentName(name))
				}
			}
		}
	})
}

// shareParameters puts shared parameters into the components where they are the same
// everywhere. It tells whether the operation takes If-Match and Idempotency-Key.
func shareParameters(components, op tree) (preconditions, once bool) {
	all, _ := op["parameters"].([]any)
	for i, one := range all {
		p, ok := one.(tree)
		if !ok {
			continue
		}
		name, _ := p["name"].(string)
		preconditions = preconditions || name == "If-Match"
		once = once || name == "Idempotency-Key"
		complete(p, name)
		if !sharedParameters[name] {
			continue
		}
		shared := inside(components, "parameters")
		if first, taken := shared[componentName(name)]; taken && !reflect.DeepEqual(first, p) {
			continue
		}
		shared[componentName(name)] = p
		all[i] = reference("parameters", componentName(name))
	}
	return preconditions, once
}

// complete gives a parameter an example and says its description once.
func complete(p tree, name string) {
	s := inside(p, "schema")
	if p["description"] == s["description"] {
		delete(s, "description")
	}
	if p["in"] != "query" {
		delete(p, "explode") // says nothing of a single value
	}
	if examples, ok := s["examples"].([]any); ok && len(examples) > 0 {
		p["example"] = examples[0]
	}
	if p["example"] != nil {
		return
	}
	choices, _ := s["enum"].([]any)
	switch {
	case exampleOf[name] != nil:
		p["example"] = exampleOf[name]
	case s["default"] != nil:
		p["example"] = s["default"]
	case len(choices) > 0:
		p["example"] = choices[0]
	case s["type"] == "boolean":
		p["example"] = true
	case s["format"] == "date-time":
		p["example"] = "2026-07-31T14:30:00Z"
	}
}

// refusal is a reference to the shared answer of a status, made when there is none.
func refusal(components tree, status int) tree {
	name := componentName(http.StatusText(status))
	responses := inside(components, "responses")
	if responses[name] == nil {
		description := refusals[status]
		if description == "" {
			description = http.StatusText(status)
		}
		headers := tree{}
		for _, h := range append([]string{"X-Request-Id"}, refusalHeaders[status]...) {
			headers[h] = reference("headers", componentName(h))
		}
		responses[name] = tree{"description": description, "headers": headers,
			"content": tree{"application/problem+json": tree{"schema": reference("schemas", "Problem")}}}
	}
	return reference("responses", name)
}

// isPlainProblem tells whether an answer is a problem document and nothing else.
func isPlainProblem(response any) bool {
	r, _ := response.(tree)
	content, _ := r["content"].(tree)
	return len(content) == 1 && content["application/problem+json"] != nil && r["headers"] == nil
}

// componentName makes a name of letters and digits: Retry-After is RetryAfter, cursor
// Cursor, list-leads ListLeads.
func componentName(text string) string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// RequestSchema is the name of the component that describes the body of an operation
// whose schema is not a Go type.
func RequestSchema(operationID string) string { return componentName(operationID) + "Request" }

// nameBodies makes components of the bodies that are described in place, once for all
// media types of the operation, and lets their examples go with them.
func nameBodies(doc tree) {
	schemas := inside(doc, "components", "schemas")
	eachOperation(doc, func(op tree) {
		body, ok := op["requestBody"].(tree)
		if !ok {
			return
		}
		id, _ := op["operationId"].(string)
		name := RequestSchema(id)
		content := inside(body, "content")
		for media := range content {
			m := inside(content, media)
			s, ok := m["schema"].(tree)
			if !ok || s["properties"] == nil {
				continue
			}
			if schemas[name] == nil {
				var values []any
				examples := inside(m, "examples")
				for _, called := range slices.Sorted(maps.Keys(examples)) {
					values = append(values, inside(examples, called)["value"])
				}
				if len(values) > 0 {
					s["examples"] = values
				}
				schemas[name] = s
			}
			delete(m, "examples")
			m["schema"] = reference("schemas", name)
		}
	})
}
