package account

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Invite makes a one-time link with which somebody joins the account. Earlier links
// for the same address stop working.
func (s *Service) Invite(ctx context.Context, who Principal, email string, role Role) (string, error) {
	return s.invite(ctx, who, email, role, nil)
}

// invite is Invite with something else to do in its transaction.
func (s *Service) invite(ctx context.Context, who Principal, email string, role Role, also func(context.Context, *db.Tx) error) (string, error) {
	if !who.Role.Manages() {
		return "", notAllowed("invite members")
	}
	email, problem := CleanEmail(email)
	var wrong []errs.Field
	if problem != "" {
		wrong = append(wrong, errs.Field{Pointer: "/email", Code: "invalid", Detail: problem})
	}
	if !role.Valid() || role == Owner && who.Role != Owner {
		wrong = append(wrong, errs.Field{Pointer: "/role", Code: "invalid", Detail: "Choose admin or member; only an owner can make owners."})
	}
	if err := errs.Invalid(wrong...); err != nil {
		return "", err
	}
	token, hash := newToken()
	err := s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		if also != nil {
			if err := also(ctx, tx); err != nil {
				return err
			}
		}
		members, err := queryMemberships(ctx, tx, `m.account_id = $1 AND p.email_folded = $2`, who.Account.ID, Fold(email))
		if err != nil {
			return err
		}
		if len(members) > 0 {
			return errs.Invalid(errs.Field{Pointer: "/email", Code: "taken", Detail: "This person is a member already."})
		}
		if _, err := endInvitations(ctx, tx, who.Account.ID, email, tx.Now); err != nil {
			return err
		}
		if err := insertLink(ctx, tx, hash, link{purpose: "invite", account: who.Account.ID, email: email, role: role, expiresAt: tx.Now.Add(inviteLinkLife)}, tx.Now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{AccountID: who.Account.ID, Actor: who.Actor(), Action: "member.invite",
			Object: audit.Object{Kind: "person", Name: email}, Changes: map[string]audit.Change{"role": {To: role}}})
	})
	return token, err
}

// PendingInvitation is an invitation that nobody has accepted yet.
type PendingInvitation struct {
	Email     string
	Role      Role
	CreatedAt time.Time
	ExpiresAt time.Time
	hash      []byte
}

// Invitations lists the invitations to the principal's account that can still be
// accepted, oldest first.
func (s *Service) Invitations(ctx context.Context, who Principal) ([]PendingInvitation, error) {
	if !who.Role.Manages() {
		return nil, notAllowed("see invitations")
	}
	return openInvitations(ctx, s.db, who.Account.ID, s.db.Now())
}

// Withdraw makes the invitation links for an address stop working.
func (s *Service) Withdraw(ctx context.Context, who Principal, email string) error {
	if !who.Role.Manages() {
		return notAllowed("withdraw invitations")
	}
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		ended, err := endInvitations(ctx, tx, who.Account.ID, email, tx.Now)
		if err != nil {
			return err
		}
		if len(ended) == 0 {
			return errs.NotFoundf("invitation")
		}
		return audit.Record(ctx, tx, audit.Entry{AccountID: who.Account.ID, Actor: who.Actor(), Action: "member.withdraw",
			Object: audit.Object{Kind: "person", Name: ended[0].Email}})
	})
}

// endInvitations makes the open invitations of an address to an account unusable.
func endInvitations(ctx context.Context, tx *db.Tx, account id.ID, email string, now time.Time) ([]PendingInvitation, error) {
	open, err := openInvitations(ctx, tx, account, now)
	if err != nil {
		return nil, err
	}
	open = slices.DeleteFunc(open, func(p PendingInvitation) bool { return Fold(p.Email) != Fold(email) })
	for _, p := range open {
		if err := useLink(ctx, tx, p.hash, now); err != nil {
			return nil, err
		}
	}
	return open, nil
}

// Invitation is what an invited person sees before joining.
type Invitation struct {
	Account Account
	Email   string
	Role    Role
	Known   bool // the person has a login already and joins with it
}

