package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// crashRounds is how often something is killed or made to fail: a few times in the
// gate, many in make soak.
func crashRounds(few int) int {
	if n, err := strconv.Atoi(os.Getenv("LEADFLIP_TEST_ROUNDS")); err == nil {
		return n
	}
	return few
}

// enoughLeads is how many leads a database may hold before a new one is begun, so that
// the checks of a thousand rounds do not take a thousand times as long.
const enoughLeads = 1500

// TestNoAcknowledgedLeadIsLost: the server is killed with -9, or stopped with
// SIGTERM, under concurrent load of all kinds and started again; the clients repeat what
// was not answered. Afterwards each acknowledged lead is there exactly once and whole,
// nothing else is, and a call that is sent once more gets the same answer.
func TestNoAcknowledgedLeadIsLost(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind+"/kill", func(t *testing.T) { crash(t, kind, syscall.SIGKILL) })
		t.Run(kind+"/stop", func(t *testing.T) { crash(t, kind, syscall.SIGTERM) })
	}
}

func crash(t *testing.T, kind string, signal syscall.Signal) {
	seed := dbtest.Seed(t)
	random := rand.New(rand.NewPCG(seed, 1<<32))
	var l *load
	calls := 0
	for round := range crashRounds(2) {
		if l == nil || len(l.leads) > enoughLeads {
			if l != nil {
				l.p.stop(syscall.SIGTERM)
			}
			p := newProgram(t, kind)
			p.start()
			l = newLoad(t, p, 8, seed+uint64(round))
		}
		p := l.p
		wait := l.run(nil, false)
		// The moment of the kill is the random input.
		l.answered(10 + random.IntN(150))
		time.Sleep(time.Duration(random.IntN(20_000)) * time.Microsecond)
		if code := p.stop(signal); signal == syscall.SIGTERM && code != 0 {
			t.Fatalf("exit code %d after a stop under load\n%s", code, p.log)
		}
		wait()
		if kind == "sqlite" {
			if err := db.CheckSQLite(context.Background(), p.copyOfData()); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		readStored(t, p, l.seen).whole()
		p.start()
		l.settle()
		l.replay()
		l.check()
		calls += l.takeCalls()
		if t.Failed() {
			t.Fatalf("round %d\n%s", round, p.log)
		}
	}
	if calls < 40 {
		t.Errorf("only %d calls were answered; the test says little", calls)
	}
	if code := l.p.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d after a clean stop\n%s", code, l.p.log)
	}
	t.Logf("%d calls", calls)
}
