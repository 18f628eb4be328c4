package app_test

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The laws of the house, as ARCHITECTURE.md states them. A law that is broken is mended
// where it is broken; an exception stands here, with its reason.

const module = "github.com/leadflip/leadflip/"

// ladder is the order of the rooms, with what each may import. An earlier room never
// imports a later one; everything upwards and sideways goes by events.
var ladder = map[string][]string{
	"audit":    {},
	"account":  {"audit"},
	"apikey":   {"audit", "account"},
	"entity":   {"audit", "account", "apikey"},
	"lead":     {"audit", "account", "apikey", "entity"},
	"transfer": {"audit", "account", "apikey", "entity", "lead"},
	"help":     {"audit", "account"},
	"events":   {"audit", "account"},
}

// leaves of the platform import the standard library and nothing else.
var leaves = []string{"errs", "id", "page", "clock"}

// source is one Go file of the repository.
type source struct {
	path      string // from the root of the repository, with slashes
	text      string
	lines     int
	file      *ast.File
	set       *token.FileSet
	test      bool
	generated bool
}

func (s *source) dir() string { return path.Dir(s.path) }

// room is the room that a file belongs to, "" for none.
func (s *source) room() string {
	rest, ok := strings.CutPrefix(s.dir(), "internal/")
	if !ok || strings.HasPrefix(rest, "platform") || rest == "app" {
		return ""
	}
	room, _, _ := strings.Cut(rest, "/")
	return room
}

// imports of a file, those of this module without its name.
func (s *source) imports() (out []string) {
	for _, i := range s.file.Imports {
		name, _ := strconv.Unquote(i.Path.Value)
		out = append(out, strings.TrimPrefix(name, module))
	}
	return out
}

// uses tells where a file mentions package.name, for an import path and names of it.
func (s *source) uses(importPath string, names ...string) (where []string) {
	local := ""
	for _, i := range s.file.Imports {
		if value, _ := strconv.Unquote(i.Path.Value); value == importPath {
			local = path.Base(importPath)
			if i.Name != nil {
				local = i.Name.Name
			}
		}
	}
	if local == "" {
		return nil
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains(names, sel.Sel.Name) {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == local {
				where = append(where, s.at(sel)+" "+local+"."+sel.Sel.Name)
			}
		}
		return true
	})
	return where
}

func (s *source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.set.Position(n.Pos()).Line)
}

// texts are the string literals of a file.
func (s *source) texts(each func(lit *ast.BasicLit, value string)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			value, _ := strconv.Unquote(lit.Value)
			each(lit, value)
		}
		return true
	})
}

var root = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	panic(err)
})

