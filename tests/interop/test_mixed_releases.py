# SPDX-License-Identifier: LGPL-3.0-or-later
"""A client of one release and a client of the other talk through one hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from hub_under_test import FOLDER, HubUnderTest, python_of_release
from python_client import RELEASE, Connector, Received, collect, eventually

Unique = Callable[[str], str]

OTHER_RELEASE = {"0.1.5": "0.1.15", "0.1.15": "0.1.5"}[RELEASE]
PASSWORD = "pässword"


class OtherPeer:
    """The `remote_peer.py` process of the other release."""

    def __init__(self, process: asyncio.subprocess.Process, client_id: str) -> None:
        self.process = process
        self.client_id = client_id

    async def do(self, word: str, **fields: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": word} | fields).encode() + b"\n")
        line = await asyncio.wait_for(self.process.stdout.readline(), 15)
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]


@pytest.fixture
async def other(hub: HubUnderTest, unique: Unique) -> AsyncIterator[OtherPeer]:
    interpreter = python_of_release(OTHER_RELEASE)
    assert interpreter.exists(), f"{interpreter} is missing; run.sh makes it"
    process = await asyncio.create_subprocess_exec(
        str(interpreter),
        str(FOLDER / "remote_peer.py"),
        hub.socket_path,
        unique("other"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    peer = OtherPeer(process, unique("other"))
    assert await peer.do("connect") == OTHER_RELEASE
    yield peer
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), 5)
    except TimeoutError:
        process.kill()
        await process.wait()


async def double(message: Any) -> Any:
    return message.data * 2


async def count(message: Any):  # type: ignore[no-untyped-def]
    for number in range(message.data):
        yield number + 1


async def test_one_release_calls_and_streams_from_the_other(
    hub: HubUnderTest, connect: Connector, other: OtherPeer, channel: str
) -> None:
    mine = await (await connect(hub)).open(channel)
    await other.do("open", channel=channel)
    await other.do("provide", channel=channel)
    assert (await mine.event("double", 21)).data == 42
    assert await collect(mine.stream("count", 4)) == [1, 2, 3, 4]


async def test_the_other_release_calls_and_streams_from_this(
    hub: HubUnderTest, connect: Connector, other: OtherPeer, channel: str
) -> None:
    mine = await (await connect(hub)).open(channel)
    await mine.add_event("double", double)
    await mine.add_stream("count", count)
    assert await other.do("open", channel=channel) == ["count", "double"]
    assert await other.do("call", channel=channel, event="double", data="ab") == "abab"
    assert await other.do("stream", channel=channel, event="count", data=4) == [1, 2, 3, 4]
    with pytest.raises(RuntimeError, match=f"^No provider for {channel}:nothing$"):
        await other.do("call", channel=channel, event="nothing", data=0)


async def test_both_releases_serve_one_group(
    hub: HubUnderTest, connect: Connector, other: OtherPeer, channel: str
) -> None:
    hold = asyncio.Event()

    async def who(message: Any) -> Any:
        await hold.wait()
        return RELEASE

    mine = await (await connect(hub)).open(channel)
    await mine.group("workers").provide("who", who)
    await other.do("open", channel=channel)
    await other.do("provide", channel=channel)
    calls = [asyncio.create_task(mine.group("workers").get("who", {})) for _ in range(2)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    hold.set()
    assert {answer.data for answer in await asyncio.gather(*calls)} == {"0.1.5", "0.1.15"}


async def test_broadcasts_go_both_ways(
    hub: HubUnderTest, connect: Connector, other: OtherPeer, channel: str, unique: Unique
) -> None:
    heard = Received()
    mine = await (await connect(hub, client_id=unique("me"))).open(channel)
    mine.on_receive(heard, "east")
    await other.do("open", channel=channel)
    await other.do("broadcast", channel=channel, event="east", data={"n": [1, None]})
    message = await heard.first()
    assert (message.data, message.sender_id) == ({"n": [1, None]}, other.client_id)
    await mine.broadcast("west", 1.5)

    async def is_heard() -> bool:
        return bool(await other.do("heard") == [["west", 1.5, unique("me")]])

    await eventually(is_heard, "the broadcast is heard")


async def test_topics_go_both_ways(
    hub: HubUnderTest, connect: Connector, other: OtherPeer, channel: str, unique: Unique
) -> None:
    heard = Received()
    mine = await (await connect(hub, client_id=unique("me"))).open(channel)
    await other.do("open", channel=channel)
    await other.do("declare", channel=channel, topic="theirs")
    await mine.subscribe("theirs", heard)
    await other.do("publish", channel=channel, topic="theirs", data=1)
    assert (await heard.first()).data == 1
    await mine.add_subscription("mine")
    await other.do("subscribe", channel=channel, topic="mine")
    await mine.publish("mine", 2)

    async def is_heard() -> bool:
        return ["subscription.mine.data", 2, unique("me")] in await other.do("heard")

    await eventually(is_heard, "the publish is heard")


async def test_signed_calls_and_broadcasts_go_both_ways(
    hub: HubUnderTest, connect: Connector, other: OtherPeer, channel: str, unique: Unique
) -> None:
    owner = await connect(hub, client_id=unique("me"))
    await owner.open(channel)
    await owner.set_password(channel, PASSWORD)
    mine = await owner.open(channel, password=PASSWORD)
    await mine.add_event("double", double)
    heard = Received()
    mine.on_receive(heard, "east")
    with pytest.raises(RuntimeError, match="^Invalid channel password$"):
        await other.do("open", channel=channel, password="wrong")
    await other.do("open", channel=channel, password=PASSWORD)
    assert await other.do("call", channel=channel, event="double", data="é✓") == "é✓é✓"
    await other.do("broadcast", channel=channel, event="east", data={"x": 1e-05})
    assert (await heard.first()).data == {"x": 1e-05}
    await mine.broadcast("west", 1)

    async def is_heard() -> bool:
        return ["west", 1, unique("me")] in await other.do("heard")

    await eventually(is_heard, "the signed broadcast is heard")


async def test_the_other_releases_password_keeps_this_one_out(
    hub: HubUnderTest, connect: Connector, other: OtherPeer, channel: str
) -> None:
    await other.do("open", channel=channel)
    await other.do("set_password", channel=channel, password=PASSWORD)
    with pytest.raises(Exception, match="requires authentication"):
        await (await connect(hub)).open(channel)
    await (await connect(hub)).open(channel, password=PASSWORD)
