package apikey

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Status is one thing to know about a key. A key can have several; the first is
// shown, the others are counted.
type Status string

// The statuses, the most pressing first.
const (
	StatusRevoked Status = "revoked"
	Expired       Status = "expired"
	Exposed       Status = "exposed"
	Disabled      Status = "disabled"
	Rejections    Status = "rejections"
	RateLimited   Status = "rate_limited"
	Rotating      Status = "rotating"
	Expiring      Status = "expiring"
	Idle          Status = "idle"
	NeverUsed     Status = "never_used"
	Active        Status = "active"
)

const (
	expiringWithin = 14 * 24 * time.Hour
	idleAfter      = 30 * 24 * time.Hour
	pressingShare  = 10 // percent of calls
	pressingCalls  = 20 // fewer say nothing
	safeSilence    = 6 * time.Hour
)

// Outcomes are calls by what came of them.
type Outcomes struct{ OK, ClientErrors, Limited, ServerErrors int }

// Total is the number of calls.
func (o Outcomes) Total() int { return o.OK + o.Errors() }

// Errors is the number of calls that were not carried out.
func (o Outcomes) Errors() int { return o.ClientErrors + o.Limited + o.ServerErrors }

func (o *Outcomes) add(status, calls int) {
	switch {
	case status == 429:
		o.Limited += calls
	case status >= 500:
		o.ServerErrors += calls
	case status >= 400:
		o.ClientErrors += calls
	default:
		o.OK += calls
	}
}

// Day is the outcomes of one UTC day.
type Day struct {
	Date time.Time
	Outcomes
}

// Row is a key with what the list shows of it. The two halves of a rotation are one
// row: the new half, with the old one beside it while that still works.
type Row struct {
	Key
	Statuses []Status
	Days     []Day // the last seven, today last
	Last24h  Outcomes
	Last7d   Outcomes
	LastUse  *Call
	Old      *OldHalf
}

// OldHalf is the half of a rotation that is about to end.
type OldHalf struct {
	Key
	CallsSince int        // calls of the old half since the rotation
	LastUse    *Call      // nil: none
	SilentFor  *time.Time // since when it has been silent for long enough to end it; nil: it has not
}

// Status is the first and most pressing status.
func (r Row) Status() Status { return r.Statuses[0] }

