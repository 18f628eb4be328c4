package lead

import (
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// appendValue writes a value as it is stored.
func appendValue(b []byte, v entity.Value) []byte {
	switch v := v.(type) {
	case string:
		return append(b, quote(v)...)
	case bool:
		return fmt.Append(b, v)
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, quote(s)...)
		}
		return append(b, ']')
	case map[string]string, entity.FileValue:
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // made of plain data
		}
		return append(b, text...)
	}
	panic(fmt.Sprintf("lead: a value of type %T cannot be stored", v)) // no field type makes one
}

// readSealed reads the encrypted values, which stay closed.
func readSealed(stored string) (map[id.ID]string, error) {
	if stored == "{}" {
		return nil, nil
	}
	var sealed map[id.ID]string
	if err := json.Unmarshal([]byte(stored), &sealed); err != nil {
		return nil, fmt.Errorf("lead: encrypted values cannot be read: %w", err)
	}
	return sealed, nil
}

// unmappedJSON keeps what was sent under unknown names, each value byte for byte.
func unmappedJSON(items []*Item) string {
	b := []byte{'{'}
	for i, it := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, quote(it.Name)...)
		b = append(b, ':')
		b = append(b, it.Value...)
	}
	return string(append(b, '}'))
}

// ShownUnmapped lists what was sent under unknown names, for people: texts as they
// are, everything else as JSON.
func (l *Lead) ShownUnmapped() []Shown {
	var out []Shown
	for _, it := range members(l.Unmapped) {
		text := it.Value.String()
		if it.Value.Kind() == jsontext.KindString {
			text = rawOf(it.Value).Text
		}
		out = append(out, Shown{it.Name, text})
	}
	return out
}

// Shown is a name with its value as people read them.
type Shown struct{ Name, Text string }
