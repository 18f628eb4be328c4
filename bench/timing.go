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
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

const (
	timingBar  = 4.5
	timingSize = 1_000_000 // samples of each class
	timingFor  = 30 * time.Second
	timingKeys = 512  // whose rows are looked for
	timingTurn = 5000 // checks, after which the rows change their states
	timingEach = 8    // texts that are tried for each key and kind
)

// class is one kind of refused key. The first four are refused with the same answer,
// so only time could tell them apart; the others are told the holder of the right
// secret in words.
type class struct {
	name   string
	code   errs.Code
	sample []float64 // nanoseconds
}

const alike = 4

// The places of the classes among refusals; a state of a row is that of the class whose
// wrong secrets find it.
const (
	unknownID = iota
	liveKey
	revokedKey
	expiredKey
	rightOfRevoked
	rightOfExpired
)

func refusals() []class {
	return []class{
		unknownID:      {name: "an id that does not exist", code: errs.KeyUnknown},
		liveKey:        {name: "a wrong secret for a live key", code: errs.KeyUnknown},
		revokedKey:     {name: "a wrong secret for a revoked key", code: errs.KeyUnknown},
		expiredKey:     {name: "a wrong secret for an expired key", code: errs.KeyUnknown},
		rightOfRevoked: {name: "the right secret of a revoked key", code: errs.KeyRevoked},
		rightOfExpired: {name: "the right secret of an expired key", code: errs.KeyExpired},
	}
}

// timedKey is a key whose row is in each state in turn, so that what is peculiar to the
// place of a row is the same for all classes, and what is tried for it.
type timedKey struct {
	id      id.ID
	state   int
	right   string
	wrong   []string // secrets of the same public id
	unknown []string // keys of the public id before it, which does not exist; they find the same row
}

