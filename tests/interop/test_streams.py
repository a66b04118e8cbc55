# SPDX-License-Identifier: LGPL-3.0-or-later
"""Streams: a call that is answered in chunks (chapter 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hub_under_test import HubUnderTest
from python_client import Connector, collect, succeeds
from raw_client import RawDialer

Unique = Callable[[str], str]


async def count_up(message: Any):  # type: ignore[no-untyped-def]
    for number in range(message.data["limit"]):
        yield {"count": number}


@pytest.mark.raw
async def test_chunks_reach_the_caller_in_order_and_end(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, caller = await dial(hub, unique("provider")), await dial(hub, unique("caller"))
    await provider.provide(channel, "count", is_stream=True)
    request_id = await caller.call(channel, "count", 3, is_stream=True, is_final=False)
    call = await provider.expect("call")
    assert (call["is_stream"], call["is_final"]) == (True, False)
    for number in range(300):
        await provider.answer_chunk(call, number)
    await provider.answer_chunk(call, None, final=True)
    chunks = [await caller.expect("response", request_id=request_id) for _ in range(301)]
    assert [chunk["data"] for chunk in chunks] == [*range(300), None]
    assert [chunk["is_final"] for chunk in chunks] == [False] * 300 + [True]


async def test_a_python_stream_yields_every_chunk_in_order(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    provider = await (await connect(hub)).open(channel)
    await provider.add_stream("count", count_up)
    consumer = await (await connect(hub)).open(channel)
    chunks = await collect(consumer.stream("count", {"limit": 200}))
    assert chunks == [{"count": number} for number in range(200)]


async def test_a_python_stream_without_chunks_ends(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    provider = await (await connect(hub)).open(channel)
    await provider.add_stream("count", count_up)
    consumer = await (await connect(hub)).open(channel)
    assert await collect(consumer.stream("count", {"limit": 0})) == []


async def test_a_python_client_streams_without_opening_the_channel(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    provider = await (await connect(hub)).open(channel)
    await provider.add_stream("count", count_up)
    outsider = await connect(hub)
    assert len(await collect(outsider.stream(channel, "count", {"limit": 5}))) == 5


async def test_an_exception_in_a_python_stream_reaches_the_consumer_after_its_chunks(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    async def fail_after_two(message: Any):  # type: ignore[no-untyped-def]
        yield 1
        yield 2
        raise RuntimeError("the well is dry")

    provider = await (await connect(hub)).open(channel)
    await provider.add_stream("dry", fail_after_two)
    consumer = await (await connect(hub)).open(channel)
    seen = []
    with pytest.raises(Exception, match="^the well is dry$"):
        async for chunk in consumer.stream("dry", {}):
            seen.append(chunk.data)
    assert seen == [1, 2]


async def test_a_python_stream_without_a_provider_raises_the_exact_text(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    consumer = await (await connect(hub)).open(channel)
    with pytest.raises(Exception, match=f"^No provider for {channel}:nothing$"):
        await collect(consumer.stream("nothing", {}))


async def test_concurrent_python_streams_do_not_mix(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    async def repeat(message: Any):  # type: ignore[no-untyped-def]
        for number in range(30):
            yield [message.data, number]
            await asyncio.sleep(0)

    provider = await (await connect(hub)).open(channel)
    await provider.add_stream("repeat", repeat)
    consumers = [await (await connect(hub)).open(channel) for _ in range(3)]
    streams = [collect(consumers[number % 3].stream("repeat", number)) for number in range(12)]
    for number, chunks in enumerate(await asyncio.gather(*streams)):
        assert chunks == [[number, position] for position in range(30)]


async def test_a_python_consumer_may_leave_a_stream_early(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    provider = await (await connect(hub)).open(channel)
    await provider.add_stream("count", count_up)
    consumer = await (await connect(hub)).open(channel)
    stream = consumer.stream("count", {"limit": 50})
    async for _ in stream:
        break
    await stream.aclose()
    assert len(await collect(consumer.stream("count", {"limit": 3}))) == 3


async def test_a_python_consumer_that_dies_does_not_hurt_the_provider(
    hub: HubUnderTest, connect: Connector, dial: RawDialer, channel: str, unique: Unique
) -> None:
    async def endless(message: Any):  # type: ignore[no-untyped-def]
        for number in range(200):
            yield number
            await asyncio.sleep(0.001)

    provider = await (await connect(hub)).open(channel)
    await provider.add_stream("endless", endless)
    await provider.add_stream("count", count_up)
    consumer = await dial(hub, unique("consumer"))
    await consumer.call(channel, "endless", {}, is_stream=True)
    await consumer.expect("response")
    await consumer.close()
    other = await (await connect(hub)).open(channel)
    assert len(await succeeds(lambda: collect(other.stream("count", {"limit": 3})))) == 3


async def test_a_python_stream_carries_large_chunks(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    blob = bytes(100_000)

    async def blobs(message: Any):  # type: ignore[no-untyped-def]
        for _ in range(30):
            yield blob

    provider = await (await connect(hub)).open(channel)
    await provider.add_stream("blobs", blobs)
    consumer = await (await connect(hub)).open(channel)
    assert await collect(consumer.stream("blobs", {})) == [blob] * 30
