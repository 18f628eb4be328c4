package apikey

import (
	"context"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Rotation is a key and the one that took its place.
type Rotation struct {
	New       Key
	Old       id.ID
	OldEndsAt time.Time
}

// Rotate makes a new secret for a key: the new key has the same settings, and the old
// one goes on working for the overlap (0 to 30 days, never past its own end). A
// person gives the new key the old one's length of life anew; a key cannot give it
// more than it has itself. Of several rotations of one key at the same moment one
// wins, the others are refused.
func (s *Service) Rotate(ctx context.Context, who account.Principal, key id.ID, overlap time.Duration, then Then[Rotation]) (Rotation, Secret, error) {
	if err := mayWrite(who); err != nil {
		return Rotation{}, Secret{}, err
	}
	if overlap < 0 || overlap > maxOverlap {
		return Rotation{}, Secret{}, errs.Invalid(errs.Field{Pointer: "/overlap", Code: "invalid", Detail: "Choose an overlap between 0 and 30 days."})
	}
	var secret Secret
	var out Rotation
	err := s.change(ctx, who, key, func(ctx context.Context, tx *db.Tx, old Key, caller *Key) error {
		switch {
		case !old.ReplacedBy.IsNil():
			return errs.New(errs.Conflict, "The key “%s” was rotated already. Rotate the new key instead.", old.Name)
		case old.RevokedAt != nil:
			return errs.New(errs.Conflict, "The key “%s” is revoked; make a new one.", old.Name)
		case old.Ended(tx.Now):
			return errs.New(errs.Conflict, "The key “%s” has expired; make a new one.", old.Name)
		}
		secret = Mint(old.Environment.Kind)
		made := old
		made.ID, made.PublicID, made.Last4, made.Replaces = id.At(tx.Now), secret.PublicID(), secret.Last4(), old.ID
		made.CreatedAt, made.UpdatedAt, made.FirstUsedAt, made.ReplacedBy = tx.Now, tx.Now, nil, id.Nil
		made.ExposedAt, made.ExposedWhere, made.CreatedByKey = nil, "", id.Nil
		if old.ExpiresAt != nil {
			end := tx.Now.Add(old.ExpiresAt.Sub(old.CreatedAt))
			made.ExpiresAt = &end
		}
		if caller != nil {
			made.CreatedByKey = caller.ID
			if caller.ExpiresAt != nil && made.ExpiresAt != nil && made.ExpiresAt.After(*caller.ExpiresAt) {
				made.ExpiresAt = caller.ExpiresAt
			}
		}
		if err := capLife(ctx, tx, &made, false); err != nil {
			return err
		}
		if err := checkWithin(who, caller, made); err != nil {
			return err
		}
		end := tx.Now.Add(overlap)
		if old.ExpiresAt != nil && end.After(*old.ExpiresAt) {
			end = *old.ExpiresAt
		}
		if err := insertKey(ctx, tx, made, secret.Hash()); err != nil {
			return err
		}
		if made.DisabledAt != nil {
			if err := setDisabled(ctx, tx, made, made.DisabledAt, tx.Now); err != nil {
				return err
			}
		}
		if overlap == 0 {
			if _, err := kill(ctx, tx, old, ByRotate, tx.Now); err != nil {
				return err
			}
		} else if err := setEnd(ctx, tx, old, end, tx.Now); err != nil {
			return err
		}
		out = Rotation{New: made, Old: old.ID, OldEndsAt: end}
		changes := map[string]audit.Change{"key": {From: old.PublicID, To: made.PublicID}, "old_ends_at": {From: old.ExpiresAt, To: end}}
		if err := s.record(ctx, tx, made, who.Actor(), "key.rotate", changes, KeyChanged{KeyID: made.ID, Name: made.Name, What: "rotated"}); err != nil {
			return err
		}
		return then.run(ctx, tx, out)
	})
	if err != nil {
		return Rotation{}, Secret{}, err
	}
	return out, secret, nil
}

// Disable stops a key until it is enabled again.
func (s *Service) Disable(ctx context.Context, who account.Principal, key id.ID, then Then[Key]) (Key, error) {
	return s.setDisabled(ctx, who, key, true, then)
}

// Enable lets a disabled key work again.
func (s *Service) Enable(ctx context.Context, who account.Principal, key id.ID, then Then[Key]) (Key, error) {
	return s.setDisabled(ctx, who, key, false, then)
}

func (s *Service) setDisabled(ctx context.Context, who account.Principal, key id.ID, disable bool, then Then[Key]) (Key, error) {
	if err := mayWrite(who); err != nil {
		return Key{}, err
	}
	var after Key
	err := s.change(ctx, who, key, func(ctx context.Context, tx *db.Tx, k Key, caller *Key) error {
		if k.RevokedAt != nil {
			return errs.New(errs.Conflict, "The key “%s” is revoked, which is final. Make a new one.", k.Name)
		}
		after = k
		if (k.DisabledAt != nil) == disable {
			return then.run(ctx, tx, after)
		}
		action, what := "key.enable", "enabled"
		after.DisabledAt = nil
		if disable {
			action, what = "key.disable", "disabled"
			after.DisabledAt = &tx.Now
		} else {
			if err := checkWithin(who, caller, after); err != nil {
				return err
			}
			if err := s.checkName(ctx, tx, after); err != nil {
				return err
			}
		}
		after.UpdatedAt = k.touched(tx.Now)
		if err := setDisabled(ctx, tx, k, after.DisabledAt, tx.Now); err != nil {
			return err
		}
		if err := s.record(ctx, tx, after, who.Actor(), action, nil, KeyChanged{KeyID: k.ID, Name: k.Name, What: what}); err != nil {
			return err
		}
		return then.run(ctx, tx, after)
	})
	return after, err
}

// Revoked is a revoked key and the living keys that it made, which the revocation
// leaves alive and the caller should look at.
type Revoked struct {
	Key  Key
	Made []Key
}

// Revoke ends a key for good: no request that starts after this returned is accepted,
// on any node. Revoking a revoked key changes nothing and succeeds.
func (s *Service) Revoke(ctx context.Context, who account.Principal, key id.ID, then Then[Revoked]) (Revoked, error) {
	if err := mayWrite(who); err != nil {
		return Revoked{}, err
	}
	var out Revoked
	err := s.change(ctx, who, key, func(ctx context.Context, tx *db.Tx, k Key, _ *Key) error {
		out.Key = k
		why := ByHand
		if !k.ReplacedBy.IsNil() {
			why = ByRotate
		}
		died, err := kill(ctx, tx, k, why, tx.Now)
		if err != nil {
			return err
		}
		if out.Made, err = childrenOf(ctx, tx, k.ID, tx.Now); err != nil {
			return err
		}
		if died {
			out.Key.RevokedAt, out.Key.RevokedWhy, out.Key.UpdatedAt = &tx.Now, why, k.touched(tx.Now)
			if err := s.record(ctx, tx, out.Key, who.Actor(), "key.revoke", map[string]audit.Change{"because": {To: why}}, KeyChanged{KeyID: k.ID, Name: k.Name, What: "revoked"}); err != nil {
				return err
			}
		}
		return then.run(ctx, tx, out)
	})
	return out, err
}

// DisableAll disables every living key of the instance. A restore does it, because a
// backup does not know what was revoked after it was made.
func (s *Service) DisableAll(ctx context.Context) (int, error) {
	operator := account.Principal{Operator: true}.Actor()
	var n int
	err := s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		keys, err := queryKeys(ctx, tx, `WHERE k.revoked_at IS NULL AND k.disabled_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $1)`, db.Micros(tx.Now))
		if err != nil {
			return err
		}
		n = len(keys)
		for _, k := range keys {
			if err := setDisabled(ctx, tx, k, &tx.Now, tx.Now); err != nil {
				return err
			}
			if err := s.record(ctx, tx, k, operator, "key.disable", map[string]audit.Change{"because": {To: "restored from a backup"}}, KeyChanged{KeyID: k.ID, Name: k.Name, What: "disabled"}); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}
