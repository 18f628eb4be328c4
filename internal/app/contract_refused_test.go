package app

import (
	"context"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/config"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
)

// deadKey is a key that is refused, and how.
type deadKey struct {
	name   string
	secret string // "" sends none
	want   errs.Code
	tells  string // a member of the problem that only the holder of the right secret sees
}

// deadKeys has one key of every kind that is refused with a 401.
func (i *instance) deadKeys() []deadKey {
	i.t.Helper()
	ctx := context.Background()
	who := i.acme.production
	now := i.app.db.Now()
	var out []deadKey
	add := func(name string, want errs.Code, tells string, change func(*apikey.Settings), after func(apikey.Key)) {
		k, secret := i.keyWith(who, change, "*")
		if after != nil {
			after(k)
		}
		out = append(out, deadKey{name, secret, want, tells})
	}
	add("revoked", errs.KeyRevoked, "revoked_at", nil, func(k apikey.Key) {
		_, err := i.app.Keys.Revoke(ctx, who, k.ID, nil)
		i.must(err)
	})
	add("disabled", errs.KeyDisabled, "disabled_at", nil, func(k apikey.Key) {
		_, err := i.app.Keys.Disable(ctx, who, k.ID, nil)
		i.must(err)
	})
	add("expired", errs.KeyExpired, "expired_at", nil, func(k apikey.Key) {
		i.change(`UPDATE api_keys SET expires_at = $1 WHERE id = $2`, db.Micros(now.Add(-time.Second)), k.ID)
	})
	add("not valid yet", errs.KeyExpired, "not_before", func(in *apikey.Settings) { in.NotBefore = new(now.Add(time.Hour)) }, nil)
	add("another address", errs.KeyIPNotAllowed, "ip", func(in *apikey.Settings) { in.IPAllow = &[]string{"203.0.113.0/24", "2001:db8::/32"} }, nil)
	add("rotated without overlap", errs.KeyRevoked, "revoked_at", nil, func(k apikey.Key) {
		_, secret, err := i.app.Keys.Rotate(ctx, who, k.ID, 0, nil)
		i.must(err)
		i.remember(secret.Reveal())
	})

	link, err := i.app.Accounts.Invite(ctx, who, "eve@example.com", account.Admin)
	i.must(err)
	_, _, err = i.app.Accounts.Join(ctx, link, "Eve", "seven owls under a bridge", account.Origin{})
	i.must(err)
	members, err := i.app.Accounts.Members(ctx, who)
	i.must(err)
	eve := members[len(members)-1].Person
	asEve, err := i.app.Accounts.Enter(ctx, eve, "acme", "production", account.Origin{})
	i.must(err)
	_, hers := i.key(asEve, "*")
	i.must(i.app.Accounts.Suspend(ctx, who, eve.ID))
	out = append(out, deadKey{"of a suspended person", hers, errs.KeyDisabled, ""})

	_, known := i.key(who, "*")
	return append(out,
		deadKey{"none", "", errs.KeyMissing, ""}, deadKey{"malformed", "lf_live_1234", errs.KeyMalformed, ""}, deadKey{"a wrong checksum", swapped(known), errs.KeyMalformed, ""},
		deadKey{"unknown", apikey.Mint(account.Live).Reveal(), errs.KeyUnknown, ""}, deadKey{"a wrong secret", wrongSecret(known), errs.KeyUnknown, ""},
		deadKey{"a wrong secret of a revoked key", wrongSecret(out[0].secret), errs.KeyUnknown, ""}, deadKey{"a live key called test", strings.Replace(known, "live", "test", 1), errs.KeyMalformed, ""})
}

// swapped has two neighbouring characters the wrong way round.
func swapped(secret string) string {
	b := []byte(secret)
	for n := 30; ; n++ {
		if b[n] != b[n+1] {
			b[n], b[n+1] = b[n+1], b[n]
			return string(b)
		}
	}
}

// wrongSecret has the public id of a key, another secret, and the right checksum.
func wrongSecret(secret string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	body := secret[:20] + strings.Repeat("x", len(secret)-26)
	sum := crc32.ChecksumIEEE([]byte(body))
	check := make([]byte, 6)
	for n := 5; n >= 0; n-- {
		check[n] = digits[sum%62]
		sum /= 62
	}
	return body + string(check)
}

