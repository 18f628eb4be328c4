package filter

import (
	"strings"
	"unicode"
)

// kind is a kind of token.
type kind int

const (
	end    kind = iota
	word        // a name, keyword, number or moment without quotes
	quoted      // a text
	named       // a name in backticks
	symbol      // a comparison, parenthesis or comma
)

// token is a piece of the text, from one rune up to another.
type token struct {
	kind     kind
	text     string
	from, to int
}

// is tells whether the token is a symbol or keyword.
func (t token) is(text string) bool {
	return t.kind == symbol && t.text == text || t.kind == word && strings.EqualFold(t.text, text)
}

var keywords = []string{"and", "or", "not", "in", "between", "is", "empty", "contains", "starts_with", "true", "false"}

func isKeyword(name string) bool {
	for _, k := range keywords {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

func isWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune("_-+.:@", r)
}

// symbols are those of two characters before those of one.
var symbols = []string{"!=", "<=", ">=", "=", "<", ">", "(", ")", ","}

// next reads the token that begins at a rune, or behind the white space there.
func (p *parser) next(at int) (token, error) {
	for at < len(p.text) && unicode.IsSpace(p.text[at]) {
		at++
	}
	if at == len(p.text) {
		return token{end, "", at, at}, nil
	}
	switch r := p.text[at]; {
	case isWord(r):
		to := at
		for to < len(p.text) && isWord(p.text[to]) {
			to++
		}
		return token{word, string(p.text[at:to]), at, to}, nil
	case r == '"' || r == '\'':
		return p.quoted(quoted, at)
	case r == '`':
		return p.quoted(named, at)
	}
	for _, s := range symbols {
		if rest := p.text[at:]; strings.HasPrefix(string(rest[:min(2, len(rest))]), s) {
			return token{symbol, s, at, at + len(s)}, nil
		}
	}
	return token{}, p.fail(at, "syntax", "this character means nothing here. Put texts in quotes, and names with unusual characters in backticks.")
}

// quoted reads a text in quotes or a name in backticks.
func (p *parser) quoted(k kind, at int) (token, error) {
	var b strings.Builder
	for i := at + 1; i < len(p.text); i++ {
		switch r := p.text[i]; {
		case r == p.text[at]:
			return token{k, b.String(), at, i + 1}, nil
		case r == '\\' && i+1 < len(p.text):
			i++
			escaped, ok := map[rune]rune{'\\': '\\', '"': '"', '\'': '\'', '`': '`', 'n': '\n', 't': '\t'}[p.text[i]]
			if !ok {
				return token{}, p.fail(i-1, "syntax", `behind a backslash stands a quote, a backtick, a backslash, n or t. A backslash itself is written \\.`)
			}
			b.WriteRune(escaped)
		default:
			b.WriteRune(r)
		}
	}
	return token{}, p.fail(at, "syntax", "what begins here has no end. Close it with the same quote.")
}
