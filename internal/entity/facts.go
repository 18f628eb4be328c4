package entity

import "github.com/leadflip/leadflip/internal/platform/id"

// The types of event. Definitions are shared by the environments of an account, so each
// of them hears of every change.
const (
	EventCreated = "entity.created"
	EventChanged = "entity.changed"
	EventDeleted = "entity.deleted"
)

// CreatedFact tells that there is a new entity.
type CreatedFact struct {
	EntityID id.ID  `json:"entity_id"`
	Entity   string `json:"entity"` // slug
	Name     string `json:"name"`
}

// EventType implements event.Fact.
func (CreatedFact) EventType() string { return EventCreated }

// ChangedFact tells that a definition has changed, and in what: fields.budget.label.
type ChangedFact struct {
	EntityID id.ID    `json:"entity_id"`
	Entity   string   `json:"entity"`
	Version  int64    `json:"version"`
	Changes  []string `json:"changes"`
}

// EventType implements event.Fact.
func (ChangedFact) EventType() string { return EventChanged }

// DeletedFact tells that an entity is gone.
type DeletedFact struct {
	EntityID id.ID  `json:"entity_id"`
	Entity   string `json:"entity"`
}

// EventType implements event.Fact.
func (DeletedFact) EventType() string { return EventDeleted }
