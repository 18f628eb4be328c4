package filter

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

var (
	ada    = id.MustParse("0197b1c2-5d3e-7abc-8def-0123456789ab")
	nobody = id.MustParse("0197b1c2-5d3e-7abc-8def-0123456789ac")
	won    = id.MustParse("0197b1c2-5d3e-7abc-8def-0123456789ad")
	fresh  = id.MustParse("0197b1c2-5d3e-7abc-8def-0123456789ae")
	stage  = id.MustParse("0197b1c2-5d3e-7abc-8def-0123456789af")
)

// example is an entity with a field of every type, and with names that need backticks.
func example() *entity.Entity {
	top := entity.Decimal("100")
	options := []entity.Option{{Key: "roof", Label: "On the roof"}, {Key: "2", Label: "Two"}, {Key: "oil", Label: "Oil", Retired: true}}
	fields := []entity.Field{
		{Key: "name", Aliases: []string{"full_name"}, Label: "Lead name", Type: entity.Text, Indexed: true},
		{Key: "message", Label: "Message", Type: entity.Textarea},
		{Key: "email", Label: "E-mail", Type: entity.Email, Indexed: true},
		{Key: "phone", Label: "Phone", Type: entity.Phone, Country: "DE"},
		{Key: "budget", Label: "Budget (€)", Type: entity.Number, Max: &top, Indexed: true},
		{Key: "place", Label: "Place", Type: entity.Select, Options: options},
		{Key: "wishes", Label: "Wishes", Type: entity.MultiSelect, Options: options},
		{Key: "newsletter", Label: "Newsletter", Type: entity.Checkbox},
		{Key: "moves_on", Label: "Moves on", Type: entity.Date},
		{Key: "call_at", Label: "Call at", Type: entity.DateTime},
		{Key: "site", Label: "Site", Type: entity.URL},
		{Key: "secret", Label: "Secret", Type: entity.Text, Encrypted: true},
		{Key: "in", Label: "A keyword", Type: entity.Text},
	}
	for i := range fields {
		fields[i].ID = id.ID{15: byte(i + 1)}
	}
	return &entity.Entity{Name: "Leads", Slug: "leads", Fields: fields, Pipelines: []entity.Pipeline{
		{ID: stage, Name: "The stage", Slug: "stage", Statuses: []entity.Status{{ID: fresh, Name: "New"}, {ID: won, Name: "Won it"}}}}}
}

func parse(text string) (Node, error) {
	return Parse(text, example(), func(email string) (id.ID, error) {
		switch email {
		case "ada@example.com":
			return ada, nil
		case "broken@example.com":
			return id.Nil, errors.New("no database")
		}
		return id.Nil, nil
	})
}

