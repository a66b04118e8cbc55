# SPDX-License-Identifier: LGPL-3.0-or-later
"""The log's records outlast the hub: its orderly end, its death, a disk that takes no writes, other bounds."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from blunt_client import BluntClient
from running_hub import RunningHub, run_to_end
from test_durable_writes import exchange, text_of
from test_settings import Management, StartHub, start, token_file  # noqa: F401
from test_starts import SmallDisk, small_disk  # noqa: F401


def history(management: Management, query: str = "") -> list[dict[str, Any]]:
    """All that is kept, oldest first."""
    items: list[dict[str, Any]] = []
    path = f"/api/v1/events/history?limit=1000&sort=time{query}"
    cursor = ""
    while True:
        status, page = management.ask("GET", path + cursor)
        assert status == 200, page
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = f"&cursor={quote(page['next'])}"


def messages(items: list[dict[str, Any]]) -> list[str]:
    return [item["data"].get("message", item["type"]) for item in items]


def await_that(holds: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up, what
        time.sleep(0.05)


def make_bridge(management: Management) -> None:
    bridge = {"address": "tcp://127.0.0.1:1", "secret": "s"}
    assert management.ask("PUT", "/api/v1/bridges/west", bridge)[0] in (200, 201)


def test_an_orderly_end_leaves_nothing_out(start: StartHub) -> None:  # noqa: F811
    hub = start()
    make_bridge(Management(hub))
    hub.stop()
    hub = start()
    management = Management(hub)
    kept = history(management)
    assert {item["epoch"].rpartition(".")[2] for item in kept} <= {"1", "2"}
    first = [item for item in kept if item["epoch"].endswith(".1")]
    assert any("bridge west" in message for message in messages(first)), kept
    ended = [item for item in first if item["stream"] == "links" and item["data"]["reason"] == "shutdown"]
    assert ended and ended[-1]["data"]["bridge"] == "west", "what was said while the hub ended is missing"
    ids = [item["id"] for item in first]
    assert ids == sorted(set(ids))


def test_what_was_kept_before_a_kill_is_there_after_it(start: StartHub) -> None:  # noqa: F811
    hub = start()
    management = Management(hub)
    make_bridge(management)
    await_that(lambda: any("bridge west" in text for text in messages(history(management))), "not kept")
    kept = history(management)
    hub.signal(signal.SIGKILL)
    hub.await_end(10)
    hub = start()
    assert history(Management(hub))[: len(kept)] == kept


def test_a_full_disk_holds_up_no_message_and_the_ring_keeps_what_the_store_cannot(
    start: StartHub,  # noqa: F811
    small_disk: SmallDisk,  # noqa: F811
    tmp_path: Path,
) -> None:
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk.folder)], check=True, capture_output=True)
    hub = start("--data-dir", str(small_disk.folder / "data"))
    management = Management(hub)
    small_disk.fill()
    n_made = 0

    def is_full() -> bool:
        nonlocal n_made
        exchange(f"{tmp_path}/hub.sock")  # one registration a time
        n_made += 1
        return "its disk is full" in text_of(management, "/readyz")

    await_that(is_full, "the fault is not found by keeping records alone")
    for _ in range(20):
        exchange(f"{tmp_path}/hub.sock")
        n_made += 1
    live = management.ask("GET", "/api/v1/events?limit=1000&streams=system")[1]
    assert len(live["items"]) >= n_made
    (small_disk.folder / "ballast").unlink()
    system = [item["id"] for item in live["items"]]

    def is_kept() -> bool:
        return [item["id"] for item in history(management, "&streams=system")] == system

    await_that(is_kept, "records are missing, or there twice")
    assert "commhub_records_skipped_total 0\n" in text_of(management, "/metrics")
    assert management.ask("GET", "/api/v1/hub")[1]["records"]["kept"] >= n_made


def test_bounds_are_changed_while_the_hub_runs(start: StartHub, tmp_path: Path) -> None:  # noqa: F811
    hub = start()
    management = Management(hub)
    with BluntClient(f"{tmp_path}/hub.sock", "alice") as alice:
        for number in range(10):
            alice.provide("room", f"event-{number}")
    await_that(lambda: len(history(management, "&streams=system")) >= 10, "not kept")
    assert management.ask("PATCH", "/api/v1/hub/settings", {"keep-records": 3})[0] == 200

    def kept() -> int:
        records = management.ask("GET", "/api/v1/hub")[1]["records"]
        return records["kept"] if records else -1

    await_that(lambda: kept() == 3, "the bound does not hold")
    assert len(history(management)) == 3
    assert "commhub_store_records 3\n" in text_of(management, "/metrics")
    assert management.ask("PATCH", "/api/v1/hub/settings", {"keep-records": 0})[0] == 200
    await_that(lambda: history(management) == [] and kept() == -1, "something is kept")
    status, problem = management.ask("PATCH", "/api/v1/hub/settings", {"keep-days": 0})
    assert status == 422 and "#/keep-days" in json.dumps(problem), problem


def tail(hub: RunningHub, token: Path, *arguments: str, status: int = 0) -> tuple[list[Any], str]:
    api = ("--api", hub.ready_line.split()[-1], "--token-file", str(token), "-o", "jsonl")
    ended, output, errors = run_to_end(*api, *arguments, command="tail", timeout_s=20)
    assert ended == status, errors
    return [json.loads(line) for line in output.splitlines()], errors


def test_tail_goes_on_from_the_store_to_the_ring_without_a_seam(
    start: StartHub,  # noqa: F811
    token_file: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    hub = start("--verbose")
    make_bridge(Management(hub))
    hub.stop()
    hub = start("--verbose")
    with BluntClient(f"{tmp_path}/hub.sock", "alice") as alice:
        alice.provide("room", "echo")
    records, _ = tail(hub, token_file, "--history", "--once", "--level", "info")
    own = [record["id"] for record in records if not record.get("epoch", ".2").endswith(".1")]
    before = [record["id"] for record in records if record.get("epoch", "").endswith(".1")]
    assert before == sorted(set(before)) and before, records
    assert own == sorted(set(own)) and own, records
    assert any(record["type"] == "new_registration" for record in records)
    assert tail(hub, token_file, "--since", "1h", "--once", "--level", "info")[0][: len(before)] == records[: len(before)]
    assert tail(hub, token_file, "--since", "2999-01-01T00:00:00Z", "--once")[0] == []
    assert tail(hub, token_file, "--until", "2000-01-01T00:00:00Z")[0] == []
    assert all(record["stream"] == "links" for record in tail(hub, token_file, "--until", "0s", "--streams", "links")[0])
    assert "how long ago" in tail(hub, token_file, "--since", "yesterday", status=2)[1]


def test_a_backup_has_the_records_of_its_time(
    start: StartHub,  # noqa: F811
    token_file: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    hub = start()
    make_bridge(Management(hub))
    hub.stop()
    hub = start()
    management = Management(hub)
    kept = [item for item in history(management) if item["epoch"].endswith(".1")]
    assert kept
    api = ("--api", hub.ready_line.split()[-1], "--token-file", str(token_file))
    assert run_to_end(f"{tmp_path}/copy.db", *api, command="backup", timeout_s=20)[0] == 0
    assert management.ask("PATCH", "/api/v1/hub/settings", {"keep-records": 0})[0] == 200
    await_that(lambda: history(management) == [], "something is kept")
    hub.stop()
    assert run_to_end(f"{tmp_path}/copy.db", "--data-dir", f"{tmp_path}/data", command="restore")[0] == 0
    again = history(Management(start()))
    assert again[: len(kept)] == kept
    epochs = {item["epoch"] for item in again}
    assert len(epochs) <= 3, "a start after the restoring is none that there was"