// timing asks, as dudect does, whether the time of a refusal tells what it does not say.
func (b *bench) timing() error {
	dir, err := b.folder("timing")
	if err != nil {
		return err
	}
	d, err := db.Open(b.ctx, db.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer d.Close()
	keys := apikey.NewService(d, slog.New(slog.DiscardHandler))
	timed, err := timedKeys(b.ctx, d, keys)
	if err != nil {
		return err
	}
	seed, classes := mathrand.Uint64(), refusals()
	t := timer{d, keys, timed, classes, mathrand.New(mathrand.NewPCG(seed, 0))}
	size := timingSize
	if b.quick {
		size /= 20
	}
	n, err := t.measure(b.ctx, classes[:alike], size, t.wrong)
	if err != nil {
		return err
	}
	if _, err := t.measure(b.ctx, classes[alike:], size/10, t.right); err != nil {
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
				if _, text, err = makeKey(ctx, keys, who, fmt.Sprintf("report %d key %d", serial, i)); err != nil {
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

// timedKeys makes an account and its keys.
func timedKeys(ctx context.Context, d *db.DB, keys *apikey.Service) ([]*timedKey, error) {
	accounts := account.NewService(d, slog.New(slog.DiscardHandler), func(context.Context, *db.Tx, id.ID) error { return nil })
	made, _, err := accounts.Setup(ctx, "", true, account.NewAccount{Email: "ada@example.com", Password: "nine lanterns over the harbour", Account: "Acme"}, account.Origin{UserAgent: "bench"})
	if err != nil {
		return nil, err
	}
	who, err := accounts.OperatorIn(ctx, made.Slug, "")
	if err != nil {
		return nil, err
	}
	var out []*timedKey
	for i := range timingKeys {
		key, text, err := makeKey(ctx, keys, who, fmt.Sprintf("key %d", i))
		if err != nil {
			return nil, err
		}
		k := &timedKey{id: key, right: text}
		before, err := idBefore(text)
		if err != nil {
			return nil, err
		}
		for range timingEach {
			k.wrong = append(k.wrong, otherSecret(text))
			k.unknown = append(k.unknown, otherSecret(before))
		}
		out = append(out, k)
	}
	mingle(out)
	return out, nil
}

// shuffleStates gives each key a state at random.
func (t *timer) shuffleStates(ctx context.Context) error {
	past := db.Micros(time.Now().Add(-time.Hour))
	return t.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		for _, k := range t.timed {
			k.state = liveKey + t.random.IntN(3)
			var revoked, expires any
			switch k.state {
			case revokedKey:
				revoked = past
			case expiredKey:
				expires = past
			}
			if _, err := tx.Exec(ctx, `UPDATE api_keys SET revoked_at = $1, expires_at = $2 WHERE id = $3`, revoked, expires, k.id); err != nil {
				return err
			}
		}
		return nil
	})
}

// wrong chooses what is tried for a key without its secret. An id that exists is as
// frequent as one that does not, or the processor would foresee one of them.
func (t *timer) wrong(k *timedKey) (c int, text string) {
	i := t.random.IntN(timingEach)
	if t.random.IntN(2) == 0 {
		return unknownID, k.unknown[i]
	}
	return k.state, k.wrong[i]
}

// right is what the holder of a key would send.
func (t *timer) right(k *timedKey) (c int, text string) {
	switch k.state {
	case revokedKey:
		return rightOfRevoked, k.right
	case expiredKey:
		return rightOfExpired, k.right
	}
	return liveKey, "" // which would not be refused
}

// mingle puts the texts of the keys into one piece of memory in random order, because
// where a text lies takes time too.
func mingle(keys []*timedKey) {
	var texts []*string
	for _, k := range keys {
		texts = append(texts, &k.right)
		for i := range timingEach {
			texts = append(texts, &k.wrong[i], &k.unknown[i])
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

// makeKey makes a key that does not end.
func makeKey(ctx context.Context, keys *apikey.Service, who account.Principal, name string) (id.ID, string, error) {
	life := "never"
	k, secret, err := keys.Create(ctx, who, apikey.Settings{Name: &name, Scopes: &[]string{"leads:write"}, ExpiresIn: &life}, true, nil)
	return k.ID, secret.Reveal(), err
}

const (
	digits    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	prefixEnd = len("lf_live_")
	publicEnd = prefixEnd + 12
	checkSize = 6
)

// otherSecret is a key of the same public id with another secret and a right checksum,
// as somebody who knows the id would try it.
func otherSecret(text string) string {
	b := []byte(text[:len(text)-checkSize])
	random := make([]byte, len(b)-publicEnd)
	_, _ = rand.Read(random) // never fails (crypto/rand ends the program instead)
	for i, r := range random {
		b[publicEnd+i] = digits[int(r)%len(digits)]
	}
	sum := crc32.ChecksumIEEE(b)
	end := make([]byte, checkSize)
	for i := range slices.Backward(end) {
		end[i] = digits[sum%62]
		sum /= 62
	}
	return string(b) + string(end)
}

// idBefore is a key with the public id before that of a key.
func idBefore(text string) (string, error) {
	b := []byte(text)
	for i := publicEnd - 3; i >= prefixEnd; i-- { // the last two characters do not order
		at := strings.IndexByte(digits, b[i])
		if at > 0 {
			b[i] = digits[at-1]
			break
		}
		b[i] = digits[len(digits)-1]
	}
	before := otherSecret(string(b))
	if s, ok := apikey.ParseSecret(before); !ok || s.PublicID() >= text[prefixEnd:publicEnd] {
		return "", errors.New("the shape of keys has changed")
	}
	return before, nil
}

// timer times the refusals of keys.
type timer struct {
	db      *db.DB
	keys    *apikey.Service
	timed   []*timedKey
	classes []class
	random  *mathrand.Rand
}

// measure times what choose says for random keys, one at a time, until there are so many
// samples of each of some classes, and returns how many checks that took.
func (t *timer) measure(ctx context.Context, wanted []class, size int, choose func(*timedKey) (int, string)) (int, error) {
	from := api.Facts{IP: netip.MustParseAddr("192.0.2.7"), UserAgent: "bench", RequestID: "req_bench0001"}
	few := func(c class) bool { return len(c.sample) < size }
	n := 0
	for ; n%timingTurn != 0 || slices.ContainsFunc(wanted, few); n++ {
		if n%timingTurn == 0 {
			if err := t.shuffleStates(ctx); err != nil {
				return 0, err
			}
		}
		kind, text := choose(t.timed[t.random.IntN(len(t.timed))])
		if text == "" {
			continue
		}
		start := time.Now()
		_, err := t.keys.Authenticate(ctx, text, from)
		took := time.Since(start)
		c := &t.classes[kind]
		if errs.CodeOf(err) != c.code {
			return 0, fmt.Errorf("%s was answered with %w", c.name, err)
		}
		if n%timingTurn > 50 { // the first ones read what has changed
			c.sample = append(c.sample, float64(took))
		}
	}
	return n, ctx.Err()
}
