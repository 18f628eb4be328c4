package entity

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// Limits of a definition.
const (
	MaxFields    = 200
	MaxPipelines = 20
	MaxStatuses  = 50
	MaxOptions   = 500
	MaxAliases   = 50
	MaxEntities  = 100 // of an account
)

// Entity is one kind of lead. What a Service hands out is shared by many requests
// and must not be changed.
type Entity struct {
	ID        id.ID
	AccountID id.ID
	Slug      string
	Name      string
	Icon      string
	Fields    []Field    // in the order people see
	Pipelines []Pipeline // in the order people see
	Version   int64      // grows with every change of the definition
	CreatedAt time.Time
	UpdatedAt time.Time

	names map[string]int // what a field can be called, loosely → its place in Fields
}

// Field is one thing an account wants to know of a lead.
type Field struct {
	ID        id.ID
	Key       string   // what the API calls it; unique in the entity
	Aliases   []string // keys it had before, which go on working
	Label     string   // what people call it
	Type      Type
	Required  bool
	Default   Value // used when a new lead does not mention the field
	Help      string
	Options   []Option // select and multi-select
	Min       *Decimal // number
	Max       *Decimal // number
	Step      *Decimal // number
	MaxLength int      // text and textarea; 0: the limit of the type
	Country   string   // phone: the country of numbers without a country code, "" for none
	MaxSize   int      // file: bytes; 0: the limit of the type
	Types     []string // file: the media types it takes, image/* for all of a kind; none: any
	Encrypted bool
	Indexed   bool
	MatchKey  *int // its priority in finding duplicates; nil: none
	Position  int

	choices map[string]int // what an option can be called, folded → its place in Options
}

// Option is one choice of a select. A retired one keeps the values it has, but can no
// longer be chosen.
type Option struct {
	Key     string `json:"key"`
	Label   string `json:"label"`
	Retired bool   `json:"retired,omitempty"`
}

// Pipeline is an ordered set of statuses; a lead holds exactly one of them.
type Pipeline struct {
	ID       id.ID
	Name     string
	Slug     string
	Position int
	Statuses []Status // in the order of the board

	// Moved are statuses that were deleted and whose leads are on their way, each with
	// the status of Statuses that takes them.
	Moved map[id.ID]id.ID
}

// Status is one column of a board.
type Status struct {
	ID       id.ID
	Name     string
	Color    Color
	Default  bool // what a new lead gets
	Position int
}

// Color is one of a small palette that every theme can show with enough contrast.
type Color string

// The palette.
const (
	Gray   Color = "gray"
	Blue   Color = "blue"
	Teal   Color = "teal"
	Green  Color = "green"
	Amber  Color = "amber"
	Red    Color = "red"
	Violet Color = "violet"
)

// Colors lists the palette in the order a picker shows it.
func Colors() []Color { return []Color{Gray, Blue, Teal, Green, Amber, Red, Violet} }

// FieldNamed finds the field a caller means by name: its key, a key it had before, or
// its label, in this order and without regard to case, spaces, underscores and
// dashes. It is nil when there is none.
func (e *Entity) FieldNamed(name string) *Field { return e.FieldNamedLoose(Loose(name)) }

// FieldNamedLoose is FieldNamed for a name that went through Loose already.
func (e *Entity) FieldNamedLoose(loose string) *Field {
	names := e.names
	if names == nil {
		names = nameIndex(e.Fields)
	}
	if i, ok := names[loose]; ok {
		return &e.Fields[i]
	}
	return nil
}

// namedFields is how many fields a refusal names; more belong in GET /api/entities.
const namedFields = 20

// NoField is the refusal of a name that is no field, with the names there are.
func (e *Entity) NoField() string {
	says := "The entity " + e.Name + " has no field of this name."
	if n := len(e.Fields); n == 0 || n > namedFields {
		return says + " GET /api/entities lists them."
	}
	keys := make([]string, len(e.Fields))
	for i := range e.Fields {
		keys[i] = e.Fields[i].Key
	}
	return says + " It has: " + strings.Join(keys, ", ") + "."
}

// FieldByID finds a field by its id; nil when there is none.
func (e *Entity) FieldByID(field id.ID) *Field {
	for i := range e.Fields {
		if e.Fields[i].ID == field {
			return &e.Fields[i]
		}
	}
	return nil
}

