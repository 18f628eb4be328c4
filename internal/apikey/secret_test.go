package apikey

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/account"
)

func TestSecretHasThePublishedShape(t *testing.T) {
	shape := regexp.MustCompile(`^(` + Expression + `)$`)
	n := 1_000_000
	if testing.Short() {
		n = 20_000
	}
	seen := make(map[string]bool, n)
	for i := range n {
		kind := account.Live
		if i%2 == 1 {
			kind = account.Test
		}
		s := Mint(kind)
		text := s.Reveal()
		if !shape.MatchString(text) || len(text) != Length {
			t.Fatalf("minted %d characters that do not match %s", len(text), Expression)
		}
		if got, ok := ParseSecret(text); !ok || got != s {
			t.Fatal("a minted key is not accepted")
		}
		if strings.HasPrefix(text, prefixTest) != (kind == account.Test) {
			t.Fatalf("wrong prefix for %s", kind)
		}
		if seen[text] {
			t.Fatal("minted twice")
		}
		seen[text] = true
	}
}

func TestAnyChangedCharacterIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(Mint(account.Live).Reveal())
		i := rapid.IntRange(0, Length-1).Draw(t, "position")
		c := rapid.Byte().Draw(t, "character")
		if text[i] == c {
			t.Skip("no change")
		}
		text[i] = c
		if _, ok := ParseSecret(string(text)); ok {
			t.Fatalf("accepted after character %d became %q", i, c)
		}
	})
}

func TestRandomPartIsUniform(t *testing.T) {
	const n = 10_000_000
	var seen [256]int
	for _, c := range []byte(randomBase62(n)) {
		seen[c]++
	}
	expected := float64(n) / 62
	chi := 0.0
	for _, c := range []byte(base62) {
		d := float64(seen[c]) - expected
		chi += d * d / expected
	}
	// 61 degrees of freedom: mean 61, standard deviation sqrt(122); eight of those are
	// beyond what chance does in the life of this test.
	if limit := 61 + 8*math.Sqrt(122); chi > limit {
		t.Fatalf("chi-square %.1f is above %.1f", chi, limit)
	}
}

func TestFindSecretsSeesThemAnywhere(t *testing.T) {
	a, b := Mint(account.Live).Reveal(), Mint(account.Test).Reveal()
	broken := a[:Length-1] + flip(a[Length-1])
	for _, c := range []struct {
		name, text string
		want       int
	}{
		{"alone", a, 1},
		{"in words", "please use " + a + ", thanks", 1},
		{"glued to letters", "xx" + a + "yy", 1},
		{"two", a + b, 2},
		{"behind a false start", "lf_lf_live_" + a, 1},
		{"wrong checksum", broken, 0},
		{"cut off", a[:Length-1], 0},
		{"only the prefix", "lf_live_", 0},
		{"nothing", "", 0},
		{"in JSON", fmt.Sprintf(`{"a":{"%s":1}}`, a), 1},
	} {
		if got := FindSecrets(c.text); len(got) != c.want {
			t.Errorf("%s: found %d, want %d", c.name, len(got), c.want)
		}
	}
}

func flip(c byte) string {
	if c == 'a' {
		return "b"
	}
	return "a"
}

func TestSecretNeverPrintsItself(t *testing.T) {
	s := Mint(account.Live)
	for _, format := range []string{"%s", "%v", "%+v", "%#v", "%q"} {
		if out := fmt.Sprintf(format, s); strings.Contains(out, s.Reveal()[prefixLen+publicLen:]) {
			t.Errorf("%s shows the secret", format)
		}
	}
	type holder struct{ S Secret }
	if out := fmt.Sprintf("%v", holder{s}); strings.Contains(out, s.Reveal()) {
		t.Error("a struct shows the secret")
	}
}

func FuzzFindSecrets(f *testing.F) {
	f.Add(Mint(account.Live).Reveal())
	f.Add("lf_live_lf_test_")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range FindSecrets(text) {
			if _, ok := ParseSecret(s); !ok || !strings.Contains(text, s) {
				t.Fatalf("found %q, which is no key of the text", s)
			}
		}
	})
}
