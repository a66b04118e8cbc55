# SPDX-License-Identifier: LGPL-3.0-or-later
"""The gateway: calls, streams, messages and subscriptions over HTTP, against clients of the package."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from hub_under_test import Certificates, HubOptions, HubUnderTest
from management_client import Answer, Rest, first_run_token, quote
from python_client import Connector, Received, eventually
from raw_client import RawDialer

pytestmark = pytest.mark.commhub_only

Unique = Callable[[str], str]
PASSWORD = "offen gesagt: ä%"


@pytest.fixture(scope="module")
def gate(certificates: Certificates) -> Iterator[HubUnderTest]:
    hub = HubUnderTest(HubOptions(mgmt=True), certificates).start()
    yield hub
    hub.close()


class Gateway:
    """Asks without blocking the loop, so that providers in this process can answer."""

    def __init__(self, hub: HubUnderTest) -> None:
        self.hub = hub
        self.rest = Rest(hub)

    async def post(self, path: str, data: Any, **headers: str) -> Answer:
        return await asyncio.to_thread(self._post, path, data, headers)

    def _post(self, path: str, data: Any, headers: dict[str, str]) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(data).encode()
        return self.rest.ask("POST", f"/api/v1/channels/{path}", raw_body=body, headers=named)

    async def stream(self, method: str, path: str, data: Any = None, **headers: str) -> Events:
        body = b"" if data is None else json.dumps(data).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.hub.mgmt_port)
        lines = [
            f"{method} /api/v1/channels/{path} HTTP/1.1",
            "Host: localhost",
            "Accept: text/event-stream",
            f"Authorization: Bearer {first_run_token(self.hub)}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        events = Events(reader, writer)
        await events.read_head()
        return events


class Events:
    """An answer of server-sent events, in chunks of HTTP/1.1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.text = b""
        self.status = 0
        self.head = ""

    async def read_head(self) -> None:
        self.head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 8)).decode()
        self.status = int(self.head.split(" ")[1])

    async def next(self) -> tuple[str, Any]:
        """The next event's name and data; comments are passed over."""
        while True:
            while b"\n\n" not in self.text:
                size = int(await asyncio.wait_for(self.reader.readline(), 20), 16)
                assert size, "the stream has ended"
                self.text += await self.reader.readexactly(size)
                await self.reader.readline()
            event, self.text = self.text.split(b"\n\n", 1)
            if not event.startswith(b":"):
                fields = dict(line.split(": ", 1) for line in event.decode().split("\n"))
                return fields["event"], json.loads(fields["data"])

    def close(self) -> None:
        self.writer.close()


@pytest.fixture
async def gateway(gate: HubUnderTest) -> AsyncIterator[Gateway]:
    yield Gateway(gate)


async def echo(message: Any) -> Any:
    return message.data


async def sender(message: Any) -> Any:
    return message.sender_id


async def metadata(message: Any) -> Any:
    return message.metadata


async def refuse(message: Any) -> Any:
    raise ValueError("not like that")


async def test_a_call_over_http_is_answered_by_a_python_provider(
    gate: HubUnderTest, gateway: Gateway, connect: Connector, channel: str
) -> None:
    provider = await (await connect(gate)).open(channel)
    await provider.add_event("echo", echo)
    await provider.add_event("sender", sender)
    for data in ({"a": [1, None, True, "ä"]}, 0.5, -(2**63), 2**63 - 1, "text", None, []):
        answer = await gateway.post(f"{channel}/events/echo/call", data)
        assert (answer.status, answer.json["data"]) == (200, data)
    answer = await gateway.post(f"{channel}/events/sender/call", None)
    assert answer.json["data"].startswith("http:token:"), answer.json


async def test_what_json_has_no_form_for_goes_through_in_a_wrapper(
    gate: HubUnderTest, gateway: Gateway, connect: Connector, channel: str
) -> None:
    kinds: list[Any] = []

    async def look(message: Any) -> Any:
        kinds.append(message.data)
        return message.data

    provider = await (await connect(gate)).open(channel)
    await provider.add_event("look", look)
    wrapped = [{"$bin": "AAH/"}, {"$uint": str(2**64 - 1)}, {"$float": "Infinity"}, {"$map": [["$x", 1]]}]
    answer = await gateway.post(f"{channel}/events/look/call", wrapped)
    assert (answer.status, answer.json["data"]) == (200, wrapped)
    assert kinds == [[b"\x00\x01\xff", 2**64 - 1, float("inf"), {"$x": 1}]]
    answer = await gateway.post(f"{channel}/events/look/call", {"$bin": "?"})
    assert answer.status == 422 and "$bin" in answer.json["detail"]


