# SPDX-License-Identifier: LGPL-3.0-or-later
"""Providing events, calling them, and what the caller gets back (chapter 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from hub_under_test import HubUnderTest
from python_client import RELEASE, Connector, Errors, Received, eventually
from raw_client import RawDialer

Unique = Callable[[str], str]


class Numbers(BaseModel):
    a: int
    b: int


class Total(BaseModel):
    total: int


async def echo(message: Any) -> Any:
    return message.data


@pytest.mark.raw
async def test_providing_is_answered_with_success(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider = await dial(hub, unique("provider"))
    answer = await provider.provide(channel, "echo")
    assert answer["channel"] == channel
    assert answer["event"] == "echo"
    assert answer.get("success") is True or answer["data"] == {
        "channel": channel,
        "event": "echo",
        "authenticated": False,
    }
    await provider.settle()
    answers = [answer, *provider.of_type("response", request_id=answer["request_id"])]
    assert 1 <= len(answers) <= 2
    assert any(one.get("success") is True for one in answers)
    forms = [one["data"] for one in answers if one.get("data") is not None]
    assert forms == [{"channel": channel, "event": "echo", "authenticated": False}]


@pytest.mark.raw
async def test_providing_without_an_event_name_is_an_error(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider = await dial(hub, unique("provider"))
    answer = await provider.request({"type": "register", "channel": channel, "is_provider": True})
    assert answer["error"] == "Event name required for provider registration"


@pytest.mark.raw
@pytest.mark.parametrize(("standing", "coming"), [(False, False), (False, True), (True, False)])
async def test_a_second_provider_is_refused_unless_both_are_of_a_group(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique, standing: bool, coming: bool
) -> None:
    first, second = await dial(hub, unique("first")), await dial(hub, unique("second"))
    assert "error" not in await first.provide(channel, "work", is_group=standing)
    refused = await second.provide(channel, "work", is_group=coming)
    assert refused["error"] == f"Provider already exists for {channel}:work and group mode is incompatible"
    await second.call(channel, "work", 1)
    assert (await first.expect("call"))["data"] == 1


@pytest.mark.raw
async def test_a_provider_may_provide_again(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider = await dial(hub, unique("provider"))
    await provider.provide(channel, "echo", param_schema={"v": 1})
    assert "error" not in await provider.provide(channel, "echo", param_schema={"v": 2})
    await provider.forget_inbox()
    opener = await dial(hub, unique("opener"))
    await opener.say({"type": "register", "channel": channel, "is_provider": False})
    assert (await opener.expect("channel_sync"))["events"]["echo"]["param_schema"] == {"v": 2}
    await opener.call(channel, "echo", 1)
    await opener.settle()
    await provider.settle()
    assert len(provider.of_type("call")) == 1


@pytest.mark.raw
async def test_an_event_is_free_when_its_provider_is_gone(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, first, second = [await dial(hub, unique(name)) for name in ("owner", "first", "second")]
    await owner.open(channel)
    await first.provide(channel, "work")
    await first.close()
    await owner.expect("metadata_update", action="leave")

    async def is_taken_over() -> bool:
        return "error" not in await second.provide(channel, "work")

    await eventually(is_taken_over, "the second provider has the event")
    await owner.call(channel, "work", 1)
    assert (await second.expect("call"))["data"] == 1


@pytest.mark.raw
async def test_no_provider_is_answered_with_all_the_fields(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    caller = await dial(hub, unique("caller"))
    request_id = await caller.call(channel, "nothing", 1)
    answer = await caller.expect("response", request_id=request_id)
    assert isinstance(answer.pop("timestamp"), int)
    assert answer == {
        "type": "response",
        "request_id": request_id,
        "error": f"No provider for {channel}:nothing",
        "channel": channel,
        "event": "nothing",
        "sender_id": "server",
        "server_id": hub.server_id,
        "origin_server_id": hub.server_id,
        "target_id": None,
        "is_stream": False,
        "is_final": False,
    }


@pytest.mark.raw
async def test_anyone_may_call_an_unprotected_channel(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, outsider = await dial(hub, unique("provider")), await dial(hub, unique("outsider"))
    await provider.provide(channel, "echo")
    request_id = await outsider.call(channel, "echo", {"a": 1})
    call = await provider.expect("call")
    await provider.answer(call, {"b": 2})
    answer = await outsider.expect("response", request_id=request_id)
    assert answer["data"] == {"b": 2}
    assert "error" not in answer
    assert answer["sender_id"] == unique("provider")


@pytest.mark.raw
async def test_an_error_answer_reaches_the_caller_word_for_word(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, caller = await dial(hub, unique("provider")), await dial(hub, unique("caller"))
    await provider.provide(channel, "fail")
    request_id = await caller.call(channel, "fail")
    call = await provider.expect("call")
    text = 'näh: it\'s "broken"\n✗'
    await provider.say(
        {"type": "response", "request_id": request_id, "target_id": call["sender_id"], "error": text}
    )
    assert (await caller.expect("response", request_id=request_id))["error"] == text


@pytest.mark.raw
async def test_a_call_to_oneself_works(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    alice = await dial(hub, unique("alice"))
    await alice.provide(channel, "echo")
    request_id = await alice.call(channel, "echo", 1)
    await alice.answer(await alice.expect("call"), 2)
    assert (await alice.expect("response", request_id=request_id))["data"] == 2


@pytest.mark.raw
async def test_two_callers_may_use_the_same_request_id(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, alice, bob = [await dial(hub, unique(name)) for name in ("provider", "alice", "bob")]
    await provider.provide(channel, "echo")
    for caller in (alice, bob):
        await caller.say(
            {"type": "call", "channel": channel, "event": "echo", "data": caller.client_id, "request_id": "1"}
        )
    for _ in range(2):
        call = await provider.expect("call")
        await provider.answer(call, call["data"])
    for caller in (alice, bob):
        assert (await caller.expect("response", request_id="1"))["data"] == caller.client_id


@pytest.mark.raw
async def test_answers_may_come_in_any_order(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, caller = await dial(hub, unique("provider")), await dial(hub, unique("caller"))
    await provider.provide(channel, "echo")
    request_ids = [await caller.call(channel, "echo", number) for number in range(20)]
    calls = [await provider.expect("call") for _ in request_ids]
    assert [call["data"] for call in calls] == list(range(20))
    for call in reversed(calls):
        await provider.answer(call, call["data"])
    for number, request_id in enumerate(request_ids):
        assert (await caller.expect("response", request_id=request_id))["data"] == number


# With the package's client.


async def test_a_python_call_returns_what_the_handler_returned(
    hub: HubUnderTest, connect: Connector, channel: str, unique: Unique
) -> None:
    seen = Received()

    async def add(message: Any) -> Any:
        await seen(message)
        return {"result": message.data["a"] + message.data["b"]}

    provider = await (await connect(hub, client_id=unique("provider"))).open(channel)
    await provider.add_event("add", add, parameters=Numbers)
    caller = await (await connect(hub, client_id=unique("caller"))).open(channel)
    answer = await caller.event("add", Numbers(a=10, b=20))
    assert answer.data == {"result": 30}
    assert answer.sender_id == unique("provider")
    assert (await seen.first()).sender_id == unique("caller")
    assert (await seen.first()).path == [hub.server_id]


async def test_a_python_client_calls_without_opening_the_channel(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    provider = await (await connect(hub)).open(channel)
    await provider.add_event("echo", echo)
    assert (await (await connect(hub)).call(channel, "echo", [1, "two", None])).data == [1, "two", None]


async def test_a_python_handler_gets_models_and_returns_them(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    async def add(message: Any) -> Any:
        assert isinstance(message.data, Numbers)
        return Total(total=message.data.a + message.data.b)

    provider = await (await connect(hub, return_type="model")).open(channel)
    await provider.add_event("add", add, parameters=Numbers, returns=Total)
    caller = await (await connect(hub, return_type="model")).open(channel)
    assert (await caller.event("add", Numbers(a=2, b=3))).data.total == 5


async def test_an_exception_in_a_python_handler_reaches_the_caller(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    async def fail(message: Any) -> Any:
        raise ValueError("no bananas: today")

    errors = Errors()
    provider = await (await connect(hub, on_error=errors)).open(channel)
    await provider.add_event("fail", fail)
    caller = await (await connect(hub)).open(channel)
    with pytest.raises(Exception, match="^no bananas: today$"):
        await caller.event("fail", {})
    assert errors.texts == ["no bananas: today"]


async def test_parameters_that_break_the_schema_are_an_error_for_the_caller(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    provider = await (await connect(hub)).open(channel)
    await provider.add_event("add", echo, parameters=Numbers)
    caller = await (await connect(hub)).open(channel)
    with pytest.raises(Exception, match="validation error"):
        await caller.event("add", {"a": "not a number"})


async def test_a_python_call_without_a_provider_raises_the_exact_text(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    caller = await (await connect(hub)).open(channel)
    with pytest.raises(Exception, match=f"^No provider for {channel}:nothing$"):
        await caller.event("nothing", {})


async def test_a_second_python_provider_raises_the_exact_text(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    await (await (await connect(hub)).open(channel)).add_event("echo", echo)
    second = await (await connect(hub)).open(channel)
    text = f"^Provider already exists for {channel}:echo and group mode is incompatible$"
    with pytest.raises(Exception, match=text):
        await second.add_event("echo", echo)


async def test_reserved_names_are_refused(hub: HubUnderTest, connect: Connector, channel: str) -> None:
    client = await connect(hub)
    with pytest.raises(ValueError, match="is reserved"):
        await client.open("subscription")
    opened = await client.open(channel)
    with pytest.raises(ValueError, match="is reserved"):
        await opened.add_event("subscription.x", echo)
    with pytest.raises(Exception, match="^Subscription name subscription.x is reserved$"):
        await opened.add_subscription("subscription.x")
    with pytest.raises(Exception, match="^Channel name subscription is reserved$"):
        await client.add_subscription("subscription", "x")


async def test_a_python_handler_may_call_on(hub: HubUnderTest, connect: Connector, channel: str) -> None:
    inner = await (await connect(hub)).open(channel)
    await inner.add_event("double", lambda message: _doubled(message))
    middle = await (await connect(hub)).open(channel)

    async def quadruple(message: Any) -> Any:
        return (await middle.event("double", (await middle.event("double", message.data)).data)).data

    await middle.add_event("quadruple", quadruple)
    caller = await (await connect(hub)).open(channel)
    assert (await caller.event("quadruple", 5)).data == 20


async def _doubled(message: Any) -> Any:
    return message.data * 2


async def test_two_hundred_concurrent_python_calls_get_their_own_answers(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    provider = await (await connect(hub)).open(channel)
    await provider.add_event("double", _doubled)
    callers = [await (await connect(hub)).open(channel) for _ in range(4)]
    calls = [callers[number % 4].event("double", number) for number in range(200)]
    answers = await asyncio.gather(*calls)
    assert [answer.data for answer in answers] == [2 * number for number in range(200)]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1,
        2**63,
        2**64 - 1,
        -(2**63),
        1.5,
        "",
        "é✓🦆",
        b"",
        b"\x00\xff",
        [],
        [[[]]],
        {},
        {"k": {"n": []}},
    ],
    ids=repr,
)
async def test_values_survive_a_python_call(
    hub: HubUnderTest, connect: Connector, channel: str, value: Any
) -> None:
    client = await connect(hub)
    opened = await client.open(channel)
    await opened.add_event("echo", echo)
    assert (await opened.event("echo", value)).data == value


async def test_a_megabyte_survives_a_python_call(hub: HubUnderTest, connect: Connector, channel: str) -> None:
    provider = await (await connect(hub)).open(channel)
    await provider.add_event("echo", echo)
    payload = bytes(range(256)) * 4096
    assert (await (await connect(hub)).call(channel, "echo", payload)).data == payload


async def test_send_reaches_the_provider_and_is_not_answered(
    hub: HubUnderTest, connect: Connector, channel: str, unique: Unique
) -> None:
    received = Received()
    provider = await (await connect(hub)).open(channel)
    await provider.add_event("log", received)
    sender = await (await connect(hub, client_id=unique("sender"))).open(channel)
    await sender.send("log", {"level": "info"})
    message = await received.first()
    assert message.data == {"level": "info"}
    assert message.sender_id == unique("sender")


@pytest.mark.release("0.1.15")
async def test_a_python_client_uploads_a_file(
    hub: HubUnderTest, connect: Connector, channel: str, tmp_path: Any
) -> None:
    received = bytearray()

    async def store(message: Any) -> Any:
        received.extend(message.data["chunk"])
        return {"ok": True}

    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * 700)
    provider = await (await connect(hub)).open(channel)
    await provider.add_event("store", store)
    sender = await (await connect(hub)).open(channel)
    await sender.upload_file(str(source), "store")
    assert bytes(received) == source.read_bytes()


@pytest.mark.release("0.1.15")
async def test_a_python_client_downloads_a_file(
    hub: HubUnderTest, connect: Connector, channel: str, tmp_path: Any
) -> None:
    content = bytes(range(256)) * 700

    async def fetch(message: Any):  # type: ignore[no-untyped-def]
        for start in range(0, len(content), 65536):
            yield {"chunk": content[start : start + 65536]}

    provider = await (await connect(hub)).open(channel)
    await provider.add_stream("fetch", fetch)
    receiver = await (await connect(hub)).open(channel)
    await receiver.download_file("fetch", str(tmp_path / "copy"))
    assert (tmp_path / "copy").read_bytes() == content


def test_the_environment_holds_a_known_release() -> None:
    assert RELEASE in ("0.1.5", "0.1.15")
