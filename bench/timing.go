package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/api"
	"github.com/leadflip/leadflip/internal/platform/clock"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

const (
	timingBar  = 4.5
	timingFor  = 30 * time.Second
	timingKeys = 512 // of each class: what is peculiar to single rows must average out

	timingWorkers = 32

	// The place of a key in an index makes a difference that no class has on purpose;
	// with this many different keys tried for each, it averages out.
	timingTries = 4096
)

// class is one kind of refused key. The first four are refused with the same answer,
// so only time could tell them apart; the others are told the holder of the right
// secret in words.
type class struct {
	name   string
	code   errs.Code
	keys   []string
	sample []float64 // nanoseconds
}

const alike = 4

// timing asks, as dudect does, whether the time of a refusal tells what it does not say.
func (b *bench) timing() error {
	dir, err := b.folder("timing")
	if err != nil {
		return err
	}
	now := clock.NewFake(time.Now())
	d, err := db.Open(b.ctx, db.Config{Dir: dir, Clock: now})
	if err != nil {
		return err
	}
	defer d.Close()
	keys := apikey.NewService(d, slog.New(slog.DiscardHandler))
	classes, err := refusedKeys(b.ctx, d, keys, now)
	if err != nil {
		return err
	}
	seed := mathrand.Uint64()
	n, err := measureRefusals(b.ctx, keys, classes, seed, b.lasting(timingFor))
	if err != nil {
		return err
	}
	worst := 0.0
	for i := range alike {
		for j := range i {
			worst = max(worst, largestT(classes[i].sample, classes[j].sample))
		}
	}
	b.report.add(row{
		what: "Time of four refusals with the same answer: largest |t| of the six pairs", ours: fmt.Sprintf("%.1f", worst), beside: "limit 4.5", ratio: share(worst, timingBar), bar: "< 4.5", kept: worst < timingBar,
	})
	reported, n2, err := measureReports(b.ctx, d, keys, b.lasting(timingFor))
	if err != nil {
		return err
	}
	b.report.add(row{
		what: "Time of a leak report, real keys against invented ones: |t|", ours: fmt.Sprintf("%.1f of %d reports", reported, n2), beside: "limit 4.5", ratio: share(reported, timingBar), bar: "< 4.5", kept: reported < timingBar,
	})
	b.report.note(fmt.Sprintf("The check of a refused key, %s samples in random order (seed %d), |t| against the unknown id:\n\n%s", thousands(float64(n)), seed, classTable(classes)))
	return nil
}

