package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Parameters of argon2id (RFC 9106; OWASP Password Storage: at least 19 MiB, 2, 1).
// Hashes made with others are renewed at the next login.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
)

// hashSlots bounds the memory that logins can take together.
var hashSlots = make(chan struct{}, 2)

const (
	passwordMin = 15   // characters
	passwordMax = 1024 // bytes
)

// commonPasswords are long passwords that everybody tries; see also repetitive.
var commonPasswords = []string{
	"passwordpassword", "correcthorsebatterystaple", "iloveyouiloveyou", "qwertyuiopasdfgh", "qwertyuiopasdfghjkl", "qwertyuiopasdfghjklzxcvbnm",
	"1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv", "1qaz2wsx3edc4rfv5tgb", "letmeinletmein", "letmeinletmeinletmein", "thisisapassword", "mysecretpassword",
	"administrator123", "changemechangeme", "passw0rdpassw0rd", "password123456789", "password1234567890", "welcome123456789", "qwerty123456789",
	"trustno1trustno1", "abcdefghijklmnop", "abcdefghijklmnopqrstuvwxyz", "super-secret-password", "supersecretpassword",
}

// CheckPassword says what is wrong with a new password, "" when nothing is. avoid
// are words an attacker would try first: e-mail, names.
func CheckPassword(password string, avoid ...string) string {
	if !utf8.ValidString(password) {
		return "This is not valid UTF-8 text."
	}
	password = norm.NFC.String(password)
	switch {
	case utf8.RuneCountInString(password) < passwordMin:
		return fmt.Sprintf("Use at least %d characters. A few unrelated words are easy to remember.", passwordMin)
	case len(password) > passwordMax:
		return fmt.Sprintf("Use at most %d bytes.", passwordMax)
	case strings.ContainsRune(password, 0):
		return "A NUL character cannot be typed in again; please leave it out."
	}
	folded := strings.ToLower(password)
	squeezed := strings.NewReplacer(" ", "", "-", "", "_", "", ".", "").Replace(folded)
	for _, c := range commonPasswords {
		if squeezed == strings.NewReplacer("-", "").Replace(c) {
			return "This password is one of the most used ones. Please choose another."
		}
	}
	if repetitive(folded) || repetitive(squeezed) || squeezed == "" {
		return "This password repeats itself or counts up. Please choose another."
	}
	words := append([]string{"leadflip"}, avoid...)
	for _, word := range avoid {
		if local, _, isEmail := strings.Cut(word, "@"); isEmail {
			words = append(words, local)
		}
	}
	for _, word := range words {
		word = strings.ToLower(strings.TrimSpace(word))
		if len(word) >= 4 && strings.Contains(folded, word) && utf8.RuneCountInString(strings.ReplaceAll(folded, word, "")) < 8 {
			return "This password is mostly your name, e-mail address or the name of this program. Please choose another."
		}
	}
	return ""
}

// repetitive finds one short piece repeated, or a run up or down.
func repetitive(s string) bool {
	for n := 1; n <= 5 && n < len(s); n++ {
		if strings.Repeat(s[:n], len(s)/n+1)[:len(s)] == s {
			return true
		}
	}
	up, down := 0, 0
	for i := 1; i < len(s); i++ {
		switch int(s[i]) - int(s[i-1]) {
		case 1, -9:
			up++
		case -1, 9:
			down++
		}
	}
	return len(s) > 1 && (up >= len(s)-2 || down >= len(s)-2)
}

// hashPassword returns a PHC string. Unicode forms that look alike are one (NFC), and
// the whole password counts.
func hashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt)
	key, err := derive(ctx, password, salt, argonTime, argonMemory, argonThreads)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key)), nil
}

func derive(ctx context.Context, password string, salt []byte, time, memory uint32, threads uint8) ([]byte, error) {
	select {
	case hashSlots <- struct{}{}:
		defer func() { <-hashSlots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(norm.NFC.String(password)), salt, time, memory, threads, argonKey), nil
}

var errHash = errors.New("account: unreadable password hash")

// dummyHash is checked when there is no such person, so that the answer takes as long.
const dummyHash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// checkPassword compares, and tells whether the hash should be made anew with the
// present parameters.
func checkPassword(ctx context.Context, hash, password string) (ok, renew bool, err error) {
	if hash == "" {
		hash = dummyHash
	}
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, false, errHash
	}
	var memory, time uint32
	var threads uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil {
		return false, false, errHash
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil {
		return false, false, errHash
	}
	// Nobody has a longer one. It takes as long as any other and is wrong.
	tooLong := len(norm.NFC.String(password)) > passwordMax
	if tooLong {
		password = password[:passwordMax]
	}
	got, err := derive(ctx, password, salt, time, memory, threads)
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(got, want) == 1 && hash != dummyHash && !tooLong
	return ok, ok && (memory != argonMemory || time != argonTime || threads != argonThreads), nil
}
