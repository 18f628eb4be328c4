package apikey

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Limits of a key's settings.
const (
	maxName    = 80  // characters
	maxPurpose = 300 // characters
	maxCIDRs   = 100
	maxOrigins = 20
	maxRate    = 1_000_000 // a minute
	maxOverlap = 30 * 24 * time.Hour

	// DefaultLife and DefaultOverlap are used when nothing else is asked for.
	DefaultLife    = 90 * 24 * time.Hour
	DefaultOverlap = 24 * time.Hour
	maxLife        = 10 * 366 * 24 * time.Hour
)

// DefaultScopes are what a key gets in the form and at the command line when nothing
// else is chosen: capture leads and read them back.
var DefaultScopes = account.Scopes{"entities:read", "leads:read", "leads:write"}

// Key is a machine credential of one environment, without its secret.
type Key struct {
	ID            id.ID
	AccountID     id.ID
	Environment   account.Environment
	PublicID      string
	Last4         string
	Family        id.ID // the first key of its chain of rotations
	Replaces      id.ID
	Name          string
	Purpose       string
	Scopes        account.Scopes
	IPAllow       []netip.Prefix // empty: any address
	Origins       []string       // web origins that may use it from a browser
	Rate          *int           // calls a minute; nil: no limit
	CreatedBy     id.ID          // nil: a service account
	CreatedByName string
	CreatedByKey  id.ID
	CreatedAt     time.Time
	UpdatedAt     time.Time
	NotBefore     *time.Time
	ExpiresAt     *time.Time
	DisabledAt    *time.Time
	RevokedAt     *time.Time
	RevokedWhy    Why
	ExposedAt     *time.Time
	ExposedWhere  string
	FirstUsedAt   *time.Time
	ReplacedBy    id.ID // the key of a later rotation

	creatorRole      account.Role
	creatorSuspended bool
}

// Why tells why a key was revoked.
type Why string

// The reasons.
const (
	ByHand    Why = "revoked"
	ByRotate  Why = "rotated"
	ByExposed Why = "exposed"
)

// Masked is how a key is shown: kind, public beginning and last characters.
func (k Key) Masked() string {
	prefix := prefixLive
	if k.Environment.Kind == account.Test {
		prefix = prefixTest
	}
	return prefix + "…" + k.Last4
}

// ServiceAccount tells whether the key belongs to nobody in person.
func (k Key) ServiceAccount() bool { return k.CreatedBy.IsNil() }

// Ended tells whether the key can never be used again as it is: revoked or expired.
func (k Key) Ended(now time.Time) bool {
	return k.RevokedAt != nil || k.ExpiresAt != nil && !now.Before(*k.ExpiresAt)
}

// touched is when a change at now counts as made. It is later than the change before,
// though the clock may stand still or go back: it is the version that an ETag names.
func (k Key) touched(now time.Time) time.Time {
	if next := k.UpdatedAt.Add(time.Microsecond); next.After(now) {
		return next
	}
	return now
}

// refusal is why the key does not work at now, nil when it does. It is told to the
// holder of the right secret only.
func (k Key) refusal(now time.Time, ip netip.Addr) *errs.Error {
	switch {
	case k.RevokedAt != nil && k.RevokedWhy == ByRotate:
		return errs.New(errs.KeyRevoked, "This key was replaced by rotation, and its overlap was ended. Use the new key.").With("revoked_at", *k.RevokedAt)
	case k.RevokedAt != nil:
		return errs.New(errs.KeyRevoked, "The key “%s” was revoked. Make a new one under Account Settings > API Access.", k.Name).With("revoked_at", *k.RevokedAt)
	case k.DisabledAt != nil:
		return errs.New(errs.KeyDisabled, "The key “%s” is disabled. An admin can enable it under Account Settings > API Access.", k.Name).With("disabled_at", *k.DisabledAt)
	case !k.ServiceAccount() && (k.creatorSuspended || k.creatorRole == ""):
		return errs.New(errs.KeyDisabled, "The person who made the key “%s” has no access to the account at the moment.", k.Name)
	case k.ExpiresAt != nil && !now.Before(*k.ExpiresAt) && !k.ReplacedBy.IsNil():
		return errs.New(errs.KeyExpired, "This key was replaced by rotation, and its overlap has ended. Use the new key.").With("expired_at", *k.ExpiresAt)
	case k.ExpiresAt != nil && !now.Before(*k.ExpiresAt):
		return errs.New(errs.KeyExpired, "The key “%s” has expired. Make a new one under Account Settings > API Access.", k.Name).With("expired_at", *k.ExpiresAt)
	case k.NotBefore != nil && now.Before(*k.NotBefore):
		return errs.New(errs.KeyExpired, "The key “%s” is not valid yet.", k.Name).With("not_before", *k.NotBefore)
	case len(k.IPAllow) > 0 && !allowed(k.IPAllow, ip):
		return errs.New(errs.KeyIPNotAllowed, "The key “%s” may not be used from %s.", k.Name, ip).With("ip", ip.String())
	}
	return nil
}

