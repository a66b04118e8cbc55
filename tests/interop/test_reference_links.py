# SPDX-License-Identifier: LGPL-3.0-or-later
"""Links to hubs of the Python package: a Python hub is one more hub of the mesh (docs/federation.md).

The Python hub has the release of the environment that runs the tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from comm_ipc.bridge import CommIPCBridge

from hub_under_test import Certificates, HubUnderTest, PythonHub
from management_client import Rest
from mesh_under_test import HubOptions, Shape, link_address, mesh_options, start_mesh
from python_client import RELEASE, Connector, Received, close_client, collect, eventually, succeeds

pytestmark = pytest.mark.commhub_only

Unique = Callable[[str], str]
SETTLE_S = 0.3
KNOWS_MEMBERS = RELEASE != "0.1.5"


async def double(message: Any) -> Any:
    return message.data * 2


async def count(message: Any):  # type: ignore[no-untyped-def]
    for number in range(message.data):
        yield number


async def fail(message: Any) -> Any:
    raise ValueError("broken: here")


class Mixed:
    """Hubs a and b of ours in one mesh, and Python hubs that hang on them."""

    def __init__(self, certificates: Certificates, shape: Shape) -> None:
        self.certificates = certificates
        self.mesh = start_mesh(shape, certificates)
        self.a = self.mesh.hubs[0]
        self.b = self.mesh.hubs[-1]
        self.pythons: list[PythonHub] = []

    def start_python(self, **options: Any) -> PythonHub:
        hub = PythonHub(RELEASE, HubOptions(**options), self.certificates)
        self.pythons.append(hub)
        hub.start()
        return hub

    @staticmethod
    def rest(hub: HubUnderTest) -> Rest:
        return Rest(hub)

    def link(self, hub: HubUnderTest, python: PythonHub, transport: str = "unix", **wish: Any) -> str:
        name = f"to-{python.server_id}"
        if transport == "tls":
            wish["tls"] = {"ca_file": str(self.certificates.ca)}
        Rest(hub).put_bridge(name, link_address(python, transport), kind="reference", **wish)
        return name

    async def is_up(self, hub: HubUnderTest, bridge: str, reason: str | None = None) -> None:
        await self.reaches(hub, bridge, "up", reason)

    async def reaches(self, hub: HubUnderTest, bridge: str, state: str, reason: str | None = None) -> None:
        def holds() -> bool:
            shown = Rest(hub).bridge(bridge)
            return shown["state"] == state and reason in (None, shown["reason"])

        try:
            await eventually(holds, f"{bridge} is {state}", 15.0)
        except AssertionError:
            raise AssertionError(f"{Rest(hub).bridge(bridge)} is not {state} {reason}\n{hub.log_tail()}") from None

    def close(self) -> None:
        self.mesh.close()
        for hub in self.pythons:
            hub.close()


PAIR = Shape("pair", 2, ((0, 1),))


@pytest.fixture
async def mixed(certificates: Certificates) -> AsyncIterator[Mixed]:
    """a -- b -- the Python hubs that a test adds."""
    mixed = Mixed(certificates, PAIR)
    await mixed.mesh.up()
    yield mixed
    for hub in mixed.mesh.hubs:
        assert hub.is_running(), hub.log_tail()
    mixed.close()


async def test_the_mesh_calls_and_streams_from_a_python_hub(mixed: Mixed, connect: Connector) -> None:
    python = mixed.start_python()
    provider = await (await connect(python)).open("room")
    await provider.add_event("double", double)
    await provider.add_stream("count", count)
    await provider.add_event("fail", fail)
    await mixed.is_up(mixed.b, mixed.link(mixed.b, python, channels={"allow": ["room"]}), "synced")
    for hub in (mixed.b, mixed.a):
        caller = await connect(hub)
        assert (await succeeds(lambda caller=caller: caller.call("room", "double", 21))).data == 42
        assert await succeeds(lambda caller=caller: collect(caller.stream("room", "count", 5))) == [0, 1, 2, 3, 4]
        with pytest.raises(Exception, match="^broken: here$"):
            await caller.call("room", "fail", 1)


async def test_a_python_hub_calls_and_streams_from_the_mesh(mixed: Mixed, connect: Connector) -> None:
    python = mixed.start_python()
    provider = await (await connect(mixed.a)).open("room")
    await provider.add_event("double", double)
    await provider.add_stream("count", count)
    await provider.add_event("fail", fail)
    mixed.link(mixed.b, python)
    caller = await connect(python)
    assert (await succeeds(lambda: caller.call("room", "double", 21))).data == 42
    assert await succeeds(lambda: collect(caller.stream("room", "count", 5))) == [0, 1, 2, 3, 4]
    with pytest.raises(Exception, match="^broken: here$"):
        await caller.call("room", "fail", 1)


async def heard_of_each_other(talkers: list[tuple[Any, Received]]) -> None:
    """Each broadcasts until all others have heard it; what comes, and came before, is forgotten."""
    for _, received in talkers:
        received.messages.clear()

    async def all_hear() -> bool:
        for number, (channel, _) in enumerate(talkers):
            await channel.broadcast("probe", number)
        await asyncio.sleep(0.1)
        wanted = set(range(len(talkers)))
        return all(
            {message.data for message in received.messages} | {number} == wanted
            for number, (_, received) in enumerate(talkers)
        )

    await eventually(all_hear, "all hear each other", 15.0)
    await asyncio.sleep(SETTLE_S)
    for _, received in talkers:
        received.messages.clear()


async def listen(client: Any, channel: str) -> tuple[Any, Received]:
    opened = await client.open(channel)
    received = Received()
    opened.on_receive(received)
    return opened, received


async def test_broadcasts_cross_both_ways_once_with_their_sender(
    mixed: Mixed, connect: Connector, channel: str
) -> None:
    python = mixed.start_python()
    at_python = await connect(python, client_id="at-python")
    at_a = await connect(mixed.a, client_id="at-a")
    talkers = [await listen(at_a, channel), await listen(at_python, channel)]
    mixed.link(mixed.b, python, channels={"allow": [channel]})
    await heard_of_each_other(talkers)
    for number in range(50):
        await talkers[0][0].broadcast("east", number)
        await talkers[1][0].broadcast("west", number)
    east = await talkers[1][1].at_least(50)
    west = await talkers[0][1].at_least(50)
    await asyncio.sleep(SETTLE_S)
    assert [message.data for message in east] == list(range(50))
    assert [message.data for message in west] == list(range(50))
    assert {message.sender_id for message in west} == {"at-python"}
    assert all(message.metadata == {} for message in west), west[0].metadata
    assert all(list(message.metadata) == ["_mesh"] for message in east), east[0].metadata


async def test_metadata_of_programs_crosses_unharmed(mixed: Mixed, connect: Connector, channel: str) -> None:
    python = mixed.start_python()
    at_python, at_a = await connect(python), await connect(mixed.a)
    talkers = [await listen(at_a, channel), await listen(at_python, channel)]
    mixed.link(mixed.b, python, channels={"allow": [channel]})
    await heard_of_each_other(talkers)
    message = {"type": "broadcast", "channel": channel, "event": "e", "data": 1, "metadata": {"trace": [1]}}
    await at_python.send_msg(dict(message))
    assert (await talkers[0][1].first()).metadata == {"trace": [1]}
    await at_a.send_msg(dict(message))
    assert (await talkers[1][1].first()).metadata["trace"] == [1]


async def test_topics_of_a_python_hub_are_subscribed_in_the_mesh(
    mixed: Mixed, connect: Connector, channel: str
) -> None:
    python = mixed.start_python()
    owner = await connect(python)
    opened = await owner.open(channel)
    first, last = Received(), Received()
    await owner.add_subscription(channel, "ticks")
    opened.on_receive(first, "subscription.ticks.first")
    opened.on_receive(last, "subscription.ticks.last")
    mixed.link(mixed.b, python, channels={"allow": [channel]})
    reader, received = await connect(mixed.a), Received()
    await reader.subscribe(channel, "ticks", received)
    await first.first()
    for number in range(20):
        await owner.publish(channel, "ticks", number)
    assert [m.data for m in await received.at_least(20)] == list(range(20))
    await reader.unsubscribe(channel, "ticks")
    await last.first()


async def test_topics_of_the_mesh_are_subscribed_at_a_python_hub(
    mixed: Mixed, connect: Connector, channel: str
) -> None:
    python = mixed.start_python()
    owner = await connect(mixed.a)
    opened = await owner.open(channel)
    last = Received()
    opened.on_receive(last, "subscription.ticks.last")
    await owner.add_subscription(channel, "ticks")
    reader, received = await connect(python), Received()
    await reader.open(channel)
    mixed.link(mixed.b, python, channels={"allow": [channel]})
    await reader.subscribe(channel, "ticks", received)

    async def comes() -> bool:
        await owner.publish(channel, "ticks", "probe")
        await asyncio.sleep(0.05)
        return bool(received.messages)

    await eventually(comes, "what is published arrives", 15.0)
    await asyncio.sleep(SETTLE_S)
    received.messages.clear()
    for number in range(20):
        await owner.publish(channel, "ticks", number)
    assert [m.data for m in await received.at_least(20)] == list(range(20))
    await reader.unsubscribe(channel, "ticks")
    await last.first()


@pytest.mark.release("0.1.15")
async def test_members_are_known_on_both_sides(mixed: Mixed, connect: Connector, channel: str) -> None:
    python = mixed.start_python()
    at_python = await connect(python, client_id="at-python")
    at_a = await connect(mixed.a, client_id="at-a")
    await at_python.open(channel)
    await at_a.open(channel)
    mixed.link(mixed.b, python)

    async def members(client: Any) -> dict[str, list[str]]:
        listed = (await client.list_members(channel)).data["members"]
        return {m["id"]: m["path"] for m in listed if not m["id"].startswith(mixed.b.server_id)}

    async def know_each_other() -> bool:
        return set(await members(at_a)) == {"at-a", "at-python"} == set(await members(at_python))

    await eventually(know_each_other, "members are told", 15.0)
    assert (await members(at_a))["at-python"] == [python.server_id, mixed.b.server_id]
    assert (await members(at_python))["at-a"] == [mixed.a.server_id, mixed.b.server_id]
    other = f"{channel}-2"
    for client in (at_python, at_a):
        await client.open(other)

    async def is_in_both() -> bool:
        listed = (await at_python.list_members(other)).data["members"]
        return any(m["id"] == "at-a" and m["path"] == [mixed.a.server_id, mixed.b.server_id] for m in listed)

    await eventually(is_in_both, "a member of two channels is told in both", 8.0)
    late = await connect(python, client_id="late")
    await late.open(channel)
    await eventually(lambda: is_among(members, at_a, "late"), "a late member is told", 8.0)
    late.auto_reconnect = False
    late.writer.close()

    async def has_left() -> bool:
        return "late" not in await members(at_a)

    await eventually(has_left, "a member that leaves is told", 8.0)


async def is_among(members: Any, client: Any, who: str) -> bool:
    return who in await members(client)


@pytest.mark.parametrize("transport", ["unix", "tcp", "tls"])
async def test_links_go_by_every_transport_with_a_connection_secret(
    mixed: Mixed, connect: Connector, transport: str
) -> None:
    python = mixed.start_python(transports=("unix", "tcp", "tls"), connection_secret="hush")
    bridge = mixed.link(mixed.b, python, transport, connection_secret="hush", channels={"allow": ["room"]})
    await mixed.is_up(mixed.b, bridge, "synced")
    link = next(link for link in Rest(mixed.b).items("links") if link["bridge"] == bridge)
    assert (link["kind"], link["release"]) == ("reference", RELEASE)
    provider = await (await connect(python, connection_secret="hush")).open("room")
    await provider.add_event("double", double)
    assert (await succeeds(lambda: call(connect, mixed.a))).data == 42


async def call(connect: Connector, hub: HubUnderTest) -> Any:
    caller = await connect(hub)
    return await caller.call("room", "double", 21)


@pytest.mark.parametrize("given", [None, "wrong"])
async def test_a_wrong_connection_secret_is_refused_and_said(mixed: Mixed, given: str | None) -> None:
    python = mixed.start_python(connection_secret="hush")
    bridge = mixed.link(mixed.b, python, **({"connection_secret": given} if given else {}))
    await mixed.reaches(mixed.b, bridge, "refused", "wrong_secret")
    assert "connection" in Rest(mixed.b).bridge(bridge)["last_error"]


async def test_a_python_hub_that_is_killed_takes_its_services_along_and_brings_them_back(
    mixed: Mixed, connect: Connector
) -> None:
    python = mixed.start_python(server_id="python")
    provider = await (await connect(python)).open("room")
    await provider.add_event("double", double)
    bridge = mixed.link(mixed.b, python, channels={"allow": ["room"]})
    caller = await connect(mixed.a)
    assert (await succeeds(lambda: caller.call("room", "double", 21))).data == 42
    python.kill()
    await mixed.reaches(mixed.b, bridge, "backoff")
    with pytest.raises(Exception, match="No provider for room:double|became unreachable before it answered"):
        await asyncio.wait_for(caller.call("room", "double", 21), 4.0)
    python.start()
    # The package's client connects again and provides again by itself.
    assert (await succeeds(lambda: caller.call("room", "double", 21), 40.0)).data == 42


async def test_a_call_that_the_python_hub_takes_along_is_answered_with_an_error(
    mixed: Mixed, connect: Connector
) -> None:
    async def sleep(message: Any) -> Any:
        await asyncio.sleep(30)

    python = mixed.start_python()
    provider = await (await connect(python)).open("room")
    await provider.add_event("sleep", sleep)
    await provider.add_event("double", double)
    mixed.link(mixed.b, python, channels={"allow": ["room"]})
    caller = await connect(mixed.a)
    assert (await succeeds(lambda: caller.call("room", "double", 21))).data == 42
    asked = asyncio.create_task(caller.call("room", "sleep", 0))
    await asyncio.sleep(SETTLE_S)
    python.kill()
    with pytest.raises(Exception, match="became unreachable before it answered|disconnected before it answered|lost"):
        await asyncio.wait_for(asked, 8.0)


async def test_a_provider_that_leaves_the_python_hub_is_withdrawn(mixed: Mixed, connect: Connector) -> None:
    python = mixed.start_python()
    client = await connect(python)
    provider = await client.open("room")
    await provider.add_event("double", double)
    stays = await connect(python)
    await stays.open("other")
    mixed.link(mixed.b, python, channels={"allow": ["room"]})
    caller = await connect(mixed.a)
    assert (await succeeds(lambda: caller.call("room", "double", 21))).data == 42
    client.auto_reconnect = False
    client.writer.close()

    def is_withdrawn() -> bool:
        shown = Rest(mixed.a).channel("room") or {"events": []}
        return not any(event["providers"] for event in shown["events"])

    await eventually(is_withdrawn, "the provider is withdrawn", 10.0)
    moved = await (await connect(mixed.a)).open("room")
    await moved.add_event("double", double)
    at_python = await connect(python)
    assert (await succeeds(lambda: at_python.call("room", "double", 4))).data == 8


async def test_the_link_does_not_end_channels_of_the_python_hub(
    mixed: Mixed, connect: Connector, channel: str
) -> None:
    python = mixed.start_python()
    bridge = mixed.link(mixed.b, python)
    await mixed.is_up(mixed.b, bridge, "synced")
    talkers = [await listen(await connect(python), channel) for _ in range(2)]
    at_a = await listen(await connect(mixed.a), channel)
    await heard_of_each_other([*talkers, at_a])
    Rest(mixed.b).delete(f"bridges/{bridge}")
    await asyncio.sleep(SETTLE_S)
    await talkers[0][0].broadcast("after", 1)
    assert (await talkers[1][1].first()).data == 1


async def test_a_conflict_is_told_and_disturbs_nobody(mixed: Mixed, connect: Connector) -> None:
    async def theirs(message: Any) -> str:
        return "theirs"

    async def ours(message: Any) -> str:
        return "ours"

    python = mixed.start_python()
    await (await (await connect(python)).open("room")).add_event("who", theirs)
    await (await (await connect(mixed.a)).open("room")).add_event("who", ours)
    bridge = mixed.link(mixed.b, python, channels={"allow": ["room"]})
    await mixed.is_up(mixed.b, bridge, "synced")
    await asyncio.sleep(SETTLE_S)
    at_python, at_a = await connect(python), await connect(mixed.a)
    assert (await at_python.call("room", "who", None)).data == "theirs"
    assert (await at_a.call("room", "who", None)).data == "ours"
    await mixed.is_up(mixed.b, bridge)


async def test_what_the_bridge_denies_does_not_cross(mixed: Mixed, connect: Connector) -> None:
    python = mixed.start_python()
    client = await connect(python)
    for name in ("open", "closed"):
        await (await client.open(name)).add_event("double", double)
    mixed.link(mixed.b, python, channels={"allow": ["open", "closed"], "deny": ["clo*"]})
    caller = await connect(mixed.a)
    assert (await succeeds(lambda: caller.call("open", "double", 21))).data == 42
    with pytest.raises(Exception, match="No provider for closed:double"):
        await caller.call("closed", "double", 21)


async def test_channels_have_other_names_there_where_the_bridge_says_so(
    mixed: Mixed, connect: Connector
) -> None:
    python = mixed.start_python()
    await (await (await connect(python)).open("room")).add_event("double", double)
    there = await listen(await connect(python), "room")
    here = await listen(await connect(mixed.a), "python/room")
    mixed.link(mixed.b, python, remap={"in": [{"from": "", "to": "python/"}]})
    caller = await connect(mixed.a)
    assert (await succeeds(lambda: caller.call("python/room", "double", 21))).data == 42
    await heard_of_each_other([there, here])


async def test_two_hubs_linked_to_one_python_hub_bring_everything_once(
    mixed: Mixed, connect: Connector, channel: str
) -> None:
    python = mixed.start_python(server_id="python")
    talkers = [await listen(await connect(hub), channel) for hub in (python, mixed.a, mixed.b)]
    names = {hub: mixed.link(hub, python, channels={"allow": [channel]}) for hub in (mixed.a, mixed.b)}
    for hub, name in names.items():
        await mixed.is_up(hub, name)
    await heard_of_each_other(talkers)
    for number in range(30):
        for opened, _ in talkers:
            await opened.broadcast("e", number)
    for _, received in talkers:
        await received.at_least(60)
    await asyncio.sleep(SETTLE_S)
    for _, received in talkers:
        assert sorted(received.data) == sorted(2 * list(range(30)))
    speaking = {hub for hub, name in names.items() if Rest(hub).bridge(name)["reason"] == "synced"}
    assert len(speaking) == 1
    for hub in speaking:
        Rest(hub).delete(f"bridges/{names[hub]}")
    await heard_of_each_other(talkers)


async def test_a_bridge_of_kind_auto_finds_out(mixed: Mixed, certificates: Certificates) -> None:
    python = mixed.start_python()
    Rest(mixed.b).put_bridge("found", link_address(python, "unix"), kind="auto")
    await mixed.is_up(mixed.b, "found", "synced")
    other = HubUnderTest(mesh_options("other"), certificates).start()
    try:
        Rest(mixed.b).put_bridge("native", link_address(other, "unix"), kind="auto", secret="the hubs know this")
        await mixed.is_up(mixed.b, "native", "synced")
        kinds = {link["bridge"]: link["kind"] for link in Rest(mixed.b).items("links")}
        assert kinds["found"] == "reference"
        assert kinds["native"] == "native"
        Rest(mixed.b).put_bridge("mistaken", link_address(other, "unix"), kind="reference")
        await mixed.reaches(mixed.b, "mistaken", "refused", "duplicate_server_id")
    finally:
        other.close()


class PythonBridges:
    """Programs of the package that join two hubs behind the mesh's back."""

    def __init__(self) -> None:
        self.bridges: list[Any] = []

    async def join(self, one: HubUnderTest, other: HubUnderTest, channel: str) -> None:
        bridge = CommIPCBridge(
            bridge_id=f"bridge-{len(self.bridges)}",
            socket_path1=one.socket_path,
            socket_path2=other.socket_path,
            allowed_channels=[channel],
        )
        self.bridges.append(bridge)
        await bridge.connect(target1_params={}, target2_params={})

    async def close(self) -> None:
        for bridge in self.bridges:
            for client in (bridge.c1, bridge.c2):
                await close_client(client)


