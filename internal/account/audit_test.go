package account

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// audited is one use case that changes something, and the entry it must leave.
type audited struct {
	action string
	do     func() error
}

// useCases prepares every use case that writes to the audit log.
func useCases(w *world) []audited {
	w.t.Helper()
	ctx := context.Background()
	bob, carol := w.join("bob@example.com", "Bob", Member), w.join("carol@example.com", "Carol", Member)
	if err := w.s.Suspend(ctx, w.ada, carol.Person.ID); err != nil {
		w.t.Fatal(err)
	}
	invite := func(email string) string {
		token, err := w.s.Invite(ctx, w.ada, email, Member)
		if err != nil {
			w.t.Fatal(err)
		}
		return token
	}
	joining := invite("dora@example.com")
	invite("emil@example.com")
	se := w.session(w.login("ada@example.com"))
	reset, err := w.s.NewResetLink(ctx, "bob@example.com")
	if err != nil {
		w.t.Fatal(err)
	}
	return []audited{
		{"account.change", func() error {
			return w.s.Change(ctx, w.ada, Settings{Name: "Acme Ltd", ExposedPolicy: ExposedRevoke, MaxKeyDays: new(90)})
		}},
		{"environment.create", func() error { return second(w.s.AddEnvironment(ctx, w.ada, "Staging", Test)) }},
		{"environment.rename", func() error { return w.s.RenameEnvironment(ctx, w.ada, w.ada.Environment.ID, "Main") }},
		{"member.invite", func() error { return second(w.s.Invite(ctx, w.ada, "fritz@example.com", Admin)) }},
		{"member.withdraw", func() error { return w.s.Withdraw(ctx, w.ada, "emil@example.com") }},
		{"member.join", func() error { _, _, err := w.s.Join(ctx, joining, "Dora", goodPassword, office); return err }},
		{"member.role", func() error { return w.s.SetRole(ctx, w.ada, bob.Person.ID, Admin) }},
		{"member.suspend", func() error { return w.s.Suspend(ctx, w.ada, bob.Person.ID) }},
		{"member.readmit", func() error { return w.s.Readmit(ctx, w.ada, carol.Person.ID) }},
		{"person.login", func() error { return second(w.s.Login(ctx, "ada@example.com", goodPassword, office)) }},
		{"person.password_change", func() error { return w.s.Reset(ctx, reset, "another fine long phrase", office) }},
		{"person.reset_link", func() error { return second(w.s.NewResetLink(ctx, "ada@example.com")) }},
		{"person.password_change", func() error {
			return w.s.ChangePassword(ctx, se, goodPassword, "one more fine long phrase", office)
		}},
	}
}

func TestAChangeAndItsAuditEntryComeTogether(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		cases := useCases(w)

		// While the log cannot be written, nothing changes.
		w.update(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `ALTER TABLE audit_log RENAME TO audit_log_away`)
			return err
		})
		before := w.dump()
		for _, c := range cases {
			if c.do() == nil {
				t.Errorf("%s succeeded without its audit entry", c.action)
			}
		}
		if after := w.dump(); withoutProof(after) != withoutProof(before) {
			t.Errorf("without the audit log something changed:\n%s", firstDifference(withoutProof(before), withoutProof(after)))
		}
		w.update(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `ALTER TABLE audit_log_away RENAME TO audit_log`)
			return err
		})

		for _, c := range cases {
			n := len(w.actions())
			w.clock.Advance(time.Second)
			if err := c.do(); err != nil {
				t.Errorf("%s: %v", c.action, err)
				continue
			}
			if got := w.actions()[n:]; len(got) != 1 || got[0] != c.action {
				t.Errorf("%s left %v", c.action, got)
			}
		}
	})
}

// withoutProof leaves out the proofs of identity, which count although the change
// they were given for failed.
func withoutProof(dump string) string {
	lines := strings.Split(dump, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "sessions ") }), "\n")
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] + "\n" + y[i]
		}
	}
	return "one is longer"
}

func TestWhatChangesNothingLeavesNoEntry(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		bob := w.join("bob@example.com", "Bob", Member)
		n := len(w.actions())
		for _, err := range []error{
			w.s.Change(t.Context(), w.ada, Settings{Name: "Acme", ExposedPolicy: ExposedMark}), w.s.RenameEnvironment(t.Context(), w.ada, w.ada.Environment.ID, "Production"),
			w.s.SetRole(t.Context(), w.ada, bob.Person.ID, Member), w.s.Readmit(t.Context(), w.ada, bob.Person.ID),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		for _, err := range []error{w.s.Suspend(t.Context(), w.ada, w.ada.Person.ID), w.s.Suspend(t.Context(), bob, bob.Person.ID), w.s.Change(t.Context(), w.ada, Settings{Name: "", ExposedPolicy: ExposedMark})} {
			if err == nil {
				t.Error("a refusal is missing")
			}
		}
		if got := w.actions()[n:]; len(got) != 0 {
			t.Errorf("left %v", got)
		}
	})
}

