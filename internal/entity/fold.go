package entity

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold is a text as comparing sees it: Unicode NFC, without regard to case. The same
// is done to both sides of every comparison, in Go, because databases disagree about
// the case of letters.
func Fold(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	// Case folding does not keep the composed form, so it is made before and after.
	folded := cases.Fold().String(norm.NFC.String(s))
	return norm.NFC.String(strings.Map(oneCase, folded))
}
