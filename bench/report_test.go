package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
)

func TestBenchLinesAreParsed(t *testing.T) {
	t.Parallel()
	got := parseBench([]byte(`goos: linux
cpu: some processor
BenchmarkKeyCheck-2   	  175117	     22485 ns/op	     18059 cpu-ns/op	         1.000 queries/op
BenchmarkKeyCheck-2   	  175117	     22486 ns/op	     18060 cpu-ns/op	         1.000 queries/op
BenchmarkWrite/callers=64/group_commit 	 10	 5 ns/op	 200 writes/s
PASS
`))
	want := map[string]map[string][]float64{
		"BenchmarkKeyCheck":                      {"ns/op": {22485, 22486}, "cpu-ns/op": {18059, 18060}, "queries/op": {1, 1}},
		"BenchmarkWrite/callers=64/group_commit": {"ns/op": {5}, "writes/s": {200}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func TestFiguresReplaceFigures(t *testing.T) {
	t.Parallel()
	var r report
	r.about = "2 cores."
	r.add(row{what: "|t|", ours: "5", bar: "≤ 4", kept: false}, row{what: "size", ours: "3", bar: "≤ 4", kept: true}, row{what: "for information"})
	r.note("A note.")
	file := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := os.WriteFile(file, []byte("before\n"+figuresBegin+"old\n"+figuresEnd+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time over its own
		if err := r.writeTo(file); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n" + figuresBegin, figuresEnd + "\nafter\n", "2 cores.", `| \|t\| | 5 |`, "**missed**", "| met |", "A note."} {
		if strings.Count(string(text), want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Error("the old figures are still there")
	}
	if got := r.missed(); !reflect.DeepEqual(got, []string{"|t|"}) {
		t.Errorf("missed: %v", got)
	}
	if err := os.WriteFile(file, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.writeTo(file); err == nil {
		t.Error("written into a document without the lines")
	}
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.6: "1,234,568"} {
		if got := thousands(v); got != want {
			t.Errorf("%v: %s", v, got)
		}
	}
	if got := (spread{2, 1, 3}).show("%.1f"); got != "2.0 (1.0–3.0)" {
		t.Error(got)
	}
	if got := (spread{2, 2, 2}).show("%.1f"); got != "2.0" {
		t.Error(got)
	}
}

func TestPartsAreChosenByName(t *testing.T) {
	t.Parallel()
	if got, err := choose(""); err != nil || len(got) != len(parts) {
		t.Errorf("%d parts, %v", len(got), err)
	}
	if got, err := choose("read,timing"); err != nil || len(got) != 2 || got[1].name != "timing" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := choose("reed"); err == nil {
		t.Error("an unknown part")
	}
}

func TestMinglingChangesNoText(t *testing.T) {
	t.Parallel()
	made := func() []*timedKey {
		k := &timedKey{right: "right"}
		for i := range timingEach {
			k.wrong, k.unknown = append(k.wrong, strings.Repeat("w", i)), append(k.unknown, strings.Repeat("u", i))
		}
		return []*timedKey{k}
	}
	mingled := made()
	mingle(mingled)
	if !reflect.DeepEqual(mingled, made()) {
		t.Errorf("%v", mingled[0])
	}
}

func TestWrongSecretsHaveIDAndChecksum(t *testing.T) {
	t.Parallel()
	for range 100 {
		text := apikey.Mint(account.Live).Reveal()
		other := otherSecret(text)
		if _, ok := apikey.ParseSecret(other); !ok || other == text || other[:20] != text[:20] {
			t.Fatalf("%s of %s", other, text)
		}
		before, err := idBefore(text)
		if err != nil || before[18:20] != text[18:20] || before[:18] >= text[:18] {
			t.Fatalf("%s before %s: %v", before, text, err)
		}
	}
}
