package account

import (
	"context"
	"net/netip"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Role is what a member may do in an account.
type Role string

// The roles. Owners and admins may do everything; members work with leads day to
// day. Only owners change owners.
const (
	Owner  Role = "owner"
	Admin  Role = "admin"
	Member Role = "member"
)

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return r == Owner || r == Admin || r == Member }

// Manages tells whether the role may change settings, members and API keys.
func (r Role) Manages() bool { return r == Owner || r == Admin }

// Rights are the scopes a role stands for.
func (r Role) Rights() Scopes {
	switch r {
	case Owner, Admin:
		return Scopes{All}
	case Member:
		return Scopes{"entities:read", "events:read", "forms:read", "leads:export", "leads:read", "leads:write", "submissions:read"}
	}
	return nil
}

// Origin is where a request came from.
type Origin struct {
	IP        netip.Addr
	UserAgent string
	RequestID string
	Plain     bool // over a connection that others can read
}

// Principal is who acts: a person in the web app, an API key, or the operator at
// the command line. It is made fresh for every request and belongs to one
// environment.
type Principal struct {
	Account     Account
	Environment Environment
	Scopes      Scopes // effective rights

	// Exactly one of the next is set.
	Person   *Person
	Key      *KeyIdentity
	Operator bool

	Role   Role // of the person, or of the person who made the key; "" for a service account
	Origin Origin
}

// KeyIdentity is what other rooms may know of the API key that acts.
type KeyIdentity struct {
	ID       id.ID
	PublicID string
	Name     string
	Family   id.ID // the same for all keys of one chain of rotations
}

// Actor is the principal as the audit log names it.
func (p Principal) Actor() audit.Actor {
	a := audit.Actor{UserAgent: clip(p.Origin.UserAgent, 400), RequestID: p.Origin.RequestID}
	if p.Origin.IP.IsValid() {
		a.IP = p.Origin.IP.String()
	}
	switch {
	case p.Key != nil:
		a.Kind, a.ID, a.Name = audit.Key, p.Key.ID, p.Key.Name
	case p.Person != nil:
		a.Kind, a.ID, a.Name = audit.Person, p.Person.ID, p.Person.Name
	default:
		a.Kind, a.Name = audit.Operator, "command line"
	}
	return a
}

// EventActor is the principal as the event log names it.
func (p Principal) EventActor() event.Actor {
	a := p.Actor()
	return event.Actor{Kind: string(a.Kind), ID: a.ID, Name: a.Name}
}

type principalKey struct{}

// With returns a context that carries the principal of a request.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns the principal of a request; ok is false when nobody is known.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}
