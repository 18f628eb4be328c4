package entity

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// rawOf turns a stored value back into one that could have been sent.
func rawOf(v Value) Raw {
	switch v := v.(type) {
	case string:
		return Raw{Kind: RawText, Text: v}
	case bool:
		return Raw{Kind: RawBool, Bool: v}
	case []string:
		list := make([]Raw, len(v))
		for i, s := range v {
			list[i] = rawOf(s)
		}
		return Raw{Kind: RawList, List: list}
	case map[string]string:
		raw := Raw{Kind: RawObject}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			raw.Members = append(raw.Members, Member{name, rawOf(v[name])})
		}
		return raw
	case FileValue:
		if !v.Kept() {
			return Raw{Kind: RawUpload, File: RawFile{v.Name, v.Content}}
		}
		return Raw{Kind: RawObject, Members: []Member{
			{"id", rawOf(v.ID.String())}, {"name", rawOf(v.Name)}, {"size", rawOf(strconv.FormatInt(v.Size, 10))}, {"type", rawOf(v.Type)},
		}}
	}
	return Raw{Kind: RawObject}
}

// rawFromJSON reads a JSON value that is known to be valid, numbers with their digits.
func rawFromJSON(b []byte) Raw {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return Raw{Kind: RawObject}
	}
	return rawFromAny(v)
}

func rawFromAny(v any) Raw {
	switch v := v.(type) {
	case nil:
		return Raw{Kind: RawNull}
	case string:
		return Raw{Kind: RawText, Text: v}
	case json.Number:
		return Raw{Kind: RawNumber, Text: v.String()}
	case bool:
		return Raw{Kind: RawBool, Bool: v}
	case []any:
		raw := Raw{Kind: RawList}
		for _, item := range v {
			raw.List = append(raw.List, rawFromAny(item))
		}
		return raw
	case map[string]any:
		raw := Raw{Kind: RawObject}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			raw.Members = append(raw.Members, Member{name, rawFromAny(v[name])})
		}
		return raw
	}
	return Raw{Kind: RawObject}
}
