package lead

import (
	"context"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// maxDuplicates bounds the leads one search for duplicates answers with.
const maxDuplicates = 200

// Duplicate is a lead that has a match key of what was searched for.
type Duplicate struct {
	Full
	Matched []string // keys of the fields that are the same, the most important first
}

// Duplicates finds the leads of an entity that would count as duplicates of one with
// these fields: by every match key, the most important first, the oldest first.
func (s *Service) Duplicates(ctx context.Context, who account.Principal, entityRef string, fields []Item) ([]Duplicate, error) {
	e, err := s.entities.Definition(ctx, who.Account.ID, entityRef)
	if errs.CodeOf(err) == errs.NotFound {
		return nil, s.unknownEntity(ctx, who, "read", []errs.Field{{Pointer: "/entity"}})
	}
	if err == nil {
		err = mayFor(who, e, "read")
	}
	if err != nil {
		return nil, err
	}
	values, err := searchedFields(e, fields)
	if err != nil {
		return nil, err
	}
	c, err := s.sealer(ctx, e)
	if err != nil {
		return nil, err
	}
	var out []Duplicate
	at := map[id.ID]int{}
	for _, k := range matchKeys(c, e, values) {
		found, err := selectByKey(ctx, s.db, who.Environment.ID, k, maxDuplicates)
		if err != nil {
			return nil, err
		}
		key := e.FieldByID(k.field).Key
		for _, leadID := range found {
			if i, seen := at[leadID]; seen {
				out[i].Matched = append(out[i].Matched, key)
				continue
			}
			if len(out) == maxDuplicates {
				break
			}
			f, err := s.Get(ctx, who, leadID)
			if errs.CodeOf(err) == errs.NotFound {
				continue // deleted since
			}
			if err != nil {
				return nil, err
			}
			at[leadID] = len(out)
			out = append(out, Duplicate{f, []string{key}})
		}
	}
	return out, nil
}

// searchedFields reads what is searched for; other fields than match keys may be sent, and
// do nothing.
func searchedFields(e *entity.Entity, fields []Item) (map[id.ID]entity.Value, error) {
	var wrong problems
	values := map[id.ID]entity.Value{}
	for i := range fields {
		it := &fields[i]
		at := "/fields" + pointer(it.Name)
		f := e.FieldNamed(it.Name)
		if f == nil {
			wrong.add(at, "unknown_field", e.NoField())
			continue
		}
		v, problem := f.Parse(rawOf(it.Value))
		if problem != nil {
			wrong.add("/fields"+problemAt(it.Name, problem), problem.Code, f.Label+": "+problem.Detail)
			continue
		}
		if v != nil {
			values[f.ID] = v
		}
	}
	if len(fields) == 0 {
		wrong.add("/fields", "required", "Send the values to search for, by the fields' keys.")
	}
	return values, errs.Invalid(wrong...)
}