async def test_each_way_to_fail_has_its_status(
    gate: HubUnderTest, gateway: Gateway, connect: Connector, dial: RawDialer, channel: str, unique: Unique
) -> None:
    client = await connect(gate)
    provider = await client.open(channel)
    await provider.add_event("refuse", refuse)
    silent = await dial(gate, unique("silent"))
    await silent.provide(channel, "silent")
    answer = await gateway.post(f"{channel}/events/nobody/call", 1)
    assert (answer.status, answer.json["detail"]) == (404, f"No provider for {channel}:nobody")
    answer = await gateway.post(f"{channel}/events/refuse/call", 1)
    assert answer.status == 502 and "not like that" in answer.json["detail"]
    answer = await gateway.post(f"{channel}/events/silent/call?timeout=0.2", 1)
    assert answer.status == 504
    asked = asyncio.create_task(gateway.post(f"{channel}/events/silent/call", 1))
    await silent.expect("call")
    await silent.expect("call")
    await silent.close()
    answer = await asked
    assert answer.status == 502 and "disconnected" in answer.json["detail"]
    for path in (f"{channel}/events/x/call?timeout=nan", "a%00b/events/x/call", "__comm_ipc_logs/events/x/call"):
        answer = await gateway.post(path, 1)
        assert answer.status in (400, 409), (path, answer)
    assert gateway.rest.get("hub")


async def test_a_stream_comes_as_server_sent_events(
    gate: HubUnderTest, gateway: Gateway, connect: Connector, channel: str
) -> None:
    async def count(message: Any):  # type: ignore[no-untyped-def]
        for number in range(message.data):
            yield number
        if message.data == 3:
            raise ValueError("three is too many")

    provider = await (await connect(gate)).open(channel)
    await provider.add_stream("count", count)
    events = await gateway.stream("POST", f"{channel}/events/count/call", 500)
    assert events.status == 200 and "text/event-stream" in events.head
    for number in range(500):
        kind, told = await events.next()
        assert (kind, told["data"]) == ("data", number)
    assert (await events.next())[0] == "end"
    events = await gateway.stream("POST", f"{channel}/events/count/call", 3)
    assert [(await events.next())[0] for _ in range(3)] == ["data"] * 3
    kind, told = await events.next()
    assert (kind, told["status"]) == ("error", 502) and "three is too many" in told["detail"]
    assert (await gateway.post(f"{channel}/events/count/call", 2)).status == 406
    assert (await gateway.stream("POST", f"{channel}/events/nobody/call", 2)).status == 404


async def test_messages_over_http_reach_clients_and_theirs_come_back(
    gate: HubUnderTest, gateway: Gateway, connect: Connector, channel: str
) -> None:
    client = await connect(gate)
    member = await client.open(channel)
    heard, told, news = Received(), Received(), Received()
    member.on_receive(heard)
    await member.add_event("note", told)
    await member.subscribe("news", news)
    for path, inbox in (("broadcast?event=tick", heard), ("events/note/send", told), ("topics/news/publish", news)):
        answer = await gateway.post(f"{channel}/{path}", {"n": 1})
        assert answer.status == 204, (path, answer)
        assert (await inbox.first()).data == {"n": 1}
    subscribed = await gateway.stream("GET", f"{channel}/topics/weather/subscribe")
    listening = await gateway.stream("GET", f"{channel}/broadcasts")
    await member.add_subscription("weather")
    await member.publish("weather", {"sun": True})
    await member.broadcast("tock", [2])
    kind, message = await subscribed.next()
    assert (kind, message["data"], message["sender_id"]) == ("message", {"sun": True}, client.client_id)
    kind, message = await listening.next()
    assert (kind, message["data"], message["event"]) == ("message", [2], "tock")
    subscribed.close()
    listening.close()
    answer = await gateway.post(f"{channel}/topics/weather/publish", 1)
    assert answer.status == 409 and "already owned" in answer.json["detail"]


