# SPDX-License-Identifier: LGPL-3.0-or-later
"""Groups of providers and how calls are spread over them (chapters 3, 3.1 and 8)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from conftest import HubStarter
from hub_under_test import HubUnderTest
from python_client import Connector, collect, eventually
from raw_client import Message, RawClient, RawDialer

Unique = Callable[[str], str]

EVENT = "workers.process"


async def three_workers(hub: HubUnderTest, dial: RawDialer) -> list[RawClient]:
    owner = await dial(hub, "owner")
    await owner.open("room")
    workers = [await dial(hub, f"worker-{number}") for number in range(3)]
    for worker in workers:
        await worker.provide("room", EVENT, is_group=True)
        await worker.forget_inbox()
    return workers


async def who_got_it(workers: list[RawClient], caller: RawClient) -> int:
    await caller.settle()
    for number, worker in enumerate(workers):
        await worker.settle()
        if worker.inbox:
            assert len(worker.inbox) == 1
            return number
    raise AssertionError("nobody got it")


async def take_call(worker: RawClient) -> Message:
    return await worker.expect("call")


@pytest.mark.raw
@pytest.mark.parametrize("kind", ["call", "send"])
async def test_round_robin_takes_turns_from_the_first_registered(
    start_hub: HubStarter, dial: RawDialer, kind: str
) -> None:
    hub = start_hub(lb_policy="round-robin")
    workers = await three_workers(hub, dial)
    caller = await dial(hub, "caller")
    turns = []
    for number in range(7):
        await caller.say(
            {"type": kind, "channel": "room", "event": EVENT, "data": 0, "request_id": f"r{number}"}
        )
        turn = await who_got_it(workers, caller)
        await workers[turn].expect(kind)
        turns.append(turn)
    assert turns == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.raw
async def test_round_robin_goes_on_when_one_leaves(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(lb_policy="round-robin")
    workers = await three_workers(hub, dial)
    caller, watcher = await dial(hub, "caller"), await dial(hub, "watcher")
    await watcher.open("room")
    await workers[1].close()
    await watcher.expect("metadata_update", action="leave")
    await caller.settle()
    left = [workers[0], workers[2]]
    for _ in range(6):
        await caller.call("room", EVENT)
    await caller.settle()
    for worker in left:
        await worker.settle()
        assert len(worker.of_type("call")) == 3


@pytest.mark.raw
@pytest.mark.parametrize("policy", [None, "least-active"])
async def test_least_active_spreads_outstanding_calls_evenly(
    start_hub: HubStarter, dial: RawDialer, policy: str | None
) -> None:
    hub = start_hub(lb_policy=policy)
    workers = await three_workers(hub, dial)
    caller = await dial(hub, "caller")
    for _ in range(9):
        await caller.call("room", EVENT)
    await caller.settle()
    for worker in workers:
        await worker.settle()
        assert len(worker.of_type("call")) == 3


@pytest.mark.raw
async def test_least_active_prefers_the_one_that_has_answered(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(lb_policy="least-active")
    workers = await three_workers(hub, dial)
    caller = await dial(hub, "caller")
    for _ in range(3):
        await caller.call("room", EVENT)
    calls = [await take_call(worker) for worker in workers]
    await workers[1].answer(calls[1], 1)
    await caller.expect("response")
    await caller.call("room", EVENT)
    assert await who_got_it(workers, caller) == 1


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_a_stream_is_active_until_its_last_chunk(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(lb_policy="least-active")
    workers = await three_workers(hub, dial)
    caller = await dial(hub, "caller")
    for _ in range(3):
        await caller.call("room", EVENT, is_stream=True)
    calls = [await take_call(worker) for worker in workers]
    for _ in range(5):
        await workers[0].answer_chunk(calls[0], 1)
        await caller.expect("response")
    await workers[2].answer_chunk(calls[2], None, final=True)
    await caller.expect("response", is_final=True)
    await caller.call("room", EVENT)
    assert await who_got_it(workers, caller) == 2


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_a_callers_end_frees_its_providers(start_hub: HubStarter, dial: RawDialer) -> None:
    hub = start_hub(lb_policy="least-active")
    workers = await three_workers(hub, dial)
    caller, doomed = await dial(hub, "caller"), await dial(hub, "doomed")
    await caller.call("room", EVENT)
    busy = await who_got_it(workers, caller)
    for _ in range(5):
        await doomed.call("room", EVENT)
    await doomed.settle()
    await doomed.close()

    async def is_forgotten() -> bool:
        return bool((await (await dial(hub)).identify("doomed"))["type"] == "identified")

    await eventually(is_forgotten, "the id of the doomed caller is free")
    for worker in workers:
        await worker.forget_inbox()
    taken = []
    for _ in range(2):
        await caller.call("room", EVENT)
        taken.append(await who_got_it(workers, caller))
        await workers[taken[-1]].expect("call")
    assert sorted([busy, *taken]) == [0, 1, 2]


@pytest.mark.raw
async def test_a_group_member_that_leaves_gets_no_more_calls(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    owner, first, second = [await dial(hub, unique(name)) for name in ("owner", "first", "second")]
    await owner.open(channel)
    await first.provide(channel, EVENT, is_group=True)
    await second.provide(channel, EVENT, is_group=True)
    await first.close()
    await owner.expect("metadata_update", action="leave", owner=unique("first"))
    await owner.settle()
    for _ in range(4):
        await owner.call(channel, EVENT)
    await owner.settle()
    await second.settle()
    assert len(second.of_type("call")) == 4


# With the package's client.


def worker_named(name: str, hold: asyncio.Event | None = None) -> Callable[[Any], Any]:
    async def work(message: Any) -> Any:
        if hold is not None:
            await hold.wait()
        return name

    return work


@pytest.mark.parametrize("policy", ["round-robin", "least-active"])
async def test_four_concurrent_python_calls_split_two_and_two(
    start_hub: HubStarter, connect: Connector, policy: str
) -> None:
    hub = start_hub(lb_policy=policy)
    hold = asyncio.Event()
    for name in ("one", "two"):
        opened = await (await connect(hub)).open("room")
        await opened.group("workers").provide("process", worker_named(name, hold))
    caller = await (await connect(hub)).open("room")
    calls = [asyncio.create_task(caller.group("workers").get("process", {})) for _ in range(4)]
    await asyncio.sleep(0.1)
    hold.set()
    assert Counter(answer.data for answer in await asyncio.gather(*calls)) == {"one": 2, "two": 2}


async def test_python_round_robin_alternates(start_hub: HubStarter, connect: Connector) -> None:
    hub = start_hub(lb_policy="round-robin")
    for name in ("one", "two"):
        opened = await (await connect(hub)).open("room")
        await opened.group("workers").provide("process", worker_named(name))
    caller = await (await connect(hub)).open("room")
    answers = [(await caller.group("workers").get("process", {})).data for _ in range(6)]
    assert answers == ["one", "two"] * 3


async def test_a_python_group_without_a_name_shares_the_plain_event(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    for name in ("one", "two"):
        opened = await (await connect(hub)).open(channel)
        await opened.group.provide("process", worker_named(name))
    caller = await (await connect(hub)).open(channel)
    assert (await caller.event("process", {})).data in ("one", "two")


async def test_two_python_groups_have_their_own_events(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    opened = await (await connect(hub)).open(channel)
    await opened.group("a").provide("process", worker_named("of a"))
    await opened.group("b").provide("process", worker_named("of b"))
    caller = await (await connect(hub)).open(channel)
    assert (await caller.group("a").get("process", {})).data == "of a"
    assert (await caller.event("b.process", {})).data == "of b"
    with pytest.raises(Exception, match=f"^No provider for {channel}:process$"):
        await caller.event("process", {})


async def test_a_python_group_streams(hub: HubUnderTest, connect: Connector, channel: str) -> None:
    def counter(name: str) -> Callable[[Any], Any]:
        async def count(message: Any):  # type: ignore[no-untyped-def]
            for number in range(3):
                yield [name, number]

        return count

    for name in ("one", "two"):
        opened = await (await connect(hub)).open(channel)
        await opened.group("workers").provide("count", counter(name))
    caller = await (await connect(hub)).open(channel)
    for _ in range(4):
        chunks = await collect(caller.group("workers").stream("count", {}))
        name = chunks[0][0]
        assert chunks == [[name, 0], [name, 1], [name, 2]]
