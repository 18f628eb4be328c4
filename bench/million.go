package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	fewLeads  = 1000
	manyLeads = 1_000_000

	manyP50Bar   = 2.0
	manyP99Bar   = 20.0 // milliseconds
	scanBudget   = 2.0  // seconds, which the product gives itself to find leads
	writerBar    = 2.0
	exportBar    = 100_000.0 // rows a second
	exportRAMBar = 100.0     // MB more than before
	serverRAMBar = 200.0     // MB
)

// many is how many leads stand for very many.
func (b *bench) many() int {
	if b.quick {
		return manyLeads / 50
	}
	return manyLeads
}

// crowd is one database with few leads and one with many.
type crowd struct {
	few, many *leadServer
	leads     int
	filled    time.Duration
}

// crowdFigures are what a crowd gave, for the rows of the table.
type crowdFigures struct {
	fill, scan, underScan, underScans, alone, exported, exportRAM, serverRAM *figure
	p50, p99                                                                 []*figure // by question
}

// million measures what 1,000,000 leads cost, first on SQLite, then on PostgreSQL.
// What an operation is missing for stays empty.
func (b *bench) million() error {
	lite, err := b.measureCrowd("million", false)
	if err != nil && !lacking(err) {
		return err
	}
	post, err2 := b.measureCrowd("million_postgres", true)
	if err2 != nil && !lacking(err2) {
		return err2
	}
	n := thousands(float64(b.many()))
	b.work(work{what: n + " leads made through the bulk operation, 4 connections", lite: lite.fill, post: post.fill})
	for i, q := range questions {
		b.work(
			work{what: q.what + ", " + n + " leads, 1 connection: p50", bar: atMost(manyP50Bar, "2 × that of 1,000 leads"), beside: "the same with 1,000 leads", lite: lite.p50[i], post: post.p50[i]},
			work{what: "… its 99th percentile", bar: atMost(manyP99Bar, "20 ms"), beside: "limit 20 ms", lite: lite.p99[i], post: post.p99[i]},
		)
	}
	b.work(
		work{what: "Unindexed `contains` that nothing matches, " + n + " leads: answer or refusal", bar: atMost(1.1*scanBudget, "its budget of 2 s and a tenth"), beside: "limit 2 s", lite: lite.scan, post: post.scan},
		work{what: "… 99th percentile of durable intake meanwhile, 64 connections", bar: atMost(writerBar, "2 × without"), beside: "the same without", lite: lite.underScan, post: post.underScan},
		work{what: "… the same, 16 asking at once", beside: "the same without", lite: lite.underScans, post: post.underScans},
		work{what: "… the same, one asking, 1 connection", beside: "the same without", lite: lite.alone, post: post.alone},
		work{what: "Export of " + n + " leads as CSV", bar: atLeast(exportBar, "100,000 rows/s"), beside: "limit 100,000 rows/s", lite: lite.exported, post: post.exported},
		work{what: "… more memory meanwhile, at most", bar: atMost(exportRAMBar, "100 MB"), beside: "limit 100 MB", lite: lite.exportRAM, post: post.exportRAM},
		work{what: "Memory of the server with " + n + " leads under intake and lists at 64 connections, at most", bar: atMost(serverRAMBar, "200 MB"), beside: "limit 200 MB", lite: lite.serverRAM, post: post.serverRAM},
	)
	return errors.Join(err, err2)
}

// measureCrowd measures everything on one kind of database. Without PostgreSQL there
// are no figures of it.
func (b *bench) measureCrowd(name string, postgres bool) (*crowdFigures, error) {
	c := crowd{leads: b.many()}
	f := &crowdFigures{p50: make([]*figure, len(questions)), p99: make([]*figure, len(questions))}
	defer func() {
		for _, s := range []*leadServer{c.few, c.many} {
			if s != nil {
				s.stop()
			}
		}
	}()
	for _, s := range []struct {
		to    **leadServer
		name  string
		leads int
	}{{&c.few, name + "_few", fewLeads}, {&c.many, name + "_many", c.leads}} {
		address := ""
		var err error
		if postgres {
			if address, err = b.database(s.name); err != nil || address == "" {
				return f, err
			}
		}
		if *s.to, err = b.startLeads(s.name, address); err != nil {
			return f, err
		}
		b.say("making " + thousands(float64(s.leads)) + " leads")
		if c.filled, err = b.fill(*s.to, s.leads); err != nil {
			return f, err
		}
		if address != "" {
			if err := tidy(b.ctx, address); err != nil {
				return f, err
			}
		}
	}
	f.fill = &figure{text: fmt.Sprintf("%.0f s, %s leads/s", c.filled.Seconds(), thousands(float64(c.leads)/c.filled.Seconds()))}
	return f, errors.Join(b.askCrowd(&c, f), b.exportCrowd(&c, f), b.scanCrowd(&c, f), b.loadCrowd(&c, f))
}

