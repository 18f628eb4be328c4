package apikey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// once is one showing of a form whose answer holds a secret. It carries a nonce, so
// that sending it again, by a reload or a second press, makes nothing.
type once struct {
	environment id.ID
	person      id.ID
	route       string // METHOD /path/{pattern}
	nonce       string
	typed       [32]byte // fingerprint of what was filled in
}

func newOnce(who account.Principal, route, nonce, filled string) once {
	o := once{environment: who.Environment.ID, route: route, nonce: nonce, typed: sha256.Sum256([]byte(filled))}
	if who.Person != nil {
		o.person = who.Person.ID
	}
	return o
}

func (o once) owner() string { return "person:" + o.person.String() }

// valid tells whether the nonce can be one of ours.
func (o once) valid() bool {
	raw, err := hex.DecodeString(o.nonce)
	return err == nil && len(raw) == nonceBytes
}

var errOnce = errs.New(errs.Conflict, "This form was sent already. Its key was shown in the first answer.")

// spend notes in the transaction of its effect that the form was carried out, and
// which key it made. Of two at the same moment the second fails, and with it its key.
func (o once) spend(ctx context.Context, tx *db.Tx, made id.ID) error {
	n, err := tx.Exec(ctx, `INSERT INTO idempotency (environment_id, owner, route, idempotency_key, fingerprint, status, body, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		o.environment, o.owner(), o.route, o.nonce, o.typed[:], 200, made.String(), db.Micros(tx.Now))
	if err == nil && n == 0 {
		err = errOnce
	}
	return err
}

// spent returns the key that the form made when it was sent before. same tells
// whether the same was typed then.
func (o once) spent(ctx context.Context, q db.Handle) (made id.ID, same, ok bool, err error) {
	var fingerprint []byte
	var body string
	err = q.QueryRow(ctx, `SELECT fingerprint, body FROM idempotency WHERE environment_id = $1 AND owner = $2 AND route = $3 AND idempotency_key = $4`,
		o.environment, o.owner(), o.route, o.nonce).Scan(&fingerprint, &body)
	if errors.Is(err, db.ErrNoRows) {
		return id.Nil, false, false, nil
	}
	if err != nil {
		return id.Nil, false, false, err
	}
	made, err = id.Parse(body)
	return made, string(fingerprint) == string(o.typed[:]), err == nil, err
}
