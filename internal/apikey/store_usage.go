package apikey

import (
	"context"
	"errors"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func storeUsage(ctx context.Context, tx *db.Tx, key id.ID, g *gathered) error {
	if l := g.last; l != nil {
		// Only forward: another node may have written a later call.
		if err := tx.Queue(ctx, `INSERT INTO key_activity (key_id, environment_id, at, ip, method, route, status, user_agent) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (key_id) DO UPDATE SET at = excluded.at, ip = excluded.ip, method = excluded.method, route = excluded.route, status = excluded.status,
			user_agent = excluded.user_agent WHERE key_activity.at < excluded.at`,
			key, g.environment, db.Micros(l.At), l.IP, l.Method, l.Route, l.Status, l.UserAgent); err != nil {
			return err
		}
	}
	for b, n := range g.counts {
		if err := tx.Queue(ctx, `INSERT INTO key_usage (environment_id, key_id, hour, route, status, calls) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (environment_id, key_id, hour, route, status) DO UPDATE SET calls = key_usage.calls + excluded.calls`,
			g.environment, key, b.hour, b.route, b.status, n); err != nil {
			return err
		}
	}
	for a, use := range g.addresses {
		if err := tx.Queue(ctx, `INSERT INTO key_addresses (environment_id, key_id, day, ip, calls, last_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (environment_id, key_id, day, ip) DO UPDATE SET calls = key_addresses.calls + excluded.calls,
			last_at = CASE WHEN key_addresses.last_at > excluded.last_at THEN key_addresses.last_at ELSE excluded.last_at END`,
			g.environment, key, a.day, a.ip, use.calls, db.Micros(use.last)); err != nil {
			return err
		}
	}
	for _, c := range g.calls[max(0, len(g.calls)-keptCalls):] {
		if err := tx.Queue(ctx, `INSERT INTO key_calls (environment_id, key_id, at, request_id, method, route, status, micros, ip, user_agent)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
			g.environment, key, db.Micros(c.At), c.RequestID, c.Method, c.Route, c.Status, c.Took.Microseconds(), c.IP, c.UserAgent); err != nil {
			return err
		}
	}
	err := tx.Queue(ctx, `DELETE FROM key_calls WHERE environment_id = $1 AND key_id = $2 AND at < (
		SELECT MIN(at) FROM (SELECT at FROM key_calls WHERE environment_id = $1 AND key_id = $2 ORDER BY at DESC LIMIT $3) AS kept)`,
		g.environment, key, keptCalls)
	return err
}

// lastUses reads the last call of every key of an environment.
func lastUses(ctx context.Context, q db.Handle, environment id.ID) (map[id.ID]Call, error) {
	rows, err := q.Query(ctx, `SELECT a.key_id, a.at, a.ip, a.method, a.route, a.status, a.user_agent FROM key_activity a
		JOIN api_keys k ON k.id = a.key_id WHERE k.environment_id = $1`, environment)
	out := map[id.ID]Call{}
	err = db.Each(rows, err, func(r db.Rows) error {
		var key id.ID
		var c Call
		err := r.Scan(&key, db.ScanTime(&c.At), &c.IP, &c.Method, &c.Route, &c.Status, &c.UserAgent)
		out[key] = c
		return err
	})
	return out, err
}

// lastUse reads the last call of one key, nil when there was none.
func lastUse(ctx context.Context, q db.Handle, key id.ID) (*Call, error) {
	var c Call
	err := q.QueryRow(ctx, `SELECT at, ip, method, route, status, user_agent FROM key_activity WHERE key_id = $1`, key).
		Scan(db.ScanTime(&c.At), &c.IP, &c.Method, &c.Route, &c.Status, &c.UserAgent)
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	return &c, err
}

// count is a number of calls of one key in one hour with one outcome.
type count struct {
	key    id.ID
	hour   int64
	route  string
	status int
	calls  int
}

// countsSince reads the calls from an hour on; a nil key means all of the environment.
func countsSince(ctx context.Context, q db.Handle, environment, key id.ID, hour int64) ([]count, error) {
	query := `SELECT key_id, hour, route, status, calls FROM key_usage WHERE environment_id = $1 AND key_id = $2 AND hour >= $3`
	args := []any{environment, key, hour}
	if key.IsNil() {
		// Routes are of no use for the list, and there may be many.
		query = `SELECT key_id, hour, '', status, SUM(calls) FROM key_usage WHERE environment_id = $1 AND hour >= $2 GROUP BY key_id, hour, status`
		args = []any{environment, hour}
	}
	rows, err := q.Query(ctx, query, args...)
	var out []count
	err = db.Each(rows, err, func(r db.Rows) error {
		var c count
		err := r.Scan(&c.key, &c.hour, &c.route, &c.status, &c.calls)
		out = append(out, c)
		return err
	})
	return out, err
}

// AddressCount is how often a key was used from an address.
type AddressCount struct {
	IP    string
	Calls int
	Last  time.Time
}

func addressesSince(ctx context.Context, q db.Handle, environment, key id.ID, day int64) ([]AddressCount, error) {
	rows, err := q.Query(ctx, `SELECT ip, SUM(calls), MAX(last_at) FROM key_addresses WHERE environment_id = $1 AND key_id = $2 AND day >= $3
		GROUP BY ip ORDER BY MAX(last_at) DESC`, environment, key, day)
	var out []AddressCount
	err = db.Each(rows, err, func(r db.Rows) error {
		var a AddressCount
		err := r.Scan(&a.IP, &a.Calls, db.ScanTime(&a.Last))
		out = append(out, a)
		return err
	})
	return out, err
}

func lastCalls(ctx context.Context, q db.Handle, environment, key id.ID) ([]Call, error) {
	rows, err := q.Query(ctx, `SELECT at, request_id, method, route, status, micros, ip, user_agent FROM key_calls
		WHERE environment_id = $1 AND key_id = $2 ORDER BY at DESC, request_id LIMIT $3`, environment, key, keptCalls)
	var out []Call
	err = db.Each(rows, err, func(r db.Rows) error {
		var c Call
		var micros int64
		err := r.Scan(db.ScanTime(&c.At), &c.RequestID, &c.Method, &c.Route, &c.Status, &micros, &c.IP, &c.UserAgent)
		c.Took = time.Duration(micros) * time.Microsecond
		out = append(out, c)
		return err
	})
	return out, err
}

// forgetUsage deletes counts older than the longest range a page shows, a slice at a
// time. It reports whether there may be more.
func forgetUsage(ctx context.Context, tx *db.Tx) (bool, error) {
	const slice = 1000
	before := tx.Now.Add(-usageKept)
	n1, err := tx.Exec(ctx, `DELETE FROM key_usage WHERE (environment_id, key_id, hour, route, status) IN (
		SELECT environment_id, key_id, hour, route, status FROM key_usage WHERE hour < $1 LIMIT $2)`, before.Unix()/3600, slice)
	if err != nil {
		return false, err
	}
	n2, err := tx.Exec(ctx, `DELETE FROM key_addresses WHERE (environment_id, key_id, day, ip) IN (
		SELECT environment_id, key_id, day, ip FROM key_addresses WHERE day < $1 LIMIT $2)`, before.Unix()/86400, slice)
	return n1 == slice || n2 == slice, err
}
