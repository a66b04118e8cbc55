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

cd webui
attempt "the dashboard's packages install" install_packages || exit 1
attempt "the dashboard's types are right" npm run --silent check || true
run_counting with_node_counts npm test --silent
