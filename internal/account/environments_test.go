package account

import (
	"context"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestNamesOfEnvironmentsAreUniqueInTheirAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		add := func(name string) error { return second(w.s.AddEnvironment(context.Background(), w.ada, name, Test)) }
		for _, taken := range []string{"Production", "production", " PRODUCTION ", "Produc\u0074ion"} {
			wantField(t, add(taken), "/name")
		}
		for _, bad := range []string{"", "  ", strings.Repeat("x", 41), "a\u0000b", "a\u202eb", "a\xffb"} {
			wantField(t, add(bad), "/name")
		}
		wantField(t, second(w.s.AddEnvironment(t.Context(), w.ada, "Staging", "")), "/kind")
		try := func() error { return add("Staging") }
		if n := succeeded(together(try, try, try, try)); n != 1 {
			t.Errorf("%d of 4 environments of one name were made", n)
		}
		// Different names may have one slug to begin with.
		for _, name := range []string{"Staging!", "日本", "中国", "Größe"} {
			if err := add(name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		envs, err := w.s.Environments(t.Context(), w.ada)
		if err != nil {
			t.Fatal(err)
		}
		slugs, staging := map[string]bool{}, id.Nil
		for _, e := range envs {
			if slugs[e.Slug] || Slug(e.Slug) != e.Slug || e.Slug == "" {
				t.Errorf("%s has the slug %q", e.Name, e.Slug)
			}
			slugs[e.Slug] = true
			if e.Slug == "staging" {
				staging = e.ID
			}
		}
		if len(envs) != 6 || !slugs["staging-2"] || !slugs["environment-2"] {
			t.Errorf("slugs: %v", slugs)
		}

		other := w.secondAccount("Other", w.ada.Person.ID, Owner)
		there := w.enter("ada@example.com", other.Slug, "production")
		if _, err := w.s.AddEnvironment(t.Context(), there, "Staging", Test); err != nil {
			t.Errorf("another account cannot use the name: %v", err)
		}
		wantCode(t, w.s.RenameEnvironment(t.Context(), there, staging, "Mine"), errs.NotFound)
		wantCode(t, w.s.RenameEnvironment(t.Context(), w.ada, id.New(), "Mine"), errs.NotFound)
		wantField(t, w.s.RenameEnvironment(t.Context(), w.ada, staging, "production"), "/name")
		if err := w.s.RenameEnvironment(t.Context(), w.ada, staging, "STAGING"); err != nil {
			t.Errorf("changing the case of one's own name: %v", err)
		}
		wantCode(t, second(w.s.AddEnvironment(t.Context(), w.join("carol@example.com", "Carol", Member), "Mine", Test)), errs.NotAllowed)
	})
}

func TestARenamedEnvironmentKeepsItsAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		if err := w.s.RenameEnvironment(t.Context(), w.ada, w.ada.Environment.ID, "Live system"); err != nil {
			t.Fatal(err)
		}
		if e := w.enter("ada@example.com", "acme", "production").Environment; e.Name != "Live system" {
			t.Errorf("it is called %s", e.Name)
		}
	})
}

func TestFindEnvironment(t *testing.T) {
	t.Parallel()
	envs := []Environment{{ID: id.New(), Name: "Production", Slug: "production"}, {ID: id.New(), Name: "QA Größe", Slug: "qa-gro-e"}}
	for name, want := range map[string]int{"": 0, "PRODUCTION": 0, "qa GRÖßE": 1, "QA-GRO-E": 1, envs[1].ID.String(): 1, strings.ToUpper(envs[1].ID.String()): 1} {
		if e, err := FindEnvironment(envs, name); err != nil || e.ID != envs[want].ID {
			t.Errorf("%q: %s, %v", name, e.Name, err)
		}
	}
	_, err := FindEnvironment(envs, "Staging")
	wantCode(t, err, errs.NotFound)
}
