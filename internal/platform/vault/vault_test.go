package vault

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// each runs fn on both databases with the path of a master key file that does not exist
// yet.
func each(t *testing.T, fn func(t *testing.T, d *db.DB, cfg Config)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, d, Config{File: filepath.Join(t.TempDir(), "keys", "master.key")}) })
}

func open(t *testing.T, d *db.DB, cfg Config) *Vault {
	t.Helper()
	v, err := Open(context.Background(), d, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func secret(t *testing.T, v *Vault, name string) []byte {
	t.Helper()
	s, err := v.Secret(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSecretsAreTheSameOnEveryNode(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, cfg Config) {
		a := open(t, d, cfg)
		if !a.Made() {
			t.Error("nobody is told that the file was made")
		}
		b := open(t, d, cfg)
		if b.Made() {
			t.Error("the file is said to be made twice")
		}
		if info, err := os.Stat(cfg.File); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file: %v %v", info.Mode(), err)
		}
		// Many at once, on two nodes, on a secret that nobody has asked for before.
		var all sync.WaitGroup
		got := make([][]byte, 32)
		for i := range got {
			all.Go(func() { got[i], _ = []*Vault{a, b}[i%2].Secret(context.Background(), fmt.Sprintf("account:%d", i/16)) })
		}
		all.Wait()
		for i := range got {
			if len(got[i]) != keySize || !bytes.Equal(got[i], got[i/16*16]) {
				t.Fatalf("secret %d: %x and %x", i, got[i], got[i/16*16])
			}
		}
		if bytes.Equal(got[0], got[16]) {
			t.Error("two names have one secret")
		}
	})
}

func TestWhatIsHandedOutIsACopyAndCostsOneQuery(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, cfg Config) {
		v := open(t, d, cfg)
		first := secret(t, v, "account:1")
		kept := bytes.Clone(first)
		clear(first)
		before := d.Queries()
		if !bytes.Equal(secret(t, v, "account:1"), kept) {
			t.Error("who changes what was handed out changes the secret")
		}
		if n := d.Queries() - before; n != 0 {
			t.Errorf("%d queries for a secret that is known", n)
		}
	})
}

func TestAnotherMasterKeyIsRefused(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, cfg Config) {
		open(t, d, cfg)
		ctx := context.Background()
		if _, err := Open(ctx, d, Config{Key: newKeyText(t)}); !errors.Is(err, errWrongKey) {
			t.Errorf("another key: %v", err)
		}
		if _, err := Open(ctx, d, Config{File: cfg.File + ".lost"}); err == nil {
			t.Error("a new file is made although the database has a master key")
		}
		if _, err := Open(ctx, d, Config{Key: "c2hvcnQ="}); err == nil {
			t.Error("a short key is taken")
		}
	})
}

func newKeyText(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	key, err := makeKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(key)
}
