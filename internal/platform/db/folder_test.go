package db_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

func TestAnOpenDatabaseCannotBeRestoredOver(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	short, cancel := context.WithTimeout(background, 100*time.Millisecond)
	defer cancel()
	if _, err := db.AcquireExclusive(short, db.LockPath(filepath.Dir(d.Path()))); err == nil {
		t.Error("the exclusive lock was given beside an open database")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	release, err := db.AcquireExclusive(background, db.LockPath(filepath.Dir(d.Path())))
	if err != nil {
		t.Fatal(err)
	}
	release()
}

func TestOnlyTheOwnerCanReadTheData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d, err := db.Open(background, db.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	things(t, d)
	if err := d.Backup(background, filepath.Join(dir, "backup.db")); err != nil {
		t.Fatal(err)
	}
	files := append(ls(t, dir), ".")
	for _, want := range []string{"leadflip.db", "leadflip.db-wal", "leadflip.db-shm", "leadflip.lock", "backup.db"} {
		if !slices.Contains(files, want) {
			t.Errorf("no %s in %v", want, files)
		}
	}
	for _, name := range files {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", name, info.Mode())
		}
	}
}

func TestFoldersThatCannotBeUsedAreRefusedInOneLine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	garbage := t.TempDir()
	if err := os.WriteFile(db.SQLitePath(garbage), slices.Repeat([]byte("not a database "), 500), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.Mkdir(db.SQLitePath(folder), 0o700); err != nil {
		t.Fatal(err)
	}
	for what, dir := range map[string]string{"a file": file, "below a file": filepath.Join(file, "data"), "garbage": garbage, "a folder for a file": folder} {
		d, err := db.Open(background, db.Config{Dir: dir})
		if err == nil {
			_ = d.Close()
			t.Errorf("%s was opened", what)
			continue
		}
		if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %q", what, err)
		}
	}
	if text, err := os.ReadFile(db.SQLitePath(garbage)); err != nil || !strings.HasPrefix(string(text), "not a database") {
		t.Errorf("the refusal changed the file: %v", err)
	}
}

func TestFolderNamesMayHoldAnything(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with space", "percent%20", "question?mark", "hash#", "ünïcödé", "semi;colon", "amp&mode=ro", "it's"} {
		dir := filepath.Join(t.TempDir(), name)
		d, err := db.Open(background, db.Config{Dir: dir})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "leadflip.db")); err != nil {
			t.Errorf("%s: the file is elsewhere: %v", name, err)
		}
	}
}
