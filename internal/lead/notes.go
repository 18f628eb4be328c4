package lead

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Notes returns the notes of a lead, the newest first.
func (s *Service) Notes(ctx context.Context, who account.Principal, leadID id.ID) ([]Note, error) {
	if _, err := s.Get(ctx, who, leadID); err != nil {
		return nil, err
	}
	return selectNotes(ctx, s.db, who.Environment.ID, leadID)
}

// AddNote adds a note to a lead.
func (s *Service) AddNote(ctx context.Context, who account.Principal, leadID id.ID, in NewNote, then func(context.Context, *db.Tx, Note) error) (Note, error) {
	in.Tag = strings.TrimSpace(in.Tag)
	var wrong problems
	if strings.TrimSpace(in.Text) == "" {
		wrong.add("/text", "required", "A note needs its text.")
	}
	wrong = append(wrong, in.tooLong("")...)
	if len(wrong) > 0 {
		return Note{}, errs.Invalid(wrong...)
	}
	var note Note
	err := s.work(ctx, who, leadID, "write", false, func(ctx context.Context, w *work) error {
		l, err := w.lock(ctx, leadID)
		if err != nil {
			return err
		}
		if note, err = w.addNote(ctx, &l, 0, in); err != nil {
			return err
		}
		if then == nil {
			return nil
		}
		return then(ctx, w.tx, note)
	})
	return note, err
}

func (n NewNote) tooLong(at string) (wrong problems) {
	if utf8.RuneCountInString(n.Text) > MaxNoteLength {
		wrong.add(at+"/text", "too_long", "A note has at most "+strconv.Itoa(MaxNoteLength)+" characters.")
	}
	if utf8.RuneCountInString(n.Tag) > MaxTagLength {
		wrong.add(at+"/tag", "too_long", "A tag has at most "+strconv.Itoa(MaxTagLength)+" characters.")
	}
	return wrong
}

// addNote stores a note; position orders those of one moment.
func (w *work) addNote(ctx context.Context, l *Lead, position int, in NewNote) (Note, error) {
	n := Note{ID: id.At(w.tx.Now), Text: in.Text, Tag: in.Tag, CreatedAt: w.tx.Now, CreatedBy: w.actor}
	if err := insert(ctx, w.tx, intoNotes, [][]any{noteRow(w, l.ID, n.ID, position, in)}); err != nil {
		return Note{}, err
	}
	return n, event.Write(ctx, w.tx, w.environment, w.actor, NoteFact{l.ID, w.entity.Slug, n.ID, n.Tag})
}
