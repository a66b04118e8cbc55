# SPDX-License-Identifier: LGPL-3.0-or-later
"""A reader at another hub that does not keep up: its producer waits, nobody else does, and no hub keeps much."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator

import pytest

from hub_under_test import Certificates
from mesh_under_test import Mesh, Shape, start_mesh
from python_client import eventually
from raw_client import RawClient, RawDialer

pytestmark = [pytest.mark.raw, pytest.mark.commhub_only]

MEBIBYTE = 1 << 20
CHUNK = bytes(64 * 1024)
COUNT = 1600  # 100 MiB
SHAPES = [Shape("pair", 2, ((0, 1),)), Shape("chain-3", 3, ((0, 1), (1, 2)))]


@pytest.fixture(scope="module", params=SHAPES, ids=str)
def mesh(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Mesh]:
    mesh = start_mesh(request.param, certificates)
    yield mesh
    mesh.close()


def stop_reading(client: RawClient) -> None:
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]


def go_on_reading(client: RawClient) -> None:
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]


def n_paused(mesh: Mesh) -> int:
    """How often the first hub has stopped reading a client."""
    text = mesh.rest[0].ask("GET", "/metrics", token=None).body.decode()
    found = re.search(r"^commhub_producers_paused_total (\d+)", text, re.MULTILINE)
    assert found
    return int(found[1])


async def calls_pass(caller: RawClient, provider: RawClient) -> None:
    for number in range(30):
        request_id = await caller.call("desk", "ask", number)
        await provider.answer(await provider.expect("call", data=number), number)
        assert (await caller.expect("response", request_id=request_id))["data"] == number


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["stream", "send"])
async def test_a_reader_that_stalls_holds_its_far_producer_alone_and_loses_nothing(
    mesh: Mesh, dial: RawDialer, kind: str
) -> None:
    near, far = mesh.hubs[0], mesh.hubs[-1]
    producer, caller = await dial(near, f"{kind}-producer"), await dial(near, f"{kind}-caller")
    reader, provider = await dial(far, f"{kind}-reader"), await dial(far, f"{kind}-provider")
    await provider.provide("desk", "ask")
    await (producer if kind == "stream" else reader).provide("room", kind, is_stream=kind == "stream")
    await mesh.knows_providers("desk", "ask")
    await mesh.knows_providers("room", kind)
    call = {}
    if kind == "stream":
        await reader.call("room", "stream", is_stream=True)
        call = await producer.expect("call")
    await reader.forget_inbox()
    stop_reading(reader)
    before = [hub.resident_bytes() for hub in mesh]
    paused = n_paused(mesh)

    async def flood() -> None:
        for number in range(COUNT):
            if kind == "stream":
                await producer.answer_chunk(call, [number, CHUNK])
            else:
                await producer.send("room", "send", [number, CHUNK])

    flooding = asyncio.create_task(flood())
    await eventually(lambda: n_paused(mesh) > paused, "the producer waits")
    await calls_pass(caller, provider)
    assert not flooding.done()
    for hub, bytes_before in zip(mesh, before, strict=True):
        assert hub.resident_bytes() - bytes_before < 64 * MEBIBYTE
    go_on_reading(reader)
    async with asyncio.timeout(60):
        for number in range(COUNT):
            got = await reader.expect_where(lambda m: m["type"] in ("response", "call", "send"), "the next")
            assert got["data"][0] == number
    await flooding
    for client in (producer, caller, reader, provider):
        await client.close()
