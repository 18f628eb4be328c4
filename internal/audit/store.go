package audit

import (
	"context"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Record writes e in the transaction of the change it tells of. ID and At are set
// here.
func Record(ctx context.Context, tx *db.Tx, e Entry) error {
	if e.Changes == nil {
		e.Changes = map[string]Change{}
	}
	err := tx.Queue(ctx, `INSERT INTO audit_log (id, account_id, environment_id, at, actor_kind, actor_id, actor_name, ip, user_agent, request_id,
		action, object_kind, object_id, object_name, changes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		id.At(tx.Now), e.AccountID, e.EnvironmentID, db.Micros(tx.Now), string(e.Actor.Kind), e.Actor.ID, e.Actor.Name, e.Actor.IP,
		clip(e.Actor.UserAgent, 400), e.Actor.RequestID, e.Action, e.Object.Kind, e.Object.ID, e.Object.Name, db.JSON(e.Changes))
	return err
}

// Filter narrows a listing. Zero values do not narrow.
type Filter struct {
	AccountID id.ID
	ObjectID  id.ID
	Action    string // an action, or the part before its dot
	Before    *Entry // continue after this entry, newest first
	Limit     int
}

// List returns entries of one account, newest first.
func List(ctx context.Context, q db.Handle, f Filter) ([]Entry, error) {
	where, args := []string{"account_id = $1"}, []any{f.AccountID}
	add := func(cond string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			cond = strings.Replace(cond, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		where = append(where, cond)
	}
	if !f.ObjectID.IsNil() {
		add("object_id = ?", f.ObjectID)
	}
	if f.Action != "" {
		add("(action = ? OR action LIKE ?)", f.Action, f.Action+".%")
	}
	if f.Before != nil {
		add("(at, id) < (?, ?)", db.Micros(f.Before.At), f.Before.ID)
	}
	args = append(args, f.Limit)
	rows, err := q.Query(ctx, `SELECT id, account_id, environment_id, at, actor_kind, actor_id, actor_name, ip, user_agent, request_id, action,
		object_kind, object_id, object_name, changes FROM audit_log WHERE `+strings.Join(where, " AND ")+` ORDER BY at DESC, id DESC LIMIT $`+strconv.Itoa(len(args)), args...)
	var out []Entry
	err = db.Each(rows, err, func(r db.Rows) error {
		var e Entry
		err := r.Scan(&e.ID, &e.AccountID, &e.EnvironmentID, db.ScanTime(&e.At), &e.Actor.Kind, &e.Actor.ID, &e.Actor.Name, &e.Actor.IP, &e.Actor.UserAgent,
			&e.Actor.RequestID, &e.Action, &e.Object.Kind, &e.Object.ID, &e.Object.Name, db.ScanJSON(&e.Changes))
		out = append(out, e)
		return err
	})
	return out, err
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}
