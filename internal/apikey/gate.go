package apikey

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/id"
)

var _ api.Gate = (*Service)(nil)

// FindKeys implements api.Gate.
func (s *Service) FindKeys(text string) []string { return FindSecrets(text) }

// Authenticate implements api.Gate. A malformed key costs no query, every other one
// exactly one, and nothing is remembered.
func (s *Service) Authenticate(ctx context.Context, text string, from api.Facts) (api.Caller, error) {
	secret, ok := ParseSecret(text)
	if !ok {
		return api.Caller{}, malformed(text)
	}
	// Without the request's cancellation: a read this short is not worth watching for it.
	now := s.db.Now()
	v, err := lookup(context.WithoutCancel(ctx), s.db, secret, from.Whole)
	if err != nil {
		return api.Caller{}, err
	}
	if v == nil {
		return api.Caller{}, errs.New(errs.KeyUnknown, "This instance does not know this key. Check that it was copied whole and belongs here.")
	}
	caller := s.caller(v, from)
	if from.Whole {
		enter := caller.Enter
		caller.Enter = func(ctx context.Context) context.Context { return context.WithValue(enter(ctx), ownKey{}, v) }
	}
	if refused := v.refusal(now, from.IP); refused != nil {
		return caller, refused
	}
	if refused := browserRefusal(v.Key, from); refused != nil {
		return caller, refused
	}
	if from.Origin != "" {
		caller.Origin = from.Origin
	}
	return caller, nil
}

// ownKey is the place in a context of the key that calls, as the read that let it in
// found it, for the operation that shows it.
type ownKey struct{}

func malformed(text string) error {
	e := errs.New(errs.KeyMalformed, "This is not a Leadflip API key. Send: Authorization: Bearer <key>; a key has %d characters and begins with lf_live_ or lf_test_.", Length)
	switch {
	case !strings.HasPrefix(text, "lf_"):
	case len(text) < Length:
		e.Detail = "The key is too short: part of it was lost on the way. Copy it again, whole."
	case len(text) > Length:
		e.Detail = "There is something behind the key. Send the key alone."
	default:
		e.Detail = "The checksum of the key is wrong: a character was changed on the way. Copy it again."
	}
	return e
}

// caller is the key as the frame of the API and the other rooms see it.
func (s *Service) caller(v *verified, from api.Facts) api.Caller {
	scopes := v.effective()
	who := account.Principal{
		Account: v.account, Environment: v.Environment, Scopes: scopes, Role: v.creatorRole,
		Key:    &account.KeyIdentity{ID: v.ID, PublicID: v.PublicID, Name: v.Name, Family: v.Family},
		Origin: account.Origin{IP: from.IP, UserAgent: from.UserAgent, RequestID: from.RequestID},
	}
	c := api.Caller{
		KeyID: v.ID, PublicID: v.PublicID, Environment: v.Environment.ID, Owner: v.Family.String(), Held: scopes.Strings(), ExpiresAt: v.ExpiresAt,
		FirstUse: v.FirstUsedAt == nil,
		Allows:   func(scope string) bool { return scopes.AllowSome(account.Scope(scope)) },
		Enter:    func(ctx context.Context) context.Context { return account.With(ctx, who) },
	}
	if v.Rate != nil {
		c.Limit = &api.Limit{PerMinute: *v.Rate}
	}
	return c
}

// browserRefusal refuses a secret key that a web page uses. Sec-Fetch-Mode alone is
// no evidence: Node's fetch sends it.
func browserRefusal(k Key, from api.Facts) *errs.Error {
	listed := from.Origin != "" && slices.Contains(k.Origins, strings.ToLower(from.Origin))
	if listed || from.Origin == "" && (from.FetchSite == "" || from.FetchSite == "none") {
		return nil
	}
	return errs.New(errs.BrowserNotAllowed, "This request comes from a web page, where everybody could read the key. Call from your server, or list the page's origin on the key “%s”.", k.Name)
}

