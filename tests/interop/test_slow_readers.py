# SPDX-License-Identifier: LGPL-3.0-or-later
"""Bounded memory, whatever clients do (7.5)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from conftest import HubStarter
from hub_under_test import HubUnderTest
from python_client import eventually
from raw_client import ConnectionEnded, RawClient, RawDialer, frame, pack

pytestmark = [pytest.mark.raw, pytest.mark.commhub_only]

Unique = Callable[[str], str]

MEBIBYTE = 1 << 20
CHUNK = bytes(64 * 1024)


def shrink(client: RawClient) -> None:
    """Small kernel buffers and no reading ahead, so that a stalled reader is soon a full pipe."""
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]


def memory_allowance() -> int:
    """What a hub may grow by in these tests: its queues' bounds and room for the allocator."""
    return 96 * MEBIBYTE


@pytest.mark.timeout(90)
@pytest.mark.parametrize("kind", ["publish", "broadcast"])
async def test_a_slow_listener_is_closed_and_the_others_miss_nothing(
    start_hub: HubStarter, dial: RawDialer, kind: str
) -> None:
    hub = start_hub()
    speaker, quick, slow, watcher = [await dial(hub, n) for n in ("speaker", "quick", "slow", "watcher")]
    await watcher.open("__comm_ipc_logs")
    await speaker.declare("room", "topic")
    for listener in (quick, slow):
        await listener.open("room")
        await listener.subscribe("room", "topic")
        await listener.forget_inbox()
    shrink(slow)
    before = hub.resident_bytes()
    peak = 0
    closed = False
    for number in range(4000):
        if kind == "publish":
            await speaker.publish("room", "topic", [number, CHUNK])
        else:
            await speaker.broadcast("room", "news", [number, CHUNK])
        got = await quick.expect_where(lambda m: m["type"] in ("receive", "broadcast"), "the next message")
        assert got["data"][0] == number
        if number % 50 == 0:
            peak = max(peak, hub.resident_bytes())
            if (await watcher.request({"type": "list_members", "channel": "room"}))["data"]["members"]:
                members = [m["id"] for m in await watcher.members("room")]
                closed = "slow" not in members
        if closed:
            break
    else:
        # No progress is a matter of time for some bounds: give the hub that, in silence.
        async def is_out() -> bool:
            return "slow" not in [member["id"] for member in await watcher.members("room")]

        await eventually(is_out, "the slow listener is out", timeout=40)
    assert peak - before < memory_allowance(), f"grew by {(peak - before) / MEBIBYTE:.0f} MiB"
    told = await watcher.expect_where(
        lambda m: (
            m["type"] == "receive" and m["data"]["client_id"] == "slow" and m["data"]["level"] != "debug"
        ),
        "the reason on the logs channel",
    )
    assert told["data"]["message"]
    await speaker.settle()


async def drain_calls(provider: RawClient, count: int) -> list[int]:
    return [(await provider.expect("call"))["data"][0] for _ in range(count)]


@pytest.mark.timeout(90)
async def test_a_stalled_provider_holds_its_caller_back_and_loses_nothing(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub()
    provider, caller, other = [await dial(hub, name) for name in ("provider", "caller", "other")]
    await provider.provide("room", "sink")
    await provider.forget_inbox()
    shrink(provider)
    before = hub.resident_bytes()
    count = 3600

    async def flood() -> None:
        for number in range(count):
            await caller.call("room", "sink", [number, CHUNK])

    flooding = asyncio.create_task(flood())
    peak = 0
    for _ in range(20):
        await asyncio.sleep(0.05)
        await other.settle()
        peak = max(peak, hub.resident_bytes())
    assert peak - before < memory_allowance(), f"grew by {(peak - before) / MEBIBYTE:.0f} MiB"
    provider.writer.transport.resume_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(60):
        assert await drain_calls(provider, count) == list(range(count))
    await flooding


@pytest.mark.timeout(90)
async def test_a_stalled_consumer_holds_its_stream_back_and_loses_nothing(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub()
    provider, consumer, other = [await dial(hub, name) for name in ("provider", "consumer", "other")]
    await provider.provide("room", "flow", is_stream=True)
    request_id = await consumer.call("room", "flow", is_stream=True)
    call = await provider.expect("call")
    shrink(consumer)
    before = hub.resident_bytes()
    count = 3600

    async def flood() -> None:
        for number in range(count):
            await provider.answer_chunk(call, [number, CHUNK])

    flooding = asyncio.create_task(flood())
    peak = 0
    for _ in range(20):
        await asyncio.sleep(0.05)
        await other.settle()
        peak = max(peak, hub.resident_bytes())
    assert peak - before < memory_allowance(), f"grew by {(peak - before) / MEBIBYTE:.0f} MiB"
    consumer.writer.transport.resume_reading()  # type: ignore[attr-defined]
    async with asyncio.timeout(60):
        for number in range(count):
            assert (await consumer.expect("response", request_id=request_id))["data"][0] == number
    await flooding


@pytest.mark.timeout(60)
async def test_a_client_that_never_reads_its_pongs_does_not_grow_the_hub(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub()
    deaf, other = await dial(hub, "deaf"), await dial(hub, "other")
    shrink(deaf)
    before = hub.resident_bytes()
    pings = frame(pack({"type": "ping"})) * 10_000

    async def flood() -> None:
        for _ in range(200):
            await deaf.say_bytes(pings)

    flooding = asyncio.create_task(flood())
    await asyncio.wait({flooding}, timeout=4)
    await other.settle()
    assert hub.resident_bytes() - before < memory_allowance()
    flooding.cancel()
    await asyncio.wait({flooding})
    if not flooding.cancelled():
        assert flooding.exception() is None or isinstance(flooding.exception(), ConnectionError)


async def test_outstanding_calls_of_a_client_do_not_grow_without_end(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    """Fifty thousand calls that nobody answers: accepted or refused, and cheap either way."""
    provider, caller = await dial(hub, unique("provider")), await dial(hub, unique("caller"))
    await provider.provide(channel, "never")
    before = hub.resident_bytes()

    async def swallow() -> None:
        try:
            while True:
                await provider.expect("call")
        except (ConnectionEnded, TimeoutError, AssertionError):
            pass

    swallowing = asyncio.create_task(swallow())
    for number in range(50_000):
        caller.writer.write(
            frame(pack({"type": "call", "channel": channel, "event": "never", "request_id": f"r{number}"}))
        )
        if number % 500 == 0:
            await caller.writer.drain()
    await caller.settle()
    assert hub.resident_bytes() - before < memory_allowance()
    swallowing.cancel()
    await asyncio.wait({swallowing})
