package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	silence  = 45 * time.Second // the instance says something every 15
	lineSize = 16 << 20         // of the longest line that is read
)

// Stream yields events as they happen, without end. When the connection is lost or the
// instance starts again, it goes on behind the last event that was yielded, so that
// none is missed and none comes twice. It ends, with the error as the last thing it
// yields, when the context does or when the instance refuses: the key was revoked,
// say. Limit has no meaning here.
//
// To go on after a restart of your own program, keep the ID of the last event you are
// done with, and give it as After.
func (e Events) Stream(ctx context.Context, q EventQuery) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s := stream{c: e.c, query: q}
		for failed := 0; ; failed++ {
			got, more, err := s.run(ctx, yield)
			var p *Problem
			switch {
			case !more:
				return
			case ctx.Err() != nil:
				yield(Event{}, ctx.Err())
				return
			case errors.As(err, &p) && !p.passes(), untrusted(err), errors.Is(err, errUnreadable):
				yield(Event{}, err)
				return
			}
			if got {
				failed = 0
			}
			if p == nil && failed == 0 {
				p = &Problem{RetryAfter: s.retry} // what the instance asked for
			}
			if err := pause(ctx, p, failed); err != nil {
				yield(Event{}, err)
				return
			}
		}
	}
}

// errUnreadable is an answer that is no stream of events.
var errUnreadable = errors.New("leadflip: the answer is not a stream of events; is the base URL that of the instance?")

// stream is a walk through the log over as many connections as it takes.
type stream struct {
	c     *Client
	query EventQuery
	retry time.Duration
}

// run reads one connection to its end. got tells whether anything came, more whether
// the reader still wants to have events.
func (s *stream) run(ctx context.Context, yield func(Event, error) bool) (got, more bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	quiet := time.AfterFunc(silence, cancel) // a connection that died without a word
	defer quiet.Stop()
	resp, _, err := s.c.send(ctx, call{method: http.MethodGet, path: path("events", "stream"), query: s.query.values(), accept: "text/event-stream"}, nil, "", true)
	if err != nil {
		return false, true, err
	}
	defer func() { _ = resp.Body.Close() }()
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return false, true, errUnreadable
	}
	in := bufio.NewReader(resp.Body)
	var id, data string
	for {
		line, err := readLine(in)
		if err != nil {
			return got, true, err
		}
		got = true
		quiet.Reset(silence)
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if data != "" {
				var one Event
				if err := json.Unmarshal([]byte(data), &one); err != nil {
					return got, true, fmt.Errorf("%w (%w)", errUnreadable, err)
				}
				quiet.Stop() // the reader may take its time
				if !yield(one, nil) {
					return got, false, nil
				}
				quiet.Reset(silence)
			}
			if id != "" {
				s.query.After = id
			}
			id, data = "", ""
		case name == "id":
			id = value
		case name == "data":
			data += value
		case name == "retry":
			if ms, err := strconv.Atoi(value); err == nil && ms >= 0 {
				s.retry = min(time.Duration(ms)*time.Millisecond, time.Minute)
			}
		}
	}
}

// readLine reads a line without its end.
func readLine(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		part, err := in.ReadSlice('\n')
		b.Write(part)
		switch {
		case err == nil:
			return strings.TrimRight(b.String(), "\r\n"), nil
		case errors.Is(err, bufio.ErrBufferFull) && b.Len() < lineSize:
		case errors.Is(err, bufio.ErrBufferFull):
			return "", errUnreadable
		case errors.Is(err, io.EOF):
			return "", io.ErrUnexpectedEOF // a stream has no end of its own
		default:
			return "", err
		}
	}
}
