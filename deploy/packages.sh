#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# The one place that lists the Debian packages CommHub needs. It asks dpkg first and installs only what is
# missing, so that a second run costs a fraction of a second and needs no root.
set -euo pipefail

build_packages=(
    build-essential cmake ninja-build pkg-config ca-certificates curl jq
    libssl-dev libjansson-dev libmicrohttpd-dev libwebsockets-dev libsqlite3-dev libyaml-dev
    python3 python3-yaml
)
test_packages=(
    clang-14 clang-format-14 libclang-rt-14-dev llvm-14
    libcmocka-dev libmsgpack-dev
    python3 python3-venv
    adduser chromium openssl git iproute2 mount nftables procps shellcheck systemd util-linux xz-utils
)
bench_packages=(python3 python3-venv procps nats-server redis-server mosquitto)
# Packages of the bench list whose installation would start and enable a server.
bench_services=(nats-server redis-server mosquitto)

oldest_node=18

usage()
{
    cat <<'TEXT'
usage: deploy/packages.sh [--list] build|test|bench ...

Installs the Debian packages that are missing for a purpose (root or sudo):
  build   what the hub and its page are built from
  test    what tests/run.sh needs on top of it
  bench   the servers the benchmarks compare with; they are installed, but neither started nor enabled

  --list  print the names of the packages and install nothing
TEXT
}

fail()
{
    printf 'packages.sh: %s\n' "$*" >&2
    exit 1
}

# Debian's nodejs and npm are asked for only where no node that is new enough, with an npm, is there already.
node_is_missing()
{
    command -v npm >/dev/null 2>&1 || return 0
    local major
    major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p')
    [[ -z $major || $major -lt $oldest_node ]]
}

missing_of()
{
    local package status
    for package in "$@"; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [[ $status == installed ]] || printf '%s\n' "$package"
    done
}

as_root()
{
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_install()
{
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=120 "$@"
}

# While this file exists and exits 101, Debian's maintainer scripts start no service.
policy=/usr/sbin/policy-rc.d
forbid_service_start()
{
    [[ -e $policy ]] && return
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    trap 'as_root rm -f "$policy"' EXIT
}

install_missing()
{
    local -a wanted=("$@") missing=() services=()
    mapfile -t missing < <(missing_of "${wanted[@]}")
    [[ ${#missing[@]} -eq 0 ]] && return

    if [[ $(id -u) -ne 0 ]] && ! command -v sudo >/dev/null 2>&1; then
        fail "these packages are missing and need root (or sudo) to install: ${missing[*]}"
    fi
    local package
    for package in "${missing[@]}"; do
        if [[ " ${bench_services[*]} " == *" $package "* ]]; then
            services+=("$package")
        fi
    done
    [[ ${#services[@]} -gt 0 ]] && forbid_service_start

    printf 'Installing: %s\n' "${missing[*]}"
    # The package lists of a fresh machine are empty or old: one refresh, then once more.
    if ! apt_install "${missing[@]}" 2>/dev/null; then
        as_root apt-get update -q
        apt_install "${missing[@]}" || fail "apt-get could not install: ${missing[*]}"
    fi
    local service
    for service in ${services[@]+"${services[@]}"}; do
        as_root systemctl --quiet disable "$service.service" >/dev/null 2>&1 || true
    done
}

main()
{
    local list_only=no purpose
    local -a wanted=()
    [[ $# -gt 0 ]] || { usage >&2; exit 2; }
    while [[ $# -gt 0 ]]; do
        purpose=$1
        shift
        case $purpose in
        build)
            wanted+=("${build_packages[@]}")
            if node_is_missing; then
                wanted+=(nodejs npm)
            fi
            ;;
        test) wanted+=("${test_packages[@]}") ;;
        bench) wanted+=("${bench_packages[@]}") ;;
        --list) list_only=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
        esac
    done
    [[ ${#wanted[@]} -gt 0 ]] || { usage >&2; exit 2; }
    if [[ $list_only == yes ]]; then
        printf '%s\n' "${wanted[@]}"
        exit 0
    fi
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        fail "this is not a Debian machine. Install the equivalents of: ${wanted[*]}"
    fi
    install_missing "${wanted[@]}"
    if [[ " ${wanted[*]} " == *" cmake "* ]] && node_is_missing; then
        fail "node $oldest_node or newer with npm is needed, found: $(node --version 2>/dev/null || echo none)"
    fi
}

main "$@"
