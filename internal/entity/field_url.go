package entity

import (
	"net/url"
	"strings"
	"unicode"
)

const urlMax = 2048

// urlKind is an address on the web. White space around it is cut.
type urlKind struct {
	plain
	textKeys
}

func (urlKind) parse(_ *Field, raw Raw) (Value, *Problem) {
	s, p := textOf(raw, "the address")
	if p != nil {
		return nil, p
	}
	s = strings.TrimSpace(s)
	if p := atMost(s, urlMax); p != nil {
		return nil, p
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || strings.ContainsFunc(s, unicode.IsSpace) {
		return nil, problem("invalid_url", "Write the whole address, beginning with https:// or http://, for example https://example.com.")
	}
	if u.User != nil {
		return nil, problem("invalid_url", "Leave the user name and password out of the address.")
	}
	return s, nil
}
