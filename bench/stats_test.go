package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSpreadIsMedianAndEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		runs []float64
		want spread
	}{
		{[]float64{4}, spread{4, 4, 4}},
		{[]float64{9, 1}, spread{5, 1, 9}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
		{[]float64{8, 1, 2, 4}, spread{3, 1, 8}},
	} {
		if got := spreadOf(c.runs); got != c.want {
			t.Errorf("%v: %v, not %v", c.runs, got, c.want)
		}
	}
}

func TestQuotientsPairTheRuns(t *testing.T) {
	t.Parallel()
	if got := quotients([]float64{10, 6, 7}, []float64{5, 2}); len(got) != 2 || got[0] != 2 || got[1] != 3 {
		t.Errorf("%v", got)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	for p, want := range map[float64]int{0: 1, 0.01: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := percentile(hundred, p); got != want {
			t.Errorf("percentile %v is %d, not %d", p, got, want)
		}
	}
}

// Samples of one distribution differ by chance alone; a difference of a hundredth of a
// deviation shows in a million values, in the body even where tails hide it.
func TestLargestT(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	sample := func(n int, shift float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = 10000 + 500*r.NormFloat64() + shift
			if r.IntN(200) == 0 {
				out[i] += 200000 * r.ExpFloat64() // what interrupts do
			}
		}
		return out
	}
	a := sample(200_000, 0)
	if got := largestT(a, sample(200_000, 0)); got >= 4.5 {
		t.Errorf("the same distribution: |t| = %.2f", got)
	}
	if got := largestT(a, sample(200_000, 20)); got < 4.5 {
		t.Errorf("20 of 10000 more: |t| = %.2f", got)
	}
}

func TestWelchIsTheTextbook(t *testing.T) {
	t.Parallel()
	a, b := []float64{3, 4, 1, 2.1}, []float64{490.2, 340, 433.9}
	sa, sb := newSums(a, 100), newSums(b, 100)
	if got := welch(sa, sb, 1e9, 2); math.Abs(got+9.5594) > 0.0002 {
		t.Errorf("t = %.4f", got)
	}
}
