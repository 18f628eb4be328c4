package app

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

// TestIfMatchLosesTheRace: what If-Match says, in every form that RFC 9110 gives it.
func TestIfMatchLosesTheRace(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		path := "/api/keys/" + i.object("keys", i.acme.production)
		patch := func(purpose, ifMatch string) answer {
			r := newRequest(http.MethodPatch, path).by(caller).sending(mediaJSON, `{"purpose":"`+purpose+`"}`)
			if ifMatch != "" {
				r = r.with("If-Match", ifMatch)
			}
			return i.send(r)
		}
		get := func() answer { return i.send(newRequest(http.MethodGet, path).by(caller)) }
		first := get().header.Get("ETag")
		if first == "" || first[0] != '"' || first != get().header.Get("ETag") {
			t.Fatalf("the ETag is %q", first)
		}
		i.untouched("a lost race", func() {
			for _, stale := range []string{`"0"`, `"x"`, "W/" + first, first[1 : len(first)-1], `"` + first, `"0", "1"`} {
				if a := patch("stale", stale); a.status != http.StatusPreconditionFailed || a.code() != string(errs.PreconditionFailed) {
					t.Errorf("If-Match: %s: %s", stale, a)
				}
			}
		})
		if a := i.send(newRequest(http.MethodPatch, path).by(caller).sending(mediaJSON, `{"purpose":"lost"}`).with("If-Match", "")); a.code() != string(errs.InvalidHeader) {
			t.Errorf("an empty If-Match: %s", a)
		}
		a := patch("one", first)
		if a.status != http.StatusOK || a.header.Get("ETag") == first || a.header.Get("ETag") != get().header.Get("ETag") {
			t.Errorf("the first change: %s", a)
		}
		if b := patch("two", first); b.status != http.StatusPreconditionFailed {
			t.Errorf("a second change of the same version: %s", b)
		}
		for _, fits := range []func(current string) string{
			func(current string) string { return current }, func(current string) string { return `"0", ` + current }, func(string) string { return "*" }, func(string) string { return "" },
		} {
			ifMatch := fits(get().header.Get("ETag"))
			if b := patch(i.unique("fits"), ifMatch); b.status != http.StatusOK {
				t.Errorf("If-Match: %s: %s", ifMatch, b)
			}
		}
		// What stops a key is a change of it too.
		before := get().header.Get("ETag")
		if b := i.send(newRequest(http.MethodPost, path+"/disable").by(caller)); b.header.Get("ETag") == before || b.header.Get("ETag") != get().header.Get("ETag") {
			t.Errorf("disable keeps the version: %s", b)
		}
		if b := patch("after", before); b.status != http.StatusPreconditionFailed {
			t.Errorf("a change of what was disabled meanwhile: %s", b)
		}
	})
}

// TestTwoWritersNeverOverwriteEachOther: of two changes of the same version one is made
// and the other refused, round after round.
func TestTwoWritersNeverOverwriteEachOther(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		many := 1000
		if testing.Short() {
			many = 100
		}
		_, caller := i.key(i.acme.production, "*")
		path := "/api/keys/" + i.object("keys", i.acme.production)
		get := newRequest(http.MethodGet, path).by(caller)
		for round := range many {
			read := i.send(get)
			var answers [2]answer
			var work sync.WaitGroup
			for writer := range answers {
				work.Go(func() {
					body := fmt.Sprintf(`{"purpose":"writer %d of round %d"}`, writer, round)
					answers[writer] = i.send(newRequest(http.MethodPatch, path).by(caller).sending(mediaJSON, body).with("If-Match", read.header.Get("ETag")))
				})
			}
			work.Wait()
			won := -1
			for writer, a := range answers {
				switch a.status {
				case http.StatusOK:
					if won >= 0 {
						t.Fatalf("round %d: both changes of one version were made", round)
					}
					won = writer
				case http.StatusPreconditionFailed:
				default:
					t.Fatalf("round %d: %s", round, a)
				}
			}
			if won < 0 {
				t.Fatalf("round %d: neither change was made: %s, %s", round, answers[0], answers[1])
			}
			if after := i.send(get); after.text("purpose") != fmt.Sprintf("writer %d of round %d", won, round) || after.header.Get("ETag") != answers[won].header.Get("ETag") {
				t.Fatalf("round %d: the winner wrote %s, there is %s", round, answers[won], after)
			}
		}
		if n := i.one(`SELECT COUNT(*) FROM audit_log WHERE action = 'key.change'`); n != fmt.Sprint(many) {
			t.Errorf("%s changes are in the audit log after %d rounds", n, many)
		}
	})
}

