package web

import (
	"maps"
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

// Field describes one control with its label, help and error.
type Field struct {
	Name         string
	ID           string // empty: same as Name
	Label        string
	HideLabel    bool // for screen readers only; the meaning must be plain from the place
	Help         string
	Error        string
	Value        string
	Type         string // text (default), email, url, tel, number, date, datetime-local, search
	Placeholder  string // an example, never the label
	Required     bool
	Optional     bool // writes "optional" beside the label
	Disabled     bool
	ReadOnly     bool
	Autofocus    bool
	Autocomplete string
	InputMode    string
	Pattern      string
	MinLength    int
	MaxLength    int
	Min, Max     string
	Step         string
	Rows         int  // of a textarea; empty: 3, grows with its text
	Mono         bool // keys, addresses, code
	Prefix       string
	Suffix       string
	Attrs        templ.Attributes
}

// Option is one choice of a select, a segmented control or a radio list.
type Option struct {
	Value, Label string
	Help         string // radio lists only
	Group        string // selects only: options with the same Group stand under one heading
	Disabled     bool
}

// Choice describes a group of radios: one of Options.
type Choice struct {
	Name    string
	ID      string // empty: same as Name
	Legend  string
	Help    string
	Error   string
	Value   string // the chosen one
	Options []Option
	Attrs   templ.Attributes // for every radio
}

// Check describes one checkbox.
type Check struct {
	Name     string
	Value    string // empty: "on"
	ID       string // empty: Name, and Value if there is one
	Label    string
	Help     string
	Error    string
	Checked  bool
	Disabled bool
	Attrs    templ.Attributes
}

// Hidden is one hidden input.
type Hidden struct {
	Name, Value string
}

// FieldError is one line of an ErrorSummary; ID is the id of the control.
type FieldError struct {
	ID, Message string
}

func (f Field) id() string {
	if f.ID != "" {
		return f.ID
	}
	return f.Name
}

func (f Field) inputType() string {
	if f.Type == "" {
		return "text"
	}
	return f.Type
}

// describedBy names what exists: a dangling reference is read out as nothing by some screen readers, twice by others.
func describedBy(id, help, err string) string {
	var ids []string
	if err != "" {
		ids = append(ids, id+"-error")
	}
	if help != "" {
		ids = append(ids, id+"-help")
	}
	return strings.Join(ids, " ")
}

// attrs are the attributes that input, textarea and select share.
func (f Field) attrs() templ.Attributes {
	a := templ.Attributes{"id": f.id(), "name": f.Name}
	if d := describedBy(f.id(), f.Help, f.Error); d != "" {
		a["aria-describedby"] = d
	}
	if f.Error != "" {
		a["aria-invalid"] = "true"
	}
	for name, value := range map[string]string{
		"placeholder": f.Placeholder, "autocomplete": f.Autocomplete, "inputmode": f.InputMode, "pattern": f.Pattern,
		"min": f.Min, "max": f.Max, "step": f.Step,
	} {
		if value != "" {
			a[name] = value
		}
	}
	for name, n := range map[string]int{"minlength": f.MinLength, "maxlength": f.MaxLength} {
		if n > 0 {
			a[name] = strconv.Itoa(n)
		}
	}
	for name, on := range map[string]bool{
		"required": f.Required, "disabled": f.Disabled, "readonly": f.ReadOnly, "autofocus": f.Autofocus,
	} {
		if on {
			a[name] = true
		}
	}
	maps.Copy(a, f.Attrs)
	return a
}

func (f Field) rows() string {
	if f.Rows == 0 {
		return "3"
	}
	return strconv.Itoa(f.Rows)
}

func (c Choice) id() string {
	if c.ID != "" {
		return c.ID
	}
	return c.Name
}

func (c Choice) optionID(i int) string {
	if i == 0 {
		return c.id() // an error summary links to the group by its first radio
	}
	return c.id() + "-" + strconv.Itoa(i)
}

func (c Check) id() string {
	switch {
	case c.ID != "":
		return c.ID
	case c.Value != "":
		return c.Name + "-" + c.Value
	default:
		return c.Name
	}
}

func (c Check) value() string {
	if c.Value == "" {
		return "on"
	}
	return c.Value
}

// optionGroup is a run of options with the same heading.
type optionGroup struct {
	label   string
	options []Option
}

func groupOptions(options []Option) []optionGroup {
	var groups []optionGroup
	for _, o := range options {
		if n := len(groups); n == 0 || groups[n-1].label != o.Group {
			groups = append(groups, optionGroup{label: o.Group})
		}
		last := &groups[len(groups)-1]
		last.options = append(last.options, o)
	}
	return groups
}

func errorSummaryTitle(n int) string {
	if n == 1 {
		return "Please check one field"
	}
	return "Please check " + strconv.Itoa(n) + " fields"
}

func choiceDescription(c Choice) templ.Attributes {
	a := templ.Attributes{}
	if d := describedBy(c.id(), c.Help, c.Error); d != "" {
		a["aria-describedby"] = d
	}
	return a
}
