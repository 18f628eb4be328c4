package dbtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/leadflip/leadflip/internal/platform/db"
)

// URLVariable names the PostgreSQL server to test on. Its path is the database to
// connect to first.
const URLVariable = "LEADFLIP_TEST_DATABASE_URL"

// PostgresURL returns the URL of a fresh, empty PostgreSQL database.
func PostgresURL(t testing.TB) string {
	t.Helper()
	return createDatabase(t, server(t), "")
}

// PostgresMigratedURL returns the URL of a fresh, migrated PostgreSQL database that
// nobody is connected to.
func PostgresMigratedURL(t testing.TB) string {
	t.Helper()
	s := server(t)
	template, err := s.template()
	if err != nil {
		t.Fatalf("a PostgreSQL database could not be migrated: %v", err)
	}
	return createDatabase(t, s, template)
}

// postgresServer is a server on which databases can be made.
type postgresServer struct {
	admin    string // URL of a database that exists
	template func() (string, error)
}

func server(t testing.TB) *postgresServer {
	t.Helper()
	s, err := theServer()
	if errors.Is(err, ErrNoPostgres) && os.Getenv("CI") != "true" {
		t.Skipf("not tested on PostgreSQL: %v", err)
	}
	if err != nil {
		t.Fatalf("no PostgreSQL to test on: %v", err)
	}
	return s
}

var theServer = sync.OnceValues(func() (*postgresServer, error) {
	admin := os.Getenv(URLVariable)
	if admin == "" {
		c, err := StartCluster(ClusterOptions{})
		if err != nil {
			return nil, err
		}
		admin = c.URL()
	}
	s := &postgresServer{admin: admin}
	s.template = sync.OnceValues(s.migrateTemplate)
	return s, nil
})

// run executes statements on the server's first database.
func (s *postgresServer) run(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return fmt.Errorf("%s: %w", URLVariable, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// urlOf is the URL of another database of the server.
func (s *postgresServer) urlOf(name string) (string, error) {
	u, err := url.Parse(s.admin)
	if err != nil {
		return "", fmt.Errorf("%s is not a URL", URLVariable)
	}
	u.Path = "/" + name
	return u.String(), nil
}

func createDatabase(t testing.TB, s *postgresServer, template string) string {
	t.Helper()
	name := "leadflip_test_" + strings.ToLower(rand.Text())
	create := "CREATE DATABASE " + name
	if template != "" {
		create += " TEMPLATE " + template
	}
	if err := s.run(context.Background(), create); err != nil {
		t.Fatalf("a PostgreSQL database could not be made: %v", err)
	}
	t.Cleanup(func() {
		if err := s.run(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("the test's database could not be dropped: %v", err)
		}
	})
	u, err := s.urlOf(name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// migrateTemplate returns the name of a migrated database that others are copied
// from. Its name tells which migrations it has, so the test processes of one run
// share it, and a server that outlives a run never serves an old one.
func (s *postgresServer) migrateTemplate() (string, error) {
	sum, err := migrationsSum()
	if err != nil {
		return "", err
	}
	name := "leadflip_template_" + sum
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return "", fmt.Errorf("%s: %w", URLVariable, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	// Held until the connection ends: one process makes the template, others wait.
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtext($1))`, name); err != nil {
		return "", err
	}
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil || exists {
		return name, err
	}
	// Migrated under another name first, so that a template by this name is complete.
	draft := "leadflip_draft_" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+draft); err != nil {
		return "", err
	}
	u, err := s.urlOf(draft)
	if err != nil {
		return "", err
	}
	d, err := db.Open(ctx, db.Config{URL: u})
	if err != nil {
		return "", errors.Join(err, s.run(ctx, "DROP DATABASE "+draft))
	}
	if err := d.Close(); err != nil {
		return "", err
	}
	_, err = conn.Exec(ctx, "ALTER DATABASE "+draft+" RENAME TO "+name)
	return name, err
}

func migrationsSum() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(db.Migrations, "migrations/postgres", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(db.Migrations, path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)[:10]), err
}