// TestConcurrentRotationsMakeOneKey: of many rotations of a key at once one is made.
func TestConcurrentRotationsMakeOneKey(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		for range 3 {
			key := i.object("keys", i.acme.production)
			before := i.one(`SELECT COUNT(*) FROM api_keys`)
			answers := make([]answer, 100)
			var work sync.WaitGroup
			for n := range answers {
				work.Go(func() {
					answers[n] = i.send(newRequest(http.MethodPost, "/api/keys/"+key+"/rotate").by(caller).sending(mediaJSON, `{"overlap":"1h"}`))
				})
			}
			work.Wait()
			made := 0
			for _, a := range answers {
				switch {
				case a.status == http.StatusCreated:
					made++
				case a.status != http.StatusConflict || a.code() != string(errs.Conflict):
					t.Errorf("a rotation that came too late: %s", a)
				}
			}
			if made != 1 {
				t.Errorf("%d rotations were made", made)
			}
			i.counted("rotations", before, i.one(`SELECT COUNT(*) FROM api_keys`))
		}
	})
}

// TestReadingWritesNothing: no GET, HEAD or OPTIONS moves anything but usage.
func TestReadingWritesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, i *instance) {
		_, caller := i.key(i.acme.production, "*")
		_, poor := i.key(i.acme.staging, "events:read")
		dead, expired := i.key(i.acme.production, "*")
		i.change(`UPDATE api_keys SET expires_at = 1 WHERE id = $1`, dead.ID)
		var reads []request
		for _, op := range i.doc.operations {
			r := i.example(op, i.acme.production)
			r.method = http.MethodOptions
			reads = append(reads, r, r.with("Origin", "https://shop.example").with("Access-Control-Request-Method", op.method))
			if op.reads() {
				r.method, r.body = http.MethodGet, ""
				head := r
				head.method = http.MethodHead
				reads = append(reads, r, head, once(r, "read"), r.query("unknown=1"), r.with("If-Match", `"x"`).with("If-None-Match", "*").with("If-Modified-Since", "Mon, 01 Jan 2001 00:00:00 GMT").with("Range", "bytes=0-1"))
			}
		}
		for _, path := range []string{"/healthz", "/readyz", "/help", "/help/errors/not_found", "/llms.txt", "/", "/login"} {
			reads = append(reads, newRequest(http.MethodGet, path), newRequest(http.MethodHead, path), newRequest(http.MethodOptions, path))
		}
		const others = `SELECT COUNT(*) FROM audit_log WHERE action <> 'lead.export'`
		before, recorded := i.allButUsage(), i.one(others)
		for _, r := range reads {
			for _, secret := range []string{caller, poor, expired} {
				i.send(r.by(secret))
			}
			i.send(r)
		}
		moved := before.differs(i.allButUsage())
		if i.one(others) == recorded { // what left in an export is written down; the log is append only
			moved = slices.DeleteFunc(moved, func(table string) bool { return table == "audit_log" })
		}
		if len(moved) > 0 {
			t.Errorf("reading changed %v", moved)
		}
		if i.one(`SELECT SUM(calls) FROM key_usage`) == "" {
			t.Error("the calls were not counted")
		}
	})
}
