#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# Installs what the tests need, then runs the steps of tests/steps, all or the named ones, one after the other.
# A step that fails does not stop the others, but fails the run; so does a step that runs no test at all.
# The last line is the sum: N passed, N failed, N skipped.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1

# In running order; the number is the time in seconds after which a step is ended and counted as failed.
steps=(lint:120 build:300 webui:120 unit:400 threads:300 fuzz:900 interop:600 client:180 fault:300 contract:180 chaos:240 e2e:240 deploy:180 new-user:400)

usage()
{
    cat <<TEXT
usage: tests/run.sh [--no-install] [step ...]

Steps: $(printf '%s ' "${steps[@]%%:*}")
A step builds what it needs.

Environment: COMMHUB_FUZZ_SECONDS (default 5) per fuzz target, COMMHUB_TEST_JOBS (default: all cores).
TEXT
}

install=yes
chosen=()
while [[ $# -gt 0 ]]; do
    case $1 in
    -h | --help) usage; exit 0 ;;
    --no-install) install=no ;;
    *)
        if [[ " ${steps[*]%%:*} " != *" $1 "* ]]; then
            printf 'tests/run.sh: no step is called "%s"\n' "$1" >&2
            usage >&2
            exit 2
        fi
        chosen+=("$1")
        ;;
    esac
    shift
done

results=$(mktemp)
export COMMHUB_TEST_RESULTS=$results
running=
trap 'rm -f "$results"' EXIT
# A step runs in a process group of its own (timeout makes it), which a terminal's Ctrl-C does not reach.
trap '[[ -n $running ]] && kill -TERM "$running" 2>/dev/null; exit 130' INT TERM HUP

# run_step NAME LIMIT_S: runs it and adds its totals to `table`.
table=()
total_passed=0 total_failed=0 total_skipped=0
run_step()
{
    local name=$1 limit_s=$2 started=$SECONDS status=0
    local passed failed skipped remark=''
    printf '\n=== %s\n' "$name"
    timeout --kill-after=20 "$limit_s" "tests/steps/$name.sh" &
    running=$!
    wait "$running" || status=$?
    # What a step left behind in its process group ends with it. What has ended and is only not reaped yet is nothing.
    if pgrep -g "$running" -r D,R,S,T >/dev/null 2>&1; then
        remark='left processes running'
    fi
    kill -KILL -- "-$running" 2>/dev/null
    running=
    read -r passed failed skipped < <(awk -v step="$name" \
        '$1 == step { p += $2; f += $3; s += $4 } END { print p + 0, f + 0, s + 0 }' "$results")
    if [[ $status -eq 124 || $status -eq 137 ]]; then
        remark="ended after $limit_s s"
        failed=$((failed + 1))
    elif [[ $status -ne 0 && $failed -eq 0 ]]; then
        remark="exit $status"
        failed=1
    elif [[ $((passed + failed)) -eq 0 ]]; then
        remark="ran no test"
        failed=1
    fi
    total_passed=$((total_passed + passed))
    total_failed=$((total_failed + failed))
    total_skipped=$((total_skipped + skipped))
    table+=("$(printf '%-10s %6d %6d %7d %6d s  %s' \
        "$name" "$passed" "$failed" "$skipped" $((SECONDS - started)) "$remark")")
    printf -- '--- %s: %d passed, %d failed, %d skipped in %d s %s\n' \
        "$name" "$passed" "$failed" "$skipped" $((SECONDS - started)) "$remark"
}

if [[ $install == yes ]] && ! deploy/packages.sh build test; then
    printf 'tests/run.sh: the packages the tests need could not be installed\n' >&2
    printf '0 passed, 1 failed, 0 skipped\n'
    exit 1
fi

for entry in "${steps[@]}"; do
    if [[ ${#chosen[@]} -eq 0 || " ${chosen[*]} " == *" ${entry%%:*} "* ]]; then
        run_step "${entry%%:*}" "${entry##*:}"
    fi
done

printf '\n%-10s %6s %6s %7s %6s\n' step passed failed skipped time
printf '%s\n' "${table[@]}"
printf '\nElapsed: %d min %d s\n' $((SECONDS / 60)) $((SECONDS % 60))
printf '%d passed, %d failed, %d skipped\n' "$total_passed" "$total_failed" "$total_skipped"
[[ $total_failed -eq 0 ]]
