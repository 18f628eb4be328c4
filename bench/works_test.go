package main

import (
	"reflect"
	"strings"
	"testing"
)

func TestBarsAreJudged(t *testing.T) {
	t.Parallel()
	four, quarter, bulk := atLeast(4, "4 ×"), atMost(0.25, "¼"), bar{text: "≥ 20; 10", least: 20, leastPostgres: 10}
	for _, c := range []struct {
		bar        bar
		value      float64
		lite, post string
	}{
		{four, 4, "met", "met"},
		{four, 3.99, "**missed**", "**missed**"},
		{quarter, 0.25, "met", "met"},
		{quarter, 0.26, "**missed**", "**missed**"},
		{bulk, 15, "**missed**", "met"},
		{bulk, 9, "**missed**", "**missed**"},
		{bulk, 20, "met", "met"},
		{bar{}, 3, "", ""},
	} {
		f := &figure{value: c.value}
		if lite, post := c.bar.judge(f, false), c.bar.judge(f, true); lite != c.lite || post != c.post {
			t.Errorf("%v of %+v: %q and %q", c.value, c.bar, lite, post)
		}
	}
	if got := four.judge(nil, true); got != "" {
		t.Errorf("what was not measured is %q", got)
	}
}

func TestWorksStandInATable(t *testing.T) {
	t.Parallel()
	r := report{about: "2 cores.", postgres: "PostgreSQL 15"}
	r.works = []work{
		{what: "intake", bar: atLeast(4, "4 ×"), beside: "PocketBase: 10/s", lite: ofRatios("50/s", []float64{5, 4, 6}), post: ofRatios("30/s", []float64{3})},
		{what: "memory", bar: atMost(200, "200 MB"), lite: ofLimit("100 MB", 100, 200)},
		{what: "export", bar: atLeast(1, "1")},
	}
	text := r.text()
	for _, want := range []string{
		"| Leadflip on PostgreSQL 15 |", "| intake | ≥ 4 × | PocketBase: 10/s | 50/s | 5.00 (4.00–6.00) | met | 30/s | 3.00 | **missed** |\n",
		"| memory | ≤ 200 MB |  | 100 MB | 0.50 | met |  |  |  |\n",
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, text)
		}
	}
	if strings.Contains(text, "| measured |") || strings.Contains(text, "export") {
		t.Error("what was not measured is shown")
	}
	r.works = r.works[2:]
	if text := r.text(); strings.Contains(text, "| work |") {
		t.Errorf("an empty table is shown:\n%s", text)
	}
}

func TestMissedBarsAreListed(t *testing.T) {
	t.Parallel()
	r := report{postgres: "PostgreSQL 15", works: []work{
		{what: "intake", bar: atLeast(4, "4 ×"), lite: &figure{value: 5}, post: &figure{value: 3}},
		{what: "export", bar: atLeast(4, "4 ×")},
	}}
	if got := r.missed(); !reflect.DeepEqual(got, []string{"intake on PostgreSQL 15"}) {
		t.Errorf("missed: %v", got)
	}
}