async def test_a_protected_channel_asks_over_http_too(
    gate: HubUnderTest, gateway: Gateway, connect: Connector, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner = await dial(gate, unique("owner"))
    await owner.set_password(channel, PASSWORD)
    await owner.open(channel, PASSWORD)
    provider = await (await connect(gate)).open(channel, password=PASSWORD)
    heard = Received()
    provider.on_receive(heard)
    await provider.add_event("echo", echo)
    path = f"{channel}/events/echo/call"
    answer = await gateway.post(path, 1)
    assert answer.status == 403 and "CommHub-Channel-Password" in answer.json["detail"]
    answer = await gateway.post(path, 1, CommHub_Channel_Password="wrong")
    assert (answer.status, answer.json["detail"]) == (403, "Invalid channel password")
    answer = await gateway.post(path, {"a": 1}, CommHub_Channel_Password=quote(PASSWORD))
    assert (answer.status, answer.json["data"]) == (200, {"a": 1})
    answer = await gateway.post(path, {"$bin": ""}, CommHub_Channel_Password=quote(PASSWORD))
    assert answer.status == 409 and "signed" in answer.json["detail"]
    listening = await gateway.stream("GET", f"{channel}/broadcasts", CommHub_Channel_Password=quote(PASSWORD))
    assert listening.status == 200
    answer = await gateway.post(
        f"{channel}/broadcast?event=tick", 7, CommHub_Channel_Password=quote(PASSWORD)
    )
    assert answer.status == 204 and (await heard.first()).data == 7
    assert (await listening.next())[1]["data"] == 7
    await owner.set_password(channel, "another")
    kind, told = await listening.next()
    assert (kind, told["status"]) == ("error", 409)
    listening.close()


async def test_signatures_are_checked_for_who_reads_over_http(
    gate: HubUnderTest, gateway: Gateway, connect: Connector, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner = await dial(gate, unique("owner"))
    await owner.set_password(channel, PASSWORD)
    member = await (await connect(gate)).open(channel, password=PASSWORD)
    await member.add_event("echo", echo)
    await owner.open(channel, PASSWORD)
    listening = await gateway.stream("GET", f"{channel}/broadcasts", CommHub_Channel_Password=quote(PASSWORD))
    await member.broadcast("tock", {"ä": [1, 2.5]})
    assert (await listening.next())[1]["signature"] == "valid"
    await owner.broadcast(channel, "tock", 1)
    assert (await listening.next())[1]["signature"] == "missing"
    await owner.broadcast(channel, "tock", 1, signature="0" * 64)
    assert (await listening.next())[1]["signature"] == "wrong"
    listening.close()
    answer = await gateway.post(f"{channel}/events/echo/call", 1, CommHub_Channel_Password=quote(PASSWORD))
    assert answer.json["signature"] == "missing"


async def test_a_reader_that_stops_costs_its_bound_and_nothing_else(
    gate: HubUnderTest, gateway: Gateway, connect: Connector, channel: str
) -> None:
    member = await (await connect(gate)).open(channel)
    stopped = await gateway.stream("GET", f"{channel}/broadcasts")
    reading = await gateway.stream("GET", f"{channel}/broadcasts")
    text = "x" * 100_000
    for number in range(150):
        await member.broadcast("much", [number, text])
        kind, message = await reading.next()
        assert message["data"][0] == number
    before = gate.resident_bytes()
    for number in range(150):
        await member.broadcast("much", [number, text])
        await reading.next()
    assert gate.resident_bytes() - before < 24 * 2**20
    number, kind = 0, "message"
    while kind == "message":
        kind, message = await stopped.next()
    assert kind == "error" and message["status"] == 503
    stopped.close()
    reading.close()


async def test_a_provider_waits_for_a_reader_that_does_not_keep_up(
    gate: HubUnderTest, gateway: Gateway, connect: Connector, channel: str
) -> None:
    text = "x" * 100_000

    async def much(message: Any):  # type: ignore[no-untyped-def]
        for number in range(message.data):
            yield [number, text]

    def paused() -> int:
        count: int = gateway.rest.get("hub")["counters"]["producers_paused"]
        return count

    provider = await (await connect(gate)).open(channel)
    await provider.add_stream("much", much)
    before = paused()
    events = await gateway.stream("POST", f"{channel}/events/much/call", 300)
    await eventually(lambda: paused() > before, "the provider waits", 15)
    for number in range(300):
        kind, told = await events.next()
        assert kind == "data" and told["data"][0] == number, (kind, number)
    assert (await events.next())[0] == "end"
    events.close()


async def test_many_waiting_requests_hold_up_no_thread(
    gate: HubUnderTest, gateway: Gateway, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider = await dial(gate, unique("provider"))
    await provider.provide(channel, "wait")
    waiting = [
        asyncio.create_task(gateway.stream("POST", f"{channel}/events/wait/call?timeout=30", n))
        for n in range(100)
    ]
    calls = [await provider.expect("call") for _ in range(100)]
    assert gateway.rest.get("hub")
    for call in calls:
        await provider.answer(call, call["data"])
    answers = [await one for one in waiting]
    assert {answer.status for answer in answers} == {200}
    for answer in answers:
        answer.close()


async def test_a_reader_that_goes_leaves_nobody_behind(
    gate: HubUnderTest, gateway: Gateway, channel: str
) -> None:
    for _ in range(20):
        (await gateway.stream("GET", f"{channel}/broadcasts")).close()
    await eventually(lambda: gateway.rest.channel(channel) is None, "guests have left", timeout=5.0)


async def test_a_hub_that_ends_tells_those_who_wait(
    certificates: Certificates, channel: str
) -> None:
    hub = HubUnderTest(HubOptions(mgmt=True), certificates).start()
    gateway = Gateway(hub)
    listening = [await gateway.stream("GET", f"{channel}/broadcasts") for _ in range(5)]
    hub.close()
    assert listening[0].status == 200


async def test_a_trace_reaches_the_provider_in_the_metadata(
    gate: HubUnderTest, gateway: Gateway, connect: Connector, channel: str
) -> None:
    provider = await (await connect(gate)).open(channel)
    await provider.add_event("metadata", metadata)
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = await gateway.post(f"{channel}/events/metadata/call", 1, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    assert answer.status == 200, answer
    span = answer.json["data"]["traceparent"]
    assert span.startswith(f"00-{trace}-") and span.endswith("-01") and "b7ad6b7169203331" not in span
