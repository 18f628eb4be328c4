package api

import (
	"net/netip"
	"sync"
	"time"

	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// guessesPerMinute is how many unknown keys may come from one address.
const guessesPerMinute = 600

// guesses counts failed guesses per address and minute. It never refuses a good
// key: it is asked only after a key was found to be unknown.
type guesses struct {
	mu        sync.Mutex
	minute    int64
	byAddress map[netip.Addr]int
}

func newGuesses() *guesses { return &guesses{byAddress: map[netip.Addr]int{}} }

// count adds one guess and returns the seconds to wait when there were too many.
func (g *guesses) count(ip netip.Addr, now time.Time) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	minute := now.Unix() / 60
	if minute != g.minute {
		g.minute, g.byAddress = minute, map[netip.Addr]int{}
	}
	ip = httpd.Subscriber(ip)
	g.byAddress[ip]++
	if g.byAddress[ip] > guessesPerMinute {
		return int(60 - now.Unix()%60)
	}
	return 0
}
