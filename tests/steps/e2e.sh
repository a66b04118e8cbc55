#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# The page in a real browser against the release hub.
set -euo pipefail
source "$(dirname "$0")/step.bash"

COMMHUB_BIN=$root/build/commhub
export COMMHUB_BIN
if [[ ! -x $COMMHUB_BIN ]]; then
    build_preset release || exit 1
fi
run_counting tests/e2e/run.sh
