#!/bin/sh
# Announce ADDRESS to PEER while FILE exists; all other words are options of `rhi speak`.
#
#   examples/file_exists.sh FILE ADDRESS PEER [OPTION]...
#
# The loop may repeat itself: what does not change is not sent again.
set -eu
file=$1 address=$2 peer=$3
shift 3

while sleep 0.2; do
    if [ -e "$file" ]; then echo "announce $address"; else echo "withdraw $address"; fi
done | rhi speak --stdin "$@" 65001 192.0.2.10 "$peer"
