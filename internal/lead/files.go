package lead

import (
	"context"
	"errors"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// The content of a file lies beside the lead; the lead's values hold its id, name, size
// and type.

// File returns the file that a lead has in a field, with its content.
func (s *Service) File(ctx context.Context, who account.Principal, leadID id.ID, field string) (entity.FileValue, error) {
	f, err := s.Get(ctx, who, leadID)
	if err != nil {
		return entity.FileValue{}, err
	}
	at := f.Entity.FieldNamed(field)
	if at == nil {
		return entity.FileValue{}, errs.NotFoundf("field")
	}
	v, ok := f.Lead.Values[at.ID].(entity.FileValue)
	if !ok {
		return entity.FileValue{}, errs.NotFoundf("file")
	}
	v.Content, err = selectFile(ctx, s.db, who.Environment.ID, leadID, v.ID)
	if errors.Is(err, db.ErrNoRows) { // replaced since the lead was read
		err = errs.NotFoundf("file")
	}
	return v, err
}

// stow gives ids to the files among values that are new, and returns the rows that keep
// their content. The values are changed in place.
func (w *work) stow(leadID id.ID, values map[id.ID]entity.Value) (rows [][]any) {
	for field, v := range values {
		file, ok := v.(entity.FileValue)
		if !ok || file.Content == nil {
			continue
		}
		fileID := id.At(w.tx.Now)
		rows = append(rows, []any{w.environment, leadID, fileID, field, file.Content})
		file.ID, file.Content = fileID, nil
		values[field] = file
	}
	return rows
}

// keptFiles refuses files that were sent back by their id but are not those of the lead.
func keptFiles(e *entity.Entity, l *Lead, values map[id.ID]entity.Value) error {
	var wrong problems
	for field, v := range values {
		file, ok := v.(entity.FileValue)
		if !ok || !file.Kept() {
			continue
		}
		if old, ok := l.Values[field].(entity.FileValue); !ok || old.ID != file.ID {
			f := e.FieldByID(field)
			wrong.add("/fields/"+f.Key, "unknown_file", f.Label+": the lead has no such file. Send its content.")
		}
	}
	return errs.Invalid(wrong...)
}

// dropFiles deletes the content of files that a change took out of a lead.
func (w *work) dropFiles(ctx context.Context, leadID id.ID, gone []id.ID) error {
	for _, file := range gone {
		if err := deleteFile(ctx, w.tx, w.environment, leadID, file); err != nil {
			return err
		}
	}
	return nil
}
