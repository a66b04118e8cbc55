# SPDX-License-Identifier: LGPL-3.0-or-later
"""Hubs bridged in many shapes: unmodified clients at any of them talk as if there were one (FEDERATION.md)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from hub_under_test import Certificates
from mesh_under_test import SHAPES, Mesh, Shape, start_mesh
from python_client import RELEASE, Connector, Received, collect, eventually
from raw_client import RawDialer, message_signature

pytestmark = pytest.mark.commhub_only

Unique = Callable[[str], str]
BURST = 1000
SYSTEM_CHANNELS = ("__comm_ipc_logs", "__comm_ipc_errors", "__comm_ipc_system")


@pytest.fixture(scope="session", params=SHAPES, ids=str)
def standing_mesh(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Mesh]:
    mesh = start_mesh(request.param, certificates)
    yield mesh
    mesh.close()


@pytest.fixture
async def mesh(standing_mesh: Mesh) -> AsyncIterator[Mesh]:
    """A mesh shared by the tests of its shape: use names from `unique`."""
    await standing_mesh.up()
    yield standing_mesh
    for hub in standing_mesh:
        assert hub.is_running(), f"{hub.server_id} died:\n{hub.log_tail()}"


async def echo(message: Any) -> Any:
    return message.data


def last(mesh: Mesh) -> int:
    """The hub farthest from the first one."""
    return max(range(len(mesh.hubs)), key=lambda hub: (mesh.shape.distance(0, hub), hub))


async def test_a_call_from_any_hub_reaches_the_provider_at_any_other(
    mesh: Mesh, connect: Connector, channel: str
) -> None:
    callers = []
    for number, hub in enumerate(mesh):
        client = await connect(hub)
        opened = await client.open(channel)

        async def answer(message: Any, number: int = number) -> Any:
            return [number, message.data, message.sender_id]

        await opened.add_event(f"at-{number}", answer)
        callers.append((client, opened))
    for number in range(len(mesh.hubs)):
        await mesh.knows_providers(channel, f"at-{number}")
    for client, opened in callers:
        for number in range(len(mesh.hubs)):
            got = await asyncio.wait_for(opened.event(f"at-{number}", {"x": [1, b"\x00\xff", None]}), 8)
            assert got.data == [number, {"x": [1, b"\x00\xff", None]}, client.client_id]


async def test_many_calls_at_once_get_their_own_answers(mesh: Mesh, connect: Connector, channel: str) -> None:
    await (await (await connect(mesh.hubs[last(mesh)])).open(channel)).add_event("echo", echo)
    callers = [await (await connect(hub)).open(channel) for hub in mesh]
    await mesh.knows_providers(channel, "echo")
    answers = await asyncio.wait_for(
        asyncio.gather(*(caller.event("echo", [n, i]) for n, caller in enumerate(callers) for i in range(100))), 20
    )
    assert [answer.data for answer in answers] == [[n, i] for n in range(len(callers)) for i in range(100)]


async def test_a_stream_crosses_whole_and_in_order(mesh: Mesh, connect: Connector, channel: str) -> None:
    async def count(message: Any) -> AsyncIterator[int]:
        for number in range(1, message.data + 1):
            yield number

    await (await (await connect(mesh.hubs[0])).open(channel)).add_stream("count", count)
    await mesh.knows_providers(channel, "count")
    callers = [await (await connect(hub)).open(channel) for hub in mesh]
    chunks = await asyncio.wait_for(asyncio.gather(*(collect(c.stream("count", 300)) for c in callers)), 20)
    assert chunks == [list(range(1, 301))] * len(callers)


async def test_an_error_of_a_provider_is_raised_at_the_caller(mesh: Mesh, connect: Connector, channel: str) -> None:
    async def fail(message: Any) -> Any:
        raise ValueError(f"cannot do {message.data}")

    await (await (await connect(mesh.hubs[0])).open(channel)).add_event("fail", fail)
    await mesh.knows_providers(channel, "fail")
    caller = await connect(mesh.hubs[last(mesh)])
    with pytest.raises(Exception, match="cannot do this"):
        await asyncio.wait_for(caller.call(channel, "fail", "this"), 8)


async def test_an_event_that_nobody_provides_is_an_error_everywhere(
    mesh: Mesh, connect: Connector, channel: str
) -> None:
    await (await connect(mesh.hubs[0])).open(channel)
    for hub in mesh:
        caller = await connect(hub)
        with pytest.raises(Exception, match=f"No provider for {channel}:nothing"):
            await asyncio.wait_for(caller.call(channel, "nothing", 1), 8)


async def test_a_caller_hears_at_once_that_the_provider_died(mesh: Mesh, dial: RawDialer, channel: str) -> None:
    provider = await dial(mesh.hubs[0], f"provider-{channel}")
    await provider.provide(channel, "slow")
    await mesh.knows_providers(channel, "slow")
    caller = await dial(mesh.hubs[last(mesh)], f"caller-{channel}")
    request_id = await caller.call(channel, "slow", 1)
    await provider.expect("call")
    await provider.close()
    answer = await caller.expect("response", 3.0, request_id=request_id)
    assert answer["error"]
    await mesh.knows_providers(channel, "slow", 0)
    request_id = await caller.call(channel, "slow", 2)
    assert (await caller.expect("response", request_id=request_id))["error"] == f"No provider for {channel}:slow"


async def test_a_stream_ends_with_an_error_when_its_provider_dies(
    mesh: Mesh, connect: Connector, dial: RawDialer, channel: str
) -> None:
    provider = await dial(mesh.hubs[0], f"provider-{channel}")
    await provider.provide(channel, "flow", is_stream=True)
    await mesh.knows_providers(channel, "flow")
    opened = await (await connect(mesh.hubs[last(mesh)])).open(channel)
    chunks: list[Any] = []

    async def read() -> None:
        async for chunk in opened.stream("flow", {}):
            chunks.append(chunk.data)

    reading = asyncio.ensure_future(read())
    call = await provider.expect("call")
    await provider.answer_chunk(call, "one")
    await eventually(lambda: chunks == ["one"], "the first chunk")
    await provider.close()
    with pytest.raises(Exception, match="."):
        await asyncio.wait_for(reading, 5)


async def test_a_group_prefers_its_local_worker_and_spreads_over_hubs_without_one(
    mesh: Mesh, connect: Connector, channel: str
) -> None:
    """Workers at the two ends: each end's callers get their own one; when it goes, the other end's."""
    ends = (0, last(mesh))
    workers = []
    for number in ends:

        async def answer(message: Any, number: int = number) -> int:
            return number

        worker = await connect(mesh.hubs[number])
        await (await worker.open(channel)).add_event("workers.run", answer, is_group=True)
        workers.append(worker)
    await mesh.knows_providers(channel, "workers.run", 2)
    for number in ends:
        caller = await connect(mesh.hubs[number])
        answers = await asyncio.gather(*(caller.call(channel, "workers.run", 0) for _ in range(8)))
        assert [answer.data for answer in answers] == [number] * 8
    await workers[0].disconnect() if hasattr(workers[0], "disconnect") else workers[0].writer.close()
    workers[0].auto_reconnect = False
    await mesh.knows_providers(channel, "workers.run", 1)
    caller = await connect(mesh.hubs[0])
    assert (await asyncio.wait_for(caller.call(channel, "workers.run", 0), 8)).data == ends[1]


async def test_group_calls_are_spread_over_the_hubs_that_have_workers(
    mesh: Mesh, connect: Connector, dial: RawDialer, channel: str
) -> None:
    """Least active: with two remote workers and two calls outstanding, each has one."""
    if len(mesh.hubs) < 3:
        hubs = [mesh.hubs[1], mesh.hubs[1]]
    else:
        near_first = sorted(range(1, len(mesh.hubs)), key=lambda hub: mesh.shape.distance(0, hub))
        if mesh.shape.distance(0, near_first[0]) != mesh.shape.distance(0, near_first[1]):
            near_first = [near_first[0], near_first[0]]
        hubs = [mesh.hubs[near_first[0]], mesh.hubs[near_first[1]]]
    workers = [await dial(hub, f"worker-{n}-{channel}") for n, hub in enumerate(hubs)]
    for worker in workers:
        await worker.provide(channel, "workers.run", is_group=True)
    expected = len({hub.server_id for hub in hubs})

    def reachable() -> bool:
        shown = mesh.rest[0].channel(channel)
        return shown is not None and [len(event["providers"]) for event in shown["events"]] == [expected]

    await eventually(reachable, "both workers are known")
    caller = await dial(mesh.hubs[0], f"caller-{channel}")
    for _ in range(6):
        await caller.call(channel, "workers.run", 0)
    await caller.settle()
    for worker in workers:
        for _ in range(3):
            await worker.expect("call")
        await worker.settle()
        assert not worker.of_type("call")


async def test_each_broadcast_of_a_burst_arrives_once_and_in_order(
    mesh: Mesh, connect: Connector, channel: str
) -> None:
    """Bursts from the first and the last hub at once, counted by members at every hub."""
    members: list[tuple[str, Received]] = []
    speakers = []
    for number, hub in enumerate(mesh):
        client = await connect(hub, client_id=f"member-{number}-{channel}")
        opened = await client.open(channel)
        heard = Received()
        opened.on_receive(heard, "news")
        members.append((client.client_id, heard))
        if number in (0, last(mesh)):
            speakers.append((client.client_id, opened))
    await mesh.knows_members(channel, {client_id for client_id, _ in members})

    async def burst(opened: Any) -> None:
        for number in range(BURST):
            await opened.broadcast("news", number)

    await asyncio.gather(*(burst(opened) for _, opened in speakers))
    for client_id, heard in members:
        wanted = {speaker: list(range(BURST)) for speaker, _ in speakers if speaker != client_id}
        await heard.at_least(BURST * len(wanted), 20)
    await mesh.quiet()
    for client_id, heard in members:
        got: dict[str, list[int]] = {}
        for message in heard.messages:
            got.setdefault(message.sender_id, []).append(message.data)
        assert got == {speaker: list(range(BURST)) for speaker, _ in speakers if speaker != client_id}


async def test_a_broadcast_of_an_outsider_reaches_every_member_once(
    mesh: Mesh, dial: RawDialer, channel: str
) -> None:
    members = [await dial(hub, f"member-{n}-{channel}") for n, hub in enumerate(mesh)]
    for member in members:
        await member.open(channel)
    await mesh.knows_members(channel, {member.client_id for member in members})
    for member in members:
        await member.forget_inbox()
    speaker = await dial(mesh.hubs[0], f"outsider-{channel}")
    for value in ("same", "same", {"x": 1}):
        await speaker.broadcast(channel, "news", value, unknown_key=[1])
    await speaker.settle()
    for member in members:
        for value in ("same", "same", {"x": 1}):
            got = await member.expect("broadcast")
            assert (got["data"], got["sender_id"], got["unknown_key"]) == (value, speaker.client_id, [1])
    await mesh.quiet()
    for member in members:
        await member.settle()
        assert member.of_type("broadcast") == []


async def test_a_topic_reaches_each_subscriber_once_and_its_owner_hears_first_and_last(
    mesh: Mesh, connect: Connector, dial: RawDialer, channel: str
) -> None:
    owner = await dial(mesh.hubs[0], f"owner-{channel}")
    await owner.declare(channel, "ticks")
    listeners = []
    for hub in reversed(mesh.hubs):
        client = await connect(hub)
        await client.open(channel)
        heard = Received()
        await client.subscribe(channel, "ticks", heard)
        listeners.append((client, heard))
    assert (await owner.expect("receive"))["event"] == "subscription.ticks.first"

    def subscribers() -> int:
        shown = mesh.rest[0].channel(channel)
        return 0 if shown is None else sum(topic["subscribers"] for topic in shown["topics"])

    # A remote hub with subscribers counts as one at the owner's.
    await eventually(lambda: subscribers() == len(mesh.hubs), "all subscriptions are known at the owner's hub")
    for number in range(500):
        await owner.publish(channel, "ticks", number)
    for _, heard in listeners:
        await heard.at_least(500)
    await mesh.quiet()
    for _, heard in listeners:
        assert heard.data == list(range(500))
        assert {message.sender_id for message in heard.messages} == {owner.client_id}
    await owner.settle()
    assert owner.of_type("receive") == []
    for client, _ in listeners[:-1]:
        await client.unsubscribe(channel, "ticks")
    await mesh.quiet()
    await owner.settle()
    assert owner.of_type("receive") == []
    await listeners[-1][0].unsubscribe(channel, "ticks")
    assert (await owner.expect("receive"))["event"] == "subscription.ticks.last"
    await owner.publish(channel, "ticks", "nobody hears this")
    await owner.settle()
    await mesh.quiet()
    assert all(len(heard.data) == 500 for _, heard in listeners)
    # And the other way round: the first one anywhere is a first one again.
    await listeners[0][0].subscribe(channel, "ticks", listeners[0][1])
    assert (await owner.expect("receive"))["event"] == "subscription.ticks.first"


async def test_a_subscriber_that_dies_far_away_is_the_last_one(mesh: Mesh, dial: RawDialer, channel: str) -> None:
    owner = await dial(mesh.hubs[0], f"owner-{channel}")
    await owner.declare(channel, "ticks")
    listener = await dial(mesh.hubs[last(mesh)], f"listener-{channel}")
    await listener.subscribe(channel, "ticks")
    assert (await owner.expect("receive"))["event"] == "subscription.ticks.first"
    await listener.close()
    assert (await owner.expect("receive"))["event"] == "subscription.ticks.last"


def has_shortest_ways(mesh: Mesh, at: int, channel: str) -> bool:
    ids = [hub.server_id for hub in mesh]
    members = (mesh.rest[at].channel(channel) or {"members": []})["members"]
    return all(
        member["is_local"] or len(member["path"]) == mesh.shape.distance(ids.index(member["path"][0]), at)
        for member in members
    )


async def test_members_are_listed_with_the_way_to_them(mesh: Mesh, dial: RawDialer, channel: str) -> None:
    members = [await dial(hub, f"member-{n}-{channel}") for n, hub in enumerate(mesh)]
    for member in members:
        await member.open(channel)
    everybody = {member.client_id for member in members}
    await mesh.knows_members(channel, everybody)
    for number, member in enumerate(members):
        await eventually(lambda number=number: has_shortest_ways(mesh, number, channel), "the shortest ways are known")
        listed = {entry["id"]: entry for entry in await member.members(channel)}
        shown = {entry["id"]: entry for entry in (mesh.rest[number].channel(channel) or {})["members"]}
        assert set(listed) == set(shown) == everybody
        for other, hub in enumerate(mesh):
            for entry in (listed[members[other].client_id], shown[members[other].client_id]):
                assert entry["is_local"] == (other == number), entry
                if other != number:
                    assert entry["path"][0] == hub.server_id
                    assert len(entry["path"]) == mesh.shape.distance(other, number), entry
    await members[0].close()
    await mesh.knows_members(channel, everybody - {members[0].client_id})


async def test_members_hear_who_comes_and_goes_at_other_hubs(mesh: Mesh, dial: RawDialer, channel: str) -> None:
    """Once each; a `join` is only repeated with a shorter way, where that is found later."""
    watcher = await dial(mesh.hubs[0], f"watcher-{channel}")
    await watcher.open(channel)
    visitor = await dial(mesh.hubs[last(mesh)], f"visitor-{channel}")
    await visitor.open(channel)
    await mesh.knows_members(channel, {watcher.client_id, visitor.client_id})
    await eventually(lambda: has_shortest_ways(mesh, 0, channel), "the shortest way is known")
    await visitor.close()
    ways: list[int] = []
    told = await watcher.expect("metadata_update", stype="membership", name=visitor.client_id)
    while told["action"] == "join":
        assert told["is_local"] is False
        assert told["path"][0] == mesh.hubs[last(mesh)].server_id
        ways.append(len(told["path"]))
        told = await watcher.expect("metadata_update", stype="membership", name=visitor.client_id)
    assert told["action"] == "leave"
    assert ways == sorted(set(ways), reverse=True)
    assert ways[-1] == mesh.shape.distance(0, last(mesh))
    await mesh.quiet()
    await watcher.settle()
    assert watcher.of_type("metadata_update", name=visitor.client_id) == []


@pytest.mark.release("0.1.15")
async def test_the_package_lists_members_of_other_hubs(mesh: Mesh, connect: Connector, channel: str) -> None:
    clients = [await connect(hub) for hub in mesh]
    opened = [await client.open(channel) for client in clients]
    await mesh.knows_members(channel, {client.client_id for client in clients})
    for number, own in enumerate(opened):
        members = (await own.list_members()).data["members"]
        assert {m["id"]: m["is_local"] for m in members} == {
            client.client_id: other == number for other, client in enumerate(clients)
        }


async def test_schemas_of_other_hubs_are_known(mesh: Mesh, dial: RawDialer, channel: str) -> None:
    provider = await dial(mesh.hubs[0], f"provider-{channel}")
    takes = {"type": "object", "properties": {"n": {"type": "integer"}}}
    await provider.provide(channel, "typed", param_schema=takes, return_schema={"type": "null"}, is_stream=True)
    await mesh.knows_providers(channel, "typed")
    visitor = await dial(mesh.hubs[last(mesh)], f"visitor-{channel}")
    await visitor.open(channel)
    typed = (await visitor.expect("channel_sync"))["events"]["typed"]
    assert (typed["param_schema"], typed["return_schema"]) == (takes, {"type": "null"})
    assert typed["is_stream"] is True


async def test_signed_python_messages_are_verified_at_another_hub(
    mesh: Mesh, connect: Connector, dial: RawDialer, channel: str
) -> None:
    """The clients sign from end to end; the channel has no password at the hubs."""
    password = "only the clients know"
    opened = []
    for number in (0, last(mesh)):
        side = await (await connect(mesh.hubs[number])).open(channel)
        side.password = password
        opened.append(side)
    speaker, listener = opened
    heard = Received()
    listener.on_receive(heard, "news")
    await listener.add_event("echo", echo)
    watcher = await dial(mesh.hubs[last(mesh)], f"watcher-{channel}")
    await watcher.open(channel)
    await mesh.knows_providers(channel, "echo")
    await mesh.knows_members(
        channel, {speaker.parent.client_id, listener.parent.client_id, watcher.client_id}
    )
    value = {"ä": [1.5, None, "🦆"]}
    assert (await asyncio.wait_for(speaker.event("echo", value), 8)).data == value
    await speaker.broadcast("news", value)
    assert (await heard.first()).data == value
    seen = await watcher.expect("broadcast")
    assert seen["signature"] == message_signature(password, seen)
    # What is not signed, and what is signed otherwise, is not heard.
    forger = await dial(mesh.hubs[0], f"forger-{channel}")
    await forger.broadcast(channel, "news", "forged", signature="0" * 64)
    assert (await watcher.expect("broadcast"))["signature"] == "0" * 64
    await speaker.broadcast("news", "the end")
    await heard.at_least(2)
    assert heard.data == [value, "the end"]


async def test_system_channels_do_not_cross(mesh: Mesh, dial: RawDialer, channel: str) -> None:
    far = mesh.hubs[last(mesh)]
    watcher = await dial(far, f"watcher-{channel}")
    for name in SYSTEM_CHANNELS:
        await watcher.open(name)
    other = await dial(mesh.hubs[0], f"other-{channel}")
    for name in SYSTEM_CHANNELS:
        await other.open(name)
    for name in SYSTEM_CHANNELS:
        assert watcher.client_id not in {m["id"] for m in await other.members(name)}
    await other.provide(channel, "plain")
    await mesh.knows_providers(channel, "plain")
    await mesh.quiet()
    await watcher.settle()
    posted = watcher.of_type("receive")
    assert {message["server_id"] for message in posted} <= {far.server_id}
    assert not [message for message in posted if message["data"].get("channel") == channel]


async def test_a_protected_channel_stays_at_its_hub(mesh: Mesh, connect: Connector, dial: RawDialer, channel: str) -> None:
    """The other hub does not hold the password: the channel, and what is said there, is its own hub's alone."""
    owner = await dial(mesh.hubs[0], f"owner-{channel}")
    stranger = await dial(mesh.hubs[last(mesh)], f"stranger-{channel}")
    await owner.open(channel)
    await stranger.open(channel)
    await mesh.knows_members(channel, {owner.client_id, stranger.client_id})
    assert (await owner.set_password(channel, "secret")).get("error") is None
    await owner.provide(channel, "private", password="secret")

    def is_alone() -> bool:
        shown = mesh.rest[last(mesh)].channel(channel)
        return shown is not None and [m["id"] for m in shown["members"]] == [stranger.client_id]

    await eventually(is_alone, "the other hub sees its own member only")
    await stranger.forget_inbox()
    await owner.broadcast(channel, "news", 1)
    await owner.settle()
    await mesh.quiet()
    await stranger.settle()
    assert stranger.inbox == []
    request_id = await stranger.call(channel, "private", 1)
    assert (await stranger.expect("response", request_id=request_id))["error"]


