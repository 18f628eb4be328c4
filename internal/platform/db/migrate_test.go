package db_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

func migrations(t *testing.T, dialect string) []string {
	t.Helper()
	files, err := fs.Glob(db.Migrations, "migrations/"+dialect+"/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	return files
}

// The databases have the same migrations, by number and name, and none goes back.
func TestMigrationsComeInPairs(t *testing.T) {
	t.Parallel()
	names := func(files []string) (out []string) {
		for _, f := range files {
			out = append(out, path.Base(f))
		}
		return out
	}
	sqlite, postgres := names(migrations(t, "sqlite")), names(migrations(t, "postgres"))
	if !slices.Equal(sqlite, postgres) {
		t.Errorf("the migrations are not paired:\n sqlite   %v\n postgres %v", sqlite, postgres)
	}
	for i, name := range sqlite {
		if want := fmt.Sprintf("%05d_", i+1); !strings.HasPrefix(name, want) || !regexp.MustCompile(`^\d{5}_[a-z0-9_]+\.sql$`).MatchString(name) {
			t.Errorf("migration %d is called %s", i+1, name)
		}
	}
	for _, file := range append(migrations(t, "sqlite"), migrations(t, "postgres")...) {
		text, err := fs.ReadFile(db.Migrations, file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "goose Down") {
			t.Errorf("%s goes back; migrations only go forward", file)
		}
	}
}

// schema describes every table as lines that are the same on both databases.
func schema(t *testing.T, d *db.DB, query map[db.Dialect]string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	rows, err := d.Query(background, query[d.Dialect()])
	for line := range column[string](t, rows, err) {
		if !strings.HasPrefix(line, "goose_") && !strings.HasPrefix(line, "sqlite_") {
			out[line] = true
		}
	}
	return out
}

func TestBothDatabasesHaveTheSameSchema(t *testing.T) {
	t.Parallel()
	sqlite, postgres := dbtest.SQLite(t), dbtest.Postgres(t)
	for what, query := range map[string]map[db.Dialect]string{
		"columns": {
			db.SQLite: `SELECT m.name || '.' || c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN 'BIGINT' ELSE c.type END || CASE WHEN c."notnull" OR c.pk > 0 THEN ' NOT NULL' ELSE '' END || COALESCE(' DEFAULT ' || c.dflt_value, '')
				FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'`,
			// What PostgreSQL has a type of its own for is text in SQLite.
			db.Postgres: `SELECT table_name || '.' || column_name || ' ' || CASE data_type WHEN 'uuid' THEN 'TEXT' WHEN 'jsonb' THEN 'TEXT' WHEN 'bytea' THEN 'BLOB' ELSE UPPER(data_type) END
				|| CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END || COALESCE(' DEFAULT ' || replace(column_default, '::text', ''), '')
				FROM information_schema.columns WHERE table_schema = 'public'`,
		},
		// What may not occur twice or is looked up, as lists of columns.
		"indexes": {
			db.SQLite: `SELECT m.name || ' (' || (SELECT group_concat(COALESCE(c.name, 'expression'), ', ' ORDER BY c.seqno) FROM pragma_index_info(i.name) c) || ')' || CASE WHEN i.partial THEN ' partial' ELSE '' END
				FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table'`,
			db.Postgres: `SELECT t.relname || ' (' || (SELECT string_agg(COALESCE(a.attname, 'expression'), ', ' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k (attnum, n)
					LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum) || ')' || CASE WHEN i.indpred IS NOT NULL THEN ' partial' ELSE '' END
				FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace s ON s.oid = t.relnamespace WHERE s.nspname = 'public'`,
		},
		"references": {
			db.SQLite: `SELECT m.name || ' (' || group_concat(f."from", ', ' ORDER BY f.seq) || ') to ' || f."table" || ' ' || f.on_delete
				FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' GROUP BY m.name, f.id`,
			db.Postgres: `SELECT t.relname || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY k (attnum, n)
					JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum) || ') to ' || r.relname || ' ' || CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END
				FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid WHERE c.contype = 'f'`,
		},
	} {
		a, b := schema(t, sqlite, query), schema(t, postgres, query)
		// The order of events is kept by the number itself where the writer is serial.
		for _, s := range []map[string]bool{a, b} {
			delete(s, "events.seq BIGINT NOT NULL")
		}
		for line := range a {
			if !b[line] {
				t.Errorf("%s: only in SQLite: %s", what, line)
			}
		}
		for line := range b {
			if !a[line] {
				t.Errorf("%s: only in PostgreSQL: %s", what, line)
			}
		}
		if len(a) == 0 {
			t.Errorf("no %s were found", what)
		}
	}
}

// Every index on what belongs to an environment begins with it, so that the largest
// tables can be divided by that column as they are.
func TestIndexesBeginWithTheEnvironment(t *testing.T) {
	t.Parallel()
	exceptions := map[string]string{
		"api_keys (id)":                  "a key is referred to by tables of its own environment only",
		"api_keys (public_id)":           "as for its place",
		"api_keys (place, hash)":         "a key is looked up before anything is known of its environment",
		"api_keys (family_id)":           "a rotation stays within one environment; there are few keys",
		"api_keys (created_by_key)":      "revocation follows it down the chain of keys",
		"api_keys (replaces)":            "as for its id",
		"key_activity (key_id)":          "one row per key",
		"audit_log (id)":                 "it belongs to the account, and to an environment only sometimes",
		"audit_log (account_id, at, id)": "as above",
		"audit_log (object_id, at)":      "as above",
		"idempotency (created_at)":       "old rows of all environments are removed together",
	}
	d := dbtest.SQLite(t)
	rows, err := d.Query(background, `SELECT m.name || ' (' || (SELECT group_concat(COALESCE(c.name, 'expression'), ', ' ORDER BY c.seqno) FROM pragma_index_info(i.name) c) || ')'
		FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE name = 'environment_id')`)
	for index := range column[string](t, rows, err) {
		if !strings.Contains(index, "(environment_id") && exceptions[index] == "" {
			t.Errorf("the index %s does not begin with environment_id", index)
		}
	}
}

// Pages of both databases have the same order only if texts compare by their bytes.
func TestPostgresTextsCompareByBytes(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	rows, err := d.Query(background, `SELECT t.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid JOIN pg_namespace s ON s.oid = t.relnamespace
		JOIN pg_collation c ON c.oid = a.attcollation WHERE s.nspname = 'public' AND t.relkind = 'r' AND a.attnum > 0 AND c.collname <> 'C'`)
	for name := range column[string](t, rows, err) {
		t.Errorf(`%s needs COLLATE "C" in migrations/postgres`, name)
	}
}

func TestNewerSchemaIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]db.Config{"sqlite": {Dir: dbtest.SQLiteDir(t)}, "postgres": {URL: dbtest.PostgresMigratedURL(t)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := db.Open(background, config)
			if err != nil {
				t.Fatal(err)
			}
			run(t, d, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := db.Open(background, config); !errors.Is(err, db.ErrNewerSchema) {
					t.Errorf("a database of a newer version: %v", err)
				}
			}
			if config.Dir != "" {
				if files := ls(t, config.Dir); !slices.Equal(files, []string{"leadflip.db", "leadflip.lock"}) {
					t.Errorf("the refusal left %v", files)
				}
			}
		})
	}
}