// TestEveryOperationRefusesEveryDeadKey: each operation that needs a key answers each
// dead one with its own 401 and the challenge of RFC 6750, and touches nothing.
func TestEveryOperationRefusesEveryDeadKey(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		dead := i.deadKeys()
		for _, op := range i.doc.operations {
			r := i.example(op, i.acme.production)
			i.untouched(op.String(), func() {
				for _, k := range dead {
					call := r
					if k.secret != "" {
						call = r.by(k.secret)
					}
					if op.open() {
						continue
					}
					a := i.send(call)
					if a.status != http.StatusUnauthorized || a.code() != string(k.want) || a.header.Get("WWW-Authenticate") != challenges[k.want] {
						t.Errorf("%s, %s: want %s, got %s", op, k.name, k.want, a)
					}
					p := a.json()
					for _, member := range []string{"revoked_at", "disabled_at", "expired_at", "not_before", "ip"} {
						if (p[member] != nil) != (member == k.tells) {
							t.Errorf("%s, %s: %q is %v", op, k.name, member, p[member])
						}
					}
					if (k.want == errs.KeyUnknown || k.want == errs.KeyMalformed) && (a.header.Get("RateLimit") != "" || strings.Contains(string(a.body), "“")) {
						t.Errorf("%s, %s: the answer tells of the key: %s", op, k.name, a)
					}
				}
			})
		}
		for _, k := range dead { // what is open stays open
			if a := i.send(newRequest(http.MethodGet, "/api/limits").by(k.secret)); a.status != http.StatusOK {
				t.Errorf("an open operation, %s: %s", k.name, a)
			}
		}
	})
}

func behindProxies(cfg *config.Config) {
	cfg.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// from returns the request as a trusted proxy passes it on.
func (r request) from(address string) request { return r.with("X-Forwarded-For", address) }

// TestGuessingHurtsNobodyElse: from 600 unknown keys a minute an address gets 429, while
// good keys work and dead ones get their 401 from the very same address.
func TestGuessingHurtsNobodyElse(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		const guesser, other = "198.51.100.7", "198.51.100.8"
		_, good := i.key(i.acme.production, "entities:read")
		dead := i.deadKeys()
		get := newRequest(http.MethodGet, "/api/entities")

		var sent, refused, limited atomic.Int64
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() {
				for limited.Load() < 20 && sent.Add(1) <= 1500 { // more than two minutes' worth would be needed to miss
					switch a := i.send(get.by(apikey.Mint(account.Live).Reveal()).from(guesser)); a.code() {
					case string(errs.KeyUnknown):
						refused.Add(1)
					case string(errs.TooManyGuesses):
						limited.Add(1)
					default:
						t.Errorf("a guess: %s", a)
					}
				}
			})
		}
		work.Go(func() {
			for limited.Load() < 20 && sent.Load() < 1500 {
				if a := i.send(get.by(good).from(guesser)); a.status != http.StatusOK {
					t.Errorf("the owner is hurt: %s", a)
				}
			}
		})
		work.Wait()
		if limited.Load() < 20 || refused.Load() < 600 {
			t.Fatalf("%d of %d guesses got a 401, %d a 429", refused.Load(), sent.Load(), limited.Load())
		}
		for _, k := range dead {
			if k.want == errs.KeyUnknown || k.secret == "" {
				continue
			}
			if a := i.send(get.by(k.secret).from(guesser)); a.code() != string(k.want) {
				t.Errorf("%s from a guesser's address: %s", k.name, a)
			}
		}
		if a := i.send(get.by(good).from(guesser)); a.status != http.StatusOK {
			t.Errorf("a good key from a guesser's address: %s", a)
		}
		if a := i.send(get.by(apikey.Mint(account.Live).Reveal()).from(other)); a.code() != string(errs.KeyUnknown) {
			t.Errorf("a guess from another address: %s", a)
		}
	}, behindProxies)
}

// TestLeakReportsAreLimitedPerAddress: sixty an hour, counted by address.
func TestLeakReportsAreLimitedPerAddress(t *testing.T) {
	t.Parallel()
	i := newSQLiteInstance(t, behindProxies)
	_, secret := i.key(i.acme.production, "*")
	report := newRequest(http.MethodPost, "/api/keys/report-leak").sending(mediaJSON, `{"keys":["`+secret+`"]}`)
	var taken, limited atomic.Int64
	var work sync.WaitGroup
	for n := range 130 { // more than two hours' worth, should the hour end meanwhile
		work.Go(func() {
			switch a := i.send(report.from(fmt.Sprintf("2001:db8:1:2::%x", n+1))); a.code() {
			case "":
				taken.Add(1)
			case string(errs.RateLimited):
				limited.Add(1)
			default:
				t.Errorf("a report: %s", a)
			}
		})
	}
	work.Wait()
	if taken.Load() < 60 || limited.Load() == 0 {
		t.Errorf("%d reports of one subscriber were taken, %d refused", taken.Load(), limited.Load())
	}
	if a := i.send(report.from("2001:db8:1:3::1")); a.status != http.StatusOK {
		t.Errorf("a report from another network: %s", a)
	}
}
