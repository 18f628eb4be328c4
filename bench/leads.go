package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// prospects is the kind of lead that the parts about leads use: one match key, one
// indexed number, a pipeline.
const prospects = `{"name":"Prospects","slug":"prospects","fields":[
	{"key":"name","label":"Name","type":"text","required":true},
	{"key":"email","label":"Email","type":"email","required":true,"indexed":true,"match_key":1},
	{"key":"phone","label":"Phone","type":"phone"},
	{"key":"company","label":"Company","type":"text"},
	{"key":"message","label":"Message","type":"textarea"},
	{"key":"product","label":"Product","type":"select","options":[{"key":"engine","label":"Engine"},{"key":"loom","label":"Loom"},{"key":"clock","label":"Clock"}]},
	{"key":"budget","label":"Budget","type":"number","indexed":true}],
	"pipelines":[{"name":"Stage","slug":"stage","statuses":[{"name":"New","color":"blue","default":true},{"name":"Contacted","color":"teal"},{"name":"Qualified","color":"amber"},
	{"name":"Won","color":"green"},{"name":"Lost","color":"gray"}]}]}`

// A lead has eight values, the same everywhere: seven fields and a source.
const values = `"name":"Ada Lovelace","email":"ada.` + serial + `@example.com","phone":"+4930901820","company":"Analytical Engines Ltd",` +
	`"message":"Please call me about the engine, preferably in the morning.","product":"engine","budget":1` + shuffled + `,"source":"website"`

// bulkRows is how many leads go into one call of the bulk operation.
const bulkRows = 1000

// statusOf gives the leads of a bulk call their statuses: many are new, few are won.
func statusOf(row int) string {
	switch n := row % 100; {
	case n < 60:
		return "New"
	case n < 80:
		return "Contacted"
	case n < 90:
		return "Qualified"
	case n < 97:
		return "Lost"
	default:
		return "Won"
	}
}

