package db_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// word is a text that List takes.
type word string

func (w word) String() string { return string(w) }

func TestInMatchesTextsAndIdsOfAList(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ids := []id.ID{id.New(), id.New(), id.New()}
		names := []word{`plain`, `with "quotes", {braces} and \ backslash`, `NULL`}
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			for i := range ids {
				if err := insertAccount(ctx, tx, ids[i], string(names[i])); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		count := func(column string, list any) int {
			return one[int](t, d, `SELECT COUNT(*) FROM accounts WHERE `+d.Dialect().In(column, 1), list)
		}
		for n := range len(ids) + 1 {
			if got := count("id", db.List(d.Dialect(), ids[:n])); got != n {
				t.Errorf("of %d ids in the list %d were found", n, got)
			}
			if got := count("name", db.List(d.Dialect(), names[:n])); got != n {
				t.Errorf("of %d names in the list %d were found", n, got)
			}
		}
		if got := count("id", db.List(d.Dialect(), []id.ID{id.New()})); got != 0 {
			t.Errorf("an unknown id was found %d times", got)
		}
	})
}

func insertAccount(ctx context.Context, tx *db.Tx, account id.ID, name string) error {
	_, err := tx.Exec(ctx, `INSERT INTO accounts (id, name, slug, created_at) VALUES ($1, $2, $3, $4)`, account, name, account.String(), db.Micros(tx.Now))
	return err
}

// PostgreSQL must find the rows of a list by the index, as SQLite does.
func TestInUsesTheIndex(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t)
	err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL enable_seqscan = off`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `EXPLAIN SELECT name FROM accounts WHERE `+db.Postgres.In("id", 1), db.List(db.Postgres, []id.ID{id.New(), id.New()}))
		plan := strings.Join(slices.Collect(column[string](t, rows, err)), "\n")
		if !strings.Contains(plan, "accounts_pkey") || strings.Contains(plan, "Seq Scan") {
			t.Errorf("a list of ids is looked up like this:\n%s", plan)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLockingClausesAreAccepted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		run(t, d, `INSERT INTO things (k) VALUES (1), (2)`)
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			for _, query := range []string{
				`SELECT k FROM things WHERE k = 1` + tx.Dialect().ForUpdate(),
				`SELECT k FROM things WHERE k = 1` + tx.Dialect().ForShare(),
				`SELECT a.k FROM things a LEFT JOIN things b ON b.k = a.k + 5 WHERE a.k = 1` + tx.Dialect().ForShareOf("a"),
			} {
				if got := one[int](t, tx, query); got != 1 {
					t.Errorf("%s: %d", query, got)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Two closures that read a row for update, add one and write it back lose nothing.
func TestForUpdateMakesReadAndWriteOne(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		run(t, d, `CREATE TABLE counters (k BIGINT PRIMARY KEY, n BIGINT NOT NULL)`, `INSERT INTO counters VALUES (1, 0)`)
		const callers, times = 8, 25
		failed := make(chan error, callers)
		for range callers {
			go func() {
				for range times {
					err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
						var n int
						if err := tx.QueryRow(ctx, `SELECT n FROM counters WHERE k = 1`+tx.Dialect().ForUpdate()).Scan(&n); err != nil {
							return err
						}
						_, err := tx.Exec(ctx, `UPDATE counters SET n = $1 WHERE k = 1`, n+1)
						return err
					})
					if err != nil {
						failed <- err
						return
					}
				}
				failed <- nil
			}()
		}
		for range callers {
			if err := await(t, failed, "the counting"); err != nil {
				t.Fatal(err)
			}
		}
		if got := one[int](t, d, `SELECT n FROM counters`); got != callers*times {
			t.Errorf("counted to %d, want %d", got, callers*times)
		}
	})
}

func TestJSONTextIsTheSameOnBoth(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		kind := "TEXT"
		if d.Dialect() == db.Postgres {
			kind = "JSONB"
		}
		field := id.New().String()
		run(t, d, `CREATE TABLE documents (doc `+kind+` NOT NULL)`)
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO documents VALUES ($1)`, db.JSON(map[string]any{
				"text": "it's \"quoted\" ü", "digits": "007", "empty": "", "yes": true, "no": false, "nothing": nil,
				"whole": 12, "money": json.Number("1.50"), "large": json.Number("12345678901234567890.123456789"), field: "by id",
			}))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for member, want := range map[string]any{
			"text": "it's \"quoted\" ü", "digits": "007", "empty": "", "yes": "true", "no": "false", "nothing": nil, "absent": nil,
			"whole": "12", "money": "1.50", "large": "12345678901234567890.123456789", field: "by id",
		} {
			got := one[any](t, d, `SELECT `+d.Dialect().JSONText("doc", member)+` FROM documents`)
			if b, ok := got.([]byte); ok {
				got = string(b)
			}
			if got != want {
				t.Errorf("member %s is %#v, want %#v", member, got, want)
			}
			if want != nil {
				if n := one[int](t, d, `SELECT COUNT(*) FROM documents WHERE `+d.Dialect().JSONText("doc", member)+` = $1`, want); n != 1 {
					t.Errorf("member %s does not equal %q in a condition", member, want)
				}
			}
		}
	})
}