async def test_large_messages_cross(mesh: Mesh, connect: Connector, channel: str) -> None:
    await (await (await connect(mesh.hubs[last(mesh)])).open(channel)).add_event("echo", echo)
    await mesh.knows_providers(channel, "echo")
    caller = await connect(mesh.hubs[0])
    payload = bytes(range(256)) * 12_000
    answer = await asyncio.wait_for(caller.call(channel, "echo", payload), 15)
    assert answer.data == payload


async def test_the_counters_of_all_hubs_tell_what_passed(mesh: Mesh, dial: RawDialer, channel: str) -> None:
    members = [await dial(hub, f"member-{n}-{channel}") for n, hub in enumerate(mesh)]
    for member in members:
        await member.open(channel)
    await mesh.knows_members(channel, {member.client_id for member in members})
    before = [rest.get("hub")["counters"]["deliveries"] for rest in mesh.rest]
    for _ in range(10):
        await members[0].broadcast(channel, "news", 1)
    await members[0].settle()
    for member in members[1:]:
        for _ in range(10):
            await member.expect("broadcast")
    await mesh.quiet()
    after = [rest.get("hub")["counters"]["deliveries"] for rest in mesh.rest]
    grown = Counter({n: now - then for n, (now, then) in enumerate(zip(after, before, strict=True))})
    assert [grown[n] for n in range(len(members))] == [0] + [10] * (len(members) - 1)
