package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

const (
	readBar   = 0.40
	intakeBar = 5.0
	p99Bar    = 25.0 // milliseconds
	callers   = 64
)

// lead is a body of eight fields: the five of the starter entity, a status, a note, a
// source.
const lead = `{"entity":"leads","name":"Ada Lovelace","email":"ada.` + serial + `@example.com","phone":"+49 30 901820","company":"Analytical Engines Ltd",` +
	`"message":"Please call me about the engine, preferably in the morning.","status:stage":"Contacted","note":"Met at the fair in Hanover","source":"website"}`

// series is what several runs against one server gave.
type series struct {
	perSecond, p50, p99 []float64
	cpu                 []float64 // microseconds of the server a request
	answers             int
}

// against runs one load against a server.
func (b *bench) against(s *series, p *process, l load) error {
	l.addr = p.addr
	before := p.cpu()
	r, err := runLoad(b.ctx, l)
	if err != nil {
		return err
	}
	s.perSecond, s.p50, s.p99 = append(s.perSecond, r.PerSecond), append(s.p50, r.P50), append(s.p99, r.P99)
	s.cpu = append(s.cpu, float64((p.cpu()-before).Microseconds())/float64(r.Answers))
	s.answers += r.Answers
	return nil
}

// latency is the two percentiles that count.
func (s series) latency() string {
	return fmt.Sprintf("p50 %.2f ms, p99 %.1f ms", spreadOf(s.p50).median, spreadOf(s.p99).median)
}

// read measures GET /api/key beside an empty handler.
func (b *bench) read() error {
	p, err := b.startProduct("read", "")
	if err != nil {
		return err
	}
	defer p.stop()
	key, err := p.key(b.ctx, "leads:read")
	if err != nil {
		return err
	}
	empty, err := startPeer(b.ctx, nil, "empty")
	if err != nil {
		return err
	}
	defer empty.stop()
	l := load{conns: callers, warm: b.lasting(time.Second), counted: b.lasting(4 * time.Second), status: 200, request: request("GET", "/api/key", key, "")}
	var ours, peer series
	for range b.rounds() {
		if err := b.against(&ours, &p.process, l); err != nil {
			return err
		}
		if err := b.against(&peer, empty, l); err != nil {
			return err
		}
	}
	ratio := spreadOf(quotients(ours.perSecond, peer.perSecond))
	b.report.add(row{
		what: "`GET /api/key`, 64 connections", ours: rate(ours) + "; " + ours.latency(), beside: "empty `net/http` handler: " + rate(peer) + "; " + peer.latency(),
		ratio: ratio.show("%.2f"), bar: "≥ 0.40", kept: ratio.median >= readBar,
	})
	return b.addMemory("Memory after that load", p)
}

// pair is the product and the peer of intake, each with a database of its own that the
// product made.
type pair struct {
	ours   *product
	key    string
	theirs *process
	file   string // their database
}

// startPair starts both, under another program if one is given.
func (b *bench) startPair(name string, under ...string) (*pair, error) {
	var dirs [2]string
	for i, side := range []string{"", "-one-by-one"} {
		var err error
		if dirs[i], err = b.folder(name + side); err != nil {
			return nil, err
		}
	}
	ours, err := newProduct(b.ctx, b.binary, dirs[0], "")
	if err != nil {
		return nil, err
	}
	theirs, err := newProduct(b.ctx, b.binary, dirs[1], "")
	if err != nil {
		return nil, err
	}
	p := &pair{ours: ours, file: theirs.database()}
	if p.key, err = ours.key(b.ctx, "leads:write"); err != nil {
		return nil, err
	}
	ours.under = under
	if _, err = ours.start(b.ctx); err != nil {
		return nil, err
	}
	if p.theirs, err = startPeer(b.ctx, under, "one-by-one", "-database", p.file); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *pair) stop() {
	p.ours.stop()
	p.theirs.stop()
}

// count stops both and proves that every lead that was answered for is stored.
func (p *pair) count(ours, theirs int) error {
	p.stop()
	return errors.Join(countLeads(p.ours.database(), ours), countLeads(p.file, theirs))
}

// intake measures durable intake beside one transaction for each lead.
func (b *bench) intake() error {
	p, err := b.startPair("intake")
	if err != nil {
		return err
	}
	defer p.stop()
	var ours, theirs, oursAlone, theirsAlone series
	many := b.intakeLoad(p.key, callers, 5*time.Second)
	one := b.intakeLoad(p.key, 1, 2*time.Second)
	for range b.rounds() {
		if err := b.against(&ours, &p.ours.process, many); err != nil {
			return err
		}
		if err := b.against(&theirs, p.theirs, many); err != nil {
			return err
		}
		if err := b.against(&oursAlone, &p.ours.process, one); err != nil {
			return err
		}
		if err := b.against(&theirsAlone, p.theirs, one); err != nil {
			return err
		}
	}
	ratio, p99 := spreadOf(quotients(ours.perSecond, theirs.perSecond)), spreadOf(ours.p99)
	b.report.add(
		row{
			what: "Durable intake, SQLite, 64 connections", ours: rate(ours) + "; " + ours.latency(), beside: "one transaction per lead: " + rate(theirs) + "; " + theirs.latency(),
			ratio: ratio.show("%.1f"), bar: "≥ 5", kept: ratio.median >= intakeBar,
		},
		row{what: "… its 99th percentile", ours: p99.show("%.1f") + " ms", beside: "limit 25 ms", ratio: share(p99.median, p99Bar), bar: "< 25 ms", kept: p99.median < p99Bar},
		row{
			what: "Durable intake, SQLite, 1 connection", ours: rate(oursAlone) + "; " + oursAlone.latency(), beside: "one transaction per lead: " + rate(theirsAlone) + "; " + theirsAlone.latency(),
			ratio: spreadOf(quotients(oursAlone.perSecond, theirsAlone.perSecond)).show("%.2f"),
		},
	)
	if err := b.addMemory("Memory after that load", p.ours); err != nil {
		return err
	}
	return p.count(ours.answers+oursAlone.answers, theirs.answers+theirsAlone.answers)
}

