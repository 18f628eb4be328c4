package entity

import (
	"context"
	"errors"
	"strings"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Service answers what kinds of lead an account has, and changes them.
type Service struct {
	db    db.Handle // reads only
	write *db.DB
	cache cache
}

// NewService returns a Service on d.
func NewService(d *db.DB) *Service { return &Service{db: d, write: d} }

// List returns the entities of the principal's account, the oldest first.
func (s *Service) List(ctx context.Context, who account.Principal) ([]*Entity, error) {
	if err := may(who, "entities:read"); err != nil {
		return nil, err
	}
	return s.Definitions(ctx, who.Account.ID)
}

// Get returns one entity by slug or id.
func (s *Service) Get(ctx context.Context, who account.Principal, slugOrID string) (*Entity, error) {
	if err := may(who, "entities:read"); err != nil {
		return nil, err
	}
	return s.Definition(ctx, who.Account.ID, slugOrID)
}

func may(who account.Principal, need account.Scope) error {
	if who.Scopes.Allow(need) {
		return nil
	}
	return errs.New(errs.InsufficientScope, "This needs the scope %s.", need).With("needed", []string{string(need)}).With("held", who.Scopes.Strings())
}

// Definitions returns all entities of an account for other rooms, which ask for rights
// of their own.
func (s *Service) Definitions(ctx context.Context, accountID id.ID) ([]*Entity, error) {
	found, err := refs(ctx, s.db, accountID)
	if err != nil {
		return nil, err
	}
	out := make([]*Entity, 0, len(found))
	for _, r := range found {
		e, err := s.load(ctx, r)
		if errors.Is(err, db.ErrNoRows) {
			continue // deleted since the list was read
		}
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// Definition returns an entity of an account by slug or id for other rooms, which ask
// for rights of their own. In the usual case it is one indexed read.
func (s *Service) Definition(ctx context.Context, accountID id.ID, slugOrID string) (*Entity, error) {
	slugOrID = strings.TrimSpace(slugOrID)
	if u, err := id.Parse(slugOrID); err == nil {
		return s.DefinitionByID(ctx, accountID, u)
	}
	slug := strings.ToLower(slugOrID)
	if !slugShape.MatchString(slug) { // nothing the database would have to be asked
		return nil, errs.NotFoundf("entity")
	}
	r, err := refBySlug(ctx, s.db, accountID, slug)
	return s.found(ctx, r, err)
}

// Recent returns a definition that held a moment ago and may have changed since,
// without asking the database, or nil. It is for those who prove in their transaction
// that it still holds, and who begin again with Definition when it does not.
func (s *Service) Recent(accountID id.ID, slug string) *Entity {
	return s.cache.latest(accountID, slug)
}

// DefinitionByID is Definition for an id.
func (s *Service) DefinitionByID(ctx context.Context, accountID, entityID id.ID) (*Entity, error) {
	r, err := refByID(ctx, s.db, accountID, entityID)
	return s.found(ctx, r, err)
}

// DefinitionAt is DefinitionByID for whoever has read the version of an entity of the
// account along with something else. In the usual case it asks nobody.
func (s *Service) DefinitionAt(ctx context.Context, entityID id.ID, version int64) (*Entity, error) {
	return s.found(ctx, ref{entityID, version}, nil)
}

// found continues from what a look-up answered.
func (s *Service) found(ctx context.Context, r ref, err error) (*Entity, error) {
	var e *Entity
	if err == nil {
		e, err = s.load(ctx, r)
	}
	if errors.Is(err, db.ErrNoRows) {
		return nil, errs.NotFoundf("entity")
	}
	return e, err
}

// loadTries bounds how often a definition is read that changes while it is read.
const loadTries = 10

// load returns the definition of a ref, or a newer one.
func (s *Service) load(ctx context.Context, r ref) (*Entity, error) {
	if e := s.cache.get(r); e != nil {
		return e, nil
	}
	for range loadTries {
		e, err := selectEntity(ctx, s.db, r.id)
		if err != nil {
			return nil, err
		}
		// The reads are several statements; the version says whether a change fell
		// between them.
		now, err := refByID(ctx, s.db, e.AccountID, r.id)
		if err != nil {
			return nil, err
		}
		if now.version == e.Version {
			s.cache.put(e)
			return e, nil
		}
	}
	return nil, errs.New(errs.Unavailable, "The entity is being changed again and again; try again in a moment.")
}
