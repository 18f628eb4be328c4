package lead

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestAWalkSeesEachLeadOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.newEntity(w.who, strict())
		w.mustSend(w.who, `{"entity":"strict","email":"a@example.com"}`)
		var sent []id.ID
		for range 23 { // all at the same moment
			sent = append(sent, w.mustSend(w.who, `{"entity":"solar_leads"}`).LeadID)
		}
		slices.SortFunc(sent, func(a, b id.ID) int { return strings.Compare(b.String(), a.String()) })
		for _, limit := range []int{1, 7, 23, 200} {
			var seen []id.ID
			for cursor, more := "", true; more; more = cursor != "" {
				p, err := w.svc.List(t.Context(), w.who, Query{Entity: "solar_leads", Limit: limit, Cursor: cursor})
				if err != nil {
					t.Fatal(err)
				}
				if len(p.Leads) > limit {
					t.Fatalf("a page of %d leads, limit %d", len(p.Leads), limit)
				}
				for _, l := range p.Leads {
					if len(l.Statuses) != 2 || l.EntityID != w.e.ID {
						t.Errorf("listed: %+v", l)
					}
					if slices.Contains(sent, l.ID) {
						seen = append(seen, l.ID)
					}
				}
				cursor = p.Next
				w.mustSend(w.who, `{"entity":"solar_leads","name":"during the walk"}`)
			}
			if diff := cmp.Diff(sent, seen); diff != "" {
				t.Errorf("limit %d (-sent +seen):\n%s", limit, diff)
			}
		}
	}, dbtest.Clock(clock.NewFake(noon)))
}

func TestTheNewestComeFirst(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB, ...dbtest.Option) *db.DB{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := clock.NewFake(noon)
			w := newWorld(t, open(t, dbtest.Clock(c)))
			var want []string
			for i := range 5 {
				c.Advance(time.Microsecond)
				w.mustSend(w.who, fmt.Sprintf(`{"entity":"solar_leads","name":"%d"}`, i))
				want = append([]string{fmt.Sprint(i)}, want...)
			}
			p, err := w.svc.List(t.Context(), w.who, Query{Entity: w.e.ID.String()})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range p.Leads {
				got = append(got, fmt.Sprint(Full{l, p.Entity}.values()["name"]))
			}
			if diff := cmp.Diff(want, got); diff != "" || p.Next != "" {
				t.Errorf("next %q, (-want +got):\n%s", p.Next, diff)
			}
		})
	}
}

func TestCursorsAreForTheirListAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	w.newEntity(w.who, strict())
	staging := w.inEnvironment(w.who, "staging", account.Test)
	for range 3 {
		w.mustSend(w.who, `{"entity":"solar_leads"}`)
	}
	p, err := w.svc.List(t.Context(), w.who, Query{Entity: "solar_leads", Limit: 1})
	if err != nil || p.Next == "" {
		t.Fatalf("%q, %v", p.Next, err)
	}
	last := p.Next[len(p.Next)-1:]
	changed := p.Next[:len(p.Next)-1] + map[bool]string{true: "B", false: "A"}[last == "A"]
	for name, c := range map[string]struct {
		who   account.Principal
		query Query
	}{
		"another environment": {staging, Query{Entity: "solar_leads", Cursor: p.Next}},
		"another entity":      {w.who, Query{Entity: "strict", Cursor: p.Next}},
		"changed":             {w.who, Query{Entity: "solar_leads", Cursor: changed}},
		"invented":            {w.who, Query{Entity: "solar_leads", Cursor: "abc"}},
	} {
		if _, err := w.svc.List(t.Context(), c.who, c.query); errs.CodeOf(err) != errs.InvalidCursor {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.svc.List(t.Context(), w.who, Query{Entity: "solar_leads", Cursor: p.Next, Limit: 200}); err != nil {
		t.Errorf("with another limit: %v", err)
	}
	for _, limit := range []int{-1, 201} {
		if _, err := w.svc.List(t.Context(), w.who, Query{Entity: "solar_leads", Limit: limit}); errs.CodeOf(err) != errs.ValidationFailed {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

func TestPlansUseTheIndexes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		explain := "EXPLAIN QUERY PLAN "
		if d.Dialect() == db.Postgres {
			explain = "EXPLAIN "
		}
		for query, index := range map[string]string{
			`SELECT id FROM leads WHERE environment_id = $1 AND entity_id = $2 AND deleted_at IS NULL AND (created_at, id) < ($3, $4) ORDER BY created_at DESC, id DESC LIMIT 10`: "leads_newest",
			`SELECT seq FROM events WHERE environment_id = $1 AND subject_id = $2 ORDER BY tx DESC, seq DESC LIMIT 10`:                                                            "events_by_subject",
		} {
			args := []any{w.who.Environment.ID, w.e.ID.String()}
			if index == "leads_newest" {
				args = append(args, int64(1), w.e.ID)
			}
			if plan := w.plan(explain+query, args); !strings.Contains(plan, index) || strings.Contains(strings.ToUpper(plan), "TEMP B-TREE") || strings.Contains(plan, "Sort") {
				t.Errorf("%s is not answered by %s alone:\n%s", query, index, plan)
			}
		}
	})
}

// plan asks in one transaction, where PostgreSQL can be told not to read a table that
// is still small from end to end.
func (w *world) plan(query string, args []any) string {
	w.t.Helper()
	var lines []string
	w.update(func(ctx context.Context, tx *db.Tx) error {
		lines = nil
		if tx.Dialect() == db.Postgres {
			for _, off := range []string{"enable_seqscan", "enable_bitmapscan"} {
				if _, err := tx.Exec(ctx, `SET LOCAL `+off+` = off`); err != nil {
					return err
				}
			}
		}
		rows, err := tx.Query(ctx, query, args...)
		return db.Each(rows, err, func(r db.Rows) error {
			columns, err := r.Columns()
			if err != nil {
				return err
			}
			cells := make([]any, len(columns))
			for i := range cells {
				cells[i] = new(any)
			}
			if err := r.Scan(cells...); err != nil {
				return err
			}
			lines = append(lines, fmt.Sprint(*cells[len(cells)-1].(*any)))
			return nil
		})
	})
	return strings.Join(lines, "\n")
}
