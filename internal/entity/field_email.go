package entity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// emailKind is one e-mail address (RFC 5321, with the letters of RFC 6531). White
// space around it is cut; the letters keep their case, comparing ignores it.
type emailKind struct {
	plain
	textKeys
}

func (emailKind) parse(_ *Field, raw Raw) (Value, *Problem) {
	s, p := textOf(raw, "the e-mail address")
	if p != nil {
		return nil, p
	}
	s = strings.TrimSpace(s)
	at := strings.LastIndexByte(s, '@')
	switch {
	case strings.ContainsAny(s, "<>"), strings.ContainsAny(s, ",;"), strings.HasPrefix(strings.ToLower(s), "mailto:"):
		return nil, problem("invalid_email", "Send one plain e-mail address without a name or a list around it, like name@example.com.")
	case at < 1 || len(s) > 254 || at > 64 || !emailLocal(s[:at]) || !emailDomain(s[at+1:]):
		return nil, problem("invalid_email", "This is not an e-mail address; it should be like name@example.com.")
	}
	return s, nil
}

// emailLocal checks what stands before the @, without the quoted form that no mailbox
// people type has.
func emailLocal(s string) bool {
	if strings.HasPrefix(s, ".") || strings.HasSuffix(s, ".") || strings.Contains(s, "..") {
		return false
	}
	for _, r := range s {
		if r < utf8.RuneSelf && !isASCIIAlnum(r) && !strings.ContainsRune(".!#$%&'*+/=?^_`{|}~-", r) {
			return false
		}
		if r >= utf8.RuneSelf && (!unicode.IsGraphic(r) || unicode.IsSpace(r)) {
			return false
		}
	}
	return true
}

// emailDomain checks a host name of at least two labels whose last is not a number.
func emailDomain(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 || len(s) > 253 || onlyDigits(labels[len(labels)-1]) {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if r < utf8.RuneSelf && !isASCIIAlnum(r) && r != '-' || r >= utf8.RuneSelf && !unicode.In(r, unicode.L, unicode.M, unicode.Nd) {
				return false
			}
		}
	}
	return true
}

func isASCIIAlnum(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
