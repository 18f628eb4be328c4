#!/usr/bin/env bash
# Sees to it that everything the checks need is there. What is missing is installed
# where that can be done (as root with apt-get); elsewhere this says what to install.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=() missing=()

# need says what is missing, and which package would bring it.
need() { # what, package
	missing+=("$1")
	packages+=("$2")
}

has_postgres() {
	[ -n "${LEADFLIP_TEST_DATABASE_URL:-}" ] && return
	command -v initdb >/dev/null && command -v postgres >/dev/null && return
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

node_is_recent() {
	command -v npm >/dev/null && command -v node >/dev/null && [ "$(node --print 'process.versions.node.split(".")[0]')" -ge 20 ]
}

command -v go >/dev/null || { echo "Go 1.26 or later is needed." >&2; exit 1; }

look() {
	packages=() missing=()
	has_postgres || need "PostgreSQL's server programs (initdb, postgres), or LEADFLIP_TEST_DATABASE_URL" postgresql
	command -v git >/dev/null || need git git
	command -v gcc >/dev/null || command -v clang >/dev/null || need "a C compiler, for the race detector only" gcc
	[ "$(uname)" != Linux ] || command -v strace >/dev/null || need "strace, which makes the disk fail" strace
	node_is_recent || need "Node 20 or later with npm" nodejs
	[ -x "${CHROMIUM:-/usr/bin/chromium}" ] || need "Chromium (CHROMIUM says where)" chromium
}

look
if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	case " ${packages[*]} " in *" gcc "*) packages+=(libc6-dev) ;; esac
	case " ${packages[*]} " in *" nodejs "*) packages+=(npm) ;; esac
	echo "installing ${packages[*]}"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
	look
fi
if [ ${#missing[@]} -gt 0 ]; then
	echo "For the checks this is missing:" >&2
	printf '  - %s\n' "${missing[@]}" >&2
	exit 1
fi

go mod download
go -C tools/lint mod download
go mod download -modfile=tools/go.mod
for folder in tools web-test web-test/openapi; do
	# Again only when what is installed is not what the lock file says.
	if [ -f "$folder/package-lock.json" ] && ! cmp -s "$folder/package-lock.json" "$folder/node_modules/.of-lock"; then
		npm --prefix "$folder" ci --ignore-scripts --no-audit --no-fund --loglevel=error
		cp "$folder/package-lock.json" "$folder/node_modules/.of-lock"
	fi
done
