#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# The page in a real browser against the release hub.
set -euo pipefail
source "$(dirname "$0")/step.bash"

ensure_built release || exit 1
export COMMHUB_BIN=$root/build/commhub
run_counting with_node_counts tests/e2e/run.sh
