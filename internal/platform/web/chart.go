package web

import (
	"math"
	"strconv"
	"strings"
	"sync/atomic"
)

// DayBar is one day of Bars7.
type DayBar struct {
	Label      string // "Mon 3 Mar"
	OK, Errors int
}

// Bucket is one bar of StackedBars: an hour, a day, a week.
type Bucket struct {
	Label                             string
	OK, ClientErr, Limited, ServerErr int
}

func (b Bucket) total() int { return b.OK + b.ClientErr + b.Limited + b.ServerErr }

// patternCount gives every chart in a page ids of its own: two equal ids would make one chart lose its patterns when
// the other is swapped out.
var patternCount atomic.Uint64

func nextPatternID() string {
	return "p" + strconv.FormatUint(patternCount.Add(1), 36)
}

// rect is a bar in pixels.
type rect struct {
	x, y, w, h float64
	class      string // how it is filled
	pattern    string // id of the pattern drawn over it; empty: none
}

const (
	miniHeight = 24.0
	miniWidth  = 6.0
	miniStep   = 8.0
)

// bars7 scales all days to the busiest one. What is not zero stays visible: at least two pixels, also beside a
// day with millions.
func bars7(days []DayBar) []rect {
	top := 0
	for _, d := range days {
		top = max(top, d.OK+d.Errors)
	}
	var bars []rect
	for i, d := range days {
		x := 3 + float64(i)*miniStep
		ok, bad := barHeight(d.OK, top, miniHeight), barHeight(d.Errors, top, miniHeight)
		if over := ok + bad - miniHeight; over > 0 {
			ok -= over
		}
		if d.OK > 0 {
			bars = append(bars, rect{x: x, y: miniHeight - ok, w: miniWidth, h: ok, class: "fill-ok"})
		}
		if d.Errors > 0 {
			bars = append(bars, rect{x: x, y: miniHeight - ok - bad, w: miniWidth, h: bad, class: "fill-error"})
		}
		if d.OK <= 0 && d.Errors <= 0 {
			bars = append(bars, rect{x: x, y: miniHeight - 1, w: miniWidth, h: 1, class: "fill-zero"})
		}
	}
	return bars
}

// classPath draws all bars of one class as one path: a list of 500 keys has 3500 days.
func classPath(bars []rect, class string) string {
	var d strings.Builder
	for _, r := range bars {
		if r.class == class {
			d.WriteString("M" + px(r.x) + " " + px(r.y) + "h" + px(r.w) + "v" + px(r.h) + "h-" + px(r.w) + "z")
		}
	}
	return d.String()
}

// bars7Title is shown on hover: one line per day.
func bars7Title(days []DayBar) string {
	lines := make([]string, len(days))
	for i, d := range days {
		lines[i] = d.Label + ": " + Count(d.OK) + " ok, " + plural(d.Errors, "error")
	}
	return strings.Join(lines, "\n")
}

// barHeight never hides something that happened.
func barHeight(n, top int, height float64) float64 {
	if n <= 0 || top <= 0 {
		return 0
	}
	return math.Max(2, float64(n)/float64(top)*height)
}

func bars7Summary(days []DayBar) string {
	ok, bad := 0, 0
	for _, d := range days {
		ok += d.OK
		bad += d.Errors
	}
	if ok+bad == 0 {
		return "No calls in " + strconv.Itoa(len(days)) + " days"
	}
	return plural(ok+bad, "call") + " in " + strconv.Itoa(len(days)) + " days, " + plural(bad, "error")
}

// series is one outcome of StackedBars.
type series struct {
	name, class, pattern string
	of                   func(Bucket) int
}

var outcomes = []series{
	{"OK", "fill-ok", "", func(b Bucket) int { return b.OK }},
	{"Client errors", "fill-client", "dots", func(b Bucket) int { return b.ClientErr }},
	{"Rate limited", "fill-limited", "lines", func(b Bucket) int { return b.Limited }},
	{"Server errors", "fill-error", "hatch", func(b Bucket) int { return b.ServerErr }},
}

const (
	stackHeight = 160.0
	stackTop    = 8.0 // room above the highest bar
	minPattern  = 4.0 // in a thinner slice a pattern would only hide the colour
)

// tick is one line of the value axis.
type tick struct {
	label string
	y     float64
}

// axis returns a round maximum at or above top, and its lines. An empty chart still has an axis from 0 to 4, so that
// it looks like a chart.
func axis(top int) (int, []tick) {
	top = min(top, math.MaxInt/16) // beyond this, the steps would overflow
	step := 1
	for step*4 < top {
		if leadingDigit(step) == 2 {
			step = step / 2 * 5 // 1, 2, 5, 10, 20, 50 …
		} else {
			step *= 2
		}
	}
	var ticks []tick
	for i := 0; i <= 4; i += 2 {
		y := stackTop + stackHeight - float64(i)/4*stackHeight
		ticks = append(ticks, tick{Compact(step * i), y})
	}
	return step * 4, ticks
}

func leadingDigit(n int) int {
	for n >= 10 {
		n /= 10
	}
	return n
}

// stack is one bar of StackedBars in percent of the width and pixels of the height.
type stack struct {
	title string
	rects []rect
}

func stacks(buckets []Bucket, top int, patterns string) []stack {
	out := make([]stack, 0, len(buckets))
	step := 100 / math.Max(1, float64(len(buckets)))
	gap := math.Min(step*0.3, 1)
	for i, b := range buckets {
		s := stack{title: bucketTitle(b)}
		y := stackTop + stackHeight
		for _, o := range outcomes {
			n := o.of(b)
			if n <= 0 {
				continue
			}
			h := math.Min(barHeight(n, top, stackHeight), y)
			y -= h
			r := rect{x: float64(i)*step + gap/2, y: y, w: step - gap, h: h, class: o.class}
			if o.pattern != "" && h >= minPattern {
				r.pattern = patterns + o.pattern
			}
			s.rects = append(s.rects, r)
		}
		out = append(out, s)
	}
	return out
}

func bucketTitle(b Bucket) string {
	parts := []string{Count(b.OK) + " ok"}
	for _, o := range outcomes[1:] {
		if n := o.of(b); n > 0 {
			parts = append(parts, Count(n)+" "+strings.ToLower(o.name))
		}
	}
	return b.Label + ": " + strings.Join(parts, ", ")
}

// axisLabel is one label of the time axis; every other one is left out where there is little room.
type axisLabel struct {
	text   string
	x      float64 // percent
	second bool
}

// axisLabels picks at most seven labels, evenly spaced.
func axisLabels(buckets []Bucket) []axisLabel {
	n := len(buckets)
	every := max(1, int(math.Ceil(float64(n)/7)))
	var labels []axisLabel
	for i := 0; i < n; i += every {
		labels = append(labels, axisLabel{
			text: buckets[i].Label, x: (float64(i) + 0.5) * 100 / float64(n), second: len(labels)%2 == 1,
		})
	}
	return labels
}

func stackedSummary(buckets []Bucket) string {
	total, bad := 0, 0
	for _, b := range buckets {
		total += b.total()
		bad += b.total() - b.OK
	}
	if total == 0 {
		return "No calls in this time."
	}
	return plural(total, "call") + ", " + Count(bad) + " not ok."
}

func sumOf(buckets []Bucket, of func(Bucket) int) int {
	n := 0
	for _, b := range buckets {
		n += of(b)
	}
	return n
}

func maxTotal(buckets []Bucket) int {
	top := 0
	for _, b := range buckets {
		top = max(top, b.total())
	}
	return top
}

// px writes a coordinate without noise.
func px(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// Count writes 1234567 as 1,234,567.
func Count(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

func plural(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return Count(n) + " " + word
}

// Compact writes 1234567 as 1.2M, for axes and badges.
func Compact(n int) string {
	v, unit := float64(n), ""
	for _, u := range []string{"k", "M", "G", "T", "P", "E"} {
		if math.Abs(v) < 1000 {
			break
		}
		v, unit = v/1000, u
	}
	if unit == "" {
		return strconv.Itoa(n)
	}
	if math.Abs(v) < 10 {
		v = math.Trunc(v*10) / 10
	} else {
		v = math.Trunc(v)
	}
	return strconv.FormatFloat(v, 'f', -1, 64) + unit
}
