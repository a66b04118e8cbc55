#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# The dashboard in a real browser against a real hub. COMMHUB_BIN names the hub (build/commhub), CHROMIUM the browser.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
COMMHUB_BIN=${COMMHUB_BIN:-$here/../../build/commhub}
CHROMIUM=${CHROMIUM:-/usr/bin/chromium}
for program in "$COMMHUB_BIN" "$CHROMIUM"; do
    if ! [[ -x $program ]]; then
        echo "tests/e2e: $program is not there or cannot be run" >&2
        exit 1
    fi
done
COMMHUB_BIN=$(cd "$(dirname "$COMMHUB_BIN")" && pwd)/$(basename "$COMMHUB_BIN")
export COMMHUB_BIN CHROMIUM

cd "$here"
stamp=node_modules/.packages.stamp
if ! [[ -e $stamp ]] || [[ package-lock.json -nt $stamp ]]; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    touch "$stamp"
fi
exec node --test "$@" ./*.test.mjs
