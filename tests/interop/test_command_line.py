# SPDX-License-Identifier: LGPL-3.0-or-later
"""The `comm-ipc` command of release 0.1.15 against the hub."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub_under_test import HubUnderTest
from python_client import Connector, Received

pytestmark = pytest.mark.release("0.1.15")

Unique = Callable[[str], str]


async def comm_ipc(hub: HubUnderTest, *arguments: str) -> str:
    """What the command printed."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("comm-ipc")),
        *arguments,
        "--socket-path",
        hub.socket_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    return output.decode()


async def test_call(hub: HubUnderTest, connect: Connector, channel: str) -> None:
    async def double(message: Any) -> Any:
        return {"twice": message.data["n"] * 2}

    opened = await (await connect(hub)).open(channel)
    await opened.add_event("double", double)
    assert '"twice": 42' in await comm_ipc(hub, "call", "-c", channel, "-e", "double", "-d", '{"n": 21}')
    output = await comm_ipc(hub, "call", "-c", channel, "-e", "nothing")
    assert f"No provider for {channel}:nothing" in output


async def test_explore_and_members(
    hub: HubUnderTest, connect: Connector, channel: str, unique: Unique
) -> None:
    async def double(message: Any) -> Any:
        return message.data

    opened = await (await connect(hub, client_id=unique("provider"))).open(channel)
    await opened.add_event("double", double)
    explored, listed = await asyncio.gather(
        comm_ipc(hub, "explore", "-c", channel), comm_ipc(hub, "members", "-c", channel)
    )
    assert '"double"' in explored and unique("provider") in explored
    assert unique("provider") in listed and '"is_local": true' in listed


async def test_publish_without_owning_the_topic_reaches_nobody(
    hub: HubUnderTest, connect: Connector, channel: str
) -> None:
    heard = Received()
    listener = await (await connect(hub)).open(channel)
    await listener.subscribe("topic", heard)
    output = await comm_ipc(hub, "publish", "-c", channel, "-t", "topic", "-d", '{"n": 1}')
    assert "Published successfully." in output
    await listener.list_members()
    assert heard.messages == []


async def test_subscribe(hub: HubUnderTest, connect: Connector, channel: str) -> None:
    notices = Received()
    owner = await (await connect(hub)).open(channel)
    owner.on_receive(notices, "subscription.topic.first")
    await owner.add_subscription("topic")
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("comm-ipc")),
        *("subscribe", "-c", channel, "-t", "topic", "--socket-path", hub.socket_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PYTHONUNBUFFERED": "1"},
    )
    try:
        await notices.first()
        await owner.publish("topic", {"payload": "seen"})
        assert process.stdout is not None
        async with asyncio.timeout(10):
            async for line in process.stdout:
                if b"seen" in line:
                    break
            else:
                raise AssertionError("the command printed nothing")
    finally:
        process.kill()
        await process.wait()
