#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# The unit tests that use threads, under the thread sanitizer.
set -euo pipefail
source "$(dirname "$0")/step.bash"

build_preset tsan threaded_tests || exit 1
run_counting ${unspread[@]+"${unspread[@]}"} tests/steps/run_ctest.py build-tsan --label threaded --jobs "$jobs"
