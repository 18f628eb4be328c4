package account

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/web"
)

const auditPerPage = 50

// auditGroups are the first parts of actions, and what people call them.
var auditGroups = []web.Option{
	{Value: "key", Label: "API keys"}, {Value: "member", Label: "Members"}, {Value: "person", Label: "Logins and passwords"},
	{Value: "environment", Label: "Environments"}, {Value: "entity", Label: "Entities"}, {Value: "account", Label: "The account"},
}

func auditOptions() []web.Option {
	return append([]web.Option{{Label: "Everything"}}, auditGroups...)
}

func (p *pages) audit(w http.ResponseWriter, r *http.Request, v visit) error {
	query := r.URL.Query()
	f := audit.Filter{Limit: auditPerPage + 1}
	if about := query.Get("about"); slices.ContainsFunc(auditGroups, func(o web.Option) bool { return o.Value == about }) {
		f.Action = about
	}
	if cursor := query.Get("before"); cursor != "" {
		before, ok := parseAuditCursor(cursor)
		if !ok {
			return errs.New(errs.InvalidCursor, "This address of a page of the audit log is not complete. Start again at its first page.")
		}
		f.Before = &before
	}
	entries, err := p.s.AuditLog(r.Context(), v.who, f)
	if err != nil {
		return err
	}
	envs, err := p.s.Environments(r.Context(), v.who)
	if err != nil {
		return err
	}
	view := auditView{visit: v, group: f.Action, now: p.s.db.Now()}
	if f.Before != nil {
		view.newest = auditHref(v, f.Action, nil)
	}
	if len(entries) > auditPerPage {
		entries = entries[:auditPerPage]
		view.older = auditHref(v, f.Action, &entries[auditPerPage-1])
	}
	for _, e := range entries {
		view.lines = append(view.lines, describeEntry(e, envs))
	}
	return p.site.Render(w, r, settingsPage(v, "Audit log"), auditPage(view))
}

// auditHref is the address of the page of a group that begins after an entry.
func auditHref(v visit, group string, before *audit.Entry) string {
	q := url.Values{}
	if group != "" {
		q.Set("about", group)
	}
	if before != nil {
		q.Set("before", strconv.FormatInt(db.Micros(before.At), 10)+"."+before.ID.String())
	}
	if len(q) == 0 {
		return v.settings("audit")
	}
	return v.settings("audit") + "?" + q.Encode()
}

// parseAuditCursor reads a place in the log. It needs no signature: whatever it says,
// only the visitor's account is listed.
func parseAuditCursor(text string) (audit.Entry, bool) {
	at, entry, _ := strings.Cut(text, ".")
	micros, err1 := strconv.ParseInt(at, 10, 64)
	which, err2 := id.Parse(entry)
	if err1 != nil || err2 != nil {
		return audit.Entry{}, false
	}
	return audit.Entry{At: db.FromMicros(micros), ID: which}, true
}
