// Package web is the design language of Leadflip: page frames, components, styles and small scripts.
//
// It knows no lead and no account. Rooms fill plain structs ([Shell], [Field], [Column] …) and get markup that
//
//   - works as plain links and forms when no script runs; scripts only add comfort,
//   - needs no inline script, no inline style and no eval, so the strictest content security policy holds,
//   - asks no other host for anything: styles, scripts and pictures are embedded in the binary,
//   - meets WCAG 2.2 AA in the light and the dark theme, from 360 pixels up.
//
// # Assets
//
// [AssetURL] gives the address of an embedded file. The address contains a hash over all assets, so it may be cached
// for ever, modules that import each other always fit together, and a new release never meets an old file.
//
// # Islands
//
// Scripts are ES modules in assets/js, one per file, without dependencies. They are custom elements that components
// write: copy-button, secret-reveal, leave-guard, first-request, live-updates, scope-sentence, confirm-name, add-ip,
// show-password, error-summary, code-snippets, theme-switch. Pages may also listen on document to "leadflip:<event>"
// for every event of the live stream, and dispatch "leadflip:toast" with {text}.
//
// The live stream is a contract with the server: GET {stream}?after={cursor} answers server-sent events with id, event
// and data (JSON), and a comment at least every 30 seconds; GET {stream}/poll?after={cursor} answers
// {"events":[{"id","type","data"}],"cursor"}. One worker per browser holds the stream for all tabs.
//
// # Making the generated files
//
// The *_templ.go files, assets/app.css and assets/htmx.js are made by tools/gen-web.sh and committed: building
// Leadflip needs nothing but Go.
package web
