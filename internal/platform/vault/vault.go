// Package vault keeps the secrets that all nodes of an instance share. They lie in
// the database, wrapped (AES-256-GCM) by a master key that does not: it comes from
// LEADFLIP_MASTER_KEY or from a file that is made at the first start.
//
// A node whose master key is not the one the database was wrapped with cannot start,
// so two nodes can never disagree about a signature. The operator must keep a copy
// of the master key beside the backups.
package vault

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/db"
)

const keySize = 32

// Config says where the master key is.
type Config struct {
	Key  string // base64 of 32 bytes; wins over File
	File string // made when missing
}

// Vault hands out the shared secrets.
type Vault struct {
	db     *db.DB
	master cipher.AEAD
}

// Open reads the master key and proves that it is the database's.
func Open(ctx context.Context, d *db.DB, cfg Config) (*Vault, error) {
	key, err := masterKey(ctx, d, cfg)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	master, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	v := &Vault{db: d, master: master}
	if _, err := v.Secret(ctx, "proof"); err != nil {
		return nil, err
	}
	return v, nil
}

func masterKey(ctx context.Context, d *db.DB, cfg Config) ([]byte, error) {
	if cfg.Key != "" {
		return decodeKey(cfg.Key, "LEADFLIP_MASTER_KEY")
	}
	text, err := os.ReadFile(cfg.File)
	if err == nil {
		return decodeKey(strings.TrimSpace(string(text)), "the master key file "+cfg.File)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the master key file %s cannot be read: %w", cfg.File, err)
	}
	wrapped, err := anyWrapped(ctx, d)
	if err != nil {
		return nil, err
	}
	if wrapped {
		return nil, fmt.Errorf("the master key file %s is missing, but this database was used with one; copy it from the other node or from the backup", cfg.File)
	}
	return makeKey(cfg.File)
}

func decodeKey(text, where string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%s must hold 32 bytes in base64, as made by: openssl rand -base64 32", where)
	}
	return key, nil
}

// makeKey writes a new key. Of two nodes that start at once in one folder, one makes
// the file and the other reads it: the file appears whole or not at all.
func makeKey(path string) ([]byte, error) {
	key := make([]byte, keySize)
	_, _ = rand.Read(key)
	fail := func(err error) ([]byte, error) {
		return nil, fmt.Errorf("the master key file %s cannot be made: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fail(err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".master-*")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if _, err = tmp.WriteString(base64.StdEncoding.EncodeToString(key) + "\n"); err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fail(err)
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		text, rerr := os.ReadFile(path)
		if rerr != nil {
			return fail(err)
		}
		return decodeKey(strings.TrimSpace(string(text)), "the master key file "+path)
	}
	return key, nil
}

func anyWrapped(ctx context.Context, d *db.DB) (bool, error) {
	var n int
	err := d.QueryRow(ctx, `SELECT COUNT(*) FROM secrets`).Scan(&n)
	return n > 0, err
}

// Secret returns the shared secret of a name, 32 random bytes that are made on first
// use and are the same on every node.
func (v *Vault) Secret(ctx context.Context, name string) ([]byte, error) {
	wrapped, err := v.read(ctx, name)
	if errors.Is(err, db.ErrNoRows) {
		fresh := make([]byte, keySize)
		_, _ = rand.Read(fresh)
		sealed := v.seal(name, fresh)
		err = v.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO secrets (name, wrapped, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, name, sealed, db.Micros(tx.Now))
			return err
		})
		if err == nil {
			wrapped, err = v.read(ctx, name)
		}
	}
	if err != nil {
		return nil, err
	}
	n := v.master.NonceSize()
	if len(wrapped) < n {
		return nil, errWrongKey
	}
	plain, err := v.master.Open(nil, wrapped[:n], wrapped[n:], []byte(name))
	if err != nil {
		return nil, errWrongKey
	}
	return plain, nil
}

var errWrongKey = errors.New("the master key is not the one this database was wrapped with; give this node the master key of the others (LEADFLIP_MASTER_KEY or --master-key-file)")

func (v *Vault) read(ctx context.Context, name string) (wrapped []byte, err error) {
	err = v.db.QueryRow(ctx, `SELECT wrapped FROM secrets WHERE name = $1`, name).Scan(&wrapped)
	return wrapped, err
}

func (v *Vault) seal(name string, plain []byte) []byte {
	nonce := make([]byte, v.master.NonceSize())
	_, _ = rand.Read(nonce)
	return v.master.Seal(nonce, nonce, plain, []byte(name))
}
