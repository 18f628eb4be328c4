package account

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func ada() NewAccount {
	return NewAccount{Email: "ada@example.com", Name: "Ada", Password: goodPassword, Account: "Acme"}
}

func TestOfTwoSetupsAtOnceOneWins(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link, err := w.s.NewSetupLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		other, err := w.s.NewSetupLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		try := func(token string, operator bool) func() error {
			return func() error { _, _, err := w.s.Setup(context.Background(), token, operator, ada(), office); return err }
		}
		results := together(try(link, false), try(other, false), try(link, false), try("", true))
		if n := succeeded(results); n != 1 {
			t.Errorf("%d of 4 setups succeeded: %v", n, results)
		}
		for table, want := range map[string]int{"accounts": 1, "people": 1, "memberships": 1, "environments": 1} {
			if n := w.count(`SELECT COUNT(*) FROM ` + table); n != want {
				t.Errorf("%d rows in %s, want %d", n, table, want)
			}
		}
	})
}

func TestSetupNeedsAGoodLink(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link, err := w.s.NewSetupLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{"", "wrong", link[:len(link)-1], link + "A", strings.ToUpper(link)} {
			_, _, err := w.s.Setup(t.Context(), token, false, ada(), office)
			wantCode(t, err, errs.LinkInvalid)
		}
		wantCode(t, w.s.SetupLinkGood(t.Context(), link), "")
		w.clock.Advance(setupLinkLife)
		wantCode(t, w.s.SetupLinkGood(t.Context(), link), errs.LinkInvalid)
		if needed, err := w.s.SetupNeeded(t.Context()); err != nil || !needed {
			t.Errorf("after refused attempts the setup is no longer needed (%v)", err)
		}
	})
}

func TestSetupMakesOwnerProductionAndLogin(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		link, err := w.s.NewSetupLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		made, token, err := w.s.Setup(t.Context(), link, false, ada(), office)
		if err != nil {
			t.Fatal(err)
		}
		w.account = made
		who := w.enter("ADA@Example.com", "acme", "production")
		if who.Role != Owner || who.Environment.Kind != Live || !who.Scopes.Allow(All) {
			t.Errorf("the first person is %s in a %s environment with %s", who.Role, who.Environment.Kind, who.Scopes)
		}
		if !w.alive(token) {
			t.Error("the setup did not log in")
		}
		if got := w.actions(); len(got) != 1 || got[0] != "account.create" {
			t.Errorf("audit log: %v", got)
		}
		// The link and every other are of no use any more.
		wantCode(t, w.s.SetupLinkGood(t.Context(), link), errs.LinkInvalid)
		_, _, err = w.s.Setup(t.Context(), link, false, ada(), office)
		wantCode(t, err, errs.LinkInvalid)
		_, _, err = w.s.Setup(t.Context(), "", true, ada(), office)
		wantCode(t, err, errs.Conflict)
	})
}

func TestSetupSaysWhatIsWrongAndKeepsNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for pointer, in := range map[string]NewAccount{
			"/email":    {Email: "ada", Name: "Ada", Password: goodPassword, Account: "Acme"},
			"/name":     {Email: "ada@example.com", Name: "A\u0007da", Password: goodPassword, Account: "Acme"},
			"/password": {Email: "ada@example.com", Name: "Ada", Password: "short", Account: "Acme"},
			"/account":  {Email: "ada@example.com", Name: "Ada", Password: goodPassword, Account: "  "},
		} {
			_, _, err := w.s.Setup(t.Context(), "", true, in, office)
			wantField(t, err, pointer)
		}
		w.s.seed = func(context.Context, *db.Tx, id.ID) error { return errors.New("the seed fails") }
		if _, _, err := w.s.Setup(t.Context(), "", true, ada(), office); err == nil {
			t.Error("a failing seed did not fail the setup")
		}
		if n := w.count(`SELECT (SELECT COUNT(*) FROM accounts) + (SELECT COUNT(*) FROM people) + (SELECT COUNT(*) FROM audit_log)`); n != 0 {
			t.Errorf("refused setups left %d rows", n)
		}
	})
}

func TestTheOperatorsSetupLeavesNoLoginBehind(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		if n := w.count(`SELECT COUNT(*) FROM sessions`); n != 0 {
			t.Errorf("%d sessions nobody has the token of", n)
		}
	})
}

