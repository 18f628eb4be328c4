package transfer

import (
	"context"
	"io"
	"testing"

	"github.com/leadflip/leadflip/internal/lead"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// BenchmarkExport exports fifty thousand leads of eight fields to nowhere.
func BenchmarkExport(b *testing.B) {
	const n = 50_000
	for name, open := range map[string]func() *db.DB{"sqlite": func() *db.DB { return dbtest.SQLite(b) }, "postgres": func() *db.DB { return dbtest.Postgres(b) }} {
		w := newWorld(b, open())
		e := usual()
		w.addEntity(&e)
		w.copies(w.send(w.who, ada()), n-1)
		for _, q := range []Query{{Format: CSV}, {Format: XLSX}, {Format: JSONL}, {Format: CSV, Query: lead.Query{Filter: `name contains "ada"`}}} {
			q.Entity = e.Slug
			b.Run(name+"/"+string(q.Format)+map[bool]string{true: ", filtered"}[q.Filter != ""], func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					x, err := w.svc.Export(context.Background(), w.who, q)
					if err != nil {
						b.Fatal(err)
					}
					if err := x.Write(context.Background(), io.Discard); err != nil {
						b.Fatal(err)
					}
					x.Close()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
			})
		}
	}
}
