package entity

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parts(pairs ...string) Raw {
	raw := Raw{Kind: RawObject}
	for i := 0; i < len(pairs); i += 2 {
		raw.Members = append(raw.Members, Member{pairs[i], text(pairs[i+1])})
	}
	return raw
}

func TestAddress(t *testing.T) {
	t.Parallel()
	f := Field{Type: Address}
	type m = map[string]string
	numbers := Raw{Kind: RawObject, Members: []Member{{"latitude", number("52.520008")}, {"longitude", number("-13.4049540")}, {"postcode", number("01067")}}}
	for _, c := range []fieldCase{
		{name: "whole", field: f, raw: parts("street", "Unter den Linden", "house_number", "77", "postcode", "10117", "city", "Berlin", "state", "Berlin", "country", "Germany", "country_code", "de"),
			want: m{"street": "Unter den Linden", "house_number": "77", "postcode": "10117", "city": "Berlin", "state": "Berlin", "country": "Germany", "country_code": "DE"},
			show: "Unter den Linden 77, 10117 Berlin, Berlin, Germany"},
		{name: "one part", field: f, raw: parts("city", " Zürich\u00a0"), want: m{"city": "Zürich"}, show: "Zürich"},
		{name: "country by its code", field: f, raw: parts("city", "Oslo", "country_code", "NO"), want: m{"city": "Oslo", "country_code": "NO"}, show: "Oslo, NO"},
		{name: "names matched loosely", field: f, raw: parts("House Number", "5a", "Post-Code", "SW1A 1AA", "COUNTRYCODE", "gb"), want: m{"house_number": "5a", "postcode": "SW1A 1AA", "country_code": "GB"}},
		{name: "place on earth", field: f, raw: numbers, want: m{"latitude": "52.520008", "longitude": "-13.4049540", "postcode": "01067"}},
		{name: "place alone", field: f, raw: parts("latitude", "90", "longitude", "-180.0"), want: m{"latitude": "90", "longitude": "-180.0"}, show: "90, -180.0"},
		{name: "empty parts", field: f, raw: Raw{Kind: RawObject, Members: []Member{{"street", Raw{}}, {"city", text(" ")}}}, want: nil},
		{name: "right to left", field: f, raw: parts("city", "תל אביב"), want: m{"city": "תל אביב"}},
		{name: "emoji", field: f, raw: parts("street", "🏠 Road"), want: m{"street": "🏠 Road"}},
		{name: "200 characters", field: f, raw: parts("street", strings.Repeat("ü", 200)), want: m{"street": strings.Repeat("ü", 200)}},
		{name: "201 characters", field: f, raw: parts("street", strings.Repeat("ü", 201)), code: "too_long", detail: "at most 200"},
		{name: "plain text", field: f, raw: text("Unter den Linden 77, Berlin"), code: "wrong_type", detail: `as an object of its parts, for example {"street": "Main Street"`},
		{name: "list", field: f, raw: list(text("Berlin")), code: "wrong_type"},
		{name: "bool", field: f, raw: yes, code: "wrong_type"},
		{name: "unknown part", field: f, raw: parts("city", "Berlin", "zip", "10117"), code: "unknown_part", detail: "The parts are street, house_number, postcode, city"},
		{name: "a part twice", field: f, raw: parts("city", "Berlin", "City", "Bonn"), code: "duplicate_part", detail: "send it once"},
		{name: "object as a part", field: f, raw: Raw{Kind: RawObject, Members: []Member{{"city", object}}}, code: "wrong_type", detail: "as a text"},
		{name: "country of three letters", field: f, raw: parts("country_code", "DEU"), code: "unknown_country", detail: "two letters of ISO 3166-1"},
		{name: "country that is none", field: f, raw: parts("country_code", "UK"), code: "unknown_country", detail: "GB"},
		{name: "latitude beyond the pole", field: f, raw: parts("latitude", "90.0000001"), code: "out_of_range", detail: "between -90 and 90 degrees"},
		{name: "longitude", field: f, raw: parts("longitude", "-180.5"), code: "out_of_range", detail: "between -180 and 180 degrees"},
		{name: "latitude in minutes", field: f, raw: parts("latitude", "52°31′12″"), code: "not_a_number"},
		{name: "NUL", field: f, raw: parts("city", "a\x00"), code: "invalid_text"},
		{name: "bad UTF-8", field: f, raw: parts("city", "a\xff"), code: "invalid_text"},
	} {
		t.Run(c.name, c.run)
	}
	if _, p := f.Parse(parts("city", "Bonn", "longitude", "east")); p == nil || p.Part != "longitude" {
		t.Errorf("the problem does not say which part: %+v", p)
	}
}