// tidy does what autovacuum does on a server of its own a minute after many rows
// came; on the one of the bench it is off.
func tidy(ctx context.Context, address string) error {
	pool, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, `VACUUM ANALYZE`)
	return errors.Join(err, pool.Close())
}

// question is a list that must be as fast with many leads as with few.
type question struct {
	what    string
	queries func(leads int) []url.Values
	right   func(page) bool // whether an answer is one to this question
}

var questions = []question{
	{"Page 1 of the 50 newest", func(int) []url.Values { return []url.Values{{"limit": {"50"}}} }, func(p page) bool { return len(p.Data) == 50 && p.NextCursor != nil }},
	{"Filter on an indexed e-mail", emailQueries, func(p page) bool { return len(p.Data) == 1 && p.Data[0].Fields.Email == emailOf(1) }},
	{"Status of a fifth of the leads, sorted by an indexed number", statusQuery("Contacted"), inOrder("Contacted")},
	{"Status of 3 in 100, sorted by an indexed number", statusQuery("Won"), inOrder("Won")},
}

const emailsAsked = 500

func emailOf(n int) string { return fmt.Sprintf("ada.%012d@example.com", fillFrom+n) }

// emailQueries asks for e-mails from all over the leads, the first one first.
func emailQueries(leads int) (out []url.Values) {
	for i := range emailsAsked {
		out = append(out, url.Values{"limit": {"50"}, "filter": {`email = "` + emailOf(1+i*(leads/emailsAsked)) + `"`}})
	}
	return out
}

func statusQuery(status string) func(int) []url.Values {
	return func(int) []url.Values {
		return []url.Values{{"limit": {"50"}, "filter": {`status.stage = "` + status + `"`}, "sort": {"-budget"}}}
	}
}

// inOrder looks at status and order of an answer. A thousand leads have only 30 that
// are won.
func inOrder(status string) func(page) bool {
	return func(p page) bool {
		before := 1e18
		for _, l := range p.Data {
			budget, err := l.Fields.Budget.Float64()
			if err != nil || budget > before || l.Status["stage"].Name != status {
				return false
			}
			before = budget
		}
		return len(p.Data) >= 30
	}
}

// askCrowd measures the questions.
func (b *bench) askCrowd(c *crowd, f *crowdFigures) error {
	var unanswered error
	for i, q := range questions {
		b.say("asking: " + q.what)
		few, err1 := b.asking(q, c.few, fewLeads)
		many, err2 := b.asking(q, c.many, c.leads)
		if err := errors.Join(err1, err2); err != nil {
			unanswered = errors.Join(unanswered, err)
			continue
		}
		if err := b.turns(few, many); err != nil {
			return err
		}
		text := fmt.Sprintf("%.2f ms; %.2f ms with 1,000", spreadOf(many.p50).median, spreadOf(few.p50).median)
		f.p50[i] = ofRatios(text, quotients(many.p50, few.p50))
		slow := spreadOf(many.p99)
		f.p99[i] = ofLimit(slow.show("%.1f")+" ms", slow.median, manyP99Bar)
	}
	return unanswered
}

// asking prepares a question, after a look at whether its answer is one.
func (b *bench) asking(q question, s *leadServer, leads int) (*contender, error) {
	queries := q.queries(leads)
	p, err := s.list(b.ctx, queries[0])
	if err != nil {
		return nil, missing{"list for: " + q.what, err.Error()}
	}
	if !q.right(p) {
		return nil, missing{"right list for: " + q.what, fmt.Sprintf("%d leads came that are not what was asked for", len(p.Data))}
	}
	var requests [][]byte
	for _, query := range queries {
		requests = append(requests, request("GET", listPath(query), s.key, ""))
	}
	return ours(s, b.load(1, time.Second), requests...), nil
}

// exportCrowd measures one export of everything.
func (b *bench) exportCrowd(c *crowd, f *crowdFigures) error {
	b.say("exporting")
	before, err := c.many.resident()
	if err == nil {
		err = c.many.forgetPeak()
	}
	if err != nil {
		return err
	}
	begin := time.Now()
	rows, bytes, err := c.many.export(b.ctx)
	took := time.Since(begin).Seconds()
	if err != nil {
		return err
	}
	if rows != c.leads+1 {
		return fmt.Errorf("the export has %d lines; it should have one for each of %d leads and the names", rows, c.leads)
	}
	peak, err := c.many.peak()
	if err != nil {
		return err
	}
	f.exported = ofLimit(fmt.Sprintf("%s rows/s (%.1f s, %s)", thousands(float64(c.leads)/took), took, mebibytes(float64(bytes))), float64(c.leads)/took, exportBar)
	more := max(0, peak-before) / mebi
	f.exportRAM = ofLimit(fmt.Sprintf("%.1f MB more than %s", more, mebibytes(before)), more, exportRAMBar)
	return nil
}

