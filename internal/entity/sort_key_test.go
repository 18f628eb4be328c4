package entity

import (
	"bytes"
	"cmp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func sign(n int) int { return cmp.Compare(n, 0) }

func decimals() *rapid.Generator[Decimal] {
	return rapid.Custom(func(t *rapid.T) Decimal {
		text := rapid.StringMatching(`-?[0-9]{1,19}(\.[0-9]{1,18})?`).Draw(t, "decimal")
		d, p := ParseDecimal(text)
		if p != nil {
			t.Fatalf("%s: %s", text, p.Detail)
		}
		return d
	})
}

func TestKeysOfDecimalsHaveTheOrderOfTheNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := decimals().Draw(t, "a"), decimals().Draw(t, "b")
		if got, want := sign(bytes.Compare(decimalKey(a), decimalKey(b))), a.Cmp(b); got != want {
			t.Fatalf("%s and %s: keys compare as %d, numbers as %d", a, b, got, want)
		}
	})
	row := []Decimal{"-10", "-9.99", "-1.5", "-1.05", "-1", "-0.5", "-0.05", "-0.0005", "0", "0.0005", "0.05", "0.5", "1", "1.05", "1.5", "9.99", "10", "99999999999999999999999999999999999999"}
	for i := range row {
		for j := range row {
			if got := sign(bytes.Compare(decimalKey(row[i]), decimalKey(row[j]))); got != cmp.Compare(i, j) {
				t.Errorf("%s and %s compare as %d", row[i], row[j], got)
			}
		}
	}
	if !bytes.Equal(decimalKey("1.50"), decimalKey("1.5")) || !bytes.Equal(decimalKey("0.00"), decimalKey("0")) {
		t.Error("equal numbers have different keys")
	}
}

func TestKeysOfMomentsHaveTheirOrder(t *testing.T) {
	t.Parallel()
	f := &Field{Type: DateTime}
	moments := rapid.Map(rapid.Int64Range(-62135596800000000, 253402300799999999), func(us int64) time.Time { return time.UnixMicro(us).UTC() })
	rapid.Check(t, func(t *rapid.T) {
		a, b := moments.Draw(t, "a"), moments.Draw(t, "b")
		x, y := f.Keys(a.Format(time.RFC3339Nano)), f.Keys(b.Format(time.RFC3339Nano))
		if got := sign(bytes.Compare(x[0], y[0])); got != a.Compare(b) {
			t.Fatalf("%s and %s compare as %d", a, b, got)
		}
	})
}

func TestKeysOfTextsIgnoreCaseAndKeepLongOnesApart(t *testing.T) {
	t.Parallel()
	f := &Field{Type: Text}
	same := func(a, b string) bool { return bytes.Equal(f.Keys(a)[0], f.Keys(b)[0]) }
	long := strings.Repeat("x", 2000)
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Ada@Example.COM", "ada@example.com", true}, {"STRASSE", "straße", true}, {"É", "e\u0301", true}, {"a", "b", false}, {"a", "a ", false},
		{long + "a", long + "A", true}, {long + "a", long + "b", false},
	} {
		if same(c.a, c.b) != c.same {
			t.Errorf("%.20q and %.20q: same is %v", c.a, c.b, !c.same)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		if k := f.Keys(s)[0]; len(k) > sortKeyMax {
			t.Fatalf("a key of %d bytes", len(k))
		}
		prefix, _ := f.KeyPrefix(s)
		k := f.Keys(s + "more")[0]
		after := KeyAfter(prefix)
		if !bytes.HasPrefix(k, prefix) && Fold(s + "more")[:len(Fold(s))] == Fold(s) || after != nil && bytes.Compare(k, after) >= 0 && bytes.HasPrefix(k, prefix) {
			t.Fatalf("%q: the key %q of a longer text is outside of %q to %q", s, k, prefix, after)
		}
	})
}

func TestOnlySomeTypesHaveKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ   Type
		value Value
		keys  int
	}{
		{Text, "a", 1}, {Textarea, "a\nb", 1}, {Number, "1.5", 1}, {Email, "a@b.de", 1}, {Phone, "+4930123456", 1}, {Date, "2026-07-31", 1}, {DateTime, "2026-07-31T00:00:00Z", 1},
		{Select, "x", 1}, {MultiSelect, []string{"x", "y"}, 2}, {Checkbox, false, 1}, {URL, "https://example.com", 1}, {Text, nil, 0},
	} {
		f := &Field{Type: c.typ}
		if !f.Sorted() || len(f.Keys(c.value)) != c.keys {
			t.Errorf("%s: sorted %v, %d keys", c.typ, f.Sorted(), len(f.Keys(c.value)))
		}
	}
}
