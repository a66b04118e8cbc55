#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""run.py HUB SCHEMATHESIS: a hub is asked what its OpenAPI document allows, and what it does not.

schemathesis makes the requests of the document; an answer of 5xx, of a status or a type that the document does not
name for the operation, or that is not of the schema, is a failure. Streams are looked at by streams.py. The last line
is `contract: N passed, ...`, with a test for each operation, one for each kind of stream, one for the end of the hub (a
sanitizer's report would make it a bad one), and one for how many requests were carried out: a run of refusals proves
little.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from streams import check_streams

HERE = Path(__file__).resolve().parent
TOKEN = "a-token-for-the-contract"
READY_S = 20
END_S = 10
LEAST_SUCCESSES = 300

# Named as the document's examples, so that what is asked for by them is there.
OBJECTS = [
    ("PUT", "/api/v1/users/orders", {"role": "viewer", "password": "a password of orders"}),
    ("POST", "/api/v1/tokens", {"name": "orders", "role": "viewer"}),
    ("PUT", "/api/v1/bridges/orders", {"address": "tcp://127.0.0.1:1", "secret": "s", "paused": True}),
    ("PUT", "/api/v1/channels/orders/password", {"password": "p"}),
]


@contextlib.contextmanager
def running_hub(binary: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    token = folder / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    places = ["--data-dir", f"{folder}/data", "--listen", f"unix:{folder}/hub.sock", "--mgmt", "127.0.0.1:0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COMMHUB_")}
    with (folder / "log").open("w") as log:
        hub = subprocess.Popen(
            [binary, "serve", *places, "--admin-token-file", str(token)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            text=True,
        )
    try:
        yield hub, await_ready(hub, folder / "log")
    finally:
        hub.kill()
        hub.wait()


def await_ready(hub: subprocess.Popen[str], log: Path) -> str:
    give_up = time.monotonic() + READY_S
    while time.monotonic() < give_up and hub.poll() is None:
        if found := re.search(r"^ready .*(http://\S+)", log.read_text(errors="replace"), re.MULTILINE):
            return found[1]
        time.sleep(0.02)
    raise SystemExit(f"contract: the hub is not ready:\n{log.read_text(errors='replace')}")


def make_objects(url: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    for method, path, body in OBJECTS:
        request = urllib.request.Request(url + path, json.dumps(body).encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=10):
            pass


def ask_everything(schemathesis: str, url: str, folder: Path) -> int:
    return subprocess.run(
        [
            *(schemathesis, "--no-color", "--config-file", str(HERE / "schemathesis.toml")),
            *("run", f"{url}/api/v1/openapi.json", "--url", url, "--header", f"Authorization: Bearer {TOKEN}"),
            *("--seed", os.environ.get("COMMHUB_CONTRACT_SEED", "1")),
            *("--max-examples", os.environ.get("COMMHUB_CONTRACT_EXAMPLES", "4")),
            *("--report", "har,junit", "--report-har-path", str(folder / "all.har")),
            *("--report-junit-path", str(folder / "operations.xml")),
        ],
        cwd=folder,
    ).returncode


def count_operations(folder: Path) -> tuple[int, int]:
    """How many operations had a test case, and in how many of them something was found."""
    report = (folder / "operations.xml").read_text()
    cases = re.findall(r"<testcase\b.*?(?:/>|</testcase>)", report, re.DOTALL)
    return len(cases), sum("<failure" in case or "<error" in case for case in cases)


def count_successes(folder: Path) -> int:
    entries = json.loads((folder / "all.har").read_text())["log"]["entries"]
    return sum(200 <= entry["response"]["status"] < 300 for entry in entries)


def ends_well(hub: subprocess.Popen[str], log: Path) -> bool:
    hub.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        if hub.wait(END_S) == 0:
            return True
    print(f"contract: the hub ended with {hub.returncode}:\n{log.read_text(errors='replace')[-8000:]}")
    return False


def main() -> int:
    binary, schemathesis = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="commhub-contract-") as name:
        folder = Path(name)
        with running_hub(binary, folder) as (hub, url):
            make_objects(url)
            status = ask_everything(schemathesis, url, folder)
            n_operations, n_failed = count_operations(folder)
            n_successes = count_successes(folder)
            n_streams, faults = check_streams(url, TOKEN)
            has_ended_well = ends_well(hub, folder / "log")
    if n_successes < LEAST_SUCCESSES:
        print(f"contract: only {n_successes} requests were carried out, of {LEAST_SUCCESSES} at least")
    for fault in faults:
        print(f"contract: {fault}")
    if status != 0 and n_failed == 0:
        n_failed = 1
    extra = [has_ended_well, n_successes >= LEAST_SUCCESSES]
    n_failed += extra.count(False) + len(faults)
    print(f"contract: {n_operations + n_streams + len(extra) - n_failed} passed, {n_failed} failed, 0 skipped")
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
