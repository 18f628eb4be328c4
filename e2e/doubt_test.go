package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// TestACommitInDoubtIsResolved: the wire to PostgreSQL is cut in the middle of commits,
// at every place of the message and after it, so that nobody knows whether the change is
// stored. The call is refused, the client repeats it, and it has its effect once.
func TestACommitInDoubtIsResolved(t *testing.T) {
	t.Parallel()
	seed := dbtest.Seed(t)
	direct := dbtest.PostgresURL(t)
	wire := newCutWire(t, direct, seed)
	p := newProgramAt(t, wire.url)
	p.database = direct // what the checks read
	p.start()
	l := newLoad(t, p, 8, seed)
	for round := range crashRounds(2) {
		if len(l.leads) > enoughLeads {
			p.stop(syscall.SIGTERM)
			direct = dbtest.PostgresURL(t)
			wire = newCutWire(t, direct, seed+uint64(round))
			p = newProgramAt(t, wire.url)
			p.database = direct
			p.start()
			l = newLoad(t, p, 8, seed+uint64(round))
		}
		stop := make(chan struct{})
		wire.cutting.Store(true)
		wait := l.run(stop, true)
		l.takeCalls()
		l.answered(60)
		wire.cutting.Store(false)
		close(stop)
		wait()
		l.settle()
		l.replay()
		l.check()
		if t.Failed() {
			t.Fatalf("round %d\n%s", round, p.log)
		}
	}
	if wire.cuts.Load() < 4 || l.down == 0 {
		t.Errorf("%d commits were cut, %d calls refused; the test says little", wire.cuts.Load(), l.down)
	}
	t.Logf("%d commits cut, %d calls refused", wire.cuts.Load(), l.down)
	if code := p.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d after a clean stop\n%s", code, p.log)
	}
}

// cutWire stands between the program and PostgreSQL.
type cutWire struct {
	url     string
	cutting atomic.Bool
	cuts    atomic.Int64

	mu     sync.Mutex
	random *rand.Rand
}

func newCutWire(t *testing.T, database string, seed uint64) *cutWire {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &cutWire{random: rand.New(rand.NewPCG(seed, 1<<34))}
	server := u.Host
	u.Host = l.Addr().String()
	w.url = u.String()
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", server)
			if err != nil {
				from.Close()
				continue
			}
			go w.carry(from, to)
		}
	}()
	return w
}

// commitName is what the driver calls the prepared statement that ends a transaction.
// Where it stands on the wire, the transaction's last statements have gone before it, and
// the messages that bind it, carry it out and ask for the answer follow.
var commitName = func() []byte {
	digest := sha256.Sum256([]byte("commit"))
	return fmt.Appendf(nil, "stmtcache_%x", digest[:24])
}()

// carry passes everything on until it is time to cut.
func (w *cutWire) carry(program, server net.Conn) {
	var silent atomic.Bool // the program gets no more answers
	go func() {
		defer program.Close()
		defer server.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil || silent.Load() {
				return
			}
			if _, err := program.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	defer program.Close()
	defer server.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := program.Read(buf)
		if err != nil {
			return
		}
		if at := bytes.Index(buf[:n], commitName); at >= 0 && w.cutting.Load() {
			if whole, passed := w.choose(n - at); passed >= 0 {
				w.cuts.Add(1)
				silent.Store(whole)
				_, _ = server.Write(buf[:at+passed])
				if whole { // the server carries it out; its answer ends the connection
					continue
				}
				return
			}
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// choose tells of a commit how many of its bytes are still passed on, -1 when it is not
// cut.
func (w *cutWire) choose(length int) (whole bool, passed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch w.random.IntN(12) {
	case 0:
		return false, w.random.IntN(length)
	case 1, 2:
		return true, length
	}
	return false, -1
}
