# SPDX-License-Identifier: LGPL-3.0-or-later
"""The package's own bridges join two hubs (chapters 3 and 8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from comm_ipc.bridge import CommIPCBridge

from conftest import HubStarter
from hub_under_test import HubUnderTest
from python_client import RELEASE, Connector, Received, close_client, collect, eventually, succeeds
from raw_client import Message, RawClient, RawDialer

Unique = Callable[[str], str]


async def double(message: Any) -> Any:
    return message.data * 2


async def count(message: Any):  # type: ignore[no-untyped-def]
    for number in range(5):
        yield number + 1


class Pair:
    """Two hubs and a way to bridge them."""

    def __init__(self, start_hub: HubStarter) -> None:
        self.left = start_hub(server_id="left")
        self.right = start_hub(server_id="right")
        self.bridges: list[Any] = []

    async def bridge(self) -> None:
        bridge = CommIPCBridge(
            bridge_id="bridge",
            socket_path1=self.left.socket_path,
            socket_path2=self.right.socket_path,
            allowed_channels=["room"],
        )
        self.bridges.append(bridge)
        await bridge.connect(target1_params={}, target2_params={})

    async def close(self) -> None:
        for bridge in self.bridges:
            for client in (bridge.c1, bridge.c2):
                await close_client(client)


@pytest.fixture
async def pair(start_hub: HubStarter) -> AsyncIterator[Pair]:
    pair = Pair(start_hub)
    yield pair
    await pair.close()


async def test_calls_and_streams_cross_a_python_bridge(pair: Pair, connect: Connector) -> None:
    await pair.bridge()
    provider = await (await connect(pair.left)).open("room")
    await provider.add_event("double", double)
    await provider.add_stream("count", count)
    caller = await connect(pair.right)
    assert (await succeeds(lambda: caller.call("room", "double", 21))).data == 42
    assert await succeeds(lambda: collect(caller.stream("room", "count", {}))) == [1, 2, 3, 4, 5]


async def test_calls_cross_a_python_bridge_the_other_way(pair: Pair, connect: Connector) -> None:
    await pair.bridge()
    provider = await (await connect(pair.right)).open("room")
    await provider.add_event("double", double)
    caller = await connect(pair.left)
    assert (await succeeds(lambda: caller.call("room", "double", 4))).data == 8


async def test_errors_cross_a_python_bridge(pair: Pair, connect: Connector) -> None:
    async def fail(message: Any) -> Any:
        raise ValueError("broken: here")

    await pair.bridge()
    provider = await (await connect(pair.left)).open("room")
    await provider.add_event("fail", fail)
    caller = await connect(pair.right)

    async def is_bridged() -> bool:
        try:
            await caller.call("room", "fail", 1)
        except Exception as error:
            return str(error) == "broken: here"
        return False

    await eventually(is_bridged, "the provider's error arrives")


async def test_broadcasts_cross_a_python_bridge_once(pair: Pair, connect: Connector) -> None:
    await pair.bridge()
    left = await (await connect(pair.left)).open("room")
    right = await (await connect(pair.right)).open("room")
    heard_left, heard_right = Received(), Received()
    left.on_receive(heard_left)
    right.on_receive(heard_right)

    async def crosses() -> bool:
        await left.broadcast("probe", 0)
        await right.broadcast("probe", 0)
        await asyncio.sleep(0.05)
        return bool(heard_left.messages and heard_right.messages)

    await eventually(crosses, "both directions are bridged")
    for number in range(20):
        await left.broadcast("east", number)
        await right.broadcast("west", number)
    await eventually(lambda: 19 in [m.data for m in heard_right.messages if m.event == "east"], "east")
    await eventually(lambda: 19 in [m.data for m in heard_left.messages if m.event == "west"], "west")
    await asyncio.sleep(0.2)
    assert [m.data for m in heard_right.messages if m.event == "east"] == list(range(20))
    assert [m.data for m in heard_left.messages if m.event == "west"] == list(range(20))
    assert [m for m in heard_left.messages if m.event == "east"] == []
    east = next(m for m in heard_right.messages if m.event == "east")
    assert east.sender_id in ("bridge-c1", "bridge-c2")
    assert east.path[0] == "left" and east.path[-1] == "right"


async def test_a_bridge_uses_the_stream_flag_of_new_registration_and_metadata(
    pair: Pair, connect: Connector, dial: RawDialer
) -> None:
    """What the bridge provides on the far side is a stream where the original is one."""
    await pair.bridge()
    watcher = await dial(pair.right, "watcher")
    await watcher.open("room")
    provider = await (await connect(pair.left)).open("room")
    await provider.add_stream("count", count)
    told = await watcher.expect("metadata_update", stype="event", name="count")
    assert told["is_stream"] is True
    assert told["owner"].startswith("bridge-")


if RELEASE == "0.1.15":

    async def test_a_bridge_takes_over_what_is_there_before_it(pair: Pair, connect: Connector) -> None:
        provider = await (await connect(pair.left)).open("room")
        await provider.add_event("double", double)
        await provider.add_stream("count", count)
        await pair.bridge()
        caller = await connect(pair.right)
        assert (await succeeds(lambda: caller.call("room", "double", 5))).data == 10
        assert await succeeds(lambda: collect(caller.stream("room", "count", {}))) == [1, 2, 3, 4, 5]

    async def test_members_are_announced_and_forgotten_across_a_bridge(
        pair: Pair, connect: Connector, dial: RawDialer
    ) -> None:
        early = await dial(pair.left, "early")
        await early.open("room")
        await pair.bridge()
        watcher = await dial(pair.right, "watcher")
        await watcher.open("room")
        remote = {
            "id": "early",
            "mode": "client",
            "is_local": False,
            "path": ["left"],
            "bridge_id": "bridge-c2",
        }
        assert remote in await watcher.members("room")
        late = await dial(pair.left, "late")
        await late.open("room")
        join = await watcher.expect("metadata_update", stype="membership", action="join", owner="late")
        wanted = {"channel": "room", "mode": "client", "is_local": False, "path": ["left"]}
        assert wanted.items() <= join.items()
        assert {"late", "early", "watcher"} <= {member["id"] for member in await watcher.members("room")}
        await late.close()
        leave = await watcher.expect("metadata_update", stype="membership", action="leave", owner="late")
        assert {"channel": "room", "is_local": False}.items() <= leave.items()
        assert "late" not in {member["id"] for member in await watcher.members("room")}


def announcing(channel: str, client: str, path: list[str], mode: str = "client") -> Message:
    return {
        "type": "announce_remote",
        "channel": channel,
        "clients": [{"id": client, "mode": mode, "path": path}],
    }


async def remote_of(watcher: RawClient, channel: str, client: str) -> Message | None:
    """How the channel's members see a client that is elsewhere."""
    found = [m for m in await watcher.members(channel) if m["id"] == client and not m["is_local"]]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.fixture
