#!/bin/sh
# Makes every generated file of the web interface: *_templ.go, the stylesheet, the vendored htmx.
# The results are committed; CI runs this again and fails if anything differs.
set -eu
cd "$(dirname "$0")/.."

web=internal/platform/web

if [ ! -x tools/node_modules/.bin/tailwindcss ]; then
	npm --prefix tools ci --ignore-scripts --no-audit --no-fund
fi

go tool -modfile=tools/go.mod templ generate -path ./internal -log-level warn

# Tailwind looks for its own stylesheets beside the input file, which is not where npm puts them.
NODE_PATH="$PWD/tools/node_modules" tools/node_modules/.bin/tailwindcss \
	--input "$web/style/app.css" --output "$web/assets/app.css" --minify

cp tools/node_modules/htmx.org/dist/htmx.min.js "$web/assets/htmx.js"
