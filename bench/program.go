package main

import (
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const (
	mebi = 1 << 20

	diskBar  = 60 * mebi
	startBar = time.Second
	idleBar  = 60 * mebi
	idleFor  = 10 * time.Second
)

// program measures the built program itself: its size, its start, its memory at rest.
func (b *bench) program() error {
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	b.report.add(row{what: "Program on disk", ours: mebibytes(float64(info.Size())), beside: "limit 60 MB", ratio: share(float64(info.Size()), diskBar), bar: "≤ 60 MB", kept: info.Size() <= diskBar})

	dir, err := b.folder("start")
	if err != nil {
		return err
	}
	known, err := newProduct(b.ctx, b.binary, dir, "")
	if err != nil {
		return err
	}
	var existing, empty []float64
	for i := range b.rounds() {
		took, err := b.startOnce(known)
		if err != nil {
			return err
		}
		existing = append(existing, took)
		dir, err := b.folder("empty-" + strconv.Itoa(i))
		if err != nil {
			return err
		}
		fresh := &product{binary: b.binary, dir: dir, env: []string{"HOME=" + dir, "LEADFLIP_DATA=" + filepath.Join(dir, "data")}}
		if took, err = b.startOnce(fresh); err != nil {
			return err
		}
		empty = append(empty, took)
	}
	b.addStart("Start to first answer, existing database", existing)
	b.addStart("Start to first answer, empty folder", empty)

	if _, err := known.start(b.ctx); err != nil {
		return err
	}
	defer known.stop()
	time.Sleep(b.lasting(idleFor))
	idle, err := known.resident()
	if err != nil {
		return err
	}
	b.report.add(row{what: "Memory at rest, 10 s after the start", ours: mebibytes(idle), beside: "limit 60 MB", ratio: share(idle, idleBar), bar: "≤ 60 MB", kept: idle <= idleBar})
	return nil
}

// startOnce starts and stops a server and returns the milliseconds to its first answer.
func (b *bench) startOnce(p *product) (float64, error) {
	took, err := p.start(b.ctx)
	if err != nil {
		return 0, err
	}
	p.stop()
	return milliseconds(took), nil
}

func (b *bench) addStart(what string, runs []float64) {
	s := spreadOf(runs)
	b.report.add(row{what: what, ours: s.show("%.0f") + " ms", beside: "limit 1 s", ratio: share(s.median, milliseconds(startBar)), bar: "≤ 1 s", kept: s.median <= milliseconds(startBar)})
}

func mebibytes(v float64) string { return strconv.FormatFloat(v/mebi, 'f', 1, 64) + " MB" }

// share is how much of a limit is used.
func share(v, limit float64) string { return strconv.FormatFloat(v/limit, 'f', 2, 64) }
