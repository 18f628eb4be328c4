// Package vault keeps the secrets that all nodes of an instance share. They lie in
// the database, wrapped (AES-256-GCM) by a master key that does not: it comes from
// LEADFLIP_MASTER_KEY or from a file that is made at the first start.
//
// A node whose master key is not the one the database was wrapped with cannot start,
// so two nodes can never disagree about a signature. The operator must keep a copy
// of the master key beside the backups.
//
// Secrets that were asked for stay in memory, unwrapped: they never change. The master
// key can be replaced beside running nodes (Rotate). A node that was started before
// goes on with what it has in memory, and looks for the new master key in the file when
// it needs a secret that it does not have; it never wraps anything with a master key
// that is not the database's any more.
package vault

import (
	"bytes"
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
	"sync"

	"github.com/leadflip/leadflip/internal/platform/db"
)

const keySize = 32

// proof is the secret that shows whose master key the database has.
const proof = "proof"

// Config says where the master key is.
type Config struct {
	Key  string // base64 of 32 bytes; wins over File
	File string // made when missing
}

// Vault hands out the shared secrets. It is safe for concurrent use.
type Vault struct {
	db   *db.DB
	cfg  Config
	made bool

	mu     sync.RWMutex
	master cipher.AEAD
	plain  map[string][]byte // what was unwrapped, by name
}

// Open reads the master key and proves that it is the database's. It completes a
// rotation that was interrupted before the file was in its place.
func Open(ctx context.Context, d *db.DB, cfg Config) (*Vault, error) {
	key, made, err := masterKey(ctx, d, cfg)
	if err != nil {
		return nil, err
	}
	v := &Vault{db: d, cfg: cfg, made: made, plain: map[string][]byte{}}
	if v.master, err = newMaster(key); err != nil {
		return nil, err
	}
	if _, err = v.Secret(ctx, proof); err != nil {
		return nil, err
	}
	return v, completeRotation(cfg, v.current())
}

// Made tells whether Open made the file of the master key. The operator must hear of
// it, because only they can keep a copy.
func (v *Vault) Made() bool { return v.made }

func (v *Vault) current() cipher.AEAD {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.master
}

func newMaster(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func masterKey(ctx context.Context, d *db.DB, cfg Config) (key []byte, made bool, err error) {
	if cfg.Key != "" {
		key, err = decodeKey(cfg.Key, "LEADFLIP_MASTER_KEY")
		return key, false, err
	}
	key, err = readKey(cfg.File)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	wrapped, err := anyWrapped(ctx, d)
	if err != nil {
		return nil, false, err
	}
	if wrapped {
		return nil, false, fmt.Errorf("the master key file %s is missing, but this database was used with one; copy it from the other node or from the backup", cfg.File)
	}
	key, err = makeKey(cfg.File)
	return key, true, err
}

func readKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the master key file %s cannot be read: %w", path, err)
	}
	return decodeKey(strings.TrimSpace(string(text)), "the master key file "+path)
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
		other, rerr := readKey(path)
		if rerr != nil {
			return fail(err)
		}
		return other, nil
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fail(err)
	}
	return key, nil
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func anyWrapped(ctx context.Context, d *db.DB) (bool, error) {
	var n int
	err := d.QueryRow(ctx, `SELECT COUNT(*) FROM secrets`).Scan(&n)
	return n > 0, err
}

// Secret returns the shared secret of a name, 32 random bytes that are made on first
// use and are the same on every node.
func (v *Vault) Secret(ctx context.Context, name string) ([]byte, error) {
	v.mu.RLock()
	plain := v.plain[name]
	v.mu.RUnlock()
	if plain == nil {
		var err error
		if plain, err = v.find(ctx, name); err != nil {
			return nil, err
		}
		v.mu.Lock()
		v.plain[name] = plain
		v.mu.Unlock()
	}
	return bytes.Clone(plain), nil
}

// find reads a secret, or makes it.
func (v *Vault) find(ctx context.Context, name string) ([]byte, error) {
	wrapped, err := v.read(ctx, v.db, name)
	if errors.Is(err, db.ErrNoRows) {
		if err = v.make(ctx, name); err == nil {
			wrapped, err = v.read(ctx, v.db, name)
		}
	}
	if err != nil {
		return nil, err
	}
	plain, err := unwrap(v.current(), name, wrapped)
	if err != nil && v.reload(name, wrapped) {
		plain, err = unwrap(v.current(), name, wrapped)
	}
	return plain, err
}

// make stores a new secret, unless another node was first. It is wrapped with the
// master key that the database has at that moment.
func (v *Vault) make(ctx context.Context, name string) error {
	fresh := make([]byte, keySize)
	_, _ = rand.Read(fresh)
	return v.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		if err := tx.Lock(ctx, lock); err != nil {
			return err
		}
		wrapped, err := v.read(ctx, tx, proof)
		switch {
		case errors.Is(err, db.ErrNoRows): // this is the first secret of all
		case err != nil:
			return err
		default:
			if _, err := unwrap(v.current(), proof, wrapped); err != nil && !v.reload(proof, wrapped) {
				return err
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO secrets (name, wrapped, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, name, seal(v.current(), name, fresh), db.Micros(tx.Now))
		return err
	})
}

// lock is held by whoever wraps secrets, so that a rotation misses none.
const lock = "vault"

// reload looks for the master key that wrapped a secret in the file, where a rotation
// has put it since this node was started. It reports whether it is found.
func (v *Vault) reload(name string, wrapped []byte) bool {
	if v.cfg.Key != "" {
		return false
	}
	for _, path := range []string{v.cfg.File, v.cfg.File + nextSuffix} {
		if master, ok := fits(path, name, wrapped); ok {
			v.mu.Lock()
			v.master = master
			v.mu.Unlock()
			return true
		}
	}
	return false
}

// fits tells whether the master key in a file opens a secret.
func fits(path, name string, wrapped []byte) (cipher.AEAD, bool) {
	key, err := readKey(path)
	if err != nil {
		return nil, false
	}
	master, err := newMaster(key)
	if err != nil {
		return nil, false
	}
	_, err = unwrap(master, name, wrapped)
	return master, err == nil
}

var errWrongKey = errors.New("the master key is not the one this database was wrapped with; give this node the master key of the others (LEADFLIP_MASTER_KEY or --master-key-file)")

func (v *Vault) read(ctx context.Context, q db.Handle, name string) (wrapped []byte, err error) {
	err = q.QueryRow(ctx, `SELECT wrapped FROM secrets WHERE name = $1`, name).Scan(&wrapped)
	return wrapped, err
}

func unwrap(master cipher.AEAD, name string, wrapped []byte) ([]byte, error) {
	n := master.NonceSize()
	if len(wrapped) < n {
		return nil, errWrongKey
	}
	plain, err := master.Open(nil, wrapped[:n], wrapped[n:], []byte(name))
	if err != nil {
		return nil, errWrongKey
	}
	return plain, nil
}

func seal(master cipher.AEAD, name string, plain []byte) []byte {
	nonce := make([]byte, master.NonceSize())
	_, _ = rand.Read(nonce)
	return master.Seal(nonce, nonce, plain, []byte(name))
}
