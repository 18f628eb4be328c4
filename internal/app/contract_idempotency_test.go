package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// repeatable are the operations that take an Idempotency-Key.
func (d *document) repeatable(t *testing.T) []operation {
	t.Helper()
	var out []operation
	for _, op := range d.operations {
		if op.takes("header", "Idempotency-Key") {
			out = append(out, op)
		}
		if writes := !op.Safe && (op.method == http.MethodPost || op.method == http.MethodPatch); writes != op.takes("header", "Idempotency-Key") && !op.open() {
			t.Errorf("%s: takes an Idempotency-Key: %v", op, !writes)
		}
	}
	if len(out) < 7 {
		t.Errorf("only %d operations take an Idempotency-Key", len(out))
	}
	return out
}

func once(r request, key string) request { return r.with("Idempotency-Key", key) }

func replayed(a answer) bool { return a.header.Get("Idempotency-Replayed") == "true" }

// secretOf is the key that an answer shows, "" for none.
func secretOf(a answer) string {
	found := apikey.FindSecrets(string(a.body))
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// TestTheSameCallTwiceIsOneCall holds every operation to what api.md says of an
// Idempotency-Key.
func TestTheSameCallTwiceIsOneCall(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		who := i.acme.production
		callerKey, caller := i.key(who, "*")
		_, stranger := i.key(who, "*")
		for _, op := range i.doc.repeatable(t) {
			r := i.example(op, who).by(caller)
			key := i.unique("call")
			bad := func(what string, a answer) {
				t.Helper()
				t.Errorf("%s: %s: %s", op, what, a)
			}

			// A refusal is not kept: the same Idempotency-Key serves for the call put right.
			refused := []request{r.query("unknown=1"), r.with("Accept", "text/html"), r.sending("text/plain", "x"), r.with("If-Match", `"lost"`)}
			if op.collection() != "" {
				missing := r
				missing.target = op.at(missingID)
				refused = append(refused, missing)
			}
			i.untouched(op.String(), func() {
				for _, wrong := range refused {
					if wrong.header.Get("If-Match") != "" && !op.takes("header", "If-Match") {
						continue
					}
					if a := i.send(once(wrong, key)); a.status < 400 || replayed(a) {
						bad("a wrong call", a)
					}
				}
			})

			first := i.send(once(r, key))
			if fmt.Sprint(first.status) != op.success() || replayed(first) {
				bad("the first call", first)
				continue
			}
			secret := secretOf(first)
			i.untouched(op.String(), func() {
				second := i.send(once(r, key))
				if !replayed(second) {
					bad("the second call", second)
				}
				if secret == "" {
					if second.status != first.status || !bytes.Equal(second.body, first.body) || second.header.Get("ETag") != first.header.Get("ETag") || second.header.Get("Content-Type") != first.header.Get("Content-Type") {
						bad("the replay differs from "+first.String(), second)
					}
				} else if second.status != http.StatusOK || second.text("code") != "already_shown" || second.text("id") != first.text("id") || second.json()["key"] != nil {
					bad("the replay of a secret", second)
				}
				for what, other := range otherCalls(r) {
					if a := i.send(once(other, key)); a.status != http.StatusUnprocessableEntity || a.code() != string(errs.IdempotencyMismatch) || replayed(a) {
						bad("with "+what, a)
					}
				}
				// Who may not call may not replay.
				if a := i.send(once(r, key).with("Sec-Fetch-Site", "cross-site")); a.status != http.StatusForbidden || replayed(a) {
					bad("from a page", a)
				}
			})
			// Another key of the same environment never sees it.
			if a := i.send(once(r, key).by(stranger)); replayed(a) || a.code() == string(errs.IdempotencyMismatch) || secret != "" && strings.Contains(string(a.body), first.text("id")+`","key`) {
				bad("from a stranger", a)
			}
			// Another Idempotency-Key is another call.
			if a := i.send(once(i.example(op, who).by(caller), key+" more")); fmt.Sprint(a.status) != op.success() || replayed(a) {
				bad("another call", a)
			}
		}

		// The key that took the place of another by rotation is the same caller.
		lead := once(newRequest(http.MethodPost, "/api/intake").sending(mediaJSON, `{"entity":"leads","name":"Ada"}`), "kept")
		first := i.send(lead.by(caller))
		_, next, err := i.app.Keys.Rotate(context.Background(), who, callerKey.ID, time.Hour, nil)
		i.must(err)
		i.remember(next.Reveal())
		for _, secret := range []string{caller, next.Reveal()} {
			if a := i.send(lead.by(secret)); !replayed(a) || !bytes.Equal(a.body, first.body) {
				t.Errorf("after a rotation: %s, first %s", a, first)
			}
		}
		// An answer is kept for thirty days and not longer.
		i.change(`UPDATE idempotency SET created_at = $1 WHERE idempotency_key = 'kept'`, db.Micros(i.app.db.Now().Add(-30*24*time.Hour-time.Minute)))
		again := i.send(lead.by(caller))
		if replayed(again) || again.status != http.StatusOK || again.text("lead_id") == first.text("lead_id") {
			t.Errorf("after thirty days: %s", again)
		}
		if a := i.send(lead.by(caller)); !replayed(a) || a.text("lead_id") != again.text("lead_id") {
			t.Errorf("the call after thirty days is not kept: %s", a)
		}
	})
}

