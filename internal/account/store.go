package account

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

const accountColumns = `a.id, a.name, a.slug, a.exposed_policy, a.max_key_days, a.created_at`

func accountDest(a *Account) []any {
	return []any{&a.ID, &a.Name, &a.Slug, &a.ExposedPolicy, &a.MaxKeyDays, db.ScanTime(&a.CreatedAt)}
}

func insertAccount(ctx context.Context, q db.Handle, a Account) error {
	_, err := q.Exec(ctx, `INSERT INTO accounts (id, name, slug, exposed_policy, created_at) VALUES ($1, $2, $3, $4, $5)`,
		a.ID, a.Name, a.Slug, string(a.ExposedPolicy), db.Micros(a.CreatedAt))
	return err
}

func countAccounts(ctx context.Context, q db.Handle) (int, error) {
	var n int
	err := q.QueryRow(ctx, `SELECT COUNT(*) FROM accounts`).Scan(&n)
	return n, err
}

func accountByName(ctx context.Context, q db.Handle, nameOrSlug string) (Account, error) {
	rows, err := q.Query(ctx, `SELECT `+accountColumns+` FROM accounts a`)
	var found []Account
	err = db.Each(rows, err, func(r db.Rows) error {
		var a Account
		if err := r.Scan(accountDest(&a)...); err != nil {
			return err
		}
		if a.Slug == nameOrSlug || Fold(a.Name) == Fold(nameOrSlug) || a.ID.String() == nameOrSlug {
			found = append(found, a)
		}
		return nil
	})
	if err != nil {
		return Account{}, err
	}
	if len(found) != 1 {
		return Account{}, errs.New(errs.NotFound, "There is no account named %q, or more than one; use its slug.", nameOrSlug)
	}
	return found[0], nil
}

