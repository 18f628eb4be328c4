package account

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func errLogin() error {
	return errs.New(errs.LoginFailed, "E-mail and password do not match. Check both and try again.")
}

// Login checks e-mail and password and starts a session. Its answer and its time are
// the same whether or not the person exists. A person without any active membership
// cannot log in.
func (s *Service) Login(ctx context.Context, email, password string, from Origin) (token string, err error) {
	email, problem := CleanEmail(email)
	if problem != "" {
		email = "" // nobody's, like any other address nobody has
	}
	person, hash, err := personByEmail(ctx, s.db, email)
	if err != nil && errs.CodeOf(err) != errs.NotFound {
		return "", err
	}
	known, err := s.knownNetwork(ctx, person.ID, from)
	if err != nil {
		return "", err
	}
	now := s.db.Now()
	if err := s.throttle.begin(email, from.IP, known, now); err != nil {
		return "", err
	}
	ok, renew, err := checkPassword(ctx, hash, password)
	if err != nil {
		return "", err
	}
	places, err := s.Places(ctx, person.ID)
	if err != nil {
		return "", err
	}
	if !ok || len(places) == 0 {
		// After the answer, because only the address of a member has anything to write.
		if !person.ID.IsNil() {
			s.later(ctx, "failed login", func(ctx context.Context) error {
				return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
					return recordPerson(ctx, tx, person, acting(person, from), "person.login_failed")
				})
			})
		}
		return "", errLogin()
	}
	s.throttle.succeed(email, from.IP)
	renewed := ""
	if renew {
		if renewed, err = hashPassword(ctx, password); err != nil {
			return "", err
		}
	}
	token, tokenHash := newToken()
	err = s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		// A password that was changed while this one was checked must not leave a login behind.
		if present, err := lockPassword(ctx, tx, person.ID); err != nil || present != hash {
			return cmp.Or(err, errLogin())
		}
		if renew {
			if err := setPassword(ctx, tx, person.ID, renewed); err != nil {
				return err
			}
		}
		if err := forgetSessions(ctx, tx, person.ID, tx.Now.Add(-sessionKept)); err != nil {
			return err
		}
		if err := insertSession(ctx, tx, newSession(person, from, tx.Now), tokenHash); err != nil {
			return err
		}
		return recordPerson(ctx, tx, person, acting(person, from), "person.login")
	})
	return token, err
}

// recordPerson tells the audit logs of the accounts that a person can enter, or, when
// there is none, of those that keep the person out. What a stranger does stands in
// the log of requests alone.
func recordPerson(ctx context.Context, tx *db.Tx, person Person, actor audit.Actor, action string) error {
	all, err := queryMemberships(ctx, tx, `m.person_id = $1`, person.ID)
	if err != nil {
		return err
	}
	active := slices.ContainsFunc(all, func(m Membership) bool { return m.SuspendedAt == nil })
	for _, m := range all {
		if active && m.SuspendedAt != nil {
			continue
		}
		if err := audit.Record(ctx, tx, audit.Entry{AccountID: m.Account.ID, Actor: actor, Action: action,
			Object: audit.Object{Kind: "person", ID: person.ID, Name: person.Email}}); err != nil {
			return err
		}
	}
	return nil
}

// acting is a person as the audit log names them.
func acting(person Person, from Origin) audit.Actor {
	return Principal{Person: &person, Origin: from}.Actor()
}

func (s *Service) knownNetwork(ctx context.Context, person id.ID, from Origin) (bool, error) {
	sessions, err := sessionsOf(ctx, s.db, person)
	for _, se := range sessions {
		if ip, err := netip.ParseAddr(se.IP); err == nil && networkOf(ip) == networkOf(from.IP) {
			return true, err
		}
	}
	return false, err
}

// Session returns the live session a cookie stands for; ok is false when there is
// none.
func (s *Service) Session(ctx context.Context, token string) (Session, bool, error) {
	if len(token) != 43 {
		return Session{}, false, nil
	}
	se, err := sessionByHash(ctx, s.db, hashToken(token))
	if errors.Is(err, db.ErrNoRows) {
		return Session{}, false, nil
	}
	now := s.db.Now()
	if err != nil || !se.Alive(now) {
		return Session{}, false, err
	}
	return se, true, nil
}

// Seen notes that a session is in use, at most once a minute.
func (s *Service) Seen(ctx context.Context, se Session) error {
	if s.db.Now().Sub(se.LastSeenAt) < touchEvery {
		return nil
	}
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error { return touchSession(ctx, tx, se.ID, tx.Now) })
}

