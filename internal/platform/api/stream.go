package api

import (
	"context"
	"net/http"

	"github.com/leadflip/leadflip/internal/platform/httpd"
)

// Limits of one key on a node.
const (
	StreamsPerKey = 20 // event streams that are open
	ExportsPerKey = 3  // exports under way
)

// streaming is an answer that is no JSON document and may go on for long.
type streaming struct {
	chosen string            // the query parameter that chooses the media type; "" for none
	media  map[string]string // by its value; "" is the one without it
}

// Streams says that an operation answers with a stream of this media type, which goes
// on until the caller leaves. The frame tells of its use when it begins, and the
// operation asks StillAllowed from time to time.
func Streams(media string) PolicyOption { return StreamsAs("", map[string]string{"": media}) }

// StreamsAs is Streams for an operation whose media type is chosen by a query parameter.
// "" is what it answers without.
func StreamsAs(parameter string, media map[string]string) PolicyOption {
	return func(p *Policy) { p.stream = &streaming{parameter, media} }
}

// of is the media type of the answer to a request. What is chosen wrongly is for the
// operation to refuse.
func (s *streaming) of(r *http.Request) string {
	if s.chosen != "" {
		if media, ok := s.media[r.URL.Query().Get(s.chosen)]; ok {
			return media
		}
	}
	return s.media[""]
}

type standingKey struct{}

// standing asks the Gate about the key of a stream.
type standing func(context.Context) (context.Context, error)

// StillAllowed asks the Gate again whether the key of a stream may go on, with
// everything that was asked when it began. It is for operations that stream.
func StillAllowed(ctx context.Context) error {
	_, err := Again(ctx)
	return err
}

// Again is StillAllowed that also returns the context in which the operation would run
// if it began now.
func Again(ctx context.Context) (context.Context, error) {
	return ctx.Value(standingKey{}).(standing)(ctx)
}

// stream runs an operation that streams. Its call is told when the status is written,
// and caller is cleared so that it is not told again at the end, which may be days away.
func (a *API) stream(w http.ResponseWriter, r *http.Request, rt *route, caller *Caller, facts Facts) {
	key, _ := credential(r.Header) // it was good a moment ago
	again := standing(func(ctx context.Context) (context.Context, error) {
		now, err := a.gate.Authenticate(ctx, key, facts)
		if err == nil && !now.Allows(rt.policy.scope) {
			err = ScopeMissing(now.Held, rt.policy.scope)
		}
		if err != nil {
			return nil, err
		}
		return now.Enter(ctx), nil
	})
	who := *caller
	*caller = Caller{}
	begun := &beginning{ResponseWriter: w, told: func() { a.observe(w, r, who, rt, httpd.From(r.Context()).Start, true) }}
	rt.serve.ServeHTTP(begun, r.WithContext(context.WithValue(r.Context(), standingKey{}, again)))
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
