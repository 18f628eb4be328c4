package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"runtime"
	"time"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// groupedMain is the peer of durable intake: what somebody would write by hand who
// wants nothing but speed and leads that are safe. net/http, one table of SQLite with
// an index that keeps e-mails unique, and one goroutine that gives all leads that are
// waiting one commit, on disk before the answer. It checks neither key nor values, and
// keeps neither status nor event.
func groupedMain(args []string) error {
	f := flag.NewFlagSet("grouped", flag.ContinueOnError)
	path := f.String("database", "", "SQLite file, which is made")
	if err := f.Parse(args); err != nil {
		return err
	}
	g, err := openGrouped(context.Background(), *path)
	if err != nil {
		return err
	}
	return errors.Join(serveUntilStopped(g), g.close())
}

// grouped stores leads in groups.
type grouped struct {
	queue chan *groupedLead
	done  chan struct{}

	pool               *sql.DB
	begin, insert, end *sql.Stmt
}

// groupedLead is one lead on its way to the disk.
type groupedLead struct {
	ID        string `json:"-"`
	createdAt int64
	Name      string      `json:"name"`
	Email     string      `json:"email"`
	Phone     string      `json:"phone"`
	Company   string      `json:"company"`
	Message   string      `json:"message"`
	Product   string      `json:"product"`
	Budget    json.Number `json:"budget"`
	Source    string      `json:"source"`

	stored chan error
}

// groupedMax bounds a group as the product bounds it.
const groupedMax = 256

func openGrouped(ctx context.Context, path string) (*grouped, error) {
	pool, err := sql.Open("sqlite", sqliteDSN(path, "rwc"))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	g := &grouped{queue: make(chan *groupedLead, 4*groupedMax), done: make(chan struct{}), pool: pool}
	for _, text := range []string{
		`CREATE TABLE leads (id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL,
			company TEXT NOT NULL, message TEXT NOT NULL, product TEXT NOT NULL, budget NUMERIC NOT NULL, source TEXT NOT NULL)`,
		`CREATE UNIQUE INDEX leads_email ON leads (email)`,
	} {
		if _, err := pool.ExecContext(ctx, text); err != nil {
			return nil, errors.Join(err, pool.Close())
		}
	}
	var errs [3]error
	g.begin, errs[0] = pool.PrepareContext(ctx, `BEGIN IMMEDIATE`)
	g.insert, errs[1] = pool.PrepareContext(ctx, `INSERT INTO leads VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`)
	g.end, errs[2] = pool.PrepareContext(ctx, `COMMIT`)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	go g.loop(ctx)
	return g, nil
}

// close ends the storing. No request is under way or comes after.
func (g *grouped) close() error {
	close(g.queue)
	<-g.done
	return g.pool.Close()
}

// ServeHTTP takes in one lead.
func (g *grouped) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	l := &groupedLead{ID: id.At(now).String(), createdAt: now.UnixMicro(), stored: make(chan error, 1)}
	if err := json.NewDecoder(r.Body).Decode(l); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	g.queue <- l
	if err := <-l.stored; err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "lead_id": l.ID, "created_at": now.UTC(), "action": "created"})
}

func (g *grouped) loop(ctx context.Context) {
	defer close(g.done)
	var group []*groupedLead
	for first := range g.queue {
		runtime.Gosched() // callers that are ready to run join this commit
		group = append(group[:0], first)
		for waiting := true; waiting && len(group) < groupedMax; {
			select {
			case l, ok := <-g.queue:
				if waiting = ok; ok {
					group = append(group, l)
				}
			default:
				waiting = false
			}
		}
		g.commit(ctx, group)
	}
}

// commit stores a group and answers each of its callers. A lead that is refused, for
// its e-mail is there, leaves the others as they are.
func (g *grouped) commit(ctx context.Context, group []*groupedLead) {
	_, lost := g.begin.ExecContext(ctx)
	refused := make([]error, len(group))
	if lost == nil {
		for i, l := range group {
			_, refused[i] = g.insert.ExecContext(ctx, l.ID, l.createdAt, l.Name, l.Email, l.Phone, l.Company, l.Message, l.Product, l.Budget.String(), l.Source)
		}
		_, lost = g.end.ExecContext(ctx)
	}
	for i, l := range group {
		l.stored <- errors.Join(lost, refused[i])
	}
}
