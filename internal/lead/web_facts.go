package lead

import (
	"github.com/a-h/templ"

	"github.com/leadflip/leadflip/internal/platform/web"
)

// liveAttributes makes the first page of the list refresh itself when a lead comes;
// older pages stand still.
func liveAttributes(v listView) templ.Attributes {
	if !v.Live {
		return nil
	}
	return web.LiveRefresh(v.refreshAddress(), "", EventCreated, EventUpdated, EventDeleted, EventRestored)
}

func fieldFacts(v leadView) []web.Fact {
	var facts []web.Fact
	for _, f := range v.Fields {
		facts = append(facts, web.Fact{Label: f.Label, Body: fieldValue(f)})
	}
	return facts
}

func statusFacts(v leadView) []web.Fact {
	var facts []web.Fact
	for _, s := range v.Statuses {
		facts = append(facts, web.Fact{Label: s.Pipeline, Body: statusSince(s, v)})
	}
	return facts
}

func timelineFacts(v leadView) []web.Fact {
	var facts []web.Fact
	for _, e := range v.Timeline {
		facts = append(facts, web.Fact{Label: e.At.UTC().Format("2 Jan 2006, 15:04:05") + " UTC", Body: happened(e, v)})
	}
	return facts
}

func aboutFacts(v leadView) []web.Fact {
	return []web.Fact{
		{Label: "Received", Body: moment(v)},
		{Label: "Source", Value: v.Source},
		{Label: "Created by", Body: actor(v.By)},
		{Label: "Id", Body: code(v.ID)},
	}
}
