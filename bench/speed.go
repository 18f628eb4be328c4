package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// sides are the servers of one part. A nil one does not take part.
type sides struct {
	lite, post *leadServer
	pocket     *pocketBase
	bare, twin *groupedPeer
}

// startSides starts the product on both databases.
func (b *bench) startSides(name string) (*sides, error) {
	s := &sides{}
	var err error
	if s.lite, err = b.startLeads(name, ""); err != nil {
		return nil, err
	}
	address, err := b.database(name)
	if err == nil && address != "" {
		s.post, err = b.startLeads(name+"-postgres", address)
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// startRivals starts the product on both databases, and PocketBase.
func (b *bench) startRivals(name string) (*sides, error) {
	s, err := b.startSides(name)
	if err != nil {
		return nil, err
	}
	if s.pocket, err = b.startPocketBase(name + "-pocketbase"); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *sides) stop() {
	for _, l := range []*leadServer{s.lite, s.post} {
		if l != nil {
			l.stop()
		}
	}
	if s.pocket != nil {
		s.pocket.stop()
	}
	for _, g := range []*groupedPeer{s.bare, s.twin} {
		if g != nil {
			g.stop()
		}
	}
}

// contender is a server with its load and what it gave.
type contender struct {
	series
	p *process
	l load
}

// ours is the product with a request; nil for a server that does not take part.
func ours(s *leadServer, l load, requests ...[]byte) *contender {
	if s == nil {
		return nil
	}
	l.requests = requests
	return &contender{p: &s.process, l: l}
}

// ask is ours for a request that is made from the key, for servers that may be nil.
func ask(s *leadServer, l load, method, path, body string) *contender {
	if s == nil {
		return nil
	}
	return ours(s, l, request(method, path, s.key, body))
}

func theirs(p *process, l load, requests ...[]byte) *contender {
	l.requests = requests
	return &contender{p: p, l: l}
}

const breath = 200 * time.Millisecond

// turns lets the servers take turns under their loads, with a breath in between, so
// that none has to bear what the one before put off.
func (b *bench) turns(all ...*contender) error {
	for range b.rounds() {
		for _, c := range all {
			if c == nil {
				continue
			}
			if err := b.against(&c.series, c.p, c.l); err != nil {
				return err
			}
			time.Sleep(breath)
		}
	}
	return nil
}

// load is a load with a second to warm up.
func (b *bench) load(conns int, counted time.Duration) load {
	l := load{conns: conns, warm: time.Second, counted: counted, status: http.StatusOK}
	if b.quick {
		l.warm, l.counted = l.warm/10, l.counted/10
	}
	return l
}

// beside is what a server gave, with the ratios of its rates to a peer's.
func (c *contender) beside(peer *contender) *figure {
	if c == nil {
		return nil
	}
	return ofRatios(rate(c.series)+"; "+c.latency(), quotients(c.perSecond, peer.perSecond))
}

// p99Beside is beside for the 99th percentile alone.
func (c *contender) p99Beside(peer *contender) *figure {
	if c == nil {
		return nil
	}
	return ofRatios(spreadOf(c.p99).show("%.1f")+" ms", quotients(c.p99, peer.p99))
}

func (c *contender) shown(name string) string {
	return name + ": " + rate(c.series) + "; " + c.latency()
}

func (b *bench) work(all ...work) { b.report.works = append(b.report.works, all...) }

// intake64 measures durable intake at 64 connections beside PocketBase and a bare server.
func (b *bench) intake64() error {
	s, err := b.startRivals("intake64")
	if err != nil {
		return err
	}
	defer s.stop()
	if s.bare, err = b.startBare("intake64-bare"); err != nil {
		return err
	}
	if s.twin, err = b.startTwin("intake64-twin"); err != nil {
		return err
	}
	l := b.load(callers, 4*time.Second)
	lite, post := s.intake(l)
	pocket := theirs(s.pocket.process, l, request("POST", pocketRecords, s.pocket.token(), `{`+values+`}`))
	bare := theirs(s.bare.process, l, request("POST", "/", "", `{`+values+`}`))
	twin := theirs(s.twin.process, l, request("POST", "/", "", `{`+values+`}`))
	if err := b.turns(lite, pocket, bare, post, twin); err != nil {
		return err
	}
	b.work(
		work{what: "Durable intake, 64 connections", bar: atLeast(4, "4 × PocketBase"), beside: pocket.shown("PocketBase"), lite: lite.beside(pocket), post: post.beside(pocket)},
		work{what: "… its 99th percentile", bar: atMost(0.25, "¼ of PocketBase's"), beside: "PocketBase: " + spreadOf(pocket.p99).show("%.1f") + " ms", lite: lite.p99Beside(pocket), post: post.p99Beside(pocket)},
		work{what: "… beside a bare server with shared commits", bar: atLeast(0.60, "0.60 of it"), beside: bare.shown("bare"), lite: lite.beside(bare), post: post.beside(bare)},
		work{what: "… beside a bare server that writes Leadflip's rows", beside: twin.shown("bare"), lite: lite.beside(twin), post: post.beside(twin)},
	)
	return errors.Join(s.prove(lite, post, pocket), s.bare.prove(bare.answers), s.twin.prove(twin.answers))
}

// intake1 measures durable intake at one connection beside PocketBase.
func (b *bench) intake1() error {
	s, err := b.startRivals("intake1")
	if err != nil {
		return err
	}
	defer s.stop()
	l := b.load(1, 3*time.Second)
	lite, post := s.intake(l)
	pocket := theirs(s.pocket.process, l, request("POST", pocketRecords, s.pocket.token(), `{`+values+`}`))
	if err := b.turns(lite, pocket, post); err != nil {
		return err
	}
	b.work(work{what: "Durable intake, 1 connection", bar: atLeast(1, "1 × PocketBase"), beside: pocket.shown("PocketBase"), lite: lite.beside(pocket), post: post.beside(pocket)})
	return s.prove(lite, post, pocket)
}

// intake is the product on both databases, taking in leads.
func (s *sides) intake(l load) (lite, post *contender) {
	const body = `{"entity":"prospects",` + values + `}`
	return ask(s.lite, l, "POST", "/api/intake", body), ask(s.post, l, "POST", "/api/intake", body)
}

// prove counts on every side that what was answered for is there, and nothing else.
func (s *sides) prove(lite, post, pocket *contender) error {
	err := errors.Join(s.lite.prove(lite.answers), s.pocket.prove(pocket.answers))
	if post != nil {
		err = errors.Join(err, s.post.prove(post.answers))
	}
	return err
}

// bulk measures a thousand leads a call.
func (b *bench) bulk() error {
	s, err := b.startSides("bulk")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.lite.hasBulk(b.ctx); err != nil {
		return err
	}
	var lites, posts int
	for _, c := range []struct {
		conns int
		what  string
		bar   bar
	}{
		{4, "Bulk, 1,000 leads a call, 4 connections", bar{text: "≥ 20,000 leads/s; PostgreSQL: 10,000", least: 20_000, leastPostgres: 10_000}},
		{1, "… 1 connection", bar{}},
	} {
		l := b.load(c.conns, 4*time.Second)
		l.counted = max(l.counted, 2*time.Second) // a call is long
		lite, post := ask(s.lite, l, "POST", "/api/leads/bulk", bulkBody()), ask(s.post, l, "POST", "/api/leads/bulk", bulkBody())
		if err := b.turns(lite, post); err != nil {
			return err
		}
		b.work(work{what: c.what, bar: c.bar, lite: lite.leads(c.bar.least), post: post.leads(c.bar.leastPostgres)})
		lites += lite.answers
		if post != nil {
			posts += post.answers
		}
	}
	if err := s.lite.prove(lites * bulkRows); err != nil || s.post == nil {
		return err
	}
	return s.post.prove(posts * bulkRows)
}

// leads is the figure of a bulk load.
func (c *contender) leads(limit float64) *figure {
	if c == nil {
		return nil
	}
	r := spreadOf(c.perSecond)
	f := &figure{text: fmt.Sprintf("%s leads/s (%s–%s); a call %s", thousands(r.median*bulkRows), thousands(r.min*bulkRows), thousands(r.max*bulkRows), c.latency()), value: r.median * bulkRows}
	if limit > 0 {
		f.ratio = share(f.value, limit)
	}
	return f
}

const readLeads = 1000 // in the parts that read

// fillRivals makes the leads that are read, one by one, so that they are of as many
// moments on each side.
func (b *bench) fillRivals(s *sides) error {
	fill := load{conns: 8, counted: 2 * time.Minute, limit: readLeads, status: http.StatusOK}
	lite, post := s.intake(fill)
	pocket := theirs(s.pocket.process, fill, request("POST", pocketRecords, s.pocket.token(), `{`+values+`}`))
	for _, c := range []*contender{lite, post, pocket} {
		if c == nil {
			continue
		}
		c.l.addr = c.p.addr
		if _, err := runLoad(b.ctx, c.l); err != nil {
			return err
		}
	}
	return nil
}

// get64 measures reading one lead by its id at 64 connections.
func (b *bench) get64() error {
	s, err := b.startRivals("get64")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := b.fillRivals(s); err != nil {
		return err
	}
	l := b.load(callers, 3*time.Second)
	gets := func(server *leadServer) (*contender, error) {
		if server == nil {
			return nil, nil
		}
		ids, err := server.ids(b.ctx, readLeads)
		return ours(server, l, requestsFor(ids, "/api/leads/", server.key)...), err
	}
	lite, err1 := gets(s.lite)
	post, err2 := gets(s.post)
	ids, err3 := s.pocket.ids(b.ctx, readLeads)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	pocket := theirs(s.pocket.process, l, requestsFor(ids, pocketRecords+"/", s.pocket.token())...)
	if err := b.turns(lite, pocket, post); err != nil {
		return err
	}
	b.work(work{what: "Get by id, 64 connections", bar: atLeast(3, "3 × PocketBase"), beside: pocket.shown("PocketBase"), lite: lite.beside(pocket), post: post.beside(pocket)})
	return nil
}

func requestsFor(ids []string, path, key string) (out [][]byte) {
	for _, one := range ids {
		out = append(out, request("GET", path+one, key, ""))
	}
	return out
}

// list50 measures the page of the 50 newest of 1,000 leads.
func (b *bench) list50() error {
	s, err := b.startRivals("list50")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := b.fillRivals(s); err != nil {
		return err
	}
	path := listPath(url.Values{"limit": {"50"}})
	records := pocketRecords + "?perPage=50&sort=-created"
	for _, conns := range []int{1, callers} {
		l := b.load(conns, 3*time.Second)
		lite, post := ask(s.lite, l, "GET", path, ""), ask(s.post, l, "GET", path, "")
		pocket := theirs(s.pocket.process, l, request("GET", records+"&skipTotal=1", s.pocket.token(), ""))
		counting := theirs(s.pocket.process, l, request("GET", records, s.pocket.token(), ""))
		if err := b.turns(lite, pocket, post, counting); err != nil {
			return err
		}
		what := "List of the 50 newest of 1,000, connections: " + strconv.Itoa(conns)
		b.work(
			work{what: what, bar: atLeast(8, "8 × PocketBase"), beside: pocket.shown("PocketBase with `skipTotal`"), lite: lite.beside(pocket), post: post.beside(pocket)},
			work{what: "… beside PocketBase's default, which also counts", beside: counting.shown("PocketBase"), lite: lite.beside(counting), post: post.beside(counting)},
		)
	}
	return nil
}

// pocketNote says what PocketBase is here.
func pocketNote(version string) string {
	return "PocketBase " + version + " is built from its Go module, as Leadflip is built, with its default settings: its commits do not wait for the disk (`synchronous=NORMAL`), its log of requests is on. " +
		"Its driver of SQLite is Leadflip's. Its collection has the same eight values in the types that it has for them, a unique index on the e-mail, which is its nearest to a match key, and indexes on the budget and on the " +
		"moment of creation. It keeps no status, event or timeline. Leadflip checks an API key on each request; PocketBase checks the token of a superuser, its way for programs and its fastest, for which no rule is evaluated. " +
		"The list is asked for with `skipTotal`, since Leadflip does not count either."
}
