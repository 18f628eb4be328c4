// Package event is the append-only log of facts. A fact is written in the
// transaction of the change it tells of, so there is never one without the other,
// and is read in order, without gaps, by everybody who wants to know: browsers,
// the API, later webhooks and automation. Rooms talk backwards through it.
//
// Order: readers go by (transaction, sequence) and stay behind the oldest
// transaction still under way, because on PostgreSQL the order of sequence numbers
// is not the order of commits.
package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Fact is one kind of thing that happened. Its JSON form is the event's data and
// must not hold secrets.
type Fact interface {
	EventType() string // noun.verb, e.g. lead.created
}

// About is a fact about one thing, whose history can be read by its id.
type About interface {
	Fact
	EventSubject() id.ID
}

// Written is a fact that writes its JSON itself.
type Written interface {
	Fact
	EventData() string
}

// Actor is who caused it, as readers of the log see it.
type Actor struct {
	Kind string `json:"kind" doc:"person, key, operator, system or stranger"`
	ID   id.ID  `json:"id"`
	Name string `json:"name"`
}

// Event is one stored fact.
type Event struct {
	Position Position
	Type     string
	At       time.Time
	Actor    Actor
	Data     json.RawMessage
}

// Position is a place in the log. The zero Position is the beginning.
type Position struct{ Tx, Seq int64 }

func (p Position) String() string {
	return strconv.FormatInt(p.Tx, 36) + "-" + strconv.FormatInt(p.Seq, 36)
}

// Before tells whether p comes before q.
func (p Position) Before(q Position) bool { return p.Tx < q.Tx || p.Tx == q.Tx && p.Seq < q.Seq }

// ParsePosition reads what String wrote; "" is the beginning.
func ParsePosition(s string) (Position, error) {
	if s == "" {
		return Position{}, nil
	}
	a, b, ok := strings.Cut(s, "-")
	tx, err1 := strconv.ParseInt(a, 36, 64)
	seq, err2 := strconv.ParseInt(b, 36, 64)
	if !ok || err1 != nil || err2 != nil || tx < 0 || seq < 0 {
		return Position{}, errs.New(errs.InvalidCursor, "This is not a place in the event log; pass on the id of an event as you got it.")
	}
	return Position{tx, seq}, nil
}

// Write stores facts in the transaction of their change, in order, in one statement.
// They have all the same actor.
func Write(ctx context.Context, tx *db.Tx, environment id.ID, actor Actor, facts ...Fact) error {
	who, now := db.JSON(actor), db.Micros(tx.Now)
	for part := range slices.Chunk(facts, writeMax) {
		var b strings.Builder
		place := tx.Dialect().TxIDAfter(lastPlace)
		if len(part) > 1 { // found out once
			b.WriteString("WITH place AS (SELECT " + place + " AS tx) ")
			place = "(SELECT tx FROM place)"
		}
		b.WriteString(`INSERT INTO events (tx, environment_id, type, at, actor, data, subject_id) VALUES `)
		args := make([]any, 0, 6*len(part))
		for i, f := range part {
			if i > 0 {
				b.WriteString(", ")
			}
			n := len(args)
			fmt.Fprintf(&b, "(%s, $%d, $%d, $%d, $%d, $%d, $%d)", place, n+1, n+2, n+3, n+4, n+5, n+6)
			args = append(args, environment, f.EventType(), now, who, dataOf(f), subject(f))
		}
		if err := tx.Queue(ctx, b.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

func dataOf(f Fact) string {
	if w, ok := f.(Written); ok {
		return w.EventData()
	}
	return db.JSON(f)
}

// lastPlace is the place of the last event of the environment $1 that is there.
const lastPlace = `SELECT tx FROM events WHERE environment_id = $1 ORDER BY tx DESC, seq DESC LIMIT 1`

func subject(f Fact) id.ID {
	if a, ok := f.(About); ok {
		return a.EventSubject()
	}
	return id.Nil
}

// writeMax bounds the facts of one statement.
const writeMax = 64

// Kind is what a reader asks for: one type, lead.created, or all of a noun, lead.*;
// "" is everything.
type Kind string

// Holds tells whether a type is of this kind.
func (k Kind) Holds(eventType string) bool {
	if noun, all := strings.CutSuffix(string(k), "*"); all {
		return strings.HasPrefix(eventType, noun)
	}
	return k == "" || eventType == string(k)
}

// condition is Holds in SQL, with its arguments from $5 on.
func (k Kind) condition() (string, []any) {
	noun, all := strings.CutSuffix(string(k), "*")
	switch {
	case all: // not LIKE, which has wildcards of its own and differs between the databases
		return "substr(type, 1, $6) = $5", []any{noun, len(noun)}
	case k != "":
		return "type = $5", []any{string(k)}
	}
	return "1 = 1", nil
}

// After returns up to limit events of one environment behind a position, in order.
func After(ctx context.Context, q db.Handle, environment id.ID, after Position, limit int) ([]Event, error) {
	return AfterOf(ctx, q, environment, after, limit, "")
}

// AfterOf is After for the events of one kind.
func AfterOf(ctx context.Context, q db.Handle, environment id.ID, after Position, limit int, kind Kind) ([]Event, error) {
	condition, args := kind.condition()
	rows, err := q.Query(ctx, fmt.Sprintf(`SELECT tx, seq, type, at, actor, data FROM events
		WHERE environment_id = $1 AND (tx, seq) > ($2, $3) AND %s AND %s ORDER BY tx, seq LIMIT $4`, condition, q.Dialect().Settled("tx")),
		append([]any{environment, after.Tx, after.Seq, limit}, args...)...)
	return scan(rows, err)
}

func scan(rows db.Rows, err error) ([]Event, error) {
	var out []Event
	err = db.Each(rows, err, func(r db.Rows) error {
		var e Event
		err := r.Scan(&e.Position.Tx, &e.Position.Seq, &e.Type, db.ScanTime(&e.At), db.ScanJSON(&e.Actor), db.ScanJSON(&e.Data))
		out = append(out, e)
		return err
	})
	return out, err
}

// History returns up to limit events about one thing, the newest first, before a
// position when it is not the zero one.
func History(ctx context.Context, q db.Handle, environment, subject id.ID, before Position, limit int) ([]Event, error) {
	args := []any{environment, subject, limit}
	behind := ""
	if before != (Position{}) {
		behind = " AND (tx, seq) < ($4, $5)"
		args = append(args, before.Tx, before.Seq)
	}
	rows, err := q.Query(ctx, `SELECT tx, seq, type, at, actor, data FROM events
		WHERE environment_id = $1 AND subject_id = $2`+behind+` ORDER BY tx DESC, seq DESC LIMIT $3`, args...)
	return scan(rows, err)
}

// Head is the position of the newest event that After would return.
func Head(ctx context.Context, q db.Handle, environment id.ID) (Position, error) {
	var p Position
	err := q.QueryRow(ctx, fmt.Sprintf(`SELECT tx, seq FROM events WHERE environment_id = $1 AND %s ORDER BY tx DESC, seq DESC LIMIT 1`, q.Dialect().Settled("tx")),
		environment).Scan(&p.Tx, &p.Seq)
	if errors.Is(err, db.ErrNoRows) {
		return Position{}, nil
	}
	return p, err
}
