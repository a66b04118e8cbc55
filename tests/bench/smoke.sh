#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# A quick run of `commhub bench` against a hub of the same program: every mode by count, over unix, TCP and TLS.
# What was asked for must have arrived, and the JSON must be plausible; nothing here asks how fast it was.
#
# usage: tests/bench/smoke.sh PATH_OF_COMMHUB
set -uo pipefail

[[ $# -eq 1 ]] || { printf 'usage: tests/bench/smoke.sh PATH_OF_COMMHUB\n' >&2; exit 2; }
commhub=$(realpath "$1")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
hub_pid=
trap '[[ -n $hub_pid ]] && kill "$hub_pid" 2>/dev/null; wait; rm -rf "$work"' EXIT
passed=0 failed=0

result_of()
{
    local status=$1 what=$2
    if [[ $status -eq 0 ]]; then
        passed=$((passed + 1))
        printf 'ok   %s\n' "$what"
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n' "$what"
        cat "$work/said" "$work/json" 2>/dev/null
    fi
}

# start_hub ADDRESS [OPTION...]: sets hub_pid and, to the addresses that the hub says, ready.
ready=
start_hub()
{
    "$commhub" serve --data-dir "$work/data" --mgmt off "$@" >"$work/hub.out" 2>"$work/hub.err" &
    hub_pid=$!
    local i
    for ((i = 0; i < 200; i++)); do
        ready=$(sed -n 's/^ready //p' "$work/hub.out")
        [[ -n $ready ]] && return 0
        kill -0 "$hub_pid" 2>/dev/null || break
        sleep 0.05
    done
    cat "$work/hub.err"
    return 1
}

stop_hub()
{
    kill "$hub_pid" && wait "$hub_pid"
    local status=$?
    hub_pid=
    [[ $status -eq 0 ]] || cat "$work/hub.err"
    return "$status"
}

# expect_count WHAT OPERATIONS VERIFIED_LEAST BENCH_ARGUMENT...
# shellcheck disable=SC2016  # these are jq's variables
plausible='.operations == $operations and .operations_verified >= $verified and .seconds > 0
    and .hub.resident_bytes > 100000 and .generator.cpu_s > 0
    and (.mode == "idle" or (.hub.cpu_s > 0 and .latency_us.values == $operations and .latency_us.min > 0
        and .latency_us.min <= .latency_us.p50 and .latency_us.p50 <= .latency_us.p99
        and .latency_us.p99 <= .latency_us.max))'
expect_count()
{
    local what=$1 operations=$2 verified=$3
    shift 3
    timeout 60 "$commhub" bench "$@" --hub-pid "$hub_pid" --warmup 0.1 --json - >"$work/json" 2>"$work/said" &&
        jq -e --argjson operations "$operations" --argjson verified "$verified" "$plausible" "$work/json" \
            >>"$work/said" 2>&1
    result_of $? "$what"
}

# expect_refusal WHAT STATUS TEXT BENCH_ARGUMENT...
expect_refusal()
{
    local what=$1 wanted=$2 text=$3 status=0
    shift 3
    rm -f "$work/json"
    timeout 60 "$commhub" bench "$@" >"$work/said" 2>&1 || status=$?
    [[ $status -eq $wanted ]] && grep -qF -- "$text" "$work/said"
    result_of $? "$what"
}

at=(--address "unix:$work/hub.sock")
start_hub --listen "${at[1]}" || { printf '0 passed, 1 failed, 0 skipped\n'; exit 1; }
expect_count "calls" 2000 2000 rpc "${at[@]}" --clients 3 --inflight 16 --count 2000
expect_count "calls with few keys" 500 500 rpc "${at[@]}" --envelope lean --count 500
expect_count "calls to a group" 1000 1000 rpc "${at[@]}" --group 3 --clients 2 --inflight 8 --count 1000
expect_count "calls of 100 KiB" 100 100 rpc "${at[@]}" --inflight 4 --payload 102400 --count 100
expect_count "calls on a schedule" 100 100 rpc "${at[@]}" --rate 1000 --count 100
expect_count "calls of two generators" 1000 1000 rpc "${at[@]}" --processes 2 --count 500
expect_count "a topic" 5000 5000 pubsub "${at[@]}" --clients 10 --count 500
expect_count "broadcasts" 5000 5000 broadcast "${at[@]}" --clients 10 --count 500
expect_count "streams" 3000 3000 stream "${at[@]}" --clients 2 --chunks 700 --count 3000
expect_count "idle connections" 0 200 idle "${at[@]}" --clients 200 --duration 0.2
expect_count "idle members of one channel" 0 30 idle "${at[@]}" --clients 30 --open shared --duration 0.2

expect_refusal "a missing mode" 2 "a mode is missing" "${at[@]}"
expect_refusal "an unknown mode" 2 '"walk" is not a mode' walk "${at[@]}"
expect_refusal "an unknown option" 2 '"--fast" is no option' rpc --fast
expect_refusal "a payload too small for its number" 2 '--payload: "3"' rpc "${at[@]}" --payload 3
expect_refusal "an address without a scheme" 2 "--address" rpc --address localhost:80
expect_refusal "the pid of nobody" 2 "it does not run" rpc "${at[@]}" --hub-pid 4194303
expect_refusal "a hub that is not there" 1 "cannot connect" rpc --address "unix:$work/nobody.sock"

# Without its job, the shell does not say that it was killed.
disown "$hub_pid"
(sleep 1; kill -9 "$hub_pid") &
expect_refusal "a hub that dies" 1 "the hub ended the connection" rpc "${at[@]}" --duration 20
hub_pid=

printf 'quiet please\n' >"$work/secret"
printf 'quite pleased\n' >"$work/wrong"
if "$root/deploy/make-certs.sh" --names localhost,127.0.0.1 "$work/certs" >"$work/said" 2>&1 &&
    start_hub --listen tcp://127.0.0.1:0 --listen tls://127.0.0.1:0 --connection-secret-file "$work/secret" \
        --tls-cert "$work/certs/server.pem" --tls-key "$work/certs/server.key" >>"$work/said"; then
    read -r tcp tls <<<"$ready"
    secret=(--connection-secret-file "$work/secret")
    expect_count "calls over TCP with a secret" 1000 1000 rpc --address "$tcp" "${secret[@]}" --count 1000
    expect_count "a topic over TLS" 3000 3000 pubsub --address "$tls" --tls-ca "$work/certs/ca.pem" \
        "${secret[@]}" --clients 3 --payload 5000 --count 1000
    expect_refusal "no secret" 1 "asks for a connection secret" rpc --address "$tcp"
    expect_refusal "a wrong secret" 1 "Authentication failed" rpc --address "$tcp" \
        --connection-secret-file "$work/wrong"
    expect_refusal "an unknown authority" 1 "TLS failed" rpc --address "$tls" "${secret[@]}"
    stop_hub >"$work/said"
    result_of $? "the hub ends well"
else
    result_of 1 "a hub with a secret and TLS"
fi

# The rows of hubs that hops.py makes: each load over no, one and two links, in counts.
"$root/tests/bench/hops.py" "$commhub" --rounds 1 --count 200 --backlog 100 --json "$work/json" >"$work/said" 2>&1 &&
    jq -e '(.hops | length) == 8 and ([.hops[].paths | length] | unique) == [3] and ([.hops[].paths[].cpu_us] | min) > 0
        and ([.link[].per_second, .durable[].per_second] | min) > 0' "$work/json" >>"$work/said" 2>&1
result_of $? "hubs in a row, and a link with durable topics"

printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
