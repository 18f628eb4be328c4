package gallery

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
)

// fakeStream speaks the contract that <live-updates> expects of the server.
type fakeStream struct {
	mu      sync.Mutex
	events  []fakeEvent
	changed chan struct{} // closed at every new event
	open    int
}

type fakeEvent struct {
	ID   string          `json:"id"`
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

func (s *fakeStream) after(cursor string) ([]fakeEvent, string, chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := strconv.Atoi(cursor)
	if err != nil || n > len(s.events) {
		n = 0
	}
	return s.events[n:], strconv.Itoa(len(s.events)), s.changed
}

// fire adds an event: POST /fire?type=key.used with the data as body.
func (s *fakeStream) fire(_ http.ResponseWriter, r *http.Request) {
	var data json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&data); err != nil {
		data = json.RawMessage("{}")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, fakeEvent{strconv.Itoa(len(s.events) + 1), r.FormValue("type"), data})
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *fakeStream) stream(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.open++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.open--
		s.mu.Unlock()
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	cursor := r.FormValue("after")
	for {
		events, next, changed := s.after(cursor)
		_, _ = fmt.Fprint(w, ": hello\n\n")
		for _, e := range events {
			_, _ = fmt.Fprintf(w, "id: %s\nevent: %s\ndata: %s\n\n", e.ID, e.Type, e.Data)
		}
		_ = http.NewResponseController(w).Flush()
		cursor = next
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (s *fakeStream) poll(w http.ResponseWriter, r *http.Request) {
	events, cursor, _ := s.after(r.FormValue("after"))
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"events": events, "cursor": cursor})
}

func (s *fakeStream) count(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprint(w, s.open)
}
