package lead

import (
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// draft is a lead that passed every check and waits to be stored.
type draft struct {
	entity   *entity.Entity
	source   string
	values   map[id.ID]entity.Value
	unmapped []*Item
	statuses []choice // one for each pipeline
	notes    []NewNote
	warnings []Warning
	mode     DedupMode
	assignee id.ID
	viewers  []id.ID

	sent  map[id.ID]bool // fields whose value was sent, not filled in
	files bool           // there is a file among the values

	// What the transaction needs, made before it, because all writers share that.
	stored  stored     // but for the encrypted values, which are bound to the lead's id
	matches []valueKey // match keys in their order
	created string     // see createdRow
	kept    string     // unmapped, as JSON
}

// choice is the status a lead gets in a pipeline.
type choice struct {
	pipeline *entity.Pipeline
	status   *entity.Status
	sent     bool // not just the default
}

// match reads the rest of a body as fields and statuses of e. It returns either a
// whole draft or everything that is wrong.
func match(e *entity.Entity, c *controls, strict bool) (*draft, problems) {
	d := &draft{entity: e, source: c.source, notes: c.notes, mode: c.mode, sent: make(map[id.ID]bool, len(c.rest)), values: make(map[id.ID]entity.Value, len(c.rest))}
	wrong := c.wrong
	seen := make(map[id.ID]*Item, len(c.rest)) // the item that named a field
	bad := map[id.ID]bool{}
	for _, it := range c.rest {
		f := e.FieldNamedLoose(it.loose)
		if f == nil {
			d.keep(it, strict, &wrong)
			continue
		}
		if first := seen[f.ID]; first != nil {
			wrong.add(pointer(it.Name), "sent_twice", "This means the same field as "+strconv.Quote(first.Name)+", which was sent too; send one of them.")
			continue
		}
		seen[f.ID] = it
		if it.Repeated && !f.Type.Many() {
			wrong.add(pointer(it.Name), "sent_twice", f.Label+": this takes one value, but its name was sent more than once.")
			bad[f.ID] = true
			continue
		}
		v, p := f.Parse(it.raw())
		if file, ok := v.(entity.FileValue); ok && file.Kept() {
			p = &entity.Problem{Code: "unknown_file", Detail: "a new lead has no files yet. Send the file's content."}
		}
		switch {
		case p != nil:
			wrong.add(problemAt(it.Name, p), p.Code, f.Label+": "+p.Detail)
			bad[f.ID] = true
		case v != nil:
			d.values[f.ID], d.sent[f.ID] = v, true
			d.files = d.files || f.Type == entity.File
		}
	}
	d.complete(seen, bad, &wrong)
	d.chooseStatuses(c.statuses, &wrong)
	if len(wrong) > 0 {
		return nil, wrong
	}
	return d, nil
}

// problemAt points at what is wrong with a value: the whole, or a part of it.
func problemAt(name string, p *entity.Problem) string {
	if p.Part == "" {
		return pointer(name)
	}
	return pointer(name) + pointer(p.Part)
}

// keep stores an unknown name with the lead and warns, or refuses it.
func (d *draft) keep(it *Item, strict bool, wrong *problems) {
	hint := ""
	if it.loose == "status" && len(d.entity.Pipelines) > 0 {
		hint = " To set a status, send \"status:" + d.entity.Pipelines[0].Slug + "\"."
	}
	if it.File != nil {
		wrong.add(pointer(it.Name), "unknown_field", "The entity "+d.entity.Name+" has no field of this name, and a file can only be kept by a field of the type file.")
		return
	}
	if strict {
		wrong.add(pointer(it.Name), "unknown_field", d.entity.NoField()+hint)
		return
	}
	d.unmapped = append(d.unmapped, it)
	d.warnings = append(d.warnings, Warning{it.Name, "unknown_field", "The entity " + d.entity.Name + " has no field of this name, so the value was kept under unmapped." + hint})
}

// prepare makes everything of a draft that does not depend on the lead's id and moment.
func (d *draft) prepare(c *sealer) {
	d.stored = stored{dataJSON(d.entity, d.values), "{}", searchText(d.entity, d.values), valueKeys(c, d.entity, d.values)}
	d.matches = matchKeys(c, d.entity, d.values)
	d.created = restOfCreated(d)
	d.kept = unmappedJSON(d.unmapped)
}

// complete fills in defaults for what was not mentioned and asks for what is missing.
func (d *draft) complete(seen map[id.ID]*Item, bad map[id.ID]bool, wrong *problems) {
	for i := range d.entity.Fields {
		f := &d.entity.Fields[i]
		if seen[f.ID] == nil && f.Default != nil {
			d.values[f.ID] = f.Default
		}
		if f.Required && d.values[f.ID] == nil && !bad[f.ID] {
			name := f.Key
			if it := seen[f.ID]; it != nil {
				name = it.Name
			}
			wrong.add(pointer(name), "required", f.Label+": this is required.")
		}
	}
}

// chooseStatuses gives the lead a status in each pipeline: the one sent, or the
// default.
func (d *draft) chooseStatuses(sent []pipelineStatus, wrong *problems) {
	chosen := chooseStatuses(d.entity, sent, wrong)
	for i := range d.entity.Pipelines {
		p := &d.entity.Pipelines[i]
		if s := chosen[p.ID]; s != nil {
			d.statuses = append(d.statuses, choice{p, s, true})
		} else {
			d.statuses = append(d.statuses, choice{p, p.DefaultStatus(), false})
		}
	}
}

// chooseStatuses finds the statuses that were sent, by pipeline.
func chooseStatuses(e *entity.Entity, sent []pipelineStatus, wrong *problems) map[id.ID]*entity.Status {
	chosen := map[id.ID]*entity.Status{}
	named := map[id.ID]string{}
	for _, ps := range sent {
		at := ps.pointer
		p := e.PipelineNamed(ps.pipeline)
		if p == nil {
			wrong.add(at, "unknown_pipeline", "The entity "+e.Name+" has no such pipeline. "+hasList(e.PipelineSlugs()))
			continue
		}
		if first, twice := named[p.ID]; twice {
			wrong.add(at, "sent_twice", "This means the same pipeline as "+strconv.Quote(first)+", which was sent too; send one of them.")
			continue
		}
		named[p.ID] = ps.name
		raw := rawOf(ps.value)
		if empty(raw) {
			continue
		}
		if raw.Kind != entity.RawText && raw.Kind != entity.RawNumber {
			wrong.add(at, "wrong_type", "Send the status as a text: its name or its id.")
			continue
		}
		s := p.StatusNamed(raw.Text)
		if s == nil {
			wrong.add(at, "unknown_status", "The pipeline "+p.Name+" has no such status. "+hasList(p.StatusNames()))
			continue
		}
		chosen[p.ID] = s
	}
	return chosen
}

func hasList(names []string) string {
	if len(names) == 0 {
		return "It has none."
	}
	return "It has: " + strings.Join(names, ", ") + "."
}
