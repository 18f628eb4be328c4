package entity

import (
	"slices"
	"strconv"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"pgregory.net/rapid"
)

// A stored number means the same to the short reader as to the library's.
func TestAStoredPhoneNumberIsReadAsTheLibraryReadsIt(t *testing.T) {
	t.Parallel()
	var numbers []string
	for region := range phonenumbers.GetSupportedRegions() {
		if n := phonenumbers.GetExampleNumber(region); n != nil {
			numbers = append(numbers, phonenumbers.Format(n, phonenumbers.E164))
		}
	}
	if len(numbers) < 200 {
		t.Fatalf("only %d examples", len(numbers))
	}
	check := func(t interface {
		Helper()
		Errorf(string, ...any)
	}, s string) {
		t.Helper()
		want, err := phonenumbers.Parse(s, phonenumbers.UNKNOWN_REGION)
		got := storedPhone(s)
		switch {
		case err != nil && got == nil:
		case err == nil && phonenumbers.Format(want, phonenumbers.E164) != s: // not a form that is stored
		case err != nil || got == nil:
			if err == nil {
				t.Errorf("%s was not read", s)
			}
		case phonenumbers.Format(got, phonenumbers.NATIONAL) != phonenumbers.Format(want, phonenumbers.NATIONAL) || phonenumbers.Format(got, phonenumbers.INTERNATIONAL) != phonenumbers.Format(want, phonenumbers.INTERNATIONAL):
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
	for _, s := range append(numbers, "+390236618300", "+3900", "+39000123", "+0123", "+999123456", "+", "", "49301234", "+49 30") {
		check(t, s)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, "+"+rapid.StringMatching("[0-9]{5,15}").Draw(t, "digits")) })
}

// What the short reader takes, it reads as the library does, whatever people put into
// numbers: the prefix that is dialled at home, a digit too many, gaps.
func TestAnInternationalPhoneNumberIsReadAsTheLibraryReadsIt(t *testing.T) {
	t.Parallel()
	var examples []string
	for region := range phonenumbers.GetSupportedRegions() {
		for kind := range phonenumbers.UNKNOWN {
			if n := phonenumbers.GetExampleNumberForType(region, kind); n != nil {
				examples = append(examples, phonenumbers.Format(n, phonenumbers.E164))
			}
		}
	}
	slices.Sort(examples)
	if len(examples) < 500 {
		t.Fatalf("only %d examples", len(examples))
	}
	taken := 0
	check := func(t interface{ Fatalf(string, ...any) }, s string) {
		got, ok := internationalPhone(s)
		if !ok {
			return
		}
		taken++
		want, err := phonenumbers.Parse(s, phonenumbers.UNKNOWN_REGION)
		if err != nil || !diallable(want) || phonenumbers.Format(want, phonenumbers.E164) != got {
			t.Fatalf("%q is %s, and to the library %v (%v)", s, got, want, err)
		}
	}
	for _, s := range examples {
		check(t, s)
	}
	if taken < len(examples)*9/10 {
		t.Errorf("only %d of %d examples were taken", taken, len(examples))
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom(examples).Draw(t, "example")
		national := s[1+rapid.IntRange(1, 3).Draw(t, "code"):]
		code := s[:len(s)-len(national)]
		tail := rapid.IntRange(0, len(national)).Draw(t, "changed digits")
		national = national[:len(national)-tail] + rapid.StringMatching("[0-9]{"+strconv.Itoa(tail)+"}").Draw(t, "tail")
		check(t, code+rapid.SampledFrom([]string{"", " ", "-", "0", "00", "1", "8", "06", "15", " 0 ", "044"}).Draw(t, "prefix")+national+rapid.StringMatching("[ -]?[0-9]?").Draw(t, "end"))
	})
}
