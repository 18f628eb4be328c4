package lead

import (
	"context"
	"sync"

	"github.com/leadflip/leadflip/internal/account"
)

// How Each reads.
const (
	eachFind  = 2000    // leads that are found at once
	eachRead  = 500     // leads that are read at once, when they had to be found
	eachBytes = 4 << 20 // of leads that are read at once otherwise, but for the last of them
)

// Each calls fn with every lead of the selection, in its order. It holds few of them at
// a time and makes short reads, so that a long export neither fills the memory nor holds
// up the database. Leads that change meanwhile may be seen as they were or as they are.
// Version and who made a lead are not told.
func (sel *Selection) Each(ctx context.Context, fn func(*Lead) error) error {
	if sel.plain() {
		return sel.eachPlain(ctx, fn)
	}
	f, err := sel.finder(ctx, sel.terms)
	if err != nil {
		return err
	}
	defer sel.pace.rest()
	for after := (*place)(nil); ; {
		w, err := f.want(ctx, sel.nodes, sel.words)
		if err != nil {
			return err
		}
		found, err := f.find(ctx, w, 0, after, eachFind)
		if err != nil {
			return err
		}
		for rest := found; len(rest) > 0; rest = rest[min(eachRead, len(rest)):] {
			if err := sel.pace.look(ctx, false); err != nil {
				return err
			}
			leads, err := sel.read(ctx, rest[:min(eachRead, len(rest))])
			sel.pace.rest()
			if err != nil {
				return err
			}
			for i := range leads {
				if err := fn(&leads[i]); err != nil {
					return err
				}
			}
		}
		if len(found) < eachFind {
			return nil
		}
		after = &found[len(found)-1].place
	}
}

// Each streams all leads of a query: Select and Selection.Each in one.
func (s *Service) Each(ctx context.Context, who account.Principal, verb string, q Query, fn func(*Lead) error) error {
	sel, err := s.Select(ctx, who, verb, q)
	if err != nil {
		return err
	}
	return sel.Each(ctx, fn)
}

// eachPlain is Each for leads that are just walked by one of their times. They are read
// in stretches, two at the same time, because reading is what takes the time.
func (sel *Selection) eachPlain(ctx context.Context, fn func(*Lead) error) error {
	var reading sync.WaitGroup
	defer reading.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stretches := make(chan *stretch)
	reading.Go(func() {
		defer close(stretches)
		for from := (*place)(nil); ; {
			p := &stretch{from: from, leads: make(chan []Lead, 1)}
			p.err = sel.end(ctx, p)
			last := p.to == nil
			reading.Go(func() { sel.readStretch(ctx, p) })
			from = p.to
			select {
			case stretches <- p: // the one before is being taken
			case <-ctx.Done():
				return
			}
			if last {
				return
			}
		}
	})
	for p := range stretches {
		for leads := range p.leads {
			for i := range leads {
				if err := fn(&leads[i]); err != nil {
					return err
				}
			}
		}
		if p.err != nil {
			return p.err
		}
	}
	return ctx.Err()
}

// stretch is a run of leads that is read by itself.
type stretch struct {
	from, to *place // behind one, up to the other; nil: from the beginning, to the end
	leads    chan []Lead
	err      error // known when leads is closed
}

// end finds the end of a stretch.
func (sel *Selection) end(ctx context.Context, p *stretch) error {
	f, err := sel.finder(ctx, sel.terms)
	if err != nil {
		return err
	}
	p.to, err = f.ahead(ctx, &wanted{}, walk{table: "leads l", key: "l." + timeColumn(sel.terms[0]), id: "l.id", base: live}, 0, p.from, eachFind)
	return err
}

// readStretch reads a stretch, in pieces that are not too large for the memory.
func (sel *Selection) readStretch(ctx context.Context, p *stretch) {
	defer close(p.leads)
	t := sel.terms[0]
	s := sel.scan(eachFind + 1)
	s.whole, s.enough = false, eachBytes
	turn := sel.s.newStint(sel.who.Environment.ID)
	for after, more := p.from, p.err == nil; more; {
		if p.err = turn.look(ctx, false); p.err != nil {
			return
		}
		var leads []Lead
		leads, more, p.err = selectStretch(ctx, sel.s.db, s, t, after, p.to, eachFind+1)
		turn.rest()
		if p.err == nil {
			p.err = sel.open(ctx, leads)
		}
		if p.err != nil || len(leads) == 0 {
			return
		}
		after = plainPlace(t, &leads[len(leads)-1])
		select {
		case p.leads <- leads:
		case <-ctx.Done():
			p.err = ctx.Err()
			return
		}
	}
}
