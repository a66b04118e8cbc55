# SPDX-License-Identifier: LGPL-3.0-or-later
"""A hub that runs out of descriptors rests, serves whom it has, and goes on when there are some again."""

from __future__ import annotations

import contextlib
import time

import pytest

from blunt_client import BluntClient, Closed, LogReader
from bystander import Bystander
from conftest import HubStarter

OPEN_FILES = 64


@pytest.mark.timeout(60)
def test_accepting_pauses_without_descriptors_and_goes_on_with_them(
    start: HubStarter, socket_path: str
) -> None:
    hub = start("--max-connections", "1000", open_files=OPEN_FILES)
    log = LogReader(socket_path)
    with Bystander(socket_path) as bystander:
        crowd: list[BluntClient] = []
        waiting: list[BluntClient] = []
        for number in range(OPEN_FILES):
            client = BluntClient(socket_path)
            client.say({"type": "identify", "client_id": f"client-{number}"})
            try:
                assert client.hear(0.5)["type"] == "identified"
                crowd.append(client)
            except TimeoutError:
                waiting.append(client)
            if len(waiting) == 3:
                break
        assert len(crowd) > OPEN_FILES // 2 and len(waiting) == 3, f"{len(crowd)} in, {len(waiting)} waiting"
        log.await_line("Accepting on", "pauses", "Too many open files")
        began, cpu_s = time.monotonic(), hub.cpu_s()
        for client in crowd[:5]:
            client.ping()
        time.sleep(1)
        used = (hub.cpu_s() - cpu_s) / (time.monotonic() - began)
        assert used < 0.4, f"it spins: {used:.0%} of a core"
        for client in crowd:
            client.close()
        for client in waiting:  # they come in without asking again
            assert client.hear(3)["type"] == "identified"
            client.ping()
            client.close()
    bystander.assert_undisturbed()
    log.close()


@pytest.mark.timeout(60)
def test_connections_over_the_limit_are_closed_and_told_of(start: HubStarter, socket_path: str) -> None:
    hub = start("--max-connections", "5")
    log = LogReader(socket_path)
    clients = [BluntClient(socket_path, f"client-{number}") for number in range(4)]
    n_before = hub.n_descriptors()
    for _ in range(20):
        refused = BluntClient(socket_path)
        said = refused.last_words(2)
        assert said == [{"type": "error", "message": "The hub has no room for another connection"}]
        refused.close()
    log.await_line("refused", "no room for another connection")
    for client in clients:
        client.ping()
    assert hub.n_descriptors() == n_before
    clients.pop().close()
    give_up = time.monotonic() + 3
    while True:  # until the hub has seen the end
        with contextlib.suppress(Closed, OSError, AssertionError):
            clients.append(BluntClient(socket_path, "now-there-is-room"))
            break
        assert time.monotonic() < give_up
    for client in (*clients, log):
        client.close()
