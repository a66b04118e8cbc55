# SPDX-License-Identifier: LGPL-3.0-or-later
"""The unmodified package's client, and what tests need around it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections.abc import Awaitable, Callable
from typing import Any

from comm_ipc.client import CommIPC
from comm_ipc.comm_data import CommData

from hub_under_test import HubUnderTest

RELEASE = importlib.metadata.version("comm-ipc")
RECEIVE_TIMEOUT_S = 8.0

Connector = Callable[..., Awaitable[CommIPC]]


async def connect_client(hub: HubUnderTest, transport: str = "unix", **settings: Any) -> CommIPC:
    """A client connected to the hub over one of its transports."""
    client = CommIPC(socket_path=hub.socket_path, **settings)
    if transport == "unix":
        await client.connect()
    elif transport == "tcp":
        await client.connect(host="127.0.0.1", port=hub.tcp_port)
    else:
        assert hub.certificates is not None
        client.ssl_context = hub.certificates.client_context()
        await client.connect(host="127.0.0.1", port=hub.tls_port)
    return client


async def close_client(client: CommIPC) -> None:
    """Ends a client whatever its state.

    `CommIPC.close()` waits for its reading task, whose cancellation Python 3.11 can lose; a closed socket
    ends that task without one.
    """
    client.auto_reconnect = False
    if client.writer is not None:
        client.writer.close()
    task = asyncio.ensure_future(client.close())
    await asyncio.wait({task}, timeout=1.0)
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1.0)
    if task.done() and not task.cancelled():
        task.exception()


class Received:
    """A callback that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[CommData] = []
        self._arrived = asyncio.Event()

    async def __call__(self, message: CommData) -> None:
        self.messages.append(message)
        self._arrived.set()

    @property
    def data(self) -> list[Any]:
        return [message.data for message in self.messages]

    async def at_least(self, count: int, timeout: float = RECEIVE_TIMEOUT_S) -> list[CommData]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while len(self.messages) < count:
                    self._arrived.clear()
                    await self._arrived.wait()
        assert len(self.messages) >= count, f"{len(self.messages)} of {count} came: {self.data}"
        return self.messages

    async def first(self) -> CommData:
        return (await self.at_least(1))[0]


class Errors:
    """An `on_error` callback that keeps the texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def __call__(self, error: Exception) -> None:
        self.texts.append(str(error))


async def eventually(
    holds: Callable[[], bool] | Callable[[], Awaitable[bool]], what: str, timeout: float = RECEIVE_TIMEOUT_S
) -> None:
    """Polls until it holds."""
    try:
        async with asyncio.timeout(timeout):
            while True:
                result = holds()
                if not isinstance(result, bool):
                    result = await result
                if result:
                    return
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not in {timeout} s: {what}") from None


async def succeeds(attempt: Callable[[], Awaitable[Any]], timeout: float = 15.0) -> Any:
    """Repeats a call that may fail or hang for a while, as programs do around a reconnect."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        try:
            return await asyncio.wait_for(attempt(), 2.0)
        except Exception as error:
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"still failing after {timeout} s: {error!r}") from error
            await asyncio.sleep(0.05)


async def collect(stream: Any) -> list[Any]:
    """The data of all chunks."""
    return [chunk.data async for chunk in stream]
