package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// A form whose answer shows a secret carries a nonce. It is spent in the transaction
// that makes the secret, so the answer can be reloaded without making another one.

// newNonce returns a nonce for such a form.
func newNonce() string { return rand.Text() }

var errSpent = errors.New("account: the form was sent before")

// spendNonce notes that a form was carried out. form names the form, whatever is in
// it. The second time is a conflict that alreadyShown recognises. A form without a
// usable nonce is refused, and can be sent again with a new one.
func spendNonce(ctx context.Context, tx *db.Tx, who Principal, se Session, form, nonce string) error {
	if len(nonce) != len(rand.Text()) {
		return errs.New(errs.Conflict, "This page was out of date. Nothing was changed; please send the form again.")
	}
	fingerprint := sha256.Sum256([]byte(nonce))
	n, err := tx.Exec(ctx, `INSERT INTO idempotency (environment_id, owner, route, idempotency_key, fingerprint, status, body, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		who.Environment.ID, "session "+se.ID.String(), form, nonce, fingerprint[:], 200, "", db.Micros(tx.Now))
	if err == nil && n == 0 {
		return errs.New(errs.Conflict, "This was shown already, and it is shown only once. Nothing new was made.").Because(errSpent)
	}
	return err
}

// spendOnce is spendNonce as a step of a transaction.
func spendOnce(who Principal, se Session, form, nonce string) func(context.Context, *db.Tx) error {
	return func(ctx context.Context, tx *db.Tx) error { return spendNonce(ctx, tx, who, se, form, nonce) }
}

// alreadyShown tells whether err is the refusal of a form that was carried out before.
func alreadyShown(err error) bool { return errors.Is(err, errSpent) }
