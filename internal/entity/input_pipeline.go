package entity

import (
	"slices"
	"strconv"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// PipelineInput is a pipeline as a caller describes it.
type PipelineInput struct {
	ID       *string       `json:"id,omitempty" doc:"Given by the server; may be sent back unchanged"`
	Name     *string       `json:"name,omitempty" example:"Stage"`
	Slug     *string       `json:"slug,omitempty" doc:"What the API calls it, in status:<slug>; made from the name when a new pipeline has none" example:"stage"`
	Position *int          `json:"position,omitempty" doc:"Place among the pipelines; may be sent back unchanged. Reordering is an operation of its own"`
	Statuses []StatusInput `json:"statuses,omitempty" doc:"In the order of the board, at least one"`
}

// StatusInput is a status as a caller describes it.
type StatusInput struct {
	ID       *string `json:"id,omitempty" doc:"Given by the server; may be sent back unchanged"`
	Name     *string `json:"name,omitempty" example:"New"`
	Color    *Color  `json:"color,omitempty" doc:"Gray when it is not sent"`
	Default  *bool   `json:"default,omitempty" doc:"What a new lead gets. To move the default, send true for the status that is to have it"`
	Position *int    `json:"position,omitempty" doc:"Place in the pipeline; may be sent back unchanged. Reordering is an operation of its own"`
}

// newPipeline makes a pipeline of an input, with its statuses.
func (in PipelineInput) newPipeline(at string, position int) (Pipeline, []errs.Field) {
	p := Pipeline{Position: position}
	wrong := in.apply(&p, at)
	for i, s := range in.Statuses {
		status := Status{Color: Gray, Position: i}
		w := &wrongs{at: at + "/statuses/" + strconv.Itoa(i)}
		s.apply(&status, w)
		wrong = append(wrong, w.list...)
		p.Statuses = append(p.Statuses, status)
	}
	if len(p.Statuses) > 0 && !slices.ContainsFunc(p.Statuses, func(s Status) bool { return s.Default }) {
		p.Statuses[0].Default = true
	}
	return p, wrong
}

// apply changes a pipeline as the input says, without its statuses.
func (in PipelineInput) apply(p *Pipeline, at string) []errs.Field {
	w := &wrongs{at: at}
	isNew := p.ID.IsNil()
	w.owned(in.ID, p.ID, in.Position, p.Position)
	if isNew && (in.Name == nil || *in.Name == "") {
		w.add("name", "required", "Say what people call the pipeline.")
	}
	set(&p.Name, in.Name)
	set(&p.Slug, in.Slug)
	if isNew && in.Slug == nil {
		p.Slug = account.Slug(p.Name)
	}
	return w.list
}

func (in StatusInput) apply(s *Status, w *wrongs) {
	isNew := s.ID.IsNil()
	w.owned(in.ID, s.ID, in.Position, s.Position)
	if isNew && (in.Name == nil || *in.Name == "") {
		w.add("name", "required", "Say what people call the status.")
	}
	set(&s.Name, in.Name)
	set(&s.Color, in.Color)
	set(&s.Default, in.Default)
}

// unchangedFields tells whether a list that was sent back says what is there.
func unchangedFields(sent []FieldInput, fields []Field) bool {
	if len(sent) != len(fields) {
		return false
	}
	for i, in := range sent {
		f := fields[i]
		if wrong := in.apply(&f, "", true); wrong != nil || !equalFields(f, fields[i]) {
			return false
		}
	}
	return true
}

// unchangedPipelines is unchangedFields for pipelines.
func unchangedPipelines(sent []PipelineInput, pipelines []Pipeline) bool {
	if len(sent) != len(pipelines) {
		return false
	}
	for i, in := range sent {
		p := pipelines[i]
		if wrong := in.apply(&p, ""); wrong != nil || p.Name != pipelines[i].Name || p.Slug != pipelines[i].Slug {
			return false
		}
		if in.Statuses != nil && !unchangedStatuses(in.Statuses, pipelines[i].Statuses) {
			return false
		}
	}
	return true
}

func unchangedStatuses(sent []StatusInput, statuses []Status) bool {
	if len(sent) != len(statuses) {
		return false
	}
	for i, in := range sent {
		s, w := statuses[i], &wrongs{}
		if in.apply(&s, w); w.list != nil || s != statuses[i] {
			return false
		}
	}
	return true
}
