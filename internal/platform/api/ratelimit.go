package api

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Limit is how many calls a key may make a minute; a tenth of them, at least one,
// may come within six seconds.
type Limit struct{ PerMinute int }

// DefaultLimit is what a key gets when nothing else is asked for.
const DefaultLimit = 6000

const (
	burstSeconds  = 6
	minuteSeconds = 60
)

func (l Limit) burst() int { return max(1, l.PerMinute/10) }

// policy is the RateLimit-Policy header (draft-ietf-httpapi-ratelimit-headers-11).
func (l Limit) policy() string {
	b := append(make([]byte, 0, 64), `"burst";q=`...)
	b = strconv.AppendInt(b, int64(l.burst()), 10)
	b = append(b, ";w="...)
	b = strconv.AppendInt(b, burstSeconds, 10)
	b = append(b, `, "minute";q=`...)
	b = strconv.AppendInt(b, int64(l.PerMinute), 10)
	b = append(b, ";w="...)
	return string(strconv.AppendInt(b, minuteSeconds, 10))
}

// Limiter counts the calls of each key in two fixed windows that are aligned to the
// clock, six seconds and one minute, so that all nodes mean the same window. One node counts
// exactly. Where several nodes share a PostgreSQL database, each takes calls from
// the window's row in small portions before it grants them, so that all together
// never grant more than the limit either.
type Limiter struct {
	clock  clock.Clock
	shared *db.DB // nil: this node is alone

	mu   sync.Mutex
	keys map[id.ID]*usage
}

type usage struct {
	mu            sync.Mutex
	burst, minute window
	lastSeen      int64 // seconds
}

type window struct {
	number int64 // windows since 1970
	used   int   // calls granted here
	leased int   // calls this node may grant; shared only
	spent  bool  // the shared row had nothing left
}

// NewLimiter returns a limiter. On PostgreSQL it shares its windows with the other
// nodes through d.
func NewLimiter(d *db.DB, c clock.Clock) *Limiter {
	l := &Limiter{clock: c, keys: map[id.ID]*usage{}}
	if d.Dialect() == db.Postgres {
		l.shared = d
	}
	return l
}

// state is what the RateLimit header says after one call.
type state struct {
	name      string // of the window that is nearer to its end of calls
	remaining int
	reset     int // seconds
	refused   bool
}

func (s state) header() string {
	b := append(make([]byte, 0, 32), '"')
	b = append(b, s.name...)
	b = append(b, `";r=`...)
	b = strconv.AppendInt(b, int64(s.remaining), 10)
	b = append(b, `;t=`...)
	return string(strconv.AppendInt(b, int64(s.reset), 10))
}

// take counts one call of a key, or refuses it.
func (l *Limiter) take(ctx context.Context, key id.ID, limit Limit) (state, error) {
	now := l.clock.Now()
	u := l.of(key, now.Unix())
	u.mu.Lock()
	defer u.mu.Unlock()
	left1, reset1, err := l.open(ctx, &u.burst, key, now, burstSeconds, limit.burst())
	if err != nil {
		return state{}, err
	}
	left2, reset2, err := l.open(ctx, &u.minute, key, now, minuteSeconds, limit.PerMinute)
	if err != nil {
		return state{}, err
	}
	if left2 <= 0 {
		return state{name: "minute", reset: reset2, refused: true}, nil
	}
	if left1 <= 0 {
		return state{name: "burst", reset: reset1, refused: true}, nil
	}
	u.burst.used++
	u.minute.used++
	left1--
	left2--
	// What is nearer to its end, as a part of the whole.
	if left1*limit.PerMinute < left2*limit.burst() {
		return state{name: "burst", remaining: left1, reset: reset1}, nil
	}
	return state{name: "minute", remaining: left2, reset: reset2}, nil
}

// open brings a window up to date and returns the calls left in it and the seconds
// until the next.
func (l *Limiter) open(ctx context.Context, w *window, key id.ID, now time.Time, seconds int64, quota int) (left, reset int, err error) {
	number := now.Unix() / seconds
	if number != w.number {
		*w = window{number: number}
	}
	reset = int((number+1)*seconds - now.Unix())
	if l.shared == nil {
		return quota - w.used, reset, nil
	}
	if w.used >= w.leased && !w.spent {
		granted, err := l.lease(ctx, key, seconds, number, quota)
		if err != nil {
			return 0, 0, err
		}
		w.leased += granted
		w.spent = granted == 0
	}
	return w.leased - w.used, reset, nil
}

// lease takes a portion of a shared window: a twentieth of the quota, less when
// little is left, so that no node sits on calls another one needs.
func (l *Limiter) lease(ctx context.Context, key id.ID, seconds, number int64, quota int) (int, error) {
	granted := 0
	err := l.shared.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		granted = 0
		if _, err := tx.Exec(ctx, `INSERT INTO rate_windows (key_id, seconds, number, granted) VALUES ($1, $2, $3, 0)
			ON CONFLICT (key_id, seconds) DO UPDATE SET number = excluded.number, granted = 0 WHERE rate_windows.number < excluded.number`,
			key, seconds, number); err != nil {
			return err
		}
		var current int64
		var used int
		err := tx.QueryRow(ctx, `SELECT number, granted FROM rate_windows WHERE key_id = $1 AND seconds = $2`+tx.Dialect().ForUpdate(), key, seconds).Scan(&current, &used)
		if err != nil {
			return err
		}
		if current != number { // another node's clock is already in the next window
			return nil
		}
		left := quota - used
		granted = max(0, min(left, max(1, min(quota/20, left/4))))
		_, err = tx.Exec(ctx, `UPDATE rate_windows SET granted = granted + $1 WHERE key_id = $2 AND seconds = $3`, granted, key, seconds)
		return err
	})
	return granted, err
}

// forgetAfter is when an idle key's counters are dropped.
const forgetAfter = 2 * minuteSeconds

func (l *Limiter) of(key id.ID, now int64) *usage {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.keys[key]
	if u == nil {
		if len(l.keys) > 0 && len(l.keys)%1024 == 0 {
			for k, old := range l.keys {
				if now-old.lastSeen > forgetAfter {
					delete(l.keys, k)
				}
			}
		}
		u = &usage{}
		l.keys[key] = u
	}
	u.lastSeen = now
	return u
}

// limit applies a caller's rate limit and sets the headers.
func (a *API) limit(w http.ResponseWriter, r *http.Request, c Caller) error {
	if c.Limit == nil {
		return nil
	}
	s, err := a.limiter.take(r.Context(), c.KeyID, *c.Limit)
	if err != nil {
		return err
	}
	w.Header().Set("RateLimit-Policy", c.Limit.policy())
	w.Header().Set("RateLimit", s.header())
	if s.refused {
		return errs.New(errs.RateLimited, "This key may make %d calls a minute and %d within 6 seconds. Wait %d seconds and go on.",
			c.Limit.PerMinute, c.Limit.burst(), s.reset).With("retry_after", s.reset)
	}
	return nil
}
