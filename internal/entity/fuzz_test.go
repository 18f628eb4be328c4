package entity

import (
	"strings"
	"testing"
	"unicode/utf8"
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
