package account

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Account is a workspace.
type Account struct {
	ID            id.ID
	Name          string
	Slug          string
	ExposedPolicy ExposedPolicy
	MaxKeyDays    *int // longest life of an API key; nil: any, also without an end
	CreatedAt     time.Time
}

// ExposedPolicy says what happens to a key that was seen where it must not be.
type ExposedPolicy string

// The policies: mark it and tell the admins, or revoke it at once.
const (
	ExposedMark   ExposedPolicy = "mark"
	ExposedRevoke ExposedPolicy = "revoke"
)

// Kind tells whether an environment holds the real thing.
type Kind string

// The kinds of environment. Test never notifies outside and never bills.
const (
	Live Kind = "live"
	Test Kind = "test"
)

// Environment is a walled set of leads and keys.
type Environment struct {
	ID        id.ID
	AccountID id.ID
	Name      string
	Slug      string
	Kind      Kind
	CreatedAt time.Time
}

// Person is somebody who can log in.
type Person struct {
	ID    id.ID
	Email string
	Name  string
}

// Membership is a person's place in an account.
type Membership struct {
	Account     Account
	Person      Person
	Role        Role
	SuspendedAt *time.Time
	CreatedAt   time.Time
}

// Fold makes two texts that people would call the same equal: Unicode NFC, case
// folded, white space around it cut and inside it made single.
func Fold(s string) string {
	return strings.Join(strings.Fields(cases.Fold().String(norm.NFC.String(s))), " ")
}

// CleanName checks a name that people read. It returns the name with white space
// tidied, or a sentence that says what is wrong.
func CleanName(s string, maxRunes int) (string, string) {
	if !utf8.ValidString(s) {
		return "", "This is not valid UTF-8 text."
	}
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		return "", "Please enter a name."
	}
	if utf8.RuneCountInString(s) > maxRunes {
		return "", "This name is too long; use at most " + strconv.Itoa(maxRunes) + " characters."
	}
	for _, r := range s {
		if invisible(r) && r != '\u200d' {
			return "", "This name has invisible control characters; please type it again."
		}
	}
	return s, ""
}

func invisible(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf) }

// Slug makes the address form of a name: lower-case ASCII letters, digits and
// dashes. It is "" when the name has none of them.
func Slug(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r):
		default:
			dash = true
		}
	}
	s := b.String()
	if len(s) > 48 {
		s = strings.TrimRight(s[:48], "-")
	}
	return s
}

// CleanEmail checks an address a person logs in with and returns it trimmed.
func CleanEmail(s string) (string, string) {
	s = strings.TrimSpace(s)
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || len(s) > 254 || strings.ContainsAny(s, " <>\",;") || strings.Contains(domain, "@") || !utf8.ValidString(s) || strings.ContainsFunc(s, invisible) {
		return "", "This does not look like an e-mail address; it should be like name@example.com."
	}
	return s, ""
}

func notAllowed(what string) error {
	return errs.New(errs.NotAllowed, "Only owners and admins of the account may %s.", what)
}
