package entity

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

var (
	slugShape = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,47}$`) // fits leads.<slug>:read
	keyShape  = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)     // fits the filter language
	iconShape = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
)

// reserved are names that mean something else to the API, loosely: the control names
// of intake and what every lead has by itself.
var reserved = map[string]bool{
	"entity": true, "leadobject": true, "assignee": true, "viewers": true, "note": true, "notes": true, "status": true, "source": true,
	"dedupmode": true, "id": true, "leadid": true, "createdat": true, "updatedat": true, "createdby": true, "environment": true,
	"fields": true, "unmapped": true,
}

// Check tells everything that is wrong with a definition, each with a pointer into
// the shape the API has for it; nil when nothing is.
func (e *Entity) Check() error {
	c := &checker{}
	c.name("/name", e.Name)
	if _, err := id.Parse(e.Slug); !slugShape.MatchString(e.Slug) || err == nil {
		c.add("/slug", "invalid_slug", "A slug has 1 to 48 lower-case letters, digits, dashes and underscores, and begins with a letter or digit.")
	}
	if e.Icon != "" && !iconShape.MatchString(e.Icon) {
		c.add("/icon", "invalid_icon", "An icon is named by lower-case letters, digits and dashes.")
	}
	c.fields(e.Fields)
	c.pipelines(e.Pipelines)
	return errs.Invalid(c.wrong...)
}

type checker struct{ wrong []errs.Field }

func (c *checker) add(pointer, code, detail string) {
	c.wrong = append(c.wrong, errs.Field{Pointer: pointer, Code: code, Detail: detail})
}

func (c *checker) name(pointer, name string) {
	clean, wrong := account.CleanName(name, 100)
	switch {
	case wrong != "":
		c.add(pointer, "invalid_name", wrong)
	case clean != name:
		c.add(pointer, "invalid_name", "A name has no white space around it and single spaces inside.")
	}
}

func (c *checker) fields(fields []Field) {
	if len(fields) > MaxFields {
		c.add("/fields", "too_many", "An entity has at most "+strconv.Itoa(MaxFields)+" fields.")
	}
	owner := map[string]int{} // what a field can be called → which
	for i, f := range fields {
		at := "/fields/" + strconv.Itoa(i)
		c.name(at+"/label", f.Label)
		if !keyShape.MatchString(f.Key) {
			c.add(at+"/key", "invalid_key", "A key has 1 to 63 lower-case letters, digits and underscores, and begins with a letter.")
		}
		for _, key := range append([]string{f.Key}, f.Aliases...) {
			loose := Loose(key)
			if reserved[loose] {
				c.add(at+"/key", "reserved_key", "This key means something else to the API; choose another.")
			}
			if other, taken := owner[loose]; taken && other != i {
				c.add(at+"/key", "ambiguous", "This key cannot be told apart from a key of another field.")
			}
			owner[loose] = i
		}
		c.settings(at, f)
	}
	for i, f := range fields {
		loose := Loose(f.Label)
		if other, taken := owner[loose]; taken && other != i {
			c.add("/fields/"+strconv.Itoa(i)+"/label", "ambiguous", "This label cannot be told apart from the key or label of another field.")
		}
		owner[loose] = i
	}
}

func (c *checker) settings(at string, f Field) {
	k := kinds[f.Type]
	if k == nil {
		c.add(at+"/type", "unknown_type", "This is not a type of field.")
		return
	}
	if detail := k.check(&f); detail != "" {
		c.add(at, "invalid_settings", detail)
		return
	}
	if f.Default != nil {
		if v, p := f.Parse(rawOf(f.Default)); p != nil || !sameValue(v, f.Default) {
			c.add(at+"/default", "invalid_default", "The default is not a value that this field accepts.")
		}
	}
}

// rawOf turns a stored value back into one that could have been sent.
func rawOf(v Value) Raw {
	switch v := v.(type) {
	case string:
		return Raw{Kind: RawText, Text: v}
	case bool:
		return Raw{Kind: RawBool, Bool: v}
	case []string:
		list := make([]Raw, len(v))
		for i, s := range v {
			list[i] = rawOf(s)
		}
		return Raw{Kind: RawList, List: list}
	}
	return Raw{Kind: RawObject}
}

func sameValue(a, b Value) bool {
	x, ok1 := a.([]string)
	y, ok2 := b.([]string)
	if ok1 || ok2 {
		return ok1 == ok2 && slices.Equal(x, y)
	}
	return a == b
}

func (c *checker) pipelines(pipelines []Pipeline) {
	if len(pipelines) > MaxPipelines {
		c.add("/pipelines", "too_many", "An entity has at most "+strconv.Itoa(MaxPipelines)+" pipelines.")
	}
	owner := map[string]int{}
	for i, p := range pipelines {
		at := "/pipelines/" + strconv.Itoa(i)
		c.name(at+"/name", p.Name)
		if !slugShape.MatchString(p.Slug) {
			c.add(at+"/slug", "invalid_slug", "A slug has 1 to 48 lower-case letters, digits, dashes and underscores, and begins with a letter or digit.")
		}
		for _, name := range []string{p.Slug, p.Name} {
			if other, taken := owner[Loose(name)]; taken && other != i {
				c.add(at+"/name", "ambiguous", "This pipeline cannot be told apart from another one.")
				break
			}
			owner[Loose(name)] = i
		}
		c.statuses(at+"/statuses", p.Statuses)
	}
}

func (c *checker) statuses(at string, statuses []Status) {
	if len(statuses) == 0 || len(statuses) > MaxStatuses {
		c.add(at, "count", fmt.Sprintf("A pipeline has 1 to %d statuses.", MaxStatuses))
		return
	}
	defaults, seen := 0, map[string]bool{}
	for i, s := range statuses {
		one := at + "/" + strconv.Itoa(i)
		c.name(one+"/name", s.Name)
		if seen[Loose(s.Name)] {
			c.add(one+"/name", "ambiguous", "This status cannot be told apart from another one of the pipeline.")
		}
		seen[Loose(s.Name)] = true
		if !slices.Contains(Colors(), s.Color) {
			c.add(one+"/color", "unknown_color", "This is not a colour of the palette.")
		}
		if s.Default {
			defaults++
		}
	}
	if defaults != 1 {
		c.add(at, "default", "Exactly one status of a pipeline is the default.")
	}
}
