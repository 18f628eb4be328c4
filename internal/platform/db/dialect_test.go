package db_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
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
				`SELECT a.k FROM things a LEFT JOIN things b ON b.k = a.k + 5 WHERE a.k = 1` + tx.Dialect().ForShareOf("a"),
				`SELECT a.k FROM things a LEFT JOIN things b ON b.k = a.k + 5 WHERE a.k = 1` + tx.Dialect().ForUpdateOf("a"),
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

// Two closures that look whether something is there and then make it make it once.
func TestLockMakesClosuresWaitForEachOther(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		run(t, d, `CREATE TABLE made (name TEXT NOT NULL)`)
		const callers = 8
		failed := make(chan error, callers)
		for c := range callers {
			go func() {
				names := []string{"a", "b", "c"}
				slices.SortFunc(names, func(x, y string) int { return (c%2*2 - 1) * strings.Compare(x, y) }) // in any order
				failed <- d.Update(background, func(ctx context.Context, tx *db.Tx) error {
					if err := tx.Lock(ctx, names...); err != nil {
						return err
					}
					for _, name := range names {
						var n int
						if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM made WHERE name = $1`, name).Scan(&n); err != nil || n > 0 {
							return err
						}
						if _, err := tx.Exec(ctx, `INSERT INTO made VALUES ($1)`, name); err != nil {
							return err
						}
					}
					return nil
				})
			}()
		}
		for range callers {
			if err := await(t, failed, "the making"); err != nil {
				t.Error(err)
			}
		}
		if n := one[int](t, d, `SELECT COUNT(*) FROM made`); n != 3 {
			t.Errorf("3 things were made %d times", n)
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
