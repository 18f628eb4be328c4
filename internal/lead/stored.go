package lead

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// stored is a lead's values as the database has them, made of the values and the
// entity's present definition.
type stored struct {
	data   string
	sealed string
	search string
	keys   []valueKey
}

// valueKey is a row of lead_values but for environment and lead.
type valueKey struct {
	field id.ID
	key   string // bytes; a string, so that it can be compared and be part of a map's key
}

// store computes how the values of a lead are stored. c may be nil when no field is
// encrypted. What the lead has of deleted fields stays as it is.
func store(c *sealer, e *entity.Entity, l *Lead) stored {
	return stored{dataJSON(e, l.Values), sealedJSON(c, e, l), searchText(e, l.Values), valueKeys(c, e, l.Values)}
}

// valueKeys are the keys of all fields that are indexed or find duplicates.
func valueKeys(c *sealer, e *entity.Entity, values map[id.ID]entity.Value) []valueKey {
	var out []valueKey
	for i := range e.Fields {
		if f := &e.Fields[i]; f.Indexed || f.MatchKey != nil {
			out = append(out, fieldKeys(c, f, values[f.ID])...)
		}
	}
	return out
}

func fieldKeys(c *sealer, f *entity.Field, v entity.Value) []valueKey {
	var out []valueKey
	for _, key := range f.Keys(v) {
		if f.Encrypted {
			key = c.equalityKey(f.ID, key)
		}
		if k := (valueKey{f.ID, string(key)}); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// matchKeys are the keys that find duplicates, in their order: a lead that has the
// first is the duplicate, whoever has the second.
func matchKeys(c *sealer, e *entity.Entity, values map[id.ID]entity.Value) []valueKey {
	var fields []*entity.Field
	for i := range e.Fields {
		if e.Fields[i].MatchKey != nil {
			fields = append(fields, &e.Fields[i])
		}
	}
	slices.SortStableFunc(fields, func(a, b *entity.Field) int { return *a.MatchKey - *b.MatchKey })
	var out []valueKey
	for _, f := range fields {
		out = append(out, fieldKeys(c, f, values[f.ID])...)
	}
	return out
}

// searchText is what a search finds a lead by: the folded texts of its values, a line
// each. Encrypted values are not among them.
func searchText(e *entity.Entity, values map[id.ID]entity.Value) string {
	var b strings.Builder
	for i := range e.Fields {
		f := &e.Fields[i]
		v := values[f.ID]
		if v == nil || f.Encrypted {
			continue
		}
		if text := f.SearchText(v); text != "" {
			b.WriteString(entity.Fold(text))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// dataJSON writes the plain values by field id: those of the entity in its order, then
// those of fields that are deleted but not purged.
func dataJSON(e *entity.Entity, values map[id.ID]entity.Value) string {
	o := newFieldObject(64 + 64*len(values))
	known := make(map[id.ID]bool, len(e.Fields))
	for i := range e.Fields {
		f := &e.Fields[i]
		known[f.ID] = true
		if v := values[f.ID]; v != nil && !f.Encrypted {
			o.member(f.ID)
			o.b = appendValue(o.b, v)
		}
	}
	for _, field := range others(values, known) {
		o.member(field)
		o.b = appendValue(o.b, values[field])
	}
	return o.String()
}

func others(values map[id.ID]entity.Value, known map[id.ID]bool) []id.ID {
	var out []id.ID
	for field, v := range values {
		if v != nil && !known[field] {
			out = append(out, field)
		}
	}
	slices.SortFunc(out, compareIDs)
	return out
}

// sealedJSON writes the encrypted values by field id.
func sealedJSON(c *sealer, e *entity.Entity, l *Lead) string {
	o := newFieldObject(2)
	for i := range e.Fields {
		f := &e.Fields[i]
		if v := l.Values[f.ID]; v != nil && f.Encrypted {
			o.member(f.ID)
			o.b = append(o.b, quote(c.seal(l.ID, f.ID, v))...)
		}
	}
	for _, field := range slices.SortedFunc(maps.Keys(l.sealed), compareIDs) {
		if e.FieldByID(field) == nil {
			o.member(field)
			o.b = append(o.b, quote(l.sealed[field])...)
		}
	}
	return o.String()
}

func compareIDs(a, b id.ID) int { return bytes.Compare(a[:], b[:]) }

// fieldObject writes a JSON object by field id.
type fieldObject struct{ b []byte }

func newFieldObject(size int) *fieldObject { return &fieldObject{append(make([]byte, 0, size), '{')} }

func (o *fieldObject) member(field id.ID) {
	if len(o.b) > 1 {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, field.String()...)
	o.b = append(o.b, '"', ':')
}

func (o *fieldObject) String() string { return string(append(o.b, '}')) }
