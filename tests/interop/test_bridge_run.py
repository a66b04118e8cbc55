# SPDX-License-Identifier: LGPL-3.0-or-later
"""`commhub bridge-run` joins two hubs of the Python package, as its own bridge does, and better."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub_under_test import Certificates, HubOptions, PythonHub, commhub_binary
from python_client import RELEASE, Connector, Received, collect, eventually, succeeds

pytestmark = pytest.mark.commhub_only

SETTLE_S = 0.3


async def double(message: Any) -> Any:
    return message.data * 2


async def count(message: Any):  # type: ignore[no-untyped-def]
    for number in range(message.data):
        yield number


async def fail(message: Any) -> Any:
    raise ValueError("broken: here")


class Joined:
    """Two Python hubs, and the program between them."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        self.folder = folder
        self.certificates = certificates
        options = HubOptions(transports=("unix", "tls"), connection_secret="hush")
        self.left = PythonHub(RELEASE, HubOptions(server_id="left"), certificates)
        self.right = PythonHub(RELEASE, options, certificates)
        self.secret = folder / "secret"
        self.secret.write_text("hush\n")
        self.secret.chmod(0o600)
        self.program: asyncio.subprocess.Process | None = None

    async def join(self, *arguments: str) -> None:
        """Returns once both hubs are reached."""
        self.program = await asyncio.create_subprocess_exec(
            str(commhub_binary()),
            "bridge-run",
            *("--from", f"unix:{self.left.socket_path}"),
            *("--to", f"tls://127.0.0.1:{self.right.tls_port}"),
            *("--to-secret-file", str(self.secret)),
            *("--to-tls-ca", str(self.certificates.ca)),
            *arguments,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.program.stdout is not None
        line = await asyncio.wait_for(self.program.stdout.readline(), 15.0)
        assert line.startswith(b"ready "), line

    async def close(self) -> None:
        try:
            if self.program is not None:
                self.program.terminate()
                assert await asyncio.wait_for(self.program.wait(), 8.0) == 0
        finally:
            self.left.close()
            self.right.close()


@pytest.fixture
async def joined(tmp_path: Path, certificates: Certificates) -> AsyncIterator[Joined]:
    joined = Joined(tmp_path, certificates)
    joined.left.start()
    joined.right.start()
    yield joined
    await joined.close()


@pytest.mark.parametrize("turned", [False, True], ids=["there", "back"])
async def test_calls_streams_and_errors_cross(joined: Joined, connect: Connector, turned: bool) -> None:
    await joined.join("--channel", "room")
    at_left, at_right = await connect(joined.left), await connect(joined.right, connection_secret="hush")
    provider, caller = (at_right, at_left) if turned else (at_left, at_right)
    room = await provider.open("room")
    await room.add_event("double", double)
    await room.add_stream("count", count)
    await room.add_event("fail", fail)
    assert (await succeeds(lambda: caller.call("room", "double", 21))).data == 42
    assert await succeeds(lambda: collect(caller.stream("room", "count", 5))) == [0, 1, 2, 3, 4]
    with pytest.raises(Exception, match="^broken: here$"):
        await caller.call("room", "fail", 1)


async def test_broadcasts_cross_once_and_only_in_the_channels_that_are_named(
    joined: Joined, connect: Connector
) -> None:
    await joined.join("--channel", "room", "--channel", "hall*", "--deny", "hallway")
    clients = [await connect(joined.left), await connect(joined.right, connection_secret="hush")]
    heard: dict[str, Received] = {}
    for name in ("room", "hall-1", "hallway", "attic"):
        for side, client in zip(("left", "right"), clients, strict=True):
            heard[f"{name} {side}"] = Received()
            (await client.open(name)).on_receive(heard[f"{name} {side}"])

    async def cross() -> bool:
        for client in clients:
            for name in ("room", "hall-1"):
                await client.channels[name].broadcast("probe", 0)
        await asyncio.sleep(0.1)
        return all(heard[f"{name} {side}"].messages for name in ("room", "hall-1") for side in ("left", "right"))

    await eventually(cross, "both directions are joined", 15.0)
    await asyncio.sleep(SETTLE_S)
    for received in heard.values():
        received.messages.clear()
    for number in range(20):
        for client in clients:
            for channel in client.channels.values():
                await channel.broadcast("e", number)
    for name in ("room", "hall-1"):
        for side in ("left", "right"):
            await heard[f"{name} {side}"].at_least(20)
    await asyncio.sleep(SETTLE_S)
    for place, received in heard.items():
        crosses = not place.startswith(("hallway", "attic"))
        assert received.data == (list(range(20)) if crosses else []), place


async def test_a_topic_of_one_hub_is_subscribed_at_the_other(joined: Joined, connect: Connector) -> None:
    await joined.join("--channel", "room")
    owner, reader = await connect(joined.left), await connect(joined.right, connection_secret="hush")
    await owner.open("room")
    await owner.add_subscription("room", "ticks")
    await reader.open("room")
    received = Received()
    await reader.subscribe("room", "ticks", received)

    async def comes() -> bool:
        await owner.publish("room", "ticks", 1)
        await asyncio.sleep(0.05)
        return bool(received.messages)

    await eventually(comes, "what is published arrives", 15.0)


async def test_a_hub_that_was_away_is_joined_again(joined: Joined, connect: Connector) -> None:
    await joined.join("--channel", "room")
    room = await (await connect(joined.left)).open("room")
    await room.add_event("double", double)
    caller = await connect(joined.right, connection_secret="hush")
    assert (await succeeds(lambda: caller.call("room", "double", 21))).data == 42
    joined.right.kill()
    await asyncio.sleep(SETTLE_S)
    joined.right.start()
    again = await connect(joined.right, connection_secret="hush")
    assert (await succeeds(lambda: again.call("room", "double", 4), 40.0)).data == 8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--from ADDRESS is missing"),
        (("--from", "unix:/a"), "--to ADDRESS is missing"),
        (("--from", "unix:/a", "--to", "unix:/a"), "are the same hub"),
        (("--from", "unix:/a", "--to", "http://b"), "--to: address: "),
        (("--from", "unix:/a", "--to", "unix:/b", "--channel"), "--channel is not known here, or its value"),
        (("--from", "unix:/a", "--to", "unix:/b", "--what", "x"), "--what is not known here"),
        (("--from", "unix:/a", "--to", "unix:/b", "--to-secret-file", "/nowhere"), "/nowhere"),
        (("--from", "unix:/a", "--to", "unix:/b", "--log-format", "xml"), "must be text or json"),
    ],
)
async def test_wrong_usage_is_told(arguments: tuple[str, ...], said: str) -> None:
    program = await asyncio.create_subprocess_exec(
        str(commhub_binary()), "bridge-run", *arguments, stderr=subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(program.communicate(), 8.0)
    assert program.returncode == 2
    assert said in errors.decode()
