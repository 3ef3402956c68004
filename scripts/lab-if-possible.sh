#!/bin/sh
# Install the router daemons of the interop tests where that is possible, and say so where it is not.
#
# Fails only with RHI_REQUIRE_LAB=1, so that `make test` is of use on a machine without root or network.
set -eu
cd "$(dirname "$0")/.."

if [ ! -f scripts/lab.sh ]; then
    echo "lab: scripts/lab.sh does not exist, so no router daemon was installed" >&2
elif sh scripts/lab.sh; then
    exit 0
fi

[ "${RHI_REQUIRE_LAB:-0}" != 1 ] || exit 1
echo "lab: going on without; interop tests that lack their daemon are skipped and say so" >&2
