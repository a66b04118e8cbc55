#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# The product as users get it: gcc, release, warnings are errors.
set -euo pipefail
source "$(dirname "$0")/step.bash"

build_preset release || exit 1
attempt "the program says its version" build/commhub --version
