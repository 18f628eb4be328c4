package lead

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Stored values are read for every lead of a list or an export, and some of them for
// every lead that a filter looks at. They are JSON that this program wrote, perhaps
// with the spaces that PostgreSQL adds, so they are read by hand.

var errData = errors.New("lead: stored values cannot be read")

// readData is the inverse of dataJSON. Values of fields that no longer exist are in it
// too.
func readData(stored string) (map[id.ID]entity.Value, error) {
	values := make(map[id.ID]entity.Value, strings.Count(stored, `":`))
	at := skipSpace(stored, 0)
	if at == len(stored) || stored[at] != '{' {
		return nil, errData
	}
	for at = skipSpace(stored, at+1); at < len(stored) && stored[at] != '}'; {
		name, next, err := readText(stored, at)
		if err != nil {
			return nil, err
		}
		field, err := id.Parse(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errData, err)
		}
		if next = skipSpace(stored, next); next == len(stored) || stored[next] != ':' {
			return nil, errData
		}
		v, next, err := readValue(stored, next+1)
		if err != nil {
			return nil, err
		}
		if v != nil {
			values[field] = v
		}
		if at = skipSpace(stored, next); at < len(stored) && stored[at] == ',' {
			at = skipSpace(stored, at+1)
		}
	}
	if at >= len(stored) {
		return nil, errData
	}
	return values, nil
}

// readOne reads the value of one field. name is its id in quotes.
func readOne(stored, name string) (entity.Value, error) {
	at := findValue(stored, name)
	if at < 0 {
		return nil, nil
	}
	v, _, err := readValue(stored, at)
	return v, err
}

// findValue finds where the value of a name in quotes stands; -1: nowhere. An id in
// quotes can stand in the text as a name or as a whole value, but in no longer text,
// whose quotes would be escaped.
func findValue(stored, name string) int {
	for at := 0; ; {
		i := strings.Index(stored[at:], name)
		if i < 0 {
			return -1
		}
		if at = valueBehind(stored, at+i+len(name)); at >= 0 {
			return at
		}
		at = -at
	}
}

// valueBehind is where the value behind a name stands; what stands there without a colon
// is no name, and the place is negative.
func valueBehind(stored string, at int) int {
	if at = skipSpace(stored, at); at == len(stored) || stored[at] != ':' {
		return -at
	}
	return skipSpace(stored, at+1)
}

// storedValues gives the values of a lead as they are stored, fastest in the order in
// which they are.
type storedValues struct {
	data string
	next int // where the next name may stand
}

// find returns the JSON of a field's value, "" when there is none.
func (s *storedValues) find(field id.ID) (string, error) {
	if s.next == 0 {
		s.next = skipSpace(s.data, 1) // behind the brace
	}
	var room [38]byte
	name := append(field.Append(append(room[:0], '"')), '"')
	at, behind := -1, s.next+len(name)
	if behind < len(s.data) && s.data[s.next:behind] == string(name) {
		at = valueBehind(s.data, behind)
	}
	if at < 0 {
		if at = findValue(s.data, string(name)); at < 0 {
			return "", nil
		}
	}
	end, err := skipValue(s.data, at)
	if err != nil {
		return "", err
	}
	if s.next = skipSpace(s.data, end); s.next < len(s.data) && s.data[s.next] == ',' {
		s.next = skipSpace(s.data, s.next+1)
	}
	return s.data[at:end], nil
}

// skipValue is where the value at a place ends.
func skipValue(s string, at int) (end int, err error) {
	depth := 0
	for i := at; i < len(s); i++ {
		switch s[i] {
		case '"':
			if i = closingQuote(s, i); i < 0 {
				return 0, errData
			}
			if depth == 0 {
				return i + 1, nil
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // the end of what the value is in
				return i, nil
			}
			if depth--; depth == 0 {
				return i + 1, nil
			}
		case ',', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i, nil
			}
		}
	}
	return 0, errData
}

// closingQuote is where the text whose quote stands at a place ends; -1: nowhere.
func closingQuote(s string, at int) int {
	for i := at + 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

func skipSpace(s string, at int) int {
	for at < len(s) && (s[at] == ' ' || s[at] == '\n' || s[at] == '\t' || s[at] == '\r') {
		at++
	}
	return at
}

// readValue reads the value at or behind a place, and where it ends.
func readValue(s string, at int) (v entity.Value, next int, err error) {
	at = skipSpace(s, at)
	switch rest := s[at:]; {
	case strings.HasPrefix(rest, `"`):
		return asValue(readText(s, at))
	case strings.HasPrefix(rest, "true"):
		return true, at + 4, nil
	case strings.HasPrefix(rest, "false"):
		return false, at + 5, nil
	case strings.HasPrefix(rest, "null"):
		return nil, at + 4, nil
	}
	dec := json.NewDecoder(strings.NewReader(s[at:]))
	var stored any
	if err := dec.Decode(&stored); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errData, err)
	}
	return entity.ValueFromJSON(stored), at + int(dec.InputOffset()), nil
}

func asValue(text string, next int, err error) (entity.Value, int, error) { return text, next, err }

// readText reads the text whose quote stands at a place, and where it ends.
func readText(s string, at int) (text string, next int, err error) {
	if at >= len(s) || s[at] != '"' {
		return "", 0, errData
	}
	escaped := false
	for i := at + 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			if !escaped {
				return s[at+1 : i], i + 1, nil
			}
			plain, err := jsontext.AppendUnquote(nil, s[at:i+1])
			return string(plain), i + 1, err
		}
	}
	return "", 0, errData
}
