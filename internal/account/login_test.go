package account

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

func from(ip string) Origin { return Origin{IP: netip.MustParseAddr(ip), UserAgent: "test"} }

func TestLoginTellsNothingAboutWhoExists(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		bob := w.join("bob@example.com", "Bob", Member)
		if err := w.s.Suspend(t.Context(), w.ada, bob.Person.ID); err != nil {
			t.Fatal(err)
		}
		const wrong = "a wrong but long password"
		// The same text for the same work: one hash, and as many questions to the
		// database. What is written is written after the answer.
		type answer struct {
			text  string
			reads int64
		}
		attempt := func(email, password string) answer {
			before := w.db.Queries()
			token, err := w.s.Login(t.Context(), email, password, from("198.51.100.7"))
			reads := w.db.Queries() - before
			if token != "" || err == nil {
				t.Errorf("%s got in", email)
			}
			w.s.background.Wait()
			return answer{errs.As(err).Error(), reads}
		}
		known := attempt("ada@example.com", wrong)
		for name, other := range map[string]answer{
			"unknown": attempt("nobody@example.com", wrong), "suspended": attempt("bob@example.com", goodPassword), "not an address": attempt("ada\x00@example.com", wrong),
			"empty": attempt("", ""), "invalid UTF-8": attempt("ada\xff@example.com", wrong), "very long": attempt(strings.Repeat("a", 100_000)+"@example.com", wrong),
		} {
			if other != known {
				t.Errorf("%s: %+v, a known address: %+v", name, other, known)
			}
		}
	})
}

func TestFailedLoginsAreWrittenDownAfterTheAnswer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		w.clock.Advance(time.Second)
		_, err := w.s.Login(t.Context(), "ada@example.com", "a wrong but long password", office)
		wantCode(t, err, errs.LoginFailed)
		w.s.background.Wait()
		w.clock.Advance(time.Second)
		w.login("ada@example.com")
		if got := strings.Join(w.actions(), " "); got != "account.create person.login_failed person.login" {
			t.Errorf("audit log: %s", got)
		}
	})
}

func TestGuessingIsSlowedDownAndTheOwnerIsNotLockedOut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		w.login("ada@example.com") // makes the office a known network
		guess := func(ip string) error {
			_, err := w.s.Login(t.Context(), "ada@example.com", "a wrong but long password", from(ip))
			return err
		}
		// One network: five free failures, then waits that double.
		for range freeFailures + 1 {
			wantCode(t, guess("198.51.100.7"), errs.LoginFailed)
		}
		err := guess("198.51.100.99")
		wantCode(t, err, errs.TooManyGuesses)
		if errs.As(err).Meta["retry_after"] != 2 {
			t.Errorf("retry after %v", errs.As(err).Meta["retry_after"])
		}
		// The wait is for the pair of address and network alone.
		w.login("ada@example.com")
		w.clock.Advance(2 * time.Second)
		wantCode(t, guess("198.51.100.7"), errs.LoginFailed)
		_, err = w.s.Login(t.Context(), "bob@example.com", "a wrong but long password", from("198.51.100.7"))
		wantCode(t, err, errs.LoginFailed)
	})
}

