#!/bin/sh
# Make sure that there is a C compiler: the tests build a disk that fails when told to (faulty_disk.c).
# Elsewhere than on Debian as root those tests are skipped, and say so.
set -eu
if command -v cc >/dev/null 2>&1; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing Debian's gcc for the tests of failing disks ..."
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev >/dev/null
fi
