package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Keys is the API keys of the environment of the key.
type Keys struct{ c *Client }

// Key is an API key as the instance shows it, without the secret.
type Key struct {
	ID           string     `json:"id"`
	PublicID     string     `json:"public_id"`
	Masked       string     `json:"masked"`
	Name         string     `json:"name"`
	Purpose      string     `json:"purpose"`
	Account      string     `json:"account"`     // slug
	Environment  string     `json:"environment"` // slug
	Scopes       []string   `json:"scopes"`
	Status       string     `json:"status"` // active, disabled, expired or revoked
	Service      bool       `json:"service_account"`
	CreatedBy    *Member    `json:"created_by"`
	CreatedByKey string     `json:"created_by_key"`
	CreatedAt    time.Time  `json:"created_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
	NotBefore    *time.Time `json:"not_before"`
	ExpiresAt    *time.Time `json:"expires_at"`
	DisabledAt   *time.Time `json:"disabled_at"`
	RevokedAt    *time.Time `json:"revoked_at"`
	ExposedAt    *time.Time `json:"exposed_at"` // when it was seen where it must not be
	ExposedWhere string     `json:"exposed_where"`
	FirstUsedAt  *time.Time `json:"first_used_at"`
	LastUsed     *KeyUse    `json:"last_used"`
	IPAllow      []string   `json:"ip_allow"`
	Origins      []string   `json:"origins"`
	RateLimit    string     `json:"rate_limit"` // e.g. 6000/min, or none
	Replaces     string     `json:"replaces"`
	ReplacedBy   string     `json:"replaced_by"`

	// ETag names the state that was read, for Patch.
	ETag string `json:"-"`
}

// KeyUse is one call of a key.
type KeyUse struct {
	At        time.Time `json:"at"`
	IP        string    `json:"ip"`
	Method    string    `json:"method"`
	Route     string    `json:"route"`
	Status    int       `json:"status"`
	UserAgent string    `json:"user_agent"`
}

// KeySettings is what can be chosen for a key; nil leaves it as it is, or to the
// default.
type KeySettings struct {
	Name      *string    `json:"name,omitempty"`
	Purpose   *string    `json:"purpose,omitempty"`
	Scopes    *[]string  `json:"scopes,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	ExpiresIn *string    `json:"expires_in,omitempty"` // 24h, 90d, 1y or never, instead of ExpiresAt
	NotBefore *time.Time `json:"not_before,omitempty"`
	IPAllow   *[]string  `json:"ip_allow,omitempty"`
	Origins   *[]string  `json:"origins,omitempty"`
	RateLimit *string    `json:"rate_limit,omitempty"` // 600/min, or none
}

// Secret is a whole API key. It is shown as asterisks but by Reveal, so that it cannot
// end in a log by accident.
type Secret struct{ reveal func() string }

// Reveal returns the key itself; "" when there is none.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String hides the key.
func (Secret) String() string { return "***" }

// GoString hides the key.
func (Secret) GoString() string { return "***" }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Secret) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	s.reveal = func() string { return text }
	return nil
}

// MarshalJSON hides the key.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"***"`), nil }

// ErrAlreadyShown is the end of a call that made a key whose answer was lost on the
// way. The secret is shown once and is gone: revoke the key that is returned beside
// the error, and make a new one.
var ErrAlreadyShown = errors.New("leadflip: the key was made, but the answer with its secret was lost; revoke it and make a new one")

// NewKey is a key that was just made, with its secret.
type NewKey struct {
	Key

	Secret Secret `json:"key"`
	Code   string `json:"code"` // already_shown when the secret is gone
}

// Self returns the key that asks.
func (k Keys) Self(ctx context.Context) (*Key, error) {
	return k.one(ctx, call{method: http.MethodGet, path: path("key")})
}

func (k Keys) one(ctx context.Context, in call) (*Key, error) {
	var out Key
	head, err := k.c.do(ctx, in, &out)
	if err != nil {
		return nil, err
	}
	out.ETag = head.Get("ETag")
	return &out, nil
}

// List returns one page of keys, the newest first, ended ones included. limit 0 is the
// instance's usual; cursor is NextCursor of the page before, or "".
func (k Keys) List(ctx context.Context, limit int, cursor string) (*Page[Key], error) {
	return page[Key](ctx, k.c, path("keys"), url.Values{}, limit, cursor)
}

// All yields every key. An error is the last thing it yields.
func (k Keys) All(ctx context.Context) iter.Seq2[Key, error] {
	return walk("", func(cursor string) (*Page[Key], error) { return k.List(ctx, 0, cursor) })
}

// Get returns one key.
func (k Keys) Get(ctx context.Context, id string) (*Key, error) {
	return k.one(ctx, call{method: http.MethodGet, path: path("keys", id)})
}

// Create makes a key. It can do no more than the key that asks.
func (k Keys) Create(ctx context.Context, in KeySettings) (*NewKey, error) {
	var out NewKey
	head, err := k.c.do(ctx, call{method: http.MethodPost, path: path("keys"), body: in}, &out)
	if err != nil {
		return nil, err
	}
	out.ETag = head.Get("ETag")
	if out.Secret.Reveal() == "" {
		return &out, ErrAlreadyShown
	}
	return &out, nil
}

// Patch changes what is set. ifMatch is the ETag of the state that was read, or "".
func (k Keys) Patch(ctx context.Context, id string, in KeySettings, ifMatch string) (*Key, error) {
	return k.one(ctx, call{method: http.MethodPatch, path: path("keys", id), body: in, match: ifMatch})
}

// Disable stops a key until it is enabled again.
func (k Keys) Disable(ctx context.Context, id string) (*Key, error) {
	return k.one(ctx, call{method: http.MethodPost, path: path("keys", id, "disable")})
}

// Enable lets a disabled key work again.
func (k Keys) Enable(ctx context.Context, id string) (*Key, error) {
	return k.one(ctx, call{method: http.MethodPost, path: path("keys", id, "enable")})
}

// RevokedKey is a key that was revoked, and the living keys that it made.
type RevokedKey struct {
	Key

	Made []Key `json:"made"`
}

// Revoke ends a key for good.
func (k Keys) Revoke(ctx context.Context, id string) (*RevokedKey, error) {
	return send[RevokedKey](ctx, k.c, http.MethodPost, path("keys", id, "revoke"), nil)
}

// Rotation is the new half of a rotation, with its secret.
type Rotation struct {
	ID        string    `json:"id"`
	Secret    Secret    `json:"key"`
	Replaces  string    `json:"replaces"`
	OldEndsAt time.Time `json:"old_ends_at"`
	Code      string    `json:"code"` // already_shown when the secret is gone
}

// Rotate makes a new key of the same settings. The old one works on for the overlap,
// which is a length of time such as 24h or 7d, "0" for none, or "" for the usual.
func (k Keys) Rotate(ctx context.Context, id, overlap string) (*Rotation, error) {
	var body any
	if overlap != "" {
		body = map[string]string{"overlap": overlap}
	}
	out, err := send[Rotation](ctx, k.c, http.MethodPost, path("keys", id, "rotate"), body)
	if err == nil && out.Secret.Reveal() == "" {
		return out, ErrAlreadyShown
	}
	return out, err
}

// ReportLeak disables keys that were found somewhere and tells their owners. The answer
// is the same whether or not they exist.
func (k Keys) ReportLeak(ctx context.Context, keys []string) error {
	_, err := k.c.do(ctx, call{method: http.MethodPost, path: path("keys", "report-leak"), body: map[string][]string{"keys": keys}}, nil)
	return err
}
