#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# Real hubs under bad treatment. The release build: memory bounds are what a user sees, not a sanitizer's.
set -euo pipefail
source "$(dirname "$0")/step.bash"

ensure_built release commhub || exit 1
export COMMHUB_BIN=$root/build/commhub
run_counting tests/fault/run.sh
