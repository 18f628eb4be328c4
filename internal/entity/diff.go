package entity

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// changes tells how two states of a definition differ, each setting by the path that a
// reader of the API knows: fields.budget.label.
func changes(before, after *Entity) map[string]audit.Change {
	out := map[string]audit.Change{}
	note := func(path string, from, to any) {
		if !reflect.DeepEqual(from, to) {
			out[path] = audit.Change{From: from, To: to}
		}
	}
	note("name", before.Name, after.Name)
	note("slug", before.Slug, after.Slug)
	note("icon", before.Icon, after.Icon)
	compare(out, "fields", before.Fields, after.Fields, func(f *Field) (id.ID, string, map[string]any) { return f.ID, f.Key, describeField(f) })
	compare(out, "pipelines", before.Pipelines, after.Pipelines, func(p *Pipeline) (id.ID, string, map[string]any) {
		return p.ID, p.Slug, map[string]any{"name": p.Name, "slug": p.Slug}
	})
	for i := range after.Pipelines {
		p, old := &after.Pipelines[i], before.PipelineByID(after.Pipelines[i].ID)
		if old == nil {
			old = &Pipeline{}
		}
		compare(out, "pipelines."+p.Slug+".statuses", old.Statuses, p.Statuses, func(s *Status) (id.ID, string, map[string]any) {
			return s.ID, s.Name, map[string]any{"name": s.Name, "color": string(s.Color), "default": s.Default}
		})
	}
	return out
}

// compare notes what was added to a list, removed from it, changed in it and moved in
// it.
func compare[T any](out map[string]audit.Change, path string, before, after []T, describe func(*T) (id.ID, string, map[string]any)) {
	type thing struct {
		name     string
		settings map[string]any
	}
	old, stays := map[id.ID]thing{}, map[id.ID]bool{}
	for i := range before {
		key, name, settings := describe(&before[i])
		old[key] = thing{name, settings}
	}
	for i := range after {
		key, name, settings := describe(&after[i])
		was, known := old[key]
		if !known {
			out[path+"."+name] = audit.Change{To: settings}
			continue
		}
		stays[key] = true
		every := maps.Clone(was.settings)
		maps.Copy(every, settings)
		for setting := range every {
			if !reflect.DeepEqual(was.settings[setting], settings[setting]) {
				out[path+"."+was.name+"."+setting] = audit.Change{From: was.settings[setting], To: settings[setting]}
			}
		}
	}
	order := func(list []T) []string {
		names := []string{}
		for i := range list {
			if key, _, _ := describe(&list[i]); stays[key] {
				names = append(names, old[key].name)
			}
		}
		return names
	}
	for key, was := range old {
		if !stays[key] {
			out[path+"."+was.name] = audit.Change{From: was.settings}
		}
	}
	if from, to := order(before), order(after); !slices.Equal(from, to) {
		out[path+".order"] = audit.Change{From: from, To: to}
	}
}

// describeField is what is set of a field, as plain data.
func describeField(f *Field) map[string]any {
	s := stored(*f)
	out := map[string]any{
		"key": f.Key, "label": f.Label, "type": string(f.Type), "required": s.Required, "default": f.Wire(s.Default), "help": s.Help, "country": s.Country, "encrypted": s.Encrypted, "indexed": s.Indexed,
		"aliases": plainData(s.Aliases), "options": plainData(s.Options), "min": plainData(s.Min), "max": plainData(s.Max), "step": plainData(s.Step), "max_length": s.MaxLength, "max_size": s.MaxSize,
		"types": plainData(s.Types), "match_key": plainData(s.MatchKey),
	}
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil || reflect.ValueOf(v).IsZero() })
	return out
}

// plainData is a value as its JSON reads; nil for none.
func plainData(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	if json.Unmarshal(text, &out) != nil {
		return nil
	}
	return out
}
