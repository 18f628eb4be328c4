package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// raise makes PostgreSQL fail the statement with a code.
func raise(code string) string {
	return fmt.Sprintf(`DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '%s'; END $$`, code)
}

func TestSerialisationFailureAndDeadlockAreRetriedAtEachStatement(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01"} {
		for at := range 4 {
			for _, swallow := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s before statement %d, swallowed %v", code, at, swallow), func(t *testing.T) {
					t.Parallel()
					d := dbtest.Postgres(t)
					things(t, d)
					runs := 0
					err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
						runs++
						for k := range 4 {
							if k == at && runs <= 3 {
								_, err := tx.Exec(ctx, raise(code))
								switch {
								case err == nil:
									t.Error("the injection did nothing")
								case swallow:
									return nil // the database's word counts, not the closure's
								default:
									return errors.New("a closure that says something else")
								}
							}
							if err := insert(ctx, tx, k); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil || runs != 4 {
						t.Errorf("after %d runs: %v", runs, err)
					}
					if got := stored(t, d); !slices.Equal(got, []int{0, 1, 2, 3}) {
						t.Errorf("stored: %v", got)
					}
				})
			}
		}
	}
}

func TestRetriesAreBoundedAndEndIn503(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	runs := 0
	err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
		runs++
		_, err := tx.Exec(ctx, raise("40001"))
		return err
	})
	if errs.CodeOf(err) != errs.Unavailable || runs < 5 || runs > 20 {
		t.Errorf("after %d runs: %v", runs, err)
	}
}

func TestOtherFailuresAreNotRetried(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	for code, want := range map[string]errs.Code{
		"23505": errs.Internal, "42601": errs.Internal, "P0001": errs.Internal, "22003": errs.Internal,
		"53100": errs.StorageFull, "53200": errs.Unavailable, "53300": errs.Unavailable, "57P03": errs.Unavailable, "57014": errs.Unavailable, "58030": errs.Unavailable, "08006": errs.Unavailable, "25006": errs.Unavailable,
	} {
		runs := 0
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			runs++
			_, err := tx.Exec(ctx, raise(code))
			return err
		})
		if errs.CodeOf(err) != want || runs != 1 {
			t.Errorf("%s became %v after %d runs", code, err, runs)
		}
		if db.IsUnique(err) != (code == "23505") {
			t.Errorf("%s is unique: %v", code, db.IsUnique(err))
		}
	}
}

// atCommit makes COMMIT run a PL/pgSQL body whenever things were inserted.
func atCommit(t *testing.T, d *db.DB, body string) {
	t.Helper()
	run(t, d, `CREATE SEQUENCE attempts`,
		`CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN `+body+` RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()`)
}

func TestAFailureOfCommitIsRetried(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			d := dbtest.Postgres(t)
			things(t, d)
			// A sequence keeps counting when its transaction is undone.
			atCommit(t, d, `IF nextval('attempts') < 3 THEN RAISE EXCEPTION 'injected' USING ERRCODE = '`+code+`'; END IF;`)
			if err := store(d, 1); err != nil {
				t.Error(err)
			}
			if got := stored(t, d); !slices.Equal(got, []int{1}) {
				t.Errorf("stored: %v", got)
			}
		})
	}
}

func TestAConnectionLostDuringCommitIsNotCalledUnchanged(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	things(t, d)
	atCommit(t, d, `IF nextval('attempts') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;`)
	err := store(d, 1)
	if errs.CodeOf(err) != errs.Unavailable || strings.Contains(errs.As(err).Detail, "Nothing was changed") {
		t.Errorf("the caller is told: %v", err)
	}
	if err := store(d, 2); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAConnectionLostInsideAClosureIs503AndUndone(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	things(t, d)
	err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
		if err := insert(ctx, tx, 1); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
		return err
	})
	if errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("Update returned %v", err)
	}
	if err := store(d, 2); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if got := stored(t, d); !slices.Equal(got, []int{2}) {
		t.Errorf("stored: %v", got)
	}
}

func TestConnectionsFromBeforeAServerRestartAreReplaced(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	things(t, d)
	release := occupy(t, d) // many connections
	release()
	for k := range 3 {
		// What a restart does to every connection but the one that asks.
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var updates sync.WaitGroup
		for j := range 16 {
			updates.Go(func() {
				if err := store(d, k*16+j); err != nil {
					t.Errorf("round %d: %v", k, err)
				}
			})
		}
		updates.Wait()
	}
	if n := len(stored(t, d)); n != 48 {
		t.Errorf("%d of 48 rows", n)
	}
}