// TestNormalForms: what is written on the left is read as what is on the right, which is
// read as itself.
func TestNormalForms(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`name = "Ada"`:                                    `name = "Ada"`,
		`NAME='Ada'`:                                      `name = "Ada"`,
		"`Lead name` = 'it\\'s \\\\ \"it\"'":              `name = "it's \\ \"it\""`,
		`full-name = 12`:                                  `name = "12"`,
		`name in ("a")`:                                   `name = "a"`,
		`name not in ("a", 'b')`:                          `name not in ("a", "b")`,
		`not name in ("a", "b")`:                          `name not in ("a", "b")`,
		`not name != "a"`:                                 `not name != "a"`,
		"message contains 'a\\nb\\t'":                     `message contains "a\nb\t"`,
		`message NOT CONTAINS "a"`:                        `message not contains "a"`,
		`site starts_with "https"`:                        `site starts_with "https"`,
		`name < "m" or name>="x"`:                         `name < "m" or name >= "x"`,
		`not name < "m"`:                                  `not name < "m"`,
		`phone = "030 123456"`:                            `phone = "+4930123456"`,
		`phone contains "(30) 12"`:                        `phone contains "3012"`,
		"`Budget (€)` > +1.50e1":                          `budget > 15.0`,
		`budget > 1000`:                                   `budget > 1000`, // beyond what the field takes
		`budget between -5 and 9 and name is empty`:       `budget between -5 and 9 and name is empty`,
		`budget not between 5 and 9`:                      `budget not between 5 and 9`,
		`place = "ON THE ROOF"`:                           `place = "roof"`,
		`place in ("oil", 2)`:                             `place in ("oil", "2")`,
		`wishes = "two"`:                                  `wishes = "2"`,
		`newsletter = TRUE`:                               `newsletter = true`,
		`newsletter != "no"`:                              `newsletter != false`,
		`moves_on >= 2026-07-31`:                          `moves_on >= 2026-07-31`,
		`call_at = 2026-07-31`:                            `call_at = 2026-07-31T00:00:00.000000Z`,
		`call_at = "2026-07-31 14:30:00+02:00"`:           `call_at = 2026-07-31T12:30:00.000000Z`,
		`created_at > 2026-07-31`:                         `created_at > 2026-07-31T00:00:00.000000Z`,
		`Updated-At <= 2026-07-31T14:30:00.1234567+02:00`: `updated_at <= 2026-07-31T12:30:00.123456Z`,
		`status.stage = "new"`:                            `status.stage = "` + fresh.String() + `"`,
		"status.`The Stage` is not empty":                 `status.stage is not empty`,
		`status.stage in (` + won.String() + `, 'NEW')`:   `status.stage in ("` + won.String() + `", "` + fresh.String() + `")`,
		`assignee = "ada@example.com"`:                    `assignee = "` + ada.String() + `"`,
		`assignee != ` + nobody.String():                  `assignee != "` + nobody.String() + `"`,
		`source contains "form"`:                          `source contains "form"`,
		`id = ` + ada.String():                            `id = "` + ada.String() + `"`,
		"`in` = 'x'":                                      "`in` = \"x\"",
		`((name = "a"))`:                                  `name = "a"`,
		`(name = "a" and place = "2") and budget = 1`:     `name = "a" and place = "2" and budget = 1`,
		`name = "a" or (place = "2" or budget = 1)`:       `name = "a" or place = "2" or budget = 1`,
		`(name = "a" or place = "2") and budget = 1`:      `(name = "a" or place = "2") and budget = 1`,
		`name = "a" or place = "2" and budget = 1`:        `name = "a" or place = "2" and budget = 1`,
		`not (name = "a" or budget = 1)`:                  `not (name = "a" or budget = 1)`,
		`not not name = "a"`:                              `not name != "a"`,
		``:                                                ``,
		` `:                                               ``,
	} {
		n, err := parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if n == nil {
			if want != "" {
				t.Errorf("%s: nothing", text)
			}
			continue
		}
		if got := Text(n); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestWhatIsWrongIsPointedAt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		position int
		code     string
		says     string
	}{
		{`nme = "a"`, 1, "unknown_field", "no field of this name. It has: name, "},
		{`name = "a" and ünknown = 1`, 16, "unknown_field", "no field"},
		{`stage = "New"`, 1, "unknown_field", "written as status.stage"},
		{`status = "New"`, 1, "unknown_field", "status.stage"},
		{`status.other = "New"`, 1, "unknown_pipeline", "stage"},
		{`name.first = "a"`, 1, "unknown_field", "status"},
		{`a.b.c = 1`, 1, "syntax", "two names"},
		{`status. = "New"`, 1, "syntax", "name"},
		{"`name``x` = 1", 7, "syntax", "point"},
		{`status.stage = "Lost"`, 16, "unknown_status", "It has: New, Won it."},
		{`status.stage = New`, 16, "wrong_type", "quotes"},
		{`status.stage > "New"`, 14, "wrong_operator", "= != in, is empty"},
		{`secret = "a"`, 1, "encrypted_field", "cannot be searched, sorted or filtered"},
		{`secret is empty`, 1, "encrypted_field", "encrypted"},
		{`budget > "a"`, 10, "wrong_type", "without quotes"},
		{`budget > abc`, 10, "not_a_number", "plain number"},
		{`budget contains 5`, 8, "wrong_operator", "between"},
		{`name = Ada`, 8, "wrong_type", "quotes"},
		{`name = `, 8, "syntax", "expected a value"},
		{`name = and`, 8, "syntax", "keyword"},
		{`name = ""`, 8, "empty_value", "is empty"},
		{`name = ("a")`, 8, "syntax", "goes with in"},
		{`name in "a"`, 9, "syntax", "expected \"(\""},
		{`name in ()`, 10, "syntax", "expected a value"},
		{`name in ("a" "b")`, 14, "syntax", "expected \",\""},
		{`name`, 5, "syntax", "expected a comparison"},
		{`name == "a"`, 7, "syntax", "expected a value"},
		{`name ) "a"`, 6, "syntax", "expected a comparison"},
		{`name not = "a"`, 10, "syntax", "expected a comparison"},
		{`name is null`, 9, "syntax", "empty"},
		{`name is not nothing`, 13, "syntax", "empty"},
		{`name = "a`, 8, "syntax", "no end"},
		{`name = "a\d"`, 10, "syntax", "backslash"},
		{`name = "a" budget = 1`, 12, "syntax", "\"and\", \"or\" or the end"},
		{`(name = "a"`, 12, "syntax", "\"(\" at character 1"},
		{`name = "a" and`, 15, "syntax", "name of a field"},
		{`in = "a"`, 1, "syntax", "backticks"},
		{`name = "a" & budget = 1`, 12, "syntax", "means nothing"},
		{`name = "ä" ; budget`, 12, "syntax", "means nothing"},
		{`budget between 5 or 9`, 18, "syntax", "\"and\""},
		{`place = "cellar"`, 9, "unknown_option", "no such option"},
		{`phone = "call me"`, 9, "invalid_phone", "digits"},
		{`phone contains "abc"`, 16, "invalid_phone", "digits"},
		{`phone > "1"`, 7, "wrong_operator", "contains"},
		{`newsletter = 5`, 14, "not_yes_or_no", "true or false"},
		{`newsletter in (true, maybe)`, 22, "not_yes_or_no", "true or false"},
		{`moves_on = 31.07.2026`, 12, "invalid_date", "2026-07-31"},
		{`call_at = 2026-07-31T12:30:00`, 11, "invalid_datetime", "offset"},
		{`created_at > yesterday`, 14, "invalid_datetime", "2026-07-31"},
		{`created_at is empty`, 12, "wrong_operator", "between"},
		{`assignee = "eve@example.com"`, 12, "unknown_member", "no active member"},
		{`assignee = "Ada"`, 12, "wrong_type", "e-mail"},
		{`id = "5"`, 6, "invalid_id", "UUID"},
		{strings.Repeat("not ", MaxDepth+1) + `name = "a"`, 4*MaxDepth + 1, "too_complex", "16 levels"},
		{strings.Repeat(`name = "a" and `, MaxTests) + `name = "a"`, 15*MaxTests + 1, "too_complex", "50 comparisons"},
		{`name in (` + strings.Repeat(`"a",`, MaxValues) + `"a")`, 10 + 4*MaxValues, "too_complex", "200 values"},
		{`name = "` + strings.Repeat("a", MaxBytes) + `"`, 1, "too_long", "4096 bytes"},
		{"name = \"\xff\"", 1, "syntax", "UTF-8"},
		{"name = \"\x00\"", 1, "syntax", "NUL"},
	} {
		n, err := parse(c.text)
		if err == nil {
			t.Errorf("%.60s: read as %s", c.text, Text(n))
			continue
		}
		e := errs.As(err)
		if e.Code != errs.ValidationFailed || len(e.Fields) != 1 || e.Fields[0].Parameter != "filter" || e.Fields[0].Code != c.code || !strings.Contains(e.Detail, c.says) || e.Meta["position"] != c.position {
			t.Errorf("%.60s: at %v %s %q, want at %d %s %q", c.text, e.Meta["position"], e.Fields[0].Code, e.Detail, c.position, c.code, c.says)
		}
		if at := fmt.Sprintf("character %d:", c.position); !strings.Contains(e.Detail, at) || !strings.HasSuffix(e.Detail, ".") {
			t.Errorf("%.60s: not a sentence with a place: %q", c.text, e.Detail)
		}
	}
	for _, text := range []string{`zq7zq7 = 1`, `status.zq7zq7 = 1`, `name = zq7zq7`, `place = "zq7zq7"`, `status.stage = "zq7zq7"`, `budget = zq7zq7`, `phone = "zq7zq7"`, `assignee = "zq7zq7@example.com"`, `zq7zq7 zq7zq7`} {
		if _, err := parse(text); err == nil || strings.Contains(err.Error(), "zq7") {
			t.Errorf("%s: what was sent is repeated: %v", text, err)
		}
	}
	if _, err := parse(`assignee = "broken@example.com"`); errs.CodeOf(err) != errs.Internal {
		t.Errorf("a failure of the database: %v", err)
	}
}

