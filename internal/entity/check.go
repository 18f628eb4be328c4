package entity

import (
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
func (e *Entity) Check() error { return errs.Invalid(e.check(everywhere)...) }

// focus is what a change is about: where two things cannot be told apart, the one that
// was there before is not the one that is wrong.
type focus struct{ field, pipeline, status int }

var everywhere = focus{-1, -1, -1}

func (e *Entity) check(on focus) []errs.Field {
	c := &checker{on: on}
	c.name("/name", e.Name)
	if _, err := id.Parse(e.Slug); !slugShape.MatchString(e.Slug) || err == nil {
		c.add("/slug", "invalid_slug", slugRule)
	}
	if e.Icon != "" && !iconShape.MatchString(e.Icon) {
		c.add("/icon", "invalid_icon", "An icon is named by lower-case letters, digits and dashes.")
	}
	c.fields(e.Fields)
	c.pipelines(e.Pipelines)
	return c.wrong
}

const slugRule = "A slug has 1 to 48 lower-case letters, digits, dashes and underscores, and begins with a letter or digit."

type checker struct {
	on    focus
	wrong []errs.Field
}

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

// claim is a name that one of several things answers to.
type claim struct {
	index  int
	member string
}

// claims are the names that are taken, loosely.
type claims map[string]claim

// take claims a name. When another thing has it, take says which of the two is wrong,
// the one of the focus if it is among them, and what the other one is.
func (c claims) take(name string, mine claim, focus int) (wrong, other claim, ok bool) {
	loose := Loose(name)
	first, taken := c[loose]
	if !taken || first.index == mine.index {
		if !taken {
			c[loose] = mine
		}
		return claim{}, claim{}, true
	}
	if first.index == focus {
		return first, mine, false
	}
	return mine, first, false
}

func (c *checker) statuses(at string, statuses []Status, focus int) {
	if len(statuses) == 0 || len(statuses) > MaxStatuses {
		c.add(at, "count", "A pipeline has 1 to "+strconv.Itoa(MaxStatuses)+" statuses.")
		return
	}
	defaults, names := 0, claims{}
	for i, s := range statuses {
		one := at + "/" + strconv.Itoa(i)
		c.name(one+"/name", s.Name)
		if wrong, _, ok := names.take(s.Name, claim{i, "name"}, focus); !ok {
			c.add(at+"/"+strconv.Itoa(wrong.index)+"/name", "ambiguous", "This status cannot be told apart from another one of the pipeline.")
		}
		if _, err := id.Parse(s.Name); err == nil {
			c.add(one+"/name", "invalid_name", "A name that looks like an id would be taken for one.")
		}
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

func (c *checker) pipelines(pipelines []Pipeline) {
	if len(pipelines) > MaxPipelines {
		c.add("/pipelines", "too_many", "An entity has at most "+strconv.Itoa(MaxPipelines)+" pipelines.")
	}
	names := claims{}
	for i, p := range pipelines {
		at := "/pipelines/" + strconv.Itoa(i)
		c.name(at+"/name", p.Name)
		if _, err := id.Parse(p.Slug); !slugShape.MatchString(p.Slug) || err == nil {
			c.add(at+"/slug", "invalid_slug", slugRule)
		}
		for _, name := range []string{p.Slug, p.Name} {
			if wrong, _, ok := names.take(name, claim{i, "name"}, c.on.pipeline); !ok {
				c.add("/pipelines/"+strconv.Itoa(wrong.index)+"/name", "ambiguous", "This pipeline cannot be told apart from another one.")
				break
			}
		}
		focus := -1
		if i == c.on.pipeline {
			focus = c.on.status
		}
		c.statuses(at+"/statuses", p.Statuses, focus)
	}
}
