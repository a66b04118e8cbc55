#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# From a fresh clone to a running hub: install what is missing, build into build/, start one hub (or several,
# bridged in a ring), print where they are, and stop them all on Ctrl-C or SIGTERM.
#
# Hub k of a mesh listens on the ports (--port) + k - 1 and (--hub-port) + k - 1 and keeps its data in hub<k>/
# of the data directory. Hubs run as children of this script; what they log goes to hub.log beside their data.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

mesh=1
port=8080
hub_port=7411
data_dir=${XDG_DATA_HOME:-${HOME:-$PWD}/.local/share}/commhub
install=yes
build=yes
binary=
most_hubs=9
ready_timeout_s=20
stop_timeout_s=8
bridge_timeout_s=20
# A Unix socket path has room for 107 bytes; clients of a deeper data directory use TCP.
longest_socket_path=107

pids=()
stopping=no

usage()
{
    cat <<TEXT
usage: deploy/quickstart.sh [option ...]

Installs what is missing (apt, npm), builds CommHub into build/, starts a hub with its page and prints the
page's URL and the first-run token. Ctrl-C stops everything. Run it again any time: what is installed and
built stays, and the hub finds its data again.

  --mesh N         start N hubs (1 to $most_hubs), bridged in a ring, and print all addresses
  --port PORT      port of the page and the REST API on 127.0.0.1 (default 8080; hub k of a mesh: PORT + k - 1)
  --hub-port PORT  port for CommIPC clients on 127.0.0.1 (default 7411; hub k of a mesh: PORT + k - 1)
  --data-dir DIR   where hubs keep their data
                   (default \$XDG_DATA_HOME/commhub, else ~/.local/share/commhub)
  --binary FILE    start this commhub program; nothing is installed or built
  --no-install     build with what is installed
  --help           this text
TEXT
}

say()
{
    printf '%s\n' "$*"
}

fail()
{
    printf 'quickstart: %s\n' "$*" >&2
    exit 1
}

number_between()
{
    local option=$1 value=$2 low=$3 high=$4
    [[ $value =~ ^[0-9]{1,5}$ ]] || fail "$option wants a number, not '$value'"
    ((10#$value >= low && 10#$value <= high)) || fail "$option must be between $low and $high"
}

parse_options()
{
    local option
    while [[ $# -gt 0 ]]; do
        option=$1
        case $option in
        -h | --help) usage; exit 0 ;;
        --no-install) install=no; shift; continue ;;
        --mesh | --port | --hub-port | --data-dir | --binary) ;;
        *)
            usage >&2
            fail "unknown option '$option'"
            ;;
        esac
        [[ $# -ge 2 && -n $2 ]] || fail "$option wants a value"
        case $option in
        --mesh) mesh=$2 ;;
        --port) port=$2 ;;
        --hub-port) hub_port=$2 ;;
        --data-dir) data_dir=$2 ;;
        --binary) binary=$2 build=no install=no ;;
        esac
        shift 2
    done
    number_between --mesh "$mesh" 1 $most_hubs
    number_between --port "$port" 1 $((65536 - mesh))
    number_between --hub-port "$hub_port" 1 $((65536 - mesh))
    if ((port < hub_port + mesh && hub_port < port + mesh)); then
        fail "--port and --hub-port are too close for $mesh hub(s): let them differ by $mesh or more"
    fi
}

