package apikey

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
)

const (
	reportsPerHour = 60
	maxReported    = 100
	// reportTime is how long every report takes at least, so that its time does not
	// tell whether the keys exist. It is well above the work for a full list.
	reportTime = 400 * time.Millisecond
)

// reports counts leak reports per address and hour.
type reports struct {
	mu        sync.Mutex
	hour      int64
	byAddress map[netip.Addr]int
}

func newReports() *reports { return &reports{byAddress: map[netip.Addr]int{}} }

// count adds one report and returns the seconds to wait when there were too many.
func (r *reports) count(ip netip.Addr, now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if hour := now.Unix() / 3600; hour != r.hour {
		r.hour, r.byAddress = hour, map[netip.Addr]int{}
	}
	ip = httpd.Subscriber(ip)
	r.byAddress[ip]++
	if r.byAddress[ip] > reportsPerHour {
		return int(3600 - now.Unix()%3600)
	}
	return 0
}

// ReportLeak disables the real ones among keys that somebody found somewhere, and
// tells their owners. It says nothing about which exist, and takes the same time
// either way.
func (s *Service) ReportLeak(ctx context.Context, keys []string, from account.Origin) error {
	start := time.Now()
	if wait := s.reports.count(from.IP, s.db.Now()); wait > 0 {
		return errs.New(errs.RateLimited, "At most %d reports an hour are taken from one address. Wait %d seconds.", reportsPerHour, wait).With("retry_after", wait)
	}
	if len(keys) == 0 || len(keys) > maxReported {
		return errs.Invalid(errs.Field{Pointer: "/keys", Code: "invalid", Detail: "Send 1 to 100 keys."})
	}
	actor := audit.Actor{Kind: audit.Stranger, Name: "leak report", IP: addrText(from.IP), UserAgent: from.UserAgent, RequestID: from.RequestID}
	ctx = context.WithoutCancel(ctx)
	// All at once: they share a commit, so that many real keys take hardly longer than
	// one, and far less than the answer waits anyway.
	var all sync.WaitGroup
	problems := make([]error, len(keys))
	for i, text := range keys {
		all.Go(func() { problems[i] = s.markExposed(ctx, text, "reported", actor, true) })
	}
	all.Wait()
	if err := errors.Join(problems...); err != nil {
		return err
	}
	wait := time.NewTimer(reportTime - time.Since(start))
	defer wait.Stop()
	<-wait.C
	return nil
}