// Invitation reads a one-time invitation.
func (s *Service) Invitation(ctx context.Context, token string) (Invitation, error) {
	l, err := linkByHash(ctx, s.db, hashToken(token), "invite", s.db.Now())
	if err != nil {
		return Invitation{}, err
	}
	a, err := accountByID(ctx, s.db, l.account)
	if err != nil {
		return Invitation{}, err
	}
	_, _, err = personByEmail(ctx, s.db, l.email)
	if err != nil && errs.CodeOf(err) != errs.NotFound {
		return Invitation{}, err
	}
	return Invitation{Account: a, Email: l.email, Role: l.role, Known: err == nil}, nil
}

// Join accepts an invitation and logs the person in. A new person chooses a name and
// a password; one who has a login proves it with the password.
func (s *Service) Join(ctx context.Context, token, name, password string, from Origin) (Account, string, error) {
	in, err := s.Invitation(ctx, token)
	if err != nil {
		return Account{}, "", err
	}
	var person Person
	var hash string
	if in.Known {
		person, hash, err = s.recognise(ctx, in.Email, password, from)
	} else {
		person, hash, err = s.newcomer(ctx, in, name, password)
	}
	if err != nil {
		return Account{}, "", err
	}
	sessionToken, sessionHash := newToken()
	err = s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		if _, err := linkByHash(ctx, tx, hashToken(token), "invite", tx.Now); err != nil {
			return err
		}
		if err := useLink(ctx, tx, hashToken(token), tx.Now); err != nil {
			return err
		}
		if in.Known {
			if present, err := lockPassword(ctx, tx, person.ID); err != nil || present != hash {
				return cmp.Or(err, errNotYourPassword())
			}
		} else if err := insertPerson(ctx, tx, person, hash, tx.Now); err != nil {
			return err
		}
		if err := insertMembership(ctx, tx, in.Account.ID, person.ID, in.Role, tx.Now); err != nil {
			return err
		}
		if err := insertSession(ctx, tx, newSession(person, from, tx.Now), sessionHash); err != nil {
			return err
		}
		if _, err := endInvitations(ctx, tx, in.Account.ID, in.Email, tx.Now); err != nil {
			return err
		}
		who := Principal{Person: &person, Origin: from}
		return audit.Record(ctx, tx, audit.Entry{AccountID: in.Account.ID, Actor: who.Actor(), Action: "member.join",
			Object: audit.Object{Kind: "person", ID: person.ID, Name: person.Email}, Changes: map[string]audit.Change{"role": {To: in.Role}}})
	})
	if db.IsUnique(err) { // the same person came in by another link at this moment
		return Account{}, "", errs.New(errs.Conflict, "This address has just been used to join. Log in with it, or open the link again.")
	}
	return in.Account, sessionToken, err
}

// recognise checks the password of somebody who has a login here.
func (s *Service) recognise(ctx context.Context, email, password string, from Origin) (Person, string, error) {
	person, hash, err := personByEmail(ctx, s.db, email)
	if err != nil {
		return Person{}, "", err
	}
	if err := s.throttle.begin(email, from.IP, false, s.db.Now()); err != nil {
		return Person{}, "", err
	}
	ok, _, err := checkPassword(ctx, hash, password)
	if err != nil {
		return Person{}, "", err
	}
	if !ok {
		return Person{}, "", errNotYourPassword()
	}
	s.throttle.succeed(email, from.IP)
	return person, hash, nil
}

func errNotYourPassword() error {
	return errs.Invalid(errs.Field{Pointer: "/password", Code: "invalid", Detail: "This is not the password of your login here. Please try again."})
}

// newcomer makes the person an invitation is for, and the hash of the new password.
func (s *Service) newcomer(ctx context.Context, in Invitation, name, password string) (Person, string, error) {
	if strings.TrimSpace(name) == "" {
		name, _, _ = strings.Cut(in.Email, "@")
	}
	name, problem := CleanName(name, 80)
	var wrong []errs.Field
	if problem != "" {
		wrong = append(wrong, errs.Field{Pointer: "/name", Code: "invalid", Detail: problem})
	}
	if problem := CheckPassword(password, in.Email, name, in.Account.Name); problem != "" {
		wrong = append(wrong, errs.Field{Pointer: "/password", Code: "invalid", Detail: problem})
	}
	if err := errs.Invalid(wrong...); err != nil {
		return Person{}, "", err
	}
	hash, err := hashPassword(ctx, password)
	return Person{ID: id.At(s.db.Now()), Email: in.Email, Name: name}, hash, err
}
