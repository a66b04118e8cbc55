# SPDX-License-Identifier: LGPL-3.0-or-later
"""Peers that vanish without a goodbye: their packets are dropped, as when a cable is pulled.

Hub and clients live in two network namespaces joined by a pair of virtual interfaces. That needs root;
without it the test fails rather than be left out silently.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from blunt_client import BluntClient, LogReader
from conftest import HubStarter
from running_hub import enter_namespace

HUB_ADDRESS = "10.213.0.1"
CLIENT_ADDRESS = "10.213.0.2"
PORT = 7411
# Keepalive begins after 15 s and gives up after 30 s in all; so does the user timeout for what was sent.
FOUND_WITHIN_S = 38


def run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}: {result.stderr}"


@dataclass
class Networks:
    hub: str
    clients: str

    def dial(self, client_id: str) -> BluntClient:
        """From a thread of its own, for a thread that has entered a namespace stays there."""
        made: list[BluntClient | BaseException] = []

        def make() -> None:
            try:
                enter_namespace(self.clients)
                made.append(BluntClient((HUB_ADDRESS, PORT), client_id))
            except BaseException as failure:
                made.append(failure)

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if isinstance(made[0], BaseException):
            raise made[0]
        return made[0]

    def cut(self, *clients: BluntClient) -> None:
        """Nothing of these connections comes through any more, in neither direction."""
        nft = ["ip", "netns", "exec", self.clients, "nft"]
        run(*nft, "add", "table", "inet", "cut")
        for hook, side in (("input", "dport"), ("output", "sport")):
            run(*nft, "add", "chain", "inet", "cut", hook, f"{{ type filter hook {hook} priority 0; }}")
            for client in clients:
                port = str(client.sock.getsockname()[1])
                run(*nft, "add", "rule", "inet", "cut", hook, "tcp", side, port, "drop")


@pytest.fixture
def networks() -> Iterator[Networks]:
    assert os.geteuid() == 0, "this test makes network namespaces: run it as root"
    names = Networks(f"fault-hub-{os.getpid()}", f"fault-clients-{os.getpid()}")
    try:
        for name in (names.hub, names.clients):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run(
            "ip",
            "-n",
            names.hub,
            "link",
            "add",
            "wire",
            "type",
            "veth",
            "peer",
            "name",
            "wire",
            "netns",
            names.clients,
        )
        for name, address in ((names.hub, HUB_ADDRESS), (names.clients, CLIENT_ADDRESS)):
            run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "wire")
            run("ip", "-n", name, "link", "set", "wire", "up")
        yield names
    finally:
        for name in (names.hub, names.clients):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


@pytest.mark.timeout(90)
def test_clients_that_vanish_are_found_and_may_come_back_under_their_names(
    start: HubStarter, networks: Networks, socket_path: str
) -> None:
    """To one the hub has nothing to say: keepalive finds it. The others are found by the user timeout."""
    hub = start(
        "--listen", f"tcp://{HUB_ADDRESS}:{PORT}", "--listen", f"unix:{socket_path}", namespace=networks.hub
    )
    silent, addressed, asked, stays = (networks.dial(n) for n in ("silent", "addressed", "asked", "stays"))
    log = LogReader(socket_path)
    addressed.open("room")
    asked.provide("desk", "ask")
    stays.ping()
    n_before = hub.n_descriptors()
    began = time.monotonic()
    networks.cut(silent, addressed, asked)
    stays.say({"type": "broadcast", "channel": "room", "event": "e", "data": bytes(1000)})
    stays.say({"type": "call", "channel": "desk", "event": "ask", "request_id": "1", "data": None})

    with pytest.raises(
        AssertionError, match="already in use"
    ):  # not found yet: the test looks at the right thing
        networks.dial("silent")

    found_after: dict[str, float] = {}
    back: list[BluntClient] = []
    while len(found_after) < 3:
        assert time.monotonic() - began < FOUND_WITHIN_S, f"found in {FOUND_WITHIN_S} s: {found_after}"
        time.sleep(0.25)
        stays.say({"type": "ping"})
        for name in {"silent", "addressed", "asked"} - found_after.keys():
            try:
                back.append(networks.dial(name))
                found_after[name] = time.monotonic() - began
            except AssertionError as refusal:
                assert "already in use" in str(refusal)
    print(f"found after {found_after}")
    # The caller of the vanished provider has its answer.
    answer = stays.hear_type("response")
    assert answer["request_id"] == "1" and "disconnected before it answered" in answer["error"], answer
    log.await_line("silent", "the connection broke")
    assert hub.n_descriptors() <= n_before  # they came back, and their old connections are closed
    for client in (silent, addressed, asked, stays, log, *back):
        client.close()
