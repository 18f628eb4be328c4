package lead

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestTheTimelineSaysWhatHappened(t *testing.T) {
	t.Parallel()
	e := identified(funnel())
	status := func(i int) FactStatus { s := e.Pipelines[0].Statuses[i]; return FactStatus{s.ID, s.Name} }
	for _, c := range []struct {
		fact event.Fact
		want string
	}{
		{CreatedFact{Source: "fair"}, "Created, source fair"},
		{NoteFact{}, "Note added"},
		{NoteFact{Tag: "call"}, "Note added, tag call"},
		{PlainFact{Type: EventDeleted}, "Moved to the trash"},
		{PlainFact{Type: EventRestored}, "Restored from the trash"},
		{MergedFact{From: []id.ID{id.New()}}, "Merged with another lead"},
		{MergedFact{From: []id.ID{id.New(), id.New()}}, "Merged with 2 other leads"},
		{UpdatedFact{Changes: map[string]Change{
			"fields.budget": {From: nil, To: json.RawMessage("12.50")}, "fields.name": {From: "Ada", To: "Eve"}, "fields.wishes": {From: []string{"roof"}, To: nil},
			"fields.diagnosis": {Encrypted: true}, "status.stage": {From: status(0), To: status(1)}, "assignee": {}, "fields.former": {From: 1, To: 2},
		}}, "Changed|Stage: New → Won|Name: Ada → Eve|Budget: empty → 12.50|Wishes: Roof → empty|Diagnosis (encrypted)|Assignee changed|Former changed"},
	} {
		data, err := json.Marshal(c.fact)
		if err != nil {
			t.Fatal(err)
		}
		v := newEventView(e, event.Event{Type: c.fact.EventType(), Data: data})
		if got := strings.Join(append([]string{v.Text}, v.Also...), "|"); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.fact.EventType(), got, c.want)
		}
	}
}
