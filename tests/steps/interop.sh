#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# Real Python clients and hubs of both releases against the sanitized hub.
set -euo pipefail
source "$(dirname "$0")/step.bash"

COMMHUB_BIN=$root/build-asan/commhub
export COMMHUB_BIN
if [[ ! -x $COMMHUB_BIN ]]; then
    build_preset asan commhub || exit 1
fi
run_counting tests/interop/run.sh
