package main

import (
	"math"
	"slices"
)

// spread is what several runs of one measurement gave.
type spread struct{ median, min, max float64 }

// spreadOf sums up runs; there is at least one.
func spreadOf(runs []float64) spread {
	sorted := slices.Sorted(slices.Values(runs))
	n := len(sorted)
	return spread{median: (sorted[(n-1)/2] + sorted[n/2]) / 2, min: sorted[0], max: sorted[n-1]}
}

// quotients divides each run by the peer's run beside it, so that what slows the
// machine down for a while slows both.
func quotients(ours, peer []float64) []float64 {
	out := make([]float64, min(len(ours), len(peer)))
	for i := range out {
		out[i] = ours[i] / peer[i]
	}
	return out
}

// percentile is the value that a part p of the sorted values does not exceed.
func percentile[T any](sorted []T, p float64) T {
	i := int(math.Ceil(p*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// sums of the first values of a sorted sample, so that a part of it is summed at once.
type sums struct {
	sorted        []float64
	value, square []float64 // of the values before an index
}

// newSums sorts a sample and sums it up around centre, near which the values are, so
// that the squares stay small.
func newSums(sample []float64, centre float64) sums {
	s := sums{slices.Sorted(slices.Values(sample)), make([]float64, len(sample)+1), make([]float64, len(sample)+1)}
	for i, v := range s.sorted {
		d := v - centre
		s.value[i+1] = s.value[i] + d
		s.square[i+1] = s.square[i] + d*d
	}
	return s
}

// below gives number, mean and variance of the values up to a threshold.
func (s sums) below(threshold float64) (n, mean, variance float64) {
	i, _ := slices.BinarySearch(s.sorted, math.Nextafter(threshold, math.Inf(1)))
	if i < 2 {
		return float64(i), 0, 0
	}
	n = float64(i)
	mean = s.value[i] / n
	return n, mean, (s.square[i] - n*mean*mean) / (n - 1)
}

// The cropping of dudect: most differences in time show in the body of the
// distribution, which the tail that interrupts and garbage collection make would hide.
const (
	crops     = 100
	cropFloor = 1000 // values a side must have left for a test to count
)

// largestT is the largest |t| of Welch's test between two samples: of all values, and
// of those below each of a hundred percentiles of both together (Reparaz, Balasch,
// Verbauwhede: "Dude, is my code constant time?", 2017).
func largestT(a, b []float64) float64 {
	both := slices.Sorted(slices.Values(slices.Concat(a, b)))
	centre := percentile(both, 0.5)
	sa, sb := newSums(a, centre), newSums(b, centre)
	largest := math.Abs(welch(sa, sb, both[len(both)-1], 2))
	for i := range crops {
		threshold := percentile(both, 1-math.Pow(0.5, 10*float64(i+1)/crops))
		largest = max(largest, math.Abs(welch(sa, sb, threshold, cropFloor)))
	}
	return largest
}

// welch is the t of Welch's test between the values up to a threshold, 0 when a side
// has fewer than least.
func welch(a, b sums, threshold, least float64) float64 {
	na, ma, va := a.below(threshold)
	nb, mb, vb := b.below(threshold)
	if na < least || nb < least {
		return 0
	}
	deviation := math.Sqrt(va/na + vb/nb)
	if deviation == 0 {
		return 0
	}
	return (ma - mb) / deviation
}
