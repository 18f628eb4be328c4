package httpd

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	writeWithin = 10 * time.Second       // a reader that takes nothing for so long is given up
	endWithin   = 500 * time.Millisecond // what the last bytes may take after the end was decided
	retryAfter  = time.Second            // when a reader should come back
)

// EventStream answers with server-sent events (HTML standard, section 9.2). Each is
// on its way when the method returns. A reader that takes nothing is given up, and
// holds up nobody but itself.
type EventStream struct {
	w    http.ResponseWriter
	out  *http.ResponseController
	done <-chan struct{}
}

// ServeEvents writes the head of a stream and calls run, which sends until its context
// ends. A write that is stuck when ctx ends is cut off. A HEAD request gets the head.
func ServeEvents(ctx context.Context, w http.ResponseWriter, r *http.Request, run func(s *EventStream) error) error {
	s := &EventStream{w, http.NewResponseController(w), ctx.Done()}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	if r.ProtoMajor == 1 {
		h.Set("Connection", "close") // its deadlines would be those of the next answer
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cut)
		_ = s.out.SetWriteDeadline(time.Now().Add(endWithin))
	})
	defer func() {
		if !stop() {
			<-cut // the connection is not ours any more after the return
		}
	}()
	if err := s.write("retry: %d\n\n", retryAfter.Milliseconds()); err != nil {
		return err
	}
	return run(s)
}

// Send sends one event. data is kept on one line.
func (s *EventStream) Send(id, kind string, data []byte) error {
	return s.write("id: %s\nevent: %s\ndata: %s\n\n", id, kind, oneLine(data))
}

// KeepAlive sends a comment, so that nobody on the way takes the silence for the end.
// With an id the reader resumes there.
func (s *EventStream) KeepAlive(id string) error {
	if id == "" {
		return s.write(": still here\n\n")
	}
	return s.write(": still here\nid: %s\n\n", id)
}

func (s *EventStream) write(format string, args ...any) error {
	if err := s.out.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	select {
	case <-s.done: // the cut may have come before the deadline above
		return context.Canceled
	default:
	}
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.out.Flush()
}

// oneLine keeps JSON inside one data line; between its tokens a line end means nothing.
func oneLine(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for _, c := range data {
		if c != '\n' && c != '\r' {
			out = append(out, c)
		}
	}
	return out
}
