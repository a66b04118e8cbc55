#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# The hub's REST interface against its own OpenAPI document, by schemathesis.
#
#   COMMHUB_BIN     the hub under test                                     (default build/commhub)
#   COMMHUB_VENVS   where tests/interop keeps its Python environments too  (default ~/.cache/commhub-tests)
#   COMMHUB_PYTHON  the interpreter to make one with, if there is none yet (default python3)
#
#   COMMHUB_CONTRACT_SEED      another one finds other requests             (default 1)
#   COMMHUB_CONTRACT_EXAMPLES  random requests an operation, beside the systematic ones (default 4)
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
binary=${COMMHUB_BIN:-$folder/../../build/commhub}
venv=${COMMHUB_VENVS:-$HOME/.cache/commhub-tests}/contract

if [[ ! -x $binary ]]; then
    printf 'contract: no hub at %s; build it, or name one with COMMHUB_BIN\n' "$binary" >&2
    exit 2
fi
if ! cmp -s "$folder/requirements.txt" "$venv/requirements.txt"; then
    printf 'contract: preparing %s\n' "$venv"
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    "${COMMHUB_PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$folder/requirements.txt"
    cp "$folder/requirements.txt" "$venv/requirements.txt"
fi
PYTHONDONTWRITEBYTECODE=1 exec "$venv/bin/python" "$folder/run.py" "$(realpath "$binary")" "$venv/bin/schemathesis"
