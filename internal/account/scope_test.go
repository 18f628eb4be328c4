package account

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// anyScope draws a scope that can be asked for or granted, narrowed or not.
func anyScope() *rapid.Generator[Scope] {
	all := append(AllScopes(), All)
	for _, entity := range []string{"solar", "heat_pumps", "leads"} {
		for _, verb := range scopeVerbs["leads"] {
			all = append(all, Scope("leads."+entity+":"+verb))
		}
	}
	all = append(all, "submissions.quote:write", "submissions.demo:write")
	return rapid.SampledFrom(all)
}

func anyScopes() *rapid.Generator[Scopes] {
	return rapid.Custom(func(t *rapid.T) Scopes { return Scopes(rapid.SliceOfN(anyScope(), 0, 8).Draw(t, "scopes")).normal() })
}

func TestScopesOfBothAreGrantedByEach(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, need := anyScopes().Draw(t, "a"), anyScopes().Draw(t, "b"), anyScope().Draw(t, "need")
		both := a.Intersect(b)
		if !both.Within(a) || !both.Within(b) {
			t.Fatalf("%s ∩ %s = %s is more than one of them", a, b, both)
		}
		if both.Allow(need) != (a.Allow(need) && b.Allow(need)) {
			t.Fatalf("%s ∩ %s = %s: %s", a, b, both, need)
		}
		if !slices.Equal(both, b.Intersect(a)) {
			t.Fatalf("%s ∩ %s depends on the order", a, b)
		}
		if !slices.Equal(a.Intersect(a), a) || len(a.Intersect(nil)) != 0 || !slices.Equal(a.Intersect(Scopes{All}), a) {
			t.Fatalf("%s with itself, nothing, everything", a)
		}
	})
}

func TestWithinIsAnOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c, need := anyScopes().Draw(t, "a"), anyScopes().Draw(t, "b"), anyScopes().Draw(t, "c"), anyScope().Draw(t, "need")
		if !a.Within(a) || !a.Within(Scopes{All}) || !(Scopes{}).Within(a) {
			t.Fatalf("%s is not within itself or everything", a)
		}
		if a.Within(b) && b.Within(c) && !a.Within(c) {
			t.Fatalf("%s within %s within %s", a, b, c)
		}
		if a.Within(b) && b.Within(a) && !slices.Equal(a, b) {
			t.Fatalf("%s and %s are within each other", a, b)
		}
		if a.Within(b) && a.Allow(need) && !b.Allow(need) {
			t.Fatalf("%s within %s, and only the former grants %s", a, b, need)
		}
	})
}

func TestNormalFormOfScopes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := Scopes(rapid.SliceOfN(anyScope(), 0, 10).Draw(t, "raw"))
		before := slices.Clone(raw)
		n := raw.normal()
		if !slices.Equal(raw, before) {
			t.Fatalf("normal changed its receiver from %s to %s", before, raw)
		}
		if !slices.Equal(n, n.normal()) || !slices.IsSorted(n) {
			t.Fatalf("%s is not in normal form", n)
		}
		if !n.Within(raw) || !raw.Within(n) {
			t.Fatalf("%s and its normal form %s differ", raw, n)
		}
		parsed, _, err := ParseScopes(n.Strings())
		if err != nil || !slices.Equal(parsed, n) {
			t.Fatalf("%s is read as %s (%v)", n, parsed, err)
		}
		for i, s := range n {
			if slices.ContainsFunc(slices.Delete(slices.Clone(n), i, i+1), func(o Scope) bool { return o.covers(s) }) {
				t.Fatalf("%s holds %s twice", n, s)
			}
		}
	})
}

func TestNarrowedScopesGrantSomeNotAll(t *testing.T) {
	t.Parallel()
	solar := Scopes{"leads.solar:read"}
	if solar.Allow("leads:read") || !solar.AllowSome("leads:read") || !solar.AllowFor("leads", "solar", "read") ||
		solar.AllowFor("leads", "other", "read") || solar.AllowFor("leads", "solar", "write") || solar.AllowSome("leads:write") {
		t.Error("leads.solar:read grants the wrong things")
	}
	if !(Scopes{All}).AllowFor("leads", "x", "delete") || (Scopes{}).AllowSome("leads:read") {
		t.Error("everything or nothing grants the wrong things")
	}
}

func TestWrongScopesAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "leads", "leads:", ":read", "leads:fly", "planets:read", "LEADS:read", "leads.:read", "leads.a.b:read", "leads.A:read", "leads.a b:read",
		"keys.x:read", "entities.x:read", "submissions.x:read", "leads:read ", "**", "leads:*", "leads.solar:read:write"} {
		if s, err := ParseScope(bad); err == nil {
			t.Errorf("%q was read as %q", bad, s)
		}
	}
	for _, r := range []Role{Owner, Admin, Member} {
		if _, _, err := ParseScopes(r.Rights().Strings()); err != nil || !slices.Equal(r.Rights(), r.Rights().normal()) {
			t.Errorf("the rights of a %s: %v", r, err)
		}
	}
	if len(Role("").Rights()) != 0 || len(Role("god").Rights()) != 0 {
		t.Error("an unknown role has rights")
	}
}
