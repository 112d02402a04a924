#!/usr/bin/env bash
# Brings the Debian packages that are missing and a .venv with a Python that fits. Installs nothing that is there already.
# usage: setup.sh VENV GROUP...      GROUP: run, test, bench (the third column of packages.txt)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export PATH="$PATH:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive
venv=$1
shift

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

present() { # a command, or a file by its absolute path
    case $1 in /*) [ -e "$1" ] ;; *) command -v "$1" >/dev/null ;; esac
}

missing_packages() { # GROUP... → the packages of these groups that are not there, one a line
    local shown package group wanted=" $* "
    while read -r shown package group; do
        case $shown in ''|'#'*) continue ;; esac
        [[ $wanted == *" $group "* ]] && ! present "$shown" && echo "$package"
    done <"$here/packages.txt"
    return 0
}

install() { # PACKAGE...
    say "installing Debian packages: $*"
    command -v apt-get >/dev/null || die "no apt-get here. Install the equivalents of these by hand: $*"
    [ "$(id -u)" = 0 ] || die "installing needs root. Run make as root, or first: sudo apt-get install $*"
    without_starting_services apt-get -qq update || die "apt-get update failed: is there a network?"
    without_starting_services apt-get -qq -y --no-install-recommends install "$@" >/dev/null ||
        die "apt-get could not install: $* (on Ubuntu, is the 'universe' archive enabled?)"
}

without_starting_services() { # Debian's own switch: a package that brings a daemon must not start it here
    local policy=/usr/sbin/policy-rc.d status=0
    if [ -e $policy ]; then "$@"; return; fi
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    "$@" || status=$?
    rm -f $policy
    return $status
}

fits() { # PYTHON → it runs and is 3.11 or later
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

complete() { # PYTHON → it can make a venv, and its C headers are there
    "$1" -c 'import ensurepip, os, sysconfig, venv; os.stat(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null
}

find_python() { # prints the first Python that fits: PYTHON, else the distribution's own, else one on the PATH
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} /usr/bin/python3.1{3,2,1} /usr/bin/python3 python3.1{3,2,1} python3; do
        fits "$candidate" && { echo "$candidate"; return; }
    done
    return 1
}

python_packages() { # PYTHON → the packages that complete it, named by its version
    local version
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "python$version-venv python$version-dev"
}

need_python() { # leaves the chosen interpreter in $python
    if ! python=$(find_python); then
        apt-cache show python3.11 >/dev/null 2>&1 ||
            die "no Python 3.11 or later, and no package python3.11 to install. Install one and run: make PYTHON=/path/to/python3"
        install python3.11 python3.11-venv python3.11-dev
        python=/usr/bin/python3.11
    fi
    # shellcheck disable=SC2046
    complete "$python" || install $(python_packages "$python")
}

packages=$(missing_packages "$@")
# shellcheck disable=SC2086
[ -z "$packages" ] || install $packages
if ! fits "$venv/bin/python" || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    need_python
    say "making $venv with $python"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi
