package apikey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Service is the use cases of the room.
type Service struct {
	db      *db.DB
	log     *slog.Logger
	usage   *usage
	reports *reports
}

// NewService returns the room's use cases. Run must be running for usage to be
// written.
func NewService(d *db.DB, log *slog.Logger) *Service {
	return &Service{db: d, log: log, usage: newUsage(d, log), reports: newReports()}
}

// Run writes usage until ctx ends, then once more, and deletes counts that no page
// shows any longer.
func (s *Service) Run(ctx context.Context) {
	go func() {
		for more := true; more && ctx.Err() == nil; {
			err := s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
				more, err = forgetUsage(ctx, tx)
				return err
			})
			if err != nil {
				s.log.Warn("old counts of keys could not be deleted", "error", err)
				return
			}
		}
	}()
	s.usage.run(ctx)
}

// Then is run at the end of the transaction of a change, with its result.
type Then[T any] func(ctx context.Context, tx *db.Tx, result T) error

func (t Then[T]) run(ctx context.Context, tx *db.Tx, result T) error {
	if t == nil {
		return nil
	}
	return t(ctx, tx, result)
}

// mayRead refuses a principal who may not see the keys. Every member may see that
// they exist; machines need the scope.
func mayRead(who account.Principal) error {
	if who.Key != nil && !who.Scopes.Allow("keys:read") {
		return api.ScopeMissing(who.Scopes.Strings(), "keys:read")
	}
	return nil
}

func mayWrite(who account.Principal) error {
	switch {
	case who.Key != nil && !who.Scopes.Allow("keys:write"):
		return api.ScopeMissing(who.Scopes.Strings(), "keys:write")
	case who.Person != nil && !who.Role.Manages():
		return errs.New(errs.NotAllowed, "Only owners and admins of the account may change API keys.")
	}
	return nil
}

// Create mints a key in the principal's environment and returns it with its secret,
// which exists nowhere else afterwards. service: the key belongs to the account
// instead of the person. A key that creates another passes its owner on, and what is
// not sent becomes the usual default or the caller's own value, whichever is narrower.
func (s *Service) Create(ctx context.Context, who account.Principal, in Settings, service bool, then Then[Key]) (Key, Secret, error) {
	if err := mayWrite(who); err != nil {
		return Key{}, Secret{}, err
	}
	if in.Name == nil {
		return Key{}, Secret{}, errs.Invalid(errs.Field{Pointer: "/name", Code: "required", Detail: "Please enter a name that says where the key is used."})
	}
	if in.Scopes == nil {
		return Key{}, Secret{}, errs.Invalid(errs.Field{Pointer: "/scopes", Code: "required", Detail: "Choose what the key may do, for example leads:write."})
	}
	secret := Mint(who.Environment.Kind)
	var made Key
	err := s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := lockEnvironment(ctx, tx, who.Environment.ID); err != nil {
			return err
		}
		rate := api.DefaultLimit
		end := tx.Now.Add(DefaultLife)
		made = Key{
			ID: id.At(tx.Now), AccountID: who.Account.ID, Environment: who.Environment, PublicID: secret.PublicID(), Last4: secret.Last4(),
			CreatedAt: tx.Now, UpdatedAt: tx.Now, ExpiresAt: &end, Rate: &rate,
		}
		made.Family = made.ID
		if who.Person != nil && !service {
			made.CreatedBy, made.CreatedByName = who.Person.ID, who.Person.Name
		}
		parent, err := s.parent(ctx, tx, who, &made)
		if err != nil {
			return err
		}
		if err := errs.Invalid(in.apply(&made, tx.Now)...); err != nil {
			return err
		}
		if err := capLife(ctx, tx, &made, in.ExpiresAt != nil || in.ExpiresIn != nil); err != nil {
			return err
		}
		if err := checkWithin(who, parent, made); err != nil {
			return err
		}
		if err := s.checkName(ctx, tx, made); err != nil {
			return err
		}
		if err := insertKey(ctx, tx, made, secret.Hash()); err != nil {
			return err
		}
		if err := s.record(ctx, tx, made, who.Actor(), "key.create", describe(Key{}, made), KeyChanged{KeyID: made.ID, Name: made.Name, What: "created"}); err != nil {
			return err
		}
		return then.run(ctx, tx, made)
	})
	if err != nil {
		return Key{}, Secret{}, err
	}
	return made, secret, nil
}