// bulkBody is a call of the bulk operation.
func bulkBody() string {
	var b strings.Builder
	b.WriteString(`{"entity":"prospects","batch":[`)
	for i := range bulkRows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{` + values + `,"status:stage":"` + statusOf(i) + `"}`)
	}
	return b.String() + `]}`
}

// missing says that the product lacks an operation: what needs it is not measured, and
// the run goes on.
type missing struct{ operation, answer string }

func (m missing) Error() string {
	return "the product has no " + m.operation + " (" + m.answer + ")"
}

// lacking tells whether all that is wrong is that something is missing.
func lacking(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			if !lacking(e) {
				return false
			}
		}
		return true
	}
	return errors.As(err, &missing{})
}

// lines are the lines of an error, each once.
func lines(err error) (out []string) {
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

// leadServer is the product with the entity of prospects.
type leadServer struct {
	*product
	key         string
	databaseURL string // "" for SQLite
}

// startLeads starts the product on a database of its own with the entity.
func (b *bench) startLeads(name, databaseURL string) (*leadServer, error) {
	p, err := b.startProduct(name, databaseURL)
	if err != nil {
		if p != nil {
			p.stop()
		}
		return nil, err
	}
	s := &leadServer{product: p, databaseURL: databaseURL}
	if s.key, err = p.key(b.ctx, "*"); err == nil {
		_, err = s.call(b.ctx, "POST", "/api/entities", prospects, http.StatusCreated)
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	return s, nil
}

// call makes one call, for what is not measured or takes long, and returns the answer.
func (s *leadServer) call(ctx context.Context, method, path, body string, status int) ([]byte, error) {
	code, text, err := fetch(ctx, "http://"+s.addr+path, method, s.key, body)
	if err == nil && code != status {
		short, _, _ := strings.Cut(path, "?")
		if code == http.StatusNotFound || code == http.StatusMethodNotAllowed {
			return nil, missing{method + " " + short, fmt.Sprintf("status %d", code)}
		}
		err = fmt.Errorf("%s %s: %s", method, short, refusal(code, text))
	}
	return text, err
}

// refusal says in a line what a problem document says.
func refusal(code int, text []byte) string {
	var p struct {
		Code, Detail string
		Errors       []struct{ Parameter, Pointer, Detail string }
	}
	if err := json.Unmarshal(text, &p); err != nil || p.Code == "" {
		return fmt.Sprintf("status %d: %.300q", code, text)
	}
	if len(p.Errors) > 0 {
		p.Detail = p.Errors[0].Parameter + p.Errors[0].Pointer + ": " + p.Errors[0].Detail
	}
	return fmt.Sprintf("status %d, %s: %s", code, p.Code, p.Detail)
}

// fetch makes one request and reads its answer whole.
func fetch(ctx context.Context, address, method, key, body string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}

// page is what the bench looks at in a list.
type page struct {
	Data []struct {
		ID     string
		Status map[string]struct{ Name string }
		Fields struct {
			Email  string
			Budget json.Number
		}
	}
	NextCursor *string `json:"next_cursor"`
}

// list reads a page of prospects; query is what follows the entity.
func (s *leadServer) list(ctx context.Context, query url.Values) (page, error) {
	var p page
	text, err := s.call(ctx, "GET", listPath(query), "", http.StatusOK)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	return p, err
}

func listPath(query url.Values) string {
	return "/api/leads?entity=prospects&" + strings.ReplaceAll(query.Encode(), "+", "%20")
}

// ids walks through the leads and returns the ids of the newest.
func (s *leadServer) ids(ctx context.Context, n int) ([]string, error) {
	var out []string
	query := url.Values{"limit": {"200"}}
	for len(out) < n {
		p, err := s.list(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, l := range p.Data {
			out = append(out, l.ID)
		}
		if p.NextCursor == nil {
			break
		}
		query.Set("cursor", *p.NextCursor)
	}
	if len(out) < n {
		return nil, fmt.Errorf("the list ends after %d leads of %d", len(out), n)
	}
	return out[:n], nil
}

// prove counts the leads that are stored.
func (s *leadServer) prove(answered int) error {
	if s.databaseURL == "" {
		return countLeads(s.database(), answered)
	}
	pool, err := sql.Open("pgx", s.databaseURL)
	if err != nil {
		return err
	}
	return errors.Join(countIn(pool, answered), pool.Close())
}

// hasBulk asks for the bulk operation with nothing in it.
func (s *leadServer) hasBulk(ctx context.Context) error {
	_, err := s.call(ctx, "POST", "/api/leads/bulk", `{"entity":"prospects","batch":[]}`, http.StatusOK)
	if errors.As(err, &missing{}) {
		return err
	}
	return nil // it may well refuse that
}

// fill makes leads through the bulk operation, with numbers from fillFrom on, and
// returns how long it took.
func (b *bench) fill(s *leadServer, leads int) (time.Duration, error) {
	if err := s.hasBulk(b.ctx); err != nil {
		return 0, err
	}
	r, err := runLoad(b.ctx, load{
		addr: s.addr, conns: 4, counted: fillFor, limit: leads / bulkRows, from: fillFrom, status: 200, request: request("POST", "/api/leads/bulk", s.key, bulkBody()),
	})
	if err != nil {
		return 0, err
	}
	return time.Duration(r.Seconds * float64(time.Second)), s.prove(leads)
}

const (
	fillFrom = 1_000_000
	fillFor  = 15 * time.Minute // ends it when it is too slow
)

// database makes a database on the run's own PostgreSQL server. Without PostgreSQL it
// returns "", and the report says so.
func (b *bench) database(name string) (string, error) {
	if b.cluster == nil && b.report.postgres == "" {
		cluster, err := dbtest.StartCluster(dbtest.ClusterOptions{Durable: true})
		if err != nil {
			b.report.postgres = "PostgreSQL"
			b.report.note("PostgreSQL was not measured: " + err.Error() + ".")
			return "", nil
		}
		b.cluster = cluster
	}
	if b.cluster == nil {
		return "", nil
	}
	pool, err := sql.Open("pgx", b.cluster.URL())
	if err != nil {
		return "", err
	}
	defer pool.Close()
	var version string
	if err := pool.QueryRow(`SHOW server_version`).Scan(&version); err != nil {
		return "", err
	}
	major, _, _ := strings.Cut(version, ".")
	b.report.postgres = "PostgreSQL " + major
	if _, err := pool.Exec(`CREATE DATABASE ` + name); err != nil {
		return "", err
	}
	u, err := url.Parse(b.cluster.URL())
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// pocketBase is the peer that people could have picked.
type pocketBase struct {
	*process
	dir string
}

func (p *pocketBase) token() string { return p.said[0] }

const pocketRecords = "/api/collections/leads/records"

// startPocketBase starts PocketBase on a database of its own, building it the first time.
func (b *bench) startPocketBase(name string) (*pocketBase, error) {
	program := filepath.Join(b.dir, "pocketbase")
	if !b.pocketBuilt {
		b.say("building PocketBase")
		cmd := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./pocketbase")
		cmd.Dir = filepath.Join(b.root, "bench")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go build ./pocketbase: %w\n%s", err, out)
		}
	}
	dir, err := b.folder(name)
	if err != nil {
		return nil, err
	}
	p, err := startServer(b.ctx, program, dir)
	if err == nil && len(p.said) != 2 {
		p.stop()
		err = errors.New("PocketBase does not say its token and version")
	}
	if err != nil {
		return nil, err
	}
	if !b.pocketBuilt {
		b.pocketBuilt = true
		b.report.note(pocketNote(p.said[1]))
	}
	return &pocketBase{p, dir}, nil
}

// ids are those of the records.
func (p *pocketBase) ids(ctx context.Context, n int) ([]string, error) {
	var out []string
	for number := 1; len(out) < n; number++ {
		code, text, err := fetch(ctx, fmt.Sprintf("http://%s%s?perPage=500&page=%d&fields=id&skipTotal=1", p.addr, pocketRecords, number), "GET", p.token(), "")
		if err != nil {
			return nil, err
		}
		var records struct{ Items []struct{ ID string } }
		if err := json.Unmarshal(text, &records); err != nil || code != http.StatusOK || len(records.Items) == 0 {
			return nil, fmt.Errorf("PocketBase answers %d: %.300s (%w)", code, text, err)
		}
		for _, r := range records.Items {
			out = append(out, r.ID)
		}
	}
	return out[:n], nil
}

// prove counts the records that are stored.
func (p *pocketBase) prove(answered int) error {
	return countLeads(filepath.Join(p.dir, "data.db"), answered)
}

// groupedPeer is a bare server and its file.
type groupedPeer struct {
	*process
	path string
}

func (g *groupedPeer) prove(answered int) error { return countLeads(g.path, answered) }

// startBare starts the bare server with a table of its own.
func (b *bench) startBare(name string) (*groupedPeer, error) {
	dir, err := b.folder(name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "grouped.db")
	p, err := startPeer(b.ctx, nil, "grouped", "-database", path)
	if err != nil {
		return nil, err
	}
	return &groupedPeer{p, path}, nil
}

// startTwin starts the bare server that writes the product's rows, on a database that
// the product has made and left.
func (b *bench) startTwin(name string) (*groupedPeer, error) {
	made, err := b.startLeads(name, "")
	if err != nil {
		return nil, err
	}
	made.stop()
	path := made.database()
	p, err := startPeer(b.ctx, nil, "grouped", "-database", path, "-twin")
	if err != nil {
		return nil, err
	}
	return &groupedPeer{p, path}, nil
}
