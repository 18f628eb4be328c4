package lead

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestStoredValuesAreReadBack(t *testing.T) {
	t.Parallel()
	e := identified(solar())
	rapid.Check(t, func(t *rapid.T) {
		l := drawLead(t, e, []id.ID{id.New()})
		l.Values[e.Fields[0].ID] = rapid.SampledFrom([]string{rapid.String().Draw(t, "text"), `"` + e.Fields[1].ID.String() + `"`, e.Fields[1].ID.String(), `a\`, `"`}).Draw(t, "name")
		stored := dataJSON(e, l.Values)
		for _, text := range []string{stored, spaced(stored)} {
			got, err := readData(text)
			if err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if diff := cmp.Diff(l.Values, got); diff != "" {
				t.Fatalf("%s (-stored +read):\n%s", text, diff)
			}
			for i := range e.Fields {
				v, err := readOne(text, `"`+e.Fields[i].ID.String()+`"`)
				if diff := cmp.Diff(l.Values[e.Fields[i].ID], v); err != nil || diff != "" {
					t.Fatalf("%v %s: %s (-stored +read):\n%s", err, e.Fields[i].Key, text, diff)
				}
			}
		}
	})
}

func TestBrokenStoredValuesAreAnError(t *testing.T) {
	t.Parallel()
	const field = `"0197b1c2-5d3e-7abc-8def-0123456789ab"`
	for _, text := range []string{"", "[]", "{", `{"a":1}`, `{` + field, `{` + field + `}`, `{` + field + `:`, `{` + field + `:"a`, `{` + field + `:x}`, `{` + field + `:["a"`, `{` + field + `:"a\`} {
		if v, err := readData(text); err == nil {
			t.Errorf("%s: %v", text, v)
		}
	}
}