// parent reads the key that acts, when one does, refuses it if it died meanwhile, and
// takes over its limits as defaults.
func (s *Service) parent(ctx context.Context, tx *db.Tx, who account.Principal, made *Key) (*Key, error) {
	if who.Key == nil {
		return nil, nil
	}
	parent, err := s.aliveCaller(ctx, tx, who)
	if err != nil {
		return nil, err
	}
	made.CreatedByKey, made.CreatedBy, made.CreatedByName = parent.ID, parent.CreatedBy, parent.CreatedByName
	if parent.ExpiresAt != nil && parent.ExpiresAt.Before(*made.ExpiresAt) {
		made.ExpiresAt = parent.ExpiresAt
	}
	if parent.Rate != nil && (made.Rate == nil || *parent.Rate < *made.Rate) {
		made.Rate = parent.Rate
	}
	made.IPAllow = parent.IPAllow
	return parent, nil
}

// aliveCaller reads the key that acts again, in the transaction of its change.
func (s *Service) aliveCaller(ctx context.Context, tx *db.Tx, who account.Principal) (*Key, error) {
	caller, err := lockCaller(ctx, tx, who.Key.ID)
	if err != nil {
		return nil, err
	}
	if refused := caller.refusal(tx.Now, who.Origin.IP); refused != nil {
		return nil, refused
	}
	if !caller.effective().Allow("keys:write") {
		return nil, api.ScopeMissing(caller.effective().Strings(), "keys:write")
	}
	return &caller, nil
}

// checkWithin is the rule that nobody makes a key that can do more than they can.
func checkWithin(who account.Principal, caller *Key, k Key) error {
	if caller == nil {
		if rights := who.Scopes; !k.Scopes.Within(rights) {
			return errs.New(errs.KeyWidening, "You can only give what you may do yourself: %s.", rights)
		}
		return nil
	}
	if problem := k.beyond(*caller, caller.effective()); problem != "" {
		return errs.New(errs.KeyWidening, "A key cannot make or change a key beyond itself: %s.", problem)
	}
	return nil
}

func (s *Service) checkName(ctx context.Context, tx *db.Tx, k Key) error {
	taken, err := nameInUse(ctx, tx, k, tx.Now)
	if err != nil {
		return err
	}
	if taken {
		return errs.Invalid(errs.Field{Pointer: "/name", Code: "taken", Detail: "Another living key of this environment has this name. Please choose another."})
	}
	return nil
}

// Get returns one key of the principal's environment.
func (s *Service) Get(ctx context.Context, who account.Principal, key id.ID) (Key, error) {
	if err := mayRead(who); err != nil {
		return Key{}, err
	}
	return keyByID(ctx, s.db, who.Environment.ID, key)
}

// Find resolves a UUID or public id for the operator.
func (s *Service) Find(ctx context.Context, idOrPublic string) (Key, error) {
	return findKey(ctx, s.db, idOrPublic)
}

// List returns the keys of the principal's environment, the newest first, after the
// position of a former page.
func (s *Service) List(ctx context.Context, who account.Principal, after *Key, limit int) ([]Key, error) {
	if err := mayRead(who); err != nil {
		return nil, err
	}
	if after == nil {
		return queryKeys(ctx, s.db, `WHERE k.environment_id = $1 ORDER BY k.created_at DESC, k.id DESC LIMIT $2`, who.Environment.ID, limit)
	}
	return queryKeys(ctx, s.db, `WHERE k.environment_id = $1 AND (k.created_at, k.id) < ($2, $3) ORDER BY k.created_at DESC, k.id DESC LIMIT $4`,
		who.Environment.ID, db.Micros(after.CreatedAt), after.ID, limit)
}

