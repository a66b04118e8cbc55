#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# The dashboard's own tests: types, functions and what the bundle weighs, without a browser.
set -euo pipefail
source "$(dirname "$0")/step.bash"

# npm writes the inner file last: it is older than the lock file when the lock file has changed since.
install_packages()
{
    [[ node_modules/.package-lock.json -nt package-lock.json ]] || npm ci --no-audit --no-fund
}

# node's own runner ends with lines such as `# pass 12`; they become the line that is counted here.
run_tests()
{
    local status=0 output
    output=$(mktemp)
    npm test --silent 2>&1 | tee "$output" || status=$?
    awk '($1 == "#" || $1 == "\xe2\x84\xb9") && NF == 3 { count[$2] = $3 }
        END { printf "%d passed, %d failed, %d skipped\n", count["pass"],
            count["fail"] + count["cancelled"], count["skipped"] + count["todo"] }' "$output"
    rm -f "$output"
    return "$status"
}

cd webui
attempt "the dashboard's packages install" install_packages || exit 1
attempt "the dashboard's types are right" npm run --silent check || true
run_counting run_tests
