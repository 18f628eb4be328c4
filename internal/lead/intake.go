package lead

import (
	"context"
	"errors"
	"strings"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Intake is one lead on its way in, as a flat body says it.
type Intake struct {
	Items  []Item // as ParseBody returned them
	Strict bool   // unknown names are refused instead of kept
	DryRun bool   // check everything, store nothing
	Source string // what the door calls itself when the body names no source; "" is DefaultSource
}

// staleTries bounds how often a lead is matched again because its entity changed
// between reading and storing.
const staleTries = 5

// errStale means that the entity is not at the version the draft was made by.
var errStale = errors.New("lead: the entity has changed")

// Intake takes in a lead. It returns only after the lead is on disk. then, which may
// be nil, runs at the end of the transaction with the result; nothing is stored when
// it fails. It does not run in a dry run.
func (s *Service) Intake(ctx context.Context, who account.Principal, in Intake, then func(context.Context, *db.Tx, Result) error) (Result, error) {
	if in.Source == "" {
		in.Source = DefaultSource
	}
	c := readControls(in.Items, in.Source)
	for range staleTries {
		e, err := s.intakeEntity(ctx, who, c)
		if err != nil {
			return Result{}, err
		}
		d, wrong := match(e, c, in.Strict)
		if len(wrong) > 0 {
			return Result{}, errs.Invalid(wrong...)
		}
		if in.DryRun {
			return Result{Action: Created, DryRun: true, Warnings: d.warnings}, nil
		}
		result, err := s.store(ctx, who, d, then)
		if !errors.Is(err, errStale) {
			return result, err
		}
	}
	return Result{}, errs.New(errs.Unavailable, "The entity is being changed again and again; nothing was stored. Try again in a moment.")
}

// intakeEntity finds the entity a body names and asks whether who may send to it.
func (s *Service) intakeEntity(ctx context.Context, who account.Principal, c *controls) (*entity.Entity, error) {
	if c.entity == nil || empty(rawOf(c.entity.Value)) {
		wrong := c.wrong
		wrong.add("/entity", "required", "Say which entity the lead is for: send \"entity\" with its slug, for example \"leads\".")
		return nil, errs.Invalid(wrong...)
	}
	at := pointer(c.entity.Name)
	raw := rawOf(c.entity.Value)
	if raw.Kind != entity.RawText {
		return nil, errs.Invalid(append(c.wrong, errs.Field{Pointer: at, Code: "wrong_type", Detail: "Send the entity as a text: its slug or its id."})...)
	}
	e, err := s.entities.Definition(ctx, who.Account.ID, raw.Text)
	if errs.CodeOf(err) == errs.NotFound {
		return nil, s.unknownEntity(ctx, who, "write", append(c.wrong, errs.Field{Pointer: at}))
	}
	if err != nil {
		return nil, err
	}
	return e, mayFor(who, e, "write")
}

// unknownEntity is the refusal of a reference to an entity that does not exist here.
// The last field is the one to complete.
func (s *Service) unknownEntity(ctx context.Context, who account.Principal, verb string, fields []errs.Field) error {
	all, err := s.entities.Definitions(ctx, who.Account.ID)
	if err != nil {
		return err
	}
	var slugs []string
	for _, e := range all {
		if who.Scopes.AllowFor("leads", e.Slug, verb) {
			slugs = append(slugs, e.Slug)
		}
	}
	last := &fields[len(fields)-1]
	last.Code, last.Detail = "unknown_entity", "There is no such entity in this account. This key can use: "+strings.Join(slugs, ", ")+"."
	if len(slugs) == 0 {
		last.Detail = "There is no such entity in this account."
	}
	return errs.Invalid(fields...)
}

// store writes a draft: the lead, its statuses, the event and its notes, each in one
// statement.
func (s *Service) store(ctx context.Context, who account.Principal, d *draft, then func(context.Context, *db.Tx, Result) error) (Result, error) {
	var result Result
	row := newRow(who, d) // everything that does not depend on the moment
	err := s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		leadID := id.At(tx.Now)
		// The definition was read before the transaction, where reading is free. The
		// insert itself proves that it still holds: without the entity at this version
		// there is no row to insert from.
		stored, err := insertLead(ctx, tx, leadID, row)
		if err != nil {
			return err
		}
		if !stored {
			return errStale
		}
		if err := insertStatuses(ctx, tx, row.environment, leadID, d.statuses); err != nil {
			return err
		}
		if err := insertNotes(ctx, tx, row.environment, leadID, row.actor, d.notes); err != nil {
			return err
		}
		if err := event.Write(ctx, tx, row.environment, row.actor, createdFact(leadID, d)); err != nil {
			return err
		}
		result = Result{LeadID: leadID, CreatedAt: tx.Now, Action: Created, Warnings: d.warnings}
		if then == nil {
			return nil
		}
		return then(ctx, tx, result)
	})
	if err != nil {
		return Result{}, err
	}
	return result, nil
}

func createdFact(leadID id.ID, d *draft) CreatedFact {
	f := CreatedFact{LeadID: leadID, Entity: d.entity.Slug, Source: d.source, Notes: len(d.notes), Status: make(map[string]FactStatus, len(d.statuses))}
	for _, c := range d.statuses {
		f.Status[c.pipeline.Slug] = FactStatus{c.status.ID, c.status.Name}
	}
	return f
}

// row is what a new lead's row holds but for its id and moment.
type row struct {
	environment id.ID
	actor       event.Actor
	account     id.ID
	entityID    id.ID
	version     int64 // of the entity
	source      string
	data        string
	unmapped    string
}

func newRow(who account.Principal, d *draft) row {
	return row{
		environment: who.Environment.ID, actor: who.EventActor(), account: who.Account.ID, entityID: d.entity.ID, version: d.entity.Version,
		source: d.source, data: dataJSON(d.entity, d.values), unmapped: unmappedJSON(d.unmapped),
	}
}