func TestAnAddressOnTheWireAndInStorage(t *testing.T) {
	t.Parallel()
	f := Field{Type: Address}
	v := map[string]string{"latitude": "52.50", "city": "Berlin", "street": "A"}
	wire, err := json.Marshal(f.Wire(v))
	if err != nil || string(wire) != `{"street":"A","city":"Berlin","latitude":52.50}` {
		t.Errorf("%s, %v", wire, err)
	}
	again, p := f.Parse(rawFromJSON(wire))
	if p != nil || !Same(again, v) {
		t.Errorf("what an answer says cannot be sent back: %v, %v", again, p)
	}
	stored, _ := json.Marshal(v)
	var back any
	if err := json.Unmarshal(stored, &back); err != nil || !Same(ValueFromJSON(back), v) {
		t.Errorf("%s came back as %#v", stored, ValueFromJSON(back))
	}
}

func TestPartsAreUsedAsFields(t *testing.T) {
	t.Parallel()
	e := sample()
	for name, want := range map[string]string{
		"home.city": "home city", "HOME.House-Number": "home house_number", "offer.size": "offer size",
		"home": "", "home.zip": "", "name.city": "", "nothing.city": "", ".city": "", "home.": "",
	} {
		got := ""
		if f, part := e.PartNamed(name); f != nil {
			got = f.Key + " " + part
		}
		if got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	address, file := Field{Type: Address}, Field{Type: File}
	if diff := cmp.Diff(addressParts, address.Parts()); diff != "" || (&Field{Type: Text}).Parts() != nil {
		t.Error(diff)
	}
	v := map[string]string{"city": "Berlin", "latitude": "52.5"}
	if address.Part(v, "city") != "Berlin" || address.Part(v, "street") != "" || address.Part(nil, "city") != "" || (&Field{Type: Text}).Part("x", "city") != "" {
		t.Error("parts of an address")
	}
	stored := FileValue{Name: "a.pdf", Size: 7, Type: "application/pdf"}
	if file.Part(stored, "name") != "a.pdf" || file.Part(stored, "size") != "7" || file.Part(stored, "type") != "application/pdf" || file.Part(stored, "id") != "" {
		t.Error("parts of a file")
	}
	if !address.PartIsNumber("latitude") || address.PartIsNumber("postcode") || !file.PartIsNumber("size") || file.PartIsNumber("name") {
		t.Error("which parts are numbers")
	}
}

// What a search finds, as one text a line.
func TestSearchText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field Field
		value Value
		want  string
	}{
		{Field{Type: Text}, "Ada", "Ada"},
		{Field{Type: Email}, "ada@example.com", "ada@example.com"},
		{Field{Type: Number}, "12.50", "12.50"},
		{Field{Type: Date}, "2026-07-31", "2026-07-31"},
		{Field{Type: Phone}, "+4930123456", "+4930123456\n+49 30 123456\n030 123456\n030123456"},
		{Field{Type: Phone}, "not a number", "not a number"},
		{Field{Type: Select, Options: choices()}, "solar", "Solar panels"},
		{Field{Type: Select, Options: choices()}, "gone", "gone"},
		{Field{Type: MultiSelect, Options: choices()}, []string{"heat", "old"}, "Heat pump\nOil"},
		{Field{Type: Checkbox}, true, ""},
		{Field{Type: File}, FileValue{Name: "offer.pdf"}, ""},
		{Field{Type: Address}, map[string]string{"street": "Main", "house_number": "5", "city": "Bonn"}, "Main\n5\nBonn\nMain 5, Bonn"},
		{Field{Type: Address}, map[string]string{"city": "Bonn"}, "Bonn"},
		{Field{Type: Text}, nil, ""},
	} {
		if got := c.field.SearchText(c.value); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.field.Type, c.value, got, c.want)
		}
	}
}
