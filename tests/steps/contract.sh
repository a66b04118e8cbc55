#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# What the sanitized hub answers to whatever its OpenAPI document allows, and to what it does not.
set -euo pipefail
source "$(dirname "$0")/step.bash"

ensure_built asan commhub || exit 1
export COMMHUB_BIN=$root/build-asan/commhub
run_counting "${unspread[@]}" tests/contract/run.sh
