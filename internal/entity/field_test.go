package entity

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func text(s string) Raw   { return Raw{Kind: RawText, Text: s} }
func number(s string) Raw { return Raw{Kind: RawNumber, Text: s} }
func list(items ...Raw) Raw {
	return Raw{Kind: RawList, List: items}
}

var (
	yes    = Raw{Kind: RawBool, Bool: true}
	no     = Raw{Kind: RawBool}
	object = Raw{Kind: RawObject}
)

// fieldCase is a value as it arrives and what becomes of it: either want, or a code
// and a part of the sentence.
type fieldCase struct {
	name   string
	field  Field
	raw    Raw
	want   Value
	code   string
	detail string
	show   string // of an accepted value; "" is not looked at
}

func (c fieldCase) run(t *testing.T) {
	t.Helper()
	got, p := c.field.Parse(c.raw)
	if c.code != "" {
		if p == nil {
			t.Fatalf("accepted as %#v, want the problem %s", got, c.code)
		}
		if p.Code != c.code || !strings.Contains(p.Detail, c.detail) {
			t.Errorf("got problem %s %q, want %s with %q", p.Code, p.Detail, c.code, c.detail)
		}
		if len(c.raw.Text) > 5 && strings.Contains(p.Detail, c.raw.Text) {
			t.Errorf("the sentence repeats the value: %q", p.Detail)
		}
		if !strings.HasSuffix(p.Detail, ".") {
			t.Errorf("not a sentence: %q", p.Detail)
		}
		return
	}
	if p != nil {
		t.Fatalf("refused: %s %s", p.Code, p.Detail)
	}
	if d := cmp.Diff(c.want, got); d != "" {
		t.Errorf("value (-want +got):\n%s", d)
	}
	if got == nil {
		return
	}
	if again, p := c.field.Parse(rawOf(got)); p != nil || !Same(again, got) {
		t.Errorf("a normalised value is not stable: %#v became %#v, %v", got, again, p)
	}
	if show := c.field.Show(got); c.show != "" && show != c.show {
		t.Errorf("shown as %q, want %q", show, c.show)
	}
}

func TestEmptyValuesOfEveryType(t *testing.T) {
	t.Parallel()
	for _, typ := range Types() {
		f := Field{Type: typ, Options: []Option{{Key: "a", Label: "A"}}}
		for _, raw := range []Raw{{Kind: RawNull}, text(""), text(" \t\n"), list()} {
			if v, p := f.Parse(raw); v != nil || p != nil {
				t.Errorf("%s: %v became %#v, %v; want no value and no problem", typ, raw, v, p)
			}
		}
		if v, p := f.Parse(object); p == nil && typ != Address { // one without parts is no address
			t.Errorf("%s: an object was accepted as %#v", typ, v)
		}
		if f.Show(nil) != "" || f.Wire(nil) != nil {
			t.Errorf("%s: no value is shown as %q and %v", typ, f.Show(nil), f.Wire(nil))
		}
	}
}