// effective are the rights the key has now.
func (k Key) effective() account.Scopes {
	if k.ServiceAccount() {
		return k.Scopes
	}
	return k.Scopes.Intersect(k.creatorRole.Rights())
}

func allowed(list []netip.Prefix, ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Settings are what can be chosen for a key. A nil field was not sent.
type Settings struct {
	Name      *string
	Purpose   *string
	Scopes    *[]string
	ExpiresAt *time.Time
	ExpiresIn *string // 90d, 24h, never
	NotBefore *time.Time
	IPAllow   *[]string
	Origins   *[]string
	Rate      *string // 6000/min, none
}

// apply puts the settings on k and returns every wrong one.
func (s Settings) apply(k *Key, now time.Time) []errs.Field {
	var wrong []errs.Field
	bad := func(name, code, format string, args ...any) {
		wrong = append(wrong, errs.Field{Pointer: "/" + name, Code: code, Detail: fmt.Sprintf(format, args...)})
	}
	if s.Name != nil {
		name, problem := account.CleanName(*s.Name, maxName)
		if problem != "" {
			bad("name", "invalid", "%s", problem)
		}
		k.Name = name
	}
	if s.Purpose != nil {
		k.Purpose = strings.TrimSpace(*s.Purpose)
		if utf8.RuneCountInString(k.Purpose) > maxPurpose || !utf8.ValidString(k.Purpose) || strings.ContainsRune(k.Purpose, 0) {
			bad("purpose", "invalid", "Use at most %d characters of plain text.", maxPurpose)
		}
	}
	if s.Scopes != nil {
		scopes, i, err := account.ParseScopes(*s.Scopes)
		if err != nil {
			text := err.Error()
			bad("scopes/"+strconv.Itoa(i), "invalid", "%s.", strings.ToUpper(text[:1])+text[1:])
		} else if len(scopes) == 0 {
			bad("scopes", "required", "Choose at least one scope; a key without any can do nothing.")
		}
		k.Scopes = scopes
	}
	switch {
	case s.ExpiresAt != nil && s.ExpiresIn != nil:
		bad("expires_in", "invalid", "Send either expires_at or expires_in.")
	case s.ExpiresAt != nil:
		k.ExpiresAt = s.ExpiresAt
	case s.ExpiresIn != nil:
		life, never, problem := ParseLife(*s.ExpiresIn)
		switch {
		case problem != "":
			bad("expires_in", "invalid", "%s", problem)
		case never:
			k.ExpiresAt = nil
		default:
			end := now.Add(life)
			k.ExpiresAt = &end
		}
	}
	if k.ExpiresAt != nil && (s.ExpiresAt != nil || s.ExpiresIn != nil) {
		end := k.ExpiresAt.UTC().Truncate(time.Microsecond)
		k.ExpiresAt = &end
		if !end.After(now) || end.Sub(now) > maxLife {
			bad("expires_at", "invalid", "Choose a time in the future, within ten years.")
		}
	}
	if s.NotBefore != nil {
		start := s.NotBefore.UTC().Truncate(time.Microsecond)
		k.NotBefore = &start
		if k.ExpiresAt != nil && !start.Before(*k.ExpiresAt) {
			bad("not_before", "invalid", "The key would end before it begins.")
		}
	}
	if s.IPAllow != nil {
		list, i, problem := ParseCIDRs(*s.IPAllow)
		if problem != "" {
			bad("ip_allow/"+strconv.Itoa(i), "invalid", "%s", problem)
		}
		k.IPAllow = list
	}
	if s.Origins != nil {
		list, i, problem := parseOrigins(*s.Origins)
		if problem != "" {
			bad("origins/"+strconv.Itoa(i), "invalid", "%s", problem)
		}
		k.Origins = list
	}
	if s.Rate != nil {
		rate, problem := ParseRate(*s.Rate)
		if problem != "" {
			bad("rate_limit", "invalid", "%s", problem)
		}
		k.Rate = rate
	}
	return wrong
}

var lifePattern = regexp.MustCompile(`^([1-9][0-9]{0,5})(s|m|h|d|y)$`)

// ParseLife reads 24h, 90d, 1y or never.
// problem is a sentence for people, "" when there is none.
func ParseLife(s string) (life time.Duration, never bool, problem string) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "never" {
		return 0, true, ""
	}
	m := lifePattern.FindStringSubmatch(s)
	if m == nil {
		return 0, false, "Write a length of time such as 24h, 90d or 1y, or never."
	}
	n, _ := strconv.Atoi(m[1])
	unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "y": 365 * 24 * time.Hour}[m[2]]
	if time.Duration(n) > maxLife/unit {
		return 0, false, "Choose at most ten years."
	}
	return time.Duration(n) * unit, false, ""
}

