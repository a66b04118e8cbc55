# SPDX-License-Identifier: LGPL-3.0-or-later
"""No caller is left waiting, and nobody answers for another (7.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from conftest import HubStarter
from hub_under_test import HubUnderTest
from python_client import Connector
from raw_client import RawDialer

pytestmark = pytest.mark.commhub_only

Unique = Callable[[str], str]


@pytest.mark.raw
@pytest.mark.parametrize("abrupt", [False, True])
async def test_the_caller_is_told_at_once_when_its_provider_ends(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique, abrupt: bool
) -> None:
    provider, caller = await dial(hub, unique("provider"), "tcp"), await dial(hub, unique("caller"))
    await provider.provide(channel, "never")
    request_ids = [await caller.call(channel, "never", number) for number in range(3)]
    for _ in request_ids:
        await provider.expect("call")
    provider.writer.transport.abort() if abrupt else await provider.close()
    for request_id in request_ids:
        told = await caller.expect("response", 2.0, request_id=request_id)
        assert isinstance(told["error"], str) and told["error"]
    await caller.silence_after()


@pytest.mark.raw
async def test_the_consumer_is_told_in_the_middle_of_a_stream(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, caller = await dial(hub, unique("provider")), await dial(hub, unique("caller"))
    await provider.provide(channel, "flow", is_stream=True)
    request_id = await caller.call(channel, "flow", is_stream=True, is_final=False)
    call = await provider.expect("call")
    await provider.answer_chunk(call, 1)
    assert (await caller.expect("response", request_id=request_id))["data"] == 1
    await provider.close()
    assert (await caller.expect("response", 2.0, request_id=request_id))["error"]


async def test_a_python_caller_and_a_python_consumer_get_an_exception(
    hub: HubUnderTest, connect: Connector, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider = await dial(hub, unique("provider"))
    await provider.provide(channel, "never")
    caller = await (await connect(hub)).open(channel)
    pending = asyncio.create_task(caller.event("never", 1))
    stream = caller.stream("never", 1)
    streaming = asyncio.ensure_future(anext(stream))
    for _ in range(2):
        await provider.expect("call")
    await provider.close()
    with pytest.raises(Exception, match="."):
        await asyncio.wait_for(pending, 3)
    with pytest.raises(Exception, match="."):
        await asyncio.wait_for(streaming, 3)


@pytest.mark.raw
async def test_the_caller_is_told_when_its_provider_is_thrown_out_by_a_password(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, provider = await dial(hub, unique("owner")), await dial(hub, unique("provider"))
    await owner.open(channel)
    await provider.provide(channel, "never")
    request_id = await owner.call(channel, "never", 1)
    await provider.expect("call")
    await owner.set_password(channel, "p")
    assert (await owner.expect("response", 2.0, request_id=request_id))["error"]


@pytest.mark.raw
async def test_the_caller_is_told_when_the_channel_is_terminated(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, provider, caller = [await dial(hub, unique(name)) for name in ("owner", "provider", "caller")]
    await owner.open(channel)
    await provider.provide(channel, "never")
    request_id = await caller.call(channel, "never", 1)
    await provider.expect("call")
    await owner.close()
    assert (await caller.expect("response", 2.0, request_id=request_id))["error"]


@pytest.mark.raw
async def test_only_the_asked_provider_may_answer(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, caller, intruder = [
        await dial(hub, unique(name)) for name in ("provider", "caller", "intruder")
    ]
    await provider.provide(channel, "echo")
    request_id = await caller.call(channel, "echo", 1)
    call = await provider.expect("call")
    await intruder.answer(call, "false")
    await caller.silence_after(intruder)
    await provider.answer(call, "true")
    assert (await caller.expect("response", request_id=request_id))["data"] == "true"


@pytest.mark.raw
async def test_another_member_of_the_group_may_not_answer(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    one, two, caller = [await dial(hub, unique(name)) for name in ("one", "two", "caller")]
    for worker in (one, two):
        await worker.provide(channel, "work", is_group=True)
        await worker.forget_inbox()
    await caller.call(channel, "work", 1)
    await caller.settle()
    await one.settle()
    await two.settle()
    asked, other = (one, two) if one.inbox else (two, one)
    call = asked.inbox[0]
    await other.answer(call, "false")
    await caller.silence_after(other)
    await asked.answer(call, "true")
    assert (await caller.expect("response"))["data"] == "true"


@pytest.mark.raw
async def test_only_its_caller_gets_the_answer(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, caller, victim = [await dial(hub, unique(name)) for name in ("provider", "caller", "victim")]
    await provider.provide(channel, "echo")
    request_id = await caller.call(channel, "echo", 1)
    await provider.expect("call")
    answer = {"type": "response", "request_id": request_id, "target_id": unique("victim"), "data": 1}
    await provider.say(answer)
    await victim.silence_after(provider)


@pytest.mark.raw
async def test_nobody_gets_an_answer_to_what_was_never_asked(
    hub: HubUnderTest, dial: RawDialer, unique: Unique
) -> None:
    mallory, victim = await dial(hub, unique("mallory")), await dial(hub, unique("victim"))
    await mallory.say({"type": "response", "request_id": "r", "target_id": unique("victim"), "data": 1})
    await victim.silence_after(mallory)


@pytest.mark.raw
async def test_a_call_is_answered_once(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, caller = await dial(hub, unique("provider")), await dial(hub, unique("caller"))
    await provider.provide(channel, "echo")
    request_id = await caller.call(channel, "echo", 1)
    call = await provider.expect("call")
    await provider.answer(call, "first")
    await provider.answer(call, "second")
    assert (await caller.expect("response", request_id=request_id))["data"] == "first"
    await caller.silence_after(provider)


@pytest.mark.raw
async def test_no_chunk_follows_the_last(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, caller = await dial(hub, unique("provider")), await dial(hub, unique("caller"))
    await provider.provide(channel, "flow", is_stream=True)
    request_id = await caller.call(channel, "flow", is_stream=True)
    call = await provider.expect("call")
    await provider.answer_chunk(call, 1)
    await provider.answer_chunk(call, None, final=True)
    await provider.answer_chunk(call, 2)
    for data in (1, None):
        assert (await caller.expect("response", request_id=request_id))["data"] == data
    await caller.silence_after(provider)


@pytest.mark.raw
async def test_an_answer_for_a_caller_that_is_gone_is_dropped(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    provider, caller, other = [await dial(hub, unique(name)) for name in ("provider", "caller", "other")]
    await provider.provide(channel, "echo")
    await caller.call(channel, "echo", 1)
    call = await provider.expect("call")
    await caller.close()
    async with asyncio.timeout(5):
        while True:
            again = await dial(hub)
            if (await again.identify(unique("caller")))["type"] == "identified":
                break
            await asyncio.sleep(0.01)
    await provider.answer(call, "late")
    await again.silence_after(provider)
    request_id = await other.call(channel, "echo", 2)
    await provider.answer(await provider.expect("call"), "fine")
    assert (await other.expect("response", request_id=request_id))["data"] == "fine"


@pytest.mark.raw
async def test_a_dead_groups_calls_fail_and_the_living_ones_go_on(
    start_hub: HubStarter, dial: RawDialer
) -> None:
    hub = start_hub(lb_policy="round-robin")
    owner, one, two = [await dial(hub, name) for name in ("owner", "one", "two")]
    await owner.open("room")
    for worker in (one, two):
        await worker.provide("room", "work", is_group=True)
    request_ids = [await owner.call("room", "work", number) for number in range(4)]
    for worker in (one, one, two, two):
        await worker.expect("call")
    await one.close()
    for request_id in (request_ids[0], request_ids[2]):
        assert (await owner.expect("response", 2.0, request_id=request_id))["error"]
    await owner.settle()
    assert owner.of_type("response") == []
