# SPDX-License-Identifier: LGPL-3.0-or-later
"""A chain of four hubs: a protected channel crosses the bridges of those that hold its password, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from hub_under_test import Certificates
from mesh_under_test import Mesh, Shape, start_mesh
from python_client import Connector, Received, eventually
from raw_client import RawDialer, message_signature

pytestmark = pytest.mark.commhub_only

PASSWORD = "a pässword"
CHAIN = Shape("chain-4", 4, ((0, 1), (2, 1), (2, 3)), ("tcp", "unix", "tls"))


@pytest.fixture(scope="module")
def chain(certificates: Certificates) -> Iterator[Mesh]:
    mesh = start_mesh(CHAIN, certificates)
    yield mesh
    mesh.close()


@pytest.fixture
async def mesh(chain: Mesh) -> AsyncIterator[Mesh]:
    await chain.up()
    yield chain
    for hub in chain:
        assert hub.is_running(), f"{hub.server_id} died:\n{hub.log_tail()}"


def protect(mesh: Mesh, channel: str, password: str, *hubs: int) -> None:
    for number in hubs:
        answer = mesh.rest[number].put(f"channels/{channel}/password", {"password": password})
        assert answer.status in (200, 201, 204), answer


async def echo(message: Any) -> Any:
    return message.data


async def test_a_python_signature_made_on_one_hub_verifies_three_hops_away(
    mesh: Mesh, connect: Connector, dial: RawDialer, channel: str
) -> None:
    protect(mesh, channel, PASSWORD, 0, 1, 2, 3)
    near = await (await connect(mesh.hubs[0])).open(channel, password=PASSWORD)
    far = await (await connect(mesh.hubs[3])).open(channel, password=PASSWORD)
    heard = Received()
    far.on_receive(heard, "news")
    await far.add_event("echo", echo)
    await far.add_event("log", heard)
    watcher = await dial(mesh.hubs[3], f"watcher-{channel}")
    await watcher.open(channel, PASSWORD)
    await mesh.knows_providers(channel, "echo")
    await mesh.knows_members(channel, {near.parent.client_id, far.parent.client_id, watcher.client_id})
    value = {"ä": [1.5, None, "🦆"]}
    assert (await asyncio.wait_for(near.event("echo", value), 8)).data == value
    await near.broadcast("news", value)
    await near.send("log", [2])
    await heard.at_least(2)
    assert value in heard.data and [2] in heard.data
    seen = await watcher.expect("broadcast")
    assert seen["signature"] == message_signature(PASSWORD, seen)
    assert seen["sender_id"] == near.parent.client_id
    assert seen["path"] == [hub.server_id for hub in mesh.hubs]
    # The far hub lets nobody in without the password, and neither does the first.
    stranger = await dial(mesh.hubs[0], f"stranger-{channel}")
    request_id = await stranger.call(channel, "echo", 1)
    assert "protected" in (await stranger.expect("response", request_id=request_id))["error"]


async def test_a_topic_and_a_stream_cross_protected_hops(
    mesh: Mesh, dial: RawDialer, channel: str
) -> None:
    protect(mesh, channel, PASSWORD, 0, 1, 2, 3)
    owner = await dial(mesh.hubs[3], f"owner-{channel}")
    await owner.open(channel, PASSWORD)
    await owner.provide(channel, "count", is_stream=True, password=PASSWORD)
    await owner.declare(channel, "ticks")
    reader = await dial(mesh.hubs[0], f"reader-{channel}")
    await reader.open(channel, PASSWORD)
    await mesh.knows_providers(channel, "count")
    await reader.subscribe(channel, "ticks")
    await owner.expect("receive", event="subscription.ticks.first")
    await owner.publish(channel, "ticks", 7)
    assert (await reader.expect("receive", event="subscription.ticks.data"))["data"] == 7
    request_id = await reader.call(channel, "count", None, is_stream=True)
    call = await owner.expect("call", event="count")
    assert call["sender_id"] == reader.client_id
    await owner.answer_chunk(call, 1)
    await owner.answer_chunk(call, None, final=True)
    assert (await reader.expect("response", request_id=request_id))["data"] == 1
    assert (await reader.expect("response", request_id=request_id))["is_final"] is True


async def test_passwords_that_clients_set_on_two_hubs_join_them(
    mesh: Mesh, dial: RawDialer, channel: str
) -> None:
    owners = []
    for number in (0, 1):
        owner = await dial(mesh.hubs[number], f"owner-{number}-{channel}")
        await owner.open(channel)
        owners.append(owner)
    bystander = await dial(mesh.hubs[2], f"bystander-{channel}")
    await bystander.open(channel)
    await mesh.knows_members(channel, {client.client_id for client in (*owners, bystander)})
    for owner in owners:
        assert (await owner.set_password(channel, PASSWORD)).get("error") is None

    def members(number: int) -> set[str]:
        shown = mesh.rest[number].channel(channel)
        return {member["id"] for member in shown["members"]} if shown else set()

    both = {owner.client_id for owner in owners}
    await eventually(lambda: members(0) == both and members(1) == both, "the two hubs are joined")
    await eventually(lambda: members(2) == {bystander.client_id}, "the third hub is alone")
    await owners[0].forget_inbox()
    await bystander.forget_inbox()
    await owners[1].broadcast(channel, "news", 1)
    assert (await owners[0].expect("broadcast"))["data"] == 1
    await mesh.quiet()
    await bystander.settle()
    assert bystander.inbox == []


async def test_a_hub_without_the_password_neither_sees_nor_carries_the_channel(
    mesh: Mesh, dial: RawDialer, channel: str
) -> None:
    protect(mesh, channel, PASSWORD, 0, 1, 3)
    ends = []
    for number in (0, 3):
        member = await dial(mesh.hubs[number], f"end-{number}-{channel}")
        await member.open(channel, PASSWORD)
        ends.append(member)
    await mesh.quiet()
    assert mesh.rest[2].channel(channel) is None
    assert [m["id"] for m in await ends[0].members(channel)] == [ends[0].client_id]
    protect(mesh, channel, PASSWORD, 2)
    await mesh.knows_members(channel, {end.client_id for end in ends})
    protect(mesh, channel, "another", 2)

    def alone() -> bool:
        shown = mesh.rest[0].channel(channel)
        return shown is not None and [m["id"] for m in shown["members"]] == [ends[0].client_id]

    await eventually(alone, "withdrawn when the hub between has another password")
