package web

import (
	"slices"
	"strings"
)

// Sentence says what a set of choices allows: "Can read and change leads. Ends 21 Feb 2027." A phrase follows "Can";
// a sentence stands alone. A phrase of the form "read|leads" or "create,change|leads" names verbs and an object: those
// with the same object are said together, and so are objects with the same verbs. The script in
// assets/js/scope-sentence.js follows the same rules.
func Sentence(phrases, sentences []string) string {
	said := []string{"Can do nothing yet."}
	if groups := sayTogether(phrases); len(groups) > 0 {
		said[0] = "Can " + joinGroups(groups) + "."
		if !readsAnything(phrases) {
			said = append(said, "Can read nothing.")
		}
	}
	return strings.Join(append(said, sentences...), " ")
}

// sayTogether turns phrases into as few groups of words as it can, in their order.
func sayTogether(phrases []string) []string {
	type group struct{ verbs, objects []string }
	var groups []group
	for _, p := range phrases {
		verbs, object, ok := strings.Cut(p, "|")
		if !ok {
			groups = append(groups, group{verbs: []string{p}})
			continue
		}
		i := slices.IndexFunc(groups, func(g group) bool { return len(g.objects) > 0 && g.objects[0] == object })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{objects: []string{object}})
		}
		groups[i].verbs = append(groups[i].verbs, strings.Split(verbs, ",")...)
	}
	var merged []group
	for _, g := range groups {
		i := slices.IndexFunc(merged, func(m group) bool { return len(g.objects) > 0 && slices.Equal(m.verbs, g.verbs) })
		if i < 0 {
			merged = append(merged, g)
			continue
		}
		merged[i].objects = append(merged[i].objects, g.objects...)
	}
	var texts []string
	for _, g := range merged {
		texts = append(texts, strings.TrimSuffix(joinAnd(g.verbs)+" "+joinAnd(g.objects), " "))
	}
	return texts
}

// joinGroups keeps groups that have an "and" of their own apart by more than an "and".
func joinGroups(groups []string) string {
	n := len(groups)
	if n == 1 || !strings.Contains(strings.Join(groups, "\n"), " and ") {
		return joinAnd(groups)
	}
	between := "; and "
	if n == 2 {
		between = ", and "
	}
	return strings.Join(groups[:n-1], "; ") + between + groups[n-1]
}

func joinAnd(words []string) string {
	n := len(words)
	if n < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
}

func readsAnything(phrases []string) bool {
	return slices.ContainsFunc(phrases, func(p string) bool {
		verbs, _, _ := strings.Cut(p, "|")
		first, _, _ := strings.Cut(verbs, " ")
		return slices.Contains(strings.Split(first, ","), "read") || strings.HasPrefix(p, "do everything")
	})
}
