package api

import (
	"context"
	"net/http"

	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// StreamsPerKey is how many streams one key may keep open on a node.
const StreamsPerKey = 20

// Streams says that an operation answers with a stream of this media type, which goes
// on until the caller leaves. The frame tells of its use when it begins, and the
// operation asks StillAllowed from time to time.
func Streams(media string) PolicyOption { return func(p *Policy) { p.stream = media } }

type standingKey struct{}

// StillAllowed asks the Gate again whether the key of a stream may go on, with
// everything that was asked when it began. It is for operations that stream.
func StillAllowed(ctx context.Context) error {
	return ctx.Value(standingKey{}).(func(context.Context) error)(ctx)
}

// stream runs an operation that streams. Its call is told when the status is written,
// and caller is cleared so that it is not told again at the end, which may be days away.
func (a *API) stream(w http.ResponseWriter, r *http.Request, rt *route, caller *Caller, facts Facts) {
	key, _ := credential(r.Header) // it was good a moment ago
	standing := func(ctx context.Context) error {
		now, err := a.gate.Authenticate(ctx, key, facts)
		if err == nil && !now.Allows(rt.policy.scope) {
			err = ScopeMissing(now.Held, rt.policy.scope)
		}
		return err
	}
	who := *caller
	*caller = Caller{}
	begun := &beginning{ResponseWriter: w, told: func() { a.observe(w, r, who, rt, httpd.From(r.Context()).Start, true) }}
	rt.serve.ServeHTTP(begun, r.WithContext(context.WithValue(r.Context(), standingKey{}, standing)))
}

// beginning calls told once, when the status of an answer is written.
type beginning struct {
	http.ResponseWriter
	told func()
}

func (b *beginning) WriteHeader(status int) {
	b.ResponseWriter.WriteHeader(status)
	if b.told != nil {
		b.told()
		b.told = nil
	}
}

// Unwrap lets http.ResponseController reach the writer below.
func (b *beginning) Unwrap() http.ResponseWriter { return b.ResponseWriter }