// ParseOverlap reads the overlap of a rotation: 0, or a length of time up to 30 days.
// problem is a sentence for people, "" when there is none.
func ParseOverlap(s string) (overlap time.Duration, problem string) {
	if s = strings.TrimSpace(s); s == "0" || strings.EqualFold(s, "0s") || strings.EqualFold(s, "0h") {
		return 0, ""
	}
	overlap, never, problem := ParseLife(s)
	if never || problem != "" || overlap > maxOverlap {
		return 0, "Write 0, or a length of time up to 30 days such as 1h, 24h or 7d."
	}
	return overlap, ""
}

var ratePattern = regexp.MustCompile(`^([1-9][0-9]{0,6})(/min(ute)?)?$`)

// ParseRate reads 6000/min or none; nil means no limit. problem is a sentence for
// people, "" when there is none.
func ParseRate(s string) (rate *int, problem string) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "none" {
		return nil, ""
	}
	m := ratePattern.FindStringSubmatch(s)
	if m == nil {
		return nil, "Write calls a minute such as 600/min, or none."
	}
	n, _ := strconv.Atoi(m[1])
	if n > maxRate {
		return nil, fmt.Sprintf("Choose at most %d/min, or none.", maxRate)
	}
	return &n, ""
}

// FormatRate is the inverse of ParseRate.
func FormatRate(rate *int) string {
	if rate == nil {
		return "none"
	}
	return strconv.Itoa(*rate) + "/min"
}

// ParseCIDRs reads addresses and networks. IPv4 addresses written as IPv6 are
// unmapped, host bits are refused so that a typing error does not widen the list. A
// problem is about the one at index wrong.
func ParseCIDRs(texts []string) (out []netip.Prefix, wrong int, problem string) {
	for i, t := range texts {
		t = strings.TrimSpace(t)
		if t == "" {
			continue
		}
		var p netip.Prefix
		if ip, err := netip.ParseAddr(t); err == nil && ip.Zone() == "" {
			ip = ip.Unmap()
			p = netip.PrefixFrom(ip, ip.BitLen())
		} else if p, err = netip.ParsePrefix(t); err != nil || p.Addr().Is4In6() {
			return nil, i, "This is not an IP address or network; write 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32."
		}
		if p.Masked() != p {
			return nil, i, "This network has host bits set; write its first address, for example 203.0.113.0/24."
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	if len(out) > maxCIDRs {
		return nil, maxCIDRs, fmt.Sprintf("Use at most %d addresses or networks.", maxCIDRs)
	}
	return out, -1, ""
}

func parseOrigins(texts []string) (out []string, wrong int, problem string) {
	for i, t := range texts {
		t = strings.TrimSpace(t)
		if t == "" {
			continue
		}
		u, err := url.Parse(t)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" ||
			strings.ContainsAny(u.Host, " *") {
			return nil, i, "This is not a web origin; write https://www.example.com."
		}
		origin := strings.ToLower(u.Scheme + "://" + u.Host)
		if !slices.Contains(out, origin) {
			out = append(out, origin)
		}
	}
	if len(out) > maxOrigins {
		return nil, maxOrigins, fmt.Sprintf("Use at most %d origins.", maxOrigins)
	}
	return out, -1, ""
}

func clipText(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(s, "")
}

// beyond says in which way k can do more than limit, "" when it cannot. It is the
// rule that no key makes or widens a key beyond itself.
func (k Key) beyond(limit Key, rights account.Scopes) string {
	switch {
	case !k.Scopes.Within(rights):
		return "it would have scopes this key does not have (" + rights.String() + ")"
	case limit.ExpiresAt != nil && (k.ExpiresAt == nil || k.ExpiresAt.After(*limit.ExpiresAt)):
		return "it would outlive this key"
	case limit.Rate != nil && (k.Rate == nil || *k.Rate > *limit.Rate):
		return "its rate limit would be higher than this key's"
	case len(limit.IPAllow) > 0 && !withinNetworks(k.IPAllow, limit.IPAllow):
		return "it could be used from addresses this key may not be used from"
	case slices.ContainsFunc(k.Origins, func(o string) bool { return !slices.Contains(limit.Origins, o) }):
		return "it would list web origins this key does not list"
	}
	return ""
}

func withinNetworks(inner, outer []netip.Prefix) bool {
	if len(inner) == 0 {
		return false
	}
	for _, p := range inner {
		if !slices.ContainsFunc(outer, func(o netip.Prefix) bool { return o.Bits() <= p.Bits() && o.Contains(p.Addr()) }) {
			return false
		}
	}
	return true
}
