package lead

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/event"
)

// eventView is what the timeline says of one event.
type eventView struct {
	Text string
	Also []string // what changed, a line each
	By   actorView
	At   time.Time
}

// newEventView says in words what an event tells.
func newEventView(e *entity.Entity, ev event.Event) eventView {
	v := eventView{Text: ev.Type, By: newActorView(ev.Actor), At: ev.At}
	switch ev.Type {
	case EventCreated:
		var fact CreatedFact
		if json.Unmarshal(ev.Data, &fact) == nil {
			v.Text = "Created, source " + fact.Source
		}
	case EventUpdated:
		v.Text = "Changed"
		v.Also = changedLines(e, ev.Data)
	case EventNoteAdded:
		v.Text = "Note added"
		var fact NoteFact
		if json.Unmarshal(ev.Data, &fact) == nil && fact.Tag != "" {
			v.Text += ", tag " + fact.Tag
		}
	case EventDeleted:
		v.Text = "Moved to the trash"
	case EventRestored:
		v.Text = "Restored from the trash"
	case EventMerged:
		var fact MergedFact
		if v.Text = "Merged with another lead"; json.Unmarshal(ev.Data, &fact) == nil && len(fact.From) > 1 {
			v.Text = "Merged with " + strconv.Itoa(len(fact.From)) + " other leads"
		}
	}
	return v
}

// changedLines says what changed, from and to, in the order of the entity's fields.
func changedLines(e *entity.Entity, data []byte) []string {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var fact UpdatedFact
	if dec.Decode(&fact) != nil {
		return nil
	}
	var lines []string
	tell := func(name, label string, show func(any) string) {
		c, ok := fact.Changes[name]
		delete(fact.Changes, name)
		switch {
		case !ok:
		case c.Encrypted:
			lines = append(lines, label+" (encrypted)")
		default:
			lines = append(lines, label+": "+show(c.From)+" → "+show(c.To))
		}
	}
	for i := range e.Pipelines {
		tell("status."+e.Pipelines[i].Slug, e.Pipelines[i].Name, statusText)
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		tell("fields."+f.Key, f.Label, func(v any) string { return valueText(f, v) })
	}
	for _, name := range slices.Sorted(maps.Keys(fact.Changes)) { // people, and fields that have another key now
		name = strings.TrimPrefix(name, "fields.")
		lines = append(lines, strings.ToUpper(name[:1])+name[1:]+" changed")
	}
	return lines
}

func statusText(v any) string {
	m, _ := v.(map[string]any)
	if name, ok := m["name"].(string); ok {
		return name
	}
	return "none"
}

// valueText is a value of an event as people read it.
func valueText(f *entity.Field, v any) string {
	if v == nil {
		return "empty"
	}
	if number, ok := v.(json.Number); ok {
		v = number.String()
	}
	return clip(f.Show(entity.ValueFromJSON(v)), cellMax)
}
