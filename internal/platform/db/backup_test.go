package db_test

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

func TestABackupMadeBesideWritersIsWholeAndOfOneMoment(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for n := w; ; n += 4 {
				select {
				case <-stop:
					return
				default:
				}
				if err := storeNumber(d, n); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 5 {
		dir := t.TempDir()
		before := numbers(t, d)
		if err := d.Backup(background, db.SQLitePath(dir)); err != nil {
			t.Fatal(err)
		}
		if files := ls(t, dir); !slices.Equal(files, []string{"leadflip.db"}) {
			t.Errorf("backup %d is %v, not one file", i, files)
		}
		restored, err := db.Open(background, db.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		after := numbers(t, restored) // also that each has both its rows
		for n := range before {
			if !after[n] {
				t.Errorf("backup %d misses %d, which was there when it began", i, n)
			}
		}
		if err := restored.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	writers.Wait()
}

func TestABackupReplacesNothing(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	dir := t.TempDir()
	existing, link := filepath.Join(dir, "existing"), filepath.Join(dir, "link")
	if err := os.WriteFile(existing, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{existing, link, dir, d.Path()} {
		if err := d.Backup(background, to); err == nil || !strings.Contains(err.Error(), "exists already") {
			t.Errorf("a backup to %s: %v", to, err)
		}
	}
	if text, err := os.ReadFile(existing); err != nil || string(text) != "precious" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if err := d.Backup(background, filepath.Join(dir, "no", "folder")); err == nil {
		t.Error("a backup into a folder that is not there")
	}
	if files := ls(t, dir); !slices.Equal(files, []string{"existing", "link"}) {
		t.Errorf("left behind: %v", files)
	}
}

func TestPostgresIsBackedUpByItsOwnTools(t *testing.T) {
	t.Parallel()
	if err := dbtest.Postgres(t).Backup(background, filepath.Join(t.TempDir(), "x")); err == nil || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("%v", err)
	}
}

// filled is a database file of a few hundred pages that nobody has open.
func filled(t *testing.T) string {
	t.Helper()
	dir := dbtest.SQLiteDir(t)
	d, err := db.Open(background, db.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 200 {
		if err := storeNumber(d, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return db.SQLitePath(dir)
}

func TestDamageIsDetected(t *testing.T) {
	t.Parallel()
	path := filled(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	check := func(t *testing.T, content []byte) error {
		t.Helper()
		damaged := filepath.Join(t.TempDir(), "damaged.db")
		if err := os.WriteFile(damaged, content, 0o600); err != nil {
			t.Fatal(err)
		}
		err := db.CheckSQLite(background, damaged)
		if now, e := os.ReadFile(damaged); e != nil || !bytes.Equal(now, content) {
			t.Errorf("the check changed the file: %v", e)
		}
		return err
	}
	if err := check(t, whole); err != nil {
		t.Errorf("a whole file: %v", err)
	}
	for name, damage := range map[string]func(b []byte) []byte{
		"cut short":         func(b []byte) []byte { return b[:len(b)/2] },
		"header gone":       func(b []byte) []byte { clear(b[:16]); return b },
		"first page zeroed": func(b []byte) []byte { clear(b[:page]); return b },
		"a page header flipped": func(b []byte) []byte {
			for i := range 8 {
				b[10*page+i] ^= 0xff
			}
			return b
		},
		"two pages exchanged": func(b []byte) []byte {
			x, y := b[20*page:21*page], b[40*page:41*page]
			keep := bytes.Clone(x)
			copy(x, y)
			copy(y, keep)
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := check(t, damage(bytes.Clone(whole))); err == nil {
				t.Error("not detected")
			} else if !strings.Contains(err.Error(), "damaged.db") {
				t.Errorf("the error does not name the file: %v", err)
			}
		})
	}
	if err := db.CheckSQLite(background, filepath.Join(t.TempDir(), "missing.db")); err == nil {
		t.Error("a missing file was found to be whole")
	}
}

func TestBrokenReferencesAreDetected(t *testing.T) {
	t.Parallel()
	path := filled(t)
	pool, err := sql.Open("sqlite", path) // without foreign_keys, as any tool may
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(`INSERT INTO memberships VALUES ('a', 'b', 'owner', NULL, 0)`); err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.CheckSQLite(background, path); err == nil || !strings.Contains(err.Error(), "2 rows") {
		t.Errorf("%v", err)
	}
}

func TestALiveDatabaseCanBeChecked(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	things(t, d)
	if err := db.CheckSQLite(background, d.Path()); err != nil {
		t.Error(err)
	}
	if err := d.Update(background, func(ctx context.Context, tx *db.Tx) error { return insert(ctx, tx, 1) }); err != nil {
		t.Error(err)
	}
}
