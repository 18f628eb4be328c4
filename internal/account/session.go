package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// Limits of a login.
const (
	sessionIdle     = 7 * 24 * time.Hour
	sessionAbsolute = 30 * 24 * time.Hour
	sessionPlain    = 12 * time.Hour   // where the cookie travels unencrypted
	proofFresh      = 15 * time.Minute // how long a proof of who it is counts
	touchEvery      = time.Minute

	// An ended session is remembered for a while, because it says which networks a
	// person logs in from.
	sessionKept = 90 * 24 * time.Hour
)

// Lifetimes of one-time links.
const (
	setupLinkLife  = 24 * time.Hour
	resetLinkLife  = 30 * time.Minute
	inviteLinkLife = 7 * 24 * time.Hour
)

// Session is one login of a person.
type Session struct {
	ID         id.ID
	Person     Person
	CreatedAt  time.Time
	LastSeenAt time.Time
	ExpiresAt  time.Time
	ProofAt    time.Time
	IP         string
	UserAgent  string
}

// Alive tells whether the session counts at now.
func (s Session) Alive(now time.Time) bool {
	return now.Before(s.ExpiresAt) && now.Sub(s.LastSeenAt) < sessionIdle
}

// Proven tells whether the person has shown lately who they are.
func (s Session) Proven(now time.Time) bool { return now.Sub(s.ProofAt) < proofFresh }

// newToken returns 256 random bits for a cookie or a link, and the hash that is kept.
func newToken() (token string, hash []byte) {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	token = base64.RawURLEncoding.EncodeToString(b)
	return token, hashToken(token)
}

func hashToken(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}
