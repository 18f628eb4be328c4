package account

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func phc(salt, key []byte, t, m uint32, p uint8) string {
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", m, t, p, base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

func TestPasswordRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, password string
		ok             bool
	}{
		{"words", "seven quiet otters swim", true},
		{"exactly 15 characters", "tulip-kayak-923", true},
		{"14 characters", "tulip-kayak-92", false},
		{"15 characters of several bytes", "ñandú größe 日本語字", true},
		{"14 letters, 15 code points before normalisation", "tulip-kayake\u0301-9", false},
		{"64 characters", strings.Repeat("ab cd-ef", 7) + "12345678", true},
		{"72 bytes", "seven quiet otters swim " + strings.Repeat("xyzzy plugh ", 4), true},
		{"1024 bytes", "seven quiet otters swim " + strings.Repeat("grue", 250), true},
		{"1025 bytes", "seven quiet otters swim " + strings.Repeat("grue", 250) + "!", false},
		{"no composition rules", "quietottersswimming", true},
		{"only digits, not in order", "739105826417590", true},
		{"spaces at the ends", "  seven quiet otters ", true},
		{"empty", "", false},
		{"one of the most used", "passwordpassword", false},
		{"the same in capitals", "PASSWORDPASSWORD", false},
		{"the same with dashes", "pass-word-pass-word", false},
		{"correct horse", "correct horse battery staple", false},
		{"one letter", "aaaaaaaaaaaaaaaaaaaa", false},
		{"one emoji", strings.Repeat("🙂", 15), false},
		{"a short piece", "abcabcabcabcabcabc", false},
		{"a piece and spaces", "ab ab ab ab ab ab ab", false},
		{"only dashes", "---------------", false},
		{"counting up", "123456789012345", false},
		{"the alphabet down", "zyxwvutsrqponmlk", false},
		{"mostly the e-mail address", "ada.lovelace@example.com1", false},
		{"mostly the part before the @", "ada.lovelace1815", false},
		{"mostly the account's name", "Sunroof Partners 1", false},
		{"mostly the program's name", "leadflipleadflip", false},
		{"NUL", "seven quiet\x00 otters swim", false},
		{"invalid UTF-8", "seven quiet\xff otters swim", false},
	} {
		problem := CheckPassword(tt.password, "ada.lovelace@example.com", "Ada", "Sunroof Partners")
		if (problem == "") != tt.ok {
			t.Errorf("%s: %q", tt.name, problem)
		}
		if len(tt.password) > 8 && strings.Contains(problem, tt.password) {
			t.Errorf("%s: the password is in the answer", tt.name)
		}
	}
}

func TestThePasswordCountsToItsLastCharacter(t *testing.T) {
	t.Parallel()
	long := "seven quiet otters swim " + strings.Repeat("xyzzy plugh ", 4)
	longest := "seven quiet otters swim " + strings.Repeat("grue", 250)
	for _, tt := range []struct {
		name, chosen, typed string
		ok                  bool
	}{
		{"the same", goodPassword, goodPassword, true},
		{"another case", goodPassword, strings.ToUpper(goodPassword), false},
		{"a space more", goodPassword, goodPassword + " ", false},
		{"72 bytes and more", long + "A", long + "A", true},
		{"a difference after 72 bytes", long + "A", long + "B", false},
		{"cut at 72 bytes", long + "A", long[:72], false},
		{"the longest", longest, longest, true},
		{"a character after the longest", longest, longest + "x", false},
		{"typed decomposed (NFD)", "größe café ñandú 15", "gro\u0308\u00dfe cafe\u0301 n\u0303andu\u0301 15", true},
		{"chosen decomposed", "gro\u0308\u00dfe cafe\u0301 n\u0303andu\u0301 15", "größe café ñandú 15", true},
		{"without the accents", "größe café ñandú 15", "grosse cafe nandu 15", false},
		{"compatibility forms differ", "ﬁne café ñandú 151", "fine café ñandú 151", false},
		{"empty", goodPassword, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			hash, err := hashPassword(t.Context(), tt.chosen)
			if err != nil {
				t.Fatal(err)
			}
			ok, renew, err := checkPassword(t.Context(), hash, tt.typed)
			if err != nil || ok != tt.ok || renew {
				t.Errorf("ok %v (want %v), renew %v, %v", ok, tt.ok, renew, err)
			}
		})
	}
}

func TestHashes(t *testing.T) {
	t.Parallel()
	a, err := hashPassword(t.Context(), goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	b, err := hashPassword(t.Context(), goodPassword)
	if err != nil || a == b {
		t.Errorf("two hashes of one password are equal (%v)", err)
	}
	if ok, _, err := checkPassword(t.Context(), "", goodPassword); ok || err != nil {
		t.Errorf("nobody's password fits: %v, %v", ok, err)
	}
	if ok, _, err := checkPassword(t.Context(), dummyHash, goodPassword); ok || err != nil {
		t.Errorf("the stand-in's password fits: %v, %v", ok, err)
	}
	for _, broken := range []string{"x", "$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA", "$argon2id$v=19$m=x$AAAA$AAAA", "$argon2id$v=19$m=19456,t=2,p=1$!$AAAA"} {
		if ok, _, err := checkPassword(t.Context(), broken, goodPassword); ok || err == nil {
			t.Errorf("%s: %v, %v", broken, ok, err)
		}
	}
}

func TestFewHashesAreMadeAtOnce(t *testing.T) {
	t.Parallel()
	var done atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 200)
	for range 200 {
		go func() {
			_, err := hashPassword(ctx, goodPassword)
			if err == nil {
				done.Add(1)
			}
			results <- err
		}()
	}
	for range 4 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := len(hashSlots); n > cap(hashSlots) {
		t.Errorf("%d hashes at once", n)
	}
	cancel() // whoever goes away leaves the queue
	limit := time.After(30 * time.Second)
	for range 196 {
		select {
		case <-results:
		case <-limit:
			t.Fatal("the queue does not empty")
		}
	}
	if n := done.Load(); n > 60 {
		t.Errorf("%d of 200 hashes were made although nobody waited", n)
	}
}
