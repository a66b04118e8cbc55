#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# Real hubs under bad treatment: crowds, slow and vanished peers, failing starts, signals. Needs root (network
# namespaces, mounts) and 20 000 open files a process.
#
#   tests/fault/run.sh [pytest arguments]
#
#   COMMHUB_BIN     the hub under test                                     (default build/commhub)
#   COMMHUB_VENVS   where tests/interop keeps its Python environments      (default ~/.cache/commhub-tests)
#   COMMHUB_PYTHON  the interpreter to make one with, if there is none yet (default python3)
#   COMMHUB_JOBS    parallel tests; most of them wait                      (default 4)
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$folder/../.." && pwd)
binary=${COMMHUB_BIN:-$root/build/commhub}
venvs=${COMMHUB_VENVS:-$HOME/.cache/commhub-tests}
venv=$venvs/comm-ipc-0.1.15
wanted=$root/tests/interop/requirements-0.1.15.txt

if [[ ! -x $binary ]]; then
    printf 'fault: no hub at %s; build it, or name one with COMMHUB_BIN\n' "$binary" >&2
    exit 2
fi

# The same environment, made in the same way, as the interop tests'.
if ! cmp -s "$wanted" "$venv/requirements.txt"; then
    printf 'fault: preparing %s\n' "$venv"
    mkdir -p "$venvs"
    rm -rf "$venv"
    "${COMMHUB_PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$venv/requirements.txt"
fi

ulimit -n "$(ulimit -H -n)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cd "$folder"
status=0
# The tests write no asyncio; without the plugin nothing asks for its settings.
COMMHUB_BIN=$(realpath "$binary") PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m pytest \
    -p no:cacheprovider -p no:asyncio -n "${COMMHUB_JOBS:-4}" --dist worksteal -q "$@" 2>&1 | tee "$log" || status=$?

count() {
    tail -n 1 "$log" | grep -oE "[0-9]+ $1" | grep -oE '^[0-9]+' || echo 0
}
passed=$(count passed) failed=$(($(count failed) + $(count error)))
[[ $status -eq 0 || $failed -gt 0 ]] || failed=1
printf 'fault: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$(count skipped)"
exit "$status"
