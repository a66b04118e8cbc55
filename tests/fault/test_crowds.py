# SPDX-License-Identifier: LGPL-3.0-or-later
"""Ten thousand at once: who never say who they are, who say nothing more, and who come and go."""

from __future__ import annotations

import selectors
import socket
import time

import msgpack
import pytest

from blunt_client import BluntClient, dial, frame
from bystander import Bystander
from conftest import HubStarter
from running_hub import KIBIBYTE, MEBIBYTE, RunningHub, allowed_bytes, is_sanitized

CROWD = 10_000
N_CYCLES = 20_000
# A hub remembers for a minute, up to a bound, who has left: names come again, so that this is no growth.
N_NAMES = 1000


def await_descriptors(hub: RunningHub, most: int, within_s: float) -> None:
    give_up = time.monotonic() + within_s
    while hub.n_descriptors() > most:
        assert time.monotonic() < give_up, f"{hub.n_descriptors()} descriptors are still open, not {most}"
        time.sleep(0.05)


def hear_all_ends(crowd: dict[socket.socket, float], within_s: float) -> tuple[list[float], set[bytes]]:
    """How long each connection lasted, and what the hub said on it."""
    lasted: list[float] = []
    words: set[bytes] = set()
    said = {sock: b"" for sock in crowd}
    give_up = time.monotonic() + within_s
    with selectors.DefaultSelector() as waiting:
        for sock in crowd:
            sock.setblocking(False)
            waiting.register(sock, selectors.EVENT_READ)
        while len(lasted) < len(crowd) and time.monotonic() < give_up:
            for key, _ in waiting.select(0.2):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                some = sock.recv(4096)
                said[sock] += some
                if not some:
                    lasted.append(time.monotonic() - crowd[sock])
                    words.add(said[sock])
                    waiting.unregister(sock)
                    sock.close()
    return lasted, words


@pytest.mark.timeout(60)
def test_ten_thousand_who_never_identify_are_cut_and_disturb_nobody(
    start: HubStarter, socket_path: str
) -> None:
    hub = start()
    with Bystander(socket_path) as bystander:
        n_before, before = hub.n_descriptors(), hub.anonymous_bytes()
        crowd: dict[socket.socket, float] = {}
        for number in range(CROWD):
            sock = dial(socket_path)
            if number % 3 == 1:
                sock.sendall(b"\x00\x00")  # half a frame's head
            if number % 3 == 2:
                sock.sendall(b"\x00\x00\x10\x00" + bytes(1000))  # a quarter of the longest frame allowed
            crowd[sock] = time.monotonic()
        grown = hub.anonymous_bytes() - before
        lasted, words = hear_all_ends(crowd, 20)
        grown = max(grown, hub.anonymous_bytes() - before)
        await_descriptors(hub, n_before, 3)
    assert len(lasted) == CROWD, f"{CROWD - len(lasted)} were not cut"
    print(f"lasted {min(lasted):.2f} to {max(lasted):.2f} s; memory grew by {grown / MEBIBYTE:.1f} MiB")
    assert min(lasted) > 9.0 and max(lasted) < 12.0, f"cut after {min(lasted):.2f} to {max(lasted):.2f} s"
    assert len(words) == 1, f"they heard {len(words)} different things"
    message = msgpack.unpackb(words.pop()[4:])
    assert message["type"] == "error" and message["message"] == "Not identified within 10 s", message
    assert grown < allowed_bytes(30 * MEBIBYTE), f"memory grew by {grown / MEBIBYTE:.1f} MiB"
    bystander.assert_undisturbed(1000)


@pytest.mark.timeout(60)
def test_ten_thousand_idle_clients_cost_a_kibibyte_and_a_half_each(
    start: HubStarter, socket_path: str
) -> None:
    hub = start()
    with BluntClient(socket_path, "first"):
        n_before, before = hub.n_descriptors(), hub.anonymous_bytes()
        crowd = [BluntClient(socket_path, f"client-{number}") for number in range(CROWD)]
        each = (hub.anonymous_bytes() - before) / CROWD
        print(f"{each:.0f} bytes a connection")
        if is_sanitized():
            assert each < 16 * KIBIBYTE
        else:
            assert each <= 1.5 * KIBIBYTE, f"{each:.0f} bytes a connection"
        crowd[0].ping()
        crowd[-1].ping()
        began = time.monotonic()
        for client in crowd:
            client.close()
        await_descriptors(hub, n_before, 5)
        print(f"all gone after {time.monotonic() - began:.2f} s")
    with BluntClient(socket_path, "client-17") as again:  # the ids are free
        again.ping()


@pytest.mark.timeout(60)
def test_memory_stays_flat_while_clients_come_and_go(start: HubStarter, socket_path: str) -> None:
    """Each opens a channel, provides, subscribes and leaves; some leave in the middle of a frame."""
    # A store that keeps records fills its page cache (2 MiB) once, whenever that many have come.
    hub = start("--keep-records", "0")
    opening = [
        frame({"type": "register", "channel": "room", "is_provider": False, "request_id": "1"}),
        frame({"type": "register", "channel": "room", "is_provider": True, "event": "e", "is_group": True}),
        frame({"type": "add_subscription", "channel": "room", "sub_name": "t", "request_id": "2"}),
        frame({"type": "subscribe", "channel": "room", "sub_name": "t", "request_id": "3"}),
        frame({"type": "call", "channel": "room", "event": "e", "request_id": "4", "data": "x" * 100}),
    ]
    rest = b"".join(opening)

    def cycle(number: int) -> None:
        with dial(socket_path) as sock:
            sock.sendall(frame({"type": "identify", "client_id": f"client-{number % N_NAMES}"}) + rest)
            if number % 3:
                sock.recv(65536)
            if number % 5 == 0:
                sock.sendall(b"\x00\x10\x00\x00" + bytes(300))

    for number in range(N_CYCLES // 4):
        cycle(number)
    await_descriptors(hub, 20, 3)
    before = hub.anonymous_bytes()
    for number in range(N_CYCLES // 4, N_CYCLES):
        cycle(number)
    await_descriptors(hub, 20, 3)
    grown = hub.anonymous_bytes() - before
    print(f"grew by {grown / KIBIBYTE:.0f} KiB in {N_CYCLES * 3 // 4} cycles")
    assert grown < allowed_bytes(1 * MEBIBYTE), f"grew by {grown / KIBIBYTE:.0f} KiB"