// otherCalls differ from a call in one thing that its Idempotency-Key is bound to.
func otherCalls(r request) map[string]request {
	body := r
	if r.body == "" {
		body = r.sending(mediaJSON, "{}")
	} else {
		body.body += " "
	}
	return map[string]request{
		"another query": r.query("unknown=1"), "another body": body, "another type": r.sending(mediaJSON+"; charset=utf-8", r.body),
	}
}

// TestIdempotencyIsKeptPerEnvironment: the same header in two environments is two calls.
func TestIdempotencyIsKeptPerEnvironment(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		lead := once(newRequest(http.MethodPost, "/api/intake").sending(mediaJSON, `{"entity":"leads","name":"Ada"}`), "the same")
		seen := map[string]bool{}
		for _, who := range []account.Principal{i.acme.production, i.acme.staging, i.globex.production, i.globex.staging} {
			_, caller := i.key(who, "*")
			a := i.send(lead.by(caller))
			if a.status != http.StatusOK || replayed(a) || seen[a.text("lead_id")] {
				t.Errorf("%s: %s", who.Environment.Slug, a)
			}
			seen[a.text("lead_id")] = true
			if b := i.send(lead.by(caller)); !replayed(b) || b.text("lead_id") != a.text("lead_id") {
				t.Errorf("%s, again: %s", who.Environment.Slug, b)
			}
		}
		// One header may serve two routes: it is bound to the route.
		_, caller := i.key(i.acme.production, "*")
		for _, r := range []request{newRequest("POST", "/api/intake").sending(mediaJSON, `{"entity":"leads"}`), newRequest("POST", "/api/keys").sending(mediaJSON, `{"name":"one header","scopes":["leads:read"]}`)} {
			if a := i.send(once(r, "two routes").by(caller)); a.status >= 300 || replayed(a) {
				t.Errorf("on another route: %s", a)
			}
		}
	})
}

// What a dry run answers is not kept, because nothing was carried out.
func TestADryRunIsNotKept(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		r := once(newRequest(http.MethodPost, "/api/intake").sending(mediaJSON, `{"entity":"leads"}`), "dry").by(caller)
		i.untouched("a dry run", func() {
			for range 2 {
				if a := i.send(r.query("dry_run=true")); a.status != http.StatusOK || replayed(a) {
					t.Errorf("a dry run: %s", a)
				}
			}
		})
		if a := i.send(r); a.status != http.StatusOK || replayed(a) || a.text("lead_id") == "" {
			t.Errorf("the call itself: %s", a)
		}
	})
}

