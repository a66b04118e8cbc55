#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# Real Python clients and hubs of both releases against the sanitized hub.
set -euo pipefail
source "$(dirname "$0")/step.bash"

ensure_built asan commhub || exit 1
export COMMHUB_BIN=$root/build-asan/commhub
run_counting tests/interop/run.sh
