package lead

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// BenchmarkLists asks for pages of 50 of a thousand and of a hundred thousand leads, and
// writes the answers.
func BenchmarkLists(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		w := newWorld(b, dbtest.SQLite(b))
		e := w.newEntity(w.who, indexed("indexed"))
		leads := w.manyLeads(&e, n)
		for ; len(leads) > 0; leads = leads[min(10_000, len(leads)):] {
			w.put(&e, leads[:min(10_000, len(leads))]...)
		}
		for name, q := range map[string]Query{
			"newest":                 {},
			"indexed equality":       {Filter: `email = "77@example.com"`},
			"status, sort by number": {Filter: `status.stage = "New"`, Sort: "-budget"},
			"range, sort by number":  {Filter: `budget > 500`, Sort: "budget"},
			"two sorts":              {Sort: "budget,-created_at"},
			"rare contains":          {Filter: `name contains "lovelace 77"`},
			"unindexed, none":        {Filter: `city = "Paris"`},
			"in memory, none":        {Filter: `source = "form"`},
			"search":                 {Search: "lovelace 77@example.com"},
			"count":                  {Filter: `status.stage = "New"`, Count: "exact"},
		} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				q.Entity = e.Slug
				b.ReportAllocs()
				for b.Loop() {
					p, err := w.svc.List(context.Background(), w.who, q)
					if err == nil {
						err = w.write(p)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// write makes the answer of a page.
func (w *world) write(p Page) error {
	bodies, err := leadBodies(context.Background(), w.db, w.who, p.Entity, p.Leads, p.Shown)
	if err != nil {
		return err
	}
	body := leadListBody{Data: make([]leadItem, len(bodies))}
	for i := range bodies {
		body.Data[i].leadAnswer = bodies[i]
	}
	_, err = body.AppendJSON(nil)
	return err
}

// BenchmarkWriteLead is one lead of eight values becoming JSON.
func BenchmarkWriteLead(b *testing.B) {
	e := identified(solar())
	l := (&world{}).manyLeads(e, 1)[0]
	l.Unmapped = []byte("{}")
	for name, write := range map[string]func() error{
		"own":           func() error { _, err := leadAnswer{lead: &l.Lead, entity: e}.AppendJSON(nil); return err },
		"encoding/json": func() error { _, err := json.Marshal(plainBody(&l.Lead, e, "", nil)); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := write(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("read", func(b *testing.B) {
		data := dataJSON(e, l.Values)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := readData(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
