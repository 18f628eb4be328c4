package audit

import (
	"time"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// ActorKind tells what kind of actor did something.
type ActorKind string

// The kinds of actor.
const (
	Person   ActorKind = "person"
	Key      ActorKind = "key"
	Operator ActorKind = "operator" // somebody at the command line of the machine
	System   ActorKind = "system"
	Stranger ActorKind = "stranger" // somebody without credentials, e.g. a leak report
)

// Actor is who did it, and from where.
type Actor struct {
	Kind      ActorKind
	ID        id.ID
	Name      string
	IP        string
	UserAgent string
	RequestID string
}

// Change is one value before and after. Values are plain data, never secrets.
type Change struct {
	From any `json:"from"`
	To   any `json:"to"`
}

// Object is what it was done to.
type Object struct {
	Kind string
	ID   id.ID
	Name string
}

// Entry is one line of the log. AccountID and EnvironmentID are absent where the
// action belongs to none.
type Entry struct {
	ID            id.ID
	AccountID     id.ID
	EnvironmentID id.ID
	At            time.Time
	Actor         Actor
	Action        string // noun.verb, e.g. key.revoke
	Object        Object
	Changes       map[string]Change
}
