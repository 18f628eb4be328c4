package transfer

import (
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// Format is what kind of file leads are written to.
type Format string

// The formats.
const (
	CSV   Format = "csv"
	XLSX  Format = "xlsx"
	JSONL Format = "jsonl" // one JSON object a line
)

// Query asks for an export.
type Query struct {
	lead.Query
	Format Format // "" is CSV
	Labels bool   // columns are headed by the labels of fields, not by their keys
	BOM    bool   // a CSV file begins with a byte order mark, by which Excel knows UTF-8
}

// check refuses what a format does not know.
func (q *Query) check() error {
	switch q.Format {
	case "":
		q.Format = CSV
	case CSV, XLSX, JSONL:
	default:
		return errs.Invalid(errs.Field{Parameter: "format", Code: "unknown_format", Detail: "The formats are csv, xlsx and jsonl."})
	}
	switch {
	case q.BOM && q.Format != CSV:
		return errs.Invalid(errs.Field{Parameter: "bom", Code: "only_csv", Detail: "Only a CSV file has a byte order mark; leave bom out."})
	case q.Labels && q.Format == JSONL:
		return errs.Invalid(errs.Field{Parameter: "header", Code: "only_tables", Detail: "JSON lines have no header; leave header out."})
	}
	return nil
}

// fileName is the name of an export. It is made of slugs, so that it is safe everywhere.
func fileName(entity, environment string, at time.Time, f Format) string {
	return strings.Join([]string{entity, environment, at.UTC().Format(time.DateOnly)}, "-") + "." + string(f)
}

// maxRows is how many rows a sheet of XLSX has, its header among them.
const maxRows = 1_048_576

func tooManyRows() error {
	return errs.Invalid(errs.Field{Parameter: "format", Code: "too_many_rows",
		Detail: "There are more leads than a sheet of XLSX has rows, which is 1,048,576 with the header. Narrow the filter, or choose csv or jsonl."})
}
