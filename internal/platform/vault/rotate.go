package vault

import (
	"context"
	"crypto/cipher"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/leadflip/leadflip/internal/platform/db"
)

// nextSuffix is behind the name of the file in which the next master key waits.
const nextSuffix = ".new"

// Rotated is what a rotation did.
type Rotated struct {
	Secrets int    // how many were wrapped anew
	File    string // that holds the new master key; "" when it came from a variable
}

// WrongUse is the error of a rotation that was asked for in a wrong way.
type WrongUse string

// Error implements error.
func (w WrongUse) Error() string { return string(w) }

const (
	errNoNewKey    = WrongUse("the master key comes from LEADFLIP_MASTER_KEY, so the new one must be in LEADFLIP_NEW_MASTER_KEY; make it with: openssl rand -base64 32")
	errUnwantedKey = WrongUse("LEADFLIP_NEW_MASTER_KEY belongs to LEADFLIP_MASTER_KEY; where the master key is in a file, the new one is made and put into that file")
	errSameKey     = WrongUse("LEADFLIP_NEW_MASTER_KEY is the present master key; make another with: openssl rand -base64 32")
)

var errDone = errors.New("the database is already wrapped with LEADFLIP_NEW_MASTER_KEY; give it to every node as LEADFLIP_MASTER_KEY")

// Rotate wraps every secret with a new master key. newKey is that key where the present
// one comes from a variable; where it is in a file, the new one is made.
//
// It can be interrupted anywhere. The new key is on disk, beside the present one,
// before the database depends on it, and the present one is replaced only after no row
// depends on it any more; between the two, the next start (or Rotate) sees which of
// them fits. A key that waits is used by the next rotation, never thrown away, so that
// two rotations at once cannot take the key from under each other.
func Rotate(ctx context.Context, d *db.DB, cfg Config, newKey string) (Rotated, error) {
	switch {
	case cfg.Key != "" && newKey == "":
		return Rotated{}, errNoNewKey
	case cfg.Key == "" && newKey != "":
		return Rotated{}, errUnwantedKey
	}
	if newKey != "" {
		return rotateVariable(ctx, d, cfg, newKey)
	}
	v, err := Open(ctx, d, cfg)
	if err != nil {
		return Rotated{}, err
	}
	next, err := prepareNext(cfg.File)
	if err != nil {
		return Rotated{}, err
	}
	n, err := rewrap(ctx, d, v.current(), next)
	if err != nil {
		return Rotated{}, fmt.Errorf("the master key was not replaced, or only the file is still to follow; either way the next start sees to it, as long as %s and %s are there: %w",
			cfg.File, cfg.File+nextSuffix, err)
	}
	return Rotated{n, cfg.File}, completeRotation(cfg, next)
}

func rotateVariable(ctx context.Context, d *db.DB, cfg Config, newKey string) (Rotated, error) {
	old, err := decodeKey(cfg.Key, "LEADFLIP_MASTER_KEY")
	if err != nil {
		return Rotated{}, err
	}
	key, err := decodeKey(newKey, "LEADFLIP_NEW_MASTER_KEY")
	if err != nil {
		return Rotated{}, WrongUse(err.Error())
	}
	if subtle.ConstantTimeCompare(old, key) == 1 {
		return Rotated{}, errSameKey
	}
	next, err := newMaster(key)
	if err != nil {
		return Rotated{}, err
	}
	v, err := Open(ctx, d, cfg)
	if errors.Is(err, errWrongKey) {
		if _, already := Open(ctx, d, Config{Key: newKey}); already == nil {
			return Rotated{}, errDone
		}
	}
	if err != nil {
		return Rotated{}, err
	}
	n, err := rewrap(ctx, d, v.current(), next)
	return Rotated{Secrets: n}, err
}

// prepareNext puts the next master key beside the present one, durably, or takes the
// one that waits there.
func prepareNext(path string) (cipher.AEAD, error) {
	key, err := readKey(path + nextSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(path + nextSuffix)
	}
	if err != nil {
		return nil, err
	}
	return newMaster(key)
}

// rewrap wraps every secret with the next master key in one transaction.
func rewrap(ctx context.Context, d *db.DB, present, next cipher.AEAD) (int, error) {
	n := 0
	err := d.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		n = 0
		if err := tx.Lock(ctx, lock); err != nil {
			return err
		}
		type row struct {
			name    string
			wrapped []byte
		}
		var all []row
		rows, err := tx.Query(ctx, `SELECT name, wrapped FROM secrets ORDER BY name`)
		if err := db.Each(rows, err, func(r db.Rows) error {
			var one row
			err := r.Scan(&one.name, &one.wrapped)
			all = append(all, one)
			return err
		}); err != nil {
			return err
		}
		for _, one := range all {
			plain, err := unwrap(present, one.name, one.wrapped)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `UPDATE secrets SET wrapped = $1 WHERE name = $2`, seal(next, one.name, plain), one.name); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// completeRotation puts the next master key in the place of the present one, when it
// is the one that the database is wrapped with.
func completeRotation(cfg Config, master cipher.AEAD) error {
	if cfg.Key != "" {
		return nil
	}
	next := cfg.File + nextSuffix
	test := seal(master, proof, make([]byte, keySize))
	if _, ok := fits(cfg.File, proof, test); ok {
		return nil
	}
	_, waits := fits(next, proof, test)
	if _, ok := fits(cfg.File, proof, test); ok { // another process was first
		return nil
	}
	if !waits {
		return fmt.Errorf("neither %s nor %s holds the master key of this database any more; was a file replaced just now?", cfg.File, next)
	}
	err := os.Rename(next, cfg.File)
	if errors.Is(err, fs.ErrNotExist) { // another process was first
		err = nil
	}
	if err == nil {
		err = syncDir(filepath.Dir(cfg.File))
	}
	if err != nil {
		return fmt.Errorf("the new master key waits in %s and could not be put in the place of %s: %w", next, cfg.File, err)
	}
	return nil
}
