# SPDX-License-Identifier: LGPL-3.0-or-later
"""Signed messages cross the hub unharmed, and the package's clients accept and refuse as they should (5)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from hub_under_test import HubUnderTest
from python_client import Connector, Received
from raw_client import Message, RawClient, RawDialer, message_signature

Unique = Callable[[str], str]

PASSWORD = "a pässword"
VALUES = [
    None,
    True,
    0,
    -(2**63),
    2**64 - 1,
    0.1,
    1e16,
    1e-05,
    100.0,
    'é✓🦆 " \\ \u2028 \x7f',
    [1, [2.5, {"b": 1, "a": None}]],
    {"ä": 1, "z": 2, "A": 3, "🦆": 4},
]


@pytest.fixture
async def protected(hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique) -> RawClient:
    """A bare member and owner of the protected channel."""
    owner = await dial(hub, unique("owner"))
    await owner.open(channel)
    await owner.set_password(channel, PASSWORD)
    return owner


async def open_protected(hub: HubUnderTest, connect: Connector, channel: str, **settings: Any) -> Any:
    return await (await connect(hub, **settings)).open(channel, password=PASSWORD)


def signed(message: Message, password: str = PASSWORD) -> Message:
    """A message as the package's channel objects make it, signed."""
    full: Message = {
        "origin_server_id": "somewhere",
        "server_id": "somewhere",
        "timestamp": int(time.time()),
        "request_id": None,
        "target_id": None,
        "is_stream": False,
        "is_final": True,
        "sub_name": None,
    } | message
    return full | {"signature": message_signature(password, full)}


@pytest.mark.parametrize("value", VALUES, ids=ascii)
async def test_a_signed_python_call_is_accepted_by_a_python_provider(
    hub: HubUnderTest, connect: Connector, protected: RawClient, channel: str, value: Any
) -> None:
    async def echo(message: Any) -> Any:
        return message.data

    provider = await open_protected(hub, connect, channel)
    await provider.add_event("echo", echo)
    caller = await open_protected(hub, connect, channel)
    assert (await caller.event("echo", value)).data == value


async def test_signed_python_broadcasts_and_sends_are_accepted(
    hub: HubUnderTest, connect: Connector, protected: RawClient, channel: str
) -> None:
    heard = Received()
    member = await open_protected(hub, connect, channel)
    member.on_receive(heard, "news")
    await member.add_event("log", heard)
    speaker = await open_protected(hub, connect, channel)
    await speaker.broadcast("news", {"é": 1.5})
    await speaker.send("log", [1, None])
    await heard.at_least(2)
    assert heard.data == [{"é": 1.5}, [1, None]]


async def test_a_python_member_drops_unsigned_and_forged_broadcasts(
    hub: HubUnderTest, connect: Connector, protected: RawClient, channel: str
) -> None:
    heard = Received()
    member = await open_protected(hub, connect, channel)
    member.on_receive(heard, "news")
    me = {"type": "broadcast", "channel": channel, "event": "news", "sender_id": protected.client_id}
    await protected.say(me | {"data": "unsigned"})
    await protected.say(signed(me | {"data": "wrong key"}, "other"))
    await protected.say(signed(me | {"data": "before"}) | {"data": "tampered"})
    await protected.say(signed(me | {"sender_id": "another", "data": "as another"}))
    await protected.say(signed(me | {"data": "good"}))
    await heard.first()
    assert heard.data == ["good"]


async def test_a_python_provider_refuses_an_unsigned_call_and_accepts_a_signed_one(
    hub: HubUnderTest, connect: Connector, protected: RawClient, channel: str
) -> None:
    async def echo(message: Any) -> Any:
        return message.data

    provider = await open_protected(hub, connect, channel)
    await provider.add_event("echo", echo)
    request_id = await protected.call(channel, "echo", 1)
    refused = await protected.expect("response", request_id=request_id)
    assert refused["error"] == f"Invalid signature for channel {channel}"
    call = {"type": "call", "channel": channel, "event": "echo", "data": 5, "request_id": "r"}
    await protected.say(signed(call | {"sender_id": protected.client_id}))
    assert (await protected.expect("response", request_id="r"))["data"] == 5


async def test_signed_chunks_are_accepted_by_a_python_consumer(
    hub: HubUnderTest, connect: Connector, protected: RawClient, channel: str
) -> None:
    await protected.provide(channel, "count", password=PASSWORD, is_stream=True)
    consumer = await open_protected(hub, connect, channel)
    stream = consumer.stream("count", {})
    first = _start(stream)
    call = await protected.expect("call")
    assert call["signature"] == message_signature(PASSWORD, call)
    chunk = {
        "type": "response",
        "channel": channel,
        "event": "count",
        "request_id": call["request_id"],
        "target_id": call["sender_id"],
        "sender_id": protected.client_id,
        "is_stream": True,
        "is_final": False,
    }
    await protected.say(signed(chunk | {"data": {"n": 1.5}}))
    assert (await first).data == {"n": 1.5}
    await protected.say(chunk | {"data": "unsigned"})
    with pytest.raises(ValueError, match="Invalid signature"):
        await anext(stream)


def _start(stream: Any) -> Any:
    import asyncio

    return asyncio.ensure_future(anext(stream))


async def test_a_python_stream_outside_the_channel_object_works(
    hub: HubUnderTest, connect: Connector, protected: RawClient, channel: str
) -> None:
    """Python providers do not sign chunks; `client.stream` does not ask for it."""

    async def count(message: Any):  # type: ignore[no-untyped-def]
        for number in range(3):
            yield number + 1

    provider = await open_protected(hub, connect, channel)
    await provider.add_stream("count", count)
    consumer = await connect(hub)
    await consumer.open(channel, password=PASSWORD)
    assert [chunk.data async for chunk in consumer.stream(channel, "count", {})] == [1, 2, 3]


async def test_the_signature_of_a_python_client_is_the_one_of_the_scheme(
    hub: HubUnderTest, connect: Connector, protected: RawClient, channel: str
) -> None:
    speaker = await open_protected(hub, connect, channel)
    for value in VALUES:
        await speaker.broadcast("news", value)
        got = await protected.expect("broadcast")
        assert got["data"] == value
        assert got["signature"] == message_signature(PASSWORD, got)


@pytest.mark.raw
async def test_publishes_in_a_protected_channel_reach_its_subscribers(
    hub: HubUnderTest, dial: RawDialer, protected: RawClient, channel: str, unique: Unique
) -> None:
    await protected.declare(channel, "topic")
    member = await dial(hub, unique("member"))
    await member.open(channel, PASSWORD)
    await member.subscribe(channel, "topic")
    await protected.publish(channel, "topic", 7)
    assert (await member.expect("receive"))["data"] == 7
