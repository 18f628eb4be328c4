package dbtest

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// Seed is what everything random of a test comes from: LEADFLIP_TEST_SEED, or the
// present moment. It is printed, so that a failure can be looked at again.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("LEADFLIP_TEST_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("LEADFLIP_TEST_SEED=%d", seed)
	return seed
}
