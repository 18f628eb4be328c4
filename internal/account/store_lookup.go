package account

import (
	"context"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// FindMember finds an active member of an account by UUID or e-mail address, as
// callers of the API name them; ok is false when there is none.
func FindMember(ctx context.Context, q db.Handle, account id.ID, ref string) (p Person, ok bool, err error) {
	where, arg := `p.email_folded = $2`, any(Fold(ref))
	if u, err := id.Parse(ref); err == nil {
		where, arg = `p.id = $2`, u
	}
	rows, err := q.Query(ctx, `SELECT p.id, p.email, p.name FROM memberships m JOIN people p ON p.id = m.person_id
		WHERE m.account_id = $1 AND m.suspended_at IS NULL AND `+where, account, arg)
	err = db.Each(rows, err, func(r db.Rows) error {
		ok = true
		return r.Scan(&p.ID, &p.Email, &p.Name)
	})
	return p, ok, err
}

// People returns those who have these ids and are or were members of the account, so
// that what they once worked on can still name them.
func People(ctx context.Context, q db.Handle, account id.ID, ids []id.ID) (map[id.ID]Person, error) {
	people := make(map[id.ID]Person, len(ids))
	if len(ids) == 0 {
		return people, nil
	}
	rows, err := q.Query(ctx, `SELECT p.id, p.email, p.name FROM memberships m JOIN people p ON p.id = m.person_id
		WHERE m.account_id = $1 AND `+q.Dialect().In("m.person_id", 2), account, db.List(q.Dialect(), ids))
	err = db.Each(rows, err, func(r db.Rows) error {
		var p Person
		err := r.Scan(&p.ID, &p.Email, &p.Name)
		people[p.ID] = p
		return err
	})
	return people, err
}

// EnvironmentIDs lists the environments of an account in the order of their ids.
func EnvironmentIDs(ctx context.Context, q db.Handle, account id.ID) (out []id.ID, err error) {
	rows, err := q.Query(ctx, `SELECT id FROM environments WHERE account_id = $1 ORDER BY id`, account)
	err = db.Each(rows, err, func(r db.Rows) error {
		var environment id.ID
		err := r.Scan(&environment)
		out = append(out, environment)
		return err
	})
	return out, err
}
