package account

import (
	"context"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

func TestSuspensionEndsAccessAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		bob := w.join("bob@example.com", "Bob", Admin)
		carol := w.join("carol@example.com", "Carol", Member)
		w.secondAccount("Other", carol.Person.ID, Member)
		bobs, carols := w.login("bob@example.com"), w.login("carol@example.com")
		for _, p := range []Principal{bob, carol} {
			if err := w.s.Suspend(t.Context(), w.ada, p.Person.ID); err != nil {
				t.Fatal(err)
			}
			_, err := w.s.Enter(t.Context(), *p.Person, "acme", "production", office)
			wantCode(t, err, errs.NotFound)
		}
		if w.alive(bobs) {
			t.Error("somebody without any account is still logged in")
		}
		if !w.alive(carols) {
			t.Error("a suspension in one account ended the login of a member of another")
		}
		_, err := w.s.Login(t.Context(), "bob@example.com", goodPassword, office)
		wantCode(t, err, errs.LoginFailed)

		if err := w.s.Readmit(t.Context(), w.ada, bob.Person.ID); err != nil {
			t.Fatal(err)
		}
		if w.alive(bobs) {
			t.Error("readmitting revived an old login")
		}
		w.enter("bob@example.com", "acme", "production")
		w.login("bob@example.com")
	})
}

func TestTheLastOwnerStays(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		ada := w.ada.Person.ID
		wantCode(t, w.s.SetRole(t.Context(), w.ada, ada, Admin), errs.Conflict)
		wantCode(t, w.s.Suspend(t.Context(), w.ada, ada), errs.Conflict)

		// A suspended owner is no owner to rely on.
		bob := w.join("bob@example.com", "Bob", Owner)
		if err := w.s.Suspend(t.Context(), w.ada, bob.Person.ID); err != nil {
			t.Fatal(err)
		}
		wantCode(t, w.s.SetRole(t.Context(), w.ada, ada, Member), errs.Conflict)
		if err := w.s.Readmit(t.Context(), w.ada, bob.Person.ID); err != nil {
			t.Fatal(err)
		}

		// Everybody takes away everybody at the same moment.
		carol := w.join("carol@example.com", "Carol", Owner)
		people := []Principal{w.ada, bob, carol}
		var fns []func() error
		for _, who := range people {
			for i, victim := range people {
				fns = append(fns, func() error {
					if i%2 == 0 {
						return w.s.Suspend(context.Background(), who, victim.Person.ID)
					}
					return w.s.SetRole(context.Background(), who, victim.Person.ID, Member)
				})
			}
		}
		results := together(fns...)
		if n := w.count(`SELECT COUNT(*) FROM memberships WHERE role = 'owner' AND suspended_at IS NULL`); n != 1 {
			t.Errorf("%d active owners: %v", n, results)
		}
	})
}

func TestWhoMayChangeMembers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		admin, member := w.join("bob@example.com", "Bob", Admin), w.join("carol@example.com", "Carol", Member)
		other := w.secondAccount("Other", w.ada.Person.ID, Owner)
		elsewhere := w.enter("ada@example.com", other.Slug, "production")

		for name, tt := range map[string]struct {
			err  error
			code errs.Code
		}{
			"a member invites":              {second(w.s.Invite(t.Context(), member, "x@example.com", Member)), errs.NotAllowed},
			"a member changes a role":       {w.s.SetRole(t.Context(), member, member.Person.ID, Owner), errs.NotAllowed},
			"a member suspends":             {w.s.Suspend(t.Context(), member, admin.Person.ID), errs.NotAllowed},
			"a member readmits":             {w.s.Readmit(t.Context(), member, admin.Person.ID), errs.NotAllowed},
			"a member sees invitations":     {second(w.s.Invitations(t.Context(), member)), errs.NotAllowed},
			"a member withdraws":            {w.s.Withdraw(t.Context(), member, "x@example.com"), errs.NotAllowed},
			"an admin makes an owner":       {w.s.SetRole(t.Context(), admin, member.Person.ID, Owner), errs.NotAllowed},
			"an admin makes himself owner":  {w.s.SetRole(t.Context(), admin, admin.Person.ID, Owner), errs.NotAllowed},
			"an admin suspends an owner":    {w.s.Suspend(t.Context(), admin, w.ada.Person.ID), errs.NotAllowed},
			"an admin invites an owner":     {second(w.s.Invite(t.Context(), admin, "x@example.com", Owner)), errs.ValidationFailed},
			"an unknown role":               {w.s.SetRole(t.Context(), w.ada, member.Person.ID, "god"), errs.ValidationFailed},
			"an unknown role invited":       {second(w.s.Invite(t.Context(), w.ada, "x@example.com", "")), errs.ValidationFailed},
			"somebody who is not there":     {w.s.SetRole(t.Context(), w.ada, id.New(), Member), errs.NotFound},
			"an owner of another account":   {w.s.Suspend(t.Context(), elsewhere, member.Person.ID), errs.NotFound},
			"a look from another account":   {second(w.s.Member(t.Context(), elsewhere, member.Person.ID)), errs.NotFound},
			"a look by a member":            {second(w.s.Member(t.Context(), member, admin.Person.ID)), errs.NotAllowed},
			"an admin changes a member":     {w.s.SetRole(t.Context(), admin, member.Person.ID, Admin), ""},
			"an admin suspends an admin":    {w.s.Suspend(t.Context(), admin, member.Person.ID), ""},
			"suspending somebody suspended": {w.s.Suspend(t.Context(), admin, member.Person.ID), ""},
		} {
			if errs.CodeOf(tt.err) != tt.code {
				t.Errorf("%s: %v", name, tt.err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestNoWayIntoAnotherAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.setUp()
		bob := w.join("bob@example.com", "Bob", Admin)
		other := w.secondAccount("Other", w.ada.Person.ID, Owner)
		test, err := w.s.AddEnvironment(t.Context(), w.enter("ada@example.com", other.Slug, "production"), "Staging", Test)
		if err != nil {
			t.Fatal(err)
		}
		missing := errs.As(second(w.s.Enter(t.Context(), *bob.Person, "no-such-account", "production", office)))
		for _, place := range [][2]string{{other.Slug, "production"}, {other.Slug, test.Slug}, {"acme", test.Slug}, {"acme", ""}, {"", "production"}, {"ACME", "production"}, {"acme'--", "production"}} {
			_, err := w.s.Enter(t.Context(), *bob.Person, place[0], place[1], office)
			if e := errs.As(err); err == nil || e.Code != missing.Code || e.Detail != missing.Detail {
				t.Errorf("%v: %v, a missing account: %v", place, err, missing)
			}
		}
		if p := w.enter("ada@example.com", other.Slug, test.Slug); p.Environment.Kind != Test || p.Account.ID != other.ID {
			t.Errorf("the owner entered %+v", p.Environment)
		}
		places, err := w.s.Places(t.Context(), bob.Person.ID)
		if err != nil || len(places) != 1 {
			t.Errorf("Bob's places: %v, %v", places, err)
		}
	})
}
