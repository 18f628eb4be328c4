package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Every lead that is answered for is stored, and a refused one takes no neighbour along.
func TestGroupedPeerStoresWhatItAnswersFor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "grouped.db")
	g, err := openBare(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(g)
	var all sync.WaitGroup
	var stored, refused atomic.Int64
	for caller := range 8 {
		all.Go(func() {
			for i := range 50 {
				// Every second e-mail is sent by all callers.
				email := fmt.Sprintf("%d.%d@example.com", i, caller*(i%2))
				resp, err := http.Post(srv.URL, "application/json", strings.NewReader(`{"name":"Ada","email":"`+email+`","budget":12.50}`))
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					stored.Add(1)
				} else {
					refused.Add(1)
				}
			}
		})
	}
	all.Wait()
	resp, err := http.Post(srv.URL, "application/json", strings.NewReader(`{`))
	if err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("bad JSON: %v, %v", resp.StatusCode, err)
	}
	_ = resp.Body.Close()
	srv.Close()
	if err := g.close(); err != nil {
		t.Fatal(err)
	}
	if stored.Load() != 25+8*25 || refused.Load() != 7*25 {
		t.Errorf("%d stored, %d refused", stored.Load(), refused.Load())
	}
	if err := countLeads(path, int(stored.Load())); err != nil {
		t.Error(err)
	}
	if err := countLeads(path, int(stored.Load())+1); err == nil {
		t.Error("a missing lead is not noticed")
	}
}
