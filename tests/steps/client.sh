#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# The C client library and the client commands against the Python package; after interop, which makes its environment.
set -euo pipefail
source "$(dirname "$0")/step.bash"

ensure_built asan commhub commipc_example || exit 1
python=${COMMHUB_VENVS:-$HOME/.cache/commhub-tests}/comm-ipc-0.1.15/bin/python
run_counting tests/client/run.sh build-asan/commhub build-asan/tests/client/commipc_example "$python"
