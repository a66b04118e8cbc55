# SPDX-License-Identifier: LGPL-3.0-or-later
"""Broadcast and send (chapter 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hub_under_test import HubUnderTest
from python_client import Connector, Received
from raw_client import RawDialer

Unique = Callable[[str], str]


@pytest.mark.raw
async def test_a_broadcast_reaches_every_opener_but_the_sender_once(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    clients = [await dial(hub, unique(f"client-{number}")) for number in range(5)]
    for client in clients:
        await client.open(channel)
    for client in clients:
        await client.forget_inbox()
    speaker, *listeners = clients
    await speaker.broadcast(channel, "news", {"a": 1}, request_id=None)
    await speaker.settle()
    assert speaker.inbox == []
    for listener in listeners:
        await listener.settle()
        assert [(m["type"], m["event"], m["data"]) for m in listener.inbox] == [
            ("broadcast", "news", {"a": 1})
        ]


@pytest.mark.raw
async def test_a_broadcast_by_an_outsider_reaches_the_members(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    member, outsider = await dial(hub, unique("member")), await dial(hub, unique("outsider"))
    await member.open(channel)
    await outsider.broadcast(channel, "news", 1)
    assert (await member.expect("broadcast"))["sender_id"] == unique("outsider")


@pytest.mark.raw
async def test_a_broadcast_stays_in_its_channel(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    member, speaker = await dial(hub, unique("member")), await dial(hub, unique("speaker"))
    await member.open(channel)
    await member.forget_inbox()
    await speaker.broadcast(unique("elsewhere"), "news", 1)
    await member.silence_after(speaker)


@pytest.mark.raw
async def test_a_send_reaches_one_provider_and_no_member(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    member, provider, sender = [await dial(hub, unique(name)) for name in ("member", "provider", "sender")]
    await member.open(channel)
    await provider.provide(channel, "log")
    await member.forget_inbox()
    await provider.forget_inbox()
    await sender.send(channel, "log", {"a": 1})
    got = await provider.expect("send")
    assert (got["channel"], got["event"], got["data"]) == (channel, "log", {"a": 1})
    await member.silence_after(sender)


@pytest.mark.raw
async def test_a_send_without_a_provider_is_lost_without_a_word(
    hub: HubUnderTest, dial: RawDialer, channel: str, unique: Unique
) -> None:
    sender = await dial(hub, unique("sender"))
    await sender.send(channel, "log", 1)
    await sender.silence_after()


async def test_python_members_hear_a_broadcast_and_its_sender_does_not(
    hub: HubUnderTest, connect: Connector, channel: str, unique: Unique
) -> None:
    heard = [Received() for _ in range(4)]
    members = [await (await connect(hub, client_id=unique(f"m{n}"))).open(channel) for n in range(4)]
    for member, ears in zip(members, heard, strict=True):
        member.on_receive(ears, "news")
    await members[0].broadcast("news", {"status": "maintenance"})
    await members[1].broadcast("news", "second")
    for ears in heard[2:]:
        await ears.at_least(2)
        assert ears.data == [{"status": "maintenance"}, "second"]
        assert [message.sender_id for message in ears.messages] == [unique("m0"), unique("m1")]
    assert heard[0].data == ["second"]
    assert heard[1].data == [{"status": "maintenance"}]


async def test_a_python_listener_hears_only_its_event(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    wanted, everything = Received(), Received()
    member = await (await connect(hub)).open(channel)
    member.on_receive(wanted, "wanted")
    member.on_receive(everything)
    speaker = await (await connect(hub)).open(channel)
    await speaker.broadcast("other", 1)
    await speaker.broadcast("wanted", 2)
    await everything.at_least(2)
    assert wanted.data == [2]


async def test_python_broadcasts_of_many_arrive_all_and_in_order(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    everything = Received()
    member = await (await connect(hub)).open(channel)
    member.on_receive(everything, "n")
    speakers = [await (await connect(hub)).open(channel) for _ in range(4)]

    async def speak(number: int, speaker: Any) -> None:
        for position in range(50):
            await speaker.broadcast("n", [number, position])

    await asyncio.gather(*(speak(number, speaker) for number, speaker in enumerate(speakers)))
    await everything.at_least(200)
    for number in range(4):
        assert [d for d in everything.data if d[0] == number] == [
            [number, position] for position in range(50)
        ]
