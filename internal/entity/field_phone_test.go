package entity

import (
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
