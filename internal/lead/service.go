package lead

import (
	"context"
	"encoding/binary"
	"errors"
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
	sealers  sync.Map // by account: *sealer
}

// NewService returns a Service. All nodes of an instance share the secret of cursors
// and the secrets.
func NewService(d *db.DB, entities *entity.Service, cursors *page.Codec, secrets Secrets) *Service {
	return &Service{db: d, entities: entities, cursors: cursors, secrets: secrets}
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
	l, err := selectLead(ctx, s.db, who.Environment.ID, leadID)
	if errors.Is(err, db.ErrNoRows) || err == nil && l.DeletedAt != nil && !trashed {
		return Full{}, notFound()
	}
	if err != nil {
		return Full{}, err
	}
	e, err := s.entities.DefinitionByID(ctx, who.Account.ID, l.EntityID)
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

// Query asks for a page of leads.
type Query struct {
	Entity string // slug or id
	Limit  int    // 1 to page.MaxLimit; 0 is page.DefaultLimit
	Cursor string // Page.Next of the page before; "" is the first page
}

// Page is a page of leads, newest first.
type Page struct {
	Entity *entity.Entity
	Leads  []Lead
	Next   string // cursor of the next page; "" on the last
}

// List returns leads of one entity, newest first.
func (s *Service) List(ctx context.Context, who account.Principal, q Query) (Page, error) {
	e, err := s.entities.Definition(ctx, who.Account.ID, q.Entity)
	if errs.CodeOf(err) == errs.NotFound {
		return Page{}, s.unknownEntity(ctx, who, "read", []errs.Field{{Parameter: "entity"}})
	}
	if err != nil {
		return Page{}, err
	}
	if err := mayFor(who, e, "read"); err != nil {
		return Page{}, err
	}
	limit := q.Limit
	switch {
	case limit == 0:
		limit = page.DefaultLimit
	case limit < 0 || limit > page.MaxLimit:
		return Page{}, errs.Invalid(errs.Field{Parameter: "limit", Code: "out_of_range", Detail: "The limit is between 1 and 200."})
	}
	bind := "leads\n" + who.Environment.ID.String() + "\n" + e.ID.String()
	var after *place
	if q.Cursor != "" {
		position, err := s.cursors.Decode(bind, q.Cursor)
		if err == nil {
			after, err = readPlace(position)
		}
		if err != nil {
			return Page{}, errs.New(errs.InvalidCursor, "This cursor was not made for this list. Begin without a cursor and pass on next_cursor as you got it.").Because(err)
		}
	}
	leads, err := selectNewest(ctx, s.db, who.Environment.ID, e.ID, after, limit+1)
	if err != nil {
		return Page{}, err
	}
	for i := range leads {
		if err := s.reveal(ctx, e, &leads[i]); err != nil {
			return Page{}, err
		}
	}
	p := Page{Entity: e, Leads: leads}
	if len(leads) > limit {
		p.Leads = leads[:limit]
		p.Next = s.cursors.Encode(bind, placeOf(&p.Leads[limit-1]).bytes())
	}
	return p, nil
}

// place is where a lead stands in the list of the newest.
type place struct {
	createdAt int64 // microseconds
	id        id.ID
}

func placeOf(l *Lead) place { return place{db.Micros(l.CreatedAt), l.ID} }

func (p place) bytes() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(p.createdAt)), p.id[:]...)
}

func readPlace(b []byte) (*place, error) {
	if len(b) != 24 {
		return nil, page.ErrCursor
	}
	return &place{int64(binary.BigEndian.Uint64(b)), id.ID(b[8:])}, nil
}
