package httpd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// A browser that leaves in the middle of a request makes it fail; that is no fault of
// ours, and must not look like one in the log or the metrics.
func TestACallerThatWentAwayIsNoFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		gone   bool
		write  int
		level  string
		status int
	}{
		{"a fault", false, 500, "ERROR", 500},
		{"gone before the answer", true, 0, "INFO", httpd.CallerGone},
		{"gone, and the answer was one of a fault", true, 500, "INFO", httpd.CallerGone},
		{"gone after the answer", true, 200, "ERROR", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			counted := 0
			edge := &httpd.Edge{Log: slog.New(slog.NewJSONHandler(&log, nil)), Observe: func(_ string, status int, _ time.Duration) { counted = status }}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			h := edge.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.gone {
					cancel()
				}
				httpd.From(r.Context()).Err = errors.New("it failed")
				if c.write > 0 {
					w.WriteHeader(c.write)
				}
			}))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
			var line struct {
				Level  string
				Status int
			}
			if err := json.Unmarshal(log.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			if line.Level != c.level || line.Status != c.status || counted != c.status {
				t.Errorf("level %s, status %d, counted as %d; want %s and %d", line.Level, line.Status, counted, c.level, c.status)
			}
		})
	}
}
