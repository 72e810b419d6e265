#!/bin/sh
# Make sure that there is a Chromium for the browser tests: the system's, Debian's package, or Playwright's own.
# Usage: ensure-chromium.sh BIN, the folder that holds `playwright`.
set -eu
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing Debian's chromium for the browser tests ..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
else
  echo "Installing Playwright's Chromium for the browser tests ..."
  "$1/playwright" install chromium
fi
