#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# Unit tests and simulated meshes, built by clang with address and undefined behaviour sanitizers.
set -euo pipefail
source "$(dirname "$0")/step.bash"

build_preset asan || exit 1
# The step webui runs the dashboard's tests and counts them one by one.
run_counting ${unspread[@]+"${unspread[@]}"} tests/steps/run_ctest.py build-asan --exclude webui.logic --jobs "$jobs"
