package account

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Scope is one right of the form resource:verb, e.g. leads:read; "*" is all of them.
// Leads can be narrowed to an entity (leads.solar_leads:read) and submissions:write
// to a form.
type Scope string

// All is every right there is.
const All Scope = "*"

// scopeVerbs lists the resources and what can be done with them.
var scopeVerbs = map[string][]string{
	"entities":    {"read", "write", "delete"},
	"leads":       {"read", "write", "delete", "export"},
	"forms":       {"read", "write", "delete"},
	"submissions": {"read", "write", "export"},
	"events":      {"read"},
	"keys":        {"read", "write"},
}

// AllScopes lists every plain scope in a fixed order.
func AllScopes() []Scope {
	var out []Scope
	for _, r := range []string{"entities", "leads", "forms", "submissions", "events", "keys"} {
		for _, v := range scopeVerbs[r] {
			out = append(out, Scope(r+":"+v))
		}
	}
	return out
}

// Parts splits a scope. narrow is "" when it is not narrowed.
func (s Scope) Parts() (resource, narrow, verb string) {
	left, verb, _ := strings.Cut(string(s), ":")
	resource, narrow, _ = strings.Cut(left, ".")
	return resource, narrow, verb
}

// ParseScope checks one scope.
func ParseScope(text string) (Scope, error) {
	s := Scope(text)
	if s == All {
		return s, nil
	}
	resource, narrow, verb := s.Parts()
	verbs, ok := scopeVerbs[resource]
	if !ok || !slices.Contains(verbs, verb) {
		return "", fmt.Errorf("this is not a scope; use resource:verb, for example leads:write (all of them: %s)", joinScopes(AllScopes()))
	}
	if strings.Contains(text, ".") {
		canNarrow := resource == "leads" || s == Scope("submissions."+narrow+":write")
		if !canNarrow || !validNarrow(narrow) {
			return "", fmt.Errorf("this scope cannot be narrowed like this; only leads.<entity>:… and submissions.<form>:write can")
		}
	}
	return s, nil
}

func validNarrow(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return true
}

// covers tells whether having s is enough for need.
func (s Scope) covers(need Scope) bool {
	if s == All || s == need {
		return true
	}
	if need == All {
		return false
	}
	r1, n1, v1 := s.Parts()
	r2, _, v2 := need.Parts()
	return r1 == r2 && v1 == v2 && n1 == ""
}

// Scopes is a set of rights: sorted, without duplicates or entries that another
// entry already covers.
type Scopes []Scope

// ParseScopes checks a list. The error is about the one at index wrong.
func ParseScopes(texts []string) (all Scopes, wrong int, err error) {
	for i, t := range texts {
		s, err := ParseScope(t)
		if err != nil {
			return nil, i, err
		}
		all = append(all, s)
	}
	return all.normal(), -1, nil
}

func (ss Scopes) normal() Scopes {
	out := Scopes{}
	for i, s := range ss {
		covered := slices.Contains(ss[:i], s)
		for _, other := range ss {
			covered = covered || (other != s && other.covers(s))
		}
		if !covered {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

// Allow tells whether the set grants need as it stands: leads:read is granted by
// leads:read or *, not by leads.solar:read.
func (ss Scopes) Allow(need Scope) bool {
	return slices.ContainsFunc(ss, func(s Scope) bool { return s.covers(need) })
}

// AllowSome tells whether the set grants need for at least one entity or form, so
// that an operation may begin and decide per object.
func (ss Scopes) AllowSome(need Scope) bool {
	resource, _, verb := need.Parts()
	return slices.ContainsFunc(ss, func(s Scope) bool {
		r, _, v := s.Parts()
		return s.covers(need) || (r == resource && v == verb)
	})
}

// AllowFor tells whether the set grants resource:verb for the entity or form with
// this slug.
func (ss Scopes) AllowFor(resource, slug, verb string) bool {
	return ss.Allow(Scope(resource + "." + slug + ":" + verb))
}

// Within tells whether every right of ss is granted by limit.
func (ss Scopes) Within(limit Scopes) bool {
	for _, s := range ss {
		if !limit.Allow(s) {
			return false
		}
	}
	return true
}

// Intersect returns the rights both sets grant.
func (ss Scopes) Intersect(other Scopes) Scopes {
	if other.Allow(All) {
		return ss
	}
	if ss.Allow(All) {
		return other
	}
	var both Scopes
	for _, s := range ss {
		if other.Allow(s) {
			both = append(both, s)
		}
	}
	for _, s := range other {
		if ss.Allow(s) {
			both = append(both, s)
		}
	}
	return both.normal()
}

// Strings returns the set as plain texts.
func (ss Scopes) Strings() []string {
	out := make([]string, len(ss))
	for i, s := range ss {
		out[i] = string(s)
	}
	return out
}

func (ss Scopes) String() string { return joinScopes(ss) }

// MarshalJSON writes a list, never null.
func (ss Scopes) MarshalJSON() ([]byte, error) { return json.Marshal(ss.Strings()) }

func joinScopes(ss []Scope) string {
	return strings.Join(Scopes(ss).Strings(), " ")
}