func TestManyGuessesAtOnceCountAsMany(t *testing.T) {
	th, now := newThrottle(), time.Unix(1_800_000_000, 0)
	through := 0
	for range 1000 { // none of them has been answered yet
		if th.begin("ada@example.com", netip.MustParseAddr("198.51.100.7"), false, now) == nil {
			through++
		}
	}
	if through != freeFailures+1 {
		t.Errorf("%d of 1000 guesses at one moment went through, want %d", through, freeFailures+1)
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	network := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}) }

	t.Run("a hundred failures from anywhere close the address to strange networks", func(t *testing.T) {
		th := newThrottle()
		for i := range accountFailures {
			if err := th.begin("ada@example.com", network(i), false, now); err != nil {
				t.Fatalf("guess %d: %v", i, err)
			}
		}
		wantCode(t, th.begin("ADA@example.com", network(5000), false, now), errs.TooManyGuesses)
		if err := th.begin("ada@example.com", network(5000), true, now); err != nil {
			t.Errorf("a network she logs in from: %v", err)
		}
		if err := th.begin("ada@example.com", network(5001), false, now.Add(maxWait)); err != nil {
			t.Errorf("the wait does not end: %v", err)
		}
	})
	t.Run("over a day at most a few more", func(t *testing.T) {
		th, guesses := newThrottle(), 0
		for i := range 24 * 60 {
			for j := range 20 {
				if th.begin("ada@example.com", network(i*20+j), false, now.Add(time.Duration(i)*time.Minute)) == nil {
					guesses++
				}
			}
		}
		if limit := accountFailures + 24*4; guesses > limit {
			t.Errorf("%d guesses in a day, want at most %d", guesses, limit)
		}
	})
	t.Run("success forgets", func(t *testing.T) {
		th := newThrottle()
		for range 500 {
			if err := th.begin("ada@example.com", network(1), false, now); err != nil {
				t.Fatal(err)
			}
			th.succeed("ada@example.com", network(1))
		}
	})
	t.Run("one network cannot try every address", func(t *testing.T) {
		th := newThrottle()
		var err error
		n := 0
		for ; n < 2*networkFailures && err == nil; n++ {
			err = th.begin(fmt.Sprintf("p%d@example.com", n), network(1), false, now)
		}
		wantCode(t, err, errs.TooManyGuesses)
		if n != networkFailures+2 {
			t.Errorf("refused at guess %d", n)
		}
	})
	t.Run("memory is bounded", func(t *testing.T) {
		th := newThrottle()
		for i := range throttleMax {
			_ = th.begin(fmt.Sprintf("p%d@example.com", i), network(i), false, now)
		}
		if len(th.entries) > throttleMax {
			t.Errorf("%d entries", len(th.entries))
		}
	})
	t.Run("networks", func(t *testing.T) {
		for _, pair := range [][2]string{{"192.0.2.1", "192.0.2.254"}, {"2001:db8::1", "2001:db8::ffff:1"}} {
			if networkOf(netip.MustParseAddr(pair[0])) != networkOf(netip.MustParseAddr(pair[1])) {
				t.Errorf("%v are two networks", pair)
			}
		}
		if networkOf(netip.MustParseAddr("192.0.2.1")) == networkOf(netip.MustParseAddr("192.0.3.1")) || networkOf(netip.Addr{}) != "unknown" {
			t.Error("networks that should differ")
		}
	})
}

func TestAHashWithOtherParametersIsRenewedAtLogin(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		stored := func() string {
			hash, err := passwordOf(t.Context(), w.db, w.ada.Person.ID)
			if err != nil {
				t.Fatal(err)
			}
			return hash
		}
		if !strings.HasPrefix(stored(), "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("stored as %s", stored())
		}
		w.login("ada@example.com")
		fresh := stored()
		w.login("ada@example.com")
		if stored() != fresh {
			t.Error("a hash with the present parameters was made anew")
		}
		// The same password with the parameters of an earlier release.
		salt := []byte("0123456789abcdef")
		key, err := derive(t.Context(), goodPassword, salt, 1, 8*1024, 1)
		if err != nil {
			t.Fatal(err)
		}
		old := phc(salt, key, 1, 8*1024, 1)
		w.update(func(ctx context.Context, tx *db.Tx) error { return setPassword(ctx, tx, w.ada.Person.ID, old) })
		_, err = w.s.Login(t.Context(), "ada@example.com", "a wrong but long password", office)
		wantCode(t, err, errs.LoginFailed)
		if stored() != old {
			t.Error("a wrong password renewed the hash")
		}
		w.login("ada@example.com")
		if stored() == old || !strings.HasPrefix(stored(), "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("after a login it is stored as %s", stored())
		}
		w.login("ada@example.com")
	})
}

func TestAPasswordChangedDuringALoginLetsNobodyIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		se := w.session(w.login("ada@example.com"))
		// Many rounds at once: whatever the order, no login by the old password is alive afterwards.
		tokens := make(chan string, 6)
		login := func() error {
			token, err := w.s.Login(context.Background(), "ada@example.com", goodPassword, from("203.0.113.5"))
			tokens <- token
			return err
		}
		change := func() error {
			return w.s.ChangePassword(context.Background(), se, goodPassword, "another fine long phrase", office)
		}
		results := together(login, login, login, change, login, login, login)
		if results[3] != nil {
			t.Fatal(results[3])
		}
		close(tokens)
		for token := range tokens {
			if token != "" && w.alive(token) {
				t.Error("a login with the old password is alive")
			}
		}
	})
}
