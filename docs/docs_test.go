// Package docs holds the documents to the truth: tables that are made from the
// program, links, commands, and the names of tests that prove promises.
package docs

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leadflip/leadflip/internal/account"
	"github.com/leadflip/leadflip/internal/apikey"
	"github.com/leadflip/leadflip/internal/platform/config"
)

var update = flag.Bool("update", false, "write the generated parts of the documents anew")

const root = ".."

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents are the Markdown files of the project, help articles apart, which have
// tests of their own.
func documents(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			rel, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, filepath.ToSlash(rel))
		}
	}
	return out
}

const (
	optionsBegin = "<!-- options: made by go test ./docs -update -->\n"
	optionsEnd   = "<!-- end of options -->"
)

func optionsTable() string {
	var b strings.Builder
	b.WriteString("\n| flag | variable | default | meaning |\n|---|---|---|---|\n")
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	options := config.Options()
	for _, o := range options {
		name, def := "–", "–"
		if o.Flag != "" {
			name = "`--" + o.Flag + "`"
		}
		if o.Default != "" {
			def = "`" + o.Default + "`"
		}
		variable := "`" + o.Env + "`"
		if file := o.Env + "_FILE"; o.Secret && !slices.ContainsFunc(options, func(other config.Option) bool { return other.Env == file }) {
			variable += ", `" + o.Env + "_FILE`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, variable, def, cell(o.Help))
	}
	return b.String() + "\n"
}

// TestOptionsTableIsCurrent holds docs/operate.md to the settings the program has.
func TestOptionsTableIsCurrent(t *testing.T) {
	const name = "docs/operate.md"
	text := read(t, name)
	before, rest, ok1 := strings.Cut(text, optionsBegin)
	_, after, ok2 := strings.Cut(rest, optionsEnd)
	if !ok1 || !ok2 {
		t.Fatalf("%s has lost the marks around the table of options", name)
	}
	want := before + optionsBegin + optionsTable() + optionsEnd + after
	if text == want {
		return
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, name), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("the table of options in %s is stale; run: go test ./docs -update", name)
}

var (
	links    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	fences   = regexp.MustCompile("(?ms)^ *```.*?^ *```[ \t]*$")
)

// madeLater are files that other steps make: a picture of the running product, and
// measurements.
var madeLater = []string{"docs/screenshots/api-access.png", "docs/benchmarks.md", "docs/openapi.json", "LICENSE"}

func TestEveryLinkResolves(t *testing.T) {
	for _, doc := range documents(t) {
		for _, m := range links.FindAllStringSubmatch(fences.ReplaceAllString(read(t, doc), ""), -1) {
			if strings.Contains(m[1], "://") {
				t.Errorf("%s points outside: %s", doc, m[1])
				continue
			}
			file, fragment, _ := strings.Cut(m[1], "#")
			target := doc
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(doc), file))
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				if !slices.Contains(madeLater, target) {
					t.Errorf("%s points to %s, which does not exist", doc, m[1])
				}
				continue
			}
			if fragment != "" && !slices.Contains(anchors(read(t, target)), fragment) {
				t.Errorf("%s points to %s, but there is no such heading", doc, m[1])
			}
		}
	}
}

// anchors are the places of a Markdown file as repository pages name them.
func anchors(text string) []string {
	var out []string
	for _, m := range headings.FindAllStringSubmatch(fences.ReplaceAllString(text, ""), -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(m[1]) {
			switch {
			case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_':
				b.WriteRune(r)
			case r == ' ':
				b.WriteByte('-')
			}
		}
		out = append(out, b.String())
	}
	return out
}

// TestNamedTestsExist: whoever promises by the name of a test must have it.
func TestNamedTestsExist(t *testing.T) {
	have := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Za-z0-9_]+)\(`)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && name != root) {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, "_test.go") {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				have[m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9_]+)`")
	for _, doc := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(read(t, doc), -1) {
			if !have[m[1]] {
				t.Errorf("%s names %s, which does not exist", doc, m[1])
			}
		}
	}
}

