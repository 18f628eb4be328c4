package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/config"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// nodes are equal servers on one database, and a key that may change keys.
type nodes struct {
	t        *testing.T
	apps     []*App
	urls     []string
	operator account.Principal
	member   account.Principal // who makes the keys under test, and can be suspended
	admin    string            // a key that may change keys
	http     *http.Client
}

func newNodes(t *testing.T, n int, cfg config.Config) *nodes {
	t.Helper()
	ctx := context.Background()
	cluster := &nodes{t: t, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 20 * time.Second}}
	cfg.MasterKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	cfg.PublicURL = "http://127.0.0.1"
	for range n {
		a, err := Open(ctx, cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		var ready atomic.Bool
		ready.Store(true)
		srv := httptest.NewServer(mainHandler(a, &ready, ctx))
		work, stop := context.WithCancel(ctx)
		background := a.background(work)
		t.Cleanup(func() {
			srv.Close()
			stop()
			background.Wait()
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
		cluster.apps = append(cluster.apps, a)
		cluster.urls = append(cluster.urls, srv.URL)
	}
	a := cluster.apps[0]
	_, _, err := a.Accounts.Setup(ctx, "", true, account.NewAccount{Email: "ada@example.com", Name: "Ada", Password: "nine lanterns over the harbour", Account: "Acme"}, account.Origin{})
	cluster.must(err)
	operator, err := a.Accounts.OperatorIn(ctx, "acme", "")
	cluster.must(err)
	link, err := a.Accounts.Invite(ctx, operator, "bob@example.com", account.Admin)
	cluster.must(err)
	_, _, err = a.Accounts.Join(ctx, link, "Bob", "seven owls under a bridge", account.Origin{})
	cluster.must(err)
	members, err := a.Accounts.Members(ctx, operator)
	cluster.must(err)
	cluster.operator = operator
	cluster.member, err = a.Accounts.Enter(ctx, members[1].Person, "acme", "production", account.Origin{})
	cluster.must(err)
	_, secret, err := a.Keys.Create(ctx, operator, apikey.Settings{Name: new("admin"), Scopes: &[]string{"*"}, Rate: new("none")}, true, nil)
	cluster.must(err)
	cluster.admin = secret.Reveal()
	return cluster
}

//go:fix inline

func (c *nodes) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// call sends a request to one node and returns status and body.
func (c *nodes) call(node int, method, path, key string, body any) (int, map[string]any) {
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			c.t.Error(err)
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, c.urls[node]+path, in)
	if err != nil {
		c.t.Error(err)
		return 0, nil
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Error(err)
		return 0, nil
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		c.t.Error(err)
	}
	return resp.StatusCode, out
}

// rounds is how often each harness runs: a few in the gate, many in make soak.
func rounds(few int) int {
	if n, err := strconv.Atoi(os.Getenv("LEADFLIP_TEST_ROUNDS")); err == nil {
		return n
	}
	return few
}

// onClusters runs fn on one SQLite node and on two PostgreSQL nodes.
func onClusters(t *testing.T, fn func(t *testing.T, c *nodes)) {
	t.Run("sqlite", func(t *testing.T) { fn(t, newNodes(t, 1, config.Config{Data: dbtest.SQLiteDir(t)})) })
	t.Run("postgres, two nodes", func(t *testing.T) {
		fn(t, newNodes(t, 2, config.Config{DatabaseURL: dbtest.PostgresMigratedURL(t), Data: t.TempDir()}))
	})
}

// TestNothingThatStartsAfterTheAnswerIsAccepted: a key is used without pause on every
// node while one of the things that stop it happens; no request that started after
// that was answered may be accepted, on any node.
func TestNothingThatStartsAfterTheAnswerIsAccepted(t *testing.T) {
	onClusters(t, func(t *testing.T, c *nodes) {
		ctx := context.Background()
		patch := func(body map[string]any) func(id string) {
			return func(id string) {
				if status, out := c.call(0, http.MethodPatch, "/api/keys/"+id, c.admin, body); status != http.StatusOK {
					t.Errorf("PATCH: %d %v", status, out)
				}
			}
		}
		post := func(verb string, body any, want int) func(id string) {
			return func(id string) {
				if status, out := c.call(0, http.MethodPost, "/api/keys/"+id+"/"+verb, c.admin, body); status != want {
					t.Errorf("%s: %d %v", verb, status, out)
				}
			}
		}
		for _, trigger := range []struct {
			name string
			stop func(id string)
			undo func(id string)
		}{
			{"revoke", post("revoke", nil, 200), nil},
			{"disable", post("disable", nil, 200), nil},
			{"rotate without overlap", post("rotate", map[string]any{"overlap": "0"}, 201), nil},
			{"scope", patch(map[string]any{"scopes": []string{"leads:read"}}), nil},
			{"address list", patch(map[string]any{"ip_allow": []string{"203.0.113.0/24"}}), nil},
			{"suspended member", func(string) { c.must(c.apps[0].Accounts.Suspend(ctx, c.operator, c.member.Person.ID)) },
				func(string) { c.must(c.apps[0].Accounts.Readmit(ctx, c.operator, c.member.Person.ID)) }},
		} {
			t.Run(trigger.name, func(t *testing.T) {
				for round := range rounds(5) {
					name := fmt.Sprintf("%s %d", trigger.name, round)
					k, secret, err := c.apps[0].Keys.Create(ctx, c.member, apikey.Settings{Name: &name, Scopes: &[]string{"entities:read", "leads:read"}, Rate: new("none")}, false, nil)
					c.must(err)
					c.race(t, secret.Reveal(), func() { trigger.stop(k.ID.String()) })
					if trigger.undo != nil {
						trigger.undo(k.ID.String())
					}
				}
			})
		}
		t.Run("leak report", func(t *testing.T) {
			for round := range rounds(3) {
				name := fmt.Sprintf("leak %d", round)
				_, secret, err := c.apps[0].Keys.Create(ctx, c.member, apikey.Settings{Name: &name, Scopes: &[]string{"entities:read"}, Rate: new("none")}, false, nil)
				c.must(err)
				c.race(t, secret.Reveal(), func() {
					if status, out := c.call(0, http.MethodPost, "/api/keys/report-leak", "", map[string]any{"keys": []string{secret.Reveal()}}); status != 200 {
						t.Errorf("report: %d %v", status, out)
					}
				})
			}
		})
		t.Run("expiry", func(t *testing.T) {
			for round := range rounds(3) {
				name := fmt.Sprintf("expiry %d", round)
				k, secret, err := c.apps[0].Keys.Create(ctx, c.member, apikey.Settings{Name: &name, Scopes: &[]string{"entities:read"}, Rate: new("none")}, false, nil)
				c.must(err)
				c.race(t, secret.Reveal(), func() {
					end := time.Now().Add(5 * time.Second) // far enough for a busy machine to answer before
					patch(map[string]any{"expires_at": end.UTC().Format(time.RFC3339Nano)})(k.ID.String())
					time.Sleep(time.Until(end) + time.Millisecond) // the end itself is the moment under test
				})
			}
		})
	})
}

// race uses key on every node while stop runs, and goes on for a while afterwards.
func (c *nodes) race(t *testing.T, key string, stop func()) {
	t.Helper()
	if status, out := c.call(len(c.urls)-1, http.MethodGet, "/api/entities", key, nil); status != http.StatusOK {
		t.Fatalf("a new key is refused on another node: %d %v", status, out)
	}
	var answered atomic.Int64 // when stop returned, in nanoseconds since begin
	begin := time.Now()
	var accepted, late atomic.Int64
	var wg sync.WaitGroup
	for node := range c.urls {
		for range 4 {
			wg.Go(func() {
				for after := 0; after < 15; {
					started := time.Since(begin)
					stopped := answered.Load()
					status, out := c.call(node, http.MethodGet, "/api/entities", key, nil)
					if status != http.StatusOK && status != http.StatusUnauthorized && status != http.StatusForbidden {
						t.Errorf("status %d %v", status, out)
						return
					}
					if status == http.StatusOK {
						accepted.Add(1)
						if stopped != 0 && int64(started) > stopped {
							late.Add(1)
						}
					}
					if stopped != 0 {
						after++
					}
				}
			})
		}
	}
	for accepted.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	stop()
	answered.Store(int64(time.Since(begin)))
	wg.Wait()
	if late.Load() > 0 {
		t.Fatalf("%d requests that started after the answer were accepted", late.Load())
	}
}

// TestNewIsAsPromptAsDead: a key that was created or enabled on one node works on
// every node with the very next request.
func TestNewIsAsPromptAsDead(t *testing.T) {
	onClusters(t, func(t *testing.T, c *nodes) {
		for round := range rounds(30) {
			status, out := c.call(0, http.MethodPost, "/api/keys", c.admin, map[string]any{"name": fmt.Sprintf("new %d", round), "scopes": []string{"entities:read"}})
			if status != http.StatusCreated {
				t.Fatalf("create: %d %v", status, out)
			}
			key, id := out["key"].(string), out["id"].(string)
			for node := range c.urls {
				if status, out := c.call(node, http.MethodGet, "/api/key", key, nil); status != http.StatusOK {
					t.Fatalf("round %d, node %d: a new key is refused: %d %v", round, node, status, out)
				}
			}
			c.call(0, http.MethodPost, "/api/keys/"+id+"/disable", c.admin, nil)
			if status, _ := c.call(len(c.urls)-1, http.MethodGet, "/api/key", key, nil); status != http.StatusUnauthorized {
				t.Fatalf("a disabled key answers %d", status)
			}
			c.call(0, http.MethodPost, "/api/keys/"+id+"/enable", c.admin, nil)
			for node := range c.urls {
				if status, _ := c.call(node, http.MethodGet, "/api/key", key, nil); status != http.StatusOK {
					t.Fatalf("an enabled key answers %d on node %d", status, node)
				}
			}
		}
	})
}

// TestOneLimitForAllNodes: several nodes together grant no more than a key's limit,
// and a client that waits as long as it is told is not refused again.
func TestOneLimitForAllNodes(t *testing.T) {
	onClusters(t, func(t *testing.T, c *nodes) {
		const perMinute = 300 // 30 within six seconds
		status, out := c.call(0, http.MethodPost, "/api/keys", c.admin, map[string]any{"name": "limited", "scopes": []string{"entities:read"}, "rate_limit": "300/min"})
		if status != http.StatusCreated {
			t.Fatalf("create: %d %v", status, out)
		}
		key := out["key"].(string)
		// Begin at the start of a window, so that the count below is of one window.
		time.Sleep(time.Until(time.Now().Truncate(6 * time.Second).Add(6*time.Second + 20*time.Millisecond)))
		window := time.Now().Unix() / 6
		var granted, refused atomic.Int64
		var wg sync.WaitGroup
		for node := range c.urls {
			for range 4 {
				wg.Go(func() {
					for range 40 {
						status, _ := c.call(node, http.MethodGet, "/api/key", key, nil)
						switch status {
						case http.StatusOK:
							granted.Add(1)
						case http.StatusTooManyRequests:
							refused.Add(1)
						default:
							t.Errorf("status %d", status)
						}
					}
				})
			}
		}
		wg.Wait()
		if now := time.Now().Unix() / 6; now != window {
			t.Skipf("the load took longer than one window; nothing can be said")
		}
		const burst = perMinute / 10
		if granted.Load() > burst {
			t.Errorf("%d calls were granted in a window of %d", granted.Load(), burst)
		}
		if granted.Load() < burst*8/10 || refused.Load() == 0 {
			t.Errorf("only %d of %d calls were granted, %d refused", granted.Load(), burst, refused.Load())
		}
	})
}