// TestTwoHundredEqualCallsAreOne sends the same call at once, on PostgreSQL over two
// nodes: it has one effect, and everybody learns of the same one.
func TestTwoHundredEqualCallsAreOne(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		nodes := []*instance{i}
		if i.app.db.Dialect() == db.Postgres {
			second := &instance{t: t, log: &logBuffer{}, doc: i.doc}
			second.listen(i.cfg)
			nodes = append(nodes, second)
		}
		_, caller := i.key(i.acme.production, "*")
		victim := i.object("keys", i.acme.production)
		for _, c := range []struct {
			name   string
			call   request
			effect string // counts what the call makes
		}{
			{"intake", newRequest("POST", "/api/intake").sending(mediaJSON, `{"entity":"leads","name":"Ada"}`), `SELECT COUNT(*) FROM leads`},
			{"a new key", newRequest("POST", "/api/keys").sending(mediaJSON, `{"name":"one of many","scopes":["leads:read"]}`), `SELECT COUNT(*) FROM api_keys`},
			{"a rotation", newRequest("POST", "/api/keys/"+victim+"/rotate").sending(mediaJSON, `{}`), `SELECT COUNT(*) FROM api_keys`},
			{"a change", newRequest("PATCH", "/api/keys/"+victim).sending(mediaJSON, `{"purpose":"of many"}`), `SELECT COUNT(*) FROM audit_log WHERE action = 'key.change'`},
		} {
			before := i.one(c.effect)
			events := i.one(`SELECT COUNT(*) FROM events WHERE type <> 'key.first_used'`)
			answers := make([]answer, 200)
			var work sync.WaitGroup
			for n := range answers {
				work.Go(func() { answers[n] = nodes[n%len(nodes)].send(once(c.call, c.name).by(caller)) })
			}
			work.Wait()
			i.counted(c.name, before, i.one(c.effect))
			i.counted(c.name+", events", events, i.one(`SELECT COUNT(*) FROM events WHERE type <> 'key.first_used'`))
			i.agree(c.name, answers)
			// Whoever was told to come back gets the same answer.
			if a := i.send(once(c.call, c.name).by(caller)); !replayed(a) || a.status != http.StatusOK {
				t.Errorf("%s, afterwards: %s", c.name, a)
			}
		}
	})
}

// counted fails the test unless a count grew by one.
func (i *instance) counted(what, before, after string) {
	i.t.Helper()
	var b, a int
	_, err := fmt.Sscan(before+" "+after, &b, &a)
	i.must(err)
	if a != b+1 {
		i.t.Errorf("%s had %d effects", what, a-b)
	}
}

// agree checks many answers to one call: one was the call, some were told to wait, the
// others got the same answer without a secret.
func (i *instance) agree(what string, answers []answer) {
	i.t.Helper()
	made, shown := 0, map[string]bool{}
	for _, a := range answers {
		switch {
		case a.status == http.StatusConflict && a.code() == string(errs.IdempotencyInFlight) && a.header.Get("Retry-After") != "":
			continue
		case a.status >= 300:
			i.t.Errorf("%s: %s", what, a)
			continue
		case !replayed(a):
			made++
		case secretOf(a) != "":
			i.t.Errorf("%s: a replay shows a secret: %s", what, a)
		}
		var p map[string]json.RawMessage
		i.must(json.Unmarshal(a.body, &p))
		shown[string(p["id"])+string(p["lead_id"])] = true
	}
	if made != 1 || len(shown) != 1 {
		i.t.Errorf("%s: %d of %d answers were not replays; they name %v", what, made, len(answers), shown)
	}
}

// A stored answer holds no secret, in clear or otherwise, whatever was answered.
func TestStoredAnswersHoldNoSecret(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		var shown []string
		for _, op := range i.doc.repeatable(t) {
			shown = append(shown, secretOf(i.send(once(i.example(op, i.acme.production).by(caller), id.New().String()))))
		}
		stored := 0
		i.each(`SELECT body, idempotency_key, owner FROM idempotency`, func(_ []string, values []any) {
			stored++
			for _, v := range values {
				if apikey.FindSecrets(asText(v)) != nil {
					t.Errorf("a stored answer holds a key: %.200s", asText(v))
				}
			}
		})
		shown = slices.DeleteFunc(shown, func(s string) bool { return s == "" })
		if stored < 7 || len(shown) < 2 {
			t.Errorf("%d answers are stored, %d keys were shown", stored, len(shown))
		}
	})
}
