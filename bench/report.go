package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// report is the tables of figures.
type report struct {
	about    string // the machine
	rows     []row
	works    []work
	postgres string   // its name and version in the heading; "" until it was looked for
	notes    []string // below the tables
}

// row is one figure.
type row struct {
	what   string
	ours   string
	beside string // the peer's figure, or what it is held against
	ratio  string
	bar    string // "" when there is none
	kept   bool
}

// The figures stand between these lines of the document.
const (
	figuresBegin = "<!-- figures: made by make bench -->\n"
	figuresEnd   = "<!-- end of figures -->"
)

func (r *report) add(rows ...row)  { r.rows = append(r.rows, rows...) }
func (r *report) note(text string) { r.notes = append(r.notes, text) }

// machine takes down what the figures depend on, and nothing that names the machine.
func (r *report) machine() {
	r.about = fmt.Sprintf("%d cores, %s, %s/%s.", runtime.NumCPU(), strings.Replace(runtime.Version(), "go", "Go ", 1), runtime.GOOS, runtime.GOARCH)
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		r.about += fmt.Sprintf(" Other work on the machine before the run (load average of a minute): %s.", strings.Fields(string(text))[0])
	}
}

// text is the report in Markdown.
func (r *report) text() string {
	var b strings.Builder
	b.WriteString("\n" + r.about + "\n")
	if len(r.rows) > 0 {
		b.WriteString("\n| measured | Leadflip | beside it | ratio | bar | |\n|---|---|---|---|---|---|\n")
	}
	for _, row := range r.rows {
		verdict := ""
		if row.bar != "" {
			verdict = map[bool]string{true: "met", false: "**missed**"}[row.kept]
		}
		b.WriteString(tableLine([]string{row.what, row.ours, row.beside, row.ratio, row.bar, verdict}))
	}
	b.WriteString(r.worksTable())
	for _, n := range r.notes {
		b.WriteString("\n" + n + "\n")
	}
	return b.String() + "\n"
}

// missed lists the rows whose bar was not reached.
func (r *report) missed() (out []string) {
	for _, row := range r.rows {
		if row.bar != "" && !row.kept {
			out = append(out, row.what)
		}
	}
	return append(out, r.missedWorks()...)
}

// writeTo puts the figures between their lines in a document.
func (r *report) writeTo(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok1 := strings.Cut(string(text), figuresBegin)
	_, after, ok2 := strings.Cut(rest, figuresEnd)
	if !ok1 || !ok2 {
		return errors.New(path + " has lost the lines around the figures")
	}
	return os.WriteFile(path, []byte(before+figuresBegin+r.text()+figuresEnd+after), 0o644)
}

// show prints a spread, with the smallest and largest in brackets.
func (s spread) show(format string) string {
	if s.min == s.max {
		return fmt.Sprintf(format, s.median)
	}
	return fmt.Sprintf(format+" ("+format+"–"+format+")", s.median, s.min, s.max)
}

// thousands prints a number with commas.
func thousands(v float64) string {
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
