package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/db"
)

// stored is the database of a program as it is, read beside the program.
type stored struct {
	t      *testing.T
	tx     *sql.Tx
	entity *entitySeen
	leads  map[string]*storedLead
}

type storedLead struct {
	version  int64
	trashed  bool
	data     map[string]json.RawMessage
	sealed   map[string]string
	text     string   // everything the row says
	statuses []string // in its row
	foundBy  []string // in lead_statuses
	notes    int
	keys     map[string]bool // rows of lead_values
	events   []storedEvent
}

type storedEvent struct {
	kind string
	data struct {
		Notes   int
		Changes map[string]struct{ From, To json.RawMessage }
	}
}

// readStored reads a SQLite file or a PostgreSQL database, all of it as it is at one
// moment: what a program had sent to PostgreSQL when it was killed, its COMMIT included,
// is still carried out.
func readStored(t *testing.T, p *program, e *entitySeen) *stored {
	t.Helper()
	driver, source, moment := "pgx", p.database, sql.LevelRepeatableRead
	if source == "" {
		driver, source, moment = "sqlite", "file:"+p.copyOfData(), sql.LevelDefault
	}
	pool, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	tx, err := pool.BeginTx(context.Background(), &sql.TxOptions{Isolation: moment})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	s := &stored{t: t, tx: tx, entity: e, leads: map[string]*storedLead{}}
	s.read()
	return s
}

// copyOfData copies the database with its log, so that looking at it changes nothing.
func (p *program) copyOfData() string {
	p.t.Helper()
	to := p.t.TempDir()
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(db.SQLitePath(p.data()) + suffix)
		if os.IsNotExist(err) && suffix != "" {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, "copy.db"+suffix), text, 0o600)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return filepath.Join(to, "copy.db")
}

func (s *stored) each(query string, scan func(db.Rows) error, args ...any) {
	s.t.Helper()
	rows, err := s.tx.QueryContext(context.Background(), query, args...)
	if err := db.Each(rows, err, scan); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
}

func (s *stored) read() {
	s.t.Helper()
	s.each(`SELECT id, version, deleted_at, data, sealed, search, unmapped, statuses FROM leads WHERE entity_id = $1`, func(r db.Rows) error {
		var id, search, unmapped, statuses string
		var data, sealed []byte
		var deleted sql.NullInt64
		l := &storedLead{keys: map[string]bool{}}
		if err := r.Scan(&id, &l.version, &deleted, &data, &sealed, &search, &unmapped, &statuses); err != nil {
			return err
		}
		for one := range strings.SplitSeq(statuses, ",") {
			if words := strings.Fields(one); len(words) == 3 {
				l.statuses = append(l.statuses, words[1])
			}
		}
		l.trashed, l.text = deleted.Valid, string(data)+string(sealed)+search+unmapped
		s.leads[id] = l
		if err := json.Unmarshal(data, &l.data); err != nil {
			return err
		}
		return json.Unmarshal(sealed, &l.sealed)
	}, s.entity.ID)
	find := func(table, id string) *storedLead {
		l := s.leads[id]
		if l == nil {
			s.t.Errorf("%s tells of the lead %s, which is not there", table, id)
			return &storedLead{keys: map[string]bool{}}
		}
		return l
	}
	s.each(`SELECT lead_id, status_id FROM lead_statuses`, func(r db.Rows) error {
		var id, status string
		err := r.Scan(&id, &status)
		l := find("lead_statuses", id)
		l.foundBy = append(l.foundBy, status)
		return err
	})
	s.each(`SELECT lead_id FROM lead_notes`, func(r db.Rows) error {
		var id string
		err := r.Scan(&id)
		find("lead_notes", id).notes++
		return err
	})
	s.each(`SELECT lead_id, field_id, sort_key FROM lead_values`, func(r db.Rows) error {
		var id, field string
		var key []byte
		err := r.Scan(&id, &field, &key)
		find("lead_values", id).keys[fmt.Sprintf("%s %x", field, key)] = true
		return err
	})
	s.each(`SELECT subject_id, type, data FROM events WHERE type LIKE 'lead.%' ORDER BY tx, seq`, func(r db.Rows) error {
		var id string
		var data []byte
		var e storedEvent
		if err := r.Scan(&id, &e.kind, &data); err != nil {
			return err
		}
		if bytes.Contains(data, []byte(secretMark)) {
			s.t.Errorf("an event holds an encrypted value: %s", data)
		}
		l := find("events", id)
		l.events = append(l.events, e)
		return json.Unmarshal(data, &l.events[len(l.events)-1].data)
	})
	s.each(`SELECT body FROM idempotency`, func(r db.Rows) error {
		var body []byte
		err := r.Scan(&body)
		if bytes.Contains(body, []byte(secretMark)) {
			s.t.Errorf("a stored answer holds an encrypted value: %s", body)
		}
		return err
	})
}

// whole checks that each lead is whole by itself: the rows beside it are those its
// values call for, and its events tell just what it is.
func (s *stored) whole() {
	s.t.Helper()
	for id, l := range s.leads {
		if err := s.wholeLead(l); err != nil {
			s.t.Errorf("lead %s: %v; it is %+v", id, err, *l)
		}
	}
}

