package lead

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

const benchBody = `{"entity":"solar_leads","name":"Ada Lovelace","email":"ada@example.com","phone":"+49 30 123456","message":"Please call me.","status:stage":"New","source":"website"}`

// BenchmarkIntake takes in leads from 64 callers at once, on one SQLite file.
func BenchmarkIntake(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b))
	b.SetParallelism(64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := w.send(w.who, benchBody); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkIntakeAlone is one transaction, and so one commit, per lead.
func BenchmarkIntakeAlone(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.send(w.who, benchBody); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMatch is what happens before the transaction.
func BenchmarkMatch(b *testing.B) {
	e := identified(solar())
	e.FieldNamed("name")
	b.ReportAllocs()
	for b.Loop() {
		items, err := ParseBody(mediaJSON, []byte(benchBody))
		if err != nil {
			b.Fatal(err)
		}
		if _, wrong := match(e, readControls(items, DefaultSource), false); len(wrong) > 0 {
			b.Fatal(wrong)
		}
	}
}

// BenchmarkList reads the first page of 50 leads.
func BenchmarkList(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b))
	for range 200 {
		if _, err := w.send(w.who, benchBody); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.svc.List(context.Background(), w.who, Query{Entity: "solar_leads"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBulk takes in 1,000 leads a call.
func BenchmarkBulk(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b))
	w.e = w.newEntity(w.who, funnel())
	n := 0
	for b.Loop() {
		rows := make([]string, 1000)
		for i := range rows {
			n++
			rows[i] = fmt.Sprintf(`{"name":"Lead %d","email":"lead%d@example.com","phone":"+49 30 %07d","remark":"Please call me back soon.","budget":%d}`, n, n, 1000000+n, n)
		}
		if _, err := w.bulk(`{"entity":"funnel","batch":[`+strings.Join(rows, ",")+`]}`, nil, newSlices()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "leads/s")
}
