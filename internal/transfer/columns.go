package transfer

import (
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// column is one column of a table.
type column struct {
	name, label string
	kind        kind
	append      func(b []byte, l *lead.Lead) []byte // the cell's text; nothing when it is empty
}

// kind is what the texts of a column can be.
type kind int

const (
	anyText kind = iota
	ourText      // ids and times, made by the program
	number       // exact decimals
	phoneNo      // + and digits, as E.164 writes them
)

// people are the members on leads, as far as they are known.
type people map[id.ID]account.Person

// columnsOf are the columns of a selection: what every lead has, a status for each
// pipeline, the fields in their order, and at the end what was sent under unknown names.
func columnsOf(e *entity.Entity, shown *lead.Picked, who people) []column {
	cols := []column{{"id", "ID", ourText, func(b []byte, l *lead.Lead) []byte { return append(b, l.ID.String()...) }}}
	for _, c := range []column{
		{"created_at", "Created at", ourText, func(b []byte, l *lead.Lead) []byte { return appendTime(b, l.CreatedAt) }},
		{"updated_at", "Updated at", ourText, func(b []byte, l *lead.Lead) []byte { return appendTime(b, l.UpdatedAt) }},
		{"source", "Source", anyText, func(b []byte, l *lead.Lead) []byte { return append(b, l.Source...) }},
		{"assignee", "Assignee", anyText, func(b []byte, l *lead.Lead) []byte { return append(b, who[l.AssigneeID].Email...) }},
	} {
		if shown.Shows(c.name) {
			cols = append(cols, c)
		}
	}
	for i := range e.Pipelines {
		if p := &e.Pipelines[i]; shown.ShowsPipeline(p.ID) {
			cols = append(cols, statusColumn(p))
		}
	}
	for i := range e.Fields {
		if f := &e.Fields[i]; shown.ShowsField(f.ID) {
			cols = append(cols, fieldColumns(f)...)
		}
	}
	if shown.Shows("unmapped") {
		cols = append(cols, column{"unmapped", "Unmapped", anyText, appendUnmapped})
	}
	return cols
}

func statusColumn(p *entity.Pipeline) column {
	return column{"status." + p.Slug, p.Name, anyText, func(b []byte, l *lead.Lead) []byte {
		since, ok := l.Status(p.ID)
		if s := p.StatusByID(since.StatusID); ok && s != nil {
			b = append(b, s.Name...)
		}
		return b
	}}
}

// fieldColumns are the columns of a field: one, or one for each part of an address.
func fieldColumns(f *entity.Field) []column {
	if f.Type != entity.Address {
		k := map[entity.Type]kind{entity.Number: number, entity.Phone: phoneNo}[f.Type]
		return []column{{f.Key, f.Label, k, func(b []byte, l *lead.Lead) []byte { return appendValue(b, l.Values[f.ID]) }}}
	}
	var cols []column
	for _, part := range f.Parts() {
		k := anyText
		if f.PartIsNumber(part) {
			k = number
		}
		cols = append(cols, column{f.Key + "." + part, f.Label + ": " + strings.ReplaceAll(part, "_", " "), k,
			func(b []byte, l *lead.Lead) []byte { return append(b, f.Part(l.Values[f.ID], part)...) }})
	}
	return cols
}

// appendValue writes a value as the API shows it: the keys of options, true and false,
// all digits. Several options are joined; a file is its name.
func appendValue(b []byte, v entity.Value) []byte {
	switch v := v.(type) {
	case string:
		return append(b, v...)
	case bool:
		if v {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	case []string:
		for i, s := range v {
			if i > 0 {
				b = append(b, "; "...)
			}
			b = append(b, s...)
		}
	case entity.FileValue:
		return append(b, v.Name...)
	}
	return b
}

// appendUnmapped writes the JSON object, and nothing for an empty one.
func appendUnmapped(b []byte, l *lead.Lead) []byte {
	if string(l.Unmapped) == "{}" {
		return b
	}
	return append(b, l.Unmapped...)
}

func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
}

// isDecimal tells whether a text is a plain number: a minus, digits without zeros in
// front, perhaps a point and digits. A number field whose leads are still being converted may have others.
func isDecimal(b []byte) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if len(b) > 1 && b[0] == '0' && b[1] != '.' {
		return false
	}
	digits, point := 0, false
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '.' && !point && i > 0 && i < len(b)-1:
			point = true
		default:
			return false
		}
	}
	return digits > 0
}

// isPhoneNumber tells whether a text is a + and digits, and nothing else.
func isPhoneNumber(b []byte) bool {
	if len(b) < 2 || b[0] != '+' {
		return false
	}
	for _, c := range b[1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