// maxExposed bounds how many keys of one request are looked up.
const maxExposed = 20

// Exposed implements api.Gate: it marks the real ones among keys that were seen in a
// wrong place, and revokes them where the account's policy says so.
func (s *Service) Exposed(ctx context.Context, keys []string, where string, from api.Facts) {
	actor := audit.Actor{Kind: audit.Stranger, Name: "unknown caller", IP: addrText(from.IP), UserAgent: from.UserAgent, RequestID: from.RequestID}
	for _, text := range keys[:min(len(keys), maxExposed)] {
		if err := s.markExposed(context.WithoutCancel(ctx), text, where, actor, false); err != nil {
			s.log.Error("an exposed key could not be marked", "error", err, "request_id", from.RequestID)
		}
	}
}

func addrText(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

// markExposed marks one key if it is real, tells the audit log and the event log, and
// disables it when it was reported as leaked.
func (s *Service) markExposed(ctx context.Context, text, where string, actor audit.Actor, disable bool) error {
	secret, ok := ParseSecret(text)
	if !ok {
		return nil
	}
	v, err := lookup(ctx, s.db, secret, false)
	if err != nil || v == nil {
		return err
	}
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		k, err := keyByID(ctx, tx, v.Environment.ID, v.ID)
		if err != nil {
			return err
		}
		first, err := setExposed(ctx, tx, k, where, tx.Now)
		if err != nil {
			return err
		}
		if first {
			if err := s.record(ctx, tx, k, actor, "key.expose", map[string]audit.Change{"where": {To: where}}, KeyChanged{KeyID: k.ID, Name: k.Name, What: "exposed"}); err != nil {
				return err
			}
		}
		switch {
		case disable && k.DisabledAt == nil && k.RevokedAt == nil:
			if err := setDisabled(ctx, tx, k, &tx.Now, tx.Now); err != nil {
				return err
			}
			return s.record(ctx, tx, k, actor, "key.disable", map[string]audit.Change{"because": {To: "reported as leaked"}}, KeyChanged{KeyID: k.ID, Name: k.Name, What: "disabled"})
		case first && v.account.ExposedPolicy == account.ExposedRevoke:
			if _, err := kill(ctx, tx, k, ByExposed, tx.Now); err != nil {
				return err
			}
			return s.record(ctx, tx, k, actor, "key.revoke", map[string]audit.Change{"because": {To: "exposed, by the account's policy"}}, KeyChanged{KeyID: k.ID, Name: k.Name, What: "revoked"})
		}
		return nil
	})
}

// originOf is where the request of a context came from.
func originOf(ctx context.Context) account.Origin {
	req := httpd.From(ctx)
	return account.Origin{IP: req.IP, UserAgent: req.UserAgent, RequestID: req.ID}
}

func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}

// OriginListed implements api.Gate.
func (s *Service) OriginListed(ctx context.Context, origin string) (bool, error) {
	return originListed(ctx, s.db, origin, s.db.Now())
}

// Observe implements api.Gate.
func (s *Service) Observe(c api.Call) { s.usage.observe(c) }

// KeyChanged is the fact that something happened to a key.
type KeyChanged struct {
	KeyID id.ID  `json:"key_id"`
	Name  string `json:"name"`
	What  string `json:"what"` // created, changed, rotated, disabled, enabled, exposed, revoked
}

// EventType implements event.Fact.
func (k KeyChanged) EventType() string { return "key." + k.What }

// KeyFirstUsed is the fact that a key was used for the first time.
type KeyFirstUsed struct {
	KeyID     id.ID  `json:"key_id"`
	Status    int    `json:"status"`
	Micros    int64  `json:"micros"`
	IP        string `json:"ip"`
	Method    string `json:"method"`
	Route     string `json:"route"`
	RequestID string `json:"request_id"`
}

// EventType implements event.Fact.
func (KeyFirstUsed) EventType() string { return "key.first_used" }
