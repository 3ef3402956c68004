#!/bin/sh
# Install the router daemons that tests/interop peers with: BIRD, FRR, GoBGP, OpenBGPD, ExaBGP; tshark, which
# reads what rhi sends; HAProxy and dnsmasq, which health checks ask; Chromium, which looks at the daemon's page;
# the tools of systemd, which judge our unit; and Graphviz, which draws for the documentation.
#
# Debian and Ubuntu, as root. Run twice, the second run finds everything and changes nothing. The packages' own
# services are neither started nor enabled: the tests start each daemon themselves, in namespaces and temporary
# folders. Exit status: 0 all is there; 1 something is missing, named on standard error.
#
# Usage: scripts/lab.sh [PYTHON]     PYTHON: the interpreter that gets ExaBGP (default .venv/bin/python)
set -u

repository=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=${1:-$repository/.venv/bin/python}
[ -x "$python" ] || python=$(command -v python3 || echo python3)

# What a test calls, and the Debian package that brings it. The daemons live in sbin, which users may not search.
PATH=$PATH:/usr/sbin:/sbin:/usr/lib/frr
tools='ip:iproute2 bird:bird2 birdc:bird2 bgpd:frr zebra:frr vtysh:frr gobgpd:gobgpd gobgp:gobgpd bgpctl:openbgpd'
tools="$tools tshark:tshark text2pcap:wireshark-common haproxy:haproxy dnsmasq:dnsmasq-base"
tools="$tools chromium:chromium chromedriver:chromium-driver systemd-analyze:systemd dot:graphviz"
services='bird bird6 frr gobgpd openbgpd haproxy'
openbgpd=/usr/sbin/bgpd        # FRR has a bgpd too, in /usr/lib/frr
frr_bgpd=/usr/lib/frr/bgpd

say() { printf 'lab: %s\n' "$*"; }
complain() { printf 'lab: %s\n' "$*" >&2; }

# tool_is_there NAME PACKAGE
tool_is_there() {
    case $1:$2 in
        bgpd:frr) [ -x "$frr_bgpd" ] ;;
        bgpctl:openbgpd) [ -x "$openbgpd" ] && command -v bgpctl >/dev/null 2>&1 ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing_packages() {
    for pair in $tools; do
        tool_is_there "${pair%%:*}" "${pair##*:}" || echo "${pair##*:}"
    done | sort -u
}

exabgp_is_there() { "$python" -c 'import exabgp' >/dev/null 2>&1; }

# While packages install, forbid their scripts to start a service (the hook is Debian's own: invoke-rc.d asks it).
policy=/usr/sbin/policy-rc.d
saved=
forbid_services() {
    if [ -e "$policy" ]; then
        saved=$policy.rhi-lab.$$
        mv "$policy" "$saved" || return 1
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
}
allow_services() {
    rm -f "$policy"
    [ -z "$saved" ] || mv "$saved" "$policy"
}

install_packages() {
    apt=$1
    shift
    DEBIAN_FRONTEND=noninteractive "$apt" install -y -q --no-install-recommends "$@" >"$log" 2>&1
}

# A package that brings a service would have it start at the next boot; the lab has no use for that.
disable_new_services() {
    command -v systemctl >/dev/null 2>&1 || return 0
    for service in $services; do
        case " $enabled_before " in *" $service "*) continue ;; esac
        systemctl disable "$service" >/dev/null 2>&1 || true
    done
}

services_enabled() {
    command -v systemctl >/dev/null 2>&1 || return 0
    for service in $services; do
        systemctl is-enabled --quiet "$service" 2>/dev/null && printf '%s ' "$service"
    done
}

get_packages() {
    if [ "$(id -u)" -ne 0 ]; then
        complain "not root: cannot install $(echo $1)"
        return 1
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        complain "no apt-get on this system: install by hand $(echo $1)"
        return 1
    fi
    log=$(mktemp)
    enabled_before=$(services_enabled)
    forbid_services || { complain "cannot write $policy"; return 1; }
    trap 'allow_services; rm -f "$log"' EXIT
    trap 'exit 130' INT TERM
    say "installing $(echo $1)"
    apt-get update -q >"$log" 2>&1 || complain "apt-get update failed, trying with the package lists at hand"
    # All at once is fast; one by one gets what can be had when one of them cannot.
    # shellcheck disable=SC2086
    install_packages apt-get $1 || for package in $1; do
        install_packages apt-get "$package" || { complain "$package:"; tail -n 3 "$log" >&2; }
    done
    disable_new_services
}

packages=$(missing_packages)
[ -z "$packages" ] || get_packages "$packages"

if ! exabgp_is_there; then
    say "installing exabgp for $python"
    answer=$("$python" -m pip install -q --disable-pip-version-check 'exabgp==5.*' 2>&1) ||
        complain "pip: $(printf '%s\n' "$answer" | grep -i '^error' | head -n 1)"
fi

missing=$(missing_packages)
exabgp_is_there || missing="$missing exabgp"
if [ -n "$missing" ]; then
    complain "could not get: $(echo $missing)"
    exit 1
fi
say 'all that the tests call is there'
