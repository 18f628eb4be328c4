package lead

import (
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// A list that cannot be slow by itself is not refused as too expensive when the instance
// is too busy to answer it in time; what looks at many leads is.
func TestABusyInstanceIsNotAnExpensiveQuery(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newFunnel(t, d)
		for q, want := range map[Query]errs.Code{
			{}:                             errs.Unavailable,
			{Sort: "updated_at", Limit: 1}: errs.Unavailable,
			{Count: "exact"}:               errs.QueryTooExpensive,
			{Sort: "-budget"}:              errs.QueryTooExpensive,
			{Filter: `name contains "a"`}:  errs.QueryTooExpensive,
			{Search: "ada"}:                errs.QueryTooExpensive,
		} {
			q.Entity = w.e.Slug
			if _, err := w.svc.list(t.Context(), w.who, q, 0); errs.CodeOf(err) != want {
				t.Errorf("%+v: want %s, got %v", q, want, err)
			}
		}
	})
}