// Edit changes a key's settings. The change bites at the next request on every node.
func (s *Service) Edit(ctx context.Context, who account.Principal, key id.ID, in Settings, match func(Key) error, then Then[Key]) (Key, error) {
	if err := mayWrite(who); err != nil {
		return Key{}, err
	}
	var after Key
	err := s.change(ctx, who, key, func(ctx context.Context, tx *db.Tx, before Key, caller *Key) error {
		if match != nil {
			if err := match(before); err != nil {
				return err
			}
		}
		if before.RevokedAt != nil {
			return errs.New(errs.Conflict, "The key “%s” is revoked, and a revoked key cannot be changed.", before.Name)
		}
		after = before
		after.UpdatedAt = before.touched(tx.Now)
		if err := errs.Invalid(in.apply(&after, tx.Now)...); err != nil {
			return err
		}
		if !before.ReplacedBy.IsNil() && laterEnd(after.ExpiresAt, before.ExpiresAt) {
			return errs.New(errs.Conflict, "This key was replaced by rotation; its end cannot be moved back.")
		}
		if in.ExpiresAt != nil || in.ExpiresIn != nil {
			if err := capLife(ctx, tx, &after, true); err != nil {
				return err
			}
		}
		// A change that takes away, or only renames, needs no rights over the rest.
		if widened := after.beyond(before, before.Scopes); widened != "" {
			if err := checkWithin(who, caller, after); err != nil {
				return err
			}
		}
		if err := s.checkName(ctx, tx, after); err != nil {
			return err
		}
		changes := describe(before, after)
		if len(changes) == 0 {
			after = before
			return then.run(ctx, tx, after)
		}
		if err := updateSettings(ctx, tx, after); err != nil {
			return err
		}
		if err := s.record(ctx, tx, after, who.Actor(), "key.change", changes, KeyChanged{KeyID: after.ID, Name: after.Name, What: "changed"}); err != nil {
			return err
		}
		return then.run(ctx, tx, after)
	})
	return after, err
}

// capLife holds a key to the account's longest life. An end that was asked for is
// refused, one that was not is brought forward.
func capLife(ctx context.Context, tx *db.Tx, k *Key, asked bool) error {
	life, err := account.MaxKeyLife(ctx, tx, k.AccountID)
	if err != nil || life == 0 {
		return err
	}
	latest := tx.Now.Add(life)
	if k.ExpiresAt != nil && !k.ExpiresAt.After(latest) {
		return nil
	}
	if asked {
		return errs.Invalid(errs.Field{Pointer: "/expires_at", Code: "invalid", Detail: fmt.Sprintf("This account lets keys live for %d days at most.", int(life.Hours()/24))})
	}
	k.ExpiresAt = &latest
	return nil
}

func laterEnd(a, b *time.Time) bool {
	return b != nil && (a == nil || a.After(*b))
}

// change runs fn with a locked key of the principal's environment, and with the key
// that acts, when one does.
func (s *Service) change(ctx context.Context, who account.Principal, key id.ID, fn func(context.Context, *db.Tx, Key, *Key) error) error {
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := lockEnvironment(ctx, tx, who.Environment.ID); err != nil {
			return err
		}
		k, err := keyByID(ctx, tx, who.Environment.ID, key)
		if err != nil {
			return err
		}
		var caller *Key
		if who.Key != nil {
			if caller, err = s.aliveCaller(ctx, tx, who); err != nil {
				return err
			}
		}
		return fn(ctx, tx, k, caller)
	})
}

// record writes the audit entry and the event of a change in its transaction.
func (s *Service) record(ctx context.Context, tx *db.Tx, k Key, actor audit.Actor, action string, changes map[string]audit.Change, fact event.Fact) error {
	if err := audit.Record(ctx, tx, audit.Entry{AccountID: k.AccountID, EnvironmentID: k.Environment.ID, Actor: actor, Action: action,
		Object: audit.Object{Kind: "api_key", ID: k.ID, Name: k.Name}, Changes: changes}); err != nil {
		return err
	}
	return event.Write(ctx, tx, k.Environment.ID, event.Actor{Kind: string(actor.Kind), ID: actor.ID, Name: actor.Name}, fact)
}

// describe lists the settings in which two keys differ, for the audit log.
func describe(before, after Key) map[string]audit.Change {
	changes := map[string]audit.Change{}
	add := func(name string, from, to any) {
		if f, t := mustJSON(from), mustJSON(to); f != t {
			changes[name] = audit.Change{From: from, To: to}
		}
	}
	add("name", before.Name, after.Name)
	add("purpose", before.Purpose, after.Purpose)
	add("scopes", before.Scopes, after.Scopes)
	add("expires_at", before.ExpiresAt, after.ExpiresAt)
	add("not_before", before.NotBefore, after.NotBefore)
	add("ip_allow", networksText(before.IPAllow), networksText(after.IPAllow))
	add("origins", slices.Clone(before.Origins), slices.Clone(after.Origins))
	add("rate_limit", FormatRate(before.Rate), FormatRate(after.Rate))
	return changes
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(errors.Join(errors.New("apikey: settings are plain data"), err))
	}
	if s := string(b); s != "[]" {
		return s
	}
	return "null"
}
