package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

const (
	maxExports   = 20                     // of all keys together, on a node
	askEvery     = 400 * time.Millisecond // whether the key of an export may go on
	freeAgainIn  = 10                     // seconds after which to try again
	drainedAfter = 2                      // the same, when the server stops
	pieceSize    = 64 << 10               // bytes that are written at once, about
)

// Service exports leads.
type Service struct {
	db      *db.DB
	leads   *lead.Service
	maxRows int // of XLSX

	exports *api.Places
}

// NewService returns a service.
func NewService(d *db.DB, leads *lead.Service) *Service {
	return &Service{db: d, leads: leads, maxRows: maxRows, exports: api.NewPlaces(api.ExportsPerKey, maxExports)}
}

// Stop ends all exports and lets no new one begin.
func (s *Service) Stop() { s.exports.Stop() }

// Export is an export that was checked and recorded. It must be closed.
type Export struct {
	Name string // of the file

	s      *Service
	who    account.Principal
	query  Query
	sel    *lead.Selection
	people people
	asked  map[id.ID]bool // who was looked for, members or not
	close  func()
}

// Close makes room for the next export.
func (x *Export) Close() { x.close() }

// Export checks everything that can be refused, and records the export.
func (s *Service) Export(ctx context.Context, who account.Principal, q Query) (x *Export, err error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	sel, err := s.leads.Select(ctx, who, "export", q.Query)
	if err != nil {
		return nil, err
	}
	release, err := s.reserve(who)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			release()
		}
	}()
	if q.Format == XLSX {
		most := s.maxRows - 1 // there is a header
		n, err := sel.CountTo(ctx, most)
		if err != nil {
			return nil, err
		}
		if n.AtLeast {
			return nil, tooManyRows()
		}
	}
	if err := s.record(ctx, who, sel, q); err != nil {
		return nil, err
	}
	name := fileName(sel.Entity.Slug, who.Environment.Slug, s.db.Now(), q.Format)
	return &Export{name, s, who, q, sel, people{}, map[id.ID]bool{}, release}, nil
}

// record tells the audit log who takes what out.
func (s *Service) record(ctx context.Context, who account.Principal, sel *lead.Selection, q Query) error {
	changes := map[string]audit.Change{}
	for name, value := range map[string]string{"format": string(q.Format), "filter": q.Filter, "q": q.Search, "sort": q.Sort, "fields": q.Fields} {
		if value != "" {
			changes[name] = audit.Change{To: value}
		}
	}
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		return audit.Record(ctx, tx, audit.Entry{AccountID: who.Account.ID, EnvironmentID: who.Environment.ID, Actor: who.Actor(), Action: "lead.export",
			Object: audit.Object{Kind: "entity", ID: sel.Entity.ID, Name: sel.Entity.Name}, Changes: changes})
	})
}

// reserve takes one of the exports that may be under way; release gives it back.
func (s *Service) reserve(who account.Principal) (release func(), err error) {
	var key id.ID
	if who.Key != nil {
		key = who.Key.ID
	}
	release, err = s.exports.Take(key)
	switch {
	case errors.Is(err, api.ErrStopped):
		return nil, errs.New(errs.Unavailable, "The server is about to stop. Export again in a moment.").With("retry_after", drainedAfter)
	case errors.Is(err, api.ErrKeyFull):
		return nil, errs.New(errs.TooManyExports, "This key has %d exports under way, which is the most there may be. Wait until one of them has ended.", api.ExportsPerKey).With("retry_after", freeAgainIn)
	case err != nil:
		return nil, errs.New(errs.TooManyExports, "The server has as many exports under way as it can. Try again later.").With("retry_after", freeAgainIn)
	}
	return release, nil
}

// Watch returns a context for the export: it ends with ctx, with the server, and when
// who exports may not any more. again tells who that is now. It must be cancelled.
func (x *Export) Watch(ctx context.Context, again func(context.Context) (account.Principal, error)) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		ask := time.NewTicker(askEvery)
		defer ask.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-x.s.exports.Stopped():
				return
			case <-ask.C:
				if now, err := again(ctx); err != nil || !now.Scopes.AllowFor("leads", x.sel.Entity.Slug, "export") {
					return
				}
			}
		}
	}()
	return ctx, cancel
}

// Write writes the file, in pieces.
func (x *Export) Write(ctx context.Context, w io.Writer) error {
	columns := columnsOf(x.sel.Entity, x.sel.Shown, x.people)
	switch x.query.Format {
	case XLSX:
		return x.writeXLSX(ctx, w, columns)
	case JSONL:
		return x.write(ctx, w, nil, func(b []byte, l *lead.Lead) ([]byte, error) {
			b, err := x.sel.AppendJSON(b, l, x.people)
			return append(b, '\n'), err
		})
	}
	t := &csvTable{columns: columns}
	return x.write(ctx, w, t.appendHeader(nil, x.query.Labels, x.query.BOM), func(b []byte, l *lead.Lead) ([]byte, error) { return t.appendLead(b, l), nil })
}

func (x *Export) writeXLSX(ctx context.Context, w io.Writer, columns []column) error {
	out := bufio.NewWriterSize(w, pieceSize)
	t, err := newXLSX(out, columns, x.sel.Entity.Slug)
	if err != nil {
		return err
	}
	err = x.write(ctx, t.sheet, t.appendHeader(nil, x.query.Labels), func(b []byte, l *lead.Lead) ([]byte, error) {
		if t.rows == x.s.maxRows { // some came after they were counted
			return nil, fmt.Errorf("transfer: more than %d rows", x.s.maxRows)
		}
		return t.appendLead(b, l), nil
	})
	if err != nil {
		return err
	}
	if err := t.close(); err != nil {
		return err
	}
	return out.Flush()
}

// write writes a beginning and all leads.
func (x *Export) write(ctx context.Context, w io.Writer, b []byte, add func(b []byte, l *lead.Lead) ([]byte, error)) error {
	err := x.sel.Each(ctx, func(l *lead.Lead) error {
		if err := x.meet(ctx, l); err != nil {
			return err
		}
		var err error
		if b, err = add(b, l); err != nil || len(b) < pieceSize {
			return err
		}
		_, err = w.Write(b)
		b = b[:0]
		return err
	})
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// meet finds out who is on a lead. Members are few, so that each is asked for once.
func (x *Export) meet(ctx context.Context, l *lead.Lead) error {
	var unknown []id.ID
	if !l.AssigneeID.IsNil() && !x.asked[l.AssigneeID] {
		unknown = append(unknown, l.AssigneeID)
	}
	for _, viewer := range l.Viewers {
		if !x.asked[viewer] {
			unknown = append(unknown, viewer)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	found, err := account.People(ctx, x.s.db, x.who.Account.ID, unknown)
	maps.Copy(x.people, found)
	for _, person := range unknown {
		x.asked[person] = true
	}
	return err
}
