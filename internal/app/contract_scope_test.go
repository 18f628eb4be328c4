package app

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// TestEveryOperationNeedsItsOneScope sends every operation with a key of every single
// scope: the documented one gets through, no other one does.
func TestEveryOperationNeedsItsOneScope(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		keys := map[account.Scope]string{}
		for _, s := range append(account.AllScopes(), account.All) {
			_, keys[s] = i.key(i.acme.production, string(s))
		}
		for _, op := range i.doc.operations {
			if op.scoped() && keys[account.Scope(op.Scope)] == "" {
				t.Errorf("%s needs %q, which is not a scope", op, op.Scope)
			}
			refused := map[account.Scope]request{}
			for scope, secret := range keys {
				r := i.example(op, i.acme.production).by(secret)
				if op.scoped() && scope != account.All && string(scope) != op.Scope {
					refused[scope] = r
				} else if a := i.send(r); fmt.Sprint(a.status) != op.success() {
					t.Errorf("%s with %s: want %s, got %s", op, scope, op.success(), a)
				}
			}
			nobody := i.example(op, i.acme.production)
			i.untouched(op.String(), func() {
				for scope, r := range refused {
					i.refusesScope(op, i.send(r), string(scope))
				}
				if op.open() {
					return
				}
				if a := i.send(nobody); a.code() != string(errs.KeyMissing) {
					t.Errorf("%s without a key: %s", op, a)
				}
			})
		}
	})
}

// refusesScope checks that a refusal says what is needed and what there is.
func (i *instance) refusesScope(op operation, a answer, held ...string) {
	i.t.Helper()
	p := a.json()
	if a.status != http.StatusForbidden || a.code() != string(errs.InsufficientScope) {
		i.t.Errorf("%s with %v: want it refused, got %s", op, held, a)
		return
	}
	if !slices.Equal(texts(p["needed"]), []string{op.Scope}) || !slices.Equal(texts(p["held"]), held) {
		i.t.Errorf("%s with %v: needed %v, held %v", op, held, p["needed"], p["held"])
	}
	if want := realm + `, error="insufficient_scope", scope="` + op.Scope + `"`; a.header.Get("WWW-Authenticate") != want {
		i.t.Errorf("%s: WWW-Authenticate is %q", op, a.header.Get("WWW-Authenticate"))
	}
}

func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for n := range list {
		out[n], _ = list[n].(string)
	}
	return out
}

// A key's rights are cut by what the person who made it may do now. What is left may
// be nothing, and is named.
func TestRightsEndWithThePersonsRole(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		ctx := context.Background()
		link, err := i.app.Accounts.Invite(ctx, i.acme.production, "eve@example.com", account.Admin)
		i.must(err)
		_, _, err = i.app.Accounts.Join(ctx, link, "Eve", "seven owls under a bridge", account.Origin{})
		i.must(err)
		members, err := i.app.Accounts.Members(ctx, i.acme.production)
		i.must(err)
		eve := members[len(members)-1].Person
		asEve, err := i.app.Accounts.Enter(ctx, eve, "acme", "production", account.Origin{})
		i.must(err)
		_, narrow := i.key(asEve, "keys:read", "keys:write")
		_, wide := i.key(asEve, "*")
		i.must(i.app.Accounts.SetRole(ctx, i.acme.production, eve.ID, account.Member))
		member := account.Member.Rights().Strings()
		for _, op := range i.doc.operations {
			if !op.scoped() {
				continue
			}
			if strings.HasPrefix(op.Scope, "keys:") {
				i.refusesScope(op, i.send(i.example(op, i.acme.production).by(narrow)))
			}
			a := i.send(i.example(op, i.acme.production).by(wide))
			if slices.Contains(member, op.Scope) {
				if fmt.Sprint(a.status) != op.success() {
					t.Errorf("%s with a member's key: %s", op, a)
				}
			} else {
				i.refusesScope(op, a, member...)
			}
		}
	})
}

