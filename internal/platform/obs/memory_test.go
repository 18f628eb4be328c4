package obs

import "testing"

func TestOnlyASmallHeapMayGrowMoreThanGoLetsIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 400}, {1 << 20, 400}, {8 << 20, 400}, {9 << 20, 350}, {16 << 20, 200}, {20 << 20, 150}, {32 << 20, 100}, {1 << 30, 100}} {
		if got := growth(c.live); got != c.want {
			t.Errorf("%d MB live: %d percent, want %d", c.live>>20, got, c.want)
		}
	}
}
