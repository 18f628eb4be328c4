package apikey

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkListOf500Keys is the whole list page with every row: query, adding up,
// drawing, and sending it. The bar is 200 ms.
func BenchmarkListOf500Keys(b *testing.B) {
	w := newBrowser(b)
	w.many(500)
	size := 0
	b.ResetTimer()
	for b.Loop() {
		got := w.get(accessPath + "?all=1")
		if got.status != http.StatusOK {
			b.Fatal(got.status)
		}
		size = len(got.body)
	}
	b.ReportMetric(float64(size)/1024, "KiB/page")
}

// many makes n keys that were used on each of seven days.
func (b *browser) many(n int) {
	b.t.Helper()
	for i := range n {
		name := fmt.Sprintf("Key number %d", i)
		k, _, err := b.keys.Create(b.t.Context(), b.owner, Settings{Name: &name, Purpose: new("One of many"), Scopes: new([]string{"leads:read", "leads:write", "entities:read"})}, i%2 == 0, nil)
		b.must(err)
		for day := range 7 {
			at := b.clock.Now().Add(-time.Duration(day)*24*time.Hour - time.Duration(i)*time.Second)
			b.call(k, at, 1+i%5, http.StatusOK)
			b.call(k, at, i%3, http.StatusTooManyRequests)
		}
	}
	b.flush()
}

func TestAVeryLongListShowsItsBeginning(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	b.many(shownRows + 1)
	got := b.get(accessPath)
	b.has(got, "The first 100 of 101 keys.", accessPath+"?all=1")
	if n := len(rowNames.FindAllString(got.body, -1)); n != shownRows {
		t.Errorf("the page has %d rows", n)
	}
	if n := len(rowNames.FindAllString(b.get(accessPath+"?all=1").body, -1)); n != shownRows+1 {
		t.Errorf("the page with all has %d rows", n)
	}
	// A key whose random id happens to hold the number is found too.
	if got := strings.Split(names(b.get(accessPath+"?q=number+57")), ", "); !slices.Contains(got, "Key number 57") || len(got) > shownRows/4 {
		t.Errorf("the search finds %q", got)
	}
}