// walk visits every file that belongs to the repository.
func walk(t *testing.T, visit func(path string, read func() string)) {
	t.Helper()
	err := filepath.WalkDir(root(), func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".ci" && name != root() || slices.Contains([]string{"node_modules", "bin", "data", "test-results", "playwright-report"}, entry.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		short, err := filepath.Rel(root(), name)
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		visit(filepath.ToSlash(short), func() string {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// program is every Go file of the module.
func program(t *testing.T) []*source {
	t.Helper()
	var out []*source
	walk(t, func(name string, read func() string) {
		first, _, _ := strings.Cut(name, "/")
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") {
			return
		}
		if _, err := os.Stat(filepath.Join(root(), first, "go.mod")); err == nil {
			return // a module of its own, for the workshop
		}
		s := &source{path: name, text: read(), set: token.NewFileSet(), test: strings.HasSuffix(name, "_test.go")}
		s.lines = strings.Count(s.text, "\n")
		var err error
		if s.file, err = parser.ParseFile(s.set, name, s.text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
		s.generated = ast.IsGenerated(s.file)
		out = append(out, s)
	})
	if len(out) < 50 {
		t.Fatalf("only %d files were found", len(out))
	}
	return out
}

func TestEverythingUnderInternalIsAWordOfOurUsers(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(filepath.Join(root(), "internal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, room := ladder[e.Name()]; !room && e.Name() != "app" && e.Name() != "platform" {
			t.Errorf("internal/%s is neither a room of the ladder nor app nor platform", e.Name())
		}
	}
	for _, s := range program(t) {
		for word := range strings.SplitSeq(s.dir(), "/") {
			if slices.Contains([]string{"util", "utils", "common", "helpers", "mocks", "models", "shared", "misc"}, word) {
				t.Errorf("%s: %s is not a word that says what is inside", s.path, word)
			}
		}
	}
}

func TestRoomsImportOnlyEarlierRooms(t *testing.T) {
	t.Parallel()
	for _, s := range program(t) {
		if s.room() == "" {
			continue
		}
		for _, name := range s.imports() {
			other, ok := strings.CutPrefix(name, "internal/")
			if !ok || strings.HasPrefix(other, "platform/") {
				continue
			}
			other, _, _ = strings.Cut(other, "/")
			if other != s.room() && !slices.Contains(ladder[s.room()], other) {
				t.Errorf("%s imports %s, which is not before %s on the ladder", s.path, other, s.room())
			}
		}
	}
}

func TestTheDirectionOfImports(t *testing.T) {
	t.Parallel()
	for _, s := range program(t) {
		for _, name := range s.imports() {
			inside := strings.HasPrefix(name, "internal/") || strings.HasPrefix(name, "client")
			switch {
			case name == "internal/app" && !strings.HasPrefix(s.path, "cmd/") && s.dir() != "internal/app" && (s.dir() != "client" || !s.test):
				t.Errorf("%s imports app, which only cmd does, and the client's tests", s.path)
			case strings.HasPrefix(s.path, "cmd/") && inside && name != "internal/app":
				t.Errorf("%s imports %s; cmd knows app alone", s.path, name)
			case strings.HasPrefix(s.path, "internal/platform/") && inside && !strings.HasPrefix(name, "internal/platform/"):
				t.Errorf("%s imports %s; the platform knows no room", s.path, name)
			case strings.HasPrefix(s.path, "client/") && strings.HasPrefix(name, "internal/") && !s.test:
				t.Errorf("%s imports %s; the client is for others and stands alone", s.path, name)
			case strings.HasSuffix(name, "test") && inside && !s.test && !strings.HasPrefix(s.path, name+"/"):
				t.Errorf("%s imports %s, which is for tests", s.path, name)
			}
			if leaf := strings.TrimPrefix(s.dir(), "internal/platform/"); slices.Contains(leaves, leaf) && !s.test && (inside || strings.Contains(strings.Split(name, "/")[0], ".")) {
				t.Errorf("%s imports %s; %s is a leaf and imports the standard library alone", s.path, name, leaf)
			}
		}
	}
}

// The seam's own drivers stay behind it, whatever the file.
func TestDatabaseDriversStayBehindTheSeam(t *testing.T) {
	t.Parallel()
	for _, s := range program(t) {
		if s.test || strings.HasPrefix(s.path, "internal/platform/db/") {
			continue
		}
		for _, name := range s.imports() {
			for _, driver := range []string{"modernc.org/", "github.com/jackc/", "github.com/pressly/goose"} {
				if strings.HasPrefix(name, driver) {
					t.Errorf("%s imports %s; only platform/db does", s.path, name)
				}
			}
		}
		if s.room() != "" {
			for _, use := range s.uses(module+"internal/platform/db", "Postgres", "SQLite") {
				t.Errorf("%s: what differs between the databases belongs to platform/db", use)
			}
		}
	}
}

const (
	huma     = "github.com/danielgtaylor/huma/v2"
	templ    = "github.com/a-h/templ"
	dbPath   = "internal/platform/db"
	apiPath  = "internal/platform/api"
	webPath  = "internal/platform/web"
	httpPath = "internal/platform/httpd"
)

// kinds are the files of a room by the first word of their names, with what they must
// not import. "" stands for every other name: a use case or a rule.
var kinds = map[string][]string{
	"doc":     {"*"},
	"noun":    {"net/http", "database/sql", dbPath, apiPath, webPath, httpPath, huma, templ},
	"service": {"net/http", "database/sql", webPath, huma, templ},
	"store":   {"net/http", apiPath, webPath, httpPath, huma, templ},
	"api":     {"database/sql", webPath, templ},
	"web":     {"database/sql", huma},
	"views":   {"database/sql", dbPath, huma},
	"":        {"net/http", "database/sql", apiPath, webPath, httpPath, huma, templ},
}

// allowed are the exceptions to kinds, each with its reason.
var allowed = map[string]string{
	"internal/apikey/gate.go " + apiPath:     "it implements the seam of platform/api by which a key is checked",
	"internal/apikey/gate.go " + httpPath:    "it checks what the request says of its sender",
	"internal/apikey/usage.go " + apiPath:    "it counts the calls that platform/api tells of",
	"internal/apikey/reports.go " + httpPath: "it counts the reports that come from one network",
	"internal/entity/sniff.go net/http":      "it tells what a file is by its content with the table of net/http",
	"internal/help/markdown.go " + templ:     "it turns an article into a component",
	"internal/help/markdown.go " + webPath:   "it draws with the components of the platform",
	"internal/help/examples.go " + apiPath:   "its examples are made from the API's own description",
	"internal/help/examples.go " + httpPath:  "its examples carry the address of this instance",
	"internal/help/text.go " + httpPath:      "its texts carry the address of this instance",
}

func kindOf(s *source) string {
	base := strings.TrimSuffix(path.Base(s.path), ".go")
	first, _, _ := strings.Cut(base, "_")
	switch {
	case base == s.room():
		return "noun"
	case kinds[first] != nil && first != "noun":
		return first
	}
	return ""
}

func TestImportsByFileName(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, s := range program(t) {
		if s.room() == "" || s.test {
			continue
		}
		for _, name := range s.imports() {
			if forbidden := kinds[kindOf(s)]; forbidden[0] != "*" && !slices.Contains(forbidden, name) {
				continue
			}
			key := s.path + " " + name
			used[key] = true
			if allowed[key] == "" {
				t.Errorf("%s imports %s, which a file of this kind (%s) does not", s.path, name, cmp.Or(kindOf(s), "use case"))
			}
		}
	}
	for key := range allowed {
		if !used[key] {
			t.Errorf("the exception for %s is not needed any more", key)
		}
	}
}

// All SQL of a room is in its store files. A statement is recognised by how it begins,
// and by the methods that run one.
func TestSQLIsInStoreFiles(t *testing.T) {
	t.Parallel()
	begins := regexp.MustCompile(`^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER|DROP) [^.!?]*\b(FROM|INTO|SET|AS|TABLE|INDEX)\b`)
	for _, s := range program(t) {
		if s.room() == "" && s.dir() != "internal/app" || s.test || kindOf(s) == "store" {
			continue
		}
		s.texts(func(lit *ast.BasicLit, value string) {
			if begins.MatchString(value) {
				t.Errorf("%s: SQL outside of a store file", s.at(lit))
			}
		})
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Exec", "Query", "QueryRow"}, sel.Sel.Name) {
				t.Errorf("%s: %s outside of a store file", s.at(call), sel.Sel.Name)
			}
			return true
		})
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	t.Parallel()
	comments := map[string][]string{}
	for _, s := range program(t) {
		if strings.HasSuffix(s.file.Name.Name, "_test") {
			continue
		}
		if _, known := comments[s.dir()]; !known {
			comments[s.dir()] = nil
		}
		if s.file.Doc != nil && !s.generated {
			text := s.file.Doc.Text()
			comments[s.dir()] = append(comments[s.dir()], s.path)
			if want := "Package " + s.file.Name.Name + " "; s.file.Name.Name == "main" && !strings.HasPrefix(text, "Command ") || s.file.Name.Name != "main" && !strings.HasPrefix(text, want) {
				t.Errorf("%s: the package comment begins %.40q", s.path, text)
			}
		}
	}
	for dir, files := range comments {
		if len(files) != 1 {
			t.Errorf("%s has %d package comments: %v", dir, len(files), files)
		}
	}
}

// A key is revoked in one place, so that nothing can be forgotten there.
func TestOneStatementSetsRevokedAt(t *testing.T) {
	t.Parallel()
	sets := regexp.MustCompile(`(?is)\bSET\b.*\brevoked_at\s*=|INSERT INTO api_keys\b[^)]*\brevoked_at\b`)
	var where []string
	for _, s := range program(t) {
		if s.test {
			continue
		}
		s.texts(func(lit *ast.BasicLit, value string) {
			if sets.MatchString(value) {
				where = append(where, s.at(lit))
			}
		})
	}
	if len(where) != 1 {
		t.Errorf("revoked_at is set at %d places: %v", len(where), where)
	}
}

// The program makes no request to any outside host.
func TestNobodyIsCalled(t *testing.T) {
	t.Parallel()
	for _, s := range program(t) {
		if s.test || strings.HasPrefix(s.path, "client/") || strings.HasPrefix(s.path, "internal/platform/outbound/") || strings.HasPrefix(s.path, "internal/platform/db/") {
			continue
		}
		uses := s.uses("net/http", "Client", "DefaultClient", "DefaultTransport", "Transport", "Get", "Head", "Post", "PostForm", "NewRequest", "NewRequestWithContext")
		uses = append(uses, s.uses("net", "Dial", "DialTimeout", "Dialer", "DialTCP", "DialUDP", "DialUnix", "LookupHost", "LookupIP", "LookupAddr", "DefaultResolver", "Resolver")...)
		for _, use := range uses {
			t.Errorf("%s: the program calls nobody", use)
		}
	}
}

// Secrets come from crypto/rand. Other randomness only spreads retries in the seams.
func TestRandomness(t *testing.T) {
	t.Parallel()
	for _, s := range program(t) {
		if s.test || strings.HasPrefix(s.path, "internal/platform/db/") {
			continue
		}
		for _, name := range s.imports() {
			if strings.HasPrefix(name, "math/rand") {
				t.Errorf("%s imports %s", s.path, name)
			}
		}
	}
}

// Whatever decides by time asks the clock that a test can set. A duration may be
// measured: start := time.Now().
func TestTheClockIsAsked(t *testing.T) {
	t.Parallel()
	for _, s := range program(t) {
		if s.room() == "" || s.test {
			continue
		}
		measured := map[int]bool{}
		for i, line := range strings.Split(s.text, "\n") {
			if strings.TrimSpace(line) == "start := time.Now()" {
				measured[i+1] = true
			}
		}
		for _, use := range s.uses("time", "Now", "Since", "Until") {
			number, _, _ := strings.Cut(strings.TrimPrefix(use, s.path+":"), " ")
			line, _ := strconv.Atoi(number)
			if !measured[line] && !strings.Contains(strings.Split(s.text, "\n")[line-1], "time.Since(start)") {
				t.Errorf("%s: ask the clock", use)
			}
		}
	}
}

// A file that grows past this is split by use case, never by layer.
func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, s := range program(t) {
		if s.lines > 500 && !s.generated {
			t.Errorf("%s has %d lines", s.path, s.lines)
		}
	}
}

// written are the kinds of file that people write, and Makefile and .ci/run.
var written = []string{".go", ".templ", ".css", ".js", ".ts", ".sql", ".md", ".sh", ".yml", ".yaml", ".txtar", ".mod", ".json", "Makefile", "run"}

// Nothing is left for later, and nothing knows the machine it was written on.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	machine := regexp.MustCompile(`(^|["'\x60\s=(:])/(ho` + `me|ro` + `ot|Us` + `ers|wo` + `rk)/[A-Za-z0-9._]`)
	walk(t, func(name string, read func() string) {
		if !slices.Contains(written, cmp.Or(path.Ext(name), path.Base(name))) || strings.HasSuffix(name, ".min.js") || strings.HasSuffix(name, "package-lock.json") || strings.HasPrefix(name, "internal/platform/web/assets/") {
			return
		}
		for i, line := range strings.Split(read(), "\n") {
			if word := later.FindString(line); word != "" {
				t.Errorf("%s:%d: %s", name, i+1, word)
			}
			if found := machine.FindString(line); found != "" {
				t.Errorf("%s:%d: a path of one machine: %s", name, i+1, found)
			}
		}
	})
}
