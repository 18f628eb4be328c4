package apikey

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// The one read that decides a request: the key, its environment and account, and the
// membership of the person who made it.
//
// Its time must not tell what its answer does not say. So it always finds a row, o:
// where there is no such id, the next one's, whose hash then does not match, as that of
// a wrong secret does not. It looks for what comes behind the number before, which is
// not there in either case: a text compares the longer, the more of its beginning is the
// same, and a processor foresees where the search for a number that is there ends. Of o
// it reads what stands in the index, which does not change with the key. And only the
// right secret joins k, the same row, and all that hangs on it; for every other one these
// are NULL. (The database compares digests, of which nobody can choose the beginning;
// lookup compares again, in constant time, and that decides.)
const (
	verifyColumns = `SELECT o.hash, k.id, COALESCE(k.name, ''), k.family_id, COALESCE(k.scopes, ''), COALESCE(k.ip_allow, ''), COALESCE(k.origins, ''), k.rate_per_minute, k.created_by,
		k.not_before, k.expires_at, k.disabled_at, k.revoked_at, COALESCE(k.revoked_because, ''), k.first_used_at,
		e.id, COALESCE(e.name, ''), COALESCE(e.slug, ''), COALESCE(e.kind, ''), a.id, COALESCE(a.name, ''), COALESCE(a.slug, ''), COALESCE(a.exposed_policy, ''),
		COALESCE(m.role, ''), m.suspended_at, (SELECT n.id FROM api_keys n WHERE n.replaces = k.id)`
	verifyFrom = `
	FROM api_keys o
	LEFT JOIN api_keys k ON k.place = o.place AND o.hash = $2
	LEFT JOIN environments e ON e.id = k.environment_id
	LEFT JOIN accounts a ON a.id = k.account_id
	LEFT JOIN memberships m ON m.account_id = k.account_id AND m.person_id = k.created_by`
	verifyWhere = `
	WHERE o.place = COALESCE((SELECT x.place FROM api_keys x WHERE x.place > $1 ORDER BY x.place LIMIT 1), (SELECT MIN(x.place) FROM api_keys x))`
	verifySelect = verifyColumns + verifyFrom + verifyWhere

	// wholeSelect brings everything else that is shown of a key as well, for the
	// operation whose answer is the key that asks.
	wholeSelect = verifyColumns + `, COALESCE(k.last4, ''), k.replaces, COALESCE(k.purpose, ''), COALESCE(p.name, ''), k.created_by_key, k.created_at, k.updated_at, k.exposed_at, COALESCE(k.exposed_where, ''),
		u.at, COALESCE(u.ip, ''), COALESCE(u.method, ''), COALESCE(u.route, ''), COALESCE(u.status, 0), COALESCE(u.user_agent, '')` + verifyFrom + `
	LEFT JOIN people p ON p.id = k.created_by
	LEFT JOIN key_activity u ON u.key_id = k.id` + verifyWhere
)

// unknownHash is compared when there is no key, so that the work is the same.
var unknownHash = sha256.Sum256([]byte("no such key"))

// verified is a key as it is read for a request.
type verified struct {
	Key
	account account.Account
	last    *Call // stored last use; whole only
}

