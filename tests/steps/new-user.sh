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

attempt "a fresh clone" clone || exit 1
run_counting tests/steps/try_quickstart.py --tree "$work/commhub"
