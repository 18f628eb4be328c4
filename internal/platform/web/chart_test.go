package web

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestBars7(t *testing.T) {
	t.Parallel()
	day := func(d DayBar) []rect { return bars7([]DayBar{{OK: 9_000_000}, d})[1:] }
	if r := bars7([]DayBar{{OK: 9_000_000}})[0]; r.h != miniHeight || r.y != 0 {
		t.Errorf("the busiest day does not fill the height: %+v", r)
	}
	if r := day(DayBar{OK: 1, Errors: 1}); len(r) != 2 || r[0].h < 2 || r[1].h < 2 || r[1].class != "fill-error" {
		t.Errorf("one call beside millions is not visible: %+v", r)
	}
	if r := day(DayBar{}); len(r) != 1 || r[0].class != "fill-zero" {
		t.Errorf("a day without calls has no base line: %+v", r)
	}
	if r := day(DayBar{OK: 9_000_000, Errors: 1}); r[1].y < 0 {
		t.Errorf("a full day with an error grows out of the picture: %+v", r)
	}
	if got := bars7Title([]DayBar{{Label: "Mon", OK: 1200, Errors: 1}, {Label: "Tue"}}); got != "Mon: 1,200 ok, 1 error\nTue: 0 ok, 0 errors" {
		t.Errorf("%q", got)
	}
	if got := classPath([]rect{{x: 3, y: 4.5, w: 6, h: 2, class: "a"}, {class: "b"}}, "a"); got != "M3 4.5h6v2h-6z" {
		t.Error(got)
	}
}

func TestBars7NeverLeavesThePicture(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, math.MaxInt32)
		days := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) DayBar {
			return DayBar{OK: n.Draw(t, "ok"), Errors: n.Draw(t, "errors")}
		}), 0, 7).Draw(t, "days")
		for _, r := range bars7(days) {
			if r.y < -1e-9 || r.h <= 0 || r.y+r.h > miniHeight+1e-9 || math.IsNaN(r.y+r.h) {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func TestAxisIsRoundAndHighEnough(t *testing.T) {
	t.Parallel()
	for top, want := range map[int]int{0: 4, 1: 4, 4: 4, 5: 8, 9: 20, 21: 40, 41: 80, 81: 200, 350: 400, 401: 800, 1_000_000: 2_000_000} {
		if got, ticks := axis(top); got != want || len(ticks) != 3 {
			t.Errorf("axis(%d) = %d, want %d", top, got, want)
		}
	}
	if got, _ := axis(math.MaxInt); got <= 0 {
		t.Errorf("the largest number overflows to %d", got)
	}
}

func TestStacksNeverLeaveThePicture(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 5), rapid.IntRange(0, math.MaxInt/64))
		buckets := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Bucket {
			return Bucket{OK: n.Draw(t, "ok"), ClientErr: n.Draw(t, "4xx"), Limited: n.Draw(t, "429"), ServerErr: n.Draw(t, "5xx")}
		}), 0, 90).Draw(t, "buckets")
		top, _ := axis(maxTotal(buckets))
		for i, s := range stacks(buckets, top, "p") {
			if buckets[i].total() > 0 && len(s.rects) == 0 {
				t.Fatalf("%+v is not drawn", buckets[i])
			}
			for _, r := range s.rects {
				if r.y < 0 || r.h < 0 || r.w <= 0 || r.x < 0 || r.x+r.w > 100+1e-9 || r.y+r.h > stackTop+stackHeight+1e-9 {
					t.Fatalf("%+v of %+v", r, buckets[i])
				}
			}
		}
		if labels := axisLabels(buckets); len(labels) > 7 {
			t.Fatalf("%d labels for %d buckets", len(labels), len(buckets))
		}
	})
}

func TestChartsSayWhatTheyShow(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	buckets := []Bucket{{Label: "10:00", OK: 1200, ClientErr: 3}, {Label: "11:00"}}
	if err := StackedBars("Calls today", buckets).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Calls today", "1,203 calls, 3 not ok.", "10:00: 1,200 ok, 3 client errors", `<th scope="row">11:00</th>`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
	b.Reset()
	if err := StackedBars("Calls today", nil).Render(t.Context(), &b); err != nil || !strings.Contains(b.String(), "No calls in this time") {
		t.Error("an empty chart does not say so", err)
	}
	if got := bars7Summary(nil); got != "No calls in 0 days" {
		t.Error(got)
	}
}

func TestPatternIDsAreUnique(t *testing.T) {
	t.Parallel()
	if a, b := nextPatternID(), nextPatternID(); a == b {
		t.Error(a)
	}
}
