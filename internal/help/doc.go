// Package help is the help centre: articles, a page for every problem code, search.
//
// It is readable without login, reads no cookie and no key, stores nothing, and asks
// no other host for anything. The same pages can be had as Markdown: put .md behind
// the address, or send Accept: text/markdown; /llms.txt lists them all.
//
// Articles are Markdown files in articles/, embedded in the binary. Raw HTML in them
// is dropped. The placeholder {{base}} stands for this instance's own address. What
// they say is held to the truth by tests: every internal link resolves, the table of
// endpoints equals the OpenAPI document, and Snippets hands out every command so
// that a test of the whole program can run it.
package help
