package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
	"testing/iotest"

	"golang.org/x/sync/semaphore"
	"pgregory.net/rapid"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// A body arrives whole, or is refused, however it is cut into pieces and whether or not
// its size was said beforehand, and all room it took is free again afterwards.
func TestBodiesArriveWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int64{bodyAtOnce, bodyAtOnce + 1, 3 * bodyAtOnce}).Draw(t, "limit")
		size := rapid.OneOf(rapid.IntRange(0, 2000), rapid.Map(rapid.IntRange(-2, 2), func(n int) int { return bodyAtOnce + n }),
			rapid.Map(rapid.IntRange(-2, 2), func(n int) int { return int(limit) + n })).Draw(t, "size")
		sent := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		var r io.Reader = bytes.NewReader(sent)
		switch rapid.SampledFrom([]string{"whole", "halves", "end with data"}).Draw(t, "pieces") {
		case "halves":
			r = iotest.HalfReader(r)
		case "end with data":
			r = iotest.DataErrReader(r)
		}
		announced := int64(-1)
		if rapid.Bool().Draw(t, "announced") {
			announced = int64(size)
		}
		a := &API{bodies: semaphore.NewWeighted(limit)}
		in, err := begin(&http.Request{Body: io.NopCloser(r), ContentLength: announced}, limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(in.held) > bodyAtOnce+1 {
			t.Fatalf("%d bytes were held before the sender is known", len(in.held))
		}
		if in.large() {
			done, err := a.hold(context.Background(), in)
			if (err != nil) != (int64(size) > limit) || err != nil && errs.CodeOf(err) != errs.BodyTooLarge {
				t.Fatalf("%d bytes of at most %d: %v", size, limit, err)
			}
			if err == nil {
				done()
			}
		} else if int64(size) > limit {
			t.Fatalf("%d bytes of at most %d were taken", size, limit)
		}
		if int64(size) <= limit && !bytes.Equal(in.held, sent) {
			t.Fatalf("%d of %d bytes arrived", len(in.held), size)
		}
		if !a.bodies.TryAcquire(limit) {
			t.Fatal("some room was not given back")
		}
	})
}

// A large body waits for room, and is refused in the end when there is none.
func TestLargeBodiesWaitForRoom(t *testing.T) {
	t.Parallel()
	const size = 2 * bodyAtOnce
	a := &API{bodies: semaphore.NewWeighted(size + size/2)}
	large := func() *incoming {
		in, err := begin(&http.Request{Body: io.NopCloser(bytes.NewReader(make([]byte, size))), ContentLength: size}, size)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	done, err := a.hold(t.Context(), large())
	if err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := a.hold(gone, large()); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("without room: %v", err)
	}
	held := make(chan error)
	go func() {
		second, err := a.hold(t.Context(), large())
		if err == nil {
			second()
		}
		held <- err
	}()
	done()
	if err := <-held; err != nil {
		t.Errorf("with room again: %v", err)
	}
	if !a.bodies.TryAcquire(size + size/2) {
		t.Error("some room was not given back")
	}
}