func accountByID(ctx context.Context, q db.Handle, account id.ID) (a Account, err error) {
	err = q.QueryRow(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE a.id = $1`, account).Scan(accountDest(&a)...)
	return a, err
}

func updateAccount(ctx context.Context, q db.Handle, a Account) error {
	_, err := q.Exec(ctx, `UPDATE accounts SET name = $1, exposed_policy = $2, max_key_days = $3 WHERE id = $4`, a.Name, string(a.ExposedPolicy), a.MaxKeyDays, a.ID)
	return err
}

const environmentColumns = `e.id, e.account_id, e.name, e.slug, e.kind, e.created_at`

func environmentDest(e *Environment) []any {
	return []any{&e.ID, &e.AccountID, &e.Name, &e.Slug, &e.Kind, db.ScanTime(&e.CreatedAt)}
}

func insertEnvironment(ctx context.Context, q db.Handle, e Environment) error {
	_, err := q.Exec(ctx, `INSERT INTO environments (id, account_id, name, name_folded, slug, kind, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		e.ID, e.AccountID, e.Name, Fold(e.Name), e.Slug, string(e.Kind), db.Micros(e.CreatedAt))
	return err
}

func renameEnvironment(ctx context.Context, q db.Handle, e Environment) error {
	_, err := q.Exec(ctx, `UPDATE environments SET name = $1, name_folded = $2 WHERE id = $3 AND account_id = $4`, e.Name, Fold(e.Name), e.ID, e.AccountID)
	return err
}

func listEnvironments(ctx context.Context, q db.Handle, account id.ID) ([]Environment, error) {
	return queryEnvironments(ctx, q, `environments e WHERE e.account_id = $1`, account)
}

// environmentsOf lists the environments of every account a person can enter.
func environmentsOf(ctx context.Context, q db.Handle, person id.ID) ([]Environment, error) {
	return queryEnvironments(ctx, q, `environments e JOIN memberships m ON m.account_id = e.account_id WHERE m.person_id = $1 AND m.suspended_at IS NULL`, person)
}

// queryEnvironments lists environments, the oldest first.
func queryEnvironments(ctx context.Context, q db.Handle, from string, args ...any) ([]Environment, error) {
	rows, err := q.Query(ctx, `SELECT `+environmentColumns+` FROM `+from+` ORDER BY e.created_at, e.id`, args...)
	var out []Environment
	err = db.Each(rows, err, func(r db.Rows) error {
		var e Environment
		err := r.Scan(environmentDest(&e)...)
		out = append(out, e)
		return err
	})
	return out, err
}

func insertPerson(ctx context.Context, q db.Handle, p Person, passwordHash string, now time.Time) error {
	_, err := q.Exec(ctx, `INSERT INTO people (id, email, email_folded, name, password_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		p.ID, p.Email, Fold(p.Email), p.Name, passwordHash, db.Micros(now))
	return err
}

// personByEmail returns errs.NotFound when nobody has the address.
func personByEmail(ctx context.Context, q db.Handle, email string) (p Person, passwordHash string, err error) {
	var hash sql.NullString
	err = q.QueryRow(ctx, `SELECT id, email, name, password_hash FROM people WHERE email_folded = $1`, Fold(email)).Scan(&p.ID, &p.Email, &p.Name, &hash)
	if errors.Is(err, db.ErrNoRows) {
		err = errs.New(errs.NotFound, "Nobody here has the e-mail address %s.", email)
	}
	return p, hash.String, err
}

func personByID(ctx context.Context, q db.Handle, person id.ID) (p Person, err error) {
	err = q.QueryRow(ctx, `SELECT id, email, name FROM people WHERE id = $1`, person).Scan(&p.ID, &p.Email, &p.Name)
	return p, err
}

func passwordOf(ctx context.Context, q db.Handle, person id.ID) (string, error) {
	var hash sql.NullString
	err := q.QueryRow(ctx, `SELECT password_hash FROM people WHERE id = $1`, person).Scan(&hash)
	return hash.String, err
}

// lockPassword reads the password's hash and keeps it from changing before the
// transaction ends.
func lockPassword(ctx context.Context, tx *db.Tx, person id.ID) (string, error) {
	var hash sql.NullString
	err := tx.QueryRow(ctx, `SELECT password_hash FROM people WHERE id = $1`+tx.Dialect().ForUpdate(), person).Scan(&hash)
	return hash.String, err
}

func setPassword(ctx context.Context, q db.Handle, person id.ID, hash string) error {
	_, err := q.Exec(ctx, `UPDATE people SET password_hash = $1 WHERE id = $2`, hash, person)
	return err
}

func insertMembership(ctx context.Context, q db.Handle, account, person id.ID, role Role, now time.Time) error {
	_, err := q.Exec(ctx, `INSERT INTO memberships (account_id, person_id, role, created_at) VALUES ($1, $2, $3, $4)`, account, person, string(role), db.Micros(now))
	return err
}

const membershipSelect = `SELECT ` + accountColumns + `, p.id, p.email, p.name, m.role, m.suspended_at, m.created_at
	FROM memberships m JOIN accounts a ON a.id = m.account_id JOIN people p ON p.id = m.person_id`

func scanMembership(r db.Rows) (m Membership, err error) {
	dest := append(accountDest(&m.Account), &m.Person.ID, &m.Person.Email, &m.Person.Name, &m.Role, db.ScanOptTime(&m.SuspendedAt), db.ScanTime(&m.CreatedAt))
	return m, r.Scan(dest...)
}

func queryMemberships(ctx context.Context, q db.Handle, where string, args ...any) ([]Membership, error) {
	rows, err := q.Query(ctx, membershipSelect+" WHERE "+where+" ORDER BY m.created_at, p.id, a.id", args...)
	var out []Membership
	err = db.Each(rows, err, func(r db.Rows) error {
		m, err := scanMembership(r)
		out = append(out, m)
		return err
	})
	return out, err
}

func membership(ctx context.Context, q db.Handle, account, person id.ID) (Membership, error) {
	ms, err := queryMemberships(ctx, q, `m.account_id = $1 AND m.person_id = $2`, account, person)
	if err == nil && len(ms) == 0 {
		err = errs.NotFoundf("member")
	}
	if err != nil {
		return Membership{}, err
	}
	return ms[0], nil
}

func updateMembership(ctx context.Context, q db.Handle, m Membership) error {
	_, err := q.Exec(ctx, `UPDATE memberships SET role = $1, suspended_at = $2 WHERE account_id = $3 AND person_id = $4`,
		string(m.Role), db.OptMicros(m.SuspendedAt), m.Account.ID, m.Person.ID)
	return err
}

// lockOwners makes two changes of an account's members wait for each other, so that
// together they cannot remove the last owner, and counts the active owners.
func lockOwners(ctx context.Context, q db.Handle, account id.ID) (int, error) {
	var locked id.ID
	if err := q.QueryRow(ctx, `SELECT id FROM accounts WHERE id = $1`+q.Dialect().ForUpdate(), account).Scan(&locked); err != nil {
		return 0, err
	}
	var n int
	err := q.QueryRow(ctx, `SELECT COUNT(*) FROM memberships WHERE account_id = $1 AND role = 'owner' AND suspended_at IS NULL`, account).Scan(&n)
	return n, err
}

func insertSession(ctx context.Context, q db.Handle, s Session, hash []byte) error {
	_, err := q.Exec(ctx, `INSERT INTO sessions (id, token_hash, person_id, created_at, last_seen_at, expires_at, proof_at, ip, user_agent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		s.ID, hash, s.Person.ID, db.Micros(s.CreatedAt), db.Micros(s.LastSeenAt), db.Micros(s.ExpiresAt), db.Micros(s.ProofAt), s.IP, s.UserAgent)
	return err
}

const sessionSelect = `SELECT s.id, p.id, p.email, p.name, s.created_at, s.last_seen_at, s.expires_at, s.proof_at, s.ip, s.user_agent
	FROM sessions s JOIN people p ON p.id = s.person_id`

func sessionDest(s *Session) []any {
	return []any{&s.ID, &s.Person.ID, &s.Person.Email, &s.Person.Name, db.ScanTime(&s.CreatedAt), db.ScanTime(&s.LastSeenAt), db.ScanTime(&s.ExpiresAt),
		db.ScanTime(&s.ProofAt), &s.IP, &s.UserAgent}
}

func sessionByHash(ctx context.Context, q db.Handle, hash []byte) (s Session, err error) {
	err = q.QueryRow(ctx, sessionSelect+` WHERE s.token_hash = $1`, hash).Scan(sessionDest(&s)...)
	return s, err
}

func sessionsOf(ctx context.Context, q db.Handle, person id.ID) ([]Session, error) {
	rows, err := q.Query(ctx, sessionSelect+` WHERE s.person_id = $1 ORDER BY s.last_seen_at DESC, s.id`, person)
	var out []Session
	err = db.Each(rows, err, func(r db.Rows) error {
		var s Session
		err := r.Scan(sessionDest(&s)...)
		out = append(out, s)
		return err
	})
	return out, err
}

func touchSession(ctx context.Context, q db.Handle, session id.ID, now time.Time) error {
	_, err := q.Exec(ctx, `UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND last_seen_at < $1`, db.Micros(now), session)
	return err
}

func proveSession(ctx context.Context, q db.Handle, session id.ID, now time.Time) error {
	_, err := q.Exec(ctx, `UPDATE sessions SET proof_at = $1 WHERE id = $2`, db.Micros(now), session)
	return err
}

// endSessions ends one session of a person, or all but one. A nil only means all; a
// nil except spares none.
func endSessions(ctx context.Context, q db.Handle, person, only, except id.ID) (int64, error) {
	if !only.IsNil() {
		return q.Exec(ctx, `DELETE FROM sessions WHERE person_id = $1 AND id = $2`, person, only)
	}
	if except.IsNil() {
		return q.Exec(ctx, `DELETE FROM sessions WHERE person_id = $1`, person)
	}
	return q.Exec(ctx, `DELETE FROM sessions WHERE person_id = $1 AND id <> $2`, person, except)
}

// forgetSessions deletes what is left of sessions that ended before a moment.
func forgetSessions(ctx context.Context, q db.Handle, person id.ID, before time.Time) error {
	_, err := q.Exec(ctx, `DELETE FROM sessions WHERE person_id = $1 AND expires_at < $2`, person, db.Micros(before))
	return err
}

// link is a one-time link as stored.
type link struct {
	purpose   string
	account   id.ID
	person    id.ID
	email     string
	role      Role
	expiresAt time.Time
	usedAt    *time.Time
}

func insertLink(ctx context.Context, q db.Handle, hash []byte, l link, now time.Time) error {
	_, err := q.Exec(ctx, `INSERT INTO one_time_links (token_hash, purpose, account_id, person_id, email, role, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		hash, l.purpose, l.account, l.person, l.email, string(l.role), db.Micros(now), db.Micros(l.expiresAt))
	return err
}

// linkByHash returns a link for one purpose that can still be used at now; anything
// else is errs.LinkInvalid.
func linkByHash(ctx context.Context, q db.Handle, hash []byte, purpose string, now time.Time) (l link, err error) {
	err = q.QueryRow(ctx, `SELECT purpose, account_id, person_id, email, role, expires_at, used_at FROM one_time_links WHERE token_hash = $1`+lockIfTx(q), hash).
		Scan(&l.purpose, &l.account, &l.person, &l.email, &l.role, db.ScanTime(&l.expiresAt), db.ScanOptTime(&l.usedAt))
	if errors.Is(err, db.ErrNoRows) || err == nil && (l.purpose != purpose || l.usedAt != nil || !now.Before(l.expiresAt)) {
		return link{}, errLink()
	}
	return l, err
}

// lockIfTx keeps two uses of one link from passing side by side.
func lockIfTx(q db.Handle) string {
	if _, ok := q.(*db.Tx); ok {
		return q.Dialect().ForUpdate()
	}
	return ""
}

func useLink(ctx context.Context, q db.Handle, hash []byte, now time.Time) error {
	_, err := q.Exec(ctx, `UPDATE one_time_links SET used_at = $1 WHERE token_hash = $2`, db.Micros(now), hash)
	return err
}

func endLinks(ctx context.Context, q db.Handle, purpose string, person id.ID, now time.Time) error {
	_, err := q.Exec(ctx, `UPDATE one_time_links SET used_at = $1 WHERE purpose = $2 AND person_id = $3 AND used_at IS NULL`, db.Micros(now), purpose, person)
	return err
}

// openInvitations lists the invitations of an account that can still be accepted.
func openInvitations(ctx context.Context, q db.Handle, account id.ID, now time.Time) ([]PendingInvitation, error) {
	rows, err := q.Query(ctx, `SELECT token_hash, email, role, created_at, expires_at FROM one_time_links
		WHERE purpose = 'invite' AND account_id = $1 AND used_at IS NULL AND expires_at > $2 ORDER BY created_at, token_hash`, account, db.Micros(now))
	var out []PendingInvitation
	err = db.Each(rows, err, func(r db.Rows) error {
		var p PendingInvitation
		err := r.Scan(&p.hash, &p.Email, &p.Role, db.ScanTime(&p.CreatedAt), db.ScanTime(&p.ExpiresAt))
		out = append(out, p)
		return err
	})
	return out, err
}

func errLink() error {
	return errs.New(errs.LinkInvalid, "This link was used, has expired, or was cut off. Ask for a new one.")
}
