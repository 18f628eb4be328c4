package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

const keyBar = 50.0 // microseconds of CPU

// keyCheck measures the whole check of a key among 100,000, by the benchmarks of the
// room that does it.
func (b *bench) keyCheck() error {
	all, err := b.goBench("./internal/apikey", "^(BenchmarkKeyCheck|BenchmarkMalformedKey)$", "2s", 3)
	if err != nil {
		return err
	}
	check, wrong := all["BenchmarkKeyCheck"], all["BenchmarkMalformedKey"]
	if check == nil || wrong == nil {
		return errors.New("the benchmarks of internal/apikey are missing")
	}
	for i := range check["cpu-ns/op"] {
		check["cpu-ns/op"][i] /= 1000
	}
	cpu, queries, none := spreadOf(check["cpu-ns/op"]), spreadOf(check["queries/op"]), spreadOf(wrong["queries"])
	b.report.add(
		row{what: "Whole key check among 100,000 keys, SQLite", ours: cpu.show("%.1f") + " µs CPU", beside: "limit 50 µs", ratio: share(cpu.median, keyBar), bar: "≤ 50 µs", kept: cpu.median <= keyBar},
		row{what: "… queries a check", ours: queries.show("%g"), beside: "limit 1", bar: "1", kept: queries.min == 1 && queries.max == 1},
		row{what: "… queries for a wrong checksum", ours: none.show("%g"), beside: "limit 0", bar: "0", kept: none.max == 0},
	)
	return nil
}

// groupCommit shows what sharing commits gives, without the API around it.
func (b *bench) groupCommit() error {
	all, err := b.goBench("./internal/platform/db", "^BenchmarkWrite$", "1s", 3)
	if err != nil {
		return err
	}
	for _, callers := range []string{"1", "64"} {
		name := "BenchmarkWrite/callers=" + callers + "/"
		alone, group := all[name+"one_commit_each"]["writes/s"], all[name+"group_commit"]["writes/s"]
		if alone == nil || group == nil {
			return errors.New("the benchmark of internal/platform/db has other names now")
		}
		s, p := spreadOf(group), spreadOf(alone)
		b.report.add(row{
			what: "Small durable writes straight to the database, callers: " + callers, ours: "shared commits: " + thousands(s.median) + "/s", beside: "a commit each: " + thousands(p.median) + "/s",
			ratio: spreadOf(quotients(group, alone)).show("%.1f"),
		})
	}
	return nil
}

// goBench runs benchmarks of the product several times and returns each one's figures
// by unit.
func (b *bench) goBench(pkg, pattern, benchtime string, count int) (map[string]map[string][]float64, error) {
	if b.quick {
		benchtime, count = "100ms", 1
	}
	cmd := exec.CommandContext(b.ctx, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", benchtime, "-count", strconv.Itoa(count), pkg)
	cmd.Dir = b.root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test -bench %s %s: %w\n%s", pattern, pkg, err, out)
	}
	return parseBench(out), nil
}

// parseBench reads the lines of go test -bench: a name with the number of CPUs behind
// it, the number of rounds, then pairs of a value and its unit.
func parseBench(out []byte) map[string]map[string][]float64 {
	all := map[string]map[string][]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := fields[0]
		if i := strings.LastIndexByte(name, '-'); i >= 0 {
			if _, err := strconv.Atoi(name[i+1:]); err == nil {
				name = name[:i]
			}
		}
		if all[name] == nil {
			all[name] = map[string][]float64{}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				all[name][fields[i+1]] = append(all[name][fields[i+1]], v)
			}
		}
	}
	return all
}
