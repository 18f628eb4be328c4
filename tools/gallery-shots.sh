#!/bin/sh
# Takes pictures of the component gallery, in both themes, wide and narrow: tools/gallery-shots.sh [folder]
# CHROMIUM names the browser.
set -eu
cd "$(dirname "$0")/.."

out=${1:-"${TMPDIR:-/tmp}/leadflip-gallery"}
addr=127.0.0.1:8097
mkdir -p "$out"

go test -c -o "$out/gallery.test" ./internal/platform/web/gallery
LEADFLIP_GALLERY=$addr "$out/gallery.test" -test.run 'TestServe$' -test.timeout 0 &
server=$!
trap 'kill $server; rm -f "$out/gallery.test"' EXIT
sleep 1

for page in components confirm create detail empty help keys login reveal setup; do
	for theme in light dark; do
		scheme=1
		[ $theme = light ] || scheme=0
		for width in 1280 500; do
			"${CHROMIUM:-chromium}" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
				--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
				--blink-settings=preferredColorScheme=$scheme --virtual-time-budget=2000 \
				--window-size=$width,1200 --screenshot="$out/$page-$theme-$width.png" "http://$addr/$page" 2>/dev/null
		done
	done
done
echo "$out"
