package lead

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/page"
)

// Service is what can be done with leads.
type Service struct {
	db       *db.DB
	entities *entity.Service
	cursors  *page.Codec
	secrets  Secrets
	log      *slog.Logger
	lists    *turns // of those that look at many leads
	exports  *turns
	sealers  sync.Map // by account: *sealer
}

// NewService returns a Service. All nodes of an instance share the secret of cursors
// and the secrets.
func NewService(d *db.DB, entities *entity.Service, cursors *page.Codec, secrets Secrets, log *slog.Logger) *Service {
	processors := runtime.GOMAXPROCS(0)
	return &Service{db: d, entities: entities, cursors: cursors, secrets: secrets, log: log, lists: newTurns(max(1, processors/2)), exports: newTurns(processors)}
}

// Full is a lead with the definition it is shown by.
type Full struct {
	Lead   Lead
	Entity *entity.Entity
}

// mayFor asks for the right to a verb on the leads of one entity.
func mayFor(who account.Principal, e *entity.Entity, verb string) error {
	if who.Scopes.AllowFor("leads", e.Slug, verb) {
		return nil
	}
	needed := "leads." + e.Slug + ":" + verb
	return errs.New(errs.InsufficientScope, "This needs the scope leads:%s or %s.", verb, needed).
		With("needed", []string{needed}).With("held", who.Scopes.Strings())
}

func notFound() error { return errs.NotFoundf("lead") }

// Get returns one lead. A lead of another environment, in the trash, or of an entity
// that who may not read is not found.
func (s *Service) Get(ctx context.Context, who account.Principal, leadID id.ID) (Full, error) {
	return s.get(ctx, who, leadID, "read", false)
}

// get is Get for any verb, and for leads in the trash too when trashed is set. A lead for
// which the verb is missing does not exist either.
func (s *Service) get(ctx context.Context, who account.Principal, leadID id.ID, verb string, trashed bool) (Full, error) {
	l, definition, err := selectOne(ctx, s.db, who.Environment.ID, leadID)
	if errors.Is(err, db.ErrNoRows) || err == nil && l.DeletedAt != nil && !trashed {
		return Full{}, notFound()
	}
	if err != nil {
		return Full{}, err
	}
	e, err := s.entities.DefinitionAt(ctx, l.EntityID, definition)
	if errs.CodeOf(err) == errs.NotFound {
		return Full{}, notFound()
	}
	if err != nil {
		return Full{}, err
	}
	if mayFor(who, e, verb) != nil {
		return Full{}, notFound()
	}
	return Full{l, e}, s.reveal(ctx, e, &l)
}
