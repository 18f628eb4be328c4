// Package page makes the cursors of lists. A cursor is opaque and signed, and bound
// to the query and environment it was made for: a changed, borrowed or invented one
// is refused and never reaches the database.
package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
)

// Limits of a list, as published at GET /api/limits.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

const tagSize = 16

// ErrCursor is returned for a cursor that this codec did not make for this bind.
var ErrCursor = errors.New("the cursor is not one that was made for this list")

// Codec signs and checks cursors. Codecs with the same secret understand each other.
type Codec struct{ secret []byte }

// NewCodec returns a codec; all nodes of an instance share the secret.
func NewCodec(secret []byte) *Codec { return &Codec{secret} }

// Encode makes the cursor for a position in the list that bind names.
func (c *Codec) Encode(bind string, position []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(c.tag(bind, position), position...))
}

// Decode returns the position of a cursor made by Encode with the same bind.
func (c *Codec) Decode(bind, cursor string) ([]byte, error) {
	if len(cursor) > 4096 || strings.ContainsAny(cursor, "\r\n") { // the decoder leaves line ends out
		return nil, ErrCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) < tagSize || !hmac.Equal(raw[:tagSize], c.tag(bind, raw[tagSize:])) {
		return nil, ErrCursor
	}
	return raw[tagSize:], nil
}

func (c *Codec) tag(bind string, position []byte) []byte {
	h := hmac.New(sha256.New, c.secret)
	h.Write([]byte(bind))
	h.Write([]byte{0})
	h.Write(position)
	return h.Sum(nil)[:tagSize]
}
