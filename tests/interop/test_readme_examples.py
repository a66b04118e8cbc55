# SPDX-License-Identifier: LGPL-3.0-or-later
"""The code blocks of the package's README, run from its installed metadata, word for word.

Two blocks of both releases cannot run as printed, whatever the hub: "Standard API" of the event groups calls
`add_event` and `event` on a group object, which has `provide` and `get` instead. What they show is covered in
test_groups.py.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from conftest import HubStarter
from hub_under_test import FOLDER, HubUnderTest
from python_client import RELEASE, Connector, Received, collect, eventually, succeeds

Runner = Callable[..., Awaitable[str]]


async def start_example(hub: HubUnderTest, wanted: str, *options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(FOLDER / "readme_example.py"),
        hub.socket_path,
        wanted,
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


async def output_of(hub: HubUnderTest, wanted: str) -> str:
    """Runs a block to its end."""
    process = await start_example(hub, wanted)
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    text = output.decode()
    assert process.returncode == 0, text
    assert "Traceback" not in text, text
    return text


@pytest.fixture
async def serve_example() -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Leaves a block running while the test talks to it."""
    processes = []

    async def serve(hub: HubUnderTest, wanted: str) -> None:
        processes.append(await start_example(hub, wanted, "--serve"))

    yield serve
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_quick_start(start_hub: HubStarter) -> None:
    assert "Hello, World" in await output_of(start_hub(), "hello_handler")


async def test_a_python_app_with_decorators(
    start_hub: HubStarter, connect: Connector, serve_example: Any
) -> None:
    hub = start_hub()
    caller = await connect(hub)
    await serve_example(hub, "handle_update")
    assert await succeeds(lambda: collect(caller.stream("math", "counter", {}))) == [
        {"count": number} for number in range(5)
    ]
    product = "workers.mult" if RELEASE == "0.1.15" else "mult"
    assert (await succeeds(lambda: caller.call("math", product, {"a": 2, "b": 3}))).data == 6
    # The block reads `cd.data.a`, which takes return_type="model"; its client has the default.
    with pytest.raises(Exception, match="^'dict' object has no attribute 'a'$"):
        await caller.call("math", "add", {"a": 2, "b": 3})


async def test_decorated_group(start_hub: HubStarter, connect: Connector, serve_example: Any) -> None:
    hub = start_hub()
    caller = await connect(hub)
    watcher = await (await connect(hub)).open("__comm_ipc_system")
    seen = Received()
    watcher.on_receive(seen)
    await serve_example(hub, 'workers = app.group("workers")')
    await eventually(
        lambda: any(data["event"] == "workers.process" for data in seen.data), "the group event is provided"
    )
    with pytest.raises(Exception, match="No provider for fragment:nothing"):
        await caller.call("fragment", "nothing", {})


async def test_request_response(start_hub: HubStarter) -> None:
    assert "Result: 30" in await output_of(start_hub(), "MathParams(a=10, b=20)")


async def test_publisher_subscriber(start_hub: HubStarter, connect: Connector) -> None:
    hub = start_hub()
    if RELEASE == "0.1.15":
        assert "New user joined: Alice" in await output_of(hub, "join_events")
    else:
        # The fragment publishes before it subscribes; a listener that was there before hears it.
        heard = Received()
        await (await (await connect(hub)).open("fragment")).subscribe("news", heard)
        await output_of(hub, "Got user")
        assert (await heard.first()).data == {"id": 1, "name": "Alice"}


async def test_streaming(start_hub: HubStarter) -> None:
    output = await output_of(
        start_hub(), "count_up(cd):\n    for i in range(cd" if RELEASE == "0.1.5" else "streams"
    )
    prefix = "" if RELEASE == "0.1.5" else "Received: "
    for number in range(5):
        assert f"{prefix}{number}\n" in output


async def test_messaging_and_listeners(start_hub: HubStarter, connect: Connector) -> None:
    hub = start_hub()
    channel, event = ("fragment", "system_update") if RELEASE == "0.1.5" else ("monitor", "alert")
    heard = Received()
    (await (await connect(hub)).open(channel)).on_receive(heard, event)
    await output_of(hub, "# Send" if RELEASE == "0.1.5" else "channel.on_receive(on_event")
    message = await heard.first()
    assert message.data == (
        {"status": "maintenance"} if RELEASE == "0.1.5" else {"msg": "System going down!"}
    )


async def test_security_and_passwords(start_hub: HubStarter) -> None:
    hub = start_hub()
    if RELEASE == "0.1.15":
        assert "Successfully accessed vault!" in await output_of(hub, "secure_vault")
    else:
        assert "fragment done" in await output_of(hub, "password123")


async def test_bridge(start_hub: HubStarter, connect: Connector) -> None:
    """The block names two sockets; both are the hub here, which is all it needs to connect."""
    assert RELEASE in ("0.1.5", "0.1.15")
    hub = start_hub()
    from comm_ipc.bridge import CommIPCBridge

    bridge = CommIPCBridge(bridge_id="bridge-1", socket_path1=hub.socket_path, socket_path2=hub.socket_path)
    await bridge.connect(
        target1_params={"socket_path": hub.socket_path}, target2_params={"socket_path": hub.socket_path}
    )
    from python_client import close_client

    assert bridge.running
    for client in (bridge.c1, bridge.c2):
        await close_client(client)