// lookup finds the key of a secret, nil when there is none or its secret is another.
// whole reads what is shown of the key, too, in the same query.
func lookup(ctx context.Context, q db.Handle, secret Secret, whole bool) (*verified, error) {
	v := new(verified)
	mine, hash := secret.Hash(), unknownHash[:]
	var scopes, ips, origins string
	var rate, suspended sql.NullInt64
	var room [41]any
	dest := append(room[:0], &hash, &v.ID, &v.Name, &v.Family, &scopes, &ips, &origins, &rate, &v.CreatedBy,
		db.ScanOptTime(&v.NotBefore), db.ScanOptTime(&v.ExpiresAt), db.ScanOptTime(&v.DisabledAt), db.ScanOptTime(&v.RevokedAt), (*string)(&v.RevokedWhy), db.ScanOptTime(&v.FirstUsedAt),
		&v.Environment.ID, &v.Environment.Name, &v.Environment.Slug, (*string)(&v.Environment.Kind), &v.account.ID, &v.account.Name, &v.account.Slug, (*string)(&v.account.ExposedPolicy),
		(*string)(&v.creatorRole), &suspended, &v.ReplacedBy)
	query := verifySelect
	var last *Call
	var created, updated, lastAt *time.Time
	if whole {
		last = new(Call)
		query = wholeSelect
		dest = append(dest, &v.Last4, &v.Replaces, &v.Purpose, &v.CreatedByName, &v.CreatedByKey, db.ScanOptTime(&created), db.ScanOptTime(&updated),
			db.ScanOptTime(&v.ExposedAt), &v.ExposedWhere, db.ScanOptTime(&lastAt), &last.IP, &last.Method, &last.Route, &last.Status, &last.UserAgent)
	}
	err := q.QueryRow(ctx, query, lookupPlace(secret.PublicID())-1, mine[:]).Scan(dest...)
	if err != nil && !errors.Is(err, db.ErrNoRows) { // no rows: there is no key at all
		return nil, err
	}
	if subtle.ConstantTimeCompare(mine[:], hash) != 1 {
		return nil, nil
	}
	v.PublicID, v.AccountID, v.Environment.AccountID = secret.PublicID(), v.account.ID, v.account.ID
	v.read(scopes, ips, origins, rate)
	v.creatorSuspended = suspended.Valid
	if whole {
		v.CreatedAt, v.UpdatedAt = *created, *updated
	}
	if lastAt != nil {
		last.At = *lastAt
		v.last = last
	}
	return v, nil
}

// read decodes the columns that hold lists.
func (k *Key) read(scopes, ips, origins string, rate sql.NullInt64) {
	for s := range strings.FieldsSeq(scopes) {
		k.Scopes = append(k.Scopes, account.Scope(s))
	}
	for s := range strings.FieldsSeq(ips) {
		if p, err := netip.ParsePrefix(s); err == nil {
			k.IPAllow = append(k.IPAllow, p)
		}
	}
	k.Origins = strings.Fields(origins)
	if rate.Valid {
		n := int(rate.Int64)
		k.Rate = &n
	}
}

func networksText(list []netip.Prefix) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
	}
	return strings.Join(texts, " ")
}

func rateValue(rate *int) any {
	if rate == nil {
		return nil
	}
	return *rate
}

const keySelect = `SELECT k.id, k.account_id, e.id, e.name, e.slug, e.kind, k.public_id, k.last4, k.family_id, k.replaces, k.name, k.purpose,
	k.scopes, k.ip_allow, k.origins, k.rate_per_minute, k.created_by, COALESCE(p.name, ''), k.created_by_key, k.created_at, k.updated_at, k.not_before, k.expires_at,
	k.disabled_at, k.revoked_at, k.revoked_because, k.exposed_at, k.exposed_where, k.first_used_at, m.role, m.suspended_at,
	(SELECT n.id FROM api_keys n WHERE n.replaces = k.id)
	FROM api_keys k
	JOIN environments e ON e.id = k.environment_id
	LEFT JOIN people p ON p.id = k.created_by
	LEFT JOIN memberships m ON m.account_id = k.account_id AND m.person_id = k.created_by`

func queryKeys(ctx context.Context, q db.Handle, rest string, args ...any) ([]Key, error) {
	rows, err := q.Query(ctx, keySelect+" "+rest, args...)
	var out []Key
	err = db.Each(rows, err, func(r db.Rows) error {
		var k Key
		var scopes, ips, origins string
		var rate sql.NullInt64
		var role sql.NullString
		var suspended sql.NullInt64
		if err := r.Scan(&k.ID, &k.AccountID, &k.Environment.ID, &k.Environment.Name, &k.Environment.Slug, &k.Environment.Kind, &k.PublicID, &k.Last4, &k.Family, &k.Replaces,
			&k.Name, &k.Purpose, &scopes, &ips, &origins, &rate, &k.CreatedBy, &k.CreatedByName, &k.CreatedByKey, db.ScanTime(&k.CreatedAt), db.ScanTime(&k.UpdatedAt),
			db.ScanOptTime(&k.NotBefore), db.ScanOptTime(&k.ExpiresAt), db.ScanOptTime(&k.DisabledAt), db.ScanOptTime(&k.RevokedAt), &k.RevokedWhy,
			db.ScanOptTime(&k.ExposedAt), &k.ExposedWhere, db.ScanOptTime(&k.FirstUsedAt), &role, &suspended, &k.ReplacedBy); err != nil {
			return err
		}
		k.Environment.AccountID = k.AccountID
		k.read(scopes, ips, origins, rate)
		k.creatorRole, k.creatorSuspended = account.Role(role.String), suspended.Valid
		out = append(out, k)
		return nil
	})
	return out, err
}

