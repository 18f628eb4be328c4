package api

import (
	"context"
	"net/netip"
	"time"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// Gate is what the API asks of the room that knows the keys.
type Gate interface {
	// FindKeys returns the whole keys (expression and checksum) inside text.
	FindKeys(text string) []string

	// Authenticate decides who calls with one read of the database. Its error is an
	// *errs.Error with one of the key_… codes; the Caller is then set as far as the
	// right secret of a dead key identifies it, so that the call can be counted.
	Authenticate(ctx context.Context, key string, from Facts) (Caller, error)

	// Exposed marks real keys that were seen where they must not be.
	Exposed(ctx context.Context, keys []string, where string, from Facts)

	// OriginListed tells whether any live key lists this web origin.
	OriginListed(ctx context.Context, origin string) (bool, error)

	// Observe is told of every finished call of an identified key. It must not block.
	Observe(Call)
}

// Facts are what is known of a request before anybody is known.
type Facts struct {
	IP        netip.Addr
	UserAgent string
	RequestID string
	Origin    string // the Origin header, "" when absent
	FetchSite string // the Sec-Fetch-Site header, "" when absent
	Whole     bool   // the operation shows the key itself: read all of it at once
}

// Caller is an authenticated key as the frame needs to know it.
type Caller struct {
	KeyID       id.ID
	PublicID    string
	Environment id.ID
	Owner       string   // of idempotency records: the key's rotation family
	Held        []string // effective scopes, for people to read
	Limit       *Limit   // nil: none
	ExpiresAt   *time.Time
	Origin      string // the caller's web origin when the key lists it
	FirstUse    bool   // the key has never been used before

	// Allows tells whether the key has a scope for at least one object.
	Allows func(scope string) bool

	// Enter returns the context in which operations run.
	Enter func(context.Context) context.Context
}

// Call is one finished call of a key.
type Call struct {
	KeyID       id.ID
	Environment id.ID
	At          time.Time
	RequestID   string
	Method      string
	Route       string
	Status      int
	Took        time.Duration
	IP          netip.Addr
	UserAgent   string
	FirstUse    bool // the key had never been used before
	Accepted    bool // the key was good; false for the right secret of a dead key
}
