package entity

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// MaxDigits is how many digits a decimal may have, before and after the point
// together.
const MaxDigits = 38

// Decimal is an exact decimal in plain notation: an optional minus, digits without
// leading zeros, and perhaps a point and digits. It is also a JSON number.
type Decimal string

// ParseDecimal reads a decimal as JSON and people write it.
func ParseDecimal(s string) (Decimal, *Problem) {
	s = strings.TrimSpace(s)
	negative := false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	mantissa, exponent := s, 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		n, err := strconv.Atoi(s[i+1:])
		switch {
		case errors.Is(err, strconv.ErrRange):
			return "", tooManyDigits()
		case err != nil:
			return "", notANumber()
		}
		mantissa, exponent = s[:i], n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" || !onlyDigits(whole) || !onlyDigits(fraction) {
		return "", notANumber()
	}
	if len(whole)+len(fraction) > 4*MaxDigits || exponent > 4*MaxDigits || exponent < -4*MaxDigits {
		return "", tooManyDigits()
	}
	whole, fraction = shift(whole, fraction, exponent)
	whole = strings.TrimLeft(whole, "0")
	if len(whole)+len(fraction) > MaxDigits {
		return "", tooManyDigits()
	}
	if whole == "" {
		whole = "0"
	}
	var b strings.Builder
	if negative && strings.Trim(whole+fraction, "0") != "" {
		b.WriteByte('-')
	}
	b.WriteString(whole)
	if fraction != "" {
		b.WriteByte('.')
		b.WriteString(fraction)
	}
	return Decimal(b.String()), nil
}

// shift moves the decimal point by exponent places.
func shift(whole, fraction string, exponent int) (string, string) {
	switch {
	case exponent > 0:
		if pad := exponent - len(fraction); pad > 0 {
			fraction += strings.Repeat("0", pad)
		}
		return whole + fraction[:exponent], fraction[exponent:]
	case exponent < 0:
		if pad := -exponent - len(whole); pad > 0 {
			whole = strings.Repeat("0", pad) + whole
		}
		cut := len(whole) + exponent
		return whole[:cut], whole[cut:] + fraction
	}
	return whole, fraction
}

func onlyDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func notANumber() *Problem {
	return problem("not_a_number", "Write this as a plain number with a point before the decimals and nothing between the thousands, for example 1234.50.")
}

func tooManyDigits() *Problem {
	return problem("too_many_digits", "This has more than "+strconv.Itoa(MaxDigits)+" digits; shorten it.")
}

// parts splits a decimal into sign, digits before and digits after the point.
func (d Decimal) parts() (negative bool, whole, fraction string) {
	s := string(d)
	if strings.HasPrefix(s, "-") {
		negative, s = true, s[1:]
	}
	whole, fraction, _ = strings.Cut(s, ".")
	return negative, whole, fraction
}

// Cmp is -1, 0 or 1 as d is less than, equal to or greater than other.
func (d Decimal) Cmp(other Decimal) int {
	a, b := d.scaled(other)
	return a.Cmp(b)
}

// IsStep tells whether d can be reached from base (0 when nil) in whole steps.
func (d Decimal) IsStep(step Decimal, base *Decimal) bool {
	from := Decimal("0")
	if base != nil {
		from = *base
	}
	places := max(d.places(), step.places(), from.places())
	rest := new(big.Int).Sub(d.unscaled(places), from.unscaled(places))
	return rest.Rem(rest, step.unscaled(places)).Sign() == 0
}

func (d Decimal) places() int {
	_, _, fraction := d.parts()
	return len(fraction)
}

// unscaled is d times ten to the power of places, which d has at most.
func (d Decimal) unscaled(places int) *big.Int {
	negative, whole, fraction := d.parts()
	n, _ := new(big.Int).SetString(whole+fraction+strings.Repeat("0", places-len(fraction)), 10)
	if negative {
		n.Neg(n)
	}
	return n
}

func (d Decimal) scaled(other Decimal) (*big.Int, *big.Int) {
	places := max(d.places(), other.places())
	return d.unscaled(places), other.unscaled(places)
}

// MarshalJSON writes a JSON number with all its digits.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d), nil }

// UnmarshalJSON reads a JSON number.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	v, p := ParseDecimal(string(b))
	if p != nil {
		return &strconv.NumError{Func: "ParseDecimal", Num: "…", Err: strconv.ErrSyntax}
	}
	*d = v
	return nil
}
