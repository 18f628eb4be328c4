package apikey

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// BenchmarkKeyCheck is the whole check of a key among 100,000, in CPU time of the
// process: parsing, the one query, the comparison, the rules and the principal.
func BenchmarkKeyCheck(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b))
	w.fill(100_000)
	_, secret := w.key("measured", "leads:write")
	ctx := context.Background()
	f := facts()
	queries := w.db.Queries()
	before := cpuTime()
	n := 0
	for b.Loop() {
		if _, err := w.keys.Authenticate(ctx, secret.text, f); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(n), "cpu-ns/op")
	b.ReportMetric(float64(w.db.Queries()-queries)/float64(n), "queries/op")
}

// BenchmarkMalformedKey is the refusal of a key with a wrong checksum, which costs no
// query.
func BenchmarkMalformedKey(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b))
	text := Mint(account.Live).text
	text = text[:Length-1] + flip(text[Length-1])
	f := facts()
	queries := w.db.Queries()
	for b.Loop() {
		_, _ = w.keys.Authenticate(context.Background(), text, f)
	}
	b.ReportMetric(float64(w.db.Queries()-queries), "queries")
}

// fill stores many keys of the owner, a thousand in a transaction.
func (w *world) fill(n int) {
	w.t.Helper()
	for start := 0; start < n; start += 1000 {
		w.must(w.db.Update(context.Background(), func(ctx context.Context, tx *db.Tx) error {
			for i := start; i < min(start+1000, n); i++ {
				s := Mint(account.Live)
				k := Key{ID: id.At(tx.Now), AccountID: w.owner.Account.ID, Environment: w.owner.Environment, PublicID: s.PublicID(), Last4: s.Last4(), Name: fmt.Sprintf("key %d", i),
					Scopes: account.Scopes{"leads:write"}, CreatedBy: w.owner.Person.ID, CreatedAt: tx.Now, UpdatedAt: tx.Now}
				k.Family = k.ID
				if err := insertKey(ctx, tx, k, s.Hash()); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// cpuTime is the CPU time of the process in nanoseconds.
func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
