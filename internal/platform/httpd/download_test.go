package httpd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// A download arrives whole, or its reader sees that it does not.
func TestDownloads(t *testing.T) {
	t.Parallel()
	piece := strings.Repeat("0123456789", 10_000)
	for _, c := range []struct {
		name   string
		method string
		run    func(end context.CancelFunc, w io.Writer) error
		whole  bool
		fault  bool // for the log
	}{
		{"to its end", http.MethodGet, func(_ context.CancelFunc, w io.Writer) error { _, err := io.WriteString(w, piece); return err }, true, false},
		{"nothing", http.MethodGet, func(context.CancelFunc, io.Writer) error { return nil }, true, false},
		{"the head alone", http.MethodHead, func(context.CancelFunc, io.Writer) error { panic("there is no body") }, true, false},
		{"a fault", http.MethodGet, func(_ context.CancelFunc, w io.Writer) error {
			_, _ = io.WriteString(w, piece)
			return errors.New("no more")
		}, false, true},
		{"cut off", http.MethodGet, func(end context.CancelFunc, w io.Writer) error {
			for begun := time.Now(); time.Since(begun) < time.Minute; {
				if _, err := io.WriteString(w, piece); err != nil {
					return err
				}
				end()
			}
			return nil
		}, false, false},
		{"cut off, and the writer does not care", http.MethodGet, func(end context.CancelFunc, _ io.Writer) error { end(); return nil }, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			logged := make(chan struct{})
			edge := &httpd.Edge{Log: slog.New(slog.NewJSONHandler(&log, nil)), Observe: func(string, int, time.Duration) {}}
			inside := edge.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, end := context.WithCancel(r.Context())
				defer end()
				httpd.ServeDownload(ctx, w, r, func(w io.Writer) error { return c.run(end, w) })
			}))
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(logged)
				inside.ServeHTTP(w, r)
			}))
			defer srv.Close()
			req, _ := http.NewRequestWithContext(t.Context(), c.method, srv.URL, nil)
			resp, err := srv.Client().Do(req)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			if (err == nil) != c.whole {
				t.Errorf("the reader gets %v", err)
			}
			<-logged
			var line struct {
				Level     string
				Status    int
				BrokenOff bool `json:"broken_off"`
			}
			if err := json.Unmarshal(log.Bytes(), &line); err != nil {
				t.Fatalf("%s: %v", log.String(), err)
			}
			if line.Status != http.StatusOK || line.BrokenOff == c.whole || (line.Level == "ERROR") != c.fault {
				t.Errorf("logged as %s", log.String())
			}
		})
	}
}
