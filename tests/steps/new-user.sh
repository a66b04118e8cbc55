#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
# What a newcomer does: clone into an empty folder, run the one command, look at the page, stop it. The clone holds
# what is committed.
set -euo pipefail
source "$(dirname "$0")/step.bash"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

clone()
{
    if git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
        git -c advice.detachedHead=false clone --quiet --no-hardlinks "$root" "$work/commhub"
    else
        mkdir "$work/commhub"
        tar -C "$root" -cf - --exclude='./build*' --exclude=node_modules . | tar -C "$work/commhub" -xf -
    fi
}

# The environments of the interop tests, if they ran here; otherwise ones of our own.
install_package()
{
    python3 -m venv "$work/$1" && "$work/$1/bin/pip" install -q -r "tests/interop/requirements-$1.txt"
}

interpreters=()
for release in 0.1.5 0.1.15; do
    python=${COMMHUB_VENVS:-$HOME/.cache/commhub-tests}/comm-ipc-$release/bin/python
    if [[ ! -x $python ]]; then
        python=$work/$release/bin/python
        attempt "comm-ipc $release installs" install_package "$release" || exit 1
    fi
    interpreters+=(--python "$python")
done

attempt "a fresh clone" clone || exit 1
run_counting tests/steps/try_quickstart.py --tree "$work/commhub" "${interpreters[@]}"
