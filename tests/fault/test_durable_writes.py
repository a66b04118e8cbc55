# SPDX-License-Identifier: LGPL-3.0-or-later
"""A write that was answered is there, and so is its row in the audit log, whenever the hub is killed."""

from __future__ import annotations

import http.client
import json
import random
import signal
import subprocess
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from blunt_client import BluntClient
from running_hub import RunningHub
from test_settings import TOKEN, Management, StartHub, await_line, start, token_file  # noqa: F401
from test_starts import SmallDisk, small_disk  # noqa: F401

ROUNDS = 4
WRITERS = 6


@dataclass
class Wish:
    """One write: its id, what it asks for, and what its object is like if it was carried out."""

    id: str
    method: str
    path: str
    body: Any
    after: Any
    status: int = 0  # 0: nobody was answered


@dataclass
class Writer:
    """Writes one thing after the other, each with a name of its own, until the hub is gone."""

    number: int
    states: dict[str, Any] = field(default_factory=dict)  # by path, as last answered
    answered: list[Wish] = field(default_factory=list)
    open: Wish | None = None
    count: int = 0
    complaint: str = ""

    def next_wish(self, dice: random.Random) -> Wish:
        self.count += 1
        name = f"{'tbp'[self.count % 3]}{self.number}-{dice.randrange(4)}"
        wish_id = f"storm.{self.number}.{self.count}"
        if self.count % 3 == 0:
            path = f"/api/v1/tokens/{name}"
            if self.states.get(path):
                return Wish(wish_id, "DELETE", path, None, None)
            body = {"name": name, "role": "viewer"}
            return Wish(wish_id, "POST", path, body, {"role": "viewer"})
        if self.count % 3 == 1:
            path = f"/api/v1/bridges/{name}"
            if self.states.get(path) and dice.random() < 0.3:
                return Wish(wish_id, "DELETE", path, None, None)
            cost = dice.randrange(1, 1000)
            body = {"address": "tcp://127.0.0.1:1", "secret": "storm", "paused": True, "cost": cost}
            return Wish(wish_id, "PUT", path, body, {"cost": cost})
        path = f"/api/v1/channels/{name}/password"
        if self.states.get(path):
            return Wish(wish_id, "DELETE", path, None, None)
        return Wish(wish_id, "PUT", path, {"password": "storm"}, {"set": True})

    def run(self, address: tuple[str, int], seed: int) -> None:
        dice = random.Random(seed)
        connection = http.client.HTTPConnection(*address, timeout=10)
        try:
            while True:
                self.open = self.next_wish(dice)
                self.ask(connection, self.open)
        except (OSError, http.client.HTTPException):
            connection.close()

    def ask(self, connection: http.client.HTTPConnection, wish: Wish) -> None:
        headers = {
            "Authorization": f"Bearer {TOKEN}",
            "Content-Type": "application/json",
            "X-Request-Id": wish.id,
        }
        path = "/api/v1/tokens" if wish.method == "POST" else wish.path
        body = None if wish.body is None else json.dumps(wish.body)
        connection.request(wish.method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status not in (200, 201, 204):
            self.complaint = f"{wish}: {answer.status} {content!r}"
            raise http.client.HTTPException
        wish.status = answer.status
        self.answered.append(wish)
        self.states[wish.path] = wish.after
        self.open = None


def state_of(management: Management, path: str) -> Any:
    if path.endswith("/password"):
        document = management.ask("GET", "/api/v1/definitions")[1]
        channel = path.split("/")[-2]
        return {"set": True} if channel in document["channels"] else None
    status, found = management.ask("GET", path)
    return None if status == 404 else found


def is_like(found: Any, wanted: Any) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return all(found[name] == value for name, value in wanted.items())


def rows_of(management: Management, wish: Wish) -> list[dict[str, Any]]:
    status, page = management.ask("GET", f"/api/v1/audit?request_id={quote(wish.id)}")
    assert status == 200, page
    items: list[dict[str, Any]] = page["items"]
    return items


def check(management: Management, writer: Writer) -> None:
    for wish in writer.answered:
        rows = rows_of(management, wish)
        assert [row["status"] for row in rows] == [wish.status], (wish, rows)
    for path, state in writer.states.items():
        if writer.open and writer.open.path == path:
            continue
        found = state_of(management, path)
        assert is_like(found, state), (path, state, found)
    if writer.open:
        # Nobody was told: all of it is there, or nothing.
        is_recorded = rows_of(management, writer.open) != []
        found = state_of(management, writer.open.path)
        wanted = writer.open.after if is_recorded else writer.states.get(writer.open.path)
        assert is_like(found, wanted), (writer.open, is_recorded, found)
        writer.states[writer.open.path] = wanted


def storm(hub: RunningHub, writers: list[Writer], seconds: float, seed: int) -> None:
    address = Management(hub).address
    threads = [
        threading.Thread(target=writer.run, args=(address, seed + writer.number), daemon=True)
        for writer in writers
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    give_up = time.monotonic() + 20
    while not all(writer.answered for writer in writers) and time.monotonic() < give_up:
        time.sleep(0.005)  # a slow machine has not answered everybody yet
    hub.signal(signal.SIGKILL)
    hub.await_end(10)
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_what_was_answered_outlasts_a_kill_and_stands_in_the_audit_log(start: StartHub) -> None:  # noqa: F811
    seed = random.randrange(1 << 30)
    dice = random.Random(seed)
    print("seed", seed)
    writers = [Writer(number) for number in range(WRITERS)]
    for _ in range(ROUNDS):
        hub = start()
        for writer in writers:
            writer.answered.clear()
            writer.open = None
        storm(hub, writers, dice.uniform(0.15, 0.6), dice.randrange(1 << 30))
        assert not any(writer.complaint for writer in writers), [writer.complaint for writer in writers]
        assert all(writer.answered for writer in writers)
        hub = start()
        management = Management(hub)
        for writer in writers:
            check(management, writer)
        verdict = management.ask("POST", "/api/v1/audit/verify")[1]
        assert verdict["is_whole"], verdict
        hub.stop()


def text_of(management: Management, path: str) -> str:
    host, port = management.address
    with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def exchange(socket_path: str) -> None:
    with BluntClient(socket_path, "alice") as alice, BluntClient(socket_path, "bob") as bob:
        bob.provide("room", "echo")
        alice.say({"type": "call", "channel": "room", "event": "echo", "request_id": "1", "data": 1})
        call = bob.hear_type("call")
        bob.say({"type": "response", "request_id": "1", "target_id": call["sender_id"], "data": 2})
        assert alice.hear_type("response")["data"] == 2


def test_a_disk_that_is_full_is_shown_until_it_is_not_and_stops_no_message(
    start: StartHub,  # noqa: F811
    small_disk: SmallDisk,  # noqa: F811
    tmp_path: Path,
) -> None:
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk.folder)], check=True, capture_output=True)
    hub = start("--data-dir", str(small_disk.folder / "data"))
    management = Management(hub)
    assert text_of(management, "/readyz") == "ok\n"
    small_disk.fill()
    statuses = []
    while 507 not in statuses and len(statuses) < 400:
        path = f"/api/v1/channels/room-{len(statuses)}/password"
        statuses.append(management.ask("PUT", path, {"password": "p"})[0])
    assert statuses[-1] == 507, statuses
    exchange(f"{tmp_path}/hub.sock")
    assert "its disk is full" in text_of(management, "/readyz")
    assert management.ask("GET", "/api/v1/hub")[1]["store_fault"]["kind"] == "full"
    assert 'commhub_store_fault{kind="full"} 1' in text_of(management, "/metrics")
    await_line(hub, "The store cannot be written: its disk is full")
    document = management.ask("GET", "/api/v1/definitions")[1]
    assert len(document["channels"]) == len(statuses) - 1, "what was refused is there"
    (small_disk.folder / "ballast").unlink()
    await_line(hub, "The store can be written again")
    give_up = time.monotonic() + 10
    while text_of(management, "/readyz") != "ok\n":  # the line may be of a small write that still found room
        assert time.monotonic() < give_up
        time.sleep(0.05)
    assert management.ask("GET", "/api/v1/hub")[1]["store_fault"] is None
    assert management.ask("PUT", "/api/v1/channels/after/password", {"password": "p"})[0] == 204