func ls(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// older makes a database of an older version with rows in it, on "sqlite" or "postgres".
// What the rows refer to need not be there.
func older(t *testing.T, kind string, version int64, rows ...string) db.Config {
	t.Helper()
	cfg, driver, dialect := db.Config{Dir: t.TempDir()}, "sqlite", goose.DialectSQLite3
	source := db.SQLitePath(cfg.Dir)
	if kind == "postgres" {
		source = dbtest.PostgresURL(t)
		cfg, driver, dialect = db.Config{URL: source}, "pgx", goose.DialectPostgres
	}
	pool, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	files, err := fs.Sub(db.Migrations, "migrations/"+kind)
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(dialect, pool, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(background, version); err != nil {
		t.Fatal(err)
	}
	_, _ = pool.Exec(`SET session_replication_role = replica`) // SQLite does not know it and does not mind what is not there
	for _, row := range rows {
		if _, err := pool.Exec(row); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

func oldSQLite(t *testing.T) string {
	t.Helper()
	return older(t, "sqlite", 1, `INSERT INTO secrets VALUES ('kept', x'01', 0)`).Dir
}

func TestAnOlderSQLiteIsCopiedAndThenMigrated(t *testing.T) {
	t.Parallel()
	latest := len(migrations(t, "sqlite"))
	dir := oldSQLite(t)
	copied := fmt.Sprintf("leadflip.db.before-%d", latest)
	d, err := db.Open(background, db.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if v := one[int](t, d, `SELECT MAX(version_id) FROM goose_db_version`); v != latest {
		t.Errorf("the schema is at version %d", v)
	}
	if n := one[int](t, d, `SELECT COUNT(*) FROM secrets`); n != 1 {
		t.Errorf("%d of 1 row was kept", n)
	}
	if !slices.Contains(ls(t, dir), copied) {
		t.Fatalf("no copy: %v", ls(t, dir))
	}
	if err := db.CheckSQLite(background, filepath.Join(dir, copied)); err != nil {
		t.Error(err)
	}
	pool, err := sql.Open("sqlite", filepath.Join(dir, copied))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var version, rows int
	err = pool.QueryRow(`SELECT (SELECT MAX(version_id) FROM goose_db_version), (SELECT COUNT(*) FROM secrets)`).Scan(&version, &rows)
	if err != nil || version != 1 || rows != 1 {
		t.Errorf("the copy has version %d and %d rows: %v", version, rows, err)
	}
}

func TestAnOlderPostgresIsMigratedByOneOfSeveralNodes(t *testing.T) {
	t.Parallel()
	cfg := older(t, "postgres", 1)
	nodes := make(chan error)
	for range 4 {
		go func() {
			d, err := db.Open(background, cfg)
			if err == nil {
				err = errors.Join(d.Ping(background), d.Close())
			}
			nodes <- err
		}()
	}
	for range 4 {
		if err := await(t, nodes, "a node to start"); err != nil {
			t.Error(err)
		}
	}
}

// Several processes that start at once on one folder all come up, whether the
// database is new or has to be upgraded.
func TestProcessesThatStartAtOnceOnOneFolder(t *testing.T) {
	t.Parallel()
	for name, folder := range map[string]func(*testing.T) string{"new": func(t *testing.T) string { return filepath.Join(t.TempDir(), "data") }, "older": oldSQLite} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range rounds(3) {
				dir := folder(t)
				const processes = 4
				opened, ended := make(chan string, processes), make(chan error, processes)
				var stops []func() error
				for range processes {
					cmd := helper(t, "open", dir)
					out, err := cmd.StdoutPipe()
					if err != nil {
						t.Fatal(err)
					}
					in, err := cmd.StdinPipe()
					if err != nil {
						t.Fatal(err)
					}
					stops = append(stops, in.Close)
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					go func() {
						lines := bufio.NewScanner(out)
						lines.Scan()
						opened <- lines.Text()
						for lines.Scan() {
							opened <- lines.Text()
						}
						ended <- cmd.Wait()
					}()
				}
				for range processes {
					if line := await(t, opened, "a process to start"); line != "open" {
						t.Error(line)
					}
				}
				for _, stop := range stops {
					if err := stop(); err != nil {
						t.Error(err)
					}
				}
				for range processes {
					if err := await(t, ended, "a process to end"); err != nil {
						t.Error(err)
					}
				}
				if err := db.CheckSQLite(background, db.SQLitePath(dir)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestAnUpgradeWaitsForOthersAndThenSaysSo(t *testing.T) {
	t.Parallel()
	dir := oldSQLite(t)
	release, err := db.AcquireExclusive(background, db.LockPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(background, 100*time.Millisecond)
	defer cancel()
	if _, err := db.Open(short, db.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "another Leadflip process") {
		t.Errorf("while somebody restores: %v", err)
	}
	opened := make(chan error, 1)
	go func() {
		d, err := db.Open(background, db.Config{Dir: dir})
		if err == nil {
			err = d.Close()
		}
		opened <- err
	}()
	release()
	if err := await(t, opened, "the start after the restore"); err != nil {
		t.Error(err)
	}
}
