#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# The dashboard's own tests: types and components, without a browser.
set -euo pipefail
source "$(dirname "$0")/step.bash"

cd webui
attempt "the dashboard's packages install" npm ci --no-audit --no-fund --prefer-offline || exit 1
if node -e 'process.exit(require("./package.json").scripts.check ? 0 : 1)' 2>/dev/null ||
    grep -q '"check":' package.json; then
    attempt "the dashboard's types are right" npm run --silent check || true
fi
run_counting npm test --silent
