package account

import (
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestSessionsEndByIdlenessAndByAge(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		idle, used := w.login("ada@example.com"), w.login("ada@example.com")
		start := w.clock.Now()
		for day := 1; day <= 40; day++ {
			w.clock.Set(start.AddDate(0, 0, day))
			if got, want := w.alive(idle), day < 7; got != want {
				t.Errorf("day %d: the unused session is alive: %v", day, got)
			}
			if got, want := w.alive(used), day < 30; got != want {
				t.Errorf("day %d: the session in use is alive: %v", day, got)
			}
			if w.alive(used) {
				if err := w.s.Seen(t.Context(), w.session(used)); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestASessionIsNotedAtMostOnceAMinute(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		token := w.login("ada@example.com")
		start := w.clock.Now()
		seen := func() time.Duration {
			if err := w.s.Seen(t.Context(), w.session(token)); err != nil {
				t.Fatal(err)
			}
			return w.session(token).LastSeenAt.Sub(start)
		}
		for _, tt := range []struct{ at, want time.Duration }{{59 * time.Second, 0}, {60 * time.Second, 60 * time.Second}, {119 * time.Second, 60 * time.Second}, {2 * time.Minute, 2 * time.Minute}} {
			w.clock.Set(start.Add(tt.at))
			if got := seen(); got != tt.want {
				t.Errorf("after %v it was seen at %v", tt.at, got)
			}
		}
	})
}

func TestASessionOverPlainHTTPIsShort(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		plain := office
		plain.Plain = true
		token, err := w.s.Login(t.Context(), "ada@example.com", goodPassword, plain)
		if err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(sessionPlain - time.Second)
		if !w.alive(token) {
			t.Error("it ended early")
		}
		if err := w.s.Seen(t.Context(), w.session(token)); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(time.Second)
		if w.alive(token) {
			t.Error("it outlives its time")
		}
	})
}

func TestTokensAreKeptAsHashesOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		secrets := []string{goodPassword, w.login("ada@example.com")}
		for _, make := range []func() (string, error){
			func() (string, error) { return w.s.NewResetLink(t.Context(), "ada@example.com") },
			func() (string, error) { return w.s.Invite(t.Context(), w.ada, "bob@example.com", Member) },
			func() (string, error) { return w.s.NewSetupLink(t.Context()) },
		} {
			token, err := make()
			if err != nil {
				t.Fatal(err)
			}
			secrets = append(secrets, token)
		}
		stored := w.dump()
		for _, s := range secrets {
			if len(s) < 20 || strings.Contains(stored, s) {
				t.Errorf("%s is stored as it is", s)
			}
		}
		for _, wrong := range []string{"", "x", secrets[1][1:], secrets[1] + "A", secrets[2], string(hashToken(secrets[1]))} {
			if w.alive(wrong) {
				t.Errorf("%q is a session", wrong)
			}
		}
	})
}

func TestEndingLogins(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		w.join("bob@example.com", "Bob", Member)
		phone, laptop, desk, bobs := w.login("ada@example.com"), w.login("ada@example.com"), w.login("ada@example.com"), w.login("bob@example.com")
		list, err := w.s.Sessions(t.Context(), w.ada.Person.ID)
		if err != nil || len(list) != 3 {
			t.Fatalf("%d sessions, %v", len(list), err)
		}
		here := w.session(desk)
		// Somebody else's login cannot be ended by its id.
		if err := w.s.EndSession(t.Context(), here, w.session(bobs).ID); err != nil || !w.alive(bobs) {
			t.Errorf("Bob's login ended (%v)", err)
		}
		if err := w.s.EndSession(t.Context(), here, w.session(phone).ID); err != nil || w.alive(phone) || !w.alive(laptop) {
			t.Errorf("ending one: %v", err)
		}
		if err := w.s.EndSession(t.Context(), here, id.Nil); err != nil || w.alive(laptop) || !w.alive(desk) || !w.alive(bobs) {
			t.Errorf("ending all others: %v", err)
		}
		if err := w.s.Logout(t.Context(), here); err != nil || w.alive(desk) {
			t.Errorf("logging out: %v", err)
		}
	})
}

func TestChangingThePasswordEndsAllOtherLoginsAndResetLinks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		w.join("bob@example.com", "Bob", Member)
		other, here, bobs := w.login("ada@example.com"), w.login("ada@example.com"), w.login("bob@example.com")
		link, err := w.s.NewResetLink(t.Context(), "ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		change := func(old, password string) error {
			return w.s.ChangePassword(t.Context(), w.session(here), old, password, office)
		}
		wantField(t, change("a wrong but long password", "another fine long phrase"), "/password")
		wantField(t, change(goodPassword, "short"), "/new_password")
		if !w.alive(other) {
			t.Error("a refused change ended a login")
		}
		if err := change(goodPassword, "another fine long phrase"); err != nil {
			t.Fatal(err)
		}
		if w.alive(other) || !w.alive(here) || !w.alive(bobs) {
			t.Errorf("alive: other %v, this one %v, somebody else's %v", w.alive(other), w.alive(here), w.alive(bobs))
		}
		wantCode(t, w.s.ResetLinkGood(t.Context(), link), errs.LinkInvalid)
	})
}

func TestProofsGrowOldAndAreGivenAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		token := w.login("ada@example.com")
		proven := func() bool { return w.session(token).Proven(w.clock.Now()) }
		if !proven() {
			t.Error("a login is no proof")
		}
		w.clock.Advance(proofFresh)
		if proven() {
			t.Error("the proof counts after 15 minutes")
		}
		wantField(t, w.s.Prove(t.Context(), w.session(token), "a wrong but long password", office), "/password")
		if proven() {
			t.Error("a wrong password proves")
		}
		if err := w.s.Prove(t.Context(), w.session(token), goodPassword, office); err != nil || !proven() {
			t.Errorf("the right password: %v", err)
		}
		for range freeFailures + 1 {
			wantField(t, w.s.Prove(t.Context(), w.session(token), "a wrong but long password", office), "/password")
		}
		wantCode(t, w.s.Prove(t.Context(), w.session(token), goodPassword, office), errs.TooManyGuesses)
	})
}

func TestOldSessionsAreForgottenAtALaterLogin(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		w.login("ada@example.com")
		w.clock.Advance(sessionAbsolute + sessionKept - time.Hour)
		w.login("ada@example.com")
		if n := w.count(`SELECT COUNT(*) FROM sessions`); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
		w.clock.Advance(2 * time.Hour)
		w.login("ada@example.com")
		if n := w.count(`SELECT COUNT(*) FROM sessions`); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
	})
}