func TestTypesKnowEachOther(t *testing.T) {
	t.Parallel()
	if len(Types()) != len(kinds) {
		t.Errorf("Types lists %d types, %d exist", len(Types()), len(kinds))
	}
	for _, typ := range Types() {
		if !typ.Valid() {
			t.Errorf("%s is listed and does not exist", typ)
		}
	}
	if Type("table").Valid() {
		t.Error("a type nobody wrote is valid")
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	f := Field{Type: Text}
	short := Field{Type: Text, MaxLength: 3}
	for _, c := range []fieldCase{
		{name: "plain", field: f, raw: text("Ada Lovelace"), want: "Ada Lovelace", show: "Ada Lovelace"},
		{name: "white space around", field: f, raw: text("  Ada\u00a0"), want: "Ada"},
		{name: "white space inside", field: f, raw: text("Ada  L\tB"), want: "Ada  L\tB"},
		{name: "not composed", field: f, raw: text("Zoe\u0308"), want: "Zoe\u0308"},
		{name: "number", field: f, raw: number("00.10"), want: "00.10"},
		{name: "markup is only text", field: f, raw: text("<b>x</b>"), want: "<b>x</b>"},
		{name: "1000 characters", field: f, raw: text(strings.Repeat("ü", 1000)), want: strings.Repeat("ü", 1000)},
		{name: "1001 characters", field: f, raw: text(strings.Repeat("ü", 1001)), code: "too_long", detail: "1001 characters; use at most 1000"},
		{name: "own limit", field: short, raw: text("äöü"), want: "äöü"},
		{name: "over own limit", field: short, raw: text("abcd"), code: "too_long", detail: "at most 3"},
		{name: "bool", field: f, raw: yes, code: "wrong_type", detail: "as a text"},
		{name: "list", field: f, raw: list(text("a")), code: "wrong_type"},
		{name: "object", field: f, raw: object, code: "wrong_type"},
		{name: "NUL", field: f, raw: text("a\x00b"), code: "invalid_text", detail: "NUL"},
		{name: "bad UTF-8", field: f, raw: text("a\xffb"), code: "invalid_text", detail: "UTF-8"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestTextarea(t *testing.T) {
	t.Parallel()
	f := Field{Type: Textarea}
	for _, c := range []fieldCase{
		{name: "kept as it is", field: f, raw: text("  two\n lines \n"), want: "  two\n lines \n"},
		{name: "line ends", field: f, raw: text("a\r\nb\rc"), want: "a\nb\nc"},
		{name: "20000", field: f, raw: text(strings.Repeat("x", 20000)), want: strings.Repeat("x", 20000)},
		{name: "20001", field: f, raw: text(strings.Repeat("x", 20001)), code: "too_long", detail: "20000"},
		{name: "own limit", field: Field{Type: Textarea, MaxLength: 2}, raw: text("abc"), code: "too_long", detail: "at most 2"},
		{name: "bool", field: f, raw: no, code: "wrong_type"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	f := Field{Type: Number}
	limited := Field{Type: Number, Min: new(Decimal("-5")), Max: new(Decimal("10.5")), Step: new(Decimal("0.5"))}
	digits38 := strings.Repeat("9", 38)
	for _, c := range []fieldCase{
		{name: "integer", field: f, raw: number("42"), want: "42", show: "42"},
		{name: "text", field: f, raw: text(" 42.50 "), want: "42.50"},
		{name: "digits stay", field: f, raw: number("0.10"), want: "0.10"},
		{name: "beyond a float", field: f, raw: number("9007199254740993.1"), want: "9007199254740993.1"},
		{name: "38 digits", field: f, raw: number(digits38), want: digits38},
		{name: "38 digits and decimals", field: f, raw: number(digits38 + ".0"), code: "too_many_digits", detail: "38"},
		{name: "39 digits", field: f, raw: number(digits38 + "9"), code: "too_many_digits"},
		{name: "38 decimals", field: f, raw: number("0." + digits38), want: "0." + digits38},
		{name: "plus", field: f, raw: text("+7"), want: "7"},
		{name: "leading zeros", field: f, raw: text("-007.0"), want: "-7.0"},
		{name: "no whole part", field: f, raw: text(".5"), want: "0.5"},
		{name: "no decimals", field: f, raw: text("5."), want: "5"},
		{name: "minus zero", field: f, raw: number("-0.00"), want: "0.00"},
		{name: "exponent", field: f, raw: number("1.25e3"), want: "1250"},
		{name: "small exponent", field: f, raw: number("125E-4"), want: "0.0125"},
		{name: "exponent keeps digits", field: f, raw: number("1.500e1"), want: "15.00"},
		{name: "huge exponent", field: f, raw: number("1e999999999"), code: "too_many_digits"},
		{name: "absurd exponent", field: f, raw: number("1e99999999999999999999"), code: "too_many_digits"},
		{name: "many leading zeros", field: f, raw: text(strings.Repeat("0", 200) + "1"), code: "too_many_digits"},
		{name: "thousands", field: f, raw: text("1,234.5"), code: "not_a_number", detail: "nothing between the thousands"},
		{name: "comma", field: f, raw: text("12,5"), code: "not_a_number"},
		{name: "words", field: f, raw: text("twelve"), code: "not_a_number"},
		{name: "hex", field: f, raw: text("0x10"), code: "not_a_number"},
		{name: "infinity", field: f, raw: text("Infinity"), code: "not_a_number"},
		{name: "point alone", field: f, raw: text("."), code: "not_a_number"},
		{name: "exponent alone", field: f, raw: text("e5"), code: "not_a_number"},
		{name: "no exponent", field: f, raw: text("5e"), code: "not_a_number"},
		{name: "underscore", field: f, raw: text("1_000"), code: "not_a_number"},
		{name: "other digits", field: f, raw: text("٤٢"), code: "not_a_number"},
		{name: "bool", field: f, raw: yes, code: "wrong_type"},
		{name: "smallest", field: limited, raw: number("-5.0"), want: "-5.0"},
		{name: "too small", field: limited, raw: number("-5.01"), code: "too_small", detail: "at least -5"},
		{name: "greatest", field: limited, raw: number("10.50"), want: "10.50"},
		{name: "too large", field: limited, raw: number("10.6"), code: "too_large", detail: "at most 10.5"},
		{name: "off the step", field: limited, raw: number("0.7"), code: "wrong_step", detail: "-5 or go up from there in steps of 0.5"},
		{name: "step from 0", field: Field{Type: Number, Step: new(Decimal("3"))}, raw: number("10"), code: "wrong_step", detail: "multiple of 3"},
	} {
		t.Run(c.name, c.run)
	}
	if got := f.Wire("12.50"); got != Decimal("12.50") {
		t.Errorf("on the wire: %#v", got)
	}
}

func TestEmail(t *testing.T) {
	t.Parallel()
	f := Field{Type: Email}
	const wrong = "invalid_email"
	for _, c := range []fieldCase{
		{name: "plain", field: f, raw: text("ada@example.com"), want: "ada@example.com"},
		{name: "case stays", field: f, raw: text(" Ada.Lovelace+x@Example.COM "), want: "Ada.Lovelace+x@Example.COM"},
		{name: "letters of the world", field: f, raw: text("zoë@müller.例え"), want: "zoë@müller.例え"},
		{name: "signs", field: f, raw: text("o'brien_1/x=y@sub.example.co.uk"), want: "o'brien_1/x=y@sub.example.co.uk"},
		{name: "no at", field: f, raw: text("ada.example.org"), code: wrong, detail: "name@example.com"},
		{name: "no name", field: f, raw: text("@example.org"), code: wrong},
		{name: "no domain", field: f, raw: text("ada@"), code: wrong},
		{name: "two at", field: f, raw: text("a@b@example.com"), code: wrong},
		{name: "one label", field: f, raw: text("ada@localhost"), code: wrong},
		{name: "dot at the end", field: f, raw: text("ada@example.com."), code: wrong},
		{name: "two dots", field: f, raw: text("a..b@example.com"), code: wrong},
		{name: "dot first", field: f, raw: text(".a@example.com"), code: wrong},
		{name: "dash first", field: f, raw: text("a@-example.com"), code: wrong},
		{name: "underscore in domain", field: f, raw: text("a@ex_ample.com"), code: wrong},
		{name: "address literal", field: f, raw: text("a@[127.0.0.1]"), code: wrong},
		{name: "number", field: f, raw: text("a@127.0.0.1"), code: wrong},
		{name: "with name", field: f, raw: text("Ada <ada@example.com>"), code: wrong, detail: "one plain e-mail address"},
		{name: "list", field: f, raw: text("a@example.com, b@example.com"), code: wrong, detail: "one plain"},
		{name: "mailto", field: f, raw: text("mailto:a@example.com"), code: wrong, detail: "one plain"},
		{name: "space inside", field: f, raw: text("a b@example.com"), code: wrong},
		{name: "line break", field: f, raw: text("a@example.com\nBcc: b@example.com"), code: wrong},
		{name: "invisible", field: f, raw: text("a\u200bb@example.com"), code: wrong},
		{name: "long name", field: f, raw: text(strings.Repeat("a", 65) + "@example.com"), code: wrong},
		{name: "long", field: f, raw: text("a@" + strings.Repeat("abcdefgh.", 30) + "com"), code: wrong},
		{name: "bool", field: f, raw: yes, code: "wrong_type", detail: "e-mail"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestPhone(t *testing.T) {
	t.Parallel()
	f, de, us := Field{Type: Phone}, Field{Type: Phone, Country: "DE"}, Field{Type: Phone, Country: "US"}
	const wrong = "invalid_phone"
	for _, c := range []fieldCase{
		{name: "international", field: f, raw: text("+49 30 123456"), want: "+4930123456", show: "+49 30 123456"},
		{name: "at home", field: de, raw: text("+49 30 123456"), want: "+4930123456", show: "030 123456"},
		{name: "national", field: de, raw: text("030/123456"), want: "+4930123456"},
		{name: "national, American", field: us, raw: text("(415) 555-2671"), want: "+14155552671", show: "(415) 555-2671"},
		{name: "abroad", field: us, raw: text("+49 30 123456"), want: "+4930123456", show: "+49 30 123456"},
		{name: "zero in brackets", field: f, raw: text("+49 (0)30 123456"), want: "+4930123456"},
		{name: "Italian zero", field: f, raw: text("+39 06 12345678"), want: "+390612345678"},
		{name: "exit code", field: de, raw: text("0039 06 12345678"), want: "+390612345678"},
		{name: "made up but possible", field: f, raw: text("+1 555 010 0100"), want: "+15550100100"},
		{name: "marks of an address book", field: f, raw: text("\u202a+49 30 123456\u202c"), want: "+4930123456"},
		{name: "other digits", field: f, raw: text("+٤٩٣٠١٢٣٤٥٦"), want: "+4930123456"},
		{name: "JSON number", field: de, raw: number("30123456"), want: "+4930123456"},
		{name: "no country", field: f, raw: text("030 123456"), code: wrong, detail: "country code"},
		{name: "exit code without country", field: f, raw: text("0049 30 123456"), code: wrong, detail: "country code"},
		{name: "too short", field: f, raw: text("+49 1"), code: wrong, detail: "not a complete"},
		{name: "too long", field: f, raw: text("+49 30 123456789012345"), code: wrong},
		{name: "unknown country", field: f, raw: text("+999 123456"), code: wrong},
		{name: "zeros", field: f, raw: text("+49 00000000"), code: wrong, detail: "not a complete"},
		{name: "words", field: f, raw: text("call +49 30 123456"), code: wrong, detail: "digits"},
		{name: "vanity", field: us, raw: text("1-800-FLOWERS"), code: wrong},
		{name: "extension", field: f, raw: text("+49 30 123456 ext. 7"), code: wrong, detail: "without an extension"},
		{name: "two numbers", field: f, raw: text("+49 30 123456; +49 30 123457"), code: wrong},
		{name: "two plus", field: f, raw: text("+49+30123456"), code: wrong},
		{name: "bool", field: f, raw: yes, code: "wrong_type"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestDate(t *testing.T) {
	t.Parallel()
	f := Field{Type: Date}
	const wrong = "invalid_date"
	for _, c := range []fieldCase{
		{name: "plain", field: f, raw: text(" 2026-07-31 "), want: "2026-07-31", show: "2026-07-31"},
		{name: "leap day", field: f, raw: text("2028-02-29"), want: "2028-02-29"},
		{name: "no leap day", field: f, raw: text("2026-02-29"), code: wrong, detail: "year-month-day"},
		{name: "other order", field: f, raw: text("31.07.2026"), code: wrong},
		{name: "short", field: f, raw: text("2026-7-31"), code: wrong},
		{name: "with time", field: f, raw: text("2026-07-31T00:00:00Z"), code: wrong},
		{name: "year 0", field: f, raw: text("0000-01-01"), code: wrong},
		{name: "number", field: f, raw: number("20260731"), code: "wrong_type"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestDateTime(t *testing.T) {
	t.Parallel()
	f := Field{Type: DateTime}
	const wrong = "invalid_datetime"
	for _, c := range []fieldCase{
		{name: "UTC", field: f, raw: text("2026-07-31T12:30:00Z"), want: "2026-07-31T12:30:00.000000Z", show: "31 Jul 2026, 12:30 UTC"},
		{name: "offset", field: f, raw: text("2026-07-31T14:30:00+02:00"), want: "2026-07-31T12:30:00.000000Z"},
		{name: "small letters", field: f, raw: text("2026-07-31t12:30:00z"), want: "2026-07-31T12:30:00.000000Z"},
		{name: "space", field: f, raw: text("2026-07-31 12:30:00Z"), want: "2026-07-31T12:30:00.000000Z"},
		{name: "microseconds", field: f, raw: text("2026-07-31T12:30:00.123456Z"), want: "2026-07-31T12:30:00.123456Z"},
		{name: "nanoseconds are cut", field: f, raw: text("2026-07-31T12:30:00.1234569Z"), want: "2026-07-31T12:30:00.123456Z"},
		{name: "no offset", field: f, raw: text("2025-01-02T03:04:05"), code: wrong, detail: "offset from UTC"},
		{name: "date alone", field: f, raw: text("2025-01-02"), code: wrong},
		{name: "25 o'clock", field: f, raw: text("2026-07-31T25:00:00Z"), code: wrong},
		{name: "before year 1", field: f, raw: text("0001-01-01T00:00:00+10:00"), code: wrong, detail: "year"},
		{name: "after year 9999", field: f, raw: text("9999-12-31T23:59:59-10:00"), code: wrong, detail: "year"},
		{name: "number", field: f, raw: number("1785500000"), code: "wrong_type"},
	} {
		t.Run(c.name, c.run)
	}
}

func choices() []Option {
	return []Option{{Key: "solar", Label: "Solar panels"}, {Key: "heat", Label: "Heat pump"}, {Key: "2", Label: "Two"}, {Key: "old", Label: "Oil", Retired: true}}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	f := Field{Type: Select, Options: choices()}
	many := Field{Type: Select}
	for i := range 20 {
		many.Options = append(many.Options, Option{Key: string(rune('a' + i)), Label: "x"})
	}
	for _, c := range []fieldCase{
		{name: "key", field: f, raw: text("solar"), want: "solar", show: "Solar panels"},
		{name: "key in any case", field: f, raw: text(" SOLAR "), want: "solar"},
		{name: "label in any case", field: f, raw: text("heat PUMP"), want: "heat"},
		{name: "number", field: f, raw: number("2"), want: "2"},
		{name: "list of one", field: f, raw: list(text("heat")), want: "heat"},
		{name: "unknown", field: f, raw: text("nuclear"), code: "unknown_option", detail: "Use one of: solar, heat, 2."},
		{name: "retired", field: f, raw: text("old"), code: "retired_option", detail: "Use one of: solar"},
		{name: "retired by label", field: f, raw: text("oil"), code: "retired_option"},
		{name: "many options", field: many, raw: text("nothing"), code: "unknown_option", detail: "and 8 more"},
		{name: "bool", field: f, raw: yes, code: "wrong_type"},
		{name: "list of two", field: f, raw: list(text("solar"), text("heat")), code: "wrong_type"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestMultiSelect(t *testing.T) {
	t.Parallel()
	f := Field{Type: MultiSelect, Options: choices()}
	for _, c := range []fieldCase{
		{name: "list", field: f, raw: list(text("heat"), text("SOLAR")), want: []string{"heat", "solar"}, show: "Heat pump, Solar panels"},
		{name: "one", field: f, raw: text("Two"), want: []string{"2"}},
		{name: "each once", field: f, raw: list(text("heat"), text("Heat pump"), Raw{}, text("")), want: []string{"heat"}},
		{name: "nothing in it", field: f, raw: list(Raw{}, text(" ")), want: nil},
		{name: "unknown among them", field: f, raw: list(text("heat"), text("x")), code: "unknown_option"},
		{name: "retired among them", field: f, raw: list(text("heat"), text("old")), code: "retired_option"},
		{name: "object among them", field: f, raw: list(object), code: "wrong_type"},
		{name: "too many", field: f, raw: list(slices.Repeat([]Raw{text("heat")}, MaxOptions+1)...), code: "too_many"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestCheckbox(t *testing.T) {
	t.Parallel()
	f := Field{Type: Checkbox}
	for _, c := range []fieldCase{
		{name: "true", field: f, raw: yes, want: true, show: "Yes"},
		{name: "false", field: f, raw: no, want: false, show: "No"},
		{name: "on", field: f, raw: text("on"), want: true},
		{name: "YES", field: f, raw: text(" YES "), want: true},
		{name: "1", field: f, raw: number("1"), want: true},
		{name: "0", field: f, raw: text("0"), want: false},
		{name: "off", field: f, raw: text("Off"), want: false},
		{name: "2", field: f, raw: number("2"), code: "not_yes_or_no", detail: "true or false"},
		{name: "maybe", field: f, raw: text("maybe"), code: "not_yes_or_no"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	f := Field{Type: URL}
	const wrong = "invalid_url"
	for _, c := range []fieldCase{
		{name: "https", field: f, raw: text(" https://example.com/a?b=c#d "), want: "https://example.com/a?b=c#d"},
		{name: "http", field: f, raw: text("HTTP://Example.com:8080"), want: "HTTP://Example.com:8080"},
		{name: "letters of the world", field: f, raw: text("https://müller.example/straße"), want: "https://müller.example/straße"},
		{name: "no scheme", field: f, raw: text("example.org"), code: wrong, detail: "https://"},
		{name: "script", field: f, raw: text("javascript:alert(1)"), code: wrong},
		{name: "data", field: f, raw: text("data:text/html,x"), code: wrong},
		{name: "no host", field: f, raw: text("https:///path"), code: wrong},
		{name: "port alone", field: f, raw: text("https://:80/"), code: wrong},
		{name: "space", field: f, raw: text("https://exa mple.com"), code: wrong},
		{name: "password", field: f, raw: text("https://a:b@example.com"), code: wrong, detail: "user name"},
		{name: "long", field: f, raw: text("https://example.com/" + strings.Repeat("a", 2048)), code: "too_long", detail: "2048"},
	} {
		t.Run(c.name, c.run)
	}
}
