package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	postgresTries   = 8                // of one Update, on serialisation failure or deadlock
	postgresBudget  = 20 * time.Second // of one try
	postgresMinimum = 140000           // server_version_num
	postgresConns   = 16               // of each of the two pools
)

func openPostgres(ctx context.Context, cfg Config) (*DB, error) {
	pc, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		// The parser's text may hold the password, so it is not repeated.
		return nil, errors.New("the database URL cannot be read; it looks like postgres://user:password@host:5432/name?sslmode=require")
	}
	pc.RuntimeParams["application_name"] = "leadflip"
	pc.RuntimeParams["timezone"] = "UTC"
	if pc.ConnectTimeout == 0 {
		pc.ConnectTimeout = 5 * time.Second
	}
	if err := preparePostgres(ctx, pc); err != nil {
		return nil, err
	}
	d := &DB{dialect: Postgres, clock: cfg.Clock}
	if d.write, err = postgresPool(pc, "off"); err == nil {
		d.read, err = postgresPool(pc, "on")
	}
	if err == nil {
		err = d.Update(ctx, continuePositions)
	}
	if err != nil {
		_ = d.Close()
		return nil, err
	}
	return d, nil
}

// preparePostgres checks the server and brings the schema up to date.
func preparePostgres(ctx context.Context, pc *pgx.ConnConfig) error {
	pool := stdlib.OpenDB(*pc)
	defer pool.Close()
	if err := checkPostgres(ctx, pool, pc); err != nil {
		return err
	}
	return migratePostgres(ctx, pool)
}

// postgresPool makes one of the two pools: the one for reads cannot write, and
// closures that wait for each other's locks never hold up a read.
func postgresPool(pc *pgx.ConnConfig, readOnly string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, err
	}
	cfg.ConnConfig = pc.Copy()
	cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = readOnly
	cfg.MaxConns, cfg.MinConns, cfg.MinIdleConns = postgresConns, 0, 0
	cfg.MaxConnIdleTime = 5 * time.Minute
	cfg.MaxConnLifetime = 24 * time.Hour
	return pgxpool.NewWithConfig(context.Background(), cfg)
}

// checkPostgres reads back what the promises rest on.
func checkPostgres(ctx context.Context, pool *sql.DB, pc *pgx.ConnConfig) error {
	var version int
	var encoding, commit string
	err := pool.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), current_setting('synchronous_commit')`).
		Scan(&version, &encoding, &commit)
	switch {
	case err != nil:
		// The driver's text has several lines.
		return fmt.Errorf("the database at %s:%d cannot be reached: %s", pc.Host, pc.Port, strings.Join(strings.Fields(redact(err, pc.Password).Error()), " "))
	case version < postgresMinimum:
		return fmt.Errorf("the database is PostgreSQL %d; Leadflip needs %d or later", version/10000, postgresMinimum/10000)
	case encoding != "UTF8":
		return fmt.Errorf("the database keeps its texts in %s; Leadflip needs one made with ENCODING 'UTF8'", encoding)
	case commit == "off":
		return errors.New("the database answers before it has stored (synchronous_commit = off); switch that on, at least for this database: ALTER DATABASE … SET synchronous_commit = on")
	}
	return nil
}

// continuePositions makes the positions of events go on behind those there are. A
// database that was dumped and restored is on a server that counts its transactions
// from the beginning: without this, no event of before would count as settled.
func continuePositions(ctx context.Context, tx *Tx) error {
	if err := tx.Lock(ctx, "event_positions"); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE event_positions SET ahead = last.tx + 1 - pg_snapshot_xmin(pg_current_snapshot())::text::bigint
		FROM (SELECT MAX(newest.tx) AS tx FROM environments e CROSS JOIN LATERAL
			(SELECT tx FROM events WHERE environment_id = e.id ORDER BY tx DESC, seq DESC LIMIT 1) newest) last
		WHERE last.tx >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint + ahead`)
	return err
}

func (d *DB) updatePostgres(ctx context.Context, fn func(context.Context, *Tx) error) error {
	var err error
	for try := range postgresTries {
		var again bool
		if err, again = d.tryPostgres(ctx, fn); !again {
			return err
		}
		time.Sleep(time.Duration(rand.Int64N(int64(5*time.Millisecond) << min(try, 5))))
	}
	return unavailable(err)
}

// tryPostgres runs the closure in one transaction and tells whether to do so again.
// Only the wait for a connection ends with the caller's context.
func (d *DB) tryPostgres(ctx context.Context, fn func(context.Context, *Tx) error) (err error, again bool) {
	conn, err := d.write.Acquire(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return unavailable(ctx.Err()), false
		}
		return mapError(err), false
	}
	defer conn.Release()
	own, cancel := context.WithTimeout(d.closureContext(ctx), postgresBudget)
	defer cancel()
	run := newPgTx(conn.Conn())
	defer run.rollback(own)
	tx := &Tx{Now: d.clock.Now(), dialect: Postgres, ctx: own, run: run, until: time.Now().Add(postgresBudget)}
	if err := tx.call(fn); err != nil {
		if run.lost() && own.Err() == nil && !run.heard {
			// Nothing has run yet. The connection was one from before a restart of the
			// server; the next will be new.
			return err, true
		}
		// What the database said decides, not what the closure made of it.
		return err, isRetryable(tx.failed)
	}
	asked, err := run.commit(own)
	switch code := postgresCode(err); {
	case err == nil:
		return nil, false
	case isRetryable(err):
		return err, true
	case !asked, code != "" && !strings.HasPrefix(code, "08") && !strings.HasPrefix(code, "57"):
		return mapError(err), false
	}
	return inDoubt(err), false
}
