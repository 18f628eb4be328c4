package entity

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// FuzzFieldParse sends one text to every type: what is accepted is stable, valid and
// can be shown, what is refused is refused with a sentence.
func FuzzFieldParse(f *testing.F) {
	for _, seed := range []string{
		"Ada", " x ", "a\x00", "\xff", "12.50", "-007e-3", "1e99999", "ada@example.com", "ada@müller.例え", "+49 (0)30 123456", "+١٢٣", "+49 00000000", "", "2026-02-29", "2026-07-31 12:30:00z",
		"solar", "SOLAR PANELS", "oil", "on", "https://example.com/ä?b#c", "http://[::1]:80", "javascript:x", "\u202a+49 30 123456\u202c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, typ := range Types() {
			for _, raw := range []Raw{text(s), number(s), list(text(s))} {
				field := Field{Type: typ, Options: choices(), Country: "DE"}
				v, p := field.Parse(raw)
				if p != nil {
					if v != nil || p.Code == "" || !strings.HasSuffix(p.Detail, ".") {
						t.Fatalf("%s: %#v with problem %+v", typ, v, p)
					}
					continue
				}
				if v == nil {
					continue
				}
				if again, p := field.Parse(rawOf(v)); p != nil || !Same(v, again) {
					t.Fatalf("%s: %#v is not stable: %#v, %v", typ, v, again, p)
				}
				if shown := field.Show(v); !utf8.ValidString(shown) || strings.Contains(shown, "\x00") {
					t.Fatalf("%s: %#v is shown as %q", typ, v, shown)
				}
			}
		}
	})
}

// FuzzObjects sends JSON to the types that read objects: what is accepted is stable, and
// comes back from storage and from an answer as it was.
func FuzzObjects(f *testing.F) {
	for _, seed := range []string{
		`{"street": "A", "City": "B", "latitude": 1.50, "country_code": "de"}`, `{"latitude": 1e400}`, `{}`, `[{}]`, `null`, `{"city": {"city": "x"}}`, `{"city": "\ud800"}`,
		`{"name": "../a.pdf", "content": "JVBERi0xLjcK"}`, `{"content": "="}`, `{"id": "0197b1c2-5d3e-7abc-8def-0123456789ab", "name": "a", "size": 7, "type": "text/plain"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !json.Valid(body) {
			return
		}
		for _, field := range []Field{{Type: Address}, {Type: File}} {
			v, p := field.Parse(rawFromJSON(body))
			if p != nil {
				if v != nil || p.Code == "" || !strings.HasSuffix(p.Detail, ".") {
					t.Fatalf("%s: %#v with problem %+v", field.Type, v, p)
				}
				continue
			}
			if v == nil {
				continue
			}
			if again, p := field.Parse(rawOf(v)); p != nil || !Same(v, again) {
				t.Fatalf("%s: %#v is not stable: %#v, %v", field.Type, v, again, p)
			}
			if file, ok := v.(FileValue); ok {
				file.Content = nil // stored elsewhere
				v = file
			}
			stored, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			var back any
			if err := json.Unmarshal(stored, &back); err != nil || !Same(ValueFromJSON(back), v) {
				t.Fatalf("%s: %s came back as %#v", field.Type, stored, ValueFromJSON(back))
			}
			_, _ = field.Show(v), field.SearchText(v)
		}
	})
}

// FuzzFieldInput sends any JSON as a new field and as a change: never a panic, and what
// is accepted is a definition that passes every check.
func FuzzFieldInput(f *testing.F) {
	for _, seed := range []string{
		`{"label": "X", "type": "number", "min": 1.50, "max": null, "default": "2", "match_key": 1}`, `{"label": "X", "type": "select", "options": [{"key": "a"}, {"label": "B c"}], "default": "b_c"}`,
		`{"label": "X", "type": "file", "types": ["image/*"], "max_size": 1e3}`, `{"label": "X", "type": "address", "default": {"city": "Bonn"}}`, `{"key": "email", "aliases": ["x", "x"], "position": -1, "id": ""}`,
		`{"label": "\u0000", "type": "nothing", "step": "x", "max_length": 1.5}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var in FieldInput
		if json.Unmarshal(body, &in) != nil {
			return
		}
		for _, at := range []int{-1, 0, 5, 6} {
			e := sample()
			e = *e.clone()
			made := Field{Position: len(e.Fields)}
			if at >= 0 {
				made = e.Fields[at]
				made.ID = id.New()
			}
			if in.apply(&made, "", true) != nil {
				continue
			}
			if at >= 0 {
				e.Fields[at] = made
			} else {
				e.Fields = append(e.Fields, made)
			}
			for _, wrong := range (focus{max(at, len(e.Fields)-1), -1, -1}).pointers(e.check(everywhere)) {
				if wrong.Code == "" || !strings.HasSuffix(wrong.Detail, ".") {
					t.Fatalf("%s: %+v", body, wrong)
				}
			}
			text, err := json.Marshal(settingsOf(made))
			if err != nil {
				t.Fatal(err)
			}
			var s settings
			if err := json.Unmarshal(text, &s); err != nil {
				t.Fatalf("%s cannot be read again: %v", text, err)
			}
			var back Field
			s.into(&back)
			back.Key, back.Label, back.Type, back.Position = made.Key, made.Label, made.Type, made.Position
			if e.Check() == nil && !equalFields(made, back) {
				t.Fatalf("%s came back as %+v", text, back)
			}
		}
	})
}
