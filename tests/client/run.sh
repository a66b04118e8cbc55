#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-3.0-or-later
#
# run.sh COMMHUB EXAMPLE PYTHON: the client commands and the example of libcommipc over a real hub, against the
# Python package: a provider and a caller in plain and in protected channels. PYTHON is an interpreter that has
# comm-ipc 0.1.15. The last line counts.
set -uo pipefail

commhub=$(realpath "$1")
example=$(realpath "$2")
python=$3
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
pids=()
passed=0
failed=0

clean_up()
{
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    rm -rf "$folder"
}
trap clean_up EXIT

# await FILE TEXT: until a line with the text stands in the file.
await()
{
    for _ in $(seq 150); do
        grep -qF -- "$2" "$folder/$1" 2>/dev/null && return 0
        sleep 0.1
    done
    printf 'FAIL "%s" did not come\n' "$2"
    cat "$folder/$1"
    return 1
}

# expect WHAT STATUS OUTPUT COMMAND...
expect()
{
    local what=$1 status=$2 output=$3 got got_status=0
    shift 3
    got=$(timeout 20 "$@" 2>"$folder/stderr") || got_status=$?
    if [[ $got_status -eq $status && $got == "$output" ]]; then
        printf 'ok   %s\n' "$what"
        passed=$((passed + 1))
    else
        printf 'FAIL %s: status %d, output: %s\n' "$what" "$got_status" "$got"
        cat "$folder/stderr"
        failed=$((failed + 1))
    fi
}

# The error text of the command before.
expect_error()
{
    expect "$1" 0 "" grep -qF -- "$2" "$folder/errors"
}

socket=$folder/hub.sock
printf 'hunter2\n' >"$folder/password"
chmod 600 "$folder/password"
export VAULT_PASSWORD=hunter2

"$commhub" serve --listen "unix:$socket" --data-dir "$folder/data" --mgmt off >"$folder/hub" 2>&1 &
pids+=($!)
await hub ready || exit 1
"$python" "$here/peer.py" serve "$socket" hunter2 >"$folder/peer" 2>&1 &
pids+=($!)
await peer ready || exit 1

at=(--socket-path "$socket" -o jsonl)
in_vault=(-c vault --password-file "$folder/password" "${at[@]}")

expect "call" 0 '{"a":[1,2.5,null,"é"]}' "$commhub" call -c room -e echo -d '{"a":[1,2.5,null,"é"]}' "${at[@]}"
expect "call with a signature" 0 '{"a":"😀"}' "$commhub" call -e echo -d '{"a":"😀"}' "${in_vault[@]}"
expect "data that is no JSON is text" 0 '"plain words"' "$commhub" call -c room -e echo -d 'plain words' "${at[@]}"
expect "no data is an empty object" 0 '{}' "$commhub" call -c room -e echo "${at[@]}"
expect "stream" 0 $'0\n1\n2' "$commhub" stream -c room -e count -d '{"n":3}' "${at[@]}"
expect "stream with a signature" 0 $'0\n1\n2' "$commhub" stream -e count -d '{"n":3}' "${in_vault[@]}"
expect "a provider's error is status 1" 1 "" "$commhub" call -c room -e fail "${at[@]}"
cp "$folder/stderr" "$folder/errors"
expect_error "and its text is told" "no ghosts here"
expect "no password is status 1" 1 "" "$commhub" call -c vault -e echo "${at[@]}"
expect "a password too many is status 1" 1 "" \
    "$commhub" call -c room -e echo --password-file "$folder/password" "${at[@]}"
expect "no event is status 2" 2 "" "$commhub" call -c room "${at[@]}"
expect "no hub is status 4" 4 "" "$commhub" call -c room -e echo --socket-path "$folder/none"
expect "broadcast" 0 "" "$commhub" broadcast -c room -e note -d '"plain"' "${at[@]}"
expect "broadcast with a signature" 0 "" "$commhub" broadcast -e note -d '"signed"' "${in_vault[@]}"
expect "the peer has heard both" 0 $'heard room note plain\nheard vault note signed' \
    bash -c "sleep 0.5; grep '^heard' '$folder/peer'"

"$commhub" subscribe -c room -t news --count 1 --verbose "${at[@]}" >"$folder/news" 2>"$folder/subscribed" &
subscriber=$!
await subscribed "subscribed to" || failed=$((failed + 1))
expect "publish" 0 "" "$commhub" publish -c room -t news -d '{"x":1}' "${at[@]}"
wait "$subscriber"
expect "subscribe ends after its count" 0 "" test $? -eq 0
expect "subscribe prints what is published" 0 '{"x":1}' cat "$folder/news"

for channel in shop safe; do
    variable=()
    [[ $channel == safe ]] && variable=(VAULT_PASSWORD)
    if [[ $channel == safe ]]; then
        "$python" - "$socket" >"$folder/owner" 2>&1 <<'OWNER' &
import asyncio, sys
from comm_ipc.client import CommIPC


async def main():
    client = CommIPC(client_id="owner", socket_path=sys.argv[1])
    await client.connect()
    await client.open("safe")
    await client.set_password("safe", "hunter2")
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
OWNER
        pids+=($!)
        await owner ready || exit 1
    fi
    "$example" "unix:$socket" "$channel" "${variable[@]}" >"$folder/$channel" 2>&1 &
    pids+=($!)
    await "$channel" "ready count" || exit 1
    expect "the package calls the example in $channel" 0 \
        $'echo {\'text\': \'hé\', \'number\': 1e+16}\nchunk 0\nchunk 1\nchunk 2' \
        env PYTHONIOENCODING=utf-8 "$python" "$here/peer.py" ask "$socket" "$channel" ${variable[0]+hunter2}
done

printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