async def announcers(hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique) -> list[RawClient]:
    """A member who watches, and two bridges."""
    watcher = await dial(hub, unique("watcher"))
    await watcher.open(channel)
    bridges = [await dial(hub, unique(f"bridge-{number}"), mode="bridge") for number in range(2)]
    for bridge in bridges:
        await bridge.open(channel)
    await watcher.forget_inbox()
    return [watcher, *bridges]


@pytest.mark.raw
async def test_an_announced_client_is_listed_and_told(
    announcers: list[RawClient], channel: str, unique: Unique
) -> None:
    watcher, bridge, _ = announcers
    await bridge.say(announcing(channel, unique("far"), ["a", "b"], "client"))
    told = await watcher.expect("metadata_update", stype="membership", action="join")
    wanted = {
        "channel": channel,
        "owner": unique("far"),
        "mode": "client",
        "is_local": False,
        "path": ["a", "b"],
    }
    assert wanted.items() <= told.items()
    assert await remote_of(watcher, channel, unique("far")) == {
        "id": unique("far"),
        "mode": "client",
        "is_local": False,
        "bridge_id": bridge.client_id,
        "path": ["a", "b"],
    }


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_an_announced_clients_join_names_it(
    announcers: list[RawClient], channel: str, unique: Unique
) -> None:
    watcher, bridge, _ = announcers
    await bridge.say(announcing(channel, unique("far"), ["a"]))
    assert (await watcher.expect("metadata_update", action="join"))["name"] == unique("far")
    await bridge.say({"type": "forget_remote", "id": unique("far"), "channel": channel})
    assert (await watcher.expect("metadata_update", action="leave"))["name"] == unique("far")


