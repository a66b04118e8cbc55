#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# Style and structure of the tree, and the proof that each check catches what it is for.
set -euo pipefail
source "$(dirname "$0")/step.bash"

run_counting tests/lint/lint.py
run_counting schema/wire/check.py
