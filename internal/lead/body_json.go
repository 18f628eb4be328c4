package lead

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// parseJSON reads the members of one JSON object, in the order sent. The decoder
// refuses duplicate names and invalid UTF-8; depth and NUL are looked at here.
func parseJSON(body []byte) ([]Item, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(body)) // a Buffer lets it read in place
	kind := dec.PeekKind()
	if kind == jsontext.KindInvalid {
		_, err := dec.ReadToken()
		return nil, badJSON(body, dec, err)
	}
	if kind != jsontext.KindBeginObject {
		if _, err := dec.ReadValue(); err != nil {
			return nil, badJSON(body, dec, err)
		}
		// No list of errors: the pointer to the whole body is the empty text.
		return nil, errs.New(errs.ValidationFailed, "The body must be one JSON object, for example {\"entity\": \"leads\", \"name\": \"Ada Lovelace\"}.")
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, badJSON(body, dec, err)
	}
	items := make([]Item, 0, 16)
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, badJSON(body, dec, err)
		}
		it := Item{Name: name.String()}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, badJSON(body, dec, err)
		}
		// What ReadValue returns lives until the next call only; the body lives on.
		end := dec.InputOffset()
		it.Value = jsontext.Value(body[end-int64(len(value)) : end : end])
		if strings.IndexByte(it.Name, 0) >= 0 {
			return nil, jsonAt(body, end, "A name holds a NUL character (\\u0000), which cannot be stored")
		}
		if what := checkNested(it.Value); what != "" {
			return nil, jsonAt(body, end, what)
		}
		items = append(items, it)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, badJSON(body, dec, err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, jsonAt(body, dec.InputOffset(), "There is something behind the JSON value")
	}
	return items, nil
}

// checkNested looks for NUL and for too many levels in a value that is valid JSON.
func checkNested(v jsontext.Value) string {
	nested := v.Kind() == jsontext.KindBeginObject || v.Kind() == jsontext.KindBeginArray
	if !nested && bytes.IndexByte(v, '\\') < 0 {
		return ""
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return ""
		}
		if tok.Kind() == jsontext.KindString && strings.IndexByte(tok.String(), 0) >= 0 {
			return "A text holds a NUL character (\\u0000), which cannot be stored"
		}
		if dec.StackDepth() >= MaxDepth {
			return "The body has more than 64 levels"
		}
	}
}

// badJSON says where the body stops being JSON, without repeating it.
func badJSON(body []byte, dec *jsontext.Decoder, err error) error {
	what, offset := "The body is not valid JSON", dec.InputOffset()
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		offset = syntactic.ByteOffset
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		what = "A name occurs twice in one object"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		what, offset = "The body is empty or ends too early", int64(len(body))
	}
	return jsonAt(body, offset, what)
}

func jsonAt(body []byte, offset int64, what string) error {
	before := body[:min(offset, int64(len(body)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return errs.New(errs.InvalidJSON, "%s (line %d, column %d).", what, line, column).With("line", line).With("column", column)
}

// rawOf reads a value for a field. A list is read one level deep, an object with all its
// members, which is as deep as any field goes.
func rawOf(v jsontext.Value) entity.Raw {
	switch v.Kind() {
	case jsontext.KindString:
		s, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return entity.Raw{Kind: entity.RawObject}
		}
		return entity.Raw{Kind: entity.RawText, Text: string(s)}
	case jsontext.KindNumber:
		return entity.Raw{Kind: entity.RawNumber, Text: string(v)}
	case jsontext.KindTrue, jsontext.KindFalse:
		return entity.Raw{Kind: entity.RawBool, Bool: v.Kind() == jsontext.KindTrue}
	case jsontext.KindNull:
		return entity.Raw{Kind: entity.RawNull}
	case jsontext.KindBeginArray:
		raw := entity.Raw{Kind: entity.RawList}
		for _, item := range elements(v) {
			one := entity.Raw{Kind: entity.RawObject}
			if item.Kind() != jsontext.KindBeginArray {
				one = rawOf(item)
			}
			raw.List = append(raw.List, one)
		}
		return raw
	case jsontext.KindBeginObject:
		raw := entity.Raw{Kind: entity.RawObject}
		for _, m := range members(v) {
			raw.Members = append(raw.Members, entity.Member{Name: m.Name, Raw: rawOf(m.Value)})
		}
		return raw
	}
	return entity.Raw{Kind: entity.RawObject}
}

// elements splits an array.
func elements(v jsontext.Value) []jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != jsontext.KindBeginArray {
		return nil
	}
	var out []jsontext.Value
	for dec.PeekKind() != jsontext.KindEndArray {
		item, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		out = append(out, item.Clone())
	}
	return out
}

// members splits an object.
func members(v jsontext.Value) []Item {
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != jsontext.KindBeginObject {
		return nil
	}
	var out []Item
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadToken()
		if err != nil {
			return nil
		}
		it := Item{Name: name.String()}
		value, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		it.Value, it.loose = value.Clone(), entity.Loose(it.Name)
		out = append(out, it)
	}
	return out
}
