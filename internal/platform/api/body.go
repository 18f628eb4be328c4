package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// A body is held in memory whole, since a key may stand anywhere in it and decides what
// the request is answered. So that large bodies cannot fill the memory, no more than
// bodyAtOnce of one is held before its sender has shown a good key, and what all requests
// hold of bodies that are larger is bounded.
const (
	bodyAtOnce = 64 << 10
	bodiesHeld = 32 << 20
	bodyWait   = 15 * time.Second // how long a large body waits for others to be done with
)

// incoming is a body on its way.
type incoming struct {
	held  []byte
	rest  io.Reader // what is still to come; nil at the end
	limit int64
	size  int64 // -1 when it was not said beforehand
}

// begin reads a body as far as is done for everybody.
func begin(r *http.Request, limit int64) (*incoming, error) {
	in := &incoming{limit: limit, size: r.ContentLength}
	if r.Body == nil || r.Body == http.NoBody {
		return in, nil
	}
	in.rest = r.Body
	return in, in.readTo(min(limit, bodyAtOnce))
}

// large tells that more came, or is to come, than is held for everybody.
func (in *incoming) large() bool { return in.rest != nil || int64(len(in.held)) > in.limit }

// readTo reads on until the end, or until more than n bytes are held.
func (in *incoming) readTo(n int64) error {
	n++
	if in.size >= 0 { // one byte more has room for the end to be seen
		in.held = slices.Grow(in.held, int(min(n, in.size+1))-len(in.held))
	}
	for int64(len(in.held)) < n {
		if len(in.held) == cap(in.held) {
			in.held = slices.Grow(in.held, 512)
		}
		got, err := in.rest.Read(in.held[len(in.held):min(int64(cap(in.held)), n)])
		in.held = in.held[:len(in.held)+got]
		if errors.Is(err, io.EOF) {
			in.rest = nil
			return nil
		}
		if err != nil {
			return errs.New(errs.InvalidJSON, "The body could not be read to its end.").Because(err)
		}
	}
	return nil
}

// hold reads a large body to its end, once there is room for it among those of other
// requests. The room is given back by done.
func (a *API) hold(ctx context.Context, in *incoming) (done func(), err error) {
	tooLarge := errs.New(errs.BodyTooLarge, "The body has more than %d bytes, which is the most this operation takes.", in.limit).With("limit", in.limit)
	if max(in.size, int64(len(in.held))) > in.limit {
		return nil, tooLarge
	}
	room := in.size
	if room < 0 {
		room = in.limit
	}
	wait, cancel := context.WithTimeout(ctx, bodyWait)
	defer cancel()
	if err := a.bodies.Acquire(wait, room); err != nil {
		return nil, errs.New(errs.Unavailable, "Too many large bodies are on their way here at the same time, so this one was not read. Send it again.").Because(err)
	}
	if err = in.readTo(in.limit); err == nil && in.large() {
		err = tooLarge
	}
	if err != nil {
		a.bodies.Release(room)
		return nil, err
	}
	return func() { a.bodies.Release(room) }, nil
}

// skim looks for whole keys in a body that is refused, as far as can be seen without
// holding it. That it is read on lets the sender see the answer.
func (a *API) skim(in *incoming) (keys []string) {
	const overlap, step = 512, 32 << 10 // a key may be written with an escape for each letter
	keys = a.findEncoded(string(in.held))
	window := make([]byte, 0, overlap+step)
	window = append(window, in.held[max(0, len(in.held)-overlap):]...)
	for seen := int64(len(in.held)); in.rest != nil && seen < in.limit; {
		got, err := in.rest.Read(window[len(window):cap(window)])
		window = window[:len(window)+got]
		seen += int64(got)
		keys = append(keys, a.findEncoded(string(window))...)
		window = append(window[:0], window[max(0, len(window)-overlap):]...)
		if err != nil {
			break
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