// Two transactions that each read what the other writes cannot both be right.
func TestRealSerialisationFailure(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	run(t, d, `CREATE TABLE on_call (name TEXT PRIMARY KEY, yes BOOLEAN NOT NULL)`, `INSERT INTO on_call VALUES ('ann', TRUE), ('bob', TRUE)`)
	var both sync.WaitGroup
	both.Add(2)
	var runs atomic.Int32
	var leaves sync.WaitGroup
	for _, name := range []string{"ann", "bob"} {
		leaves.Go(func() {
			first := true
			err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
				runs.Add(1)
				if _, err := tx.Exec(ctx, `SET TRANSACTION ISOLATION LEVEL SERIALIZABLE`); err != nil {
					return err
				}
				var others int
				if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM on_call WHERE yes AND name <> $1`, name).Scan(&others); err != nil {
					return err
				}
				if first {
					first = false
					both.Done()
					both.Wait()
				}
				if others == 0 {
					return nil // somebody has to stay
				}
				_, err := tx.Exec(ctx, `UPDATE on_call SET yes = FALSE WHERE name = $1`, name)
				return err
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	leaves.Wait()
	if n := one[int](t, d, `SELECT COUNT(*) FROM on_call WHERE yes`); n != 1 {
		t.Errorf("%d are on call", n)
	}
	if n := runs.Load(); n < 3 {
		t.Errorf("%d runs: nothing was retried", n)
	}
}

func TestRealDeadlock(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	run(t, d, `CREATE TABLE balances (k BIGINT PRIMARY KEY, n BIGINT NOT NULL)`, `INSERT INTO balances VALUES (1, 0), (2, 0)`)
	var both sync.WaitGroup
	both.Add(2)
	var runs atomic.Int32
	var moves sync.WaitGroup
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		moves.Go(func() {
			first := true
			err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
				runs.Add(1)
				for i, k := range order {
					if _, err := tx.Exec(ctx, `UPDATE balances SET n = n + 1 WHERE k = $1`, k); err != nil {
						return err
					}
					if i == 0 && first {
						first = false
						both.Done()
						both.Wait()
					}
				}
				return nil
			})
			if err != nil {
				t.Errorf("%v: %v", order, err)
			}
		})
	}
	moves.Wait()
	if n := one[int](t, d, `SELECT SUM(n) FROM balances`); n != 4 {
		t.Errorf("the balances add up to %d", n)
	}
	if n := runs.Load(); n != 3 {
		t.Errorf("%d runs", n)
	}
}

func TestReadsGoOnWhileEveryWritingConnectionIsBusy(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		release := occupy(t, d)
		answer := make(chan error, 1)
		go func() { answer <- d.Ping(background) }()
		if err := await(t, answer, "a read"); err != nil {
			t.Error(err)
		}
		release()
	})
}

func TestPostgresRefusals(t *testing.T) {
	t.Parallel()
	url := dbtest.PostgresURL(t)
	open := func(t *testing.T, url string) error {
		t.Helper()
		d, err := db.Open(background, db.Config{URL: url})
		if err == nil {
			_ = d.Close()
			t.Fatalf("%s was opened", url)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("not one line: %q", err)
		}
		return err
	}
	t.Run("answers before storing", func(t *testing.T) {
		err := open(t, url+"&synchronous_commit=off")
		if !strings.Contains(err.Error(), "synchronous_commit") {
			t.Error(err)
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		err := open(t, "postgres://somebody:hunter2@127.0.0.1:1/nothing")
		if !strings.Contains(err.Error(), "127.0.0.1:1 cannot be reached") || strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		err := open(t, "postgres://somebody:hunter2@127.0.0.1:port/nothing")
		if strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	})
	t.Run("another kind", func(t *testing.T) {
		err := open(t, "mysql://somebody:hunter2@127.0.0.1/nothing")
		if !strings.Contains(err.Error(), "postgres://") || strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	})
	t.Run("another encoding", func(t *testing.T) {
		admin := dbtest.Postgres(t)
		name := "leadflip_test_ascii_" + strings.ToLower(strings.TrimPrefix(one[string](t, admin, `SELECT current_database()`), "leadflip_test_"))
		provider := ""
		if one[int](t, admin, `SELECT current_setting('server_version_num')::int`) >= 150000 {
			provider = "LOCALE_PROVIDER libc"
		}
		execute(t, url, `CREATE DATABASE `+name+` ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' `+provider+` TEMPLATE template0`)
		t.Cleanup(func() { execute(t, url, `DROP DATABASE `+name+` WITH (FORCE)`) })
		before, after, _ := strings.Cut(url, "leadflip_test_")
		_, query, _ := strings.Cut(after, "?")
		if err := open(t, before+name+"?"+query); !strings.Contains(err.Error(), "UTF8") {
			t.Error(err)
		}
	})
}