// Overview lists all keys of the principal's environment for people: rotations
// folded together, the living ones first, the newest first.
func (s *Service) Overview(ctx context.Context, who account.Principal) ([]Row, error) {
	if err := mayRead(who); err != nil {
		return nil, err
	}
	keys, err := queryKeys(ctx, s.db, `WHERE k.environment_id = $1 ORDER BY k.created_at DESC, k.id DESC`, who.Environment.ID)
	if err != nil {
		return nil, err
	}
	now := s.db.Now()
	counts, err := countsSince(ctx, s.db, who.Environment.ID, id.Nil, now.Add(-7*24*time.Hour).Unix()/3600)
	if err != nil {
		return nil, err
	}
	lasts, err := lastUses(ctx, s.db, who.Environment.ID)
	if err != nil {
		return nil, err
	}
	byKey := map[id.ID][]count{}
	for _, c := range counts {
		byKey[c.key] = append(byKey[c.key], c)
	}
	rows := map[id.ID]*Row{}
	var order []*Row
	for _, k := range keys {
		r := s.row(k, byKey[k.ID], lasts, now)
		rows[k.ID] = &r
		order = append(order, &r)
	}
	var out []Row
	for _, r := range order {
		if next := rows[r.ReplacedBy]; next != nil && !r.Ended(now) {
			next.Old = s.oldHalf(r, byKey[r.ID], next.CreatedAt, now)
		}
	}
	for _, r := range order {
		if next := rows[r.ReplacedBy]; next != nil && !r.Ended(now) {
			continue // shown with its new half
		}
		r.Statuses = statuses(*r, now)
		out = append(out, *r)
	}
	slices.SortStableFunc(out, func(a, b Row) int { return cmp.Compare(boolInt(a.Ended(now)), boolInt(b.Ended(now))) })
	return out, nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// RowOf is one row of the overview, with its old half.
func (s *Service) RowOf(ctx context.Context, who account.Principal, key id.ID) (Row, error) {
	k, err := s.Get(ctx, who, key)
	if err != nil {
		return Row{}, err
	}
	now := s.db.Now()
	since := now.Add(-7*24*time.Hour).Unix() / 3600
	lasts, err := lastUses(ctx, s.db, who.Environment.ID)
	if err != nil {
		return Row{}, err
	}
	counts, err := countsSince(ctx, s.db, who.Environment.ID, k.ID, since)
	if err != nil {
		return Row{}, err
	}
	r := s.row(k, counts, lasts, now)
	if !k.Replaces.IsNil() {
		old, err := keyByID(ctx, s.db, who.Environment.ID, k.Replaces)
		if err != nil {
			return Row{}, err
		}
		if !old.Ended(now) {
			oldCounts, err := countsSince(ctx, s.db, who.Environment.ID, old.ID, since)
			if err != nil {
				return Row{}, err
			}
			oldRow := s.row(old, oldCounts, lasts, now)
			r.Old = s.oldHalf(&oldRow, oldCounts, k.CreatedAt, now)
		}
	}
	r.Statuses = statuses(r, now)
	return r, nil
}

// row adds up what is stored and what is still in memory here.
func (s *Service) row(k Key, counts []count, lasts map[id.ID]Call, now time.Time) Row {
	r := Row{Key: k, Days: make([]Day, 7)}
	today := now.Truncate(24 * time.Hour)
	for i := range r.Days {
		r.Days[i].Date = today.AddDate(0, 0, i-6)
	}
	if last, ok := lasts[k.ID]; ok {
		r.LastUse = &last
	}
	p := s.usage.pending(k.ID)
	if p.last != nil && (r.LastUse == nil || p.last.At.After(r.LastUse.At)) {
		r.LastUse = p.last
	}
	counts = slices.Clone(counts)
	for b, n := range p.counts {
		counts = append(counts, count{hour: b.hour, status: b.status, calls: n})
	}
	thisHour := now.Unix() / 3600
	for _, c := range counts {
		day := int(today.Unix()/86400 - c.hour/24)
		if day >= 0 && day < 7 {
			r.Days[6-day].add(c.status, c.calls)
		}
		if thisHour-c.hour < 24 {
			r.Last24h.add(c.status, c.calls)
		}
		r.Last7d.add(c.status, c.calls)
	}
	return r
}

// oldHalf tells what the old half of a rotation still does since the rotation.
func (s *Service) oldHalf(r *Row, counts []count, since, now time.Time) *OldHalf {
	o := &OldHalf{Key: r.Key, LastUse: r.LastUse}
	// Hours are the unit of counts: the whole hour of the rotation counts, unless the
	// last call came before it.
	if r.LastUse != nil && r.LastUse.At.After(since) {
		for _, c := range counts {
			if c.hour >= since.Unix()/3600 {
				o.CallsSince += c.calls
			}
		}
		for b, n := range s.usage.pending(r.ID).counts {
			if b.hour >= since.Unix()/3600 {
				o.CallsSince += n
			}
		}
	}
	silent := since
	if r.LastUse != nil && r.LastUse.At.After(since) {
		silent = r.LastUse.At
	}
	if now.Sub(silent) >= safeSilence {
		o.SilentFor = &silent
	}
	return o
}

func statuses(r Row, now time.Time) []Status {
	var out []Status
	add := func(when bool, s Status) {
		if when {
			out = append(out, s)
		}
	}
	ended := r.Ended(now)
	add(r.RevokedAt != nil, StatusRevoked)
	add(r.RevokedAt == nil && ended, Expired)
	add(r.ExposedAt != nil, Exposed)
	if !ended {
		rejected, total := r.Last7d.ClientErrors, r.Last7d.Total()
		add(r.DisabledAt != nil || r.ownerGone(), Disabled)
		add(total >= pressingCalls && rejected*100 > total*pressingShare, Rejections)
		add(total >= pressingCalls && r.Last7d.Limited*100 > total*pressingShare, RateLimited)
		add(r.Old != nil, Rotating)
		add(r.ExpiresAt != nil && r.ExpiresAt.Sub(now) <= expiringWithin, Expiring)
		add(r.LastUse != nil && now.Sub(r.LastUse.At) >= idleAfter, Idle)
		add(r.LastUse == nil && r.FirstUsedAt == nil, NeverUsed)
	}
	if len(out) == 0 {
		out = append(out, Active)
	}
	return out
}

// Range is how far back a key's page looks.
type Range string

// Ranges are the ones offered.
var Ranges = []Range{"24h", "7d", "30d", "90d"}

func (r Range) days() int {
	return map[Range]int{"24h": 1, "7d": 7, "30d": 30, "90d": 90}[r]
}

// Slot is the outcomes of one hour or day.
type Slot struct {
	Start time.Time
	Outcomes
}

// RouteCount is how often a route was called.
type RouteCount struct {
	Route string // METHOD /path/{pattern}
	Outcomes
}

// Report is a key's use over a range: by hour for a day, by UTC day otherwise.
type Report struct {
	Range     Range
	Slots     []Slot
	Sum       Outcomes
	Routes    []RouteCount   // the most called first
	Addresses []AddressCount // the latest first
	Calls     []Call         // the latest hundred, the latest first
}

// UsageReport adds up the use of one key.
func (s *Service) UsageReport(ctx context.Context, who account.Principal, key id.ID, rng Range) (Report, error) {
	if rng.days() == 0 {
		return Report{}, fmt.Errorf("apikey: unknown range %q", rng)
	}
	k, err := s.Get(ctx, who, key)
	if err != nil {
		return Report{}, err
	}
	now := s.db.Now()
	from, step := now.Truncate(time.Hour).Add(-23*time.Hour), time.Hour
	if rng != "24h" {
		from, step = now.Truncate(24*time.Hour).AddDate(0, 0, 1-rng.days()), 24*time.Hour
	}
	return s.usageBetween(ctx, k, from, now, step, rng)
}

// usageBetween adds up the use of a key from one time to another, in steps.
func (s *Service) usageBetween(ctx context.Context, k Key, from, to time.Time, step time.Duration, rng Range) (Report, error) {
	rep := Report{Range: rng}
	for t := from; t.Before(to) || t.Equal(to); t = t.Add(step) {
		rep.Slots = append(rep.Slots, Slot{Start: t})
	}
	counts, err := countsSince(ctx, s.db, k.Environment.ID, k.ID, from.Unix()/3600)
	if err != nil {
		return rep, err
	}
	p := s.usage.pending(k.ID)
	for b, n := range p.counts {
		counts = append(counts, count{hour: b.hour, route: b.route, status: b.status, calls: n})
	}
	routes := map[string]*Outcomes{}
	for _, c := range counts {
		at := time.Unix(c.hour*3600, 0).UTC()
		i := int(at.Sub(from) / step)
		if at.Before(from) || i >= len(rep.Slots) {
			continue
		}
		rep.Slots[i].add(c.status, c.calls)
		rep.Sum.add(c.status, c.calls)
		if routes[c.route] == nil {
			routes[c.route] = &Outcomes{}
		}
		routes[c.route].add(c.status, c.calls)
	}
	for route, o := range routes {
		rep.Routes = append(rep.Routes, RouteCount{route, *o})
	}
	slices.SortFunc(rep.Routes, func(a, b RouteCount) int {
		return cmp.Or(cmp.Compare(b.Total(), a.Total()), cmp.Compare(a.Route, b.Route))
	})
	if rep.Addresses, err = addressesSince(ctx, s.db, k.Environment.ID, k.ID, from.Unix()/86400); err != nil {
		return rep, err
	}
	for a, use := range p.addresses {
		rep.Addresses = mergeAddress(rep.Addresses, AddressCount{a.ip, use.calls, use.last})
	}
	slices.SortFunc(rep.Addresses, func(a, b AddressCount) int { return b.Last.Compare(a.Last) })
	if rep.Calls, err = lastCalls(ctx, s.db, k.Environment.ID, k.ID); err != nil {
		return rep, err
	}
	rep.Calls = append(rep.Calls, p.calls...)
	slices.SortStableFunc(rep.Calls, func(a, b Call) int { return b.At.Compare(a.At) })
	rep.Calls = rep.Calls[:min(len(rep.Calls), keptCalls)]
	return rep, nil
}

// HourCount is the calls of one hour to one route with one status.
type HourCount struct {
	Hour   time.Time
	Route  string
	Status int
	Calls  int
}

// UsageHours lists the use of one key over a range as it is counted, the oldest first.
func (s *Service) UsageHours(ctx context.Context, who account.Principal, key id.ID, rng Range) ([]HourCount, error) {
	k, err := s.Get(ctx, who, key)
	if err != nil {
		return nil, err
	}
	from := s.db.Now().Add(-time.Duration(rng.days())*24*time.Hour).Unix() / 3600
	counts, err := countsSince(ctx, s.db, k.Environment.ID, k.ID, from)
	if err != nil {
		return nil, err
	}
	sum := map[bucket]int{}
	for _, c := range counts {
		sum[bucket{c.hour, c.route, c.status}] += c.calls
	}
	for b, n := range s.usage.pending(k.ID).counts {
		if b.hour >= from {
			sum[b] += n
		}
	}
	out := make([]HourCount, 0, len(sum))
	for b, n := range sum {
		out = append(out, HourCount{time.Unix(b.hour*3600, 0).UTC(), b.route, b.status, n})
	}
	slices.SortFunc(out, func(a, b HourCount) int {
		return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Status, b.Status))
	})
	return out, nil
}

// Made lists the living keys that a key has made.
func (s *Service) Made(ctx context.Context, who account.Principal, key id.ID) ([]Key, error) {
	if err := mayRead(who); err != nil {
		return nil, err
	}
	return childrenOf(ctx, s.db, key, s.db.Now())
}

func mergeAddress(list []AddressCount, a AddressCount) []AddressCount {
	for i := range list {
		if list[i].IP == a.IP {
			list[i].Calls += a.Calls
			list[i].Last = later(list[i].Last, a.Last)
			return list
		}
	}
	return append(list, a)
}

// Exposures counts the living keys of the principal's environment that were exposed
// and not dealt with yet.
func (s *Service) Exposures(ctx context.Context, who account.Principal) (int, error) {
	return countExposed(ctx, s.db, who.Environment.ID, s.db.Now())
}