func TestLimitsThemselvesAreAllowed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("not ", MaxDepth) + `name = "a"`,
		strings.Repeat("(", MaxDepth) + `name = "a"` + strings.Repeat(")", MaxDepth) + ` and (budget = 1)`,
		strings.Repeat(`name = "a" and `, MaxTests-1) + `name = "a"`,
		`name in (` + strings.Repeat(`"a",`, MaxValues-1) + `"a")`,
		`name = "` + strings.Repeat("a", MaxBytes-9) + `"`,
	} {
		if _, err := parse(text); err != nil {
			t.Errorf("%.60s: %v", text, err)
		}
	}
}

// TestMeaning: the same lead, and one without any value, asked everything.
func TestMeaning(t *testing.T) {
	t.Parallel()
	e := example()
	values := map[string]entity.Value{
		"name": "Straße 7", "message": "Please call.\nThanks", "email": "Ada@Example.com", "phone": "+4930123456", "budget": "1.50", "place": "roof",
		"wishes": []string{"roof", "oil"}, "newsletter": false, "moves_on": "2026-07-31", "call_at": "2026-07-31T12:30:00Z", "site": "https://example.com/A",
	}
	noon := time.Date(2026, 7, 31, 12, 0, 0, 0, time.UTC).UnixMicro()
	full := &Record{ID: ada, Assignee: ada, Source: "Web Form", CreatedAt: noon, UpdatedAt: noon + 1,
		Value: func(f *entity.Field) entity.Value { return values[f.Key] }, Status: func(id.ID) id.ID { return won }}
	bare := &Record{ID: nobody, Source: "api", CreatedAt: noon, UpdatedAt: noon,
		Value: func(*entity.Field) entity.Value { return nil }, Status: func(id.ID) id.ID { return id.Nil }}
	const (
		neither = 0
		first   = 1 // the lead with values
		second  = 2 // the one without
		both    = 3
	)
	for text, want := range map[string]int{
		`name = "STRASSE 7"`: first, `name != "strasse 7"`: second, `name != "x"`: both, `name = "strasse"`: neither,
		`name contains "SSE"`: first, `name not contains "sse"`: second, `name starts_with "STRAß"`: first, `name starts_with "7"`: neither,
		`name in ("x", "straße 7")`: first, `name not in ("x", "straße 7")`: second, `name > "straa"`: first, `name < "strasse 7"`: neither, `name <= "strasse 7"`: first,
		`name between "a" and "z"`: first, `name not between "a" and "z"`: second, `not name > "z"`: both, `name is empty`: second, `name is not empty`: first,
		`message contains "call.\nthank"`: first, `email = "ada@example.com"`: first, `site = "https://example.com/a"`: first,
		`phone = "030 123456"`: first, `phone contains "30 123"`: first, `phone starts_with "+49"`: first, `phone != "030 123456"`: second,
		`budget = 1.5`: first, `budget = 1.500`: first, `budget != 1.5`: second, `budget > 1.49`: first, `budget > 1.5`: neither, `budget >= 1.5`: first, `budget < 10`: first,
		`budget between 1.5 and 1.5`: first, `budget between 2 and 1`: neither, `budget in (1, 1.50)`: first, `budget is empty`: second,
		`place = "On the roof"`: first, `place in ("oil", "2")`: neither, `wishes = "oil"`: first, `wishes != "oil"`: second, `wishes in ("2", "roof")`: first, `wishes = "2"`: neither, `wishes is empty`: second,
		`newsletter = false`: first, `newsletter = true`: neither, `newsletter != true`: both, `newsletter is empty`: second,
		`moves_on = 2026-07-31`: first, `moves_on < 2026-08-01`: first, `moves_on > 2026-07-31`: neither,
		`call_at = 2026-07-31T14:30:00+02:00`: first, `call_at > 2026-07-31`: first, `call_at < "2026-07-31T12:30:00.000001Z"`: first,
		`created_at = 2026-07-31T12:00:00Z`: both, `created_at > 2026-07-31`: both, `created_at < 2026-07-31`: neither, `updated_at > 2026-07-31T12:00:00Z`: first,
		`status.stage = "won it"`: first, `status.stage != "won it"`: second, `status.stage in ("New", "Won it")`: first, `status.stage is empty`: second,
		`assignee = "ada@example.com"`: first, `assignee is empty`: second, `assignee != "ada@example.com"`: second, `assignee = ` + nobody.String(): neither,
		`source = "WEB FORM"`: first, `source starts_with "a"`: second, `source > "b"`: first, `id = ` + ada.String(): first, `id not in (` + ada.String() + `)`: second,
		`name is empty or budget > 1`: both, `name is empty and budget > 1`: neither, `not (name is empty and budget > 1)`: both, `name is empty or budget > 1 and budget > 2`: second,
	} {
		n, err := Parse(text, e, func(string) (id.ID, error) { return ada, nil })
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := 0
		if n.Matches(full) {
			got |= first
		}
		if n.Matches(bare) {
			got |= second
		}
		if got != want {
			t.Errorf("%s: matches %d, want %d", text, got, want)
		}
	}
}

func TestSlowNamesWhatNoIndexAnswers(t *testing.T) {
	t.Parallel()
	n, err := parse(`name = "a" and (message contains "x" or not budget > 5) and source = "api" and status.stage = "New" and email contains "x" and message != "y"`)
	if err != nil {
		t.Fatal(err)
	}
	if got := Slow(n); !reflect.DeepEqual(got, []string{"message", "source", "email"}) {
		t.Errorf("%v", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`status.stage in ("New","Won it") and budget > 5 and (email contains "@acme.com" or phone is empty)`,
		"not `Lead name` not between 'a' and \"b\\\"\" or wishes = 'oil'", `created_at >= 2026-07-31T14:30:00+02:00 and assignee is empty`, `not not (name = 5)`, "`in`\t!= '\\n'",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parse(text)
		if err != nil || n == nil {
			return
		}
		printed := Text(n)
		if len(printed) > MaxBytes { // ids in place of names are longer
			return
		}
		again, err := parse(printed)
		if err != nil {
			t.Fatalf("%q was printed as %q: %v", text, printed, err)
		}
		// Fields are of two copies of the same entity.
		if !reflect.DeepEqual(n, again) {
			t.Fatalf("%q was printed as %q, which means something else", text, printed)
		}
	})
}
