package entity

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

var updateGolden = flag.Bool("update", false, "write the tables of values in testdata anew")

// TestValuesOfEveryType holds testdata/values.txt to be what happens: for every type
// what is accepted and how it is stored and shown, and what is refused with which
// sentence. Read the file when you want to know what users read.
func TestValuesOfEveryType(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	seen := map[Type]bool{}
	for _, table := range valueTables() {
		f := table.field
		seen[f.Type] = true
		fmt.Fprintf(&b, "# %s\n\n", table.name)
		for _, raw := range table.values {
			v, p := f.Parse(raw)
			fmt.Fprintf(&b, "%s\n", sent(raw))
			switch {
			case p != nil && p.Part != "":
				fmt.Fprintf(&b, "    refused at %s, %s: %s\n", p.Part, p.Code, p.Detail)
			case p != nil:
				fmt.Fprintf(&b, "    refused, %s: %s\n", p.Code, p.Detail)
			case v == nil:
				b.WriteString("    no value\n")
			default:
				wire, err := json.Marshal(f.Wire(v))
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&b, "    stored %s", short(string(wire)))
				if shown, _ := json.Marshal(f.Show(v)); string(shown) != string(wire) {
					fmt.Fprintf(&b, ", shown %s", short(string(shown)))
				}
				b.WriteString("\n")
			}
		}
		b.WriteString("\n")
	}
	for _, typ := range Types() {
		if !seen[typ] {
			t.Errorf("%s has no table", typ)
		}
	}
	path := filepath.Join("testdata", "values.txt")
	if *updateGolden {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, old := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(old)) {
		if i >= len(got) || i >= len(old) || got[i] != old[i] {
			t.Fatalf("%s is not what happens from line %d on; look at the difference after: go test ./internal/entity -run TestValuesOfEveryType -update", path, i+1)
		}
	}
}

// sent is a raw value as a caller would write it.
func sent(raw Raw) string {
	switch raw.Kind {
	case RawText:
		return short(fmt.Sprintf("%+q", raw.Text))
	case RawNumber:
		return raw.Text
	case RawBool:
		return fmt.Sprint(raw.Bool)
	case RawNull:
		return "null"
	case RawUpload:
		return short(fmt.Sprintf("file %+q of %d bytes", raw.File.Name, len(raw.File.Content)))
	case RawList:
		items := make([]string, len(raw.List))
		for i, item := range raw.List {
			items[i] = sent(item)
		}
		return short("[" + strings.Join(items, ", ") + "]")
	}
	members := make([]string, len(raw.Members))
	for i, m := range raw.Members {
		members[i] = fmt.Sprintf("%q: %s", m.Name, sent(m.Raw))
	}
	return short("{" + strings.Join(members, ", ") + "}")
}

func short(s string) string {
	s = strings.NewReplacer("\u202e", `\u202e`, "\ufeff", `\ufeff`, "\u0301", `\u0301`, "\u200d", `\u200d`).Replace(s) // to be seen
	if n := utf8.RuneCountInString(s); n > 160 {
		return string([]rune(s)[:60]) + fmt.Sprintf("… (%d characters)", n)
	}
	return s
}

type valueTable struct {
	name   string
	field  Field
	values []Raw
}

func texts(list ...string) (out []Raw) {
	for _, s := range list {
		out = append(out, text(s))
	}
	return out
}

// odd are texts that every type has to have an answer to.
func odd() []Raw {
	return append(texts(
		"", " \t\n", "a\x00b", "a\xffb", "\xed\xa0\x80", "\U0001f468\u200d\U0001f469\u200d\U0001f467 family", "e\u0301", "\u05e9\u05dc\u05d5\u05dd", "\u202egnp.exe", "\u0301", "\ufeff", strings.Repeat("x", 1<<20),
	), Raw{}, number("12"), number("-0"), yes, no, list(), list(text("a")), list(text("a"), text("b")), object, parts("a", "b"), upload("a.txt", "x"))
}

func with(more []Raw, values ...string) []Raw { return append(texts(values...), more...) }

