#!/usr/bin/env bash
# Makes everything that is generated and committed: templates, stylesheet, the vendored
# browser library, the OpenAPI document, tables in documents.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/gen-web.sh
new=$(mktemp)
trap 'rm -f "$new"' EXIT
go run ./cmd/leadflip openapi >"$new" # first aside: the program may not build
cat "$new" >docs/openapi.json
go test ./docs -count=1 -update >/dev/null
