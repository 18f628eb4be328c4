// Package obs makes what the operator watches: structured logs and metrics.
//
// No secret reaches either. Every byte that goes to a log passes a Scrubber, which
// replaces anything that looks like an API key by its public id, whoever wrote it
// and however it got there.
package obs

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"regexp"
	"sync"
)

// keyLike is the published expression of a key; the 12 characters after the prefix
// are its public id.
var keyLike = regexp.MustCompile(`lf_(?:live|test|form)_([0-9A-Za-z]{12})[0-9A-Za-z]{20,}`)

// Scrubber passes whole lines on without the keys in them. It is safe for
// concurrent use, and holds back an unfinished line so that a key cannot slip
// through in two halves.
type Scrubber struct {
	mu   sync.Mutex
	to   io.Writer
	rest []byte
}

// NewScrubber returns a Scrubber in front of w.
func NewScrubber(w io.Writer) *Scrubber { return &Scrubber{to: w} }

// restMax is how much of an unfinished line is held back at most.
const restMax = 64 << 10

// Write implements io.Writer.
func (s *Scrubber) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rest) == 0 && len(b) > 0 && b[len(b)-1] == '\n' {
		return len(b), s.pass(b)
	}
	s.rest = append(s.rest, b...)
	end := bytes.LastIndexByte(s.rest, '\n') + 1
	if end == 0 && len(s.rest) > restMax {
		end = len(s.rest)
	}
	if end == 0 {
		return len(b), nil
	}
	err := s.pass(s.rest[:end])
	s.rest = append(s.rest[:0], s.rest[end:]...)
	return len(b), err
}

func (s *Scrubber) pass(b []byte) error {
	_, err := s.to.Write(Scrub(b))
	return err
}

// Scrub returns b with every key replaced by [key:<public id>].
func Scrub(b []byte) []byte {
	if !bytes.Contains(b, []byte("lf_")) {
		return b
	}
	return keyLike.ReplaceAll(b, []byte("[key:$1]"))
}

// NewLogger returns a logger that writes to w: lines for people on a terminal, JSON
// for machines otherwise.
func NewLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, opts))
	}
	return slog.New(slog.NewJSONHandler(w, opts))
}

// LogFormat chooses a format for a file: text on a terminal, json otherwise.
func LogFormat(f *os.File) string {
	if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return "text"
	}
	return "json"
}