// keyByID reads one key of an environment. Another environment's does not exist. In a
// transaction the row is locked against other changes.
func keyByID(ctx context.Context, q db.Handle, environment, key id.ID) (Key, error) {
	lock := ""
	if _, ok := q.(*db.Tx); ok {
		lock = q.Dialect().ForUpdateOf("k")
	}
	keys, err := queryKeys(ctx, q, `WHERE k.environment_id = $1 AND k.id = $2`+lock, environment, key)
	if err == nil && len(keys) == 0 {
		err = errs.NotFoundf("API key")
	}
	if err != nil {
		return Key{}, err
	}
	return keys[0], nil
}

// findKey resolves a UUID or public id anywhere in an account, for the command line.
func findKey(ctx context.Context, q db.Handle, idOrPublic string) (Key, error) {
	keys, err := queryKeys(ctx, q, `WHERE k.public_id = $1`, idOrPublic)
	if parsed, perr := id.Parse(idOrPublic); perr == nil {
		keys, err = queryKeys(ctx, q, `WHERE k.id = $1`, parsed)
	}
	if err == nil && len(keys) == 0 {
		err = errs.New(errs.NotFound, "There is no API key %q; give its id or the 12 characters of its public id.", clipText(idOrPublic, 40))
	}
	if err != nil {
		return Key{}, err
	}
	return keys[0], nil
}

func insertKey(ctx context.Context, q db.Handle, k Key, hash [32]byte) error {
	var taken int
	if err := q.QueryRow(ctx, `SELECT COUNT(*) FROM api_keys WHERE place = $1`, lookupPlace(k.PublicID)).Scan(&taken); err != nil {
		return err
	}
	if taken > 0 { // once in 10^12 keys
		return errs.New(errs.Conflict, "The new key could not be told apart from an older one. Please try again.")
	}
	_, err := q.Exec(ctx, `INSERT INTO api_keys (id, account_id, environment_id, public_id, hash, last4, family_id, replaces, name, name_folded, purpose, scopes, ip_allow, origins,
		rate_per_minute, created_by, created_by_key, created_at, updated_at, not_before, expires_at, place)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)`,
		k.ID, k.AccountID, k.Environment.ID, k.PublicID, hash[:], k.Last4, k.Family, k.Replaces, k.Name, account.Fold(k.Name), k.Purpose, k.Scopes.String(), networksText(k.IPAllow),
		strings.Join(k.Origins, " "), rateValue(k.Rate), k.CreatedBy, k.CreatedByKey, db.Micros(k.CreatedAt), db.Micros(k.UpdatedAt), db.OptMicros(k.NotBefore), db.OptMicros(k.ExpiresAt), lookupPlace(k.PublicID))
	return err
}

func updateSettings(ctx context.Context, q db.Handle, k Key) error {
	_, err := q.Exec(ctx, `UPDATE api_keys SET name = $1, name_folded = $2, purpose = $3, scopes = $4, ip_allow = $5, origins = $6, rate_per_minute = $7, not_before = $8, expires_at = $9,
		updated_at = $10 WHERE id = $11`,
		k.Name, account.Fold(k.Name), k.Purpose, k.Scopes.String(), networksText(k.IPAllow), strings.Join(k.Origins, " "), rateValue(k.Rate), db.OptMicros(k.NotBefore),
		db.OptMicros(k.ExpiresAt), db.Micros(k.UpdatedAt), k.ID)
	return err
}

func setDisabled(ctx context.Context, q db.Handle, k Key, at *time.Time, now time.Time) error {
	_, err := q.Exec(ctx, `UPDATE api_keys SET disabled_at = $1, updated_at = $2 WHERE id = $3 AND revoked_at IS NULL`, db.OptMicros(at), db.Micros(k.touched(now)), k.ID)
	return err
}

func setEnd(ctx context.Context, q db.Handle, k Key, end, now time.Time) error {
	_, err := q.Exec(ctx, `UPDATE api_keys SET expires_at = $1, updated_at = $2 WHERE id = $3`, db.Micros(end), db.Micros(k.touched(now)), k.ID)
	return err
}

