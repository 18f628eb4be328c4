package vault

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
)

// rotatedWell proves that the database is wrapped with the key in the file, that the
// secrets are what they were, and that the former key is of no use any more.
func rotatedWell(t *testing.T, d *db.DB, cfg Config, former string, want map[string][]byte) {
	t.Helper()
	v := open(t, d, cfg)
	for name, plain := range want {
		if !bytes.Equal(secret(t, v, name), plain) {
			t.Errorf("the secret %s has changed", name)
		}
	}
	if content(t, cfg.File) == former {
		t.Error("the file holds the former key")
	}
	if _, err := os.Stat(cfg.File + nextSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key still waits beside the file: %v", err)
	}
	old := cfg.File + ".former"
	if err := os.WriteFile(old, []byte(former), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), d, Config{File: old}); !errors.Is(err, errWrongKey) {
		t.Errorf("the former key still opens the database: %v", err)
	}
}

func TestRotationOfAFile(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, cfg Config) {
		v := open(t, d, cfg)
		want := map[string][]byte{"cursors": secret(t, v, "cursors"), "account:1": secret(t, v, "account:1")}
		former := content(t, cfg.File)
		done, err := Rotate(context.Background(), d, cfg, "")
		if err != nil || done.Secrets != 3 || done.File != cfg.File {
			t.Fatalf("%+v, %v", done, err)
		}
		rotatedWell(t, d, cfg, former, want)
		// The node that was running goes on, with what it knows and with what it must
		// make or read now.
		if !bytes.Equal(secret(t, v, "cursors"), want["cursors"]) {
			t.Error("a running node lost a secret")
		}
		fresh := secret(t, v, "account:2")
		if !bytes.Equal(secret(t, open(t, d, cfg), "account:2"), fresh) {
			t.Error("a running node made a secret that others cannot read")
		}
	})
}

// A kill between any two steps loses nothing: the next start finds its way.
func TestRotationThatIsInterrupted(t *testing.T) {
	ctx := context.Background()
	each(t, func(t *testing.T, d *db.DB, cfg Config) {
		v := open(t, d, cfg)
		want := map[string][]byte{"account:1": secret(t, v, "account:1")}
		former := content(t, cfg.File)

		// Killed when the next key was on disk.
		next, err := prepareNext(cfg.File)
		if err != nil {
			t.Fatal(err)
		}
		waiting := content(t, cfg.File+nextSuffix)
		if !bytes.Equal(secret(t, open(t, d, cfg), "account:1"), want["account:1"]) {
			t.Error("before the transaction: a secret has changed")
		}
		if content(t, cfg.File) != former || content(t, cfg.File+nextSuffix) != waiting {
			t.Error("before the transaction: the start touched the files")
		}

		// Killed when the transaction was committed.
		if n, err := rewrap(ctx, d, v.current(), next); err != nil || n != 2 {
			t.Fatalf("%d secrets, %v", n, err)
		}
		// A node that was running all the time must make a secret now: it finds the key.
		fresh := secret(t, v, "account:2")
		want["account:2"] = fresh
		rotatedWell(t, d, cfg, former, want)
		if content(t, cfg.File) != waiting {
			t.Error("the file does not hold the key that waited")
		}

		// And it can be done again.
		former = content(t, cfg.File)
		if _, err := Rotate(ctx, d, cfg, ""); err != nil {
			t.Fatal(err)
		}
		rotatedWell(t, d, cfg, former, want)
	})
}

func TestAKeyThatWaitsIsUsedByTheNextRotation(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, cfg Config) {
		open(t, d, cfg)
		if _, err := prepareNext(cfg.File); err != nil {
			t.Fatal(err)
		}
		waiting := content(t, cfg.File+nextSuffix)
		if _, err := Rotate(context.Background(), d, cfg, ""); err != nil {
			t.Fatal(err)
		}
		if content(t, cfg.File) != waiting {
			t.Error("the key that waited was thrown away")
		}
	})
}

func TestRotationsAtOnceLoseNothing(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, cfg Config) {
		v := open(t, d, cfg)
		want := map[string][]byte{"account:1": secret(t, v, "account:1")}
		former := content(t, cfg.File)
		var all sync.WaitGroup
		worked := make([]bool, 4)
		for i := range worked {
			all.Go(func() {
				_, err := Rotate(context.Background(), d, cfg, "")
				worked[i] = err == nil
			})
			all.Go(func() { _, _ = v.Secret(context.Background(), "made meanwhile") })
		}
		all.Wait()
		if !worked[0] && !worked[1] && !worked[2] && !worked[3] {
			t.Error("no rotation succeeded")
		}
		want["made meanwhile"] = secret(t, v, "made meanwhile")
		// One that lost may have left the next key waiting.
		_ = os.Remove(cfg.File + nextSuffix)
		rotatedWell(t, d, cfg, former, want)
	})
}

func TestRotationOfAVariable(t *testing.T) {
	ctx := context.Background()
	each(t, func(t *testing.T, d *db.DB, _ Config) {
		present, next := newKeyText(t), newKeyText(t)
		v := open(t, d, Config{Key: present})
		want := secret(t, v, "account:1")
		for _, c := range []struct {
			name   string
			newKey string
			want   error
		}{{"none", "", errNoNewKey}, {"the same", present, errSameKey}} {
			if _, err := Rotate(ctx, d, Config{Key: present}, c.newKey); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if _, err := Rotate(ctx, d, Config{Key: present}, "c2hvcnQ="); err == nil {
			t.Error("a short key is taken")
		}
		if _, err := Rotate(ctx, d, Config{Key: newKeyText(t)}, next); !errors.Is(err, errWrongKey) {
			t.Errorf("with a present key that is none: %v", err)
		}
		if _, err := Rotate(ctx, d, Config{File: "unused"}, next); !errors.Is(err, errUnwantedKey) {
			t.Errorf("a new key beside a file: %v", err)
		}
		if done, err := Rotate(ctx, d, Config{Key: present}, next); err != nil || done.Secrets != 2 || done.File != "" {
			t.Fatalf("%+v, %v", done, err)
		}
		if _, err := Rotate(ctx, d, Config{Key: present}, next); !errors.Is(err, errDone) {
			t.Errorf("once more: %v", err)
		}
		if !bytes.Equal(secret(t, open(t, d, Config{Key: next}), "account:1"), want) {
			t.Error("the secret has changed")
		}
		// A node with the former key goes on with what it knows, and refuses to wrap
		// anything that the others could not read.
		if !bytes.Equal(secret(t, v, "account:1"), want) {
			t.Error("a running node lost a secret")
		}
		if _, err := v.Secret(ctx, "account:2"); !errors.Is(err, errWrongKey) {
			t.Errorf("a new secret under the former key: %v", err)
		}
	})
}

// A secret that does not open leaves everything as it was.
func TestRotationIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, d *db.DB, cfg Config) {
		v := open(t, d, cfg)
		want := secret(t, v, "account:1")
		err := d.Update(context.Background(), func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO secrets (name, wrapped, created_at) VALUES ('zebra', $1, 0)`, bytes.Repeat([]byte{1}, 60))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		former := content(t, cfg.File)
		if _, err := Rotate(context.Background(), d, cfg, ""); !errors.Is(err, errWrongKey) {
			t.Errorf("a secret that does not open: %v", err)
		}
		if content(t, cfg.File) != former || !bytes.Equal(secret(t, open(t, d, cfg), "account:1"), want) {
			t.Error("something was changed")
		}
	})
}
