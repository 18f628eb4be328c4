package lead

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// recorder notes the statements that go through a handle.
type recorder struct {
	db.Handle
	texts []string
	args  [][]any
}

func (r *recorder) Query(ctx context.Context, query string, args ...any) (db.Rows, error) {
	r.texts, r.args = append(r.texts, query), append(r.args, args)
	return r.Handle.Query(ctx, query, args...)
}

func (r *recorder) QueryRow(ctx context.Context, query string, args ...any) *db.Row {
	r.texts, r.args = append(r.texts, query), append(r.args, args)
	return r.Handle.QueryRow(ctx, query, args...)
}

// indexed is the entity that has everything, with three fields indexed.
func indexed(slug string) entity.Entity {
	e := solar()
	e.Slug = slug
	for i := range e.Fields {
		e.Fields[i].Indexed = slices.Contains([]string{"email", "budget", "wishes"}, e.Fields[i].Key)
	}
	return e
}

// TestEveryStatementOfAListUsesAnIndex looks at the plans of everything that a query
// asks, in the ways of large and of small lists.
func TestEveryStatementOfAListUsesAnIndex(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		e := w.newEntity(w.who, indexed("indexed"))
		for _, l := range w.manyLeads(&e, 40) {
			w.put(&e, l)
		}
		explain := "EXPLAIN QUERY PLAN "
		if d.Dialect() == db.Postgres {
			explain = "EXPLAIN "
		}
		for _, q := range []Query{
			{}, {Sort: "created_at"}, {Sort: "-updated_at"}, {Sort: "budget"}, {Sort: "-budget,-created_at"}, {Search: "ada"}, {Filter: `message contains "x"`}, {Filter: `budget > 3`, Sort: "-budget"},
			{Filter: `email = "5@example.com"`}, {Filter: `email starts_with "5"`}, {Filter: `wishes in ("roof", "balcony") or budget between 1 and 9`},
			{Filter: `status.stage = "New" and assignee is empty`, Sort: "budget"}, {Filter: `assignee = "` + id.New().String() + `"`}, {Filter: `created_at > 2026-07-31 and updated_at < 2026-08-01`}, {Filter: `id = "` + id.New().String() + `"`},
		} {
			for _, driver := range []int{0, 5000} {
				q.Entity = e.Slug
				sel, err := w.svc.Select(t.Context(), w.who, "read", q)
				if err != nil {
					t.Fatalf("%+v: %v", q, err)
				}
				sel.sizes.driver = driver
				f, err := sel.finder(t.Context(), sel.terms)
				if err != nil {
					t.Fatal(err)
				}
				r := &recorder{Handle: d}
				f.q = r
				wanted, err := f.want(t.Context(), sel.nodes, sel.words)
				if err != nil {
					t.Fatalf("%+v: %v", q, err)
				}
				var after *place
				for range 3 {
					found, err := f.find(t.Context(), wanted, 0, after, 15)
					if err != nil {
						t.Fatalf("%+v: %v", q, err)
					}
					if len(found) == 0 {
						break
					}
					after = &found[len(found)-1].place
				}
				sel.pace.rest()
				for i, text := range r.texts {
					plan := w.plan(explain+text, r.args[i])
					if scan := regularScan(plan); scan != "" {
						t.Errorf("%+v, driver %d: %s\n%s\n%s", q, driver, scan, text, plan)
					}
				}
			}
		}
	})
}

// regularScan finds a line that reads a table from end to end.
func regularScan(plan string) string {
	for line := range strings.SplitSeq(plan, "\n") {
		for _, table := range []string{"leads", "l", "lead_values", "v", "x", "lead_statuses", "t"} {
			if strings.HasPrefix(strings.TrimSpace(line), "SCAN "+table) && !strings.Contains(line, "SCAN "+table+"_") || strings.Contains(line, "Seq Scan on "+table) {
				return line
			}
		}
	}
	return ""
}

// manyLeads are leads with different values.
func (w *world) manyLeads(e *entity.Entity, n int) []*truth {
	field := func(key string) id.ID { return e.FieldNamed(key).ID }
	name, email, budget, message, city := field("name"), field("email"), field("budget"), field("message"), field("city")
	phone, place, newsletter := field("phone"), field("place"), field("newsletter")
	stage := &e.Pipelines[0]
	out := make([]*truth, n)
	for i := range out {
		at := noon.Add(time.Duration(i) * time.Second)
		l := &truth{Lead: Lead{ID: id.At(at), EntityID: e.ID, CreatedAt: at, UpdatedAt: at, Source: "api", Values: map[id.ID]entity.Value{
			name: fmt.Sprintf("Ada Lovelace %d", i), email: fmt.Sprintf("%d@example.com", i), budget: fmt.Sprint(i * 7 % 1000), message: "Please call me in the afternoon.",
			phone: "+4930123456", place: "roof", newsletter: i%2 == 0, city: "Berlin",
		}}}
		l.Statuses = []StatusSince{{PipelineID: stage.ID, StatusID: stage.Statuses[i%len(stage.Statuses)].ID}}
		l.search = fmt.Sprintf("ada lovelace %d\n%d@example.com\nplease call me in the afternoon.\nberlin", i, i)
		out[i] = l
	}
	return out
}

func TestAQueryThatTakesTooLongIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		e := w.newEntity(w.who, indexed("indexed"))
		w.put(&e, w.manyLeads(&e, 10)...)
		_, err := w.svc.list(t.Context(), w.who, Query{Entity: "indexed", Filter: `message contains "x" and email contains "y" and status.stage = "New"`, Search: "ada"}, 0)
		if e := errs.As(err); e.Code != errs.QueryTooExpensive || !strings.Contains(e.Detail, "one by one for: message, email, q.") || fmt.Sprint(e.Meta["not_indexed"]) != "[message email q]" {
			t.Errorf("%+v", e)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.svc.List(gone, w.who, Query{Entity: "indexed", Filter: `message contains "x"`}); err == nil || errs.CodeOf(err) == errs.QueryTooExpensive {
			t.Errorf("a caller that went away: %v", err)
		}
	})
}

// TestADeadlineEndsARead: a statement that would run for minutes ends with its context.
func TestADeadlineEndsARead(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		var n int64
		err := d.QueryRow(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT COUNT(*) FROM n`).Scan(&n)
		if err == nil || ctx.Err() == nil {
			t.Errorf("counted %d, %v", n, err)
		}
		if err := d.Ping(t.Context()); err != nil {
			t.Errorf("the connection is of no use afterwards: %v", err)
		}
	})
}

// TestWhileLeadsAreIndexed: as long as lead_values and search texts are incomplete, a
// filter is answered without them, and nothing is sorted by them.
func TestWhileLeadsAreIndexed(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		e := w.newEntity(w.who, indexed("indexed"))
		leads := w.manyLeads(&e, 5)
		w.put(&e, leads...)
		task := id.New()
		w.update(func(ctx context.Context, tx *db.Tx) error {
			for _, statement := range []string{`DELETE FROM lead_values WHERE environment_id = $1`, `UPDATE leads SET search = '' WHERE environment_id = $1`} {
				if _, err := tx.Exec(ctx, statement, w.who.Environment.ID); err != nil {
					return err
				}
			}
			_, err := tx.Exec(ctx, `INSERT INTO entity_tasks (id, account_id, entity_id, kind, state, created_at, updated_at) VALUES ($1, $2, $3, 'rebuild', 'running', 0, 0)`, task, w.who.Account.ID, e.ID)
			return err
		})
		for _, q := range []Query{{Filter: `email = "3@example.com"`}, {Filter: `email starts_with "3@"`}, {Filter: `email contains "3@"`}, {Search: "3@example.com"}} {
			q.Entity = "indexed"
			p, err := w.svc.List(t.Context(), w.who, q)
			if err != nil || len(p.Leads) != 1 || p.Leads[0].ID != leads[3].ID {
				t.Errorf("%+v: %d leads, %v", q, len(p.Leads), err)
			}
		}
		if _, err := w.svc.List(t.Context(), w.who, Query{Entity: "indexed", Sort: "budget"}); errs.CodeOf(err) != errs.Unavailable {
			t.Errorf("sorted meanwhile: %v", err)
		}
		w.update(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE entity_tasks SET state = 'done' WHERE id = $1`, task)
			return err
		})
		if _, err := w.svc.List(t.Context(), w.who, Query{Entity: "indexed", Sort: "budget"}); err != nil {
			t.Errorf("sorted afterwards: %v", err)
		}
	})
}

func TestTheRightIsAskedByTheVerb(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	e := w.newEntity(w.who, indexed("indexed"))
	w.put(&e, w.manyLeads(&e, 3)...)
	reader := w.who
	reader.Scopes = account.Scopes{"leads:read"}
	never := func(*Lead) error { t.Error("a lead was handed out"); return nil }
	if err := w.svc.Each(t.Context(), reader, "export", Query{Entity: "indexed"}, never); errs.CodeOf(err) != errs.InsufficientScope {
		t.Errorf("an export by a reader: %v", err)
	}
	reader.Scopes = account.Scopes{"leads.indexed:export"}
	seen, stop := 0, errors.New("enough")
	if err := w.svc.Each(t.Context(), reader, "export", Query{Entity: "indexed"}, func(*Lead) error { seen++; return stop }); !errors.Is(err, stop) || seen != 1 {
		t.Errorf("%d leads, %v", seen, err)
	}
	if _, err := w.svc.List(t.Context(), reader, Query{Entity: "indexed"}); errs.CodeOf(err) != errs.InsufficientScope {
		t.Errorf("a list by an exporter: %v", err)
	}
}

// TestAStreamIsShortReads: while a lead is handed out, no read is open, so that a write
// and everything behind it go on.
func TestAStreamIsShortReads(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		e := w.newEntity(w.who, indexed("indexed"))
		w.put(&e, w.manyLeads(&e, eachRead+1)...)
		n := 0
		err := w.svc.Each(t.Context(), w.who, "read", Query{Entity: "indexed", Sort: "budget"}, func(l *Lead) error {
			if n++; n%50 != 0 {
				return nil
			}
			return d.Update(t.Context(), func(ctx context.Context, tx *db.Tx) error {
				if d.Dialect() == db.Postgres { // which waits for all who read the table
					if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '5s'`); err != nil {
						return err
					}
				}
				_, err := tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE leads ADD COLUMN during_%d BIGINT`, n))
				return err
			})
		})
		if err != nil || n != eachRead+1 {
			t.Errorf("%d leads, %v", n, err)
		}
	})
}
