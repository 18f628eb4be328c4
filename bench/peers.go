package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// serveUntilStopped serves on a free loopback address, which it prints, until the
// process that started this one wants it to end or is gone.
func serveUntilStopped(h http.Handler) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	srv := &http.Server{Handler: h}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	fmt.Println(l.Addr())
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// emptyMain is the peer of a request that writes nothing: net/http with a handler
// that does nothing.
func emptyMain() error {
	return serveUntilStopped(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

// oneByOneMain is the peer of intake: net/http, and for each lead one transaction of
// its own on a database that the product made, with its tables, indexes and settings.
// It checks neither key nor values, so the difference to the product is the commit,
// less all that the product does besides.
func oneByOneMain(args []string) error {
	f := flag.NewFlagSet("one-by-one", flag.ContinueOnError)
	path := f.String("database", "", "SQLite file")
	if err := f.Parse(args); err != nil {
		return err
	}
	s, err := openOneByOne(context.Background(), *path)
	if err != nil {
		return err
	}
	return errors.Join(serveUntilStopped(s), s.pool.Close())
}

// sqliteDSN opens a file as the product's writer does, in mode rw, or rwc to make it.
// Checkpoints are left to SQLite, which makes one every thousand pages, as the product
// does by itself.
func sqliteDSN(path, mode string) string {
	q := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "foreign_keys(1)", "recursive_triggers(1)", "synchronous(FULL)", "cache_size(-16000)"}, "_dqs": {"0"}, "mode": {mode}}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// oneByOne stores each lead in a transaction of its own.
type oneByOne struct {
	pool *sql.DB

	mu                                         sync.Mutex // one writer, as SQLite has it
	begin, lead, status, note, event, end, not *sql.Stmt

	environment, entity, pipeline string
	fields                        map[string]string // id by key
	statuses                      map[string]string // id by name
}

// openOneByOne reads the starter entity and prepares the statements.
func openOneByOne(ctx context.Context, path string) (*oneByOne, error) {
	pool, err := sql.Open("sqlite", sqliteDSN(path, "rw"))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	s := &oneByOne{pool: pool, fields: map[string]string{}, statuses: map[string]string{}}
	if err := errors.Join(s.read(ctx), s.prepare(ctx)); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return s, nil
}

func (s *oneByOne) read(ctx context.Context) error {
	err := s.pool.QueryRowContext(ctx, `SELECT v.id, e.id, p.id FROM entities e JOIN environments v ON v.account_id = e.account_id
		JOIN pipelines p ON p.entity_id = e.id WHERE e.slug = 'leads' AND v.slug = 'production' AND p.slug = 'stage'`).Scan(&s.environment, &s.entity, &s.pipeline)
	if err != nil {
		return err
	}
	return errors.Join(
		names(ctx, s.pool, s.fields, `SELECT key, id FROM fields WHERE entity_id = $1`, s.entity),
		names(ctx, s.pool, s.statuses, `SELECT name, id FROM statuses WHERE pipeline_id = $1`, s.pipeline),
	)
}

// names fills a map with the rows of two columns.
func names(ctx context.Context, pool *sql.DB, to map[string]string, query, arg string) error {
	rows, err := pool.QueryContext(ctx, query, arg)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		to[name] = value
	}
	return rows.Err()
}

func (s *oneByOne) prepare(ctx context.Context) error {
	var errs []error
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&s.begin, `BEGIN IMMEDIATE`},
		{&s.lead, `INSERT INTO leads (environment_id, id, entity_id, version, created_at, updated_at, source, created_by_kind, created_by_id, created_by_name, data, unmapped, search, statuses)
			VALUES ($1, $2, $3, 1, $4, $4, $5, 'key', $6, 'bench', $7, '{}', $8, $9)`},
		{&s.status, `INSERT INTO lead_statuses (environment_id, status_id, lead_id) VALUES ($1, $2, $3)`},
		{&s.note, `INSERT INTO lead_notes (environment_id, lead_id, id, position, text, tag, created_at, created_by_kind, created_by_id, created_by_name)
			VALUES ($1, $2, $3, 0, $4, '', $5, 'key', $6, 'bench')`},
		{&s.event, `INSERT INTO events (tx, environment_id, type, at, actor, data, subject_id) VALUES (0, $1, 'lead.created', $2, $3, $4, $5)`},
		{&s.end, `COMMIT`},
		{&s.not, `ROLLBACK`},
	} {
		var err error
		*p.to, err = s.pool.PrepareContext(ctx, p.text)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// ServeHTTP takes in one lead.
func (s *oneByOne) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body map[string]string
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	now := time.Now()
	lead := id.At(now).String()
	if err := s.store(r.Context(), lead, now.UnixMicro(), body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "lead_id": lead, "created_at": now.UTC(), "action": "created"})
}

// store writes a lead, its status, its note and its event, and commits.
func (s *oneByOne) store(ctx context.Context, lead string, at int64, body map[string]string) error {
	values := make(map[string]string, len(s.fields))
	for key, field := range s.fields {
		if v := body[key]; v != "" {
			values[field] = v
		}
	}
	search := strings.ToLower(strings.Join([]string{body["name"], body["email"], body["phone"], body["company"], body["message"]}, "\n"))
	status := body["status:stage"]
	data, err := json.Marshal(values)
	if err != nil {
		return err
	}
	actor, err := json.Marshal(map[string]string{"kind": "key", "id": s.entity, "name": "bench"})
	if err != nil {
		return err
	}
	fact, err := json.Marshal(map[string]any{"lead_id": lead, "entity": "leads", "source": body["source"], "status": map[string]any{"stage": map[string]string{"id": s.statuses[status], "name": status}}, "notes": 1})
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // an interrupt would only slow the statements down
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.begin.ExecContext(ctx); err != nil {
		return err
	}
	for _, do := range []struct {
		stmt *sql.Stmt
		args []any
	}{
		{s.lead, []any{s.environment, lead, s.entity, at, body["source"], s.entity, string(data), search, s.pipeline + " " + s.statuses[status] + " " + strconv.FormatInt(at, 10)}},
		{s.status, []any{s.environment, s.statuses[status], lead}},
		{s.note, []any{s.environment, lead, id.New().String(), body["note"], at, s.entity}},
		{s.event, []any{s.environment, at, string(actor), string(fact), lead}},
	} {
		if _, err := do.stmt.ExecContext(ctx, do.args...); err != nil {
			_, undo := s.not.ExecContext(ctx)
			return errors.Join(err, undo)
		}
	}
	_, err = s.end.ExecContext(ctx)
	return err
}