is_taken()
{
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

refuse_taken_ports()
{
    local k
    for ((k = 0; k < mesh; k++)); do
        if is_taken $((port + k)); then
            fail "port $((port + k)) is taken by another program (perhaps an earlier quickstart). Stop it, or choose another one: --port $((port + 1000))"
        fi
        if is_taken $((hub_port + k)); then
            fail "port $((hub_port + k)) is taken by another program (perhaps an earlier quickstart). Stop it, or choose another one: --hub-port $((hub_port + 1000))"
        fi
    done
}

build_release()
{
    local log=$root/build/quickstart.log
    mkdir -p "$root/build"
    say "Building CommHub into build/ (log: build/quickstart.log)"
    if ! (cd "$root" && cmake --preset release && cmake --build --preset release) >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        fail "the build failed, the end of its log stands above, all of it in $log"
    fi
    binary=$root/build/commhub
}

hub_dir()
{
    printf '%s/hub%d' "$data_dir" "$1"
}

make_link_secret()
{
    local file=$data_dir/link-secret
    if [[ ! -s $file ]]; then
        (umask 077 && head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$file.new" && mv "$file.new" "$file")
    fi
}

start_hub()
{
    local k=$1
    local dir
    dir=$(hub_dir "$k")
    mkdir -p "$dir"
    local -a command=("$binary" serve --data-dir "$dir" --server-id "hub$k"
        --listen "tcp://127.0.0.1:$((hub_port + k - 1))" --mgmt "127.0.0.1:$((port + k - 1))")
    if [[ $(LC_ALL=C; printf '%d' "${#dir}") -le $((longest_socket_path - 9)) ]]; then
        command+=(--listen "unix:$dir/hub.sock")
    fi
    if ((mesh > 1)); then
        command+=(--link-secret-file "$data_dir/link-secret")
    fi
    : >"$dir/ready"
    "${command[@]}" >"$dir/ready" 2>>"$dir/hub.log" </dev/null &
    pids+=($!)
}

# Shows why hub k is not there: the end of its log, then our own words.
give_up_on_hub()
{
    tail -n 15 "$(hub_dir "$1")/hub.log" >&2 || true
    fail "hub$1 $2; the end of its log stands above, all of it in $(hub_dir "$1")/hub.log"
}

await_ready()
{
    local k=$1
    local dir deadline
    dir=$(hub_dir "$k")
    deadline=$((SECONDS + ready_timeout_s))
    until grep -q '^ready' "$dir/ready"; do
        kill -0 "${pids[k - 1]}" 2>/dev/null || give_up_on_hub "$k" "ended instead of starting"
        ((SECONDS < deadline)) || give_up_on_hub "$k" "was not ready after $ready_timeout_s s"
        sleep 0.05
    done
}

token_of()
{
    local file
    file=${COMMHUB_ADMIN_TOKEN_FILE:-$(hub_dir "$1")/first-run-token}
    [[ -r $file ]] && head -n 1 "$file"
}

# rest K METHOD PATH: sends stdin (if it is not empty) to hub K; the token goes in on a descriptor, so that no
# process list shows it.
rest()
{
    local k=$1 method=$2 path=$3
    local token
    token=$(token_of "$k") || return 1
    curl --silent --show-error --fail-with-body --max-time 10 --noproxy '*' \
        --config <(printf 'header = "Authorization: Bearer %s"\n' "$token") \
        --header 'Content-Type: application/json' --request "$method" --data-binary @- \
        "http://127.0.0.1:$((port + k - 1))/api/v1/$path"
}

add_bridge()
{
    local from=$1 to=$2
    local answer
    answer=$(jq -n --arg address "tcp://127.0.0.1:$((hub_port + to - 1))" \
        --rawfile secret "$data_dir/link-secret" '{address: $address, secret: $secret}' |
        rest "$from" PUT "bridges/to-hub$to") ||
        fail "hub$from did not take the bridge to hub$to: ${answer:-no answer; is its token there? ($(hub_dir "$from")/first-run-token)}"
}

await_bridge()
{
    local from=$1 to=$2
    local deadline state
    deadline=$((SECONDS + bridge_timeout_s))
    while true; do
        state=$(rest "$from" GET "bridges/to-hub$to" </dev/null | jq -r '.state') || state=unknown
        [[ $state == up ]] && return
        ((SECONDS < deadline)) || fail "the bridge from hub$from to hub$to is not up after $bridge_timeout_s s (state: $state)"
        sleep 0.1
    done
}

# Hub k dials hub k + 1 and the last one the first; two hubs need one bridge only.
join_ring()
{
    local k last=$mesh
    ((mesh == 2)) && last=1
    for ((k = 1; k <= last; k++)); do
        add_bridge "$k" $((k % mesh + 1))
    done
    for ((k = 1; k <= last; k++)); do
        await_bridge "$k" $((k % mesh + 1))
    done
}

print_addresses()
{
    local k dir token
    say ""
    for ((k = 1; k <= mesh; k++)); do
        dir=$(hub_dir "$k")
        say "hub$k"
        say "  page     http://127.0.0.1:$((port + k - 1))/"
        if token=$(token_of "$k"); then
            say "  token    $token"
        else
            say "  token    (the one from the first start; its file is gone)"
        fi
        say "  clients  $(sed -n 's/^ready *//; s| *http://[^ ]*||g; p' "$dir/ready")"
        say "  log      $dir/hub.log"
    done
    ((mesh > 1)) && say "" && say "The $mesh hubs are bridged in a ring."
    say ""
    say "Running. Ctrl-C stops everything."
}

# Ends every hub still running and waits for it; a hub that does not drain in time is killed.
stop_hubs()
{
    local pid deadline status=0 code
    for pid in ${pids[@]+"${pids[@]}"}; do
        kill -TERM "$pid" 2>/dev/null || true
    done
    deadline=$((SECONDS + stop_timeout_s))
    for pid in ${pids[@]+"${pids[@]}"}; do
        while kill -0 "$pid" 2>/dev/null; do
            if ((SECONDS >= deadline)); then
                kill -KILL "$pid" 2>/dev/null || true
                break
            fi
            sleep 0.05
        done
        code=0
        wait "$pid" 2>/dev/null || code=$?
        ((code == 0)) || status=1
    done
    pids=()
    return $status
}

on_exit()
{
    local status=$?
    trap '' INT TERM HUP
    stop_hubs || true
    exit "$status"
}

on_signal()
{
    stopping=yes
    trap '' INT TERM HUP
    say ""
    say "Stopping."
    if stop_hubs; then
        exit 0
    fi
    say "A hub did not stop cleanly." >&2
    exit 1
}

watch_hubs()
{
    local k
    while true; do
        wait -n "${pids[@]}" || true
        [[ $stopping == no ]] || return
        for ((k = 1; k <= mesh; k++)); do
            kill -0 "${pids[k - 1]}" 2>/dev/null || give_up_on_hub "$k" "ended by itself"
        done
    done
}

main()
{
    local k
    parse_options "$@"
    refuse_taken_ports
    if [[ $install == yes ]]; then
        "$root/deploy/packages.sh" build
    fi
    if [[ $build == yes ]]; then
        build_release
    fi
    [[ -x $binary ]] || fail "there is no program '$binary'"

    mkdir -p "$data_dir" || fail "cannot make the data directory $data_dir; choose another one with --data-dir"
    data_dir=$(cd "$data_dir" && pwd)
    make_link_secret

    trap on_exit EXIT
    trap on_signal INT TERM HUP
    for ((k = 1; k <= mesh; k++)); do
        start_hub "$k"
    done
    for ((k = 1; k <= mesh; k++)); do
        await_ready "$k"
    done
    if ((mesh > 1)); then
        join_ring
    fi
    print_addresses
    watch_hubs
}

main "$@"