// index prepares the definition for finding fields and options by what callers call
// them. It is called once, before the definition is shared.
func (e *Entity) index() {
	e.names = nameIndex(e.Fields)
	for i := range e.Fields {
		if f := &e.Fields[i]; len(f.Options) > 0 {
			f.choices = choiceIndex(f.Options)
		}
	}
}

// nameIndex maps what a field can be called to its place. Where names fall together
// the key wins over an old key, and that over a label; a label of two fields means
// none of them.
func nameIndex(fields []Field) map[string]int {
	names := make(map[string]int, 2*len(fields))
	ambiguous := map[string]bool{}
	for i := range fields {
		loose := Loose(fields[i].Label)
		if _, taken := names[loose]; taken {
			ambiguous[loose] = true
		}
		names[loose] = i
	}
	for loose := range ambiguous {
		delete(names, loose)
	}
	for i := range fields {
		for _, alias := range fields[i].Aliases {
			names[Loose(alias)] = i
		}
	}
	for i := range fields {
		names[Loose(fields[i].Key)] = i
	}
	delete(names, "") // a name of dashes alone means nothing
	return names
}

// PipelineNamed finds a pipeline by slug, name (both loosely) or id; nil when there
// is none.
func (e *Entity) PipelineNamed(name string) *Pipeline {
	if u, err := id.Parse(strings.TrimSpace(name)); err == nil {
		return e.PipelineByID(u)
	}
	loose := Loose(name)
	for i := range e.Pipelines {
		if Loose(e.Pipelines[i].Slug) == loose {
			return &e.Pipelines[i]
		}
	}
	for i := range e.Pipelines {
		if Loose(e.Pipelines[i].Name) == loose {
			return &e.Pipelines[i]
		}
	}
	return nil
}

// PipelineByID finds a pipeline; nil when there is none.
func (e *Entity) PipelineByID(pipeline id.ID) *Pipeline {
	for i := range e.Pipelines {
		if e.Pipelines[i].ID == pipeline {
			return &e.Pipelines[i]
		}
	}
	return nil
}

// StatusNamed finds a status by name (loosely) or id; nil when there is none.
func (p *Pipeline) StatusNamed(name string) *Status {
	if u, err := id.Parse(strings.TrimSpace(name)); err == nil {
		return p.StatusByID(u)
	}
	loose := Loose(name)
	for i := range p.Statuses {
		if Loose(p.Statuses[i].Name) == loose {
			return &p.Statuses[i]
		}
	}
	return nil
}

// StatusByID finds a status; nil when there is none. A deleted one whose leads are on
// their way is the status that takes them.
func (p *Pipeline) StatusByID(status id.ID) *Status {
	if target, moved := p.Moved[status]; moved {
		status = target
	}
	for i := range p.Statuses {
		if p.Statuses[i].ID == status {
			return &p.Statuses[i]
		}
	}
	return nil
}

// StatusIDs are the statuses whose leads count as being in the target: itself, and
// those whose leads are on their way into it.
func (p *Pipeline) StatusIDs(target id.ID) []id.ID {
	ids := []id.ID{target}
	for _, old := range slices.SortedFunc(maps.Keys(p.Moved), func(a, b id.ID) int { return bytes.Compare(a[:], b[:]) }) {
		if p.Moved[old] == target {
			ids = append(ids, old)
		}
	}
	return ids
}

// DefaultStatus is what a new lead gets.
func (p *Pipeline) DefaultStatus() *Status {
	for i := range p.Statuses {
		if p.Statuses[i].Default {
			return &p.Statuses[i]
		}
	}
	return &p.Statuses[0] // every pipeline has a status
}

// StatusNames lists the statuses, for a sentence.
func (p *Pipeline) StatusNames() []string {
	names := make([]string, len(p.Statuses))
	for i, s := range p.Statuses {
		names[i] = s.Name
	}
	return names
}

// PipelineSlugs lists the pipelines, for a sentence.
func (e *Entity) PipelineSlugs() []string {
	slugs := make([]string, len(e.Pipelines))
	for i, p := range e.Pipelines {
		slugs[i] = p.Slug
	}
	return slugs
}
