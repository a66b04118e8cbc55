#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# Runs the interop tests with both releases of the Python package, each in its own environment.
#
#   tests/interop/run.sh [--junit DIR] [--reference] [-- pytest arguments]
#
#   COMMHUB_BIN     the hub under test                   (default build/commhub)
#   COMMHUB_VENVS   where the two environments are kept  (default ~/.cache/commhub-tests)
#   COMMHUB_PYTHON  the interpreter to make them with    (default python3)
#   COMMHUB_JOBS    parallel tests                       (default 3)
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$folder/../.." && pwd)
venvs=${COMMHUB_VENVS:-$HOME/.cache/commhub-tests}
python=${COMMHUB_PYTHON:-python3}
jobs=${COMMHUB_JOBS:-3}
binary=${COMMHUB_BIN:-$root/build/commhub}
junit=

usage() {
    sed -n '3,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

while [ $# -gt 0 ]; do
    case $1 in
        --junit) junit=$(mkdir -p "$2" && cd "$2" && pwd); shift 2 ;;
        --reference) binary=; shift ;;
        --help) usage; exit 0 ;;
        --) shift; break ;;
        *) usage >&2; exit 2 ;;
    esac
done

if [ -n "$binary" ]; then
    if [ ! -x "$binary" ]; then
        echo "interop: no hub at $binary; build it, or name one with COMMHUB_BIN" >&2
        exit 2
    fi
    binary=$(realpath "$binary")
fi

# The environment is made anew when its requirements have changed.
prepare() {
    local venv=$venvs/comm-ipc-$1 wanted=$folder/requirements-$1.txt
    if cmp -s "$wanted" "$venv/requirements.txt"; then
        return
    fi
    echo "interop: preparing $venv"
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$venv/requirements.txt"
}

# Tests on bare sockets do not touch the package: one environment runs them.
run() {
    local release=$1
    shift
    local options=(-p no:cacheprovider -n "$jobs" --dist load -q)
    if [ "$release" = 0.1.5 ]; then
        options+=(-m "not raw")
    fi
    if [ -n "$junit" ]; then
        options+=(--junit-xml "$junit/interop-$release.xml" -o "junit_suite_name=interop-$release")
    fi
    COMMHUB_BIN=$binary COMMHUB_VENVS=$venvs PYTHONDONTWRITEBYTECODE=1 \
        "$venvs/comm-ipc-$release/bin/python" -m pytest "${options[@]}" "$@" 2>&1 | tee "$log-$release"
}

mkdir -p "$venvs"
for release in 0.1.5 0.1.15; do
    prepare "$release"
done

log=$(mktemp -d)/log
trap 'rm -rf "$(dirname "$log")"' EXIT
cd "$folder"
status=0
for release in 0.1.5 0.1.15; do
    run "$release" "$@" || status=1
done

# The last lines of pytest, added up.
count() {
    local total=0 number
    for release in 0.1.5 0.1.15; do
        number=$(tail -n 1 "$log-$release" | grep -oE "[0-9]+ $1" | grep -oE '^[0-9]+' || echo 0)
        total=$((total + number))
    done
    echo "$total"
}
errors=$(count error)
echo "interop: $(count passed) passed, $(($(count failed) + errors)) failed, $(count skipped) skipped"
exit $status