// measureReports compares the time of reports of ten keys that exist with that of
// reports of ten that do not, many at once, because each takes its time.
func measureReports(ctx context.Context, d *db.DB, keys *apikey.Service, lasting time.Duration) (t float64, n int, err error) {
	const atOnce, inOne = 16, 10
	who, err := account.NewService(d, slog.New(slog.DiscardHandler), nil).OperatorIn(ctx, "acme", "")
	if err != nil {
		return 0, 0, err
	}
	var number atomic.Int64
	var mu sync.Mutex
	var samples [2][]float64
	var problems []error
	one := func() error {
		serial := number.Add(1)
		kind := mathrand.IntN(2)
		var found []string
		for i := range inOne {
			text := apikey.Mint(account.Live).Reveal()
			if kind == 1 {
				var err error
				if text, err = makeKey(ctx, keys, who, fmt.Sprintf("report %d key %d", serial, i), false, false); err != nil {
					return err
				}
			}
			found = append(found, text)
		}
		from := account.Origin{IP: netip.AddrFrom4([4]byte{10, byte(serial >> 16), byte(serial >> 8), byte(serial)}), UserAgent: "bench"}
		start := time.Now()
		if err := keys.ReportLeak(ctx, found, from); err != nil {
			return err
		}
		took := float64(time.Since(start))
		mu.Lock()
		defer mu.Unlock()
		samples[kind] = append(samples[kind], took)
		return nil
	}
	begin := time.Now()
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for time.Since(begin) < lasting && ctx.Err() == nil {
				if err := one(); err != nil {
					mu.Lock()
					problems = append(problems, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	all.Wait()
	return largestT(samples[0], samples[1]), len(samples[0]) + len(samples[1]), errors.Join(problems...)
}

// classTable shows each class with its time and its distance from the first.
func classTable(classes []class) string {
	var t strings.Builder
	t.WriteString("| refused | answer | median | \\|t\\| |\n|---|---|---|---|\n")
	for i, c := range classes {
		distance := "–"
		if i > 0 {
			distance = fmt.Sprintf("%.1f", largestT(classes[0].sample, c.sample))
		}
		fmt.Fprintf(&t, "| %s | `%s` | %.2f µs | %s |\n", c.name, c.code, spreadOf(c.sample).median/1000, distance)
	}
	return strings.TrimSuffix(t.String(), "\n")
}

// refusedKeys makes an account and keys of every class.
func refusedKeys(ctx context.Context, d *db.DB, keys *apikey.Service, now *clock.Fake) ([]class, error) {
	accounts := account.NewService(d, slog.New(slog.DiscardHandler), func(context.Context, *db.Tx, id.ID) error { return nil })
	made, _, err := accounts.Setup(ctx, "", true, account.NewAccount{Email: "ada@example.com", Password: "nine lanterns over the harbour", Account: "Acme"}, account.Origin{UserAgent: "bench"})
	if err != nil {
		return nil, err
	}
	who, err := accounts.OperatorIn(ctx, made.Slug, "")
	if err != nil {
		return nil, err
	}
	classes := []class{
		{name: "an id that does not exist", code: errs.KeyUnknown},
		{name: "a wrong secret for a live key", code: errs.KeyUnknown},
		{name: "a wrong secret for a revoked key", code: errs.KeyUnknown},
		{name: "a wrong secret for an expired key", code: errs.KeyUnknown},
		{name: "the right secret of a revoked key", code: errs.KeyRevoked},
		{name: "the right secret of an expired key", code: errs.KeyExpired},
	}
	for range timingTries {
		classes[0].keys = append(classes[0].keys, apikey.Mint(account.Live).Reveal())
	}
	// Many at once and the classes in turns, so that their rows lie among each other.
	var all sync.WaitGroup
	var mu sync.Mutex
	var problems []error
	for worker := range timingWorkers {
		all.Go(func() {
			for i := worker; i < timingKeys; i += timingWorkers {
				for c := 1; c < len(classes); c++ {
					texts, err := refusedKey(ctx, keys, who, c, i)
					mu.Lock()
					classes[c].keys = append(classes[c].keys, texts...)
					problems = append(problems, err)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	now.Advance(48 * time.Hour)
	mingle(classes)
	return classes, nil
}

// refusedKey makes one key of a class and returns what is tried for it: the key itself,
// or wrong secrets.
func refusedKey(ctx context.Context, keys *apikey.Service, who account.Principal, c, i int) ([]string, error) {
	text, err := makeKey(ctx, keys, who, fmt.Sprintf("class %d key %d", c, i), c == 2 || c == 4, c == 3 || c == 5)
	if err != nil || c >= alike {
		return []string{text}, err
	}
	wrong := make([]string, timingTries/timingKeys)
	for i := range wrong {
		if wrong[i], err = otherSecret(text); err != nil {
			return nil, err
		}
	}
	return wrong, nil
}

// mingle puts the texts of the keys into one piece of memory in random order, because
// where a text lies takes time too.
func mingle(classes []class) {
	var texts []*string
	for i := range classes {
		for j := range classes[i].keys {
			texts = append(texts, &classes[i].keys[j])
		}
	}
	mathrand.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
	var all strings.Builder
	for _, t := range texts {
		all.WriteString(*t)
	}
	rest := all.String()
	for _, t := range texts {
		*t, rest = rest[:len(*t)], rest[len(*t):]
	}
}

// makeKey makes a key that is revoked at once, or ends within two days.
func makeKey(ctx context.Context, keys *apikey.Service, who account.Principal, name string, revoked, short bool) (string, error) {
	life := "never"
	if short {
		life = "24h"
	}
	k, secret, err := keys.Create(ctx, who, apikey.Settings{Name: &name, Scopes: &[]string{"leads:write"}, ExpiresIn: &life}, true, nil)
	if err == nil && revoked {
		_, err = keys.Revoke(ctx, who, k.ID, nil)
	}
	return secret.Reveal(), err
}

// otherSecret is a key of the same public id with another secret and a right checksum,
// as somebody who knows the id would try it.
func otherSecret(text string) (string, error) {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	const public, check = len("lf_live_") + 12, 6
	b := []byte(text[:len(text)-check])
	random := make([]byte, len(b)-public)
	_, _ = rand.Read(random) // never fails (crypto/rand ends the program instead)
	for i, r := range random {
		b[public+i] = digits[int(r)%len(digits)]
	}
	sum := crc32.ChecksumIEEE(b)
	end := make([]byte, check)
	for i := range slices.Backward(end) {
		end[i] = digits[sum%62]
		sum /= 62
	}
	made := string(b) + string(end)
	if s, ok := apikey.ParseSecret(made); !ok || s.PublicID() != text[public-12:public] {
		return "", errors.New("the shape of keys has changed")
	}
	return made, nil
}

// measureRefusals times keys of random classes, one at a time, and returns how many.
func measureRefusals(ctx context.Context, keys *apikey.Service, classes []class, seed uint64, lasting time.Duration) (int, error) {
	random := mathrand.New(mathrand.NewPCG(seed, 0))
	from := api.Facts{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "bench", RequestID: "req_bench0001"}
	for i := range classes {
		classes[i].sample = make([]float64, 0, 1<<20)
	}
	n := 0
	for begin := time.Now(); time.Since(begin) < lasting; n++ {
		c := &classes[random.IntN(len(classes))]
		key := c.keys[random.IntN(len(c.keys))]
		start := time.Now()
		_, err := keys.Authenticate(ctx, key, from)
		took := time.Since(start)
		if errs.CodeOf(err) != c.code {
			return 0, fmt.Errorf("%s was answered with %v", c.name, err)
		}
		if n > 1000 { // the first ones prepare the statement
			c.sample = append(c.sample, float64(took))
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	return n, nil
}
