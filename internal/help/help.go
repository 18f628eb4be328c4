package help

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/cases"

	"github.com/leadflip/leadflip/internal/platform/errs"
)

//go:embed articles/*.md
var files embed.FS

// Article is one page of the help centre.
type Article struct {
	Slug     string
	Title    string
	Summary  string // one sentence
	Category string
	Order    int       // in the whole help centre, categories included
	Updated  time.Time // a day
	Screen   []string  // where in the product to find it, step by step; may be empty
	Source   string    // Markdown without the front matter, with placeholders
}

// Library is all articles in their order. It never changes after it was made.
type Library struct {
	articles []Article
	bySlug   map[string]int
}

var library = mustLibrary(files, "articles")

func mustLibrary(fsys fs.FS, dir string) *Library {
	l, err := NewLibrary(fsys, dir)
	if err != nil {
		panic("help: embedded articles: " + err.Error()) // only a broken build gets here
	}
	return l
}

// Articles lists the articles of this program in their order.
func Articles() []Article { return slices.Clone(library.articles) }

// NewLibrary reads every *.md file in dir.
func NewLibrary(fsys fs.FS, dir string) (*Library, error) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.md"))
	if err != nil {
		return nil, err
	}
	l := &Library{bySlug: map[string]int{}}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		a, err := parseArticle(strings.TrimSuffix(path.Base(name), ".md"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		l.articles = append(l.articles, a)
	}
	slices.SortFunc(l.articles, func(a, b Article) int { return a.Order - b.Order })
	for i, a := range l.articles {
		l.bySlug[a.Slug] = i
	}
	return l, nil
}

// Find returns the article at /help/{slug}.
func (l *Library) Find(slug string) (Article, bool) {
	i, ok := l.bySlug[slug]
	if !ok {
		return Article{}, false
	}
	return l.articles[i], true
}

// parseArticle reads "name: value" lines between two lines of three dashes, then the
// text. Every name is required but screen, and no other is known.
func parseArticle(slug, text string) (Article, error) {
	a := Article{Slug: slug}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	head, body, ok := strings.Cut(strings.TrimPrefix(text, "---\n"), "\n---\n")
	if !ok || !strings.HasPrefix(text, "---\n") {
		return a, fmt.Errorf("there is no front matter between two lines of three dashes")
	}
	seen := map[string]bool{}
	for line := range strings.SplitSeq(head, "\n") {
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || value == "" || seen[name] {
			return a, fmt.Errorf("front matter: %q is not a name with a value of its own", line)
		}
		seen[name] = true
		var err error
		switch name {
		case "title":
			a.Title = value
		case "summary":
			a.Summary = value
		case "category":
			a.Category = value
		case "order":
			a.Order, err = strconv.Atoi(value)
		case "updated":
			a.Updated, err = time.Parse(time.DateOnly, value)
		case "screen":
			for step := range strings.SplitSeq(value, ">") {
				a.Screen = append(a.Screen, strings.TrimSpace(step))
			}
		default:
			err = fmt.Errorf("the name is not known")
		}
		if err != nil {
			return a, fmt.Errorf("front matter: %q: %w", line, err)
		}
	}
	for _, name := range []string{"title", "summary", "category", "order", "updated"} {
		if !seen[name] {
			return a, fmt.Errorf("front matter: %s is missing", name)
		}
	}
	a.Source = strings.TrimSpace(body) + "\n"
	return a, nil
}

// Hit is one find of a search: an article or the page of a problem code.
type Hit struct {
	Title, Text, Href string
	score             int
}

const maxQuery = 200

// Search finds articles and problem codes in which every word of the query occurs,
// in any case and any order. What has the words in its title comes first.
func (l *Library) Search(query string) []Hit {
	if len(query) > maxQuery {
		query = query[:maxQuery]
	}
	words := strings.Fields(fold(query))
	if len(words) == 0 {
		return nil
	}
	var hits []Hit
	add := func(h Hit, text string) {
		title, text := fold(h.Title), fold(text)
		for _, w := range words {
			switch {
			case strings.Contains(title, w):
				h.score += 100
			case strings.Contains(text, w):
				h.score += min(strings.Count(text, w), 10)
			default:
				return
			}
		}
		hits = append(hits, h)
	}
	for _, a := range l.articles {
		add(Hit{Title: a.Title, Text: a.Summary, Href: "/help/" + a.Slug}, a.Summary+" "+a.Source)
	}
	for _, c := range errs.Codes() {
		x, _ := errs.Explain(c)
		add(Hit{Title: x.Title + " (" + string(c) + ")", Text: x.Meaning, Href: errorHref(c)}, x.Meaning+" "+x.Fix)
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return b.score - a.score })
	return hits
}

// fold makes texts comparable without regard to case.
func fold(s string) string { return cases.Fold().String(s) }

func errorHref(c errs.Code) string { return "/help/errors/" + string(c) }