@pytest.mark.raw
async def test_a_shorter_path_wins_and_a_longer_one_is_ignored(
    announcers: list[RawClient], channel: str, unique: Unique
) -> None:
    watcher, one, two = announcers
    await one.say(announcing(channel, unique("far"), ["a", "b"]))
    await one.settle()
    await two.say(announcing(channel, unique("far"), ["c", "d", "e"]))
    await two.settle()
    known = await remote_of(watcher, channel, unique("far"))
    assert known is not None and known["path"] == ["a", "b"] and known["bridge_id"] == one.client_id
    await two.say(announcing(channel, unique("far"), ["c"]))
    await two.settle()
    known = await remote_of(watcher, channel, unique("far"))
    assert known is not None and known["path"] == ["c"] and known["bridge_id"] == two.client_id


@pytest.mark.raw
async def test_a_path_through_this_hub_is_ignored(
    hub: HubUnderTest, announcers: list[RawClient], channel: str, unique: Unique
) -> None:
    watcher, bridge, _ = announcers
    await bridge.say(announcing(channel, unique("far"), ["a", hub.server_id]))
    await watcher.silence_after(bridge)
    assert await remote_of(watcher, channel, unique("far")) is None


@pytest.mark.raw
async def test_only_bridges_announce_and_forget(
    hub: HubUnderTest, dial: RawDialer, announcers: list[RawClient], channel: str, unique: Unique
) -> None:
    watcher, bridge, _ = announcers
    client = await dial(hub, unique("client"), mode="client")
    await client.say(announcing(channel, unique("far"), ["a"]))
    await watcher.silence_after(client)
    await bridge.say(announcing(channel, unique("far"), ["a"]))
    await watcher.expect("metadata_update", action="join")
    await client.say({"type": "forget_remote", "id": unique("far"), "channel": channel})
    await watcher.silence_after(client)
    assert await remote_of(watcher, channel, unique("far")) is not None


@pytest.mark.raw
async def test_a_forgotten_client_has_left(announcers: list[RawClient], channel: str, unique: Unique) -> None:
    watcher, bridge, _ = announcers
    await bridge.say(announcing(channel, unique("far"), ["a"]))
    await watcher.expect("metadata_update", action="join")
    await bridge.say({"type": "forget_remote", "id": unique("far"), "channel": channel})
    told = await watcher.expect("metadata_update", stype="membership", action="leave")
    assert {"channel": channel, "owner": unique("far")}.items() <= told.items()
    assert await remote_of(watcher, channel, unique("far")) is None


@pytest.mark.raw
async def test_another_bridge_cannot_forget_for_one(
    announcers: list[RawClient], channel: str, unique: Unique
) -> None:
    watcher, one, two = announcers
    await one.say(announcing(channel, unique("far"), ["a"]))
    await watcher.expect("metadata_update", action="join")
    await two.say({"type": "forget_remote", "id": unique("far"), "channel": channel})
    await watcher.silence_after(two)
    assert await remote_of(watcher, channel, unique("far")) is not None


@pytest.mark.raw
@pytest.mark.commhub_only
async def test_what_a_bridge_announced_leaves_with_it(
    announcers: list[RawClient], channel: str, unique: Unique
) -> None:
    watcher, bridge, _ = announcers
    await bridge.say(announcing(channel, unique("far"), ["a"]))
    await watcher.expect("metadata_update", action="join")
    await bridge.close()
    await watcher.expect("metadata_update", action="leave", owner=unique("far"))
    assert await remote_of(watcher, channel, unique("far")) is None