// A scope can be narrowed to one entity: it opens that entity and no other one.
func TestNarrowedScopes(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, here := i.key(i.acme.production, "leads.leads:read", "leads.leads:write")
		_, elsewhere := i.key(i.acme.production, "leads.solar:read", "leads.solar:write")
		lead := i.lead(i.acme.production)
		intake := newRequest(http.MethodPost, "/api/intake").sending(mediaJSON, `{"entity":"leads","name":"Ada"}`)
		list := newRequest(http.MethodGet, "/api/leads?entity=leads")
		get := newRequest(http.MethodGet, "/api/leads/"+lead)
		for _, r := range []request{intake, list, get} {
			if a := i.send(r.by(here)); a.status != http.StatusOK {
				t.Errorf("narrowed to this entity: %s", a)
			}
		}
		others := map[string]request{}
		for _, op := range i.doc.operations {
			if op.scoped() && !strings.HasPrefix(op.Scope, "leads:") {
				others[op.String()] = i.example(op, i.acme.production)
			}
		}
		i.untouched("narrowed", func() {
			for _, r := range []request{intake, list} {
				a := i.send(r.by(elsewhere))
				if a.status != http.StatusForbidden || a.code() != string(errs.InsufficientScope) || !strings.HasPrefix(texts(a.json()["needed"])[0], "leads.leads:") {
					t.Errorf("narrowed to another entity: %s", a)
				}
			}
			// What may not be seen does not exist.
			i.same(i.send(get.by(elsewhere)), i.send(newRequest(http.MethodGet, "/api/leads/"+missingID).by(elsewhere)))
			for _, op := range i.doc.operations {
				if r, ok := others[op.String()]; ok {
					i.refusesScope(op, i.send(r.by(here)), "leads.leads:read", "leads.leads:write")
				}
			}
		})
	})
}

// A key never makes or widens another beyond itself.
func TestAKeyGivesNoMoreThanItHas(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		limited := func(in *apikey.Settings) {
			in.Rate, in.ExpiresIn, in.IPAllow = new("5000/min"), new("30d"), &[]string{"127.0.0.0/8"}
		}
		_, caller := i.keyWith(i.acme.production, limited, "keys:read", "keys:write", "leads:read")
		victim := func() string {
			k, _ := i.keyWith(i.acme.production, limited, "keys:write")
			return k.ID.String()
		}
		bodies := []string{
			`{"name":"w","scopes":["*"]}`, `{"name":"w","scopes":["leads:write"]}`, `{"name":"w","scopes":["leads:read","events:read"]}`,
			`{"name":"w","scopes":["leads:read"],"expires_in":"never"}`, `{"name":"w","scopes":["leads:read"],"expires_in":"31d"}`,
			`{"name":"w","scopes":["leads:read"],"rate_limit":"none"}`, `{"name":"w","scopes":["leads:read"],"rate_limit":"5001/min"}`,
			`{"name":"w","scopes":["leads:read"],"ip_allow":[]}`, `{"name":"w","scopes":["leads:read"],"ip_allow":["0.0.0.0/0"]}`, `{"name":"w","scopes":["leads:read"],"ip_allow":["127.0.0.0/7"]}`,
			`{"name":"w","scopes":["leads:read"],"origins":["https://evil.example"]}`,
		}
		target := victim()
		i.untouched("widening", func() {
			for _, body := range bodies {
				for _, r := range []request{newRequest(http.MethodPost, "/api/keys"), newRequest(http.MethodPatch, "/api/keys/"+target)} {
					if a := i.send(r.sending(mediaJSON, body).by(caller)); a.status != http.StatusForbidden && !strings.Contains(body, "/7") {
						t.Errorf("%s: %s", body, a)
					} else if strings.Contains(body, "/7") && a.status != http.StatusUnprocessableEntity {
						t.Errorf("%s: %s", body, a)
					}
				}
			}
		})
		a := i.send(newRequest(http.MethodPost, "/api/keys").sending(mediaJSON, `{"name":"w","scopes":["leads.leads:read"],"ip_allow":["127.0.0.1"]}`).by(caller))
		if a.status != http.StatusCreated || a.text("rate_limit") != "5000/min" {
			t.Errorf("a narrower key: %s", a)
		}
	})
}
