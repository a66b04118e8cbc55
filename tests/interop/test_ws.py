# SPDX-License-Identifier: LGPL-3.0-or-later
"""The hub's own protocol over WebSocket: the same handshake, the same limits, the same messages."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from hub_under_test import Certificates, HubOptions, HubUnderTest
from management_client import LiveRefused, LiveSocket, Rest
from python_client import Connector, eventually
from raw_client import ConnectionEnded, RawClient, RawDialer

pytestmark = [pytest.mark.commhub_only, pytest.mark.raw]

Unique = Callable[[str], str]
WsDialer = Callable[..., Awaitable[RawClient]]


def masked(payload: bytes) -> bytes:
    mask = os.urandom(4)
    long_mask = (mask * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(long_mask, "big")
    return mask + mixed.to_bytes(len(payload), "big")


class WsWriter:
    """Bytes as binary messages, cut where it pleases."""

    def __init__(self, writer: asyncio.StreamWriter, most: int) -> None:
        self.inner = writer
        self.most = most

    def say(self, opcode: int, payload: bytes) -> None:
        length = len(payload)
        if length < 126:
            head = bytes([0x80 | length])
        elif length <= 0xFFFF:
            head = bytes([0xFE]) + struct.pack(">H", length)
        else:
            head = bytes([0xFF]) + struct.pack(">Q", length)
        self.inner.write(bytes([0x80 | opcode]) + head + masked(payload))

    def write(self, raw: bytes) -> None:
        for start in range(0, len(raw), self.most):
            self.say(2, raw[start : start + self.most])

    async def drain(self) -> None:
        await self.inner.drain()

    def close(self) -> None:
        self.inner.close()

    async def wait_closed(self) -> None:
        await self.inner.wait_closed()


class Bus:
    """A RawClient whose bytes go through a WebSocket."""

    def __init__(self, socket: LiveSocket, most: int) -> None:
        self.socket = socket
        self.close_code = 0
        self.writer = WsWriter(socket.writer, most)
        self.reader = asyncio.StreamReader(limit=1 << 26)
        self.is_reading = asyncio.Event()
        self.is_reading.set()
        self.task = asyncio.create_task(self._pump())

    async def _pump(self) -> None:
        inner = self.socket.reader
        try:
            while True:
                await self.is_reading.wait()
                first, second = await inner.readexactly(2)
                length = second & 0x7F
                if length == 126:
                    (length,) = struct.unpack(">H", await inner.readexactly(2))
                elif length == 127:
                    (length,) = struct.unpack(">Q", await inner.readexactly(8))
                payload = await inner.readexactly(length)
                opcode = first & 0x0F
                if opcode in (0, 2):
                    self.reader.feed_data(payload)
                elif opcode == 9:
                    self.writer.say(10, payload)
                elif opcode == 8:
                    (self.close_code,) = struct.unpack(">H", payload[:2]) if payload else (1005,)
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        self.reader.feed_eof()


@pytest.fixture(scope="module")
def gate(certificates: Certificates) -> Iterator[HubUnderTest]:
    options = HubOptions(transports=("unix", "tcp"), mgmt=True)
    hub = HubUnderTest(options, certificates).start()
    yield hub
    hub.close()


@pytest.fixture
async def ws() -> AsyncIterator[WsDialer]:
    """`await ws(hub, "alice")`: an identified client; without a name one that has said nothing."""
    buses: list[Bus] = []

    async def dial(hub: HubUnderTest, client_id: str | None = None, *, most: int = 1 << 20, **more: Any) -> RawClient:
        socket = await LiveSocket.dial(hub, path="/ws", protocols=("commipc.v1",), **more)
        bus = Bus(socket, most)
        buses.append(bus)
        client = RawClient(bus.reader, bus.writer)  # type: ignore[arg-type]
        client.bus = bus  # type: ignore[attr-defined]
        if client_id is not None:
            answer = await client.identify(client_id)
            assert answer["type"] == "identified", answer
        return client

    yield dial
    for bus in buses:
        bus.task.cancel()
        bus.writer.close()


async def test_a_client_calls_provides_and_subscribes_through_a_websocket(
    gate: HubUnderTest, ws: WsDialer, dial: RawDialer, channel: str, unique: Unique
) -> None:
    browser, native = await ws(gate, unique("browser")), await dial(gate, unique("native"))
    await browser.provide(channel, "in-browser")
    await native.provide(channel, "native")
    for caller, provider, event in ((browser, native, "native"), (native, browser, "in-browser")):
        request_id = await caller.call(channel, event, {"n": 1})
        await provider.answer(await provider.expect("call"), "done")
        assert (await caller.expect("response", request_id=request_id))["data"] == "done"
    await browser.subscribe(channel, "news")
    await native.declare(channel, "news")
    for number in range(500):
        await native.publish(channel, "news", number)
    heard = [(await browser.expect("receive", event="subscription.news.data"))["data"] for _ in range(500)]
    assert heard == list(range(500))


@pytest.mark.parametrize("most", [1, 7, 1 << 20])
async def test_where_a_message_ends_means_nothing(
    gate: HubUnderTest, ws: WsDialer, unique: Unique, most: int
) -> None:
    client = await ws(gate, unique("cut"), most=most)
    for _ in range(20):
        await client.settle()


async def test_large_frames_pass_both_ways_unharmed(
    gate: HubUnderTest, ws: WsDialer, channel: str, unique: Unique
) -> None:
    client = await ws(gate, unique("large"))
    await client.provide(channel, "echo")
    data = os.urandom(3 << 20)
    request_id = await client.call(channel, "echo", data)
    call = await client.expect("call")
    assert call["data"] == data
    await client.answer(call, data)
    assert (await client.expect("response", request_id=request_id))["data"] == data


async def test_it_is_a_client_like_others_with_an_address(
    gate: HubUnderTest, ws: WsDialer, unique: Unique
) -> None:
    client = await ws(gate, unique("shown"))
    rows = [row for row in Rest(gate).items("clients?limit=1000") if row["id"] == client.client_id]
    assert rows and rows[0]["address"].startswith("ws 127.0.0.1:"), rows
    await client.close()
    await eventually(
        lambda: not [row for row in Rest(gate).items("clients?limit=1000") if row["id"] == client.client_id],
        "it is gone",
    )


async def test_what_was_said_before_the_end_is_heard(
    gate: HubUnderTest, ws: WsDialer, dial: RawDialer, channel: str, unique: Unique
) -> None:
    native = await dial(gate, unique("native"))
    await native.provide(channel, "note")
    client = await ws(gate, unique("brief"))
    for number in range(200):
        await client.send(channel, "note", [number, "x" * 1000])
    client.bus.writer.say(8, struct.pack(">H", 1000))  # type: ignore[attr-defined]
    await client.until_closed()
    for number in range(200):
        assert (await native.expect("send"))["data"][0] == number


async def test_the_hub_ends_it_with_a_reason_and_a_close(
    gate: HubUnderTest, ws: WsDialer, unique: Unique
) -> None:
    client = await ws(gate)
    await client.say({"type": "ping"})
    said = await client.until_closed()
    assert said == [{"type": "error", "message": "The first frame must be identify"}]
    assert client.bus.close_code == 1000  # type: ignore[attr-defined]
    client = await ws(gate, unique("text"))
    client.bus.writer.say(1, b"text")  # type: ignore[attr-defined]
    await client.until_closed()
    assert client.bus.close_code == 1003  # type: ignore[attr-defined]


async def test_the_connection_secret_is_asked_for_here_too(
    certificates: Certificates, ws: WsDialer
) -> None:
    hub = HubUnderTest(HubOptions(mgmt=True, connection_secret="between us"), certificates).start()
    client = await ws(hub)
    assert (await client.identify("stranger"))["type"] == "conn_challenge"
    friend = await ws(hub)
    assert (await friend.identify("friend", secret="between us"))["type"] == "identified"
    hub.close()
    with pytest.raises(ConnectionEnded):
        await friend.next()
        await friend.next()


async def test_not_everybody_may_open_it(gate: HubUnderTest) -> None:
    refusals = (
        (401, {"token": None}),
        (401, {"token": "a-wrong-token-of-some-length"}),
        (403, {"headers": ("Origin: https://elsewhere.example",)}),
        (400, {"protocols": ("something.else",)}),
    )
    for status, options in refusals:
        with pytest.raises(LiveRefused) as refused:
            await LiveSocket.dial(gate, path="/ws", **({"protocols": ("commipc.v1",)} | options))  # type: ignore[arg-type]
        assert refused.value.status == status, options


async def test_a_ticket_lets_a_page_of_another_origin_in_once(gate: HubUnderTest, unique: Unique) -> None:
    origin = ("Origin: https://elsewhere.example",)
    for path, protocol in (("/ws", "commipc.v1"), ("/api/v1/live", "commhub.live.v1")):
        made = Rest(gate).ask("POST", "/api/v1/live/ticket")
        assert (made.status, made.json["seconds"]) == (201, 30)
        options: dict[str, Any] = {
            "path": path,
            "token": None,
            "protocols": (protocol, f"ticket.{made.json['ticket']}"),
            "headers": origin,
        }
        (await LiveSocket.dial(gate, **options)).close()
        with pytest.raises(LiveRefused) as refused:
            await LiveSocket.dial(gate, **options)
        assert refused.value.status == 401
    assert Rest(gate).ask("POST", "/api/v1/live/ticket", token=None).status == 401


async def test_one_that_stops_reading_costs_its_bound_and_nothing_else(
    gate: HubUnderTest, ws: WsDialer, dial: RawDialer, channel: str, unique: Unique
) -> None:
    native, listener = await dial(gate, unique("native")), await dial(gate, unique("listener"))
    stopped = await ws(gate, unique("stopped"))
    await listener.open(channel)
    await stopped.open(channel)
    stopped.bus.is_reading.clear()  # type: ignore[attr-defined]
    before = gate.resident_bytes()
    for number in range(400):
        await native.broadcast(channel, "much", [number, "x" * 100_000])
        assert (await listener.expect("broadcast"))["data"][0] == number
    assert gate.resident_bytes() - before < 100 * 2**20
    await eventually(
        lambda: not [row for row in Rest(gate).items("clients?limit=1000") if row["id"] == stopped.client_id],
        "the slow one was ended",
        timeout=15.0,
    )
