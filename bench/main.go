// Command bench measures what Leadflip promises about speed and cost, and writes the
// figures into docs/benchmarks.md:
//
//	cd bench && go run . -out ../docs/benchmarks.md
//
// Everything is measured in one go against something else of the same run: a limit,
// or a peer that does the least that the work needs. Servers run one at a time, in
// turns A B A B, as processes of their own on loopback addresses, and so does the load
// generator, which is the same for all. Times depend on the machine; a ratio of two
// medians of the same minutes mostly does not.
//
// It is a module of its own, so that what it compares with never becomes a dependency
// of the product.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/leadflip/leadflip/internal/platform/db/dbtest"
)

// runFor ends a run that hangs.
const runFor = 2 * time.Hour

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeoutCause(ctx, runFor, errors.New("it took too long"))
	err := run(ctx, os.Args[1:])
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the program: the bench itself, or one of the processes it starts.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "load":
			return loadMain(args[1:])
		case "empty":
			return emptyMain()
		case "one-by-one":
			return oneByOneMain(args[1:])
		case "grouped":
			return groupedMain(args[1:])
		}
	}
	return benchMain(ctx, args)
}

// part is one group of figures. Later parts join this list.
type part struct {
	name    string
	built   bool // whether it needs the built program
	measure func(*bench) error
}

var parts = []part{
	{"program", true, (*bench).program},
	{"read", true, (*bench).read},
	{"intake", true, (*bench).intake},
	{"slowdisk", true, (*bench).slowDisk},
	{"postgres", true, (*bench).postgres},
	{"key", false, (*bench).keyCheck},
	{"commit", false, (*bench).groupCommit},
	{"timing", false, (*bench).timing},
	{"intake64", true, (*bench).intake64},
	{"intake1", true, (*bench).intake1},
	{"bulk", true, (*bench).bulk},
	{"get64", true, (*bench).get64},
	{"list50", true, (*bench).list50},
	{"million", true, (*bench).million},
}

// bench is one run.
type bench struct {
	ctx    context.Context
	root   string // of the product's module
	dir    string // for everything that is made
	binary string
	quick  bool
	report report

	cluster     *dbtest.Cluster // of this run; nil until it is wanted
	pocketBuilt bool
}

func benchMain(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	out := f.String("out", "", "document whose figures are replaced; without it they are only printed")
	quick := f.Bool("quick", false, "short runs that prove nothing, to try the program itself")
	only := f.String("only", "", "parts to run, separated by commas: "+partNames())
	if err := f.Parse(args); err != nil {
		return err
	}
	if *out != "" && (*only != "" || *quick) {
		return errors.New("only a whole run is written to a document; leave out -out, or -only and -quick")
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	b := &bench{ctx: ctx, quick: *quick}
	if b.root, err = moduleRoot(ctx); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "leadflip-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	defer b.stopCluster()
	b.report.machine()
	begin := time.Now()
	var left []string
	for _, p := range chosen {
		if p.built && b.binary == "" {
			b.say("building")
			if b.binary, err = buildProduct(ctx, b.root, b.dir); err != nil {
				return err
			}
		}
		b.say(p.name)
		err := p.measure(b)
		if err != nil && !lacking(err) {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if err != nil {
			what := "The part `" + p.name + "` was not measured to its end: " + strings.Join(lines(err), "; ") + "."
			b.say(what)
			b.report.note(what)
			left = append(left, p.name)
		}
	}
	fmt.Printf("%s\nmeasured in %s\n", b.report.text(), time.Since(begin).Round(time.Second))
	if len(left) > 0 {
		return fmt.Errorf("not measured: %s", strings.Join(left, ", "))
	}
	if *out != "" {
		if err := b.report.writeTo(*out); err != nil {
			return err
		}
	}
	if missed := b.report.missed(); len(missed) > 0 {
		return fmt.Errorf("bars missed: %s", strings.Join(missed, "; "))
	}
	return nil
}

func (b *bench) stopCluster() {
	if b.cluster != nil {
		b.cluster.Stop()
	}
}

func partNames() string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.name
	}
	return strings.Join(names, ",")
}

// choose finds the parts by name; no names are all parts.
func choose(names string) ([]part, error) {
	if names == "" {
		return parts, nil
	}
	var out []part
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no part %q; there are %s", name, partNames())
		}
		out = append(out, parts[i])
	}
	return out, nil
}

// moduleRoot is the folder of the product's module.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/leadflip/leadflip").Output()
	if err != nil {
		return "", fmt.Errorf("the product's module is not found; run in the folder bench: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// say tells on standard error what is being done.
func (b *bench) say(what string) {
	fmt.Fprintln(os.Stderr, time.Now().Format(time.TimeOnly), what)
}

// folder makes a folder of this run.
func (b *bench) folder(name string) (string, error) {
	dir := filepath.Join(b.dir, name)
	return dir, os.Mkdir(dir, 0o700)
}

// rounds is how often A and B take turns.
func (b *bench) rounds() int {
	if b.quick {
		return 2
	}
	return 5
}

// lasting shortens a time in a quick run.
func (b *bench) lasting(d time.Duration) time.Duration {
	if b.quick {
		return d / 5
	}
	return d
}
