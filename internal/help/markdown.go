package help

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/a-h/templ"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/leadflip/leadflip/internal/platform/web"
)

// basePlaceholder stands for the address of the instance that shows the article.
const basePlaceholder = "{{base}}"

// Markdown is the article as text, with the placeholders filled.
func (a Article) Markdown(base string) string {
	return strings.ReplaceAll(a.Source, basePlaceholder, base)
}

// Snippet is one piece of code of an article.
type Snippet struct {
	Lang string // bash, js, json …
	Code string
}

// Snippets lists the code blocks of an article in their order, with the placeholders
// filled. What a reader has to fill in himself, such as YOUR_KEY, stays.
func Snippets(a Article, base string) []Snippet {
	src := []byte(a.Markdown(base))
	var out []Snippet
	_ = ast.Walk(markdown.Parser().Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if block, ok := n.(*ast.FencedCodeBlock); ok && entering {
			out = append(out, Snippet{Lang: string(block.Language(src)), Code: codeOf(block, src)})
		}
		return ast.WalkContinue, nil
	})
	return out
}

// markdown turns articles into HTML. Raw HTML and dangerous addresses are dropped,
// which is goldmark's default.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.Table),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(codeRenderer{}, 100))),
)

// htmlOf renders Markdown.
func htmlOf(src string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		return markdown.Convert([]byte(src), w)
	})
}

// codeRenderer writes code blocks with our components. Blocks that follow each other
// directly are the same call in several languages, shown one at a time.
type codeRenderer struct{}

func (codeRenderer) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	reg.Register(ast.KindFencedCodeBlock, renderCode)
}

var languages = map[string]string{"bash": "cURL", "js": "JavaScript", "json": "JSON", "http": "HTTP", "text": "Text"}

func renderCode(w util.BufWriter, src []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	if _, grouped := n.PreviousSibling().(*ast.FencedCodeBlock); grouped {
		return ast.WalkSkipChildren, nil // its first one has shown it
	}
	number := 1
	for p := n.PreviousSibling(); p != nil; p = p.PreviousSibling() {
		if p.Kind() == ast.KindFencedCodeBlock {
			number++
		}
	}
	id, label := fmt.Sprintf("code-%d", number), fmt.Sprintf("Example %d", number)
	var group []web.Snippet
	for next := n; next != nil; next = next.NextSibling() {
		block, ok := next.(*ast.FencedCodeBlock)
		if !ok {
			break
		}
		lang := string(block.Language(src))
		group = append(group, web.Snippet{Lang: lang, Label: languages[lang], Code: codeOf(block, src)})
	}
	c := web.CodeBlock(id, label, group[0].Code)
	if len(group) > 1 {
		c = web.Snippets(id, label, group)
	}
	return ast.WalkSkipChildren, c.Render(context.Background(), w)
}

func codeOf(block *ast.FencedCodeBlock, src []byte) string {
	var b bytes.Buffer
	for i := range block.Lines().Len() {
		line := block.Lines().At(i)
		b.Write(line.Value(src))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
