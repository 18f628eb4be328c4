#!/usr/bin/env bash
# Every check of the project, the quick ones first; it ends with the first that fails.
# With arguments only those stages are run, e.g. tools/test.sh lint e2e.
set -euo pipefail
cd "$(dirname "$0")/.."

# Whatever a test cannot do here is a failure, not a skip.
export CI=true NO_COLOR=1

stages=(setup format vet build lint generated unit scanners e2e openapi browser)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Tests of Go and of the browser share one private PostgreSQL server.
if [ -z "${LEADFLIP_TEST_DATABASE_URL:-}" ] && [ -z "${inside:-}" ]; then
	case " ${*:-all} " in *" all "* | *" unit "* | *" e2e "* | *" browser "*)
		tools/setup.sh
		export inside=1
		exec go run ./internal/platform/db/dbtest/withpg tools/test.sh "$@"
		;;
	esac
fi

setup() { tools/setup.sh; }

format() {
	local unformatted
	unformatted=$(gofmt -l $(git ls-files --cached --others --exclude-standard '*.go' | xargs -r ls -d 2>/dev/null))
	[ -z "$unformatted" ] || { printf 'gofmt would change:\n%s\n' "$unformatted"; return 1; }
}

vet() {
	go vet ./...
	[ ! -f bench/go.mod ] || go -C bench vet ./...
}

# The product is built without a C compiler.
build() { CGO_ENABLED=0 go build -o /dev/null ./cmd/leadflip; }

lint() {
	go -C tools/lint build -o "$PWD/bin/golangci-lint" github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	bin/golangci-lint run ./...
}

# What is generated must be what make gen makes of the sources.
generated() {
	local before after
	before=$(fingerprints)
	tools/gen.sh
	after=$(fingerprints)
	[ "$before" = "$after" ] || {
		echo "These files are not what make gen makes; it has made them anew, look at them and commit:"
		diff <(echo "$before") <(echo "$after") | sed -n 's/^> [0-9a-f]*  /  /p'
		return 1
	}
}

fingerprints() {
	git ls-files --cached --others --exclude-standard -z '*_templ.go' internal/platform/web/assets 'docs/*.json' '*.md' | xargs -0 -r sha256sum 2>/dev/null || true
}

# Code that computes a lot and has no goroutines is not slowed down by the race detector:
# that of SQLite, translated from C, keeps its memory where the detector does not look.
race=(-race '-gcflags=modernc.org/sqlite/lib=-race=false' '-gcflags=index/suffixarray=-race=false')

unit() { go test "${race[@]}" -timeout 15m -v $(go list ./... | grep -v /e2e$); }

# The secret scanners of others, on our keys.
scanners() { go -C tools/scanners vet ./... && go -C tools/scanners test -v ./...; }

e2e() { go test "${race[@]}" -timeout 15m -v ./e2e; }

# The OpenAPI document: a public linter, and a client that a public generator makes.
openapi() {
	[ -d web-test/openapi/node_modules ] || { echo "the tools are not installed; run tools/setup.sh"; return 1; }
	(cd web-test && npx --no-install playwright test --config openapi.config.ts)
}

browser() {
	[ -d web-test ] || { echo "there is no web-test"; return 1; }
	(cd web-test && npx --no-install playwright test)
}

seconds() { date +%s; }

run() {
	local begin code
	begin=$(seconds)
	printf '%-10s ' "$1"
	# Not as a condition, where a stage would go on after a command that failed.
	set +e
	(set -e && "$1") >"$log" 2>&1
	code=$?
	set -e
	if [ $code = 0 ]; then
		printf 'ok      %4ds\n' $(($(seconds) - begin))
		# What was left out is said, not hidden.
		grep -E 'NOT TESTED|not tested on' "$log" | sort -u | sed 's/^ */           /' || true
		return
	fi
	printf 'FAILED  %4ds\n\n' $(($(seconds) - begin))
	# Without the tests that passed.
	grep -vE '^\s*(=== (RUN|PAUSE|CONT|NAME)|--- PASS)' "$log" | tail -n 400
	printf '\n%s failed. To run it alone: tools/test.sh %s\n' "$1" "$1"
	exit 1
}

begin=$(seconds)
for stage in "${stages[@]}"; do
	if [ $# = 0 ] || [[ " $* " == *" $stage "* ]]; then
		run "$stage"
	fi
done
printf '%-10s ok      %4ds\n' all $(($(seconds) - begin))
