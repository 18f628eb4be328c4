package entity

import (
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/account"
)

// selectKind is one of the field's options, sent by key or label in any case and
// stored as the key.
type selectKind struct {
	plain
	textKeys
}

func (selectKind) parse(f *Field, raw Raw) (Value, *Problem) {
	if raw.Kind == RawList && len(raw.List) == 1 {
		raw = raw.List[0]
	}
	o, p := f.option(raw)
	if p != nil {
		return nil, p
	}
	return o.Key, nil
}

func (selectKind) text(f *Field, v Value) string {
	s, _ := v.(string)
	return f.optionLabel(s)
}

func (selectKind) check(f *Field) (string, string) { return "options", checkOptions(f) }

func (k selectKind) search(f *Field, v Value) string { return k.text(f, v) }

// option finds the option a caller means by key or label.
func (f *Field) option(raw Raw) (Option, *Problem) {
	s, p := textOf(raw, "the option")
	if p != nil {
		return Option{}, p
	}
	choices := f.choices
	if choices == nil {
		choices = choiceIndex(f.Options)
	}
	i, ok := choices[account.Fold(s)]
	switch {
	case !ok:
		return Option{}, problem("unknown_option", "This is not one of the options. "+f.optionList())
	case f.Options[i].Retired:
		return Option{}, problem("retired_option", "This option is retired and can no longer be chosen. "+f.optionList())
	}
	return f.Options[i], nil
}

// choiceIndex maps what an option can be called, folded, to its place. A key wins
// over a label.
func choiceIndex(options []Option) map[string]int {
	index := make(map[string]int, 2*len(options))
	for i, o := range options {
		index[account.Fold(o.Label)] = i
	}
	for i, o := range options {
		index[account.Fold(o.Key)] = i
	}
	return index
}

// optionList says what can be chosen, as far as a sentence can hold it.
func (f *Field) optionList() string {
	const most = 12
	var keys []string
	for _, o := range f.Options {
		if !o.Retired {
			keys = append(keys, o.Key)
		}
	}
	if len(keys) > most {
		return "Use one of: " + strings.Join(keys[:most], ", ") + " and " + strconv.Itoa(len(keys)-most) + " more; GET /api/entities lists them all."
	}
	return "Use one of: " + strings.Join(keys, ", ") + "."
}

func (f *Field) optionLabel(key string) string {
	for _, o := range f.Options {
		if o.Key == key {
			return o.Label
		}
	}
	return key
}

func checkOptions(f *Field) string {
	if len(f.Options) == 0 {
		return "A choice needs at least one option."
	}
	if len(f.Options) > MaxOptions {
		return "A choice has at most " + strconv.Itoa(MaxOptions) + " options."
	}
	owner := map[string]int{}
	for i, o := range f.Options {
		for _, text := range []string{o.Key, o.Label} {
			clean, wrong := account.CleanName(text, 100)
			if wrong != "" || clean != text {
				return "Every option has a key and a label of 1 to 100 characters, without white space around them."
			}
			if other, taken := owner[account.Fold(text)]; taken && other != i {
				return "Two options cannot be told apart by key or label."
			}
			owner[account.Fold(text)] = i
		}
	}
	return ""
}