// TestNamedFilesExist: `internal/…`, `cmd/…`, `tools/…` and `docs/…` in a document are
// files or folders of the tree.
func TestNamedFilesExist(t *testing.T) {
	named := regexp.MustCompile("`((?:internal|cmd|tools|docs|e2e)/[A-Za-z0-9_./-]*)`")
	for _, doc := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(read(t, doc), -1) {
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil && !slices.Contains(madeLater, m[1]) {
				t.Errorf("%s names %s, which does not exist", doc, m[1])
			}
		}
	}
}

// TestEveryPackageIsOnTheMap: ARCHITECTURE.md shows where everything is.
func TestEveryPackageIsOnTheMap(t *testing.T) {
	text := read(t, "ARCHITECTURE.md")
	for _, dir := range []string{"internal", "internal/platform"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() && !strings.Contains(text, "\n    "+strings.Repeat("  ", strings.Count(dir, "/"))+e.Name()+"/") {
				t.Errorf("ARCHITECTURE.md does not show %s/%s", dir, e.Name())
			}
		}
	}
}

// TestScannerRulesFindKeys proves what SECURITY.md publishes with keys as they are made.
func TestScannerRulesFindKeys(t *testing.T) {
	security := read(t, "SECURITY.md")
	if !strings.Contains(security, apikey.Expression) {
		t.Errorf("SECURITY.md does not publish the expression %s", apikey.Expression)
	}
	rules := map[string]*regexp.Regexp{"the published expression": regexp.MustCompile(apikey.Expression)}
	m := regexp.MustCompile(`(?m)^regex = '''(.*)'''$`).FindStringSubmatch(read(t, "docs/gitleaks.toml"))
	if m == nil {
		t.Fatal("docs/gitleaks.toml has no rule")
	}
	rules["docs/gitleaks.toml"] = regexp.MustCompile(m[1])
	if m = regexp.MustCompile(`(?m)^ +key: '(.*)'$`).FindStringSubmatch(security); m == nil {
		t.Fatal("SECURITY.md has no custom detector")
	}
	rules["the custom detector"] = regexp.MustCompile(m[1])
	for name, rule := range rules {
		for _, kind := range []account.Kind{account.Live, account.Test} {
			for range 200 {
				key := apikey.Mint(kind).Reveal()
				for _, around := range []string{"%s", "KEY=%s\n", `{"key":"%s"}`, "Authorization: Bearer %s'", "https://u:%s@host/"} {
					if got := rule.FindString(fmt.Sprintf(around, key)); got != key {
						t.Fatalf("%s finds %d of %d characters in %q", name, len(got), len(key), around)
					}
				}
				if rule.MatchString(key[:len(key)-1]) {
					t.Fatalf("%s finds a key that was cut off", name)
				}
			}
		}
	}
}

// TestReadmeHasTheTwoCommands: other tools call them.
func TestReadmeHasTheTwoCommands(t *testing.T) {
	text := read(t, "README.md")
	for _, want := range []string{"go run ./cmd/leadflip serve", "make run", "make test"} {
		if !strings.Contains(text, want) {
			t.Errorf("README.md does not say %q", want)
		}
	}
}

// TestDecisionsAreNumberedAndWhole: one file for each number, each with the same parts.
func TestDecisionsAreNumberedAndWhole(t *testing.T) {
	entries, err := os.ReadDir("adr")
	if err != nil {
		t.Fatal(err)
	}
	list := read(t, "docs/adr/README.md")
	number := 0
	for _, e := range entries {
		if e.Name() == "README.md" {
			continue
		}
		number++
		if !strings.HasPrefix(e.Name(), fmt.Sprintf("%04d-", number)) {
			t.Errorf("docs/adr/%s is not number %04d", e.Name(), number)
		}
		text := read(t, "docs/adr/"+e.Name())
		for _, part := range []string{"## Context", "## Decision", "## Alternatives", "## Consequences"} {
			if !strings.Contains(text, part+"\n") {
				t.Errorf("docs/adr/%s has no %q", e.Name(), part)
			}
		}
		if !strings.Contains(list, "("+e.Name()+")") {
			t.Errorf("docs/adr/README.md does not list %s", e.Name())
		}
	}
}
