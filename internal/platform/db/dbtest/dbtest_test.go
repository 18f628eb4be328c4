package dbtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestEveryTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	insert := func(t *testing.T, d *db.DB) {
		err := d.Update(context.Background(), func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO accounts (id, name, slug, created_at) VALUES ($1, 'A', 'same-slug', $2)`, id.New(), db.Micros(tx.Now))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		t.Run("", func(t *testing.T) { t.Parallel(); dbtest.Each(t, insert) })
	}
}

func TestClockIsTheOneGiven(t *testing.T) {
	t.Parallel()
	at := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if got := d.Now(); !got.Equal(at) {
			t.Errorf("the database says %v, its clock says %v", got, at)
		}
	}, dbtest.Clock(clock.NewFake(at)))
}

func TestPostgresURLIsEmpty(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(context.Background(), dbtest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var tables int
	if err := conn.QueryRow(context.Background(), `SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables); err != nil || tables != 0 {
		t.Errorf("an empty database has %d tables, %v", tables, err)
	}
}

// A server that was killed is started again at the same address, and what was committed
// is there.
func TestAKilledServerComesBack(t *testing.T) {
	t.Parallel()
	dbtest.PostgresURL(t) // skips where there is no PostgreSQL
	c, err := dbtest.StartCluster(dbtest.ClusterOptions{Durable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	ctx := context.Background()
	run := func(query string, into ...any) {
		t.Helper()
		conn, err := pgx.Connect(ctx, c.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if len(into) > 0 {
			err = conn.QueryRow(ctx, query).Scan(into...)
		} else {
			_, err = conn.Exec(ctx, query)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run(`CREATE TABLE kept (n BIGINT)`)
	for n, end := range []func() error{c.Quit, c.Kill, c.Kill, c.Quit} {
		run(fmt.Sprintf(`INSERT INTO kept VALUES (%d)`, n))
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if conn, err := pgx.Connect(ctx, c.URL()); err == nil {
			_ = conn.Close(ctx)
			t.Fatal("the server answers after it was ended")
		}
		if err := c.Restart(); err != nil {
			t.Fatal(err)
		}
		var rows int
		if run(`SELECT COUNT(*) FROM kept`, &rows); rows != n+1 {
			t.Fatalf("%d of %d rows are there", rows, n+1)
		}
	}
}

func TestTheServerEndsWithItsProcessEvenByKill9(t *testing.T) {
	t.Parallel()
	const variable = "LEADFLIP_DBTEST_HOLD"
	if os.Getenv(variable) == "1" { // the process that will be killed
		c, err := dbtest.StartCluster(dbtest.ClusterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(c.URL())
		select {}
	}
	dbtest.PostgresURL(t) // skips where there is no PostgreSQL
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The server's own folder must lie where its user may go, so not under t.TempDir
	// of a stricter umask.
	folder, err := os.MkdirTemp("", "leadflip-kill-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(folder)
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"=1", "TMPDIR="+folder)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the helper process said nothing")
	}
	url := lines.Text()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("the server does not answer before the kill: %v", err)
	}
	if err := conn.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for limit := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := pgx.Connect(ctx, url)
		if err == nil {
			_ = conn.Close(ctx)
		}
		left, _ := os.ReadDir(folder)
		if err != nil && len(left) == 0 {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("after the kill the server still answers (%v) or left %v", err == nil, left)
		}
	}
}