func TestTheAuditLogIsForThoseWhoManageTheAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		bob := w.join("bob@example.com", "Bob", Member)
		_, err := w.s.AuditLog(t.Context(), bob, audit.Filter{Limit: 10})
		wantCode(t, err, errs.NotAllowed)
		other := w.secondAccount("Other", w.ada.Person.ID, Owner)
		// Whatever the filter says, only one's own account is read.
		entries, err := w.s.AuditLog(t.Context(), w.enter("ada@example.com", other.Slug, "production"), audit.Filter{AccountID: w.account.ID, Limit: 10})
		if err != nil || len(entries) != 0 {
			t.Errorf("%d entries of another account, %v", len(entries), err)
		}
	})
}

func TestEveryEntryHasASentence(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		for _, c := range useCases(w) {
			w.clock.Advance(time.Second)
			if err := c.do(); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = w.s.Login(t.Context(), "ada@example.com", "a wrong but long password", office)
		w.s.background.Wait()
		entries, err := w.s.AuditLog(t.Context(), w.ada, audit.Filter{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if line := describeEntry(e, nil); strings.Contains(line.sentence, e.Action) || strings.Contains(line.sentence, "{") {
				t.Errorf("%s: %q", e.Action, line.sentence)
			}
			for name := range e.Changes {
				if labels[name] == "" {
					t.Errorf("%s: the change of %q has no label", e.Action, name)
				}
			}
		}
	})
}

func TestSentences(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	env := Environment{ID: id.New(), Name: "Production"}
	person := audit.Actor{Kind: audit.Person, Name: "ada {what}", IP: "192.0.2.10", RequestID: "req_1"}
	for _, tt := range []struct {
		entry audit.Entry
		want  string
	}{
		{audit.Entry{Actor: audit.Actor{Kind: audit.Person, Name: "Ada"}, Action: "key.revoke", Object: audit.Object{Kind: "api_key", Name: "Website server"}}, "Ada revoked the API key Website server"},
		{audit.Entry{Actor: person, Action: "member.suspend", Object: audit.Object{Name: "{who}"}}, "ada {what} suspended {who}"},
		{audit.Entry{Actor: audit.Actor{Kind: audit.Key, Name: "CI"}, Action: "key.create", Object: audit.Object{Name: "Child"}}, "The API key CI created the API key Child"},
		{audit.Entry{Actor: audit.Actor{Kind: audit.Operator}, Action: "person.reset_link", Object: audit.Object{Name: "a@b.c"}}, "The operator made a link to reset the password of a@b.c"},
		{audit.Entry{Actor: audit.Actor{Kind: audit.Stranger}, Action: "key.expose", Object: audit.Object{Name: "Old"}}, "The API key Old was seen where it must not be, sent by a stranger"},
		{audit.Entry{Actor: audit.Actor{Kind: audit.System}, Action: "thing.done", Object: audit.Object{Kind: "thing"}}, "The system did thing.done to thing"},
	} {
		if got := sentenceOf(tt.entry); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.entry.Action, got, tt.want)
		}
	}
	line := describeEntry(audit.Entry{At: at, EnvironmentID: env.ID, Actor: person, Action: "key.change", Object: audit.Object{Name: "K"}, Changes: map[string]audit.Change{
		"scopes": {From: []any{"leads:read"}, To: []any{"leads:read", "leads:write"}}, "expires_at": {From: "2027-02-21T10:00:00Z", To: nil}, "suspended": {From: false, To: true}, "odd": {To: 3.5},
		"role": {To: "admin"}, "max_key_days": {From: 365, To: 90},
	}}, []Environment{env})
	want := []auditChange{{"Ends", "21 Feb 2027, 10:00 UTC", "nothing"}, {"Longest life of keys", "1 year", "90 days"}, {"odd", "", "3.5"}, {"Role", "", "Admin"}, {"Scopes", "leads:read", "leads:read, leads:write"}, {"Suspended", "no", "yes"}}
	if !slices.Equal(line.changes, want) || line.environment != "Production" || line.address != "192.0.2.10" || line.request != "req_1" {
		t.Errorf("%+v", line)
	}
}
