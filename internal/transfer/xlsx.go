package transfer

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/leadflip/leadflip/internal/lead"
)

// xlsxTable writes a table as XLSX (ECMA-376): a zip archive with one sheet, row by row,
// without styles. A cell is a text, which no program computes, or a number where the 15
// digits that spreadsheets know are enough.
type xlsxTable struct {
	columns []column
	zip     *zip.Writer
	sheet   io.Writer
	cell    []byte
	rows    int
}

// maxCell is how many characters (UTF-16) a cell holds. Longer texts are cut there.
const maxCell = 32_767

const (
	xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	office  = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	pack    = "http://schemas.openxmlformats.org/package/2006/"
	sheetML = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	typeML  = "application/vnd.openxmlformats-officedocument.spreadsheetml."
)

// newXLSX begins a file whose sheet has a name, which is a slug.
func newXLSX(w io.Writer, columns []column, name string) (*xlsxTable, error) {
	t := &xlsxTable{columns: columns, zip: zip.NewWriter(w)}
	t.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	if len(name) > 31 {
		name = name[:31]
	}
	for _, part := range []struct{ name, text string }{
		{"[Content_Types].xml", `<Types xmlns="` + pack + `content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + typeML + `sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + typeML + `worksheet+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="` + pack + `relationships"><Relationship Id="rId1" Type="` + office + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="` + sheetML + `" xmlns:r="` + office + `"><sheets><sheet name="` + name + `" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + pack + `relationships"><Relationship Id="rId1" Type="` + office + `/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
		{"xl/worksheets/sheet1.xml", `<worksheet xmlns="` + sheetML + `"><sheetData>`},
	} {
		var err error
		if t.sheet, err = t.zip.Create(part.name); err != nil {
			return nil, err
		}
		if _, err = io.WriteString(t.sheet, xmlHead+part.text); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *xlsxTable) appendHeader(b []byte, labels bool) []byte {
	t.rows++
	b = append(b, "<row>"...)
	for _, c := range t.columns {
		name := c.name
		if labels {
			name = c.label
		}
		b = appendTextCell(b, []byte(name))
	}
	return append(b, "</row>"...)
}

func (t *xlsxTable) appendLead(b []byte, l *lead.Lead) []byte {
	t.rows++
	b = append(b, "<row>"...)
	for i := range t.columns {
		c := &t.columns[i]
		t.cell = c.append(t.cell[:0], l)
		switch {
		case len(t.cell) == 0:
			b = append(b, "<c/>"...)
		case c.kind == number && isDecimal(t.cell) && significant(t.cell) <= 15:
			b = append(b, "<c><v>"...)
			b = append(b, t.cell...)
			b = append(b, "</v></c>"...)
		default:
			b = appendTextCell(b, t.cell)
		}
	}
	return append(b, "</row>"...)
}

// close ends the file.
func (t *xlsxTable) close() error {
	if _, err := io.WriteString(t.sheet, "</sheetData></worksheet>"); err != nil {
		return err
	}
	return t.zip.Close()
}

// significant counts the digits of a decimal without zeros in front.
func significant(b []byte) int {
	return len(bytes.TrimLeft(b, "-0.")) - bytes.Count(bytes.TrimLeft(b, "-0."), []byte("."))
}

func appendTextCell(b, text []byte) []byte {
	if len(text) > maxCell { // bytes: only then there may be too many characters
		text = cutCell(text)
	}
	b = append(b, `<c t="inlineStr"><is><t xml:space="preserve">`...)
	b = appendXML(b, text)
	return append(b, "</t></is></c>"...)
}

// cutCell cuts a text to what a cell holds, with … at its end.
func cutCell(text []byte) []byte {
	n, end := 0, 0
	for i, c := range string(text) {
		if n <= maxCell-1 {
			end = i
		}
		if n += utf16.RuneLen(c); n > maxCell {
			return append(bytes.Clone(text[:end]), "…"...)
		}
	}
	return text
}

// appendXML writes a text inside of XML. What XML cannot hold becomes _xHHHH_, as
// ECMA-376 has it (22.9.2.19, ST_Xstring), and so does what would be taken for that.
func appendXML(b, text []byte) []byte {
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		switch {
		case c == '&':
			b = append(b, "&amp;"...)
		case c == '<':
			b = append(b, "&lt;"...)
		case c == '>':
			b = append(b, "&gt;"...)
		case c == '_' && isEscape(text):
			b = append(b, "_x005F_"...)
		case c < ' ' && c != '\t' && c != '\n' || c == 0xfffe || c == 0xffff:
			b = append(b, "_x"...)
			for shift := 12; shift >= 0; shift -= 4 {
				b = append(b, "0123456789ABCDEF"[c>>shift&15])
			}
			b = append(b, '_')
		default:
			b = utf8.AppendRune(b, c)
		}
		text = text[size:]
	}
	return b
}

// isEscape tells whether a text begins with what looks like _xHHHH_.
func isEscape(text []byte) bool {
	return len(text) >= 7 && (text[1] == 'x' || text[1] == 'X') && text[6] == '_' && strings.Trim(string(text[2:6]), "0123456789abcdefABCDEF") == ""
}
