package lead

import (
	"slices"
	"strings"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Picked is what is shown of a lead beside its id.
type Picked struct {
	members   map[string]bool // of the object
	fields    map[id.ID]bool  // of fields; nil: all
	pipelines map[id.ID]bool  // of status; nil: all
}

// pickable are the members that can be named, loosely.
var pickable = []string{"entity", "source", "created_at", "updated_at", "assignee", "viewers", "status", "fields", "unmapped", "environment"}

// readFields reads what is to be shown, like "name,email,status.stage,created_at"; nil
// when the text names nothing.
func readFields(text string, e *entity.Entity) (*Picked, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	p := &Picked{members: map[string]bool{}, fields: map[id.ID]bool{}, pipelines: map[id.ID]bool{}}
	whole := map[string]bool{} // fields and status that were named themselves
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		loose := entity.Loose(name)
		before, pipeline, dotted := strings.Cut(name, ".")
		if loose == "id" {
			continue
		}
		if i := slices.IndexFunc(pickable, func(m string) bool { return entity.Loose(m) == loose }); i >= 0 {
			p.members[pickable[i]], whole[pickable[i]] = true, true
			continue
		}
		if dotted && entity.Loose(before) == "status" {
			found := e.PipelineNamed(pipeline)
			if found == nil {
				return nil, errs.Invalid(errs.Field{Parameter: "fields", Code: "unknown_pipeline", Detail: "The entity " + e.Name + " has no pipeline of a name that was sent. " + hasList(e.PipelineSlugs())})
			}
			p.members["status"], p.pipelines[found.ID] = true, true
			continue
		}
		f := e.FieldNamedLoose(loose)
		if f == nil {
			return nil, errs.Invalid(errs.Field{Parameter: "fields", Code: "unknown_field",
				Detail: "The entity " + e.Name + " has no field of a name that was sent. Name its fields, status.<pipeline>, or " + strings.Join(pickable, ", ") + "."})
		}
		p.members["fields"], p.fields[f.ID] = true, true
	}
	if whole["fields"] {
		p.fields = nil
	}
	if whole["status"] {
		p.pipelines = nil
	}
	return p, nil
}

// Shows tells whether a member of the object is shown.
func (p *Picked) Shows(member string) bool { return p == nil || p.members[member] }

// ShowsField tells whether a field is shown.
func (p *Picked) ShowsField(field id.ID) bool {
	return p == nil || p.members["fields"] && (p.fields == nil || p.fields[field])
}

// ShowsPipeline tells whether the status in a pipeline is shown.
func (p *Picked) ShowsPipeline(pipeline id.ID) bool {
	return p == nil || p.members["status"] && (p.pipelines == nil || p.pipelines[pipeline])
}
