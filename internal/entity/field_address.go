package entity

import (
	"slices"
	"strings"
)

// addressKind is a postal address and a place on earth: an object of parts, every one of
// them optional. Values keep the parts that were given, by name; white space around a
// part is cut, a country code becomes capital letters, latitude and longitude are exact
// decimals.
type addressKind struct{}

// addressParts are the parts in the order people read them.
var addressParts = []string{"street", "house_number", "postcode", "city", "state", "country", "country_code", "latitude", "longitude"}

// addressPartMax is the limit of a part that is a text.
const addressPartMax = 200

func (addressKind) parse(_ *Field, raw Raw) (Value, *Problem) {
	if raw.Kind != RawObject {
		return nil, problem("wrong_type", `Send the address as an object of its parts, for example {"street": "Main Street", "house_number": "5", "city": "Berlin"}.`)
	}
	value := map[string]string{}
	seen := map[string]bool{}
	for _, m := range raw.Members {
		part := partNamed(addressParts, m.Name)
		switch {
		case part == "":
			return nil, problem("unknown_part", "One of the names in this object is no part of an address. The parts are "+strings.Join(addressParts, ", ")+".")
		case seen[part]:
			return nil, &Problem{Code: "duplicate_part", Detail: "This part of the address is there more than once; send it once.", Part: part}
		}
		seen[part] = true
		text, p := addressPart(part, m.Raw)
		if p != nil {
			p.Part = part
			return nil, p
		}
		if text != "" {
			value[part] = text
		}
	}
	if len(value) == 0 {
		return nil, nil
	}
	return value, nil
}

// addressPart reads one part; "" when it is empty.
func addressPart(part string, raw Raw) (string, *Problem) {
	if raw.Kind == RawNull {
		return "", nil
	}
	text, p := textOf(raw, "this part of the address")
	if p != nil {
		return "", p
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", nil
	}
	switch part {
	case "country_code":
		code := strings.ToUpper(text)
		if len(code) != 2 || !slices.Contains(countryCodes, code) {
			return "", problem("unknown_country", "Write the country code as the two letters of ISO 3166-1, for example DE, FR or GB.")
		}
		return code, nil
	case "latitude":
		return degrees(text, "90", "latitude")
	case "longitude":
		return degrees(text, "180", "longitude")
	}
	return text, atMost(text, addressPartMax)
}

func degrees(text string, limit Decimal, what string) (string, *Problem) {
	d, p := ParseDecimal(text)
	if p != nil {
		return "", p
	}
	if d.Cmp(limit) > 0 || d.Cmp("-"+limit) < 0 {
		return "", problem("out_of_range", "The "+what+" is between -"+string(limit)+" and "+string(limit)+" degrees.")
	}
	return string(d), nil
}

// addressWire is an address as JSON answers show it, with the parts in order.
type addressWire struct {
	Street      string  `json:"street,omitempty"`
	HouseNumber string  `json:"house_number,omitempty"`
	Postcode    string  `json:"postcode,omitempty"`
	City        string  `json:"city,omitempty"`
	State       string  `json:"state,omitempty"`
	Country     string  `json:"country,omitempty"`
	CountryCode string  `json:"country_code,omitempty"`
	Latitude    Decimal `json:"latitude,omitempty"`
	Longitude   Decimal `json:"longitude,omitempty"`
}

func (addressKind) wire(v Value) any {
	a, ok := v.(map[string]string)
	if !ok {
		return nil
	}
	return addressWire{a["street"], a["house_number"], a["postcode"], a["city"], a["state"], a["country"], a["country_code"], Decimal(a["latitude"]), Decimal(a["longitude"])}
}

// text is the address on one line. The place on earth is shown when there is nothing
// else.
func (addressKind) text(_ *Field, v Value) string {
	a, _ := v.(map[string]string)
	country := a["country"]
	if country == "" {
		country = a["country_code"]
	}
	said := make([]string, 0, 4)
	for _, line := range []string{
		strings.TrimSpace(a["street"] + " " + a["house_number"]), strings.TrimSpace(a["postcode"] + " " + a["city"]), a["state"], country,
	} {
		if line != "" {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return strings.Trim(a["latitude"]+", "+a["longitude"], ", ")
	}
	return strings.Join(said, ", ")
}

func (addressKind) check(*Field) (string, string) { return "", "" }

func (k addressKind) search(f *Field, v Value) string {
	a, _ := v.(map[string]string)
	lines := make([]string, 0, len(a)+1)
	for _, part := range addressParts {
		if a[part] != "" {
			lines = append(lines, a[part])
		}
	}
	if line := k.text(f, v); !slices.Contains(lines, line) { // street and number together
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func (addressKind) parts() []string { return addressParts }

func (addressKind) part(v Value, name string) string {
	a, _ := v.(map[string]string)
	return a[name]
}