// export reads the leads as CSV and counts lines and bytes.
func (s *leadServer) export(ctx context.Context) (lines, bytes int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	const path = "/api/leads/export"
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+s.addr+path+"?entity=prospects&format=csv", nil)
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, 0, missing{"GET " + path, fmt.Sprintf("status %d", resp.StatusCode)}
	}
	for r := bufio.NewReaderSize(resp.Body, 64<<10); ; {
		line, err := r.ReadSlice('\n')
		bytes += len(line)
		switch {
		case err == nil:
			lines++
		case errors.Is(err, io.EOF):
			return lines, bytes, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return 0, 0, err
		}
	}
}

// scanQuery has to look at every lead.
var scanQuery = url.Values{"limit": {"50"}, "filter": {`message contains "zeppelin"`}}

// scan asks it once and returns the status, which is an answer or the refusal of what
// takes too long or does not get its turn.
func (s *leadServer) scan(ctx context.Context) (int, error) {
	code, text, err := fetch(ctx, "http://"+s.addr+listPath(scanQuery), "GET", s.key, "")
	if err == nil && code != http.StatusOK && code != http.StatusServiceUnavailable && !strings.Contains(string(text), `"query_too_expensive"`) {
		err = errors.New("contains: " + refusal(code, text))
	}
	return code, err
}

// scanCrowd measures a filter without an index, and what intake feels of it.
func (b *bench) scanCrowd(c *crowd, f *crowdFigures) error {
	b.say("scanning")
	if code, err := c.few.scan(b.ctx); code != http.StatusOK {
		return missing{"list for: unindexed contains", fmt.Sprintf("status %d, %v", code, err)}
	}
	var took []float64
	var code int
	for range 3 {
		begin := time.Now()
		var err error
		if code, err = c.many.scan(b.ctx); err != nil {
			return err
		}
		took = append(took, time.Since(begin).Seconds())
	}
	s := spreadOf(took)
	f.scan = ofLimit(fmt.Sprintf("%s s, status %d", s.show("%.2f"), code), s.max, scanBudget)
	var err error
	for _, m := range []struct {
		to            **figure
		conns, askers int
	}{{&f.underScan, callers, 1}, {&f.underScans, callers, 16}, {&f.alone, 1, 1}} {
		if *m.to, err = b.intakeUnderScan(c, m.conns, m.askers); err != nil {
			return err
		}
	}
	return nil
}

// intakeUnderScan measures intake in turns without and with so many who scan again
// and again.
func (b *bench) intakeUnderScan(c *crowd, conns, askers int) (*figure, error) {
	l := b.load(conns, 3*time.Second)
	calm, _ := (&sides{lite: c.many}).intake(l)
	busy, _ := (&sides{lite: c.many}).intake(l)
	for range b.rounds() {
		if err := b.against(&calm.series, calm.p, calm.l); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancel(b.ctx)
		ended := make(chan error, askers)
		for range askers {
			go func() {
				for {
					if _, err := c.many.scan(ctx); ctx.Err() != nil || err != nil {
						ended <- errors.Join(err, ctx.Err())
						return
					}
				}
			}()
		}
		err := b.against(&busy.series, busy.p, busy.l)
		cancel()
		for range askers {
			if scanned := <-ended; err == nil && !errors.Is(scanned, context.Canceled) {
				err = scanned
			}
		}
		if err != nil {
			return nil, err
		}
	}
	text := fmt.Sprintf("%.1f ms; %.1f ms without", spreadOf(busy.p99).median, spreadOf(calm.p99).median)
	return ofRatios(text, quotients(busy.p99, calm.p99)), nil
}

// loadCrowd measures the memory of the server while it takes in and lists leads.
func (b *bench) loadCrowd(c *crowd, f *crowdFigures) error {
	b.say("loading")
	if err := c.many.forgetPeak(); err != nil {
		return err
	}
	l := b.load(callers/2, 5*time.Second)
	writes, _ := (&sides{lite: c.many}).intake(l)
	reads := ask(c.many, l, "GET", listPath(url.Values{"limit": {"50"}}), "")
	ended := make(chan error, 1)
	go func() { ended <- b.against(&writes.series, writes.p, writes.l) }()
	err := errors.Join(b.against(&reads.series, reads.p, reads.l), <-ended)
	if err != nil {
		return err
	}
	peak, err := c.many.peak()
	if err != nil {
		return err
	}
	f.serverRAM = ofLimit(mebibytes(peak), peak/mebi, serverRAMBar)
	return nil
}
