#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# Real hubs while wires break and programs die. The release build, at its own speed.
set -euo pipefail
source "$(dirname "$0")/step.bash"

ensure_built release commhub || exit 1
ensure_built debug chaos_programs || exit 1
export COMMHUB_BIN=$root/build/commhub
run_counting tests/chaos/run.sh
