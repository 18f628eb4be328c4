package lead

import (
	"context"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/db"
)

// selectPlain reads leads of an entity behind a place in the order of one of their
// times.
func selectPlain(ctx context.Context, q db.Handle, s scan, t term, after *place, limit int) ([]Lead, error) {
	leads, _, err := selectStretch(ctx, q, s, t, after, nil, limit)
	return leads, err
}

// selectStretch is selectPlain up to a place (nil: to the end). There may be more before
// that place when it read as many as the limit, and when they hold enough.
func selectStretch(ctx context.Context, q db.Handle, s scan, t term, after, upTo *place, limit int) (leads []Lead, more bool, err error) {
	statement, args := plainStatement(s, t, after, upTo, limit)
	rows, err := q.Query(ctx, statement, args...)
	leads, more, err = s.leads(rows, err)
	return leads, more || len(leads) == limit, err
}

func plainStatement(s scan, t term, after, upTo *place, limit int) (string, []any) {
	args := []any{s.environment, s.entity, limit}
	column, order := timeColumn(t), direction(t)
	var within strings.Builder
	for _, bound := range []struct {
		at *place
		is string
	}{{after, beyond(t)}, {upTo, upToward(t)}} {
		if bound.at != nil {
			within.WriteString(" AND (l." + column + ", l.id) " + bound.is + " ($" + strconv.Itoa(len(args)+1) + ", $" + strconv.Itoa(len(args)+2) + ")")
			args = append(args, timeOf(bound.at.keys[0]), bound.at.id)
		}
	}
	return `SELECT ` + s.columns() + ` FROM leads l WHERE l.environment_id = $1 AND l.entity_id = $2 AND l.deleted_at IS NULL` + within.String() +
		` ORDER BY l.` + column + order + `, l.id` + order + ` LIMIT $3`, args
}
