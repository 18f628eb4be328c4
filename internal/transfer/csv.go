package transfer

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/leadflip/leadflip/internal/lead"
)

// csvTable writes a table as CSV (RFC 4180).
//
// A cell that a spreadsheet could take for a formula gets an apostrophe in front. Numbers
// in columns of numbers, and + with digits alone in columns of phone numbers, stay as
// they are: a sign with digits computes nothing.
type csvTable struct {
	columns []column
	cell    []byte // that is being written
}

func (t *csvTable) appendHeader(b []byte, labels, bom bool) []byte {
	if bom {
		b = append(b, "\ufeff"...)
	}
	for i, c := range t.columns {
		if i > 0 {
			b = append(b, ',')
		}
		name := c.name
		if labels {
			name = c.label
		}
		b = appendCell(b, []byte(name), anyText)
	}
	return append(b, "\r\n"...)
}

func (t *csvTable) appendLead(b []byte, l *lead.Lead) []byte {
	for i := range t.columns {
		if i > 0 {
			b = append(b, ',')
		}
		c := &t.columns[i]
		if c.kind == ourText {
			b = c.append(b, l)
			continue
		}
		t.cell = c.append(t.cell[:0], l)
		b = appendCell(b, t.cell, c.kind)
	}
	return append(b, "\r\n"...)
}

// appendCell writes one cell, in quotes where it needs them.
func appendCell(b, text []byte, k kind) []byte {
	switch {
	case len(text) == 0 || k == number && isDecimal(text) || k == phoneNo && isPhoneNumber(text):
		return append(b, text...)
	case mayBeFormula(text):
		b = append(b, `"'`...)
	case bytes.ContainsAny(text, "\",\r\n;\t") || text[0] == ' ' || text[len(text)-1] == ' ':
		b = append(b, '"')
	default:
		return append(b, text...)
	}
	for {
		quote := bytes.IndexByte(text, '"')
		if quote < 0 {
			break
		}
		b = append(append(b, text[:quote+1]...), '"')
		text = text[quote+1:]
	}
	return append(append(b, text...), '"')
}

// mayBeFormula tells whether a spreadsheet could take a text for a formula: its first
// visible character begins one, or before it is what some programs cut away or cut at.
func mayBeFormula(text []byte) bool {
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		switch c {
		case '=', '+', '-', '@', '\t', '\r', 0, '＝', '＋', '－', '＠':
			return true
		}
		if !unicode.IsSpace(c) && unicode.IsPrint(c) && c != utf8.RuneError {
			return false
		}
		text = text[size:] // white space, control and format characters, bytes that are no text
	}
	return false
}