// Logout ends the session of a cookie.
func (s *Service) Logout(ctx context.Context, se Session) error {
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := endSessions(ctx, tx, se.Person.ID, se.ID, id.Nil)
		return err
	})
}

// Sessions lists a person's logins, the latest first.
func (s *Service) Sessions(ctx context.Context, person id.ID) ([]Session, error) {
	all, err := sessionsOf(ctx, s.db, person)
	now := s.db.Now()
	alive := all[:0]
	for _, se := range all {
		if se.Alive(now) {
			alive = append(alive, se)
		}
	}
	return alive, err
}

// EndSession ends one login of the person, or with a nil id all but the present one.
func (s *Service) EndSession(ctx context.Context, present Session, which id.ID) error {
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		_, err := endSessions(ctx, tx, present.Person.ID, which, present.ID)
		return err
	})
}

// Prove checks the password again and renews the session's proof of who it is.
func (s *Service) Prove(ctx context.Context, se Session, password string, from Origin) error {
	now := s.db.Now()
	if err := s.throttle.begin(se.Person.Email, from.IP, true, now); err != nil {
		return err
	}
	hash, err := passwordOf(ctx, s.db, se.Person.ID)
	if err != nil {
		return err
	}
	ok, _, err := checkPassword(ctx, hash, password)
	if err != nil {
		return err
	}
	if !ok {
		return errs.Invalid(errs.Field{Pointer: "/password", Code: "invalid", Detail: "This is not your password. Please try again."})
	}
	s.throttle.succeed(se.Person.Email, from.IP)
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error { return proveSession(ctx, tx, se.ID, tx.Now) })
}

// ChangePassword sets a new password and ends all other logins and reset links of
// the person.
func (s *Service) ChangePassword(ctx context.Context, se Session, old, password string, from Origin) error {
	if err := s.Prove(ctx, se, old, from); err != nil {
		return err
	}
	if problem := CheckPassword(password, se.Person.Email, se.Person.Name); problem != "" {
		return errs.Invalid(errs.Field{Pointer: "/new_password", Code: "invalid", Detail: problem})
	}
	return s.setNewPassword(ctx, se.Person, password, se.ID, from, nil)
}

func (s *Service) setNewPassword(ctx context.Context, person Person, password string, spare id.ID, from Origin, also func(context.Context, *db.Tx) error) error {
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		if also != nil {
			if err := also(ctx, tx); err != nil {
				return err
			}
		}
		if err := setPassword(ctx, tx, person.ID, hash); err != nil {
			return err
		}
		if err := endLinks(ctx, tx, "reset", person.ID, tx.Now); err != nil {
			return err
		}
		if _, err := endSessions(ctx, tx, person.ID, id.Nil, spare); err != nil {
			return err
		}
		return recordPerson(ctx, tx, person, acting(person, from), "person.password_change")
	})
}

// NewResetLink makes a one-time token with which a person sets a new password. The
// operator hands it over; earlier ones stop working.
func (s *Service) NewResetLink(ctx context.Context, email string) (string, error) {
	person, _, err := personByEmail(ctx, s.db, email)
	if err != nil {
		return "", err
	}
	token, hash := newToken()
	err = s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := endLinks(ctx, tx, "reset", person.ID, tx.Now); err != nil {
			return err
		}
		if err := insertLink(ctx, tx, hash, link{purpose: "reset", person: person.ID, expiresAt: tx.Now.Add(resetLinkLife)}, tx.Now); err != nil {
			return err
		}
		return recordPerson(ctx, tx, person, Principal{Operator: true}.Actor(), "person.reset_link")
	})
	return token, err
}

// ResetLinkGood tells whether a reset token can be used.
func (s *Service) ResetLinkGood(ctx context.Context, token string) error {
	_, err := linkByHash(ctx, s.db, hashToken(token), "reset", s.db.Now())
	return err
}

// Reset sets a new password by a one-time link, once, and ends all logins.
func (s *Service) Reset(ctx context.Context, token, password string, from Origin) error {
	l, err := linkByHash(ctx, s.db, hashToken(token), "reset", s.db.Now())
	if err != nil {
		return err
	}
	person, err := personByID(ctx, s.db, l.person)
	if err != nil {
		return err
	}
	if problem := CheckPassword(password, person.Email, person.Name); problem != "" {
		return errs.Invalid(errs.Field{Pointer: "/password", Code: "invalid", Detail: problem})
	}
	return s.setNewPassword(ctx, person, password, id.Nil, from, func(ctx context.Context, tx *db.Tx) error {
		if _, err := linkByHash(ctx, tx, hashToken(token), "reset", tx.Now); err != nil {
			return err
		}
		return useLink(ctx, tx, hashToken(token), tx.Now)
	})
}
