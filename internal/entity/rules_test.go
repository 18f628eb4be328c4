package entity

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestLoose(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"leadname", "Lead Name", "lead-name", "LEAD_NAME", " lead\tname\n", "Lead\u00a0Name", "lead–name", "lead‑name"},
		{"straße", "STRASSE", "Strasse", "STRAẞE"},
		{"zoë", "ZOË", "zoe\u0308", "z-o-e\u0308"},
		{"", "-", "_ _", "\u2003"},
	} {
		for _, s := range same[1:] {
			if Loose(s) != Loose(same[0]) {
				t.Errorf("%q and %q are not one: %q, %q", s, same[0], Loose(s), Loose(same[0]))
			}
		}
	}
	for _, pair := range [][2]string{{"name", "names"}, {"a.b", "ab"}, {"status:stage", "statusstage"}, {"é", "e"}} {
		if Loose(pair[0]) == Loose(pair[1]) {
			t.Errorf("%q and %q must stay apart", pair[0], pair[1])
		}
	}
}

func TestLooseProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "name")
		loose := Loose(s)
		if again := Loose(loose); again != loose {
			t.Fatalf("Loose(%q) = %q, and again %q", s, loose, again)
		}
		separator := rapid.SampledFrom([]string{" ", "_", "-", "\t", "–"}).Draw(t, "separator")
		if got := Loose(separator + s + separator); got != loose {
			t.Fatalf("separators around %q change %q to %q", s, loose, got)
		}
		for _, r := range loose {
			if r == '_' || unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
				t.Fatalf("Loose(%q) = %q still has a separator", s, loose)
			}
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[A-Za-z0-9 _-]{0,40}`).Draw(t, "name")
		if Loose(strings.ToUpper(s)) != Loose(strings.ToLower(s)) || Loose(strings.ReplaceAll(s, "-", "_")) != Loose(s) {
			t.Fatalf("case or separators count in %q", s)
		}
	})
}

func drawDecimal(t *rapid.T, name string) Decimal {
	text := rapid.StringMatching(`[+-]?[0-9]{1,19}(\.[0-9]{1,19})?`).Draw(t, name)
	d, p := ParseDecimal(text)
	if p != nil {
		t.Fatalf("%q was refused: %s", text, p.Detail)
	}
	if rat(d).Cmp(mustRat(text)) != 0 {
		t.Fatalf("%q became %q", text, d)
	}
	return d
}

func rat(d Decimal) *big.Rat { return mustRat(string(d)) }

func mustRat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}

func TestDecimalProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawDecimal(t, "a"), drawDecimal(t, "b")
		if again, p := ParseDecimal(string(a)); p != nil || again != a {
			t.Fatalf("%q is not stable: %q %v", a, again, p)
		}
		if got, want := a.Cmp(b), rat(a).Cmp(rat(b)); got != want {
			t.Fatalf("%s against %s: %d, want %d", a, b, got, want)
		}
		if b.Cmp("0") > 0 {
			quotient := new(big.Rat).Quo(new(big.Rat).Sub(rat(a), rat(b)), rat(b))
			if got, want := a.IsStep(b, &b), quotient.IsInt(); got != want {
				t.Fatalf("%s in steps of %s: %v, want %v", a, b, got, want)
			}
		}
		var back Decimal
		wire, _ := a.MarshalJSON()
		if err := back.UnmarshalJSON(wire); err != nil || back != a {
			t.Fatalf("%q went to JSON and came back %q, %v", a, back, err)
		}
	})
	rapid.Check(t, func(t *rapid.T) { // an exponent is written out exactly
		text := fmt.Sprintf("%s.%se%d", rapid.StringMatching(`-?[1-9][0-9]{0,5}`).Draw(t, "whole"), rapid.StringMatching(`[0-9]{1,5}`).Draw(t, "fraction"), rapid.IntRange(-20, 20).Draw(t, "exponent"))
		d, p := ParseDecimal(text)
		if p != nil || rat(d).Cmp(mustRat(text)) != 0 || strings.ContainsAny(string(d), "eE+") {
			t.Fatalf("%q became %q, %v", text, d, p)
		}
	})
	rapid.Check(t, func(t *rapid.T) { // whatever comes: never a panic, never a decimal that is none
		text := rapid.StringMatching(`[-+.eE0-9 ]{0,12}`).Draw(t, "text")
		d, p := ParseDecimal(text)
		if p != nil {
			return
		}
		if got, ok := new(big.Rat).SetString(strings.TrimSpace(text)); !ok || got.Cmp(rat(d)) != 0 {
			t.Fatalf("%q became %q", text, d)
		}
	})
}

// sample is a definition that has everything.
func sample() Entity {
	e := starter()
	e.Fields = append(e.Fields,
		Field{Key: "budget", Aliases: []string{"old_budget"}, Label: "Budget in euros", Type: Number, Min: new(Decimal("0")), Max: new(Decimal("1000000")), Step: new(Decimal("0.01")), Default: "10.50", Help: "Roughly."},
		Field{Key: "product", Label: "Product", Type: Select, Options: choices(), Required: true},
		Field{Key: "interests", Label: "Interests", Type: MultiSelect, Options: choices(), Default: []string{"solar", "heat"}},
		Field{Key: "newsletter", Label: "Newsletter", Type: Checkbox, Default: false},
		Field{Key: "site", Label: "Web site", Type: URL, Indexed: true},
		Field{Key: "born", Label: "Born", Type: Date},
		Field{Key: "call_at", Label: "Call at", Type: DateTime},
		Field{Key: "mobile", Label: "Mobile", Type: Phone, Country: "DE", MatchKey: new(1)},
		Field{Key: "short", Label: "Short", Type: Text, MaxLength: 5},
		Field{Key: "offer", Label: "Offer", Type: File, MaxSize: 1000, Types: []string{"application/pdf", "image/*"}},
		Field{Key: "home", Label: "Home", Type: Address, Default: map[string]string{"country_code": "DE"}, Encrypted: true},
	)
	e.Pipelines = append(e.Pipelines, Pipeline{Name: "Temperature", Slug: "temperature", Statuses: []Status{{Name: "Cold", Color: Blue}, {Name: "Hot", Color: Red, Default: true}}})
	return e
}

func TestCheckAcceptsWhatIsRight(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]Entity{"starter": starter(), "everything": sample(), "nothing in it": {Slug: "x", Name: "X"}} {
		if err := e.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		change  func(*Entity)
		pointer string
		code    string
	}{
		{"no name", func(e *Entity) { e.Name = "" }, "/name", "invalid_name"},
		{"white space around the name", func(e *Entity) { e.Name = " x" }, "/name", "invalid_name"},
		{"slug with a capital", func(e *Entity) { e.Slug = "Leads" }, "/slug", "invalid_slug"},
		{"slug with a dot", func(e *Entity) { e.Slug = "a.b" }, "/slug", "invalid_slug"},
		{"slug that is an id", func(e *Entity) { e.Slug = id.New().String() }, "/slug", "invalid_slug"},
		{"icon", func(e *Entity) { e.Icon = "<svg>" }, "/icon", "invalid_icon"},
		{"key", func(e *Entity) { e.Fields[0].Key = "Name" }, "/fields/0/key", "invalid_key"},
		{"reserved key", func(e *Entity) { e.Fields[0].Key = "dedup_mode" }, "/fields/0/key", "reserved_key"},
		{"reserved alias", func(e *Entity) { e.Fields[0].Aliases = []string{"source"} }, "/fields/0/aliases", "reserved_key"},
		{"two keys that fall together", func(e *Entity) { e.Fields[0].Key = "e_mail"; e.Fields[1].Key = "email" }, "/fields/1/key", "ambiguous"},
		{"alias of one is key of another", func(e *Entity) { e.Fields[0].Aliases = []string{"phone"} }, "/fields/2/key", "ambiguous"},
		{"label of one is key of another", func(e *Entity) { e.Fields[0].Label = "E-Mail" }, "/fields/0/label", "ambiguous"},
		{"two labels", func(e *Entity) { e.Fields[6].Label = "WEB-SITE" }, "/fields/9/label", "ambiguous"},
		{"type", func(e *Entity) { e.Fields[0].Type = "table" }, "/fields/0/type", "unknown_type"},
		{"alias", func(e *Entity) { e.Fields[0].Aliases = []string{"Old Name"} }, "/fields/0/aliases", "invalid_key"},
		{"too many aliases", func(e *Entity) { e.Fields[0].Aliases = make([]string, MaxAliases+1) }, "/fields/0/aliases", "too_many"},
		{"encrypted and indexed", func(e *Entity) { e.Fields[0].Encrypted, e.Fields[0].Indexed = true, true }, "/fields/0/indexed", "encrypted"},
		{"encrypted file", func(e *Entity) { e.Fields[14].Encrypted = true }, "/fields/14/encrypted", "invalid_settings"},
		{"indexed address", func(e *Entity) { e.Fields[15].Indexed = true }, "/fields/15/indexed", "not_sorted"},
		{"address as match key", func(e *Entity) { e.Fields[15].MatchKey = new(2) }, "/fields/15/match_key", "not_sorted"},
		{"two match keys of one priority", func(e *Entity) { e.Fields[13].MatchKey = new(1) }, "/fields/13/match_key", "taken"},
		{"priority 0", func(e *Entity) { e.Fields[13].MatchKey = new(0) }, "/fields/13/match_key", "invalid_priority"},
		{"min of a text", func(e *Entity) { e.Fields[0].Min = new(Decimal("1")) }, "/fields/0/min", "invalid_settings"},
		{"max of a text", func(e *Entity) { e.Fields[0].Max = new(Decimal("1")) }, "/fields/0/max", "invalid_settings"},
		{"step of a text", func(e *Entity) { e.Fields[0].Step = new(Decimal("1")) }, "/fields/0/step", "invalid_settings"},
		{"options of a text", func(e *Entity) { e.Fields[0].Options = choices() }, "/fields/0/options", "invalid_settings"},
		{"country of a text", func(e *Entity) { e.Fields[0].Country = "DE" }, "/fields/0/country", "invalid_settings"},
		{"length of a number", func(e *Entity) { e.Fields[5].MaxLength = 5 }, "/fields/5/max_length", "invalid_settings"},
		{"size of a text", func(e *Entity) { e.Fields[0].MaxSize = 5 }, "/fields/0/max_size", "invalid_settings"},
		{"types of a text", func(e *Entity) { e.Fields[0].Types = []string{"image/*"} }, "/fields/0/types", "invalid_settings"},
		{"size of a file", func(e *Entity) { e.Fields[14].MaxSize = 1<<20 + 1 }, "/fields/14/max_size", "invalid_settings"},
		{"types of a file", func(e *Entity) { e.Fields[14].Types = []string{".pdf"} }, "/fields/14/types", "invalid_settings"},
		{"default of a file", func(e *Entity) { e.Fields[14].Default = FileValue{Name: "x"} }, "/fields/14/default", "invalid_settings"},
		{"default address", func(e *Entity) { e.Fields[15].Default = map[string]string{"country_code": "XX"} }, "/fields/15/default", "invalid_default"},
		{"long help", func(e *Entity) { e.Fields[0].Help = strings.Repeat("x", 1001) }, "/fields/0/help", "too_long"},
		{"NUL in help", func(e *Entity) { e.Fields[0].Help = "\x00" }, "/fields/0/help", "invalid_text"},
		{"pipeline slug that is an id", func(e *Entity) { e.Pipelines[0].Slug = id.New().String() }, "/pipelines/0/slug", "invalid_slug"},
		{"status name that is an id", func(e *Entity) { e.Pipelines[0].Statuses[0].Name = id.New().String() }, "/pipelines/0/statuses/0/name", "invalid_name"},
		{"too many statuses", func(e *Entity) { e.Pipelines[0].Statuses = make([]Status, MaxStatuses+1) }, "/pipelines/0/statuses", "count"},
		{"too many pipelines", func(e *Entity) { e.Pipelines = make([]Pipeline, MaxPipelines+1) }, "/pipelines", "too_many"},
		{"default", func(e *Entity) { e.Fields[5].Default = "-1" }, "/fields/5/default", "invalid_default"},
		{"default that is not normal", func(e *Entity) { e.Fields[5].Default = "010" }, "/fields/5/default", "invalid_default"},
		{"min over max", func(e *Entity) { e.Fields[5].Min = new(Decimal("2000000")) }, "/fields/5/min", "invalid_settings"},
		{"step", func(e *Entity) { e.Fields[5].Step = new(Decimal("0")) }, "/fields/5/step", "invalid_settings"},
		{"no options", func(e *Entity) { e.Fields[6].Options = nil }, "/fields/6/options", "invalid_settings"},
		{"options alike", func(e *Entity) { e.Fields[6].Options = []Option{{Key: "a", Label: "B"}, {Key: "b", Label: "C"}} }, "/fields/6/options", "invalid_settings"},
		{"length", func(e *Entity) { e.Fields[0].MaxLength = 1001 }, "/fields/0/max_length", "invalid_settings"},
		{"country", func(e *Entity) { e.Fields[2].Country = "Germany" }, "/fields/2/country", "invalid_settings"},
		{"too many fields", func(e *Entity) { e.Fields = make([]Field, 201) }, "/fields", "too_many"},
		{"no status", func(e *Entity) { e.Pipelines[0].Statuses = nil }, "/pipelines/0/statuses", "count"},
		{"no default", func(e *Entity) { e.Pipelines[0].Statuses[0].Default = false }, "/pipelines/0/statuses", "default"},
		{"two defaults", func(e *Entity) { e.Pipelines[0].Statuses[1].Default = true }, "/pipelines/0/statuses", "default"},
		{"statuses alike", func(e *Entity) { e.Pipelines[0].Statuses[1].Name = "NEW" }, "/pipelines/0/statuses/1/name", "ambiguous"},
		{"colour", func(e *Entity) { e.Pipelines[0].Statuses[1].Color = "#f00" }, "/pipelines/0/statuses/1/color", "unknown_color"},
		{"pipelines alike", func(e *Entity) { e.Pipelines[1].Slug = "s-tage" }, "/pipelines/1/name", "ambiguous"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := sample()
			c.change(&e)
			err := e.Check()
			var problem *errs.Error
			if !errors.As(err, &problem) {
				t.Fatalf("accepted: %v", err)
			}
			for _, f := range problem.Fields {
				if f.Pointer == c.pointer && f.Code == c.code {
					return
				}
			}
			t.Errorf("got %+v, want %s at %s", problem.Fields, c.code, c.pointer)
		})
	}
}

func TestFieldNamed(t *testing.T) {
	t.Parallel()
	e := sample()
	// A label may be what another field was once called; the old key wins then.
	e.Fields = append(e.Fields, Field{Key: "a", Label: "Same", Type: Text}, Field{Key: "b", Label: "same", Type: Text}, Field{Key: "c", Label: "Old Budget", Type: Text})
	for name, want := range map[string]string{
		"email": "email", "E-Mail": "email", "BUDGET": "budget", "old budget": "budget", "Budget in EUROS": "budget", "web_site": "site",
		"same": "", "nothing": "", "": "", "--": "",
	} {
		f := e.FieldNamed(name)
		if got := keyOf(f); got != want {
			t.Errorf("%q is the field %q, want %q", name, got, want)
		}
		e.index()
		if got := keyOf(e.FieldNamed(name)); got != want {
			t.Errorf("with its index, %q is the field %q, want %q", name, got, want)
		}
		e.names = nil
	}
}

func keyOf(f *Field) string {
	if f == nil {
		return ""
	}
	return f.Key
}

func TestPipelineAndStatusNamed(t *testing.T) {
	t.Parallel()
	e := sample()
	p := &e.Pipelines[1]
	p.ID, p.Statuses[0].ID = id.New(), id.New()
	for _, name := range []string{"temperature", "TEMPERATURE", " Tempera-ture ", p.ID.String(), strings.ToUpper(p.ID.String())} {
		if got := e.PipelineNamed(name); got != p {
			t.Errorf("%q is not the pipeline", name)
		}
	}
	for _, name := range []string{"cold", "COLD", "c_old", p.Statuses[0].ID.String()} {
		if got := p.StatusNamed(name); got != &p.Statuses[0] {
			t.Errorf("%q is not the status", name)
		}
	}
	if e.PipelineNamed("x") != nil || e.PipelineNamed(id.New().String()) != nil || p.StatusNamed("x") != nil || p.StatusNamed(id.New().String()) != nil {
		t.Error("something was found that is not there")
	}
	if p.DefaultStatus().Name != "Hot" {
		t.Errorf("the default is %q", p.DefaultStatus().Name)
	}
}
