package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
)

// crashRounds is how often the server is killed: a few times in the gate, many in
// make soak.
func crashRounds(few int) int {
	if n, err := strconv.Atoi(os.Getenv("LEADFLIP_TEST_ROUNDS")); err == nil {
		return n
	}
	return few
}

// TestNoAcknowledgedLeadIsLost: the server is killed with -9, or stopped with
// SIGTERM, under concurrent intake and started again; the clients repeat what was not
// answered. Afterwards each acknowledged lead is there exactly once and whole, and
// nothing else is.
func TestNoAcknowledgedLeadIsLost(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind+"/kill", func(t *testing.T) { crash(t, kind, syscall.SIGKILL) })
		t.Run(kind+"/stop", func(t *testing.T) { crash(t, kind, syscall.SIGTERM) })
	}
}

func crash(t *testing.T, kind string, signal syscall.Signal) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	p := newProgram(t, kind)
	key := p.key("crash", "leads:read,leads:write")
	acknowledged := map[string]string{} // idempotency key → lead
	for round := range crashRounds(4) {
		p.start()
		var mu sync.Mutex
		var pending []string
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					name := fmt.Sprintf("%d-%d-%d", round, worker, i)
					lead, ok := p.sendLead(t, key, name)
					mu.Lock()
					if ok {
						acknowledged[name] = lead
					} else {
						pending = append(pending, name)
					}
					mu.Unlock()
					if !ok {
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(50+random.IntN(300)) * time.Millisecond) // the moment of the kill is the random input
		if code := p.stop(signal); signal == syscall.SIGTERM && code != 0 {
			t.Fatalf("exit code %d after a stop under load\n%s", code, p.log)
		}
		cancel()
		wg.Wait()
		if kind == "sqlite" {
			if err := db.CheckSQLite(context.Background(), db.SQLitePath(filepath.Join(p.dir, "data"))); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		p.start()
		for _, name := range pending {
			lead, ok := p.sendLead(t, key, name)
			if !ok {
				t.Fatalf("the repeat of %s failed", name)
			}
			acknowledged[name] = lead
		}
		p.verify(t, key, acknowledged)
		if code := p.stop(syscall.SIGTERM); code != 0 {
			t.Fatalf("exit code %d after a clean stop\n%s", code, p.log)
		}
	}
	if len(acknowledged) < 50 {
		t.Errorf("only %d leads were sent; the test says little", len(acknowledged))
	}
}

// sendLead sends one lead under its own Idempotency-Key; ok is false when the
// connection broke.
func (p *program) sendLead(t *testing.T, key, name string) (lead string, ok bool) {
	body := fmt.Sprintf(`{"entity":"leads","name":%q,"email":"%s@example.com","note":"sent once","status:stage":"Contacted"}`, name, name)
	status, got, err := p.call(http.MethodPost, "/api/intake", key, body, "Idempotency-Key", name)
	if err != nil {
		return "", false
	}
	var out struct {
		LeadID string `json:"lead_id"`
	}
	if status != http.StatusOK || json.Unmarshal(got, &out) != nil || out.LeadID == "" {
		t.Errorf("%s: %d %s", name, status, got)
		return "", false
	}
	return out.LeadID, true
}

// verify walks the whole list: every acknowledged lead once, whole, and nothing else.
func (p *program) verify(t *testing.T, key string, acknowledged map[string]string) {
	t.Helper()
	type lead struct {
		ID     string                           `json:"id"`
		Fields map[string]any                   `json:"fields"`
		Status map[string]struct{ Name string } `json:"status"`
	}
	found := map[string]string{}
	for cursor := ""; ; {
		var page struct {
			Data []lead  `json:"data"`
			Next *string `json:"next_cursor"`
		}
		if err := json.Unmarshal(p.must(http.MethodGet, "/api/leads?entity=leads&limit=200&cursor="+cursor, key, ""), &page); err != nil {
			t.Fatal(err)
		}
		for _, l := range page.Data {
			name, _ := l.Fields["name"].(string)
			if other, twice := found[name]; twice {
				t.Fatalf("%s is there twice: %s and %s", name, other, l.ID)
			}
			found[name] = l.ID
			if l.Fields["email"] != name+"@example.com" || l.Status["stage"].Name != "Contacted" {
				t.Fatalf("half a lead: %+v", l)
			}
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	for name, id := range acknowledged {
		if found[name] != id {
			t.Fatalf("%s was acknowledged as %s, found %q", name, id, found[name])
		}
	}
	if len(found) != len(acknowledged) {
		t.Fatalf("%d leads are there, %d were acknowledged", len(found), len(acknowledged))
	}
}
