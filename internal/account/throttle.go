package account

import (
	"net/netip"
	"sync"
	"time"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// Login throttling (NIST SP 800-63B: at most 100 failures in a row). It works the
// same for addresses nobody has, so that it tells nothing.
const (
	freeFailures    = 5                // per address and network, before waiting begins
	maxWait         = 15 * time.Minute // per address and network
	accountFailures = 100              // in a row from anywhere: then strange networks wait
	networkFailures = 300              // from one network in a quarter of an hour
	throttleForget  = 24 * time.Hour
	throttleMax     = 100_000 // entries; the oldest go first
)

// throttle counts failed logins of one node in memory. The owner is never locked out
// for good: a network the person has logged in from before waits for its own failures
// only, and every wait ends.
type throttle struct {
	mu      sync.Mutex
	entries map[string]*failures
}

type failures struct {
	count int
	last  time.Time
	until time.Time
}

func newThrottle() *throttle { return &throttle{entries: map[string]*failures{}} }

// begin refuses an attempt that comes too early, and counts every other as failed
// until succeed says otherwise: of many attempts at the same moment each one counts,
// however long their passwords take to check. known: the person has a session from
// this network.
func (t *throttle) begin(email string, ip netip.Addr, known bool, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	net := networkOf(ip)
	wait := t.left("pair\n"+Fold(email)+"\n"+net, now)
	wait = max(wait, t.left("net\n"+net, now))
	if !known {
		wait = max(wait, t.left("mail\n"+Fold(email), now))
	}
	if wait <= 0 {
		t.count(email, net, now)
		return nil
	}
	seconds := int(wait/time.Second) + 1
	return errs.New(errs.TooManyGuesses, "Too many failed logins. Please wait %d seconds and try again.", seconds).With("retry_after", seconds)
}

func (t *throttle) left(key string, now time.Time) time.Duration {
	f := t.entries[key]
	if f == nil {
		return 0
	}
	return f.until.Sub(now)
}

func (t *throttle) count(email, net string, now time.Time) {
	pair := t.entry("pair\n"+Fold(email)+"\n"+net, now, throttleForget)
	if pair.count > freeFailures {
		pair.until = now.Add(min(maxWait, time.Second<<min(pair.count-freeFailures-1, 20)))
	}
	if f := t.entry("net\n"+net, now, maxWait); f.count > networkFailures {
		f.until = now.Add(time.Minute)
	}
	if f := t.entry("mail\n"+Fold(email), now, throttleForget); f.count >= accountFailures {
		f.until = now.Add(maxWait)
	}
}

func (t *throttle) entry(key string, now time.Time, forget time.Duration) *failures {
	f := t.entries[key]
	if f == nil || now.Sub(f.last) > forget {
		if len(t.entries) >= throttleMax {
			t.sweep(now)
		}
		f = &failures{}
		t.entries[key] = f
	}
	f.count++
	f.last = now
	return f
}

func (t *throttle) sweep(now time.Time) {
	for k, f := range t.entries {
		if now.After(f.until) && now.Sub(f.last) > maxWait {
			delete(t.entries, k)
		}
	}
	for k := range t.entries {
		if len(t.entries) < throttleMax-throttleMax/10 {
			return
		}
		delete(t.entries, k)
	}
}

// succeed forgets the failures of a person, the attempt that succeeded among them.
func (t *throttle) succeed(email string, ip netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	net := networkOf(ip)
	if f := t.entries["net\n"+net]; f != nil && f.count > 0 {
		f.count--
	}
	delete(t.entries, "pair\n"+Fold(email)+"\n"+net)
	delete(t.entries, "mail\n"+Fold(email))
}

// networkOf is what one subscriber has: a /24 of IPv4, a /64 of IPv6.
func networkOf(ip netip.Addr) string {
	bits := 64
	if ip.Is4() {
		bits = 24
	}
	p, err := ip.Prefix(bits)
	if err != nil || !p.IsValid() {
		return "unknown"
	}
	return p.String()
}
