package entity

import (
	"slices"
	"strconv"
	"strings"
)

// multiSelectKind is any number of the field's options, in the order sent, each once.
type multiSelectKind struct{ plain }

func (multiSelectKind) parse(f *Field, raw Raw) (Value, *Problem) {
	list := raw.List
	if raw.Kind != RawList {
		list = []Raw{raw}
	}
	if len(list) > MaxOptions {
		return nil, problem("too_many", "Choose at most "+strconv.Itoa(MaxOptions)+" options.")
	}
	keys := make([]string, 0, len(list))
	for _, item := range list {
		if item.Kind == RawNull || item.Kind == RawText && strings.TrimSpace(item.Text) == "" {
			continue
		}
		o, p := f.option(item)
		if p != nil {
			return nil, p
		}
		if !slices.Contains(keys, o.Key) {
			keys = append(keys, o.Key)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return keys, nil
}

func (multiSelectKind) text(f *Field, v Value) string {
	keys, _ := v.([]string)
	labels := make([]string, len(keys))
	for i, k := range keys {
		labels[i] = f.optionLabel(k)
	}
	return strings.Join(labels, ", ")
}

func (multiSelectKind) check(f *Field) (string, string) { return "options", checkOptions(f) }

func (multiSelectKind) search(f *Field, v Value) string {
	keys, _ := v.([]string)
	lines := make([]string, len(keys))
	for i, k := range keys {
		lines[i] = f.optionLabel(k)
	}
	return strings.Join(lines, "\n")
}
