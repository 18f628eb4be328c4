package obs

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// How long a line may wait in a Buffer, and how many bytes.
const (
	bufferEvery = 200 * time.Millisecond
	bufferMax   = 64 << 10
)

// Buffer gathers what is written and passes it on in large pieces: a system call for
// each line would cost a busy server more than making the line. Nothing is lost but by
// the sudden end of the process, which can take what was written in the last fifth of
// a second: a line leaves when that time is over, when there is much, and when Flush is
// called, as at the stop.
//
// A writer that fails is told of with the next Write, as an unbuffered one would.
type Buffer struct {
	to io.Writer

	mu     sync.Mutex // guards what follows
	held   []byte
	spare  []byte
	timer  *time.Timer
	failed error

	out sync.Mutex // held while writing, so that pieces keep their order; taken before mu
}

// NewBuffer returns a Buffer in front of w.
func NewBuffer(w io.Writer) *Buffer { return &Buffer{to: w} }

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	b.held = append(b.held, p...)
	full, err := len(b.held) >= bufferMax, b.failed
	b.failed = nil
	if b.timer == nil && !full {
		b.timer = time.AfterFunc(bufferEvery, b.Flush)
	}
	b.mu.Unlock()
	if full {
		b.Flush()
	}
	return len(p), err
}

// Flush passes on what is held, and returns when it is written.
func (b *Buffer) Flush() {
	b.out.Lock()
	defer b.out.Unlock()
	b.mu.Lock()
	piece := b.held
	b.held, b.spare = b.spare[:0], nil
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	b.mu.Unlock()
	var err error
	if len(piece) > 0 {
		_, err = b.to.Write(piece)
	}
	b.mu.Lock()
	b.spare = piece[:0]
	if err != nil {
		b.failed = err
	}
	b.mu.Unlock()
}

// Prompt makes a logger flush b after every line that is more than information, so
// that what explains the end of a program is out before it.
func Prompt(l *slog.Logger, b *Buffer) *slog.Logger {
	return slog.New(promptHandler{l.Handler(), b})
}

type promptHandler struct {
	slog.Handler
	buffer *Buffer
}

func (h promptHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.Handler.Handle(ctx, r)
	if r.Level > slog.LevelInfo {
		h.buffer.Flush()
	}
	return err
}

func (h promptHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return promptHandler{h.Handler.WithAttrs(attrs), h.buffer}
}

func (h promptHandler) WithGroup(name string) slog.Handler {
	return promptHandler{h.Handler.WithGroup(name), h.buffer}
}
