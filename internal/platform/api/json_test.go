package api

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/id"
)

func written(t interface{ Fatal(...any) }, v any) string {
	b, err := AppendJSON(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTimesInAnswersHaveOneForm(t *testing.T) {
	t.Parallel()
	type nested struct {
		At    time.Time  `json:"at"`
		Ended *time.Time `json:"ended"`
		Gone  *time.Time `json:"gone,omitempty"`
	}
	type outer struct {
		nested
		List []time.Time    `json:"list"`
		Any  map[string]any `json:"any"`
	}
	whole := time.Date(2026, 11, 25, 22, 34, 36, 0, time.UTC)
	tenth := time.Date(2026, 11, 25, 22, 34, 36, 120_000_000, time.UTC)
	fine := time.Date(2026, 11, 25, 23, 34, 36, 123_456_789, time.FixedZone("CET", 3600))
	got := written(t, outer{nested{At: whole, Ended: &tenth}, []time.Time{fine}, map[string]any{"t": tenth, "p": &whole, "deep": []any{whole}}})
	want := `{"at":"2026-11-25T22:34:36.000000Z","ended":"2026-11-25T22:34:36.120000Z","list":["2026-11-25T22:34:36.123456Z"],` +
		`"any":{"deep":["2026-11-25T22:34:36.000000Z"],"p":"2026-11-25T22:34:36.000000Z","t":"2026-11-25T22:34:36.120000Z"}}` + "\n"
	if got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	if got := written(t, nested{At: whole}); got != `{"at":"2026-11-25T22:34:36.000000Z","ended":null}`+"\n" {
		t.Errorf("a time that is not there: %s", got)
	}
}

func TestEveryTimeIsWrittenAsItsFormSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-62167219200, 253402300799).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond"))
		at = at.In(time.FixedZone("", rapid.IntRange(-50400, 50400).Draw(t, "zone")))
		if got, want := written(t, at), `"`+at.UTC().Format("2006-01-02T15:04:05.000000Z")+"\"\n"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	if b, err := AppendJSON(nil, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
		t.Errorf("a year of five digits is written: %s", b)
	}
}

func TestProblemsHaveTheirTimesInTheForm(t *testing.T) {
	t.Parallel()
	p := &Problem{Code: "key_revoked", more: map[string]any{"revoked_at": time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}}
	if got := written(t, p); !strings.Contains(got, `"revoked_at":"2026-03-01T12:00:00.000000Z"`) {
		t.Error(got)
	}
}

// What is not a time is written as encoding/json writes it.
func TestAnswersAreWrittenAsTheStandardLibraryDoes(t *testing.T) {
	t.Parallel()
	type member struct {
		Name   string            `json:"name"`
		Empty  []string          `json:"empty"`
		Leave  []string          `json:"leave,omitempty"`
		Zero   int               `json:"zero,omitempty"`
		No     bool              `json:"no,omitempty"`
		ID     id.ID             `json:"id"`
		Other  *id.ID            `json:"other"`
		Number json.Number       `json:"number"`
		Raw    json.RawMessage   `json:"raw"`
		Bytes  []byte            `json:"bytes"`
		Map    map[string]string `json:"map"`
		Any    any               `json:"any"`
		Float  float64           `json:"float"`
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		m := member{
			Name: text.Draw(t, "name"), ID: id.New(), Number: json.Number(rapid.SampledFrom([]string{"", "0", "1.50", "123456789012345678901234567890.000", "1e400", "-7"}).Draw(t, "number")),
			Raw:   json.RawMessage(rapid.SampledFrom([]string{`null`, `{"b":1, "a":[1.0,"x<y"]}`, `"\u2028"`, `12345678901234567890.10`}).Draw(t, "raw")),
			Bytes: rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"), Map: rapid.MapOf(text, text).Draw(t, "map"), Float: rapid.Float64Range(-1e30, 1e30).Draw(t, "float"),
			Any: rapid.SampledFrom([]any{nil, true, 1.5, "a\u2028b<c>&", []any{}, []any(nil), map[string]any(nil), map[string]any{"z": 1, "a": json.Number("2.10")}}).Draw(t, "any"),
		}
		if rapid.Bool().Draw(t, "more") {
			m.Leave, m.Zero, m.No, m.Other = []string{text.Draw(t, "leave")}, 3, true, &m.ID
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(m); err != nil {
			t.Fatal(err)
		}
		if got := written(t, m); got != want.String() {
			t.Errorf("got  %swant %s", got, want.String())
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	type body struct {
		ID      id.ID      `json:"id"`
		Name    string     `json:"name"`
		At      time.Time  `json:"at"`
		Ended   *time.Time `json:"ended"`
		Scopes  []string   `json:"scopes"`
		Number  int        `json:"number"`
		Purpose string     `json:"purpose,omitempty"`
	}
	v := body{ID: id.New(), Name: "Website server", At: time.Now(), Scopes: []string{"leads:write"}}
	var room []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if room, err = AppendJSON(room[:0], &v); err != nil {
			b.Fatal(err)
		}
	}
}
