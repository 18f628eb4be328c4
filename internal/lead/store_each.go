package lead

import (
	"context"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// selectPlain reads leads of an entity behind a place in the order of one of their
// times, in one statement, so that leads and statuses are of the same moment.
func selectPlain(ctx context.Context, q db.Handle, environment, entityID id.ID, t term, after *place, limit int) ([]Lead, error) {
	statement, args := plainStatement(leadColumns, environment, entityID, t, after, nil, limit)
	rows, err := q.Query(ctx, statement, args...)
	return scanLeads(environment, rows, err)
}

// selectStretch is selectPlain up to a place (nil: to the end), and of the columns of a
// brief lead when that is enough. There may be more before that place when it read as
// many as the limit, and when they hold more than so many bytes.
func selectStretch(ctx context.Context, q db.Handle, environment, entityID id.ID, t term, after, upTo *place, limit, enough int, brief bool) (leads []Lead, more bool, err error) {
	columns := leadColumns
	if brief {
		columns = briefColumns
	}
	statement, args := plainStatement(columns, environment, entityID, t, after, upTo, limit)
	rows, err := q.Query(ctx, statement, args...)
	leads, more, err = scanSome(environment, brief, enough, rows, err)
	for i := range leads {
		leads[i].EntityID = entityID
	}
	return leads, more || len(leads) == limit, err
}

func plainStatement(columns string, environment, entityID id.ID, t term, after, upTo *place, limit int) (string, []any) {
	args := []any{environment, entityID, limit}
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
	return `SELECT ` + columns + ` FROM leads l WHERE l.environment_id = $1 AND l.entity_id = $2 AND l.deleted_at IS NULL` + within.String() +
		` ORDER BY l.` + column + order + `, l.id` + order + ` LIMIT $3`, args
}
