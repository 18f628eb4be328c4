package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"strings"

	"github.com/leadflip/leadflip/internal/account"
)

// The shape of a key: lf_live_ or lf_test_, 12 characters of public id, 43 random
// ones (62^43 > 2^256), 6 of checksum.
const (
	prefixLive = "lf_live_"
	prefixTest = "lf_test_"
	prefixLen  = len(prefixLive)
	publicLen  = 12
	randomLen  = 43
	checkLen   = 6
	bodyLen    = publicLen + randomLen + checkLen

	// Length is the number of characters of a key.
	Length = prefixLen + bodyLen

	// Expression finds keys in text; scanners use it. The checksum, CRC-32/IEEE of
	// everything before it in base62, rules out false hits.
	Expression = `lf_(live|test)_[0-9A-Za-z]{61}`
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Secret is a key in full. It exists in memory between minting or receiving it and
// answering; it prints as its public form.
type Secret struct{ text string }

// Mint makes a new key for a kind of environment.
func Mint(kind account.Kind) Secret {
	prefix := prefixLive
	if kind == account.Test {
		prefix = prefixTest
	}
	text := prefix + randomBase62(publicLen+randomLen)
	return Secret{text + checksum(text)}
}

// ParseSecret reads a key: shape and checksum, without asking anybody.
func ParseSecret(s string) (Secret, bool) {
	if len(s) != Length || (s[:prefixLen] != prefixLive && s[:prefixLen] != prefixTest) {
		return Secret{}, false
	}
	for i := prefixLen; i < Length; i++ {
		if !isBase62(s[i]) {
			return Secret{}, false
		}
	}
	split := Length - checkLen
	return Secret{s}, checksum(s[:split]) == s[split:]
}

// FindSecrets returns every key inside text: each place that has the expression and
// the right checksum.
func FindSecrets(text string) []string {
	var found []string
	for {
		i := strings.Index(text, "lf_")
		if i < 0 || len(text)-i < Length {
			return found
		}
		if s, ok := ParseSecret(text[i : i+Length]); ok {
			found = append(found, s.text)
			text = text[i+Length:]
			continue
		}
		text = text[i+3:]
	}
}

// Reveal is the whole key, for the one answer that shows it.
func (s Secret) Reveal() string { return s.text }

// PublicID names the key without its secret.
func (s Secret) PublicID() string { return s.text[prefixLen : prefixLen+publicLen] }

// lookupPlace is where the lookup finds a public id: its first 10 characters as a number in
// base62, of which there are 62^10 < 2^63.
func lookupPlace(publicID string) int64 {
	var n int64
	for _, c := range []byte(publicID[:10]) {
		n = n*62 + int64(strings.IndexByte(base62, c))
	}
	return n
}

// Last4 helps people to recognise the key.
func (s Secret) Last4() string { return s.text[Length-4:] }

// Hash is what is kept of a key.
func (s Secret) Hash() [32]byte { return sha256.Sum256([]byte(s.text)) }

// String keeps a key that is printed by mistake from showing.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return "[key:" + s.PublicID() + "]"
}

// GoString does the same for %#v.
func (s Secret) GoString() string { return s.String() }

func isBase62(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// randomBase62 returns n characters, each equally likely: bytes from 248 on are
// thrown away, because 256 is not a multiple of 62.
func randomBase62(n int) string {
	out := make([]byte, 0, n)
	buf := make([]byte, n+n/8+8)
	for len(out) < n {
		_, _ = rand.Read(buf) // never fails (crypto/rand ends the program instead)
		for _, b := range buf {
			if b < 248 && len(out) < n {
				out = append(out, base62[b%62])
			}
		}
	}
	return string(out)
}

func checksum(s string) string {
	sum := crc32.ChecksumIEEE([]byte(s))
	var out [checkLen]byte
	for i := checkLen - 1; i >= 0; i-- {
		out[i] = base62[sum%62]
		sum /= 62
	}
	return string(out[:])
}
