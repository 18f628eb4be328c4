package entity

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// TestAnySequenceOfChangesKeepsTheInvariants makes changes at random. After each one the
// definition that others read passes every check, things keep their ids, the version has
// grown exactly when something changed, and no field that was ever deleted is lost.
func TestAnySequenceOfChangesKeepsTheInvariants(t *testing.T) {
	t.Parallel()
	d := sqlite(t)
	w := newWorld(t, d)
	rapid.Check(t, func(rt *rapid.T) {
		slug := "e" + id.New().String()[20:]
		made, err := w.svc.Create(t.Context(), w.who, NewEntity{Name: "E", Slug: &slug}, nil)
		if err != nil {
			rt.Fatal(err)
		}
		ref := made.ID.String()
		defer func() {
			if err := w.svc.Delete(t.Context(), w.who, ref, nil); err != nil && errs.CodeOf(err) != errs.EntityInUse {
				rt.Error(err)
			}
		}()
		m := &machine{w: w, ref: ref, deleted: map[id.ID]bool{}}
		for range rapid.IntRange(1, 20).Draw(rt, "changes") {
			m.step(rt)
		}
	})
}

// machine changes one entity at random.
type machine struct {
	w       *world
	ref     string
	deleted map[id.ID]bool
}

func (m *machine) step(t *rapid.T) {
	ctx, s, who := m.w.t.Context(), m.w.svc, m.w.who
	before, err := s.Get(ctx, who, m.ref)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprint("Name ", rapid.IntRange(0, 6).Draw(t, "name"))
	key := rapid.SampledFrom([]string{"name", "email", "k1", "k2", "name_1", "name_2"}).Draw(t, "key")
	status := rapid.SampledFrom([]string{"New", "Won", "Lost", name}).Draw(t, "status")
	var gone id.ID
	switch what := rapid.IntRange(0, 11).Draw(t, "what"); what {
	case 0:
		_, err = s.Change(ctx, who, m.ref, Input{Name: &name}, nil, nil)
	case 1:
		in := FieldInput{Label: &name, Type: new(rapid.SampledFrom(Types()).Draw(t, "type"))}
		_, err = s.AddField(ctx, who, m.ref, in, nil, nil)
	case 2:
		in := FieldInput{Key: new(rapid.SampledFrom([]string{"k1", "k2", "name", "name_1"}).Draw(t, "new key")), Indexed: new(rapid.Bool().Draw(t, "indexed"))}
		_, err = s.ChangeField(ctx, who, m.ref, key, in, nil, nil)
	case 3:
		_, err = s.ChangeField(ctx, who, m.ref, key, FieldInput{Aliases: []string{}, Encrypted: new(rapid.Bool().Draw(t, "encrypted"))}, nil, nil)
	case 4:
		if at := before.findField(key); at >= 0 {
			gone = before.Fields[at].ID
		}
		_, err = s.DeleteField(ctx, who, m.ref, key, false, nil)
	case 5:
		_, err = s.RestoreField(ctx, who, m.ref, key, nil, nil)
	case 6:
		var keys []string
		for _, f := range before.Fields {
			keys = append(keys, f.Key)
		}
		_, err = s.ReorderFields(ctx, who, m.ref, rapid.Permutation(keys).Draw(t, "order"), nil, nil)
	case 7:
		_, err = s.AddPipeline(ctx, who, m.ref, PipelineInput{Name: &name, Statuses: []StatusInput{{Name: new("New")}, {Name: &name}}}, nil, nil)
	case 8:
		_, err = s.DeletePipeline(ctx, who, m.ref, name, nil)
	case 9:
		_, err = s.AddStatus(ctx, who, m.ref, "stage", StatusInput{Name: &name, Default: new(rapid.Bool().Draw(t, "default"))}, nil, nil)
	case 10:
		_, err = s.DeleteStatus(ctx, who, m.ref, "stage", status, rapid.SampledFrom([]string{"", "New", name}).Draw(t, "to"), nil)
	case 11:
		_, err = s.ChangeStatus(ctx, who, m.ref, "stage", status, StatusInput{Name: &name, Default: new(rapid.Bool().Draw(t, "default"))}, nil, nil)
	}
	if err != nil && !slices.Contains([]errs.Code{errs.NotFound, errs.Conflict, errs.ValidationFailed}, errs.CodeOf(err)) {
		t.Fatalf("refused with %v", err)
	}
	if err == nil && !gone.IsNil() {
		m.deleted[gone] = true
	}
	m.check(t, before, err)
}

func (m *machine) check(t *rapid.T, before *Entity, refused error) {
	after, deleted, err := m.w.svc.DeletedFields(m.w.t.Context(), m.w.who, m.ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := after.Check(); err != nil {
		t.Fatalf("the definition is wrong: %v", err)
	}
	if changed := len(changes(before, after)) > 0; changed != (after.Version == before.Version+1) || !changed && after.Version != before.Version || changed && refused != nil {
		t.Fatalf("version %d became %d; changed: %v; refused: %v", before.Version, after.Version, changed, refused)
	}
	for i, f := range after.Fields {
		if f.Position != i {
			t.Fatalf("%s is at %d instead of %d", f.Key, f.Position, i)
		}
	}
	for gone := range m.deleted {
		there := after.FieldByID(gone) != nil || slices.ContainsFunc(deleted, func(d Deleted) bool { return d.ID == gone })
		if !there {
			t.Fatalf("a deleted field is lost")
		}
	}
	for i := range after.Pipelines {
		p := &after.Pipelines[i]
		for old := range p.Moved {
			if p.StatusByID(old) == nil {
				t.Fatalf("leads of a deleted status are nowhere: %+v", p)
			}
		}
	}
}
