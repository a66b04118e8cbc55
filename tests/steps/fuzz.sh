#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# Every fuzz target for a while, two at a time, from its corpus. One target is one test.
set -euo pipefail
source "$(dirname "$0")/step.bash"

seconds=${COMMHUB_FUZZ_SECONDS:-5}

build_preset fuzz fuzz_targets || exit 1
run_counting ${unspread[@]+"${unspread[@]}"} tests/steps/run_fuzzers.py build-fuzz --seconds "$seconds" --jobs "$jobs"
