# SPDX-License-Identifier: LGPL-3.0-or-later
"""Bridges that are made, changed and refused, links that are cut, hubs that go and come back."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from hub_under_test import Certificates, HubUnderTest
from management_client import Json, Rest
from mesh_under_test import LINK_SECRET, RING_OF_3, Mesh, Road, Shape, link_address, mesh_options, start_mesh
from python_client import Connector, Received, eventually, succeeds
from raw_client import ConnectionEnded, RawClient, RawDialer

pytestmark = pytest.mark.commhub_only

PAIR = Shape("pair", 2, ((0, 1),))
CHAIN_OF_3 = Shape("chain-3", 3, ((0, 1), (1, 2)))

HubMaker = Callable[..., HubUnderTest]
MeshMaker = Callable[[Shape], Awaitable[Mesh]]


@pytest.fixture
def make_hub(certificates: Certificates) -> Iterator[HubMaker]:
    """Starts a hub with REST and links: `make_hub("hub-a", link_secret=None)`."""
    hubs: list[HubUnderTest] = []

    def make(server_id: str, *, start: bool = True, **options: Any) -> HubUnderTest:
        hub = HubUnderTest(mesh_options(server_id, **options), certificates)
        hubs.append(hub)
        return hub.start() if start else hub

    yield make
    failures = []
    for hub in hubs:
        try:
            hub.close()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
async def make_mesh(certificates: Certificates) -> AsyncIterator[MeshMaker]:
    meshes: list[Mesh] = []

    async def make(shape: Shape) -> Mesh:
        mesh = start_mesh(shape, certificates)
        meshes.append(mesh)
        await mesh.up()
        return mesh

    yield make
    for mesh in meshes:
        mesh.close()


@pytest.fixture
async def road() -> AsyncIterator[Callable[[HubUnderTest], Awaitable[Road]]]:
    roads: list[Road] = []

    async def build(hub: HubUnderTest) -> Road:
        road = Road(hub.tcp_port)
        roads.append(road)
        return await road.open()

    yield build
    for road in roads:
        await road.close()


async def bridge_becomes(rest: Rest, name: str, *states: str, timeout: float = 12.0) -> Json:
    try:
        await eventually(lambda: rest.bridge(name)["state"] in states, "the state", timeout)
    except AssertionError:
        raise AssertionError(f"not {states}: {rest.bridge(name)}") from None
    return rest.bridge(name)


async def echo(message: Any) -> Any:
    return message.data


async def provide_echo(connect: Connector, hub: HubUnderTest, channel: str) -> Any:
    client = await connect(hub)
    opened = await client.open(channel)
    await opened.add_event("echo", echo)
    return client


async def knows(rest: Rest, channel: str, event: str, providers: int = 1) -> None:
    def count() -> int:
        shown = rest.channel(channel) or {"events": []}
        return sum(len(one["providers"]) for one in shown["events"] if one["name"] == event)

    await eventually(lambda: count() == providers, f"{providers} providers of {channel}:{event}", 12.0)


# Bridges that come up, and what they let through.


@pytest.mark.raw
async def test_a_bridge_tells_its_link_on_both_sides(make_hub: HubMaker) -> None:
    near, far = make_hub("near"), make_hub("far")
    rest, far_rest = Rest(near), Rest(far)
    made = rest.put_bridge("to-far", link_address(far, "tcp"), secret=LINK_SECRET, cost=7)
    assert (made["name"], made["cost"], made["secret_set"], made["paused"]) == ("to-far", 7, True, False)
    nothing = {"allow": [], "deny": []}
    assert made["channels"] == nothing | {"in": nothing, "out": nothing}
    up = await bridge_becomes(rest, "to-far", "up")
    ids = {hub: hub_rest.get("hub")["hub_id"] for hub, hub_rest in ((near, rest), (far, far_rest))}
    assert up["peer"] == {"hub_id": ids[far], "server_id": "far"}
    assert LINK_SECRET not in str(up)
    await eventually(lambda: [link["state"] for link in far_rest.items("links")] == ["up"], "the incoming link is up")
    (out,), (incoming,) = rest.items("links"), far_rest.items("links")
    assert (out["bridge"], out["direction"], out["hub_id"]) == ("to-far", "out", ids[far])
    assert (incoming["bridge"], incoming["direction"], incoming["hub_id"]) == (None, "in", ids[near])
    assert (out["address"], incoming["server_id"]) == (link_address(far, "tcp"), "near")
    await eventually(lambda: rest.items("links")[0]["rtt_ms"] is not None, "the round trip is measured")
    assert 0 <= rest.items("links")[0]["rtt_ms"] < 1000
    assert rest.items("clients") == far_rest.items("clients") == [], "a hub is no client"


async def test_the_filter_lets_through_what_is_allowed_and_not_denied(
    make_hub: HubMaker, connect: Connector, dial: RawDialer
) -> None:
    near, far = make_hub("near"), make_hub("far")
    rest, far_rest = Rest(near), Rest(far)
    channels = {"allow": ["shop.*", "open"], "deny": ["shop.secret*"]}
    rest.put_bridge("to-far", link_address(far, "unix"), channels=channels)
    await bridge_becomes(rest, "to-far", "up")
    for channel in ("shop.orders", "open", "shop.secrets", "other"):
        await provide_echo(connect, near, channel)
        await provide_echo(connect, far, f"{channel}-far" if channel == "open" else f"{channel}.far")
    await knows(far_rest, "shop.orders", "echo")
    await knows(far_rest, "open", "echo")
    caller = await connect(far)
    assert (await asyncio.wait_for(caller.call("shop.orders", "echo", 1), 8)).data == 1
    assert (await asyncio.wait_for(caller.call("open", "echo", 1), 8)).data == 1
    for channel in ("shop.secrets", "other"):
        assert far_rest.channel(channel) is None
        with pytest.raises(Exception, match="No provider"):
            await asyncio.wait_for(caller.call(channel, "echo", 1), 8)
    # The bridge's filter holds in both directions.
    await knows(rest, "shop.orders.far", "echo")
    for channel in ("shop.secrets.far", "other.far", "open-far"):
        assert rest.channel(channel) is None
    # And for messages for many.
    listeners = {}
    for channel in ("shop.orders", "shop.secrets"):
        listeners[channel] = await dial(far, f"listener-{channel}")
        await listeners[channel].open(channel)
    await eventually(
        lambda: "listener-shop.orders" in {m["id"] for m in (rest.channel("shop.orders") or {})["members"]},
        "the listener is known",
    )
    speaker = await dial(near, "speaker")
    await speaker.broadcast("shop.secrets", "news", 1)
    await speaker.broadcast("shop.orders", "news", 2)
    assert (await listeners["shop.orders"].expect("broadcast"))["data"] == 2
    await listeners["shop.secrets"].settle()
    assert not listeners["shop.secrets"].of_type("broadcast")


async def test_a_changed_filter_takes_effect_at_once(make_hub: HubMaker, connect: Connector) -> None:
    near, far = make_hub("near"), make_hub("far")
    rest, far_rest = Rest(near), Rest(far)
    address = link_address(far, "tcp")
    rest.put_bridge("to-far", address)
    await provide_echo(connect, near, "room")
    await knows(far_rest, "room", "echo")
    rest.put_bridge("to-far", address, channels={"deny": ["room"]})
    await bridge_becomes(rest, "to-far", "up")
    await eventually(lambda: far_rest.channel("room") is None, "the channel is withdrawn")
    rest.put_bridge("to-far", address)
    await knows(far_rest, "room", "echo")


async def test_a_bridge_is_paused_resumed_and_deleted(make_hub: HubMaker, connect: Connector) -> None:
    near, far = make_hub("near"), make_hub("far")
    rest, far_rest = Rest(near), Rest(far)
    address = link_address(far, "tcp")
    rest.put_bridge("to-far", address, secret=LINK_SECRET)
    await provide_echo(connect, far, "room")
    await knows(rest, "room", "echo")
    caller = await connect(near)
    assert (await asyncio.wait_for(caller.call("room", "echo", 1), 8)).data == 1

    rest.put_bridge("to-far", address, paused=True)
    assert rest.bridge("to-far")["state"] == "paused"
    await knows(rest, "room", "echo", 0)
    await eventually(lambda: far_rest.items("links") == [], "the far side has no link")
    with pytest.raises(Exception, match="No provider for room:echo"):
        await asyncio.wait_for(caller.call("room", "echo", 2), 8)

    rest.put_bridge("to-far", address, paused=False)
    assert rest.bridge("to-far")["secret_set"] is True
    await knows(rest, "room", "echo")
    assert (await asyncio.wait_for(caller.call("room", "echo", 3), 8)).data == 3

    assert rest.delete("bridges/to-far") == 204
    assert rest.items("bridges") == []
    await knows(rest, "room", "echo", 0)
    await eventually(lambda: rest.items("links") == far_rest.items("links") == [], "no link is left")
    assert rest.delete("bridges/to-far") == 404


# Bridges that cannot come up, and say why.


@pytest.mark.raw
async def test_a_wrong_secret_is_refused_and_both_sides_say_so(make_hub: HubMaker) -> None:
    near, far = make_hub("near"), make_hub("far")
    rest = Rest(near)
    rest.put_bridge("to-far", link_address(far, "tcp"), secret="wrong")
    refused = await bridge_becomes(rest, "to-far", "refused")
    assert refused["reason"] == "wrong_secret"
    assert "secret" in refused["last_error"]
    await eventually(lambda: any("wrong_secret" in line for line in far.log_lines), "the far side logs it")
    assert Rest(far).items("links") == []
    assert not any("knows this" in line for line in near.log_lines + far.log_lines)
    rest.put_bridge("to-far", link_address(far, "tcp"), secret=LINK_SECRET)
    await bridge_becomes(rest, "to-far", "up")


@pytest.mark.raw
async def test_an_address_where_nobody_listens_is_said(make_hub: HubMaker) -> None:
    near, far = make_hub("near"), make_hub("far", start=False)
    rest = Rest(near)
    for transport in ("tcp", "unix"):
        rest.put_bridge(transport, link_address(far, transport))
        waiting = await bridge_becomes(rest, transport, "backoff")
        assert waiting["reason"] == "not_connected"
        assert waiting["last_error"]
    far.start()
    for transport in ("tcp", "unix"):
        up = await bridge_becomes(rest, transport, "up")
        assert up["peer"]["server_id"] == "far"


@pytest.mark.raw
async def test_a_bridge_to_the_hub_itself_is_refused(make_hub: HubMaker) -> None:
    hub = make_hub("hub")
    rest = Rest(hub)
    rest.put_bridge("to-myself", link_address(hub, "unix"))
    refused = await bridge_becomes(rest, "to-myself", "refused")
    assert refused["reason"] == "itself"
    assert "hub that dials" in refused["last_error"]


@pytest.mark.raw
async def test_a_hub_on_a_copy_of_the_data_is_refused(make_hub: HubMaker) -> None:
    original, copy = make_hub("original"), make_hub("copy", start=False)
    original.stop()
    shutil.copytree(original.data_folder, copy.data_folder)
    original.start()
    # At another start count, as after a while: only the identity is the same.
    original.stop()
    original.start()
    copy.start()
    rest, copy_rest = Rest(original), Rest(copy)
    assert rest.get("hub")["hub_id"] == copy_rest.get("hub")["hub_id"]
    rest.put_bridge("to-copy", link_address(copy, "tcp"))
    refused = await bridge_becomes(rest, "to-copy", "refused")
    assert refused["reason"] == "duplicate_hub_id"
    assert "copy" in refused["last_error"]
    await eventually(lambda: any("duplicate_hub_id" in line for line in copy.log_lines), "the copy logs it")


@pytest.mark.raw
async def test_a_hub_on_a_copy_of_the_data_at_the_same_start_count_is_refused(make_hub: HubMaker) -> None:
    original, copy = make_hub("original"), make_hub("copy", start=False)
    original.stop()
    shutil.copytree(original.data_folder, copy.data_folder)
    original.start()
    copy.start()
    rest = Rest(original)
    rest.put_bridge("to-copy", link_address(copy, "tcp"))
    refused = await bridge_becomes(rest, "to-copy", "refused")
    assert refused["reason"] == "duplicate_hub_id"


@pytest.mark.raw
async def test_a_hub_of_the_same_server_id_is_refused(make_hub: HubMaker) -> None:
    one, other = make_hub("twin"), make_hub("twin")
    rest = Rest(one)
    rest.put_bridge("to-twin", link_address(other, "tcp"))
    refused = await bridge_becomes(rest, "to-twin", "refused")
    assert refused["reason"] == "duplicate_server_id"
    assert "--server-id" in refused["last_error"]


@pytest.mark.raw
async def test_a_hub_without_link_secret_takes_no_links(make_hub: HubMaker) -> None:
    near, far = make_hub("near"), make_hub("far", link_secret=None)
    rest = Rest(near)
    rest.put_bridge("to-far", link_address(far, "tcp"))
    refused = await bridge_becomes(rest, "to-far", "refused")
    assert refused["reason"] == "links_not_enabled"
    assert "--link-secret-file" in refused["last_error"]
    # And it cannot make one without a secret of the bridge's own.
    answer = Rest(far).put("bridges/to-near", {"address": link_address(near, "tcp")})
    assert answer.status == 422
    assert answer.json["errors"][0]["pointer"] == "#/secret"
    assert "--link-secret-file" in answer.json["errors"][0]["detail"]


@pytest.mark.raw
async def test_tls_without_a_trusted_certificate_is_refused(make_hub: HubMaker, certificates: Certificates) -> None:
    near, far = make_hub("near"), make_hub("far")
    rest = Rest(near)
    address = link_address(far, "tls")
    rest.put_bridge("unknown-authority", address)
    rest.put_bridge("wrong-name", address, tls={"ca_file": str(certificates.ca), "server_name": "another.host"})
    for name in ("unknown-authority", "wrong-name"):
        waiting = await bridge_becomes(rest, name, "backoff", "refused")
        assert "certificate" in waiting["last_error"].lower(), waiting
    rest.put_bridge("right", address, tls={"ca_file": str(certificates.ca), "server_name": "localhost"})
    await bridge_becomes(rest, "right", "up")


@pytest.mark.raw
async def test_a_bridge_to_what_is_no_hub_is_said(make_hub: HubMaker) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    rest = Rest(make_hub("hub"))
    rest.put_bridge("to-mail", f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    failed = await bridge_becomes(rest, "to-mail", "backoff", "refused")
    assert failed["last_error"]
    server.close()


@pytest.mark.raw
async def test_a_remap_that_does_not_lead_back_is_refused_and_the_log_and_its_records_say_so(
    make_hub: HubMaker,
) -> None:
    hub = make_hub("hub")
    rest = Rest(hub)
    remap = {"out": [{"from": "a.", "to": "b."}], "in": [{"from": "b.", "to": "c."}]}
    wish = {"address": "tcp://127.0.0.1:9", "secret": "x", "remap": remap}
    told = "The bridge circle was refused, and nothing was changed: #/remap/out/0: "

    assert rest.put("bridges/circle?dry_run=true", wish).status == 422
    assert rest.put("bridges/circle", wish).status == 422
    assert rest.items("bridges") == []
    await eventually(lambda: any(told in line for line in hub.log_lines), "the log says it")
    assert "make a cycle" in next(line for line in hub.log_lines if told in line)
    await eventually(
        lambda: [record["level"] for record in rest.items("events/history") if told in str(record)] == ["warning"],
        "the records say it once",
    )


@pytest.mark.raw
async def test_what_is_too_large_for_another_hub_is_refused_and_its_link_stays(
    make_hub: HubMaker, dial: RawDialer
) -> None:
    near, far = make_hub("near"), make_hub("far", max_frame_bytes=65536)
    rest = Rest(near)
    rest.put_bridge("to-far", link_address(far, "tcp"))
    since = (await bridge_becomes(rest, "to-far", "up"))["state_since"]
    ours, theirs = await dial(near, "ours"), await dial(far, "theirs")
    await ours.provide("room", "big")
    await theirs.open("room")
    await theirs.provide("room", "echo")
    await knows(rest, "room", "echo")
    await knows(Rest(far), "room", "big")
    large = b"x" * 100000

    request_id = await ours.call("room", "echo", large)
    assert "The message is larger" in (await ours.expect("response", request_id=request_id))["error"]
    request_id = await theirs.call("room", "big")
    call = await ours.expect("call")
    await ours.answer_chunk(call, 1)
    await ours.answer_chunk(call, large)
    assert (await theirs.expect("response", request_id=request_id))["data"] == 1
    error = (await theirs.expect("response", request_id=request_id))["error"]
    assert error == "The message is larger than a hub on its way to or from near takes (--max-frame)"
    await ours.broadcast("room", "news", large)
    await ours.broadcast("room", "news", 2)
    assert (await theirs.expect("broadcast"))["data"] == 2
    assert rest.bridge("to-far")["state_since"] == since


# Hubs that go and come back.


@pytest.mark.parametrize("kind", ["kill -9", "SIGTERM"])
async def test_a_restarted_hub_is_back_in_the_ring_with_its_bridges_and_services(
    make_mesh: MeshMaker, connect: Connector, kind: str
) -> None:
    mesh = await make_mesh(RING_OF_3)
    clients = [await connect(hub) for hub in mesh]
    heard = [Received() for _ in mesh]
    opened = []
    for number, client in enumerate(clients):
        opened.append(await client.open("room"))
        opened[number].on_receive(heard[number], "news")
    await opened[1].add_event("echo", echo)
    await mesh.knows_providers("room", "echo")
    for caller in (opened[0], opened[2]):
        assert (await asyncio.wait_for(caller.event("echo", 1), 8)).data == 1
    identity = mesh.rest[1].get("hub")

    if kind == "SIGTERM":
        assert mesh.hubs[1].stop() == 0
    else:
        mesh.hubs[1].kill()
    await knows(mesh.rest[0], "room", "echo", 0)
    await knows(mesh.rest[2], "room", "echo", 0)
    # The two others go on over the bridge that is left.
    await mesh.up()
    await opened[0].broadcast("news", "meanwhile")
    await heard[2].at_least(1)
    mesh.hubs[1].start()
    await mesh.up()
    again = mesh.rest[1].get("hub")
    assert again["hub_id"] == identity["hub_id"]
    assert again["incarnation"] > identity["incarnation"]
    assert [bridge["name"] for bridge in mesh.rest[1].items("bridges")] == ["bridge-1"]
    for caller in (opened[0], opened[2]):
        assert (await succeeds(lambda caller=caller: caller.event("echo", 2))).data == 2
    await mesh.knows_members("room", {client.client_id for client in clients})

    for number in range(200):
        await opened[0].broadcast("news", number)
    for listener in heard[1:]:
        await listener.at_least(200)
    await mesh.quiet()
    assert heard[0].data == []
    assert heard[1].data == list(range(200))
    assert heard[2].data == ["meanwhile", *range(200)]


@pytest.mark.raw
async def test_restored_bridges_keep_their_settings(make_hub: HubMaker) -> None:
    near, far = make_hub("near", link_secret=None), make_hub("far")
    rest = Rest(near)
    wish = {"secret": LINK_SECRET, "cost": 9, "channels": {"allow": ["a", "b*"], "deny": ["bc"]}}
    rest.put_bridge("über / 100%", link_address(far, "tcp"), **wish)
    rest.put_bridge("asleep", "tcp://127.0.0.1:9", secret="x", paused=True)
    await bridge_becomes(rest, "über / 100%", "up")
    lasting = ("name", "address", "secret_set", "channels", "cost", "paused", "tls")
    before = [{key: bridge[key] for key in lasting} for bridge in rest.items("bridges")]
    near.kill()
    near.start()
    assert [{key: bridge[key] for key in lasting} for bridge in rest.items("bridges")] == before
    await bridge_becomes(rest, "über / 100%", "up")
    assert rest.bridge("asleep")["state"] == "paused"


async def test_a_hub_that_is_gone_is_withdrawn_and_calls_to_it_are_answered(
    make_mesh: MeshMaker, connect: Connector, dial: RawDialer
) -> None:
    mesh = await make_mesh(CHAIN_OF_3)
    provider = await dial(mesh.hubs[2], "provider")
    await provider.provide("room", "slow")
    await provider.open("room")
    await provider.declare("room", "ticks")
    listener = await dial(mesh.hubs[2], "listener")
    await listener.subscribe("room", "beats")
    await mesh.knows_providers("room", "slow")
    owner = await dial(mesh.hubs[0], "owner")
    await owner.open("room")
    await owner.declare("room", "beats")
    assert (await owner.expect("receive"))["event"] == "subscription.beats.first"
    await mesh.knows_members("room", {"provider", "owner"} | {m["id"] for m in await listener.members("room")})
    request_id = await owner.call("room", "slow", 1)
    await provider.expect("call")
    python_caller = await connect(mesh.hubs[0])
    hanging = asyncio.ensure_future(python_caller.call("room", "slow", 2))
    await provider.expect("call")

    started = time.monotonic()
    mesh.hubs[2].kill()
    answer = await owner.expect("response", 6.0, request_id=request_id)
    assert answer["error"]
    with pytest.raises(Exception, match="."):
        await asyncio.wait_for(hanging, 6.0)
    assert time.monotonic() - started < 4.0
    assert (await owner.expect("receive"))["event"] == "subscription.beats.last"
    await knows(mesh.rest[0], "room", "slow", 0)
    assert {m["id"] for m in await owner.members("room")} & {"provider", "listener"} == set()
    request_id = await owner.call("room", "slow", 3)
    assert (await owner.expect("response", request_id=request_id))["error"] == "No provider for room:slow"
    # The bridge of the hub between says why it is down, and its other link is not touched.
    down = await bridge_becomes(mesh.rest[1], "bridge-1", "backoff")
    assert down["last_error"]
    assert mesh.rest[0].bridge("bridge-0")["state"] == "up"


async def test_a_call_that_goes_through_a_dying_hub_is_answered(make_mesh: MeshMaker, dial: RawDialer) -> None:
    mesh = await make_mesh(CHAIN_OF_3)
    provider = await dial(mesh.hubs[2], "provider")
    await provider.provide("room", "slow")
    await mesh.knows_providers("room", "slow")
    caller = await dial(mesh.hubs[0], "caller")
    request_id = await caller.call("room", "slow", 1)
    await provider.expect("call")
    mesh.hubs[1].kill()
    assert (await caller.expect("response", 6.0, request_id=request_id))["error"]
    mesh.hubs[1].start()
    await mesh.up()
    await knows(mesh.rest[0], "room", "slow")
    request_id = await caller.call("room", "slow", 2)
    await provider.answer(await provider.expect("call"), "back")
    assert (await caller.expect("response", request_id=request_id))["data"] == "back"


async def test_calls_go_round_a_hub_that_dies_in_a_ring(make_mesh: MeshMaker, connect: Connector) -> None:
    ring = await make_mesh(Shape("ring-4", 4, ((0, 1), (1, 2), (2, 3), (3, 0))))
    await provide_echo(connect, ring.hubs[2], "room")
    await ring.knows_providers("room", "echo")
    caller = await connect(ring.hubs[0])
    assert (await asyncio.wait_for(caller.call("room", "echo", 1), 8)).data == 1
    for gone in (1, 3):
        ring.hubs[gone].kill()
        await knows(ring.rest[0], "room", "echo")
        assert (await succeeds(lambda: caller.call("room", "echo", 2))).data == 2
        ring.hubs[gone].start()
        await ring.up()


@pytest.mark.raw
async def test_a_service_moves_from_hub_to_hub(make_mesh: MeshMaker, dial: RawDialer) -> None:
    mesh = await make_mesh(RING_OF_3)
    caller = await dial(mesh.hubs[0], "caller")
    for turn in range(6):
        at = 1 + turn % 2
        provider = await dial(mesh.hubs[at], f"provider-{turn}")
        await provider.provide("room", "moving")
        await mesh.knows_providers("room", "moving")
        request_id = await caller.call("room", "moving", turn)
        await provider.answer(await provider.expect("call"), at)
        assert (await caller.expect("response", request_id=request_id))["data"] == at
        await provider.close()
        await mesh.knows_providers("room", "moving", 0)


# Links that are cut.


@pytest.mark.raw
async def test_a_link_that_swallows_everything_is_told_within_seconds(
    make_hub: HubMaker, dial: RawDialer, road: Callable[[HubUnderTest], Awaitable[Road]]
) -> None:
    near, far = make_hub("near"), make_hub("far")
    rest = Rest(near)
    between = await road(far)
    rest.put_bridge("to-far", between.address, resume_window_s=1)
    await bridge_becomes(rest, "to-far", "up")
    provider = await dial(far, "provider")
    await provider.provide("room", "slow")
    await knows(rest, "room", "slow")
    caller = await dial(near, "caller")
    request_id = await caller.call("room", "slow", 1)
    await provider.expect("call")
    between.is_black_hole = True
    started = time.monotonic()
    await eventually(lambda: rest.bridge("to-far")["state"] != "up", "the near side says so")
    assert time.monotonic() - started < 4.0
    assert (await caller.expect("response", 8.0, request_id=request_id))["error"]
    down = rest.bridge("to-far")
    assert down["state"] != "up"
    assert down["last_error"]
    await eventually(lambda: all(link["state"] != "up" for link in Rest(far).items("links")), "the far side, too")
    between.is_black_hole = False
    between.cut()
    between.mend()
    await bridge_becomes(rest, "to-far", "up")
    await knows(rest, "room", "slow")


async def cut_and_mend_while_speaking(
    mesh_up: Callable[[], Awaitable[None]], between: Road, speaker: RawClient, cuts: int
) -> int:
    """Speaks all the time, 1000 messages a second, while the road is cut and mended; returns how many."""
    said = 0
    is_done = False

    async def speak() -> None:
        nonlocal said
        while not is_done:
            for _ in range(20):
                await speaker.broadcast("room", "news", said)
                said += 1
            await asyncio.sleep(0.02)

    speaking = asyncio.ensure_future(speak())
    try:
        for _ in range(cuts):
            await asyncio.sleep(0.3)
            between.cut()
            await asyncio.sleep(0.1)
            between.mend()
            await mesh_up()
        await asyncio.sleep(0.3)
    finally:
        is_done = True
        await speaking
    return said


@pytest.mark.raw
@pytest.mark.parametrize("shape", ["pair", "ring-3"])
async def test_no_broadcast_comes_twice_while_links_are_cut_and_come_back(
    make_hub: HubMaker,
    dial: RawDialer,
    road: Callable[[HubUnderTest], Awaitable[Road]],
    shape: str,
    record_property: Callable[[str, object], None],
) -> None:
    """Nothing twice and nothing out of order, ever. What was under way on a link when it was cut may be lost:
    links keep no buffer to resume from. Before the first cut and after the last nothing is lost."""
    hubs = [make_hub(f"hub-{name}") for name in ("ab" if shape == "pair" else "abc")]
    rest = [Rest(hub) for hub in hubs]
    between = await road(hubs[1])
    rest[0].put_bridge("cut", between.address)
    if shape == "ring-3":
        rest[1].put_bridge("whole-1", link_address(hubs[2], "tcp"))
        rest[2].put_bridge("whole-2", link_address(hubs[0], "tcp"))

    async def up() -> None:
        for hub_rest in rest:
            for bridge in hub_rest.items("bridges"):
                await bridge_becomes(hub_rest, bridge["name"], "up")

    await up()
    members = [await dial(hub, f"member-{n}") for n, hub in enumerate(hubs)]
    for member in members:
        await member.open("room")
    everybody = {member.client_id for member in members}

    def are_known() -> bool:
        return all({m["id"] for m in (r.channel("room") or {"members": []})["members"]} == everybody for r in rest)

    async def settled() -> None:
        await up()
        await eventually(are_known, "all members are known everywhere", 12.0)

    await settled()
    readers = [asyncio.ensure_future(read_all(member)) for member in members[1:]]
    said = await cut_and_mend_while_speaking(settled, between, members[0], 3)
    await settled()
    for _ in range(100):
        await members[0].broadcast("room", "news", said)
        said += 1
    await members[0].broadcast("room", "end", None)
    for reader in readers:
        got = await asyncio.wait_for(reader, 10)
        twice = [number for number, times in Counter(got).items() if times > 1]
        assert twice == []
        assert got == sorted(got)
        assert got[-100:] == list(range(said - 100, said))
        assert got[:200] == list(range(200))
        record_property("lost", said - len(got))
        record_property("said", said)


async def read_all(member: RawClient) -> list[int]:
    """All numbers up to the end mark."""
    got = []
    try:
        while True:
            message = await member.next(20)
            if message["type"] == "broadcast":
                if message["event"] == "end":
                    return got
                got.append(message["data"])
    except ConnectionEnded:
        return got


async def test_python_clients_go_on_over_a_cut(
    make_hub: HubMaker, connect: Connector, road: Callable[[HubUnderTest], Awaitable[Road]]
) -> None:
    """Every call ends in an answer or an error; none is carried out twice; after the cut they work as before."""
    near, far = make_hub("near"), make_hub("far")
    rest = Rest(near)
    between = await road(far)
    rest.put_bridge("to-far", between.address)
    carried_out: Counter[int] = Counter()

    async def work(message: Any) -> int:
        carried_out[message.data] += 1
        return int(message.data)

    await (await (await connect(far)).open("room")).add_event("work", work)
    await knows(rest, "room", "work")
    caller = await (await connect(near)).open("room")
    outcomes: Counter[str] = Counter()

    async def ask(number: int) -> None:
        try:
            assert (await asyncio.wait_for(caller.event("work", number), 6)).data == number
            outcomes["answered"] += 1
        except TimeoutError:
            outcomes["hanging"] += 1
        except Exception:
            outcomes["error"] += 1

    asking = []
    for number in range(400):
        if number == 150:
            between.cut()
        if number == 250:
            between.mend()
        asking.append(asyncio.ensure_future(ask(number)))
        await asyncio.sleep(0.002)
    await asyncio.gather(*asking)
    assert outcomes["hanging"] == 0
    assert outcomes["answered"] >= 150
    assert set(carried_out.values()) == {1}
    await knows(rest, "room", "work")
    assert (await succeeds(lambda: caller.event("work", 1000))).data == 1000
