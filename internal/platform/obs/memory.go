package obs

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// headroom is what a small heap may grow by before it is collected.
const headroom = 32 << 20

// CollectLess lets the garbage collector run less often while there is little to hold:
// the heap of this program is small, and by Go's rule (collect when it has doubled) a
// busy server would collect dozens of times a second. A large heap keeps Go's rule.
// Nothing is changed where the operator has set GOGC or GOMEMLIMIT. It returns when
// ctx ends.
func CollectLess(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	set := 100
	for {
		metrics.Read(live)
		if want := growth(live[0].Value.Uint64()); want != set {
			debug.SetGCPercent(want)
			set = want
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// growth is how many percent a heap may grow by, in steps, because each change stops
// the program for a moment.
func growth(live uint64) int {
	const most = 400
	if live == 0 {
		return most
	}
	return int(min(most, max(100, headroom*100/live/50*50)))
}
