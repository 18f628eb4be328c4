package api

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// An operation that commits in several transactions keeps what each has done, so that
// a call that is sent again with the same Idempotency-Key, after a crash in the middle,
// goes on where it ended. A part lies beside the answers, under a name no caller can
// send.

func (at *attempt) part(n int) string { return at.key + "\x1f" + strconv.Itoa(n) }

// PartDone reads into what a part of the present call has done before; false when it
// has not, or when the call carries no Idempotency-Key.
func PartDone(ctx context.Context, q db.Handle, n int, into any) (bool, error) {
	at, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return false, nil
	}
	var print []byte
	var body string
	err := q.QueryRow(ctx, `SELECT fingerprint, body FROM idempotency WHERE environment_id = $1 AND owner = $2 AND route = $3 AND idempotency_key = $4`,
		at.environment, at.owner, at.route, at.part(n)).Scan(&print, &body)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case string(print) != string(at.fingerprint[:]):
		return false, errs.New(errs.IdempotencyMismatch, "This Idempotency-Key was already used for a different call. Use a new one for a new call.")
	}
	done, err := at.open(at.part(n), body)
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(done, into)
}

// KeepPart stores what a part of the present call has done, in the transaction of its
// effect. Of two equal calls on different nodes only one can.
func KeepPart(ctx context.Context, tx *db.Tx, n int, done any) error {
	at, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return nil
	}
	kept, err := tx.Exec(ctx, `INSERT INTO idempotency (environment_id, owner, route, idempotency_key, fingerprint, status, body, created_at) VALUES ($1, $2, $3, $4, $5, 0, $6, $7) ON CONFLICT DO NOTHING`,
		at.environment, at.owner, at.route, at.part(n), at.fingerprint[:], at.close(at.part(n), []byte(db.JSON(done))), db.Micros(tx.Now))
	if err == nil && kept == 0 {
		err = errInFlight()
	}
	return err
}
