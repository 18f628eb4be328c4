package entity

import (
	"slices"
	"strconv"
)

// helpMax is the limit of a help text, in characters.
const helpMax = 1000

func (c *checker) fields(fields []Field) {
	if len(fields) > MaxFields {
		c.add("/fields", "too_many", "An entity has at most "+strconv.Itoa(MaxFields)+" fields.")
	}
	names, priorities := claims{}, map[int]int{}
	for i := range fields {
		f, at := &fields[i], "/fields/"+strconv.Itoa(i)
		c.name(at+"/label", f.Label)
		c.key(at+"/key", f.Key)
		c.take(names, f.Key, claim{i, "key"})
		if len(f.Aliases) > MaxAliases {
			c.add(at+"/aliases", "too_many", "A field keeps at most "+strconv.Itoa(MaxAliases)+" old keys.")
		}
		for _, alias := range f.Aliases {
			c.key(at+"/aliases", alias)
			c.take(names, alias, claim{i, "aliases"})
		}
		if f.MatchKey != nil {
			if other, taken := priorities[*f.MatchKey]; taken {
				wrong := i
				if other == c.on.field {
					wrong = other
				}
				c.add("/fields/"+strconv.Itoa(wrong)+"/match_key", "taken", "Another field has this priority; match keys are asked one after the other.")
			}
			priorities[*f.MatchKey] = i
		}
		c.settings(at, f)
	}
	for i := range fields {
		c.take(names, fields[i].Label, claim{i, "label"})
	}
}

func (c *checker) key(at, key string) {
	if !keyShape.MatchString(key) {
		c.add(at, "invalid_key", "A key has 1 to 63 lower-case letters, digits and underscores, and begins with a letter.")
	}
	if reserved[Loose(key)] {
		c.add(at, "reserved_key", "This key means something else to the API; choose another.")
	}
}

// take claims a name that a field answers to.
func (c *checker) take(names claims, name string, mine claim) {
	wrong, other, ok := names.take(name, mine, c.on.field)
	if ok {
		return
	}
	what := map[string]string{"key": "key", "aliases": "old key", "label": "label"}
	detail := "This " + what[wrong.member] + " cannot be told apart from the " + what[other.member] + " of another field."
	if other.member == "aliases" {
		detail += " To free an old key, send that field's aliases without it."
	}
	c.add("/fields/"+strconv.Itoa(wrong.index)+"/"+wrong.member, "ambiguous", detail)
}

// belongs tells which settings are for some types alone.
var belongs = []struct {
	setting string
	set     func(*Field) bool
	types   []Type
	detail  string
}{
	{"min", func(f *Field) bool { return f.Min != nil }, []Type{Number}, "Only a number has a smallest value."},
	{"max", func(f *Field) bool { return f.Max != nil }, []Type{Number}, "Only a number has a greatest value."},
	{"step", func(f *Field) bool { return f.Step != nil }, []Type{Number}, "Only a number has a step."},
	{"max_length", func(f *Field) bool { return f.MaxLength != 0 }, []Type{Text, Textarea}, "Only a text or textarea has a greatest length."},
	{"options", func(f *Field) bool { return len(f.Options) > 0 }, []Type{Select, MultiSelect}, "Only a select or multi-select has options."},
	{"country", func(f *Field) bool { return f.Country != "" }, []Type{Phone}, "Only a phone number has a country."},
	{"max_size", func(f *Field) bool { return f.MaxSize != 0 }, []Type{File}, "Only a file has a greatest size."},
	{"types", func(f *Field) bool { return len(f.Types) > 0 }, []Type{File}, "Only a file has types."},
}

func (c *checker) settings(at string, f *Field) {
	k := kinds[f.Type]
	if k == nil {
		c.add(at+"/type", "unknown_type", "This is not a type of field.")
		return
	}
	strange := false
	for _, b := range belongs {
		if b.set(f) && !slices.Contains(b.types, f.Type) {
			c.add(at+"/"+b.setting, "invalid_settings", b.detail)
			strange = true
		}
	}
	if strange {
		return
	}
	if setting, detail := k.check(f); detail != "" {
		c.add(at+"/"+setting, "invalid_settings", detail)
		return
	}
	if p := helpText(f.Help); p != nil {
		c.add(at+"/help", p.Code, p.Detail)
	}
	c.finding(at, f)
	if f.Default != nil {
		if v, p := f.Parse(rawOf(f.Default)); p != nil || !Same(v, f.Default) {
			c.add(at+"/default", "invalid_default", "The default is not a value that this field accepts.")
		}
	}
}

// finding checks how values of the field are found: by order, as duplicates.
func (c *checker) finding(at string, f *Field) {
	if f.Indexed && !f.Sorted() {
		c.add(at+"/indexed", "not_sorted", "Values of this type have no order, so the field cannot be indexed.")
	}
	if f.Indexed && f.Encrypted {
		c.add(at+"/indexed", "encrypted", "An encrypted field cannot be indexed: sorting and comparing would need its values in clear. To find duplicates by it, make it a match key instead.")
	}
	if f.MatchKey == nil {
		return
	}
	if !f.Sorted() {
		c.add(at+"/match_key", "not_sorted", "Values of this type cannot be compared, so the field cannot be a match key.")
	}
	if *f.MatchKey < 1 || *f.MatchKey > MaxFields {
		c.add(at+"/match_key", "invalid_priority", "The priority of a match key is a number from 1 to "+strconv.Itoa(MaxFields)+"; 1 is asked first.")
	}
}

func helpText(s string) *Problem {
	if _, p := textOf(Raw{Kind: RawText, Text: s}, "the help text"); p != nil {
		return p
	}
	return atMost(s, helpMax)
}
