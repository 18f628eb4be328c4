package entity

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Loose is a name without regard to case, white space, underscores and dashes: two
// names that callers would take for the same become equal. "Lead Name", "lead-name"
// and "LEADNAME" are one.
func Loose(name string) string {
	if s, ok := looseASCII(name); ok {
		return s
	}
	bare := strings.Map(func(r rune) rune {
		if r == '_' || unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
			return -1
		}
		return r
	}, name)
	// Case folding does not keep the composed form, so it is made before and after.
	folded := cases.Fold().String(norm.NFC.String(bare))
	return norm.NFC.String(strings.Map(oneCase, folded))
}

// oneCase is the same for all cases of a letter. Full folding writes ß as ss, but
// leaves letters of some scripts in two forms, each folded to the other.
func oneCase(r rune) rune {
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return unicode.ToLower(least)
}

// looseASCII is Loose for the usual case, without the tables of Unicode.
func looseASCII(name string) (string, bool) {
	clean := true
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 0x80:
			return "", false
		case c == '_' || c == '-' || c == ' ' || c >= '\t' && c <= '\r' || c >= 'A' && c <= 'Z':
			clean = false
		}
	}
	if clean {
		return name, true
	}
	b := make([]byte, 0, len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case c == '_' || c == '-' || c == ' ' || c >= '\t' && c <= '\r':
		case c >= 'A' && c <= 'Z':
			b = append(b, c+'a'-'A')
		default:
			b = append(b, c)
		}
	}
	return string(b), true
}
