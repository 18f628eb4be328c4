package api

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// maxDepth is how many levels a JSON body may have.
const maxDepth = 64

// scanJSON reads a body once, token by token: it returns the keys in its names and
// values, and a problem when it is not strict JSON (RFC 8259; no duplicate names,
// valid UTF-8, no NUL, at most 64 levels, nothing behind the value). Keys are looked
// for in the whole text first, so that bad JSON does not hide them.
func (a *API) scanJSON(body []byte) ([]string, error) {
	if keys := a.gate.FindKeys(string(body)); len(keys) > 0 {
		return keys, nil
	}
	escaped := bytes.IndexByte(body, '\\') >= 0
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	var keys []string
	for {
		tok, err := dec.ReadToken()
		if errors.Is(err, io.EOF) && dec.StackDepth() == 0 && dec.InputOffset() > 0 {
			return keys, nil
		}
		if err != nil {
			return keys, jsonProblem(body, dec, err)
		}
		if dec.StackDepth() > maxDepth {
			return keys, problemAt(body, dec.InputOffset(), "The body has more than 64 levels")
		}
		if tok.Kind() == '"' && escaped {
			text := tok.String()
			if strings.IndexByte(text, 0) >= 0 {
				return keys, problemAt(body, dec.InputOffset(), "A text holds a NUL character (\\u0000), which cannot be stored")
			}
			keys = append(keys, a.gate.FindKeys(text)...)
		}
		if dec.StackDepth() == 0 {
			return keys, trailing(body, dec)
		}
	}
}

// trailing refuses anything but white space behind the value.
func trailing(body []byte, dec *jsontext.Decoder) error {
	rest := bytes.TrimLeft(body[dec.InputOffset():], " \t\r\n")
	if len(rest) > 0 {
		return problemAt(body, int64(len(body)-len(rest)), "There is something behind the JSON value")
	}
	return nil
}

func jsonProblem(body []byte, dec *jsontext.Decoder, err error) error {
	offset := dec.InputOffset()
	what := "The body is not valid JSON"
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		offset = syntactic.ByteOffset
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			what = "A name occurs twice in one object"
		case strings.Contains(syntactic.Error(), "UTF-8"):
			what = "The body is not valid UTF-8"
		case errors.Is(err, io.ErrUnexpectedEOF):
			what = "The body ends too early"
		}
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		what, offset = "The body is empty or ends too early", int64(len(body))
	}
	return problemAt(body, offset, what)
}

func problemAt(body []byte, offset int64, what string) error {
	offset = min(offset, int64(len(body)))
	before := body[:offset]
	line := bytes.Count(before, []byte("\n")) + 1
	column := int(offset) - bytes.LastIndexByte(before, '\n')
	return errs.New(errs.InvalidJSON, "%s (line %d, column %d).", what, line, column).With("line", line).With("column", column)
}
