package db

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// With each setting wrong in turn the start is refused.
func TestWrongSettingsAreRefused(t *testing.T) {
	t.Parallel()
	d := openThings(t)
	right := []string{"busy_timeout(10000)", "journal_mode(WAL)", "foreign_keys(1)", "recursive_triggers(1)", "synchronous(FULL)"}
	for _, wrong := range []string{"", "busy_timeout(0)", "foreign_keys(0)", "recursive_triggers(0)", "synchronous(NORMAL)", "synchronous(OFF)", "journal_mode(DELETE)", "journal_mode(MEMORY)"} {
		t.Run(wrong, func(t *testing.T) {
			path := d.Path()
			if strings.HasPrefix(wrong, "journal_mode") {
				path = fmt.Sprintf("%s/other.db", t.TempDir())
			}
			setting, _, _ := strings.Cut(wrong, "(")
			settings := slices.Clone(right)
			for i := range settings {
				if wrong != "" && strings.HasPrefix(settings[i], setting) {
					settings[i] = wrong
				}
			}
			pool, err := sql.Open("sqlite", sqliteFile(path, "rwc", settings...))
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			conn, err := pool.Conn(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			err = checkSettings(context.Background(), conn)
			if wrong == "" && err != nil {
				t.Errorf("the right settings: %v", err)
			}
			if wrong != "" && (err == nil || !strings.Contains(err.Error(), setting)) {
				t.Errorf("%s: %v", wrong, err)
			}
		})
	}
}

func TestOldSQLiteIsRefused(t *testing.T) {
	t.Parallel()
	for version, older := range map[string]bool{"3.51.3": false, "3.51.2": true, "3.50.99": true, "3.52.0": false, "4.0.0": false, "2.99.99": true, "3.100.0": false, "": true} {
		if got := olderThan(version, sqliteMinimum); got != older {
			t.Errorf("%q is older than %s: %v", version, sqliteMinimum, got)
		}
	}
}
