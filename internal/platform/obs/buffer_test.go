package obs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sink is a writer whose pieces are seen, and which can fail.
type sink struct {
	mu     sync.Mutex
	text   strings.Builder
	pieces int
	err    error
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	s.pieces++
	return s.text.Write(p)
}

func (s *sink) seen() (string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String(), s.pieces
}

func TestBufferPassesOnWhenTheTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &sink{}
		b := NewBuffer(to)
		for range 3 {
			_, _ = io.WriteString(b, "line\n")
		}
		if text, _ := to.seen(); text != "" {
			t.Errorf("%q left at once", text)
		}
		time.Sleep(bufferEvery)
		synctest.Wait()
		if text, pieces := to.seen(); text != "line\nline\nline\n" || pieces != 1 {
			t.Errorf("%q in %d pieces", text, pieces)
		}
		_, _ = io.WriteString(b, "later\n")
		time.Sleep(bufferEvery)
		synctest.Wait()
		if text, _ := to.seen(); !strings.HasSuffix(text, "later\n") {
			t.Errorf("the second time: %q", text)
		}
	})
}

func TestBufferPassesOnWhenThereIsMuch(t *testing.T) {
	t.Parallel()
	to := &sink{}
	b := NewBuffer(to)
	line := strings.Repeat("x", 1023) + "\n"
	for range bufferMax / len(line) {
		_, _ = io.WriteString(b, line)
	}
	if text, _ := to.seen(); len(text) != bufferMax {
		t.Errorf("%d bytes left", len(text))
	}
}

func TestBufferKeepsLinesWholeAndInOrder(t *testing.T) {
	t.Parallel()
	to := &sink{}
	b := NewBuffer(to)
	const writers, lines = 8, 2000
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range lines {
				fmt.Fprintf(b, "%d %d %s\n", w, i, strings.Repeat("y", 40))
				if i%97 == 0 {
					b.Flush()
				}
			}
		})
	}
	all.Wait()
	b.Flush()
	text, _ := to.seen()
	next := [writers]int{}
	n := 0
	for line := range strings.Lines(text) {
		var w, i int
		if _, err := fmt.Sscanf(line, "%d %d yyyy", &w, &i); err != nil || len(line) < 44 {
			t.Fatalf("a broken line: %q", line)
		}
		if next[w] != i {
			t.Fatalf("writer %d: line %d after %d", w, i, next[w]-1)
		}
		next[w]++
		n++
	}
	if n != writers*lines {
		t.Errorf("%d lines of %d", n, writers*lines)
	}
}

func TestWhatIsMoreThanInformationLeavesAtOnce(t *testing.T) {
	t.Parallel()
	to := &sink{}
	b := NewBuffer(to)
	log := Prompt(NewLogger(NewScrubber(b), "json", slog.LevelInfo), b).With("a", 1).WithGroup("g")
	log.Info("first")
	if text, _ := to.seen(); text != "" {
		t.Errorf("information left at once: %q", text)
	}
	log.Error("second", "b", 2)
	if text, _ := to.seen(); strings.Count(text, "\n") != 2 || !strings.Contains(text, `"g":{"b":2}`) {
		t.Errorf("after an error: %q", text)
	}
}

func TestBufferTellsOfAWriterThatFails(t *testing.T) {
	t.Parallel()
	to := &sink{err: errors.New("gone")}
	b := NewBuffer(to)
	_, _ = io.WriteString(b, "one\n")
	b.Flush()
	if _, err := io.WriteString(b, "two\n"); err == nil {
		t.Error("nobody hears that the writer fails")
	}
}
