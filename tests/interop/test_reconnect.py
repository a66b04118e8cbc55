# SPDX-License-Identifier: LGPL-3.0-or-later
"""The hub is killed and started again; the package's clients come back by themselves.

What the package restores: its id, every opened channel (with the password it was opened with), every
provided event and stream (without `is_group`: of a group, the first worker to return has the event), every
declared topic (without its schema). What it does not restore: subscriptions to topics, and passwords set
with `set_password`, which end with the hub unless they are configured.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conftest import HubStarter
from python_client import Connector, Received, collect, eventually, succeeds
from raw_client import RawDialer


async def echo(message: Any) -> Any:
    return message.data


async def count(message: Any):  # type: ignore[no-untyped-def]
    for number in range(3):
        yield number + 1


@pytest.mark.parametrize("transport", ["unix", "tcp", "tls"])
@pytest.mark.parametrize("secret", [None, "a secret"])
async def test_python_clients_recover_with_handlers_and_channels(
    start_hub: HubStarter, connect: Connector, transport: str, secret: str | None
) -> None:
    hub = start_hub(transports=(transport,), connection_secret=secret)
    provider = await connect(hub, transport, client_id="provider", connection_secret=secret)
    opened = await provider.open("room")
    await opened.add_event("echo", echo)
    await opened.add_stream("count", count)
    heard = Received()
    opened.on_receive(heard, "news")
    other = await connect(hub, transport, client_id="other", connection_secret=secret)
    theirs = await other.open("room")
    assert (await theirs.event("echo", 1)).data == 1

    hub.kill()
    hub.start()
    assert (await succeeds(lambda: theirs.event("echo", 2))).data == 2
    assert await succeeds(lambda: collect(theirs.stream("count", {}))) == [1, 2, 3]

    async def is_heard() -> bool:
        await theirs.broadcast("news", "again")
        return bool(heard.messages)

    await eventually(is_heard, "the broadcast is heard")


async def test_python_clients_recover_twice(start_hub: HubStarter, connect: Connector) -> None:
    hub = start_hub()
    opened = await (await connect(hub)).open("room")
    await opened.add_event("echo", echo)
    caller = await connect(hub)
    for _ in range(2):
        hub.kill()
        hub.start()
        assert (await succeeds(lambda: caller.call("room", "echo", 1))).data == 1


async def test_python_clients_recover_after_a_clean_stop(start_hub: HubStarter, connect: Connector) -> None:
    hub = start_hub(transports=("unix", "tcp"))
    opened = await (await connect(hub, "tcp")).open("room")
    await opened.add_event("echo", echo)
    caller = await connect(hub)
    hub.stop()
    hub.start()
    assert (await succeeds(lambda: caller.call("room", "echo", 1))).data == 1


async def test_an_owned_python_topic_is_declared_again(start_hub: HubStarter, connect: Connector) -> None:
    hub = start_hub()
    opened = await (await connect(hub, client_id="owner")).open("room")
    await opened.add_subscription("news")
    heard = Received()
    listener = await connect(hub, client_id="listener")
    await (await listener.open("room")).subscribe("news", heard)
    hub.kill()
    hub.start()
    await succeeds(lambda: listener.subscribe("room", "news", heard))

    async def is_heard() -> bool:
        await opened.publish("news", "again")
        return bool(heard.messages)

    await eventually(is_heard, "the topic carries again", timeout=15)


async def test_a_python_group_is_served_again(start_hub: HubStarter, connect: Connector) -> None:
    hub = start_hub()
    for _ in range(2):
        opened = await (await connect(hub)).open("room")
        await opened.group("workers").provide("process", echo)
    caller = await connect(hub)
    hub.kill()
    hub.start()
    assert (await succeeds(lambda: caller.call("room", "workers.process", 1))).data == 1


async def test_python_clients_come_back_into_a_protected_channel(
    start_hub: HubStarter, connect: Connector
) -> None:
    hub = start_hub(system_passwords={"room": "p"})
    opened = await (await connect(hub)).open("room", password="p")
    await opened.add_event("echo", echo)
    caller = await (await connect(hub)).open("room", password="p")
    assert (await caller.event("echo", 1)).data == 1
    hub.kill()
    hub.start()
    assert (await succeeds(lambda: caller.event("echo", 2))).data == 2


async def test_a_pending_python_call_fails_when_the_hub_dies(
    start_hub: HubStarter, connect: Connector, dial: RawDialer
) -> None:
    hub = start_hub()
    provider = await dial(hub, "provider")
    await provider.provide("room", "never")
    caller = await connect(hub)
    pending = asyncio.create_task(caller.call("room", "never", 1))
    await provider.expect("call")
    hub.kill()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(pending, 5)
    hub.start()


async def test_the_reference_client_reconnects_within_three_seconds_of_a_restart(
    start_hub: HubStarter, connect: Connector
) -> None:
    hub = start_hub()
    client = await connect(hub)
    await client.open("room")
    hub.kill()
    hub.start()
    started = asyncio.get_running_loop().time()
    watcher = await connect(hub)
    await eventually(lambda: client.writer is not None, "reconnected", timeout=6)
    assert asyncio.get_running_loop().time() - started < 4
    await watcher.open("room")
