# SPDX-License-Identifier: LGPL-3.0-or-later
"""The forwarding rules of chapter 3.1, on the bytes."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import msgpack
import pytest

from hub_under_test import HubUnderTest
from raw_client import Message, RawClient, RawDialer, new_request_id, pack, unpack

pytestmark = pytest.mark.raw

Unique = Callable[[str], str]


class Road:
    """A speaker, a listener, and the four ways by which a message goes from one to the other."""

    def __init__(self, kind: str, speaker: RawClient, listener: RawClient, channel: str) -> None:
        self.kind = kind
        self.speaker = speaker
        self.listener = listener
        self.channel = channel
        self.fixed: Message = {"type": kind, "channel": channel, "event": "echo"}

    @classmethod
    async def build(cls, kind: str, hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique) -> Road:
        speaker, listener = await dial(hub, unique("speaker")), await dial(hub, unique("listener"))
        road = cls(kind, speaker, listener, channel)
        await listener.open(channel)
        await (speaker if kind == "response" else listener).provide(channel, "echo")
        await listener.forget_inbox()
        if kind == "response":
            await listener.call(channel, "echo", 1)
            call = await speaker.expect("call")
            road.fixed = {
                "type": "response",
                "request_id": call["request_id"],
                "target_id": call["sender_id"],
            }
        elif kind == "call":
            road.fixed["request_id"] = new_request_id()
        await speaker.forget_inbox()
        return road

    async def carry(self, fields: Message) -> Message:
        await self.speaker.say(self.fixed | fields)
        return await self.listener.expect(self.kind)

    async def carry_body(self, body: bytes) -> bytes:
        await self.speaker.say_body(body)
        await self.listener.expect(self.kind)
        return self.listener.last_body


KINDS = ["call", "response", "broadcast", "send"]


@pytest.fixture(params=KINDS)
async def road(
    request: pytest.FixtureRequest, hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> Road:
    return await Road.build(request.param, hub, dial, channel, unique)


async def test_the_hub_names_the_sender(road: Road, hub: HubUnderTest) -> None:
    assert (await road.carry({"data": 1}))["sender_id"] == road.speaker.client_id


async def test_a_false_sender_is_replaced(road: Road, hub: HubUnderTest) -> None:
    carried = await road.carry({"data": 1, "sender_id": "someone-else"})
    assert carried["sender_id"] == road.speaker.client_id


async def test_a_sender_of_another_type_is_replaced(road: Road, hub: HubUnderTest) -> None:
    assert (await road.carry({"data": 1, "sender_id": None}))["sender_id"] == road.speaker.client_id


async def test_time_and_origin_are_filled_in_where_absent(road: Road, hub: HubUnderTest) -> None:
    carried = await road.carry({"data": 1})
    assert isinstance(carried["timestamp"], int)
    assert abs(carried["timestamp"] - time.time()) < 5
    assert carried["origin_server_id"] == hub.server_id


async def test_time_and_origin_are_kept_where_present(road: Road, hub: HubUnderTest) -> None:
    carried = await road.carry({"data": 1, "timestamp": 12345, "origin_server_id": "far-away"})
    assert carried["timestamp"] == 12345
    assert carried["origin_server_id"] == "far-away"


async def test_an_origin_of_nil_is_present(road: Road, hub: HubUnderTest) -> None:
    carried = await road.carry({"data": 1, "origin_server_id": None})
    assert carried["origin_server_id"] is None


async def test_the_path_begins_with_the_hub(road: Road, hub: HubUnderTest) -> None:
    assert (await road.carry({"data": 1}))["path"] == [hub.server_id]


async def test_the_hub_is_appended_to_the_path(road: Road, hub: HubUnderTest) -> None:
    carried = await road.carry({"data": 1, "path": ["one", "two"]})
    assert carried["path"] == ["one", "two", hub.server_id]


async def test_a_long_path_grows_by_one(road: Road, hub: HubUnderTest) -> None:
    path = [f"hub-{number}" for number in range(20)]
    assert (await road.carry({"data": 1, "path": path}))["path"] == [*path, hub.server_id]


@pytest.mark.parametrize("kind", ["call", "broadcast", "send"])
async def test_a_message_that_was_here_before_is_dropped(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique, kind: str
) -> None:
    road = await Road.build(kind, hub, dial, channel, unique)
    await road.speaker.say(road.fixed | {"data": 1, "path": ["one", hub.server_id, "two"]})
    await road.listener.silence_after(road.speaker)


async def test_the_senders_server_id_is_kept(road: Road, hub: HubUnderTest) -> None:
    assert (await road.carry({"data": 1, "server_id": "my-hub"}))["server_id"] == "my-hub"


async def test_every_field_of_a_message_object_is_kept(road: Road, hub: HubUnderTest) -> None:
    fields: Message = {
        "data": {"z": 1, "a": [True, None]},
        "server_id": "my-hub",
        "origin_server_id": "my-hub",
        "timestamp": 1700000000,
        "metadata": {"trace": "x", "n": {"m": [1]}},
        "is_stream": False,
        "is_final": True,
        "sub_name": "some-topic",
        "signature": "00ff",
        "mode": "client",
    }
    carried = await road.carry(fields)
    assert {name: carried[name] for name in fields} == fields


async def test_unknown_keys_survive(road: Road, hub: HubUnderTest) -> None:
    fields = {"data": 1, "trace_id": "abc", "x-list": [1, {"y": None}], "ключ": b"\x00\x01"}
    carried = await road.carry(fields)
    assert {name: carried[name] for name in fields} == fields


async def test_no_key_comes_twice(road: Road, hub: HubUnderTest) -> None:
    await road.carry(
        {
            "data": 1,
            "sender_id": "x",
            "path": ["a"],
            "timestamp": 1,
            "origin_server_id": "o",
            "server_id": "s",
        }
    )
    pairs: list[str] = msgpack.unpackb(
        road.listener.last_body, object_pairs_hook=lambda pairs: [name for name, _ in pairs]
    )
    assert len(pairs) == len(set(pairs))


VALUES = {
    "nil": b"\xc0",
    "false": b"\xc2",
    "small int in nine bytes": b"\xcf" + struct.pack(">Q", 1),
    "u64 maximum": b"\xcf" + b"\xff" * 8,
    "i64 minimum": b"\xd3\x80" + b"\x00" * 7,
    "positive value as int8": b"\xd0\x05",
    "float32": b"\xca" + struct.pack(">f", 0.1),
    "float64": b"\xcb" + struct.pack(">d", 0.1),
    "not a number": b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01",
    "short str in str32": b"\xdb\x00\x00\x00\x02hi",
    "str8": b"\xd9\x02hi",
    "bin8": b"\xc4\x02\x00\xff",
    "bin32": b"\xc6\x00\x00\x00\x01\x07",
    "array32": b"\xdd\x00\x00\x00\x02\x01\xc0",
    "map32 with keys of all kinds": b"\xdf\x00\x00\x00\x03\x01\x02\xc0\xc3\xa1k\x90",
    "fixext1": b"\xd4\x05\x01",
    "fixext16": b"\xd8\x7f" + bytes(16),
    "ext8": b"\xc7\x03\x80abc",
    "ext32": b"\xc9\x00\x00\x00\x02\x01ab",
    "timestamp ext": b"\xd6\xff" + struct.pack(">I", 1700000000),
    "the word data inside": b"\x81\xa4data\x81\xa7channel\xa1x",
    "nested": b"\x93\x81\xa1a\x92\xca\x3f\x80\x00\x00\xd9\x01b\xc4\x00\xcd\x00\x01",
}


def body_with_data(fields: Message, data: bytes, position: str) -> bytes:
    """A message body whose data are exactly these bytes, at the front or the back of the map."""
    parts = [pack(name) + pack(value) for name, value in fields.items()]
    parts.insert(0 if position == "front" else len(parts), pack("data") + data)
    assert len(parts) < 16
    return bytes([0x80 | len(parts)]) + b"".join(parts)


@pytest.mark.commhub_only
@pytest.mark.parametrize("position", ["front", "back"])
async def test_data_go_through_byte_for_byte(road: Road, hub: HubUnderTest, position: str) -> None:
    for what, data in VALUES.items():
        if road.kind == "response":
            await road.listener.call(road.channel, "echo", 1)
            road.fixed["request_id"] = (await road.speaker.expect("call"))["request_id"]
        elif road.kind == "call":
            road.fixed["request_id"] = new_request_id()
        body = await road.carry_body(body_with_data(road.fixed, data, position))
        assert pack("data") + data in body, what


async def test_values_of_all_kinds_go_through(road: Road, hub: HubUnderTest) -> None:
    data = [2**64 - 1, -(2**63), 1.25, "é", b"\x00", None, True, {"a": {}}, msgpack.ExtType(5, b"xyz")]
    assert (await road.carry({"data": data}))["data"] == data


async def test_a_stream_chunk_goes_through_with_its_flags(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    road = await Road.build("response", hub, dial, channel, unique)
    chunk = await road.carry({"data": 1, "is_stream": True, "is_final": False, "extra": 5})
    assert (chunk["is_stream"], chunk["is_final"], chunk["extra"]) == (True, False, 5)
    last = await road.carry({"data": None, "is_stream": True, "is_final": True})
    assert (last["is_stream"], last["is_final"], last["data"]) == (True, True, None)


@pytest.mark.commhub_only
async def test_published_data_go_through_byte_for_byte(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, listener = await dial(hub, unique("owner")), await dial(hub, unique("listener"))
    await owner.declare(channel, "topic")
    await listener.subscribe(channel, "topic")
    for what, data in VALUES.items():
        fields = {"type": "publish", "channel": channel, "sub_name": "topic"}
        await owner.say_body(body_with_data(fields, data, "front"))
        await listener.expect("receive")
        assert pack("data") + data in listener.last_body, what


@pytest.mark.parametrize("kind", ["call", "broadcast", "send", "publish"])
async def test_what_one_client_says_arrives_in_order(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique, kind: str
) -> None:
    speaker, listener = await dial(hub, unique("speaker")), await dial(hub, unique("listener"))
    await listener.open(channel)
    await listener.provide(channel, "echo")
    await speaker.declare(channel, "topic")
    await listener.subscribe(channel, "topic")
    await listener.forget_inbox()
    for number in range(500):
        message = {"type": kind, "channel": channel, "event": "echo", "sub_name": "topic", "data": number}
        await speaker.say(message | ({"request_id": str(number)} if kind == "call" else {}))
    arriving = "receive" if kind == "publish" else kind
    assert [(await listener.expect(arriving))["data"] for _ in range(500)] == list(range(500))


async def test_kinds_of_messages_do_not_overtake_each_other(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    speaker, listener = await dial(hub, unique("speaker")), await dial(hub, unique("listener"))
    await listener.open(channel)
    await listener.provide(channel, "echo")
    await speaker.declare(channel, "topic")
    await listener.subscribe(channel, "topic")
    await listener.forget_inbox()
    for number in range(100):
        await speaker.call(channel, "echo", 4 * number)
        await speaker.broadcast(channel, "echo", 4 * number + 1)
        await speaker.publish(channel, "topic", 4 * number + 2)
        await speaker.send(channel, "echo", 4 * number + 3)
    await speaker.settle()
    await listener.settle()
    assert [message["data"] for message in listener.inbox] == list(range(400))


async def test_a_key_order_of_any_kind_is_understood(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    speaker, listener = await dial(hub, unique("speaker")), await dial(hub, unique("listener"))
    await listener.open(channel)
    await listener.forget_inbox()
    fields: Message = {"data": 1, "path": [], "event": "e", "channel": channel, "type": "broadcast"}
    for _ in range(len(fields)):
        first = next(iter(fields))
        fields[first] = fields.pop(first)
        await speaker.say(fields)
        assert (await listener.expect("broadcast"))["path"] == [hub.server_id]


async def test_keys_in_long_encodings_are_understood(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    speaker, listener = await dial(hub, unique("speaker")), await dial(hub, unique("listener"))
    await listener.open(channel)
    await listener.forget_inbox()

    def long_str(text: str) -> bytes:
        return b"\xdb" + struct.pack(">I", len(text.encode())) + text.encode()

    fields = {"type": "broadcast", "channel": channel, "event": "e", "data": "d", "sender_id": "x"}
    body = b"\xdf" + struct.pack(">I", len(fields))
    body += b"".join(long_str(name) + long_str(value) for name, value in fields.items())
    assert unpack(body) == fields
    await speaker.say_body(body)
    assert (await listener.expect("broadcast"))["sender_id"] == unique("speaker")
