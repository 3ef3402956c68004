#!/bin/sh
# Make or update a virtual environment and install this project into it, editable.
#
#   scripts/venv.sh DIRECTORY REQUIREMENT      e.g.  scripts/venv.sh .venv '.[dev]'
#
# Takes $PYTHON (python3 unless set), else the newest python3.N that is new enough. Where Debian and Ubuntu
# keep the venv module in a package of its own, root gets that package installed and others are told its name.
set -eu

venv=$1
requirement=$2
python=${PYTHON:-python3}

say() { printf '%s\n' "$*" >&2; }
fail() { say "rhi: $*"; exit 1; }

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }
version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

install() {
    say "Installing $* with apt-get ..."
    { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$@"; } >&2
}

choose_python() {
    if ! command -v "$python" >/dev/null && [ "$python" = python3 ] && may_install; then
        install python3 python3-venv || fail "python3 could not be installed."
    fi
    is_new_enough "$python" && return
    if [ "$python" = python3 ]; then
        for candidate in python3.14 python3.13 python3.12 python3.11; do
            if is_new_enough "$candidate"; then
                python=$candidate
                return
            fi
        done
    fi
    found=$(version_of "$python") || fail "$python does not run; Python 3.11 or newer is needed."
    fail "$python is Python $found; 3.11 or newer is needed (another one: make PYTHON=/path/to/python3.12 ...)."
}

make_venv() {
    if ! has_venv "$python"; then
        package="python$(version_of "$python")-venv"
        hint="$python has no venv module; on Debian and Ubuntu: apt-get install $package"
        may_install || fail "$hint"
        install "$package" || fail "$hint"
        has_venv "$python" || fail "$hint"
    fi
    # through a link, --clear would empty the environment of another tree
    [ ! -L "$venv" ] || rm "$venv"
    "$python" -m venv --clear "$venv" || fail "the virtual environment $venv could not be made."
}

# Kept when it works and was made here; a venv holds absolute paths and does not survive a move.
if [ "$(cat "$venv/.home" 2>/dev/null)" != "$PWD" ] || ! is_new_enough "$venv/bin/python"; then
    choose_python
    say "Making $venv with Python $(version_of "$python") ..."
    make_venv
fi

say "Installing $requirement into $venv ..."
# Twice quiet: errors only.
"$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input --editable "$requirement" ||
    fail "$requirement could not be installed into $venv; pip's reason is above. Is there a network?"
printf '%s\n' "$PWD" >"$venv/.home"
