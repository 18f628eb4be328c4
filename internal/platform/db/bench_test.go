package db_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// A durable write with three indexes: callers that share commits against one commit
// per write, on files of the same disk.
func BenchmarkWrite(b *testing.B) {
	for _, callers := range []int{1, 64} {
		for _, how := range []string{"one commit each", "group commit"} {
			b.Run(fmt.Sprintf("callers=%d/%s", callers, how), func(b *testing.B) {
				d := dbtest.SQLite(b)
				var alone sync.Mutex
				var next atomic.Int64
				if err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
					for _, s := range []string{`CREATE TABLE rows (id TEXT PRIMARY KEY, at BIGINT, name TEXT)`, `CREATE INDEX a ON rows (at)`, `CREATE INDEX n ON rows (name)`} {
						if _, err := tx.Exec(ctx, s); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
				var all sync.WaitGroup
				for range callers {
					all.Go(func() {
						for {
							n := next.Add(1)
							if n > int64(b.N) {
								return
							}
							row := id.New()
							if how == "one commit each" {
								alone.Lock()
							}
							err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
								_, err := tx.Exec(ctx, `INSERT INTO rows VALUES ($1, $2, $3)`, row, n, "name")
								return err
							})
							if how == "one commit each" {
								alone.Unlock()
							}
							if err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			})
		}
	}
}

// One row by its unique column, as the check of a key reads it.
func BenchmarkRead(b *testing.B) {
	for name, open := range map[string]func(testing.TB, ...dbtest.Option) *db.DB{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			d := open(b)
			var ids []id.ID
			for range 100 {
				if err := d.Update(background, func(ctx context.Context, tx *db.Tx) error {
					ids = ids[:len(ids)/100*100]
					for range 100 {
						ids = append(ids, id.New())
						if err := insertAccount(ctx, tx, ids[len(ids)-1], "name"); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					b.Fatal(err)
				}
			}
			for i := 0; b.Loop(); i++ {
				var name string
				if err := d.QueryRow(background, `SELECT name FROM accounts WHERE slug = $1`, ids[i%len(ids)].String()).Scan(&name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
