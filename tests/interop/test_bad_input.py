# SPDX-License-Identifier: LGPL-3.0-or-later
"""Malformed, oversized, early and hostile input gets an error or a close, and costs others nothing (7.1)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from conftest import HubStarter
from hub_under_test import HubUnderTest
from raw_client import Message, RawClient, RawDialer, frame, pack

pytestmark = [pytest.mark.raw, pytest.mark.commhub_only]

Unique = Callable[[str], str]

MEBIBYTE = 1 << 20


@pytest.fixture
async def bystander(hub: HubUnderTest, dial: RawDialer, unique: Unique) -> AsyncIterator[RawClient]:
    """Someone else on the hub, who must be served as before when the test is over."""
    client = await dial(hub, unique("bystander"))
    await client.open(unique("bystanders"))
    await client.provide(unique("bystanders"), "echo")
    await client.forget_inbox()
    yield client
    caller = await dial(hub, unique("bystander-caller"))
    request_id = await caller.call(unique("bystanders"), "echo", 1)
    await client.answer(await client.expect("call"), 2)
    assert (await caller.expect("response", request_id=request_id))["data"] == 2
    assert client.of_type("error") == []


async def error_and_close(client: RawClient, timeout: float = 8.0) -> str:
    """The reason the hub gave before it closed."""
    said = await client.until_closed(timeout)
    errors = [message for message in said if message["type"] == "error"]
    assert errors, f"closed without a reason; said {said}"
    reason = errors[-1]["message"]
    assert isinstance(reason, str) and reason
    return reason


# Frames.


async def test_a_frame_over_the_limit_is_refused_by_its_header(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique
) -> None:
    client = await dial(hub, unique("alice"))
    await client.say_bytes(struct.pack(">I", 16 * MEBIBYTE + 1))
    await error_and_close(client)


async def test_a_frame_of_four_gigabytes_is_refused_by_its_header(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique
) -> None:
    client = await dial(hub, unique("alice"))
    await client.say_bytes_if_open(b"\xff\xff\xff\xff" + bytes(100_000))
    await client.until_closed()


async def test_a_frame_of_just_the_limit_passes(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(max_frame_bytes=65536)
    alice, bob = await dial(hub, "alice"), await dial(hub, "bob")
    await bob.provide("room", "echo")
    call: Message = {"type": "call", "channel": "room", "event": "echo", "request_id": "r", "data": b""}
    room = 65536 - len(pack(call | {"data": bytes(1000)})) + 1000
    body = pack(call | {"data": bytes(room)})
    assert 65534 <= len(body) <= 65536
    await alice.say_body(body + b"" if len(body) == 65536 else pack(call | {"data": bytes(room)}))
    # What the hub adds (sender, path, time) may not make it refuse what it accepted.
    assert len((await bob.expect("call"))["data"]) == room
    await alice.say_bytes(struct.pack(">I", 65537))
    await error_and_close(alice)


BROKEN_BODIES = {
    "empty": b"",
    "never used byte": b"\xc1",
    "array": pack(["type", "ping"]),
    "string": pack("ping"),
    "nil": pack(None),
    "integer": b"\x07",
    "map cut short": pack({"type": "ping", "a": "bcd"})[:-2],
    "map that promises more": b"\x83" + pack("type") + pack("ping"),
    "map of four billion": b"\xdf\xff\xff\xff\xff" + pack("type") + pack("ping"),
    "string of four billion": b"\x81" + pack("type") + b"\xdb\xff\xff\xff\xffping",
    "bytes after the map": pack({"type": "ping"}) + b"\x00",
    "two maps": pack({"type": "ping"}) * 2,
    "text of http": b"GET / HTTP/1.1\r\n\r\n",
    "no type": pack({"channel": "c"}),
    "type is nil": pack({"type": None}),
    "type is an integer": pack({"type": 5}),
    "type is bin": b"\x81" + pack("type") + pack(b"ping"),
    "integer key": b"\x82" + pack("type") + pack("ping") + b"\x05\x06",
    "bin key": b"\x82" + pack("type") + pack("ping") + pack(b"k") + b"\x06",
    "key that is not utf-8": b"\x82" + pack("type") + pack("ping") + b"\xa2\xff\xfe" + b"\x06",
    "type that is not utf-8": b"\x81" + pack("type") + b"\xa2\xff\xfe",
}


@pytest.mark.parametrize("what", BROKEN_BODIES)
async def test_a_malformed_body_is_an_error_and_a_close(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique, what: str
) -> None:
    client = await dial(hub, unique("alice"))
    await client.say_body(BROKEN_BODIES[what])
    await error_and_close(client)


@pytest.mark.parametrize("what", BROKEN_BODIES)
async def test_a_malformed_first_frame_is_an_error_and_a_close(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, what: str
) -> None:
    client = await dial(hub)
    await client.say_body(BROKEN_BODIES[what])
    await error_and_close(client)


@pytest.mark.parametrize("opening", [b"\x91", b"\x81\xa1a", b"\xdd\x00\x00\x00\x01"])
async def test_deep_nesting_costs_nothing(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique, opening: bytes
) -> None:
    """Refused or carried, but never a fall."""
    client = await dial(hub, unique("alice"))
    deep = opening * 1_000_000 + b"\xc0"
    body = b"\x84" + pack("type") + pack("broadcast") + pack("channel") + pack("deep")
    await client.say_bytes_if_open(frame(body + pack("event") + pack("e") + pack("data") + deep))
    await client.say_bytes_if_open(frame(pack({"type": "ping"})))
    try:
        await client.expect("pong")
    except Exception:
        assert client.of_type("error")


async def test_a_body_in_pieces_with_pauses_is_whole(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique
) -> None:
    client = await dial(hub, unique("alice"))
    ping = frame(pack({"type": "ping"}))
    for cut in range(1, len(ping)):
        await client.say_bytes(ping[:cut])
        await bystander.settle()
        await client.say_bytes(ping[cut:])
        await client.expect("pong")


# Before a connection is identified.


async def test_the_first_frame_must_be_identify(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient
) -> None:
    for message in (
        {"type": "ping"},
        {"type": "register", "channel": "c", "is_provider": False},
        {"type": "conn_proof", "proof": "0" * 64},
        {"type": "nonsense"},
    ):
        client = await dial(hub)
        await client.say(message)
        await error_and_close(client)


async def test_identify_may_have_four_kibibytes_and_no_more(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique
) -> None:
    identify = {"type": "identify", "client_id": unique("alice"), "padding": ""}
    room = 4096 - len(pack(identify | {"padding": "x" * 1000})) + 1000
    client = await dial(hub)
    body = pack(identify | {"padding": "x" * room})
    assert len(body) == 4096
    await client.say_body(body)
    assert (await client.next())["type"] == "identified"

    client = await dial(hub)
    await client.say_bytes(struct.pack(">I", 4097))
    await error_and_close(client)


async def test_a_proof_may_have_no_more_than_four_kibibytes(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(connection_secret="s")
    client = await dial(hub)
    await client.say({"type": "identify", "client_id": "alice"})
    assert (await client.next())["type"] == "conn_challenge"
    await client.say_bytes(struct.pack(">I", 4097))
    await error_and_close(client)


async def test_connections_that_never_identify_are_cut_after_ten_seconds(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub(transports=("unix", "tcp", "tls"))
    other = await dial(hub, "other")
    silent = [await RawClient.dial(hub, transport) for transport in ("unix", "tcp", "tls")]
    silent += [await RawClient.dial(hub) for _ in range(300)]
    dripping = await RawClient.dial(hub)
    started = asyncio.get_running_loop().time()

    async def drip() -> None:
        for byte in frame(pack({"type": "identify", "client_id": "dripping"})):
            await dripping.say_bytes_if_open(bytes([byte]))
            await asyncio.sleep(1)

    dripper = asyncio.create_task(drip())
    await asyncio.gather(*(client.until_closed(timeout=14) for client in [*silent, dripping]))
    assert asyncio.get_running_loop().time() - started > 8
    dripper.cancel()
    for client in [*silent, dripping]:
        await client.close()
    await other.settle()


BAD_NAMES: dict[str, Any] = {
    "empty": "",
    "256 bytes": "x" * 256,
    "256 bytes in 128 letters": "é" * 128,
    "newline": "a\nb",
    "nul": "a\x00b",
    "escape": "a\x1bb",
    "delete": "a\x7fb",
    "integer": 5,
    "nil": None,
    "bin": b"abc",
    "list": ["a"],
    "map": {"a": 1},
}


@pytest.mark.parametrize("what", BAD_NAMES)
async def test_a_bad_client_id_is_refused(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, what: str
) -> None:
    client = await dial(hub)
    await client.say({"type": "identify", "client_id": BAD_NAMES[what]})
    await error_and_close(client)


async def test_a_missing_client_id_is_refused(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient
) -> None:
    client = await dial(hub)
    await client.say({"type": "identify"})
    await error_and_close(client)


async def test_a_client_id_that_is_not_utf8_is_refused(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient
) -> None:
    for name in (b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"):
        client = await dial(hub)
        text = bytes([0xA0 | len(name)]) + name
        await client.say_body(b"\x82" + pack("type") + pack("identify") + pack("client_id") + text)
        await error_and_close(client)


async def test_a_client_id_of_255_bytes_is_fine(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique
) -> None:
    name = unique("🦆é")
    client = await dial(hub, name + "x" * (255 - len(name.encode())))
    await client.settle()


async def test_a_second_identify_does_not_change_the_id(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, channel: str, unique: Unique
) -> None:
    alice, bob = await dial(hub, unique("alice")), await dial(hub, unique("bob"))
    await bob.open(channel)
    await alice.say({"type": "identify", "client_id": unique("carol")})
    await alice.say_bytes_if_open(
        frame(pack({"type": "broadcast", "channel": channel, "event": "e", "data": 1}))
    )
    await alice.say_bytes_if_open(frame(pack({"type": "ping"})))
    try:
        await alice.expect("pong")
        assert (await bob.expect("broadcast"))["sender_id"] == unique("alice")
    except Exception:
        assert alice.of_type("error"), "refused without a reason"
    carol = await dial(hub, unique("carol"))
    await carol.settle()


# Names and types after that.


@pytest.mark.parametrize("what", [name for name in BAD_NAMES if name != "nil"])
@pytest.mark.parametrize("key", ["channel", "event", "sub_name"])
async def test_a_bad_name_is_an_error_and_the_connection_lives(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique, key: str, what: str
) -> None:
    client = await dial(hub, unique("alice"))
    words: dict[str, Message] = {
        "channel": {"type": "register", "is_provider": False},
        "event": {"type": "register", "is_provider": True, "channel": unique("room")},
        "sub_name": {"type": "add_subscription", "channel": unique("room")},
    }
    refused = await client.request(words[key] | {key: BAD_NAMES[what]})
    assert isinstance(refused["error"], str) and refused["error"]
    await client.settle()


@pytest.mark.parametrize(
    "word", ["register", "add_subscription", "subscribe", "set_password", "list_members"]
)
async def test_a_request_without_a_channel_is_answered_with_an_error(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique, word: str
) -> None:
    client = await dial(hub, unique("alice"))
    assert (await client.request({"type": word, "sub_name": "t", "password": "p"}))["error"]


WRONG_TYPES: dict[str, Message] = {
    "path is a string": {"path": "abc"},
    "path is a map": {"path": {"a": 1}},
    "path holds integers": {"path": [1, 2]},
    "path holds nil": {"path": [None]},
    "timestamp is a string": {"timestamp": "now"},
    "channel is a list": {"channel": ["a"]},
    "event is a map": {"event": {"a": 1}},
    "request_id is an integer": {"request_id": 5},
    "request_id is a list": {"request_id": ["r"]},
    "target_id is an integer": {"target_id": 5},
    "is_stream is a string": {"is_stream": "yes"},
    "is_final is an integer": {"is_final": 1},
    "is_provider is a string": {"is_provider": "yes"},
    "reg is a string": {"reg": "abc"},
    "reg is nil": {"reg": None},
    "clients is a map": {"clients": {"a": 1}},
    "password is an integer": {"password": 5},
    "signature is a map": {"signature": {}},
    "sender_id is a list": {"sender_id": []},
}
ALL_TYPES = (
    *("register", "call", "response", "broadcast", "send", "set_password", "add_subscription"),
    *("remove_subscription", "subscribe", "unsubscribe", "publish", "list_members"),
    *("announce_remote", "forget_remote"),
)


@pytest.mark.parametrize("what", WRONG_TYPES)
async def test_fields_of_the_wrong_type_cost_others_nothing(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique, what: str
) -> None:
    """Each type of message with this field broken: an error or a close, and the hub goes on."""
    usual = {"channel": unique("bystanders"), "event": "e", "sub_name": "t", "password": "p", "data": 1}
    for word in ALL_TYPES:
        client = await RawClient.dial(hub)
        await client.identify(unique("alice") + word)
        await client.say(
            usual | {"request_id": "r", "target_id": "nobody"} | {"type": word} | WRONG_TYPES[what]
        )
        await client.say_bytes_if_open(frame(pack({"type": "ping"})))
        try:
            await client.expect("pong")
        except Exception:
            assert client.of_type("error"), f"{word} closed without a reason"
        await client.close()
    await bystander.settle()
    bystander.inbox = [m for m in bystander.inbox if m["type"] == "error"]


@pytest.mark.parametrize("word", ["call", "broadcast", "send"])
@pytest.mark.parametrize("path", ["abc", {"a": 1}, [1], [None], [["x"]]])
async def test_a_broken_path_is_not_passed_on(
    hub: HubUnderTest,
    dial: RawDialer,
    bystander: RawClient,
    channel: str,
    unique: Unique,
    word: str,
    path: Any,
) -> None:
    """Python clients reject a message whose path is not a list of strings."""
    alice, bob = await dial(hub, unique("alice")), await dial(hub, unique("bob"))
    await bob.open(channel)
    await bob.provide(channel, "echo")
    await bob.forget_inbox()
    await alice.say({"type": word, "channel": channel, "event": "echo", "data": 1, "path": path})
    await alice.say_bytes_if_open(frame(pack({"type": "ping"})))
    try:
        await alice.expect("pong")
    except Exception:
        assert alice.of_type("error"), "closed without a reason"
    await bob.settle()
    for message in bob.inbox:
        if message["type"] == word:
            assert all(isinstance(step, str) for step in message["path"])


async def test_an_unknown_type_is_said_to_be_unknown(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique
) -> None:
    client = await dial(hub, unique("alice"))
    await client.say({"type": "abracadabra", "request_id": "r"})
    await client.expect_where(lambda m: bool(m.get("error") or m["type"] == "error"), "an error")


@pytest.mark.parametrize(
    "word", ["identified", "receive", "channel_sync", "metadata_update", "error", "pong", "conn_challenge"]
)
async def test_the_hubs_own_words_in_a_clients_mouth_go_nowhere(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, channel: str, unique: Unique, word: str
) -> None:
    alice, bob = await dial(hub, unique("alice")), await dial(hub, unique("bob"))
    await bob.open(channel)
    await bob.forget_inbox()
    await alice.say(
        {
            "type": word,
            "channel": channel,
            "event": "e",
            "data": 1,
            "target_id": unique("bob"),
            "message": "m",
        }
    )
    await alice.say_bytes_if_open(frame(pack({"type": "ping"})))
    await bystander.settle()
    await bob.silence_after()


async def test_two_thousand_channels_of_one_client_come_and_go(
    hub: HubUnderTest, dial: RawDialer, bystander: RawClient, unique: Unique
) -> None:
    client = await dial(hub, unique("alice"))
    for number in range(2000):
        channel = unique(f"c{number}")
        await client.say({"type": "register", "channel": channel, "is_provider": True, "event": "e"})
        await client.say({"type": "add_subscription", "channel": channel, "sub_name": "t"})
    await client.settle()
    await client.close()
