package account

import (
	"context"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Members lists the members of the principal's account.
func (s *Service) Members(ctx context.Context, who Principal) ([]Membership, error) {
	return queryMemberships(ctx, s.db, `m.account_id = $1`, who.Account.ID)
}

// Member returns one member of the principal's account, for those who may change
// members.
func (s *Service) Member(ctx context.Context, who Principal, person id.ID) (Membership, error) {
	if !who.Role.Manages() {
		return Membership{}, notAllowed("change members")
	}
	return membership(ctx, s.db, who.Account.ID, person)
}

// Suspend takes a member's access away: logins and API keys of the member stop at
// once, on every node, because both are looked up with the membership.
func (s *Service) Suspend(ctx context.Context, who Principal, person id.ID) error {
	return s.changeMember(ctx, who, person, "member.suspend", func(m *Membership, tx *db.Tx) {
		if m.SuspendedAt == nil {
			m.SuspendedAt = &tx.Now
		}
	})
}

// Readmit gives a suspended member access again.
func (s *Service) Readmit(ctx context.Context, who Principal, person id.ID) error {
	return s.changeMember(ctx, who, person, "member.readmit", func(m *Membership, _ *db.Tx) { m.SuspendedAt = nil })
}

// SetRole changes what a member may do.
func (s *Service) SetRole(ctx context.Context, who Principal, person id.ID, role Role) error {
	if !role.Valid() {
		return errs.Invalid(errs.Field{Pointer: "/role", Code: "invalid", Detail: "A role is owner, admin or member."})
	}
	return s.changeMember(ctx, who, person, "member.role", func(m *Membership, _ *db.Tx) { m.Role = role })
}

// changeMember changes one membership. Only owners change owners, and the account
// keeps an active one.
func (s *Service) changeMember(ctx context.Context, who Principal, person id.ID, action string, change func(*Membership, *db.Tx)) error {
	if !who.Role.Manages() {
		return notAllowed("change members")
	}
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		owners, err := lockOwners(ctx, tx, who.Account.ID)
		if err != nil {
			return err
		}
		before, err := membership(ctx, tx, who.Account.ID, person)
		if err != nil {
			return err
		}
		after := before
		change(&after, tx)
		if (before.Role == Owner || after.Role == Owner) && who.Role != Owner {
			return errOwners()
		}
		changes := map[string]audit.Change{}
		if before.Role != after.Role {
			changes["role"] = audit.Change{From: before.Role, To: after.Role}
		}
		if (before.SuspendedAt == nil) != (after.SuspendedAt == nil) {
			changes["suspended"] = audit.Change{From: before.SuspendedAt != nil, To: after.SuspendedAt != nil}
		}
		if len(changes) == 0 {
			return nil
		}
		wasOwner := before.Role == Owner && before.SuspendedAt == nil
		isOwner := after.Role == Owner && after.SuspendedAt == nil
		if wasOwner && !isOwner && owners < 2 {
			return errs.New(errs.Conflict, "This is the only active owner. Make somebody else an owner first.")
		}
		if err := updateMembership(ctx, tx, after); err != nil {
			return err
		}
		if after.SuspendedAt != nil {
			if err := endIdleLogins(ctx, tx, person); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, audit.Entry{AccountID: who.Account.ID, Actor: who.Actor(), Action: action,
			Object: audit.Object{Kind: "person", ID: person, Name: before.Person.Email}, Changes: changes})
	})
}

func errOwners() error { return errs.New(errs.NotAllowed, "Only an owner can change owners.") }

// endIdleLogins ends the logins of a person who can enter no account any more.
func endIdleLogins(ctx context.Context, tx *db.Tx, person id.ID) error {
	places, err := queryMemberships(ctx, tx, `m.person_id = $1 AND m.suspended_at IS NULL`, person)
	if err != nil || len(places) > 0 {
		return err
	}
	_, err = endSessions(ctx, tx, person, id.Nil, id.Nil)
	return err
}