// slowDisk measures the same where a sync takes a millisecond longer: how much shared
// commits gain depends on what a commit costs.
func (b *bench) slowDisk() error {
	slower, err := slowSync(b.ctx)
	if err != nil {
		b.report.note("Intake on a slower disk was not measured: " + err.Error() + ".")
		return nil
	}
	p, err := b.startPair("slow-disk", slower...)
	if err != nil {
		return err
	}
	defer p.stop()
	var ours, theirs series
	l := b.intakeLoad(p.key, callers, 5*time.Second)
	for range b.rounds() {
		if err := b.against(&ours, &p.ours.process, l); err != nil {
			return err
		}
		if err := b.against(&theirs, p.theirs, l); err != nil {
			return err
		}
	}
	ratio := spreadOf(quotients(ours.perSecond, theirs.perSecond))
	b.report.add(row{
		what: "Durable intake, SQLite, 64 connections, each sync 1 ms longer", ours: rate(ours) + "; " + ours.latency(), beside: "one transaction per lead: " + rate(theirs) + "; " + theirs.latency(),
		ratio: ratio.show("%.1f"), bar: "≥ 5", kept: ratio.median >= intakeBar,
	})
	return p.count(ours.answers, theirs.answers)
}

// slowSync is what a program is started with so that each of its syncs takes a
// millisecond longer.
func slowSync(ctx context.Context) ([]string, error) {
	path, err := exec.LookPath("strace")
	if err != nil {
		return nil, err
	}
	// -D: the process that is started is the program, not strace.
	slower := []string{path, "-D", "-f", "--seccomp-bpf", "-qq", "-o", os.DevNull, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_exit=1000"}
	if out, err := exec.CommandContext(ctx, path, append(slower[1:], "true")...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("strace: %w: %s", err, out)
	}
	return slower, nil
}

// countLeads proves that every lead that was answered for is stored.
func countLeads(path string, answered int) error {
	pool, err := sql.Open("sqlite", sqliteDSN(path, "rw"))
	if err != nil {
		return err
	}
	return errors.Join(countIn(pool, answered), pool.Close())
}

func countIn(pool *sql.DB, answered int) error {
	var stored int
	if err := pool.QueryRow(`SELECT COUNT(*) FROM leads`).Scan(&stored); err != nil {
		return err
	}
	if stored != answered {
		return fmt.Errorf("%d leads are stored, but %d were answered for", stored, answered)
	}
	return nil
}

// postgres measures intake on a PostgreSQL server of its own, for information.
func (b *bench) postgres() error {
	cluster, err := dbtest.StartCluster(dbtest.ClusterOptions{Durable: true})
	if err != nil {
		b.report.note("Intake on PostgreSQL was not measured: " + err.Error() + ".")
		return nil
	}
	defer cluster.Stop()
	p, err := b.startProduct("postgres", cluster.URL())
	if err != nil {
		return err
	}
	defer p.stop()
	key, err := p.key(b.ctx, "leads:write")
	if err != nil {
		return err
	}
	var many, one series
	for range b.rounds() {
		if err := b.against(&many, &p.process, b.intakeLoad(key, callers, 3*time.Second)); err != nil {
			return err
		}
		if err := b.against(&one, &p.process, b.intakeLoad(key, 1, 2*time.Second)); err != nil {
			return err
		}
	}
	b.report.add(
		row{what: "Durable intake, PostgreSQL on the same machine, 64 connections", ours: rate(many) + "; " + many.latency()},
		row{what: "Durable intake, PostgreSQL on the same machine, 1 connection", ours: rate(one) + "; " + one.latency()},
	)
	return nil
}

func (b *bench) intakeLoad(key string, conns int, counted time.Duration) load {
	return load{conns: conns, warm: b.lasting(time.Second), counted: b.lasting(counted), status: 200, request: request("POST", "/api/intake", key, lead)}
}

// startProduct starts the product on a database of its own.
func (b *bench) startProduct(name, databaseURL string) (*product, error) {
	dir, err := b.folder(name)
	if err != nil {
		return nil, err
	}
	p, err := newProduct(b.ctx, b.binary, dir, databaseURL)
	if err != nil {
		return nil, err
	}
	_, err = p.start(b.ctx)
	return p, err
}

// addMemory tells, for information, what the server holds after its load.
func (b *bench) addMemory(what string, p *product) error {
	held, err := p.resident()
	if err != nil {
		return err
	}
	b.report.add(row{what: what, ours: mebibytes(held)})
	return nil
}

// rate prints requests a second, and the CPU time of the server for each.
func rate(s series) string {
	r := spreadOf(s.perSecond)
	return fmt.Sprintf("%s/s (%s–%s), %.0f µs CPU each", thousands(r.median), thousands(r.min), thousands(r.max), spreadOf(s.cpu).median)
}
