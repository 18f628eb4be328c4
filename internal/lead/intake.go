package lead

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
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

// Intake takes in a lead. It returns only after what became of it is on disk. then,
// which may be nil, runs at the end of the transaction with the result; nothing is
// stored when it fails. It does not run in a dry run.
func (s *Service) Intake(ctx context.Context, who account.Principal, in Intake, then func(context.Context, *db.Tx, Result) error) (Result, error) {
	if in.Source == "" {
		in.Source = DefaultSource
	}
	c := readControls(in.Items, in.Source)
	// The transaction proves that the definition holds, so the usual lead needs no
	// look-up before it. When something is wrong, the present definition decides.
	if e := s.recentEntity(who, c); e != nil {
		r, begun, err := s.intakeBy(ctx, who, e, c, in, then)
		if begun && !errors.Is(err, errStale) {
			return r, err
		}
	}
	var result Result
	err := retryStale(func() error {
		e, err := s.intakeEntity(ctx, who, c)
		if err != nil {
			return err
		}
		result, _, err = s.intakeBy(ctx, who, e, c, in, then)
		return err
	})
	return result, err
}

// recentEntity is the entity that a body names, as it was a moment ago; nil when it has
// to be looked up.
func (s *Service) recentEntity(who account.Principal, c *controls) *entity.Entity {
	if c.entity == nil || len(c.wrong) > 0 {
		return nil
	}
	e := s.entities.Recent(who.Account.ID, rawOf(c.entity.Value).Text)
	if e == nil || mayFor(who, e, "write") != nil {
		return nil
	}
	return e
}

// intakeBy takes in a body as a lead of e. begun tells whether it came to a transaction.
func (s *Service) intakeBy(ctx context.Context, who account.Principal, e *entity.Entity, c *controls, in Intake, then func(context.Context, *db.Tx, Result) error) (r Result, begun bool, err error) {
	d, err := s.draft(ctx, who, e, c, in.Strict)
	if err != nil {
		return Result{}, false, err
	}
	results, err := s.takeIn(ctx, who, e, []*draft{d}, in.DryRun, func(ctx context.Context, tx *db.Tx, all []Result) error {
		if then == nil {
			return nil
		}
		return then(ctx, tx, all[0])
	})
	if err != nil {
		return Result{}, true, err
	}
	return results[0], true, nil
}

// draft reads a body as a lead of e: either whole, or everything that is wrong.
func (s *Service) draft(ctx context.Context, who account.Principal, e *entity.Entity, c *controls, strict bool) (*draft, error) {
	return s.draftWith(ctx, who, e, c, strict, map[string]id.ID{})
}

// draftWith is draft for one of many bodies; known holds the members that others have
// named.
func (s *Service) draftWith(ctx context.Context, who account.Principal, e *entity.Entity, c *controls, strict bool, known map[string]id.ID) (*draft, error) {
	d, wrong := match(e, c, strict)
	if d == nil {
		d = &draft{}
	}
	find := func(ref memberRef) (id.ID, error) {
		if person, ok := known[ref.ref]; ok {
			return person, nil
		}
		person, err := s.member(ctx, who, ref, &wrong)
		if err == nil && !person.IsNil() {
			known[ref.ref] = person
		}
		return person, err
	}
	var err error
	if c.assignee != nil {
		if d.assignee, err = find(*c.assignee); err != nil {
			return nil, err
		}
	}
	for _, ref := range c.viewers {
		person, err := find(ref)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(d.viewers, person) {
			d.viewers = append(d.viewers, person)
		}
	}
	if len(wrong) > 0 {
		return nil, errs.Invalid(wrong...)
	}
	return d, nil
}

// member finds a member that a body names.
func (s *Service) member(ctx context.Context, who account.Principal, ref memberRef, wrong *problems) (id.ID, error) {
	p, ok, err := account.FindMember(ctx, s.db, who.Account.ID, ref.ref)
	if err == nil && !ok {
		wrong.add(ref.pointer, "unknown_member", "This is not an active member of the account. Send the UUID or e-mail address of one.")
	}
	return p.ID, err
}

// takeIn stores drafts of one entity in one transaction, or tells what would become of
// them.
func (s *Service) takeIn(ctx context.Context, who account.Principal, e *entity.Entity, drafts []*draft, dryRun bool, then func(context.Context, *db.Tx, []Result) error) ([]Result, error) {
	c, err := s.sealer(ctx, e)
	if err != nil {
		return nil, err
	}
	for _, d := range drafts {
		d.prepare(c)
	}
	var results []Result
	err = s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		w, err := s.begin(ctx, tx, who, e, c)
		if err != nil {
			return err
		}
		if results, err = w.takeIn(ctx, drafts); err != nil {
			return err
		}
		if dryRun {
			return errDryRun
		}
		return then(ctx, tx, results)
	})
	if errors.Is(err, errDryRun) {
		for i := range results {
			r := &results[i]
			r.DryRun = true
			if r.Action == Created {
				r.LeadID, r.CreatedAt = id.Nil, time.Time{}
			}
		}
		err = nil
	}
	return results, err
}

// errDryRun undoes a transaction that was only to show what would happen.
var errDryRun = errors.New("lead: only a dry run")

// retryStale does something that read an entity before its transaction, again when
// the entity was changed in between.
func retryStale(do func() error) error {
	for range staleTries {
		if err := do(); !errors.Is(err, errStale) {
			return err
		}
	}
	return errs.New(errs.Unavailable, "The entity is being changed again and again; nothing was stored. Try again in a moment.")
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
