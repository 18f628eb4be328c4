package api

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// IdempotencyKept is how long an answer can be replayed.
const IdempotencyKept = 30 * 24 * time.Hour

// attempt is a call that carries an Idempotency-Key, on its way through its
// transaction.
type attempt struct {
	environment id.ID
	owner       string
	route       string
	key         string
	fingerprint [32]byte
	recorded    bool
	seal        cipher.AEAD
}

// Answers are kept encrypted: they may hold what its owner wants encrypted, and they
// outlive a lead that is deleted for ever.

// newSeal makes the cipher of stored answers from a secret that all nodes share.
func newSeal(secret []byte) cipher.AEAD {
	key := sha256.Sum256(append([]byte("answers\n"), secret...))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // the key has the right length
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return seal
}

// bound is what a stored answer belongs to, so that it opens nowhere else.
func (at *attempt) bound(key string) []byte {
	return []byte(strings.Join([]string{at.environment.String(), at.owner, at.route, key}, "\n"))
}

func (at *attempt) close(key string, answer []byte) string {
	nonce := make([]byte, at.seal.NonceSize())
	_, _ = rand.Read(nonce)
	return base64.StdEncoding.EncodeToString(at.seal.Seal(nonce, nonce, answer, at.bound(key)))
}

func (at *attempt) open(key, stored string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(stored)
	if n := at.seal.NonceSize(); err == nil && len(b) >= n {
		return at.seal.Open(nil, b[:n], b[n:], at.bound(key))
	}
	return nil, errors.New("api: a stored answer cannot be opened")
}

type attemptKey struct{}

// Answered stores the answer of the present call in the transaction of its effect,
// when the call carries an Idempotency-Key; otherwise it does nothing. body is what
// a replay will get, so it must not hold a secret.
func Answered(ctx context.Context, tx *db.Tx, status int, body any) error {
	return AnsweredTagged(ctx, tx, status, "", body)
}

// AnsweredTagged is Answered for an answer that has an ETag.
func AnsweredTagged(ctx context.Context, tx *db.Tx, status int, etag string, body any) error {
	at, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return nil
	}
	text, err := AppendJSON(nil, body)
	if err != nil {
		return err
	}
	// One that can no longer be replayed may still lie there until it is swept.
	n, err := tx.Exec(ctx, `INSERT INTO idempotency (environment_id, owner, route, idempotency_key, fingerprint, status, etag, body, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (environment_id, owner, route, idempotency_key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status, etag = excluded.etag,
		body = excluded.body, created_at = excluded.created_at WHERE idempotency.created_at <= $10`,
		at.environment, at.owner, at.route, at.key, at.fingerprint[:], status, etag, at.close(at.key, text), db.Micros(tx.Now), db.Micros(tx.Now.Add(-IdempotencyKept)))
	if err != nil {
		return err
	}
	if n == 0 { // another node was first
		return errInFlight()
	}
	at.recorded = true
	return nil
}

func errInFlight() error {
	return errs.New(errs.IdempotencyInFlight, "The same call is being carried out right now. Send it again in a moment and you will get its answer.").With("retry_after", 1)
}

// once runs next for a call that may carry an Idempotency-Key: it replays a stored
// answer, refuses a key that was used for something else, and lets only one of
// several equal calls through. "In flight" is a lock in memory (and, between nodes,
// the unique row that Answered writes), never a row that a crash could leave.
func (a *API) once(w http.ResponseWriter, r *http.Request, c Caller, route string, body []byte, next http.Handler) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 || (r.Method != http.MethodPost && r.Method != http.MethodPatch) {
		next.ServeHTTP(w, r)
		return
	}
	if len(values) > 1 || !validIdempotencyKey(values[0]) {
		a.Fail(w, r, &errs.Error{Code: errs.InvalidHeader, Detail: "Idempotency-Key must be sent once, with 1 to 255 printable ASCII characters.",
			Fields: []errs.Field{{Parameter: "Idempotency-Key", Code: "invalid", Detail: "Send one value of 1 to 255 printable ASCII characters."}}})
		return
	}
	at := &attempt{environment: c.Environment, owner: c.Owner, route: route, key: values[0], fingerprint: fingerprint(r, body), seal: a.seal}
	lock := strings.Join([]string{c.Environment.String(), c.Owner, route, at.key}, "\n")
	if _, busy := a.inFlight.LoadOrStore(lock, true); busy {
		a.Fail(w, r, errInFlight())
		return
	}
	defer a.inFlight.Delete(lock)
	replayed, err := a.replay(w, r, at)
	if err != nil {
		a.Fail(w, r, err)
		return
	}
	if replayed {
		return
	}
	answer := &heldAnswer{to: w, header: w.Header().Clone(), status: http.StatusOK}
	next.ServeHTTP(answer, r.WithContext(context.WithValue(r.Context(), attemptKey{}, at)))
	if answer.status >= http.StatusBadRequest {
		// Another node may have carried out the same call meanwhile, and its effect be
		// what this one was refused for.
		if replayed, err := a.replay(w, r, at); err == nil && replayed {
			req := httpd.From(r.Context())
			req.Code, req.Err = "", nil
			return
		}
	}
	answer.send()
	if answer.status < 300 && !at.recorded && r.URL.Query().Get("dry_run") == "" {
		a.log.Error("an operation did not store its answer for Idempotency-Key", "route", route)
	}
}

// heldAnswer keeps an answer back until it is known to be the one to give.
type heldAnswer struct {
	to     http.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }

func (h *heldAnswer) send() {
	maps.Copy(h.to.Header(), h.header)
	h.to.WriteHeader(h.status)
	_, _ = h.to.Write(h.body.Bytes())
}

// replay answers from the store when the call was carried out before.
func (a *API) replay(w http.ResponseWriter, r *http.Request, at *attempt) (bool, error) {
	var print []byte
	var status int
	var etag, body string
	err := a.db.QueryRow(r.Context(), `SELECT fingerprint, status, etag, body FROM idempotency
		WHERE environment_id = $1 AND owner = $2 AND route = $3 AND idempotency_key = $4 AND created_at > $5`,
		at.environment, at.owner, at.route, at.key, db.Micros(a.db.Now().Add(-IdempotencyKept))).Scan(&print, &status, &etag, &body)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if string(print) != string(at.fingerprint[:]) {
		return false, errs.New(errs.IdempotencyMismatch, "This Idempotency-Key was already used for a different call. Use a new one for a new call.")
	}
	answer, err := at.open(at.key, body)
	if err != nil {
		return false, err
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.Header().Set("Content-Type", "application/json")
	if etag != "" {
		w.Header().Set("ETag", etag)
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
	return true, nil
}

func validIdempotencyKey(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for _, c := range []byte(s) {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

func fingerprint(r *http.Request, body []byte) [32]byte {
	h := sha256.New()
	for _, part := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Content-Type")} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	h.Write(body)
	return [32]byte(h.Sum(nil))
}

// ForgetOldAnswers deletes answers that can no longer be replayed, a slice at a time.
func ForgetOldAnswers(ctx context.Context, d *db.DB) error {
	for {
		var n int64
		err := d.Update(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
			n, err = tx.Exec(ctx, `DELETE FROM idempotency WHERE (environment_id, owner, route, idempotency_key) IN (
				SELECT environment_id, owner, route, idempotency_key FROM idempotency WHERE created_at < $1 LIMIT 500)`,
				db.Micros(tx.Now.Add(-IdempotencyKept)))
			return err
		})
		if err != nil || n < 500 {
			return err
		}
	}
}