func TestJSONTextRefusesNamesThatCouldBecomeSQL(t *testing.T) {
	t.Parallel()
	for _, member := range []string{`a'b`, `a"b`, `a.b`, `a b`, `$`, `ä`, `x') OR 1=1 --`} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q became part of a statement", member)
				}
			}()
			db.SQLite.JSONText("doc", member)
		}()
	}
}

func TestLikeTakesUserTextLiterally(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		texts := []string{`100% sure`, `100 sure`, `snake_case`, `snakeXcase`, `back\slash`, `backslash`, `straße`}
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			for k, text := range texts {
				if _, err := tx.Exec(ctx, `INSERT INTO things VALUES ($1, $2)`, k, text); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for search, want := range map[string][]string{
			`100%`: {`100% sure`}, `_`: {`snake_case`}, `\`: {`back\slash`}, `sure`: {`100% sure`, `100 sure`}, `raß`: {`straße`}, `'`: nil, `SURE`: nil,
		} {
			if search == "SURE" && d.Dialect() == db.SQLite {
				continue // SQLite ignores ASCII case here, which is why columns to search are folded
			}
			rows, err := d.Query(background, `SELECT name FROM things WHERE name LIKE $1 ESCAPE '\' ORDER BY k`, db.Like(search))
			if got := slices.Collect(column[string](t, rows, err)); !slices.Equal(got, want) {
				t.Errorf("search for %q found %q, want %q", search, got, want)
			}
		}
	})
}

// On SQLite the writer is serial; on PostgreSQL a transaction is settled when it and
// all before it have ended.
func TestSettledHidesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		run(t, d, `CREATE TABLE facts (tx BIGINT NOT NULL, k BIGINT NOT NULL)`)
		count := func() int {
			return one[int](t, d, `SELECT COUNT(*) FROM facts WHERE `+d.Dialect().Settled("tx"))
		}
		write := func(k int, hold <-chan struct{}, begun chan<- struct{}) error {
			return d.Update(background, func(ctx context.Context, tx *db.Tx) error {
				_, err := tx.Exec(ctx, `INSERT INTO facts VALUES (`+tx.Dialect().TxID()+`, $1)`, k)
				close(begun)
				<-hold
				return err
			})
		}
		hold, begun, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() { ended <- write(1, hold, begun) }()
		await(t, begun, "the first writer")
		if d.Dialect() == db.Postgres {
			open, second := make(chan struct{}), make(chan struct{})
			close(open)
			if err := write(2, open, second); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(); n != 0 {
			t.Errorf("%d facts are settled while the first transaction is under way", n)
		}
		close(hold)
		if err := await(t, ended, "the first writer's end"); err != nil {
			t.Fatal(err)
		}
		want := one[int](t, d, `SELECT COUNT(*) FROM facts`)
		for limit := time.Now().Add(hang); count() != want; time.Sleep(5 * time.Millisecond) {
			// On a shared server another test's transaction may be older.
			if time.Now().After(limit) {
				t.Fatalf("%d of %d facts are settled after all transactions have ended", count(), want)
			}
		}
	})
}

func TestValuesComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		uuid, blob, doc := "TEXT", "BLOB", "TEXT"
		if d.Dialect() == db.Postgres {
			uuid, blob, doc = "UUID", "BYTEA", "JSONB"
		}
		run(t, d, fmt.Sprintf(`CREATE TABLE all_kinds (k BIGINT PRIMARY KEY, who %s, at BIGINT, maybe_at BIGINT, yes BOOLEAN, bytes %s, words TEXT, doc %s)`, uuid, blob, doc))
		type row struct {
			Who     id.ID
			At      time.Time
			MaybeAt *time.Time
			Yes     bool
			Bytes   []byte
			Words   string
			Doc     map[string]any
		}
		moment := time.Date(2031, 2, 3, 4, 5, 6, 789012000, time.UTC)
		rows := []row{
			{Who: id.New(), At: moment, MaybeAt: &moment, Yes: true, Bytes: []byte{0, 1, 255, '\''}, Words: "naïve 🙂 \r\n\t'\"\\", Doc: map[string]any{"a": []any{1.5, "x", nil, true}}},
			{At: time.Unix(0, 0).UTC(), Bytes: []byte{}, Doc: map[string]any{}},
			{Who: id.Nil, At: time.Date(1901, 1, 1, 0, 0, 0, 1000, time.UTC), Bytes: []byte("0"), Words: " ", Doc: map[string]any{"0": "1"}},
			{Who: id.New(), At: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), Bytes: make([]byte, 100_000), Words: strings.Repeat("ä", 100_000)},
		}
		for k, in := range rows {
			err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
				n, err := tx.Exec(ctx, `INSERT INTO all_kinds VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, k, in.Who, db.Micros(in.At), db.OptMicros(in.MaybeAt), in.Yes, in.Bytes, in.Words, db.JSON(in.Doc))
				if n != 1 {
					t.Errorf("one row was inserted, %d were counted", n)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			var out row
			err = d.QueryRow(background, `SELECT who, at, maybe_at, yes, bytes, words, doc FROM all_kinds WHERE k = $1`, k).
				Scan(&out.Who, db.ScanTime(&out.At), db.ScanOptTime(&out.MaybeAt), &out.Yes, &out.Bytes, &out.Words, db.ScanJSON(&out.Doc))
			if err != nil {
				t.Fatal(err)
			}
			if out.Bytes == nil && !one[bool](t, d, `SELECT bytes IS NULL FROM all_kinds WHERE k = $1`, k) {
				out.Bytes = []byte{} // SQLite's driver hands out an empty blob as nil
			}
			if a, b := describe(in), describe(out); a != b {
				t.Errorf("stored    %.300s\nread back %.300s", a, b)
			}
		}
	})
}

// describe makes rows comparable, a pointer by what it points at.
func describe(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestScanningRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var at time.Time
		var maybe *time.Time
		var doc map[string]any
		for _, try := range []struct {
			query string
			dest  any
		}{
			{`SELECT 'yesterday'`, db.ScanTime(&at)}, {`SELECT NULL`, db.ScanTime(&at)}, {`SELECT 'yesterday'`, db.ScanOptTime(&maybe)},
			{`SELECT 5`, db.ScanJSON(&doc)}, {`SELECT '{"cut'`, db.ScanJSON(&doc)},
		} {
			if err := d.QueryRow(background, try.query).Scan(try.dest); err == nil {
				t.Errorf("%s was read into a %T", try.query, try.dest)
			}
		}
		doc = map[string]any{"kept": true}
		if err := d.QueryRow(background, `SELECT NULL`).Scan(db.ScanJSON(&doc)); err != nil || doc["kept"] != true {
			t.Errorf("NULL read as JSON gives %v, %v", doc, err)
		}
	})
}

func TestWholeNumbersKeepAll64Bits(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		for _, k := range []int{math.MinInt64, -1, 0, 1 << 53, 1<<53 + 1, math.MaxInt64} {
			if err := store(d, k); err != nil {
				t.Fatal(err)
			}
			if got := one[int](t, d, `SELECT k FROM things WHERE k = $1`, k); got != k {
				t.Errorf("%d came back as %d", k, got)
			}
		}
	})
}

// SUM of BIGINT is NUMERIC on PostgreSQL; it must still be read as a number.
func TestAggregatesCanBeRead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		run(t, d, `INSERT INTO things (k) VALUES (1), (2), (4)`)
		var sum, highest, count int
		var none *int
		err := d.QueryRow(background, `SELECT SUM(k), MAX(k), COUNT(*), SUM(CASE WHEN k > 9 THEN k END) FROM things`).Scan(&sum, &highest, &count, &none)
		if err != nil || sum != 7 || highest != 4 || count != 3 || none != nil {
			t.Errorf("sum %d, max %d, count %d, sum of none %v: %v", sum, highest, count, none, err)
		}
	})
}

// The order of texts decides what is on which page; it is the order of bytes.
func TestTextsAreOrderedByTheirBytes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		names := []string{"Zoe", "adam", "Éva", "eva", "_x", "10", "9", "ａ", "𝒜", "a b", "ab", ""}
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			for _, name := range names {
				if err := insertAccount(ctx, tx, id.New(), name); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		rows, err := d.Query(background, `SELECT name FROM accounts ORDER BY name`)
		if got := slices.Collect(column[string](t, rows, err)); !slices.Equal(got, names) {
			t.Errorf("ordered as %q, want %q", got, names)
		}
		rows, err = d.Query(background, `SELECT name FROM accounts WHERE name > $1 ORDER BY name`, "Zoe")
		if got := slices.Collect(column[string](t, rows, err)); !slices.Equal(got, names[slices.Index(names, "Zoe")+1:]) {
			t.Errorf("behind Zoe: %q", got)
		}
	})
}

func TestPagingByRowValues(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		run(t, d, `CREATE TABLE pages (at BIGINT NOT NULL, k BIGINT NOT NULL)`, `INSERT INTO pages VALUES (1, 1), (1, 2), (2, 1), (2, 2), (3, 1)`)
		rows, err := d.Query(background, `SELECT at * 10 + k FROM pages WHERE (at, k) < ($1, $2) ORDER BY at DESC, k DESC LIMIT $3`, 2, 2, 2)
		if got := slices.Collect(column[int](t, rows, err)); !slices.Equal(got, []int{21, 12}) {
			t.Errorf("the page is %v", got)
		}
	})
}

func TestUpsertReturningAndUpdateFrom(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		run(t, d, `CREATE TABLE a (k BIGINT PRIMARY KEY, n BIGINT NOT NULL)`, `CREATE TABLE b (k BIGINT PRIMARY KEY, n BIGINT NOT NULL)`, `INSERT INTO b VALUES (1, 10), (2, 20)`)
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			for want := 1; want <= 3; want++ {
				got := one[int](t, tx, `INSERT INTO a VALUES ($1, 1) ON CONFLICT (k) DO UPDATE SET n = a.n + excluded.n RETURNING n`, 1)
				if got != want {
					t.Errorf("upsert %d returned %d", want, got)
				}
			}
			n, err := tx.Exec(ctx, `UPDATE a SET n = b.n FROM b WHERE b.k = a.k`)
			if n != 1 {
				t.Errorf("UPDATE … FROM changed %d rows", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := one[int](t, d, `SELECT n FROM a`); n != 10 {
			t.Errorf("a.n is %d", n)
		}
	})
}

// Only the first row is read of what a changing statement returns, and all is changed.
func TestReturningChangesAllRowsAlthoughOneIsRead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		run(t, d, `INSERT INTO things (k) VALUES (1), (2), (3)`)
		err := d.Update(background, func(_ context.Context, tx *db.Tx) error {
			one[int](t, tx, `UPDATE things SET k = k + 10 RETURNING k`)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := stored(t, d); !slices.Equal(got, []int{11, 12, 13}) {
			t.Errorf("stored: %v", got)
		}
	})
}

func TestViolationsAreToldApartAndUndone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		run(t, d, `CREATE TABLE parents (k BIGINT PRIMARY KEY, code TEXT NOT NULL UNIQUE, n BIGINT CHECK (n > 0))`,
			`CREATE TABLE children (k BIGINT PRIMARY KEY, parent BIGINT NOT NULL REFERENCES parents (k))`,
			`INSERT INTO parents VALUES (1, 'one', 1)`, `INSERT INTO children VALUES (1, 1)`)
		for statement, unique := range map[string]bool{
			`INSERT INTO parents VALUES (1, 'other', 1)`:               true,
			`INSERT INTO parents VALUES (2, 'one', 1)`:                 true,
			`INSERT INTO parents VALUES (2, 'one', 1) RETURNING k`:     true,
			`INSERT INTO parents VALUES (2, NULL, 1)`:                  false,
			`INSERT INTO parents VALUES (2, 'two', 0)`:                 false,
			`INSERT INTO children VALUES (2, 7)`:                       false,
			`INSERT INTO children VALUES (2, 7) RETURNING k`:           false,
			`DELETE FROM parents WHERE k = 1`:                          false,
			`SELECT nothing FROM nowhere`:                              false,
			`INSERT INTO parents VALUES (3, 'three', 1), (1, 'x', 1)`:  true,
			`UPDATE children SET parent = 7 WHERE k = 1 RETURNING k`:   false,
			`INSERT INTO children VALUES (3, 1), (4, 7) RETURNING "k"`: false,
		} {
			for _, how := range []string{"exec", "query"} {
				err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
					if how == "exec" {
						_, err := tx.Exec(ctx, statement)
						return err
					}
					var k int
					return tx.QueryRow(ctx, statement).Scan(&k)
				})
				if err == nil || errors.Is(err, db.ErrNoRows) {
					t.Errorf("%s by %s was accepted: %v", statement, how, err)
				}
				if db.IsUnique(err) != unique {
					t.Errorf("%s by %s: unique is %v: %v", statement, how, db.IsUnique(err), err)
				}
				if code := errs.CodeOf(err); code != errs.Internal {
					t.Errorf("%s by %s is a fault of the program, not %s", statement, how, code)
				}
			}
		}
		if n := one[int](t, d, `SELECT (SELECT COUNT(*) FROM parents) * 10 + (SELECT SUM(k * parent) FROM children)`); n != 11 {
			t.Errorf("the violations left traces: %d", n)
		}
		if db.IsUnique(nil) || db.IsUnique(errors.New("unique")) {
			t.Error("IsUnique takes anything")
		}
	})
}

func TestNoRowIsErrNoRows(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		var k int
		if err := d.QueryRow(background, `SELECT k FROM things WHERE k = $1`, 1).Scan(&k); err != db.ErrNoRows {
			t.Errorf("the database: %v", err)
		}
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			if err := tx.QueryRow(ctx, `UPDATE things SET name = 'x' WHERE k = 1 RETURNING k`).Scan(&k); err != db.ErrNoRows {
				t.Errorf("the transaction: %v", err)
			}
			return insert(ctx, tx, 1) // it is no failure of a statement
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestEachClosesAndReports(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		run(t, d, `INSERT INTO things (k) VALUES (1), (2), (3)`)
		mine := errors.New("mine")
		for range 100 { // rows left open would use up the connections
			rows, err := d.Query(background, `SELECT k FROM things`)
			if err := db.Each(rows, err, func(*sql.Rows) error { return mine }); err != mine {
				t.Fatalf("Each returned %v", err)
			}
		}
		if err := db.Each(nil, mine, nil); err != mine {
			t.Errorf("Each returned %v", err)
		}
	})
}

func TestQueriesAreCounted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		before := d.Queries()
		stored(t, d)
		one[int](t, d, `SELECT COUNT(*) FROM things`)
		if err := store(d, 1); err != nil {
			t.Fatal(err)
		}
		if got := d.Queries() - before; got != 2 {
			t.Errorf("2 reads were counted as %d", got)
		}
	})
}

// More texts than are kept prepared must work all the same.
func TestManyDifferentStatements(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		things(t, d)
		for n := range 1100 {
			if got := one[int](t, d, fmt.Sprintf(`SELECT %d`, n)); got != n {
				t.Fatalf("SELECT %d gives %d", n, got)
			}
		}
		err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
			for n := range 1100 {
				if _, err := tx.Exec(ctx, fmt.Sprintf(`INSERT INTO things (k) VALUES (%d)`, n)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(stored(t, d)); n != 1100 {
			t.Errorf("%d rows", n)
		}
	})
}
