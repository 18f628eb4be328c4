package db_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// leadsBefore is how many leads the databases have that are killed while they are
// upgraded: enough that there is time to do it.
const leadsBefore = 3000

// oldLeads are the rows of leads with a status in a database of version 4.
func oldLeads(kind string) []string {
	number, uuid := `printf('%012d', i)`, `TEXT`
	if kind == "postgres" {
		number, uuid = `lpad(CAST(i AS TEXT), 12, '0')`, `UUID`
	}
	id := func(end string) string { return `CAST('0197b1c2-0000-7000-8000-' || ` + end + ` AS ` + uuid + `)` }
	environment, lead, status := id(`'00000000000e'`), id(number), id(`'0000000000a1'`)
	numbers := `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + strconv.Itoa(leadsBefore) + `) `
	return []string{
		`INSERT INTO leads (environment_id, id, entity_id, version, created_at, updated_at, source, created_by_kind, created_by_name, data, unmapped)
			` + numbers + `SELECT ` + environment + `, ` + lead + `, ` + status + `, 1, 1, 1, 'api', 'key', 'k', '{}', '{}' FROM n`,
		`INSERT INTO lead_statuses (environment_id, lead_id, pipeline_id, status_id, since)
			` + numbers + `SELECT ` + environment + `, ` + lead + `, ` + status + `, ` + status + `, i FROM n`,
	}
}

// upgradeUntil lets a process upgrade a database and kills it after a while; without one
// it waits for the end and returns how long it took.
func upgradeUntil(t *testing.T, cfg db.Config, killed time.Duration) time.Duration {
	t.Helper()
	cmd := helper(t, "open", cfg.Dir+cfg.URL)
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
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(dbtest.Seed(t), 0))
			old := func() db.Config { return older(t, kind, 4, oldLeads(kind)...) }
			whole := upgradeUntil(t, old(), 0)
			for range rounds(4) {
				cfg := old()
				upgradeUntil(t, cfg, 1+time.Duration(random.Int64N(int64(whole))))
				upgraded(t, cfg)
			}
		})
	}
}
