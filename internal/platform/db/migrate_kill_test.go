package db_test

import (
	"database/sql"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// leadsBefore is how many leads the databases have that are killed while they are
// upgraded: enough that there is time to do it.
const leadsBefore = 3000

// fillOld makes leads with a status in a database of version 4. number writes i with 12
// digits, and uuid casts a text, where the database wants that.
func fillOld(t *testing.T, pool *sql.DB, number, uuid string) {
	t.Helper()
	const id = `'0197b1c2-0000-7000-8000-'`
	cast := func(text string) string { return `CAST(` + text + ` AS ` + uuid + `)` }
	environment, lead, status := cast(id+` || '00000000000e'`), cast(id+` || `+number), cast(id+` || '0000000000a1'`)
	const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) `
	for _, rows := range []string{
		`INSERT INTO leads (environment_id, id, entity_id, version, created_at, updated_at, source, created_by_kind, created_by_name, data, unmapped)
			` + numbers + `SELECT ` + environment + `, ` + lead + `, ` + status + `, 1, 1, 1, 'api', 'key', 'k', '{}', '{}' FROM n`,
		`INSERT INTO lead_statuses (environment_id, lead_id, pipeline_id, status_id, since)
			` + numbers + `SELECT ` + environment + `, ` + lead + `, ` + status + `, ` + status + `, i FROM n`,
	} {
		if _, err := pool.Exec(rows, leadsBefore); err != nil {
			t.Fatal(err)
		}
	}
}

// upgradeUntil lets a process upgrade a database and kills it after a while; without one
// it waits for the end and returns how long it took.
func upgradeUntil(t *testing.T, at string, killed time.Duration) time.Duration {
	t.Helper()
	cmd := helper(t, "open", at)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if killed == 0 {
		_ = in.Close() // it closes the database as soon as it is open
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if killed > 0 {
		time.Sleep(killed)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	} else if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}

// upgraded opens a database whose upgrade was cut off: it is finished, and every lead is
// there with its status.
func upgraded(t *testing.T, cfg db.Config) {
	t.Helper()
	d, err := db.Open(background, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if v, latest := one[int](t, d, `SELECT MAX(version_id) FROM goose_db_version`), len(migrations(t, "sqlite")); v != latest {
		t.Errorf("the schema is at version %d of %d", v, latest)
	}
	if cfg.Dir != "" {
		if says := one[string](t, d, `PRAGMA integrity_check`); says != "ok" {
			t.Error(says)
		}
	}
	whole := one[int](t, d, `SELECT COUNT(*) FROM leads l JOIN lead_statuses s ON s.environment_id = l.environment_id AND s.lead_id = l.id WHERE l.statuses <> ''`)
	if rows := one[int](t, d, `SELECT COUNT(*) FROM lead_statuses`); whole != leadsBefore || rows != leadsBefore {
		t.Errorf("%d of %d leads have their status, and there are %d statuses", whole, leadsBefore, rows)
	}
}

// An upgrade that is killed at any moment is finished by the next start, and nothing is
// lost or doubled.
func TestAnUpgradeSurvivesKill9(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		old := db.SQLitePath(t.TempDir())
		pool, err := sql.Open("sqlite", old)
		if err != nil {
			t.Fatal(err)
		}
		pool.SetMaxOpenConns(1)
		migrated(t, pool, goose.DialectSQLite3, "sqlite", 4)
		if _, err := pool.Exec(`PRAGMA foreign_keys = 0`); err != nil {
			t.Fatal(err)
		}
		fillOld(t, pool, `printf('%012d', i)`, `TEXT`)
		if err := pool.Close(); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(old)
		if err != nil {
			t.Fatal(err)
		}
		folder := func() string {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(db.SQLitePath(dir), content, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}
		whole := upgradeUntil(t, folder(), 0)
		for range rounds(4) {
			dir := folder()
			upgradeUntil(t, dir, 1+rand.N(whole))
			upgraded(t, db.Config{Dir: dir})
		}
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		database := func() string {
			url := dbtest.PostgresURL(t)
			pool, err := sql.Open("pgx", url)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			pool.SetMaxOpenConns(1)
			migrated(t, pool, goose.DialectPostgres, "postgres", 4)
			if _, err := pool.Exec(`SET session_replication_role = replica`); err != nil { // what the rows refer to is not there
				t.Fatal(err)
			}
			fillOld(t, pool, `lpad(CAST(i AS TEXT), 12, '0')`, `UUID`)
			return url
		}
		whole := upgradeUntil(t, database(), 0)
		for range rounds(4) {
			url := database()
			upgradeUntil(t, url, 1+rand.N(whole))
			upgraded(t, db.Config{URL: url})
		}
	})
}
