package events

import (
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
)

// Query asks for a page of the log.
type Query struct {
	After event.Position // the last event the caller has
	Kind  event.Kind
	Limit int
}

// Page is a part of the log. Next is where the following one begins: behind the last
// event that was looked at, which with a Kind may be one that was not asked for.
type Page struct {
	Events []event.Event
	Next   event.Position
}

// position reads the id of an event that a caller passes on. parameter is where it
// was sent.
func position(text, parameter string) (event.Position, error) {
	p, err := event.ParsePosition(text)
	if err != nil {
		e := errs.As(err)
		e.Fields = []errs.Field{{Parameter: parameter, Code: "invalid", Detail: "Send the id of an event exactly as you got it."}}
		return p, e
	}
	return p, nil
}
