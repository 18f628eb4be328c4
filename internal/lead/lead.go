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
	CreatedBy     event.Actor
	Values        map[id.ID]entity.Value // by field id; no entry means no value
	Unmapped      jsontext.Value         // an object: what was sent under unknown names, as it was sent
	Statuses      []StatusSince
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

// Created means that a new lead was stored.
const Created Action = "created"

// Warning tells of something that was kept but could not be used.
type Warning struct {
	Name   string `json:"name" doc:"The name as it was sent"`
	Code   string `json:"code" doc:"What is the matter, for a machine" example:"unknown_field"`
	Detail string `json:"detail" doc:"What is the matter and what to do about it"`
}

// Result is what became of a lead that was sent.
type Result struct {
	LeadID    id.ID // absent in a dry run
	CreatedAt time.Time
	Action    Action
	DryRun    bool
	Warnings  []Warning
}

// CreatedFact tells that a lead was created. It holds no values of the lead, so the
// log can be kept and passed on without personal data.
type CreatedFact struct {
	LeadID id.ID                 `json:"lead_id"`
	Entity string                `json:"entity"` // slug
	Source string                `json:"source"`
	Status map[string]FactStatus `json:"status"` // by pipeline slug
	Notes  int                   `json:"notes"`
}

// FactStatus is a status as events name it.
type FactStatus struct {
	ID   id.ID  `json:"id"`
	Name string `json:"name"`
}

// EventCreated is the type of CreatedFact.
const EventCreated = "lead.created"

// EventType implements event.Fact.
func (CreatedFact) EventType() string { return EventCreated }
