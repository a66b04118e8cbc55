# SPDX-License-Identifier: LGPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
#
# What every step of the test run shares. A step is a script of tests/steps that does one thing, and says how many
# tests passed, failed and were skipped with `report`; tests/run.sh adds them up. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export root
cd "$root" || exit 1

step=$(basename "$0" .sh)
# Only tests/run.sh adds up; a step run by hand just prints.
results=${COMMHUB_TEST_RESULTS:-/dev/null}
jobs=${COMMHUB_TEST_JOBS:-$(nproc)}
export jobs

# report PASSED FAILED SKIPPED: may be called several times in a step; run.sh adds the lines up.
report()
{
    printf '%s %d %d %d\n' "$step" "$1" "$2" "$3" >>"$results"
}

# report_line TEXT: takes the numbers from a line `N passed, N failed, N skipped`. No such line is one failure, and
# so is one that says that nothing ran.
report_line()
{
    if [[ $1 =~ (^|[^0-9])0\ passed,\ 0\ failed ]]; then
        printf '%s: no test ran\n' "$step" >&2
        report 0 1 0
    elif [[ $1 =~ ([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
        report "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}"
    else
        printf '%s: no line "N passed, N failed, N skipped" was printed\n' "$step" >&2
        report 0 1 0
    fi
}

# run_counting COMMAND...: runs it and reports the numbers of its last line that bears them. A command that fails
# without owning up to a failure is one failure.
run_counting()
{
    local output status=0 line
    output=$(mktemp)
    # Steps set pipefail: the status is the command's.
    "$@" 2>&1 | tee "$output" || status=$?
    line=$(grep -E '[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped' "$output" | tail -n 1 || true)
    rm -f "$output"
    report_line "$line"
    if [[ $status -ne 0 && $line =~ \ 0\ failed ]]; then
        printf '%s: "%s" exited %d though it counted no failure\n' "$step" "$1" "$status" >&2
        report 0 1 0
    fi
    return 0
}

# with_node_counts COMMAND...: for run_counting. Node's own test runner ends with lines such as `# pass 12`; they become
# the line that is counted.
with_node_counts()
{
    local status=0 output
    output=$(mktemp)
    "$@" 2>&1 | tee "$output" || status=$?
    awk '($1 == "#" || $1 == "\xe2\x84\xb9") && NF == 3 { count[$2] = $3 }
        END { printf "%d passed, %d failed, %d skipped\n", count["pass"],
            count["fail"] + count["cancelled"], count["skipped"] + count["todo"] }' "$output"
    rm -f "$output"
    return "$status"
}

# attempt WHAT COMMAND...: one test that passes if the command succeeds; its output is shown only if it does not.
attempt()
{
    local what=$1 output status=0
    shift
    output=$(mktemp)
    "$@" >"$output" 2>&1 || status=$?
    if [[ $status -eq 0 ]]; then
        printf 'ok   %s\n' "$what"
        report 1 0 0
    else
        tail -n 60 "$output"
        printf 'FAIL %s (exit %d)\n' "$what" "$status"
        report 0 1 0
    fi
    rm -f "$output"
    return "$status"
}

# build_preset PRESET [TARGET...]: configures and builds; one test.
build_preset()
{
    attempt "the $1 build has no warning and no error" configure_and_build "$@"
}

# ensure_built PRESET [TARGET...]: the same for steps that only use the build: counted when it fails.
ensure_built()
{
    local output
    if output=$(configure_and_build "$@" 2>&1); then
        return 0
    fi
    printf '%s\n' "$output" | tail -n 60
    printf 'FAIL the %s build\n' "$1"
    report 0 1 0
    return 1
}

configure_and_build()
{
    local preset=$1
    shift
    local -a targets=()
    [[ $# -gt 0 ]] && targets=(--target "$@")
    cmake --preset "$preset" && cmake --build --preset "$preset" --parallel "$jobs" "${targets[@]}"
}

# Thread and address sanitizers of clang 14 die at start where the kernel spreads mappings over too many bits;
# where that can be switched off for a program, it is.
unspread=()
if setarch "$(uname -m)" -R true 2>/dev/null; then
    unspread=(setarch "$(uname -m)" -R)
fi
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1}
ASAN_SYMBOLIZER_PATH=${ASAN_SYMBOLIZER_PATH:-$(command -v llvm-symbolizer-14 || true)}
export ASAN_SYMBOLIZER_PATH
