package api

import (
	"errors"
	"mime"
	"net/http"
	"slices"
	"strconv"
)

// Policy says who may call an operation, and what it reads.
type Policy struct {
	scope   string
	kind    policyKind
	bodies  []string
	maxBody int64
	exempt  bool
	safe    bool
	when    map[string]string // by query parameter: the scope instead, when it is true
	stream  *streaming        // an answer that goes on; nil is JSON
	whole   bool

	keyOptional bool // of an open operation: it does more for a caller with a key
}

type policyKind int

const (
	policyMissing policyKind = iota
	policyScope
	policyAnyKey
	policyOpen
)

// PolicyOption changes what an operation reads.
type PolicyOption func(*Policy)

// Needs lets keys with this scope call.
func Needs(scope string, opts ...PolicyOption) Policy {
	return newPolicy(Policy{kind: policyScope, scope: scope}, opts)
}

// AnyKey lets every live key call.
func AnyKey(opts ...PolicyOption) Policy { return newPolicy(Policy{kind: policyAnyKey}, opts) }

// Open lets everybody call. Nobody has to show a key, so only small bodies are read.
func Open(opts ...PolicyOption) Policy {
	return newPolicy(Policy{kind: policyOpen}, append([]PolicyOption{MaxBodyBytes(bodyAtOnce)}, opts...))
}

func newPolicy(p Policy, opts []PolicyOption) Policy {
	p.bodies, p.maxBody = []string{"application/json"}, MaxBody
	for _, o := range opts {
		o(&p)
	}
	return p
}

// ChangesNothing marks a POST that only reads, so that there is nothing to repeat by an
// Idempotency-Key.
func ChangesNothing() PolicyOption { return func(p *Policy) { p.safe = true } }

// NeedsWhen asks for another scope instead when a query parameter is true.
func NeedsWhen(parameter, scope string) PolicyOption {
	return func(p *Policy) { p.when = map[string]string{parameter: scope} }
}

// needs is the scope that one request needs.
func (p Policy) needs(r *http.Request) string {
	for parameter, scope := range p.when {
		if yes, err := strconv.ParseBool(r.URL.Query().Get(parameter)); err == nil && yes {
			return scope
		}
	}
	return p.scope
}

// Bodies names the media types an operation reads instead of JSON alone.
func Bodies(types ...string) PolicyOption { return func(p *Policy) { p.bodies = types } }

// MaxBodyBytes sets the largest body instead of 1 MiB.
func MaxBodyBytes(n int64) PolicyOption { return func(p *Policy) { p.maxBody = n } }

// MayCarryKeys exempts an operation whose purpose is to be given keys.
func MayCarryKeys() PolicyOption { return func(p *Policy) { p.exempt = true } }

// ShowsCaller tells the gate that the operation shows the key that calls, so that the
// read that lets it in brings everything the answer needs.
func ShowsCaller() PolicyOption { return func(p *Policy) { p.whole = true } }

func (p Policy) reads(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return false
	}
	return slices.Contains(p.bodies, media)
}
