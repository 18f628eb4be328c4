package entity

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// phoneKind is one telephone number, stored as E.164 and shown the way its country
// writes it. A number without a country code is read with the field's country, or
// refused when it has none: guessing would call strangers.
type phoneKind struct {
	plain
	textKeys
}

func (phoneKind) parse(f *Field, raw Raw) (Value, *Problem) {
	s, p := textOf(raw, "the phone number")
	if p != nil {
		return nil, p
	}
	s = strings.TrimFunc(s, invisible)
	if !phoneCharacters(s) {
		return nil, problem("invalid_phone", "Send one phone number made of digits, spaces and + - ( ) . / only, without an extension, for example +49 30 123456.")
	}
	if stored, ok := internationalPhone(s); ok {
		return stored, nil
	}
	country := f.Country
	if country == "" {
		country = phonenumbers.UNKNOWN_REGION
	}
	number, err := phonenumbers.Parse(s, country)
	if err != nil && f.Country == "" && !strings.HasPrefix(s, "+") {
		return nil, problem("invalid_phone", "Begin the phone number with + and the country code, for example +49 30 123456.")
	}
	if err != nil || !diallable(number) {
		return nil, problem("invalid_phone", "This is not a complete phone number; write it like +49 30 123456.")
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

// internationalPhone reads a number in use that is written with + and the country code,
// as most programs send it, in a small part of the time that the library's parser takes.
// It says nothing of any other number.
func internationalPhone(s string) (stored string, ok bool) {
	if s == "" || s[0] != '+' {
		return "", false
	}
	b := make([]byte, 1, 24)
	b[0] = '+'
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			b = append(b, c)
		case c == ' ' || c == '-':
		default:
			return "", false
		}
	}
	stored = string(b)
	number := storedPhone(stored)
	if number == nil {
		return "", false
	}
	// What begins like a call at home may be one, written behind the country code.
	atHome := phonenumbers.GetNddPrefixForRegion(phonenumbers.GetRegionCodeForCountryCode(int(number.GetCountryCode())), true)
	national := stored[1+len(strconv.Itoa(int(number.GetCountryCode()))):]
	if atHome != "" && strings.HasPrefix(national, atHome) {
		return "", false
	}
	return stored, phonenumbers.IsValidNumber(number)
}

// diallable takes numbers in use, and others of a possible length, since numbering
// plans change faster than programs. Of those it refuses the ones that would be read
// as another number when they are read again.
func diallable(number *phonenumbers.PhoneNumber) bool {
	if phonenumbers.IsValidNumber(number) {
		return true
	}
	again, err := phonenumbers.Parse(phonenumbers.Format(number, phonenumbers.E164), phonenumbers.UNKNOWN_REGION)
	return err == nil && phonenumbers.IsPossibleNumber(number) &&
		again.GetCountryCode() == number.GetCountryCode() && again.GetNationalNumber() == number.GetNationalNumber() &&
		again.GetItalianLeadingZero() == number.GetItalianLeadingZero() && again.GetNumberOfLeadingZeros() == number.GetNumberOfLeadingZeros()
}

func (phoneKind) text(f *Field, v Value) string {
	s, _ := v.(string)
	number := storedPhone(s)
	if number == nil {
		return s
	}
	if f.Country != "" && phonenumbers.GetRegionCodeForNumber(number) == f.Country {
		return phonenumbers.Format(number, phonenumbers.NATIONAL)
	}
	return phonenumbers.Format(number, phonenumbers.INTERNATIONAL)
}

// storedPhone reads a number in the form in which it is stored, E.164. The parser of the
// library, which reads what people write, takes many times as long.
func storedPhone(s string) *phonenumbers.PhoneNumber {
	digits, ok := strings.CutPrefix(s, "+")
	if !ok || !onlyDigits(digits) || len(digits) > 18 {
		return nil
	}
	for n := 1; n <= 3 && n < len(digits); n++ { // no country code begins with another one
		code, _ := strconv.ParseInt(digits[:n], 10, 32)
		if phonenumbers.GetRegionCodeForCountryCode(int(code)) == phonenumbers.UNKNOWN_REGION {
			continue
		}
		rest := digits[n:]
		national, err := strconv.ParseUint(rest, 10, 64)
		if err != nil {
			return nil
		}
		number := &phonenumbers.PhoneNumber{CountryCode: new(int32(code)), NationalNumber: new(national)}
		// The last zero of nothing but zeros is the number itself.
		if zeros := len(rest) - len(strings.TrimLeft(rest[:len(rest)-1], "0")) - 1; zeros > 0 {
			number.ItalianLeadingZero = new(true)
			if zeros > 1 {
				number.NumberOfLeadingZeros = new(int32(zeros))
			}
		}
		return number
	}
	return nil
}

// search has the number with and without its country, with the gaps of its country and
// without any.
func (phoneKind) search(_ *Field, v Value) string {
	s, _ := v.(string)
	number := storedPhone(s)
	if number == nil {
		return s
	}
	national := phonenumbers.Format(number, phonenumbers.NATIONAL)
	digits := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, national)
	return strings.Join([]string{s, phonenumbers.Format(number, phonenumbers.INTERNATIONAL), national, digits}, "\n")
}

func (phoneKind) check(f *Field) (string, string) {
	if f.Country != "" && !phonenumbers.GetSupportedRegions()[f.Country] {
		return "country", "The country is a code of two capital letters, for example DE or US."
	}
	return "", ""
}

// invisible is white space, and the marks for the direction of writing that address
// books put around numbers.
func invisible(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// phoneCharacters keeps out words: the parser would cut them off, or dial them.
func phoneCharacters(s string) bool {
	for i, r := range s {
		switch {
		case unicode.IsDigit(r), unicode.IsSpace(r), unicode.Is(unicode.Pd, r), strings.ContainsRune("()./", r):
		case (r == '+' || r == '＋') && i <= 1:
		default:
			return false
		}
	}
	return true
}
