# SPDX-License-Identifier: LGPL-3.0-or-later
"""Links to hubs of the Python package: a Python hub is one more hub of the mesh (docs/federation.md).

The Python hub has the release of the environment that runs the tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from hub_under_test import Certificates, HubUnderTest, PythonHub
from management_client import Rest
from mesh_under_test import HubOptions, Shape, link_address, mesh_options, start_mesh
from python_client import RELEASE, Connector, Received, collect, eventually, succeeds

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
