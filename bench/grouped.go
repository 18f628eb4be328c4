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
//
// With -twin it writes the rows of the product into a database that the product made,
// instead of that table, which shows what these rows cost alone.
func groupedMain(args []string) error {
	f := flag.NewFlagSet("grouped", flag.ContinueOnError)
	path := f.String("database", "", "SQLite file, which is made")
	twin := f.Bool("twin", false, "it is there, and the product made it")
	if err := f.Parse(args); err != nil {
		return err
	}
	open := openBare
	if *twin {
		open = openTwin
	}
	g, err := open(context.Background(), *path)
	if err != nil {
		return err
	}
	return errors.Join(serveUntilStopped(g), g.close())
}

// grouped stores leads in groups.
type grouped struct {
	queue chan *groupedLead
	done  chan struct{}

	pool       *sql.DB
	begin, end *sql.Stmt
	insert     func(context.Context, *groupedLead) error
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

// openGrouped opens a file; what is inserted is still to be said.
func openGrouped(ctx context.Context, path, mode string) (*grouped, error) {
	pool, err := sql.Open("sqlite", sqliteDSN(path, mode))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	g := &grouped{queue: make(chan *groupedLead, 4*groupedMax), done: make(chan struct{}), pool: pool}
	if err := g.prepare(ctx, map[string]**sql.Stmt{`BEGIN IMMEDIATE`: &g.begin, `COMMIT`: &g.end}); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return g, nil
}

func (g *grouped) prepare(ctx context.Context, all map[string]**sql.Stmt) error {
	var errs []error
	for text, to := range all {
		var err error
		*to, err = g.pool.PrepareContext(ctx, text)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// openBare makes the one table.
func openBare(ctx context.Context, path string) (*grouped, error) {
	g, err := openGrouped(ctx, path, "rwc")
	if err != nil {
		return nil, err
	}
	for _, text := range []string{
		`CREATE TABLE leads (id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL,
			company TEXT NOT NULL, message TEXT NOT NULL, product TEXT NOT NULL, budget NUMERIC NOT NULL, source TEXT NOT NULL)`,
		`CREATE UNIQUE INDEX leads_email ON leads (email)`,
	} {
		if _, err := g.pool.ExecContext(ctx, text); err != nil {
			return nil, errors.Join(err, g.pool.Close())
		}
	}
	var insert *sql.Stmt
	if err := g.prepare(ctx, map[string]**sql.Stmt{`INSERT INTO leads VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`: &insert}); err != nil {
		return nil, errors.Join(err, g.pool.Close())
	}
	g.insert = func(ctx context.Context, l *groupedLead) error {
		_, err := insert.ExecContext(ctx, l.ID, l.createdAt, l.Name, l.Email, l.Phone, l.Company, l.Message, l.Product, l.Budget.String(), l.Source)
		return err
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
			refused[i] = g.insert(ctx, l)
		}
		_, lost = g.end.ExecContext(ctx)
	}
	for i, l := range group {
		l.stored <- errors.Join(lost, refused[i])
	}
}