@pytest.fixture
async def python_bridges() -> AsyncIterator[PythonBridges]:
    bridges = PythonBridges()
    yield bridges
    await bridges.close()


async def all_once_at_ours(talkers: list[tuple[Any, Received]], ours: int) -> None:
    """Each talks; the first so many, which sit at hubs of ours, hear every other exactly once."""
    await heard_of_each_other(talkers)
    for number in range(20):
        for who, (opened, _) in enumerate(talkers):
            await opened.broadcast("e", [who, number])
    for who, (_, received) in enumerate(talkers[:ours]):
        await received.at_least(20 * (len(talkers) - 1))
        await asyncio.sleep(SETTLE_S)
        wanted = sorted([other, number] for other in range(len(talkers)) if other != who for number in range(20))
        assert sorted(received.data) == wanted, f"member {who}"


async def test_a_ring_with_one_python_hub_and_a_python_bridge_brings_our_members_one_copy(
    mixed: Mixed, connect: Connector, python_bridges: PythonBridges, channel: str
) -> None:
    python = mixed.start_python(server_id="python")
    await mixed.is_up(mixed.b, mixed.link(mixed.b, python), "synced")
    await python_bridges.join(mixed.a, python, channel)
    talkers = [await listen(await connect(hub), channel) for hub in (mixed.a, mixed.b, python)]
    await all_once_at_ours(talkers, 2)


