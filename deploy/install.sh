#!/usr/bin/env bash
# Puts the gateway on this machine as a service, or takes it away again. Neither starts nor stops anything by itself.
# usage: install.sh install PYTHON WHEEL | install.sh remove
# DESTDIR puts the files elsewhere, for packagers and tests.
set -euo pipefail
cd "$(dirname "$0")/.."
prefix=/opt/pairwall
root=${DESTDIR:-}

# source in the repository → place in the system
files=(
    "systemd/pairwall.service     /etc/systemd/system/pairwall.service"
    "systemd/pairwall.service.d/fastpath.conf /etc/systemd/system/pairwall.service.d/fastpath.conf"
    "systemd/pairwall.service.d/nat64.conf /etc/systemd/system/pairwall.service.d/nat64.conf"
    "systemd/pairwall.sysusers    /etc/sysusers.d/pairwall.conf"
    "systemd/pairwall.tmpfiles    /etc/tmpfiles.d/pairwall.conf"
    "deploy/sysctl.conf           /etc/sysctl.d/60-pairwall.conf"
    "deploy/modules.conf          /etc/modules-load.d/pairwall.conf"
)

die() { printf 'install: %s\n' "$*" >&2; exit 1; }

live() { [ -z "$root" ] && command -v "$1" >/dev/null; } # a tool to call, if this is the running system

install_program() { # PYTHON WHEEL
    "$1" -m venv "$root$prefix"
    "$root$prefix/bin/python" -m pip --quiet --disable-pip-version-check install --force-reinstall "$2[netfilterqueue]"
    mkdir -p "$root$prefix/share" "$root/usr/local/bin"
    cp -r README.md docs config deploy "$root$prefix/share/"
    ln -sfn "$prefix/bin/pairwall" "$root/usr/local/bin/pairwall"
}

install_files() {
    local source place
    for line in "${files[@]}"; do
        read -r source place <<<"$line"
        install -D -m 0644 "$source" "$root$place"
    done
    if [ ! -e "$root/etc/pairwall/rules.yaml" ]; then
        install -D -m 0640 config/rules.yaml "$root/etc/pairwall/rules.yaml"
    fi
}

settle() { # users and folders; the caller decides when to start
    if live systemd-sysusers; then systemd-sysusers /etc/sysusers.d/pairwall.conf; fi
    if live systemd-tmpfiles; then systemd-tmpfiles --create /etc/tmpfiles.d/pairwall.conf; fi
    if [ -z "$root" ] && getent group pairwall >/dev/null; then chgrp -R pairwall /etc/pairwall; fi
}

reload_units() {
    if live systemctl && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

remove() {
    local place
    if live systemctl && [ -d /run/systemd/system ]; then systemctl disable --now pairwall.service || true; fi
    if [ -z "$root" ] && [ -x "$prefix/bin/pairwall" ]; then # a killed daemon's fast path, or one that was to be kept
        "$prefix/bin/pairwall" unload || true
        umount /run/pairwall/bpf 2>/dev/null || true
    fi
    for line in "${files[@]}"; do
        read -r _ place <<<"$line"
        rm -f "$root$place"
    done
    rmdir --ignore-fail-on-non-empty "$root/etc/systemd/system/pairwall.service.d" 2>/dev/null || true
    rm -rf "$root$prefix" "$root/usr/local/bin/pairwall"
    reload_units
}

[ -n "$root" ] || [ "$(id -u)" = 0 ] || die "this needs root"
case ${1:-} in
    install)
        install_program "$2" "$3"
        install_files
        settle
        reload_units
        cat <<END
installed. Next:
  1. edit /etc/pairwall/rules.yaml: your interfaces (ip -br address), then: pairwall check /etc/pairwall/rules.yaml
  2. systemctl restart systemd-sysctl systemd-modules-load
  3. systemctl enable --now pairwall
Taken away again by: make uninstall (your rules in /etc/pairwall stay)
END
        ;;
    remove) remove ;;
    *) die "usage: install.sh install PYTHON WHEEL | remove" ;;
esac