func valueTables() []valueTable {
	thirty := strings.Repeat("123456789.", 3)
	thirty = strings.ReplaceAll(thirty, ".", "0")
	return []valueTable{
		{"text", Field{Type: Text}, with(odd(), "Ada", "  Ada Lovelace ", "<script>alert(1)</script>", "' OR 1=1 --", strings.Repeat("\u00fc", 1000), strings.Repeat("\u00fc", 1001))},
		{"text of at most 3 characters", Field{Type: Text, MaxLength: 3}, with(nil, "abc", "abcd", "\u00e4\u00f6\u00fc")},
		{"textarea", Field{Type: Textarea}, with(odd(), " two\r\nlines\r", strings.Repeat("x", 20001))},
		{"number", Field{Type: Number}, append(with(odd(), "42", "1,5", "1.234,50", "1,234.50", "1 000", "\u0664\u0662", "0x1f", "NaN", "1e3", "+7", thirty, thirty+".12345678", thirty+".123456789", strings.Repeat("9", 39), "1e40"),
			number("1.50"), number("1E-2"), number("-0.0"))},
		{"number from -5 to 10.5 in steps of 0.5", Field{Type: Number, Min: new(Decimal("-5")), Max: new(Decimal("10.5")), Step: new(Decimal("0.5"))}, with(nil, "-5", "-5.5", "10.5", "11", "0.25")},
		{"email", Field{Type: Email}, with(odd(), "ada@example.com", "Ada.Lovelace+news@Example.COM", "o'brien@example.ie", "zo\u00eb@m\u00fcller.example", "\u7528\u6237@\u4f8b\u5b50.\u5e7f\u544a", "ada@sub.example.co.uk",
			"ada", "@example.com", "ada@", "ada@localhost", "ada@127.0.0.1", "ada@[127.0.0.1]", `"ada lovelace"@example.com`, "ada..l@example.com", ".ada@example.com", "ada.@example.com", "ada@exa_mple.com", "ada@-example.com",
			"ada@example..com", "Ada <ada@example.com>", "ada@example.com, bob@example.com", "mailto:ada@example.com", "ada @example.com", "ada@example.com\r\nBcc: x@example.com", strings.Repeat("a", 64)+"@example.com", strings.Repeat("a", 65)+"@example.com")},
		{"phone", Field{Type: Phone}, with(odd(), "+49 30 123456", "+1 (415) 555-2671", "+39 06 12345678", "030 123456", "0049 30 123456", "+49 1", "+999 123456", "+49 30 123456 ext. 7", "+49 30 123456 / 7", "call me", "+49+30", "tel:+4930123456")},
		{"phone in Germany", Field{Type: Phone, Country: "DE"}, with(nil, "030 123456", "(030) 12 34 56", "0049 30 123456", "+1 415 555 2671", "110", "123456789012345678")},
		{"date", Field{Type: Date}, with(odd(), "2026-07-31", "2028-02-29", "2000-02-29", "2026-02-29", "1900-02-29", "2026-13-01", "2026-04-31", "31.07.2026", "07/31/2026", "2026-7-1", "20260731", "2026-07-31T00:00:00Z", "0000-01-01", "9999-12-31", "10000-01-01", "tomorrow")},
		{"datetime", Field{Type: DateTime}, with(odd(), "2026-07-31T12:30:00Z", "2026-07-31T14:30:00+02:00", "2026-07-31 12:30:00z", "2028-02-29T23:59:59.999999Z", "2026-02-29T00:00:00Z", "2026-07-31T12:30:00", "2026-07-31", "2026-07-31T24:00:00Z", "2026-12-31T23:59:60Z", "0001-01-01T00:00:00+10:00", "1785500000")},
		{"select", Field{Type: Select, Options: choices()}, append(with(odd(), "solar", "SOLAR PANELS", " heat pump ", "2", "nuclear", "old", "Oil"), list(text("solar")))},
		{"multi-select", Field{Type: MultiSelect, Options: choices()}, append(with(odd(), "solar", "nuclear", "oil", "solar, heat"), list(text("HEAT"), text("solar"), text("heat")), list(text("solar"), text("nuclear")), list(object), list(Raw{}, text("")))},
		{"checkbox", Field{Type: Checkbox}, append(with(odd(), "true", "YES", "on", "1", "false", "No", "off", "0", "maybe", "2"), number("1"), number("0"), number("2"))},
		{"url", Field{Type: URL}, with(odd(), "https://example.com/a?b=c#d", " HTTP://Example.com:8080 ", "https://m\u00fcller.example/stra\u00dfe", "http://[::1]:80/", "example.com", "www.example.com", "ftp://example.com", "javascript:alert(1)", "data:text/html,x",
			"https://", "https:///path", "https://exa mple.com", "https://ada:secret@example.com", "//example.com", "https://example.com/"+strings.Repeat("a", 2048))},
		{"file", Field{Type: File}, append(odd(), upload("../../offer.pdf", pdf), upload("photo.png", "<html>"), upload("a", ""), parts("name", "offer.pdf", "content", encoded(pdf)), parts("name", "offer.pdf"), parts("content", "not base64!"))},
		{"file of at most 5 bytes that is an image", Field{Type: File, MaxSize: 5, Types: []string{"image/*"}}, []Raw{upload("a.png", png), upload("a.png", "GIF87"), upload("a.png", "text")}},
		{"address", Field{Type: Address}, append(odd(), parts("street", " Main Street ", "house_number", "5", "postcode", "01067", "city", "Dresden", "country_code", "de"), parts("City", "Z\u00fcrich"), parts("zip", "01067"), parts("country_code", "UK"),
			parts("latitude", "52.5", "longitude", "13.40"), parts("latitude", "91"), parts("longitude", "13\u00b0 24'"), parts("city", "a\x00"), parts("city", strings.Repeat("x", 201)), parts("city", "Bonn", "CITY", "Berlin"))},
	}
}