func TestResetLinks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		before := w.login("ada@example.com")
		first, err := w.s.NewResetLink(t.Context(), "Ada@Example.com")
		if err != nil {
			t.Fatal(err)
		}
		second, err := w.s.NewResetLink(t.Context(), "ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, w.s.ResetLinkGood(t.Context(), first), errs.LinkInvalid)

		// A token of another purpose opens nothing.
		invite, err := w.s.Invite(t.Context(), w.ada, "bob@example.com", Member)
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, w.s.Reset(t.Context(), invite, "another fine long phrase", office), errs.LinkInvalid)
		_, _, err = w.s.Join(t.Context(), second, "Bob", goodPassword, office)
		wantCode(t, err, errs.LinkInvalid)

		wantField(t, w.s.Reset(t.Context(), second, "short", office), "/password")
		reset := func() error { return w.s.Reset(context.Background(), second, "another fine long phrase", office) }
		results := together(reset, reset, reset, reset)
		if n := succeeded(results); n != 1 {
			t.Errorf("%d of 4 uses of one link succeeded: %v", n, results)
		}
		if w.alive(before) {
			t.Error("a login survived the reset")
		}
		_, err = w.s.Login(t.Context(), "ada@example.com", goodPassword, office)
		wantCode(t, err, errs.LoginFailed)
		if _, err := w.s.Login(t.Context(), "ada@example.com", "another fine long phrase", office); err != nil {
			t.Errorf("the new password: %v", err)
		}

		late, err := w.s.NewResetLink(t.Context(), "ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(resetLinkLife)
		wantCode(t, w.s.Reset(t.Context(), late, goodPassword, office), errs.LinkInvalid)
		_, err = w.s.NewResetLink(t.Context(), "nobody@example.com")
		wantCode(t, err, errs.NotFound)
	})
}

func TestInvitationsWorkOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		token, err := w.s.Invite(t.Context(), w.ada, "bob@example.com", Member)
		if err != nil {
			t.Fatal(err)
		}
		join := func() error {
			_, _, err := w.s.Join(context.Background(), token, "Bob", goodPassword, office)
			return err
		}
		results := together(join, join, join)
		if n := succeeded(results); n != 1 {
			t.Errorf("%d of 3 uses of one link succeeded: %v", n, results)
		}
		wantCode(t, join(), errs.LinkInvalid)
		if n := w.count(`SELECT COUNT(*) FROM memberships`); n != 2 {
			t.Errorf("%d memberships", n)
		}
		_, err = w.s.Invite(t.Context(), w.ada, " BOB@example.com ", Admin)
		wantField(t, err, "/email")

		late, err := w.s.Invite(t.Context(), w.ada, "carol@example.com", Member)
		if err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(inviteLinkLife)
		_, err = w.s.Invitation(t.Context(), late)
		wantCode(t, err, errs.LinkInvalid)
	})
}

func TestInvitingAgainAndWithdrawingEndTheEarlierLink(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		invite := func(email string) string {
			token, err := w.s.Invite(t.Context(), w.ada, email, Member)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		good := func(token string) bool { _, err := w.s.Invitation(t.Context(), token); return err == nil }
		first, other := invite("bob@example.com"), invite("carol@example.com")
		w.clock.Advance(time.Hour)
		second := invite("Bob@example.com")
		if good(first) || !good(second) || !good(other) {
			t.Errorf("links alive: first %v, second %v, somebody else's %v", good(first), good(second), good(other))
		}
		pending, err := w.s.Invitations(t.Context(), w.ada)
		if err != nil || len(pending) != 2 || pending[1].Email != "Bob@example.com" {
			t.Errorf("pending: %v, %v", pending, err)
		}
		if err := w.s.Withdraw(t.Context(), w.ada, "bob@example.com"); err != nil {
			t.Fatal(err)
		}
		if good(second) || !good(other) {
			t.Error("withdrawing ended the wrong links")
		}
		wantCode(t, w.s.Withdraw(t.Context(), w.ada, "bob@example.com"), errs.NotFound)
	})
}

func TestSomebodyKnownJoinsWithTheirPassword(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		b := w.secondAccount("Other", w.ada.Person.ID, Owner)
		w.join("bob@example.com", "Bob", Member)
		there := w.enter("ada@example.com", b.Slug, "production")
		token, err := w.s.Invite(t.Context(), there, "bob@example.com", Admin)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = w.s.Join(t.Context(), token, "Mallory", "a wrong but long password", office)
		wantField(t, err, "/password")
		if _, _, err := w.s.Join(t.Context(), token, "ignored", goodPassword, office); err != nil {
			t.Fatal(err)
		}
		if who := w.enter("bob@example.com", b.Slug, "production"); who.Role != Admin || who.Person.Name != "Bob" {
			t.Errorf("joined as %s %q", who.Role, who.Person.Name)
		}
		if who := w.enter("bob@example.com", "acme", "production"); who.Role != Member {
			t.Errorf("the role elsewhere became %s", who.Role)
		}
	})
}
