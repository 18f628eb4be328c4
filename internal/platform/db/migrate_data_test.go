package db_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
)

// upgrade lets the program upgrade a database of an older version with rows in it, on
// SQLite and on PostgreSQL, and looks at what the rows have become.
func upgrade(t *testing.T, version int64, rows []string, look func(t *testing.T, d *db.DB)) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			d, err := db.Open(background, older(t, kind, version, rows...))
			if err != nil {
				t.Fatal(err)
			}
			look(t, d)
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The statuses and viewers of leads move into the rows of the leads, and each lead is
// still found by its statuses.
func TestStatusesMoveIntoTheRowsOfLeads(t *testing.T) {
	t.Parallel()
	const lead, other, environment = "0197b1c2-0000-7000-8000-000000000001", "0197b1c2-0000-7000-8000-000000000002", "0197b1c2-0000-7000-8000-00000000000e"
	const stage, fresh, mood, warm = "0197b1c2-0000-7000-8000-0000000000a0", "0197b1c2-0000-7000-8000-0000000000a1", "0197b1c2-0000-7000-8000-0000000000b0", "0197b1c2-0000-7000-8000-0000000000b1"
	const leads = `INSERT INTO leads (environment_id, id, entity_id, version, created_at, updated_at, source, created_by_kind, created_by_name, data, unmapped) VALUES `
	upgrade(t, 4, []string{
		leads + `('` + environment + `', '` + lead + `', '` + stage + `', 1, 1, 1, 'api', 'key', 'k', '{}', '{}')`,
		leads + `('` + environment + `', '` + other + `', '` + stage + `', 1, 1, 1, 'api', 'key', 'k', '{}', '{}')`,
		`INSERT INTO lead_statuses (environment_id, lead_id, pipeline_id, status_id, since) VALUES ('` + environment + `', '` + lead + `', '` + stage + `', '` + fresh + `', 5), ('` + environment + `', '` + lead + `', '` + mood + `', '` + warm + `', 6)`,
		`INSERT INTO lead_viewers (environment_id, lead_id, person_id) VALUES ('` + environment + `', '` + lead + `', '` + warm + `')`,
	}, func(t *testing.T, d *db.DB) {
		want := []string{stage + " " + fresh + " 5", mood + " " + warm + " 6"}
		got := strings.Split(one[string](t, d, `SELECT statuses FROM leads WHERE id = '`+lead+`'`), ",")
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("the lead has the statuses %q", got)
		}
		if v := one[string](t, d, `SELECT viewers FROM leads WHERE id = '`+lead+`'`); v != warm {
			t.Errorf("the lead has the viewers %q", v)
		}
		if v := one[string](t, d, `SELECT statuses || viewers FROM leads WHERE id = '`+other+`'`); v != "" {
			t.Errorf("a lead without any has %q", v)
		}
		for _, status := range []string{fresh, warm} {
			if v := one[string](t, d, `SELECT CAST(lead_id AS TEXT) FROM lead_statuses WHERE environment_id = '`+environment+`' AND status_id = '`+status+`'`); v != lead {
				t.Errorf("%s finds %q", status, v)
			}
		}
	})
}

// Keys that were made before keys had places get theirs.
func TestKeysGetTheirPlaces(t *testing.T) {
	t.Parallel()
	const id = "0197b1c2-0000-7000-8000-00000000000"
	places := map[string]int64{ // of 62 digits: 0 to 9, A to Z, a to z
		"0000000000zz": 0, "000000000azz": 36, "00000000AZ00": 10*62 + 35, "1000000000aa": 13537086546263552, "zzzzzzzzzzzz": 839299365868340223,
	}
	var rows []string
	for public := range places {
		n := strconv.Itoa(len(rows))
		rows = append(rows, `INSERT INTO api_keys (id, account_id, environment_id, public_id, hash, last4, family_id, name, name_folded, purpose, scopes, ip_allow, origins, created_at, updated_at)
			VALUES ('`+id+n+`', '`+id+`e', '`+id+`f', '`+public+`', '`+n+`', 'abcd', '`+id+n+`', 'k', 'k', '', '', '', '', 1, 1)`)
	}
	upgrade(t, 5, rows, func(t *testing.T, d *db.DB) {
		for public, want := range places {
			if got := one[int64](t, d, `SELECT place FROM api_keys WHERE public_id = '`+public+`'`); got != want {
				t.Errorf("%s is at %d, not at %d", public, got, want)
			}
		}
	})
}
