package lead

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Limits of a lead.
const (
	MaxNames      = 1000   // names in one body
	MaxSource     = 100    // characters
	MaxNotes      = 50     // in one body
	MaxNoteLength = 20_000 // characters
	MaxTagLength  = 50     // characters
	MaxViewers    = 100    // of one lead
	MaxBulk       = 1000   // rows in one call
	MaxDepth      = 64     // levels of JSON
)

// DefaultSource is where a lead comes from when the caller of the API does not say.
const DefaultSource = "api"

// Lead is one record of an entity in one environment.
type Lead struct {
	ID            id.ID
	EnvironmentID id.ID
	EntityID      id.ID
	Version       int64 // grows with every change
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Source        string
	AssigneeID    id.ID
	Viewers       []id.ID // in no order
	CreatedBy     event.Actor
	Values        map[id.ID]entity.Value // by field id; no entry means no value
	Unmapped      jsontext.Value         // an object: what was sent under unknown names, as it was sent
	Statuses      []StatusSince
	DeletedAt     *time.Time // in the trash since

	sealed map[id.ID]string // encrypted values, as they are stored
	stored string           // of a lead that is only going to be written: the values as they are stored, and Values is nil; "" otherwise
}

// StatusSince is the status of a lead in one pipeline.
type StatusSince struct {
	PipelineID id.ID
	StatusID   id.ID
	Since      time.Time
}

// Note is a text on a lead.
type Note struct {
	ID        id.ID
	Text      string
	Tag       string
	CreatedAt time.Time
	CreatedBy event.Actor
}

// NewNote is a note on its way in.
type NewNote struct{ Text, Tag string }

// Status finds the lead's status in a pipeline; ok is false when it has none.
func (l *Lead) Status(pipeline id.ID) (s StatusSince, ok bool) {
	for _, s := range l.Statuses {
		if s.PipelineID == pipeline {
			return s, true
		}
	}
	return StatusSince{}, false
}

// Action is what became of a lead that was sent.
type Action string

// What can become of a lead that was sent.
const (
	Created Action = "created" // a new lead was stored
	Updated Action = "updated" // a lead with the same match key took the values
	Skipped Action = "skipped" // there is a lead with the same match key; nothing was stored
)

// DedupMode says what to do with a lead whose match key another lead has.
type DedupMode string

// The modes.
const (
	DedupSkip   DedupMode = "skip"
	DedupUpdate DedupMode = "update"
	DedupCreate DedupMode = "create"
)

func (m DedupMode) valid() bool { return m == DedupSkip || m == DedupUpdate || m == DedupCreate }

// Warning tells of something that was kept but could not be used.
type Warning struct {
	Name   string `json:"name" doc:"The name as it was sent"`
	Code   string `json:"code" doc:"What is the matter, for a machine" example:"unknown_field"`
	Detail string `json:"detail" doc:"What is the matter and what to do about it"`
}

// Result is what became of a lead that was sent.
type Result struct {
	LeadID      id.ID // the lead that was stored or found; absent in a dry run that would create
	CreatedAt   time.Time
	Action      Action
	DuplicateOf id.ID // the lead whose match key is the same; absent when there is none
	DryRun      bool
	Warnings    []Warning
}
