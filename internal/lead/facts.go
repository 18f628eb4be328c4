package lead

import (
	"strings"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// The types of the facts about leads.
const (
	EventCreated   = "lead.created"
	EventUpdated   = "lead.updated"
	EventNoteAdded = "lead.note_added"
	EventDeleted   = "lead.deleted"
	EventRestored  = "lead.restored"
	EventMerged    = "lead.merged"
	EventPurged    = "lead.purged"
)

// CreatedFact tells that a lead was created.
type CreatedFact struct {
	LeadID id.ID                 `json:"lead_id"`
	Entity string                `json:"entity"` // slug
	Source string                `json:"source"`
	Status map[string]FactStatus `json:"status"` // by pipeline slug
	Notes  int                   `json:"notes"`
}

// createdRow is CreatedFact on its way into the log: everything but the id is written
// beforehand, outside the transaction.
type createdRow struct {
	leadID id.ID
	rest   string // JSON of the members behind lead_id
}

func restOfCreated(d *draft) string {
	f := CreatedFact{Entity: d.entity.Slug, Source: d.source, Notes: len(d.notes), Status: make(map[string]FactStatus, len(d.statuses))}
	for _, c := range d.statuses {
		f.Status[c.pipeline.Slug] = FactStatus{c.status.ID, c.status.Name}
	}
	_, rest, _ := strings.Cut(db.JSON(f), ",")
	return rest
}

// EventType implements event.Fact.
func (createdRow) EventType() string { return EventCreated }

// EventSubject implements event.About.
func (f createdRow) EventSubject() id.ID { return f.leadID }

// EventData implements event.Written.
func (f createdRow) EventData() string { return `{"lead_id":"` + f.leadID.String() + `",` + f.rest }

// FactStatus is a status as events name it.
type FactStatus struct {
	ID   id.ID  `json:"id"`
	Name string `json:"name"`
}

// EventType implements event.Fact.
func (CreatedFact) EventType() string { return EventCreated }

// UpdatedFact tells what changed of a lead. It is forgotten with the lead: a permanent
// deletion takes the changes out of the log.
type UpdatedFact struct {
	LeadID  id.ID             `json:"lead_id"`
	Entity  string            `json:"entity"`
	Changes map[string]Change `json:"changes"` // by what changed: fields.<key>, status.<pipeline>, assignee, viewers, unmapped
}

// Change is one thing before and after. Of an encrypted field it says only that it
// changed.
type Change struct {
	From      any  `json:"from"`
	To        any  `json:"to"`
	Encrypted bool `json:"encrypted,omitempty"`
}

// EventType implements event.Fact.
func (UpdatedFact) EventType() string { return EventUpdated }

// NoteFact tells that a note was added.
type NoteFact struct {
	LeadID id.ID  `json:"lead_id"`
	Entity string `json:"entity"`
	NoteID id.ID  `json:"note_id"`
	Tag    string `json:"tag"`
}

// EventType implements event.Fact.
func (NoteFact) EventType() string { return EventNoteAdded }

// PlainFact tells that a lead went to the trash, came back or was deleted for ever.
type PlainFact struct {
	Type   string `json:"-"`
	LeadID id.ID  `json:"lead_id"`
	Entity string `json:"entity"`
}

// EventType implements event.Fact.
func (f PlainFact) EventType() string { return f.Type }

// MergedFact tells that a lead took in others, which went to the trash.
type MergedFact struct {
	LeadID id.ID   `json:"lead_id"`
	Entity string  `json:"entity"`
	From   []id.ID `json:"from"`
}

// EventType implements event.Fact.
func (MergedFact) EventType() string { return EventMerged }

// EventSubject implements event.About.
func (f CreatedFact) EventSubject() id.ID { return f.LeadID }

// EventSubject implements event.About.
func (f UpdatedFact) EventSubject() id.ID { return f.LeadID }

// EventSubject implements event.About.
func (f NoteFact) EventSubject() id.ID { return f.LeadID }

// EventSubject implements event.About.
func (f MergedFact) EventSubject() id.ID { return f.LeadID }

// EventSubject implements event.About.
func (f PlainFact) EventSubject() id.ID { return f.LeadID }