// kill revokes a key. It is the only place that does: by hand, by the end of a
// rotation, by policy after an exposure. It reports whether the key was alive.
func kill(ctx context.Context, q db.Handle, k Key, why Why, now time.Time) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE api_keys SET revoked_at = $1, revoked_because = $2, updated_at = $3 WHERE id = $4 AND revoked_at IS NULL`,
		db.Micros(now), string(why), db.Micros(k.touched(now)), k.ID)
	return n == 1, err
}

func setExposed(ctx context.Context, q db.Handle, k Key, where string, now time.Time) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE api_keys SET exposed_at = $1, exposed_where = $2, updated_at = $3 WHERE id = $4 AND exposed_at IS NULL`,
		db.Micros(now), where, db.Micros(k.touched(now)), k.ID)
	return n == 1, err
}

// setFirstUsed reports whether this was the first use, and of which name the key is.
func setFirstUsed(ctx context.Context, q db.Handle, key id.ID, at time.Time) (name string, first bool, err error) {
	err = q.QueryRow(ctx, `UPDATE api_keys SET first_used_at = $1 WHERE id = $2 AND first_used_at IS NULL RETURNING name`, db.Micros(at), key).Scan(&name)
	if errors.Is(err, db.ErrNoRows) {
		return "", false, nil
	}
	return name, err == nil, err
}

// nameInUse tells whether another living key of the environment has the name. The
// caller holds the environment's lock.
func nameInUse(ctx context.Context, q db.Handle, k Key, now time.Time) (bool, error) {
	var n int
	err := q.QueryRow(ctx, `SELECT COUNT(*) FROM api_keys WHERE environment_id = $1 AND name_folded = $2 AND family_id <> $3 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $4)`,
		k.Environment.ID, account.Fold(k.Name), k.Family, db.Micros(now)).Scan(&n)
	return n > 0, err
}

// lockEnvironment makes changes that must see each other's names wait for each other.
func lockEnvironment(ctx context.Context, tx *db.Tx, environment id.ID) error {
	var locked id.ID
	return tx.QueryRow(ctx, `SELECT id FROM environments WHERE id = $1`+tx.Dialect().ForUpdate(), environment).Scan(&locked)
}

// lockCaller reads the key that acts again inside the transaction, so that one that
// is being revoked cannot leave anything behind: either its change commits first and
// the revocation sees it, or it is refused.
func lockCaller(ctx context.Context, tx *db.Tx, key id.ID) (Key, error) {
	keys, err := queryKeys(ctx, tx, `WHERE k.id = $1`+tx.Dialect().ForShareOf("k"), key)
	if err == nil && len(keys) == 0 {
		err = errs.NotFoundf("API key")
	}
	if err != nil {
		return Key{}, err
	}
	return keys[0], nil
}

// childrenOf lists the living keys that a key has made, and those they have made.
func childrenOf(ctx context.Context, q db.Handle, key id.ID, now time.Time) ([]Key, error) {
	return queryKeys(ctx, q, `WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2) AND k.id IN (
		WITH RECURSIVE made (id) AS (
			SELECT c.id FROM api_keys c WHERE c.created_by_key = $1
			UNION SELECT c.id FROM api_keys c JOIN made ON c.created_by_key = made.id)
		SELECT id FROM made) ORDER BY k.created_at, k.id`, key, db.Micros(now))
}

func originListed(ctx context.Context, q db.Handle, origin string, now time.Time) (bool, error) {
	rows, err := q.Query(ctx, `SELECT origins FROM api_keys WHERE origins <> '' AND revoked_at IS NULL AND disabled_at IS NULL AND (expires_at IS NULL OR expires_at > $1)`, db.Micros(now))
	listed := false
	err = db.Each(rows, err, func(r db.Rows) error {
		var origins string
		if err := r.Scan(&origins); err != nil {
			return err
		}
		for o := range strings.FieldsSeq(origins) {
			listed = listed || o == strings.ToLower(origin)
		}
		return nil
	})
	return listed, err
}

// countExposed counts the living keys of an environment that were exposed.
func countExposed(ctx context.Context, q db.Handle, environment id.ID, now time.Time) (int, error) {
	var n int
	err := q.QueryRow(ctx, `SELECT COUNT(*) FROM api_keys WHERE environment_id = $1 AND exposed_at IS NOT NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)`,
		environment, db.Micros(now)).Scan(&n)
	return n, err
}
