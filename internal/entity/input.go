package entity

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// The inputs have the shape of the answers, so that what was read can be changed and
// sent back. Only what is sent changes. What the server owns (ids, positions, moments)
// is accepted as it is and refused when it differs.

// FieldInput is a field as a caller describes it.
type FieldInput struct {
	ID        *string       `json:"id,omitempty" doc:"Given by the server; may be sent back unchanged"`
	Key       *string       `json:"key,omitempty" doc:"What the API calls the field; made from the label when a new field has none. A former key goes on working, see aliases" example:"budget"`
	Aliases   []string      `json:"aliases,omitempty" doc:"Keys the field had before, which intake still takes. A former key is added by itself; send the list without it to free it"`
	Label     *string       `json:"label,omitempty" doc:"What people call the field" example:"Budget"`
	Type      *Type         `json:"type,omitempty" doc:"Never changes afterwards" example:"number"`
	Required  *bool         `json:"required,omitempty" doc:"A lead cannot be without it"`
	Default   SentValue     `json:"default,omitzero" doc:"Used when a new lead does not mention the field; null for none"`
	Help      *string       `json:"help,omitempty" doc:"What people read beside the field, up to 1,000 characters"`
	Options   []OptionInput `json:"options,omitempty" doc:"Choices of a select or multi-select, in order. While the entity has leads, one that is left out is retired; otherwise it goes"`
	Min       SentNumber    `json:"min,omitzero" doc:"Smallest number; null for none"`
	Max       SentNumber    `json:"max,omitzero" doc:"Greatest number; null for none"`
	Step      SentNumber    `json:"step,omitzero" doc:"Numbers go up from min (or 0) in this step; null for any"`
	MaxLength SentInt       `json:"max_length,omitzero" doc:"Most characters of a text; null for the limit of the type"`
	Country   *string       `json:"country,omitempty" doc:"Country of phone numbers that come without a country code; empty for none"`
	MaxSize   SentInt       `json:"max_size,omitzero" doc:"Most bytes of a file; null for the limit of the type, 1 MiB"`
	Types     []string      `json:"types,omitempty" doc:"Media types that a file may have, for example application/pdf or image/*; empty for any"`
	Encrypted *bool         `json:"encrypted,omitempty" doc:"Values are stored encrypted, and cannot be searched, sorted or filtered by"`
	Indexed   *bool         `json:"indexed,omitempty" doc:"Lists can be sorted and filtered by it quickly"`
	MatchKey  SentInt       `json:"match_key,omitzero" doc:"Its priority in finding duplicates, 1 first; null when it has none"`
	Position  *int          `json:"position,omitempty" doc:"Place among the fields; may be sent back unchanged. Reordering is an operation of its own"`
}

// OptionInput is one choice of a select. One of key and label is enough.
type OptionInput struct {
	Key     string `json:"key,omitempty" doc:"What is stored; made from the label when it is not sent" example:"solar"`
	Label   string `json:"label,omitempty" doc:"What people read; the key when it is not sent" example:"Solar panels"`
	Retired bool   `json:"retired,omitempty" doc:"Can no longer be chosen; leads keep it"`
}

// SentValue is any value of a body, or none.
type SentValue struct {
	set bool
	raw Raw
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *SentValue) UnmarshalJSON(b []byte) error {
	s.set, s.raw = true, rawFromJSON(b)
	return nil
}

// SentNumber is an exact number of a body, null, or not there.
type SentNumber struct{ SentValue }

// into changes *d when something was sent.
func (s SentNumber) into(d **Decimal) *Problem {
	switch {
	case !s.set:
		return nil
	case s.raw.Kind == RawNull:
		*d = nil
		return nil
	}
	v, p := ParseDecimal(s.raw.Text)
	if p != nil {
		return p
	}
	if *d == nil || (*d).Cmp(v) != 0 { // 1.50 that comes back as 1.5 is no change
		*d = &v
	}
	return nil
}

// SentInt is a whole number of a body, null, or not there.
type SentInt struct{ SentValue }

// value is the number; nil for null.
func (s SentInt) value() (*int, *Problem) {
	if s.raw.Kind == RawNull {
		return nil, nil
	}
	d, p := ParseDecimal(s.raw.Text)
	if p != nil {
		return nil, p
	}
	whole, fraction, _ := strings.Cut(string(d), ".")
	n, err := strconv.Atoi(whole)
	if err != nil || strings.Trim(fraction, "0") != "" || n < 1 {
		return nil, problem("invalid", "Send a whole number from 1 up, or null.")
	}
	return &n, nil
}

// into changes *n when something was sent; null is 0.
func (s SentInt) into(n *int) *Problem {
	if !s.set {
		return nil
	}
	v, p := s.value()
	if p != nil {
		return p
	}
	*n = 0
	if v != nil {
		*n = *v
	}
	return nil
}

// wrongs gathers what is wrong with an input, each with its pointer.
type wrongs struct {
	at   string
	list []errs.Field
}

func (w *wrongs) add(member, code, detail string) {
	w.list = append(w.list, errs.Field{Pointer: w.at + "/" + member, Code: code, Detail: detail})
}

func (w *wrongs) problem(member string, p *Problem) {
	if p == nil {
		return
	}
	if p.Part != "" {
		member += "/" + p.Part
	}
	w.add(member, p.Code, p.Detail)
}

