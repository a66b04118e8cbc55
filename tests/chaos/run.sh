#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# Real hubs, each in a network namespace of its own, while wires break and programs die. A crowd of clients counts what
# arrives; no hub's own number is believed. Needs root: namespaces, nftables, TAP devices.
#
#   tests/chaos/run.sh [pytest arguments]
#
#   COMMHUB_BIN     the hub under test                                     (default build/commhub)
#   CHAOS_PROGRAMS  where crowd, delay and wall clock were built           (default build-debug/tests/chaos)
#   CHAOS_SCALE     so many times the messages of a short run              (default 1)
#   COMMHUB_VENVS   where tests/interop keeps its Python environments      (default ~/.cache/commhub-tests)
#   COMMHUB_PYTHON  the interpreter to make one with, if there is none yet (default python3)
#   COMMHUB_JOBS    parallel tests; most of them wait                      (default 3)
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$folder/../.." && pwd)
binary=${COMMHUB_BIN:-$root/build/commhub}
export CHAOS_PROGRAMS=${CHAOS_PROGRAMS:-$root/build-debug/tests/chaos}
export CHAOS_SCALE=${CHAOS_SCALE:-1}
export CHAOS_PREFIX=chaos-$$
venvs=${COMMHUB_VENVS:-$HOME/.cache/commhub-tests}
venv=$venvs/comm-ipc-0.1.15
wanted=$root/tests/interop/requirements-0.1.15.txt

for program in "$binary" "$CHAOS_PROGRAMS/chaos_crowd"; do
    if [[ ! -x $program ]]; then
        printf 'chaos: %s is not built\n' "$program" >&2
        exit 2
    fi
done

if ! why=$(ip netns add "$CHAOS_PREFIX-try" 2>&1 && ip netns exec "$CHAOS_PREFIX-try" nft list tables 2>&1); then
    printf 'chaos: these tests make network namespaces and firewall rules in them, which is not permitted here: %s\n' \
        "$why" >&2
    exit 1
fi

log=$(mktemp)
clean_up()
{
    rm -f "$log"
    ip netns list | awk -v prefix="$CHAOS_PREFIX-" 'index($1, prefix) == 1 { print $1 }' |
        while read -r place; do
            ip netns delete "$place"
        done
}
trap clean_up EXIT

# The same environment, made in the same way, as the interop tests'.
if ! cmp -s "$wanted" "$venv/requirements.txt"; then
    printf 'chaos: preparing %s\n' "$venv"
    mkdir -p "$venvs"
    rm -rf "$venv"
    "${COMMHUB_PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$venv/requirements.txt"
fi

cd "$folder"
status=0
COMMHUB_BIN=$(realpath "$binary") PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m pytest \
    -p no:cacheprovider -p no:asyncio -n "${COMMHUB_JOBS:-3}" --dist worksteal -q "$@" 2>&1 | tee "$log" || status=$?

count() {
    tail -n 1 "$log" | grep -oE "[0-9]+ $1" | grep -oE '^[0-9]+' || echo 0
}
passed=$(count passed) failed=$(($(count failed) + $(count error)))
[[ $status -eq 0 || $failed -gt 0 ]] || failed=1
printf 'chaos: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$(count skipped)"
[[ $status -eq 0 ]]