func (s *stored) wholeLead(l *storedLead) error {
	if slices.Sort(l.statuses); len(l.statuses) != 2 {
		return fmt.Errorf("it has %d statuses", len(l.statuses))
	}
	if slices.Sort(l.foundBy); !slices.Equal(l.foundBy, l.statuses) {
		return fmt.Errorf("it has the statuses %v and is found by %v", l.statuses, l.foundBy)
	}
	if strings.Contains(l.text, secretMark) {
		return fmt.Errorf("it holds an encrypted value in clear")
	}
	if err := s.keysOf(l); err != nil {
		return err
	}
	if len(l.events) == 0 || l.events[0].kind != "lead.created" {
		return fmt.Errorf("its history does not begin with its creation")
	}
	version, notes, trashed := int64(1), l.events[0].data.Notes, false
	budget, changed := "", false
	for _, e := range l.events[1:] {
		switch e.kind {
		case "lead.updated":
			version++
			if c, ok := e.data.Changes["fields.budget"]; ok {
				if changed && string(c.From) != budget {
					return fmt.Errorf("a change of the budget was lost: from %s, but it was %s", c.From, budget)
				}
				budget, changed = string(c.To), true
			}
		case "lead.deleted", "lead.restored":
			version++
			if now := e.kind == "lead.deleted"; now == trashed {
				return fmt.Errorf("it was %s twice in a row", e.kind)
			}
			trashed = !trashed
		case "lead.note_added":
			notes++
		default:
			return fmt.Errorf("nobody asked for %s", e.kind)
		}
	}
	switch got := strings.Trim(string(l.data[s.entity.field("budget")]), `"`); {
	case changed && got != budget:
		return fmt.Errorf("its budget is %s, its history says %s", got, budget)
	case version != l.version:
		return fmt.Errorf("its history makes it version %d", version)
	case notes != l.notes:
		return fmt.Errorf("its history has %d notes", notes)
	case trashed != l.trashed:
		return fmt.Errorf("whether it is in the trash is not what its history says")
	}
	return nil
}

// keysOf checks the rows of lead_values of a lead.
func (s *stored) keysOf(l *storedLead) error {
	want := 0
	if !l.trashed {
		for key, field := range map[string]entity.Field{"email": {Type: entity.Email}, "budget": {Type: entity.Number}} {
			raw, ok := l.data[s.entity.field(key)]
			if !ok {
				continue
			}
			var v any
			if err := json.Unmarshal(raw, &v); err != nil {
				return err
			}
			for _, k := range field.Keys(entity.ValueFromJSON(v)) {
				want++
				if row := fmt.Sprintf("%s %x", s.entity.field(key), k); !l.keys[row] {
					return fmt.Errorf("lead_values lacks %s", row)
				}
			}
		}
		if _, ok := l.sealed[s.entity.field("passport")]; ok { // its key is a hash that only the program can make
			want++
			found := false
			for row := range l.keys {
				found = found || strings.HasPrefix(row, s.entity.field("passport")+" ")
			}
			if !found {
				return fmt.Errorf("lead_values lacks the passport")
			}
		}
	}
	if len(l.keys) != want {
		return fmt.Errorf("lead_values has %d rows, not %d", len(l.keys), want)
	}
	return nil
}

// check compares everything that was acknowledged with what is stored and with what the
// API answers.
func (l *load) check() {
	l.t.Helper()
	s := readStored(l.t, l.p, l.seen)
	s.whole()
	for id, h := range l.leads {
		got := s.leads[id]
		switch {
		case got == nil:
			l.t.Errorf("%s was acknowledged as %s and is lost", h.email, id)
		case h.trashed != got.trashed:
			l.t.Errorf("%s: in the trash: %v, acknowledged: %v", h.email, got.trashed, h.trashed)
		case h.budgets == nil && (got.version != h.version || got.notes != h.notes):
			l.t.Errorf("%s: version %d with %d notes, acknowledged: %d with %d", h.email, got.version, got.notes, h.version, h.notes)
		case h.budgets != nil && (h.version != 1 || got.version < h.version):
			l.t.Errorf("%s: nobody was told that it was created; it is at version %d", h.email, got.version)
		}
	}
	for id, got := range s.leads {
		if l.leads[id] == nil {
			l.t.Errorf("the lead %s is there, but was never acknowledged: %s", id, got.text)
		}
	}
	l.walk()
}

// walk reads the whole list by API: every acknowledged lead that is not in the trash
// once, whole, and nothing else.
func (l *load) walk() {
	l.t.Helper()
	found, live := map[string]bool{}, 0
	for cursor := ""; ; {
		var page struct {
			Data []leadSeen
			Next *string `json:"next_cursor"`
		}
		if err := json.Unmarshal(l.p.must(http.MethodGet, "/api/leads?entity=deals&limit=200&cursor="+cursor, l.key, ""), &page); err != nil {
			l.t.Fatal(err)
		}
		for _, got := range page.Data {
			h := l.leads[got.ID]
			switch {
			case found[got.ID]:
				l.t.Errorf("%s is listed twice", got.ID)
			case h == nil || h.trashed:
				l.t.Errorf("%s is listed", got.ID)
			default:
				if err := h.equals(got); err != nil {
					l.t.Errorf("half a lead: %v", err)
				}
			}
			found[got.ID] = true
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	for _, h := range l.leads {
		if !h.trashed {
			live++
		}
	}
	if len(found) != live {
		l.t.Errorf("%d leads are listed, %d were acknowledged", len(found), live)
	}
}