// owned checks what the server owns. A thing that is new has no id yet.
func (w *wrongs) owned(sentID *string, has id.ID, sentPosition *int, position int) {
	switch {
	case sentID == nil:
	case has.IsNil():
		w.add("id", "read_only", "Ids are given by the server. Leave it out.")
	case !strings.EqualFold(*sentID, has.String()):
		w.add("id", "read_only", "The id cannot change. Leave it out, or send it as you got it.")
	}
	if sentPosition != nil && *sentPosition != position {
		w.add("position", "read_only", "The position is changed by reordering. Leave it out, or send it as you got it.")
	}
}

func set[T any](to *T, sent *T) {
	if sent != nil {
		*to = *sent
	}
}

// apply changes f as the input says. A field without an id is new. used: there are
// leads, so that an option that is left out has to be kept.
func (in FieldInput) apply(f *Field, at string, used bool) []errs.Field {
	w := &wrongs{at: at}
	isNew := f.ID.IsNil()
	w.owned(in.ID, f.ID, in.Position, f.Position)
	switch {
	case isNew && (in.Label == nil || *in.Label == ""):
		w.add("label", "required", "Say what people call the field.")
	case isNew && in.Type == nil:
		w.add("type", "required", "Say of which type the field is.")
	case !isNew && in.Type != nil && *in.Type != f.Type:
		w.add("type", "read_only", "The type of a field cannot change, because its leads have values of that type. Make a new field.")
	case isNew:
		f.Type = *in.Type
	}
	set(&f.Label, in.Label)
	if in.Aliases != nil {
		f.Aliases = slices.Clone(in.Aliases)
	}
	switch {
	case in.Key != nil && *in.Key != f.Key:
		if !isNew && !slices.Contains(f.Aliases, f.Key) {
			f.Aliases = append(slices.Clone(f.Aliases), f.Key)
		}
		f.Key = *in.Key
	case isNew && in.Key == nil:
		f.Key = keyFrom(f.Label)
	}
	f.Aliases = slices.DeleteFunc(slices.Clone(f.Aliases), func(alias string) bool { return alias == f.Key })
	set(&f.Required, in.Required)
	set(&f.Help, in.Help)
	set(&f.Country, in.Country)
	set(&f.Encrypted, in.Encrypted)
	set(&f.Indexed, in.Indexed)
	if in.Types != nil {
		f.Types = slices.Clone(in.Types)
	}
	if in.Options != nil {
		f.Options = mergeOptions(f.Options, in.Options, used)
		f.choices = nil
	}
	w.problem("min", in.Min.into(&f.Min))
	w.problem("max", in.Max.into(&f.Max))
	w.problem("step", in.Step.into(&f.Step))
	w.problem("max_length", in.MaxLength.into(&f.MaxLength))
	w.problem("max_size", in.MaxSize.into(&f.MaxSize))
	if in.MatchKey.set {
		n, p := in.MatchKey.value()
		w.problem("match_key", p)
		f.MatchKey = n
	}
	if in.Default.set && f.Type.Valid() && len(w.list) == 0 {
		v, p := f.Parse(in.Default.raw)
		w.problem("default", p)
		if !sameNumber(f, v) {
			f.Default = v
		}
	}
	return w.list
}

// sameNumber tells that v is the default that the field has, perhaps with other zeros
// behind the point.
func sameNumber(f *Field, v Value) bool {
	a, ok1 := f.Default.(string)
	b, ok2 := v.(string)
	return f.Type == Number && ok1 && ok2 && Decimal(a).Cmp(Decimal(b)) == 0
}

// mergeOptions is the list that was sent, followed by what was left out of it, retired.
func mergeOptions(old []Option, sent []OptionInput, used bool) []Option {
	out := make([]Option, 0, len(sent))
	for _, in := range sent {
		o := Option(in)
		if o.Key == "" {
			o.Key = keyFrom(o.Label)
		}
		if o.Label == "" {
			o.Label = o.Key
		}
		out = append(out, o)
	}
	for _, o := range old {
		if used && !slices.ContainsFunc(out, func(n Option) bool { return n.Key == o.Key }) {
			o.Retired = true
			out = append(out, o)
		}
	}
	return out
}

// keyFrom makes a key from a label; "" when the label has no letter for one.
func keyFrom(label string) string {
	key := strings.ReplaceAll(account.Slug(label), "-", "_")
	if key != "" && (key[0] < 'a' || key[0] > 'z') {
		key = "n" + key // 2024 sales becomes n2024_sales
	}
	return key
}

// equalFields compares what is stored of two fields.
func equalFields(a, b Field) bool {
	a.choices, b.choices = nil, nil
	return a.Key == b.Key && a.Label == b.Label && a.Type == b.Type && a.Position == b.Position && reflect.DeepEqual(stored(a), stored(b))
}

// stored is the settings of a field, with one way to say "none".
func stored(f Field) settings {
	s := settingsOf(f)
	if len(s.Aliases) == 0 {
		s.Aliases = nil
	}
	if len(s.Options) == 0 {
		s.Options = nil
	}
	if len(s.Types) == 0 {
		s.Types = nil
	}
	return s
}
