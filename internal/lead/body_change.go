package lead

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// readOnly are the names of an answer that a caller cannot change.
var readOnly = map[string]bool{
	"id": true, "entity": true, "source": true, "created_at": true, "updated_at": true, "unmapped": true, "environment": true,
}

// ParsePatch reads the body of a change. Names are exact here, but for those of fields
// and pipelines.
func ParsePatch(body []byte) (Patch, error) {
	items, err := parseJSON(body)
	if err != nil {
		return Patch{}, err
	}
	var p Patch
	var wrong problems
	for i := range items {
		it := &items[i]
		switch {
		case it.Name == "fields":
			p.Fields = objectOf(it, &wrong)
		case it.Name == "status":
			p.Statuses = objectOf(it, &wrong)
		case it.Name == "assignee":
			p.Assignee = it
		case it.Name == "viewers":
			p.Viewers = it
		case readOnly[it.Name]:
			wrong.add(pointer(it.Name), "read_only", "This cannot be changed; leave it out.")
		default:
			wrong.add(pointer(it.Name), "unknown_name", "A change has fields, status, assignee and viewers. Values of fields go under fields.")
		}
	}
	if len(items) == 0 {
		wrong.add("", "required", "Say what is to change: send fields, status, assignee or viewers.")
	}
	p.Wrong = wrong
	return p, nil
}

// objectOf reads the members of an object.
func objectOf(it *Item, wrong *problems) []Item {
	if it.Value.Kind() != jsontext.KindBeginObject {
		wrong.add(pointer(it.Name), "wrong_type", "Send this as an object.")
		return nil
	}
	return members(it.Value)
}

// ParseBulk reads the body of a bulk call: its rows, and what stands beside them.
func ParseBulk(body []byte) (Bulk, error) {
	items, err := parseJSON(body)
	if err != nil {
		return Bulk{}, err
	}
	var in Bulk
	var wrong problems
	var batch *Item
	for i := range items {
		it := &items[i]
		it.loose = entity.Loose(it.Name)
		switch it.loose {
		case "batch":
			batch = it
		case "entity", "leadobject", "source", "note", "notes", "dedupmode":
			in.All = append(in.All, *it)
		default:
			wrong.add(pointer(it.Name), "unknown_name", "A bulk call has entity, batch, source, note and dedup_mode. Fields go into the rows of batch.")
		}
	}
	switch {
	case batch == nil:
		wrong.add("/batch", "required", "Send the leads as batch: a list of flat objects.")
	case batch.Value.Kind() != jsontext.KindBeginArray:
		wrong.add("/batch", "wrong_type", "Send batch as a list of flat objects.")
	default:
		in.Rows = bulkRows(batch.Value, &wrong)
	}
	return in, errs.Invalid(wrong...)
}

func bulkRows(list jsontext.Value, wrong *problems) []Row {
	rows := elements(list)
	if len(rows) == 0 || len(rows) > MaxBulk {
		wrong.add("/batch", "count", "Send 1 to "+strconv.Itoa(MaxBulk)+" rows in one call.")
		return nil
	}
	out := make([]Row, len(rows))
	for i, row := range rows {
		if row.Kind() != jsontext.KindBeginObject {
			out[i].wrong.add("", "wrong_type", "Send each row as a flat object.")
			continue
		}
		if out[i].Items = members(row); len(out[i].Items) > MaxNames {
			out[i].wrong.add("", "too_many", "A row has at most "+strconv.Itoa(MaxNames)+" names.")
		}
	}
	return out
}
