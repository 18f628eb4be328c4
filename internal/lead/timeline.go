package lead

import (
	"context"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/event"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/page"
)

// timelineMax bounds what is shown of a timeline at once.
const timelineMax = 500

// Timeline returns what happened to a lead, the newest first, as far back as a page
// shows.
func (s *Service) Timeline(ctx context.Context, who account.Principal, leadID id.ID) ([]event.Event, error) {
	if _, err := s.Get(ctx, who, leadID); err != nil {
		return nil, err
	}
	return event.History(ctx, s.db, who.Environment.ID, leadID, event.Position{}, timelineMax)
}

// TimelinePage returns a page of what happened to a lead, the newest first, and the
// cursor of the next one, "" on the last.
func (s *Service) TimelinePage(ctx context.Context, who account.Principal, leadID id.ID, cursor string, limit int) ([]event.Event, string, error) {
	if _, err := s.Get(ctx, who, leadID); err != nil {
		return nil, "", err
	}
	if limit == 0 {
		limit = page.DefaultLimit
	}
	bind := "timeline\n" + who.Environment.ID.String() + "\n" + leadID.String()
	var before event.Position
	if cursor != "" {
		place, err := s.cursors.Decode(bind, cursor)
		if err == nil {
			before, err = event.ParsePosition(string(place))
		}
		if err != nil {
			return nil, "", errs.New(errs.InvalidCursor, "This cursor was not made for this timeline. Begin without a cursor and pass on next_cursor as you got it.").Because(err)
		}
	}
	events, err := event.History(ctx, s.db, who.Environment.ID, leadID, before, limit+1)
	if err != nil || len(events) <= limit {
		return events, "", err
	}
	events = events[:limit]
	return events, s.cursors.Encode(bind, []byte(events[limit-1].Position.String())), nil
}