async def test_a_ring_with_two_python_hubs_and_a_python_bridge_brings_our_members_one_copy(
    mixed: Mixed, connect: Connector, python_bridges: PythonBridges, channel: str
) -> None:
    pythons = [mixed.start_python(server_id=f"python-{number}") for number in range(2)]
    for hub, python in zip((mixed.a, mixed.b), pythons, strict=True):
        await mixed.is_up(hub, mixed.link(hub, python), "synced")
    await python_bridges.join(*pythons, channel)
    talkers = [await listen(await connect(hub), channel) for hub in (mixed.a, mixed.b, *pythons)]
    await all_once_at_ours(talkers, 2)


async def test_calls_that_a_python_bridge_would_carry_round_end_with_an_error(
    mixed: Mixed, connect: Connector, python_bridges: PythonBridges, channel: str
) -> None:
    """b's link provides the service at the Python hub and the bridge provides that at b, also when nobody else does."""
    python = mixed.start_python(server_id="python")
    await mixed.is_up(mixed.b, mixed.link(mixed.b, python), "synced")
    await python_bridges.join(mixed.b, python, channel)
    owner = await connect(mixed.a)
    await (await owner.open(channel)).add_event("double", double)
    caller = await connect(mixed.b)
    assert (await succeeds(lambda: caller.call(channel, "double", 21))).data == 42

    def providers() -> list[str]:
        events = Rest(mixed.b).items(f"channels/{channel}/events")
        return [provider for event in events for provider in event["providers"]]

    await eventually(lambda: "bridge-0-c1" in providers(), "the bridge provides it at b")
    await close_client(owner)
    await eventually(lambda: providers() == ["bridge-0-c1"], "only the bridge provides it at b")
    with pytest.raises(Exception, match="No provider for" if KNOWS_MEMBERS else "Too many outstanding calls"):
        await asyncio.wait_for(caller.call(channel, "double", 21), 60)


async def test_two_meshes_that_share_a_python_hub_hear_each_other_once(
    mixed: Mixed, certificates: Certificates, connect: Connector, channel: str
) -> None:
    python = mixed.start_python(server_id="python")
    other = HubUnderTest(mesh_options("other"), certificates).start()
    try:
        await mixed.is_up(mixed.b, mixed.link(mixed.b, python), "synced")
        await mixed.is_up(other, mixed.link(other, python), "synced")
        talkers = [await listen(await connect(hub), channel) for hub in (mixed.a, other, python)]
        await all_once_at_ours(talkers, 3)
        provider = await (await connect(mixed.a)).open(channel)
        await provider.add_event("double", double)
        caller = await connect(other)
        assert (await succeeds(lambda: caller.call(channel, "double", 21))).data == 42
    finally:
        other.close()
