# SPDX-License-Identifier: LGPL-3.0-or-later
"""The other side, played by the Python package.

`peer.py serve SOCKET PASSWORD` provides events in the channels `room` and, with that password, `vault`.
`peer.py ask SOCKET CHANNEL [PASSWORD]` calls `echo` and streams `count` there and prints what comes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

from comm_ipc.client import CommIPC


async def echo(message: Any) -> Any:
    return message.data


async def count(message: Any) -> AsyncIterator[int]:
    for i in range(message.data["n"]):
        yield i


async def fail(_: Any) -> Any:
    raise ValueError("no ghosts here")


async def hear(message: Any) -> None:
    print("heard", message.channel, message.event, message.data, flush=True)


async def serve(socket: str, password: str) -> None:
    client = CommIPC(client_id="peer", socket_path=socket)
    await client.connect()
    room = await client.open("room")
    vault = await client.open("vault")
    await client.set_password("vault", password)
    for channel in (room, vault):
        await channel.add_event("echo", echo)
        await channel.add_event("count", count)
        await channel.add_event("fail", fail)
        channel.on_receive(hear, "note")
    print("ready", flush=True)
    await asyncio.Event().wait()


async def ask(socket: str, name: str, password: str | None) -> None:
    client = CommIPC(client_id="asker", socket_path=socket)
    await client.connect()
    channel = await client.open(name, password)
    answer = await channel.event("echo", {"text": "h\u00e9", "number": 1e16})
    print("echo", answer.data, flush=True)
    async for chunk in channel.stream("count", {"n": 3}):
        print("chunk", chunk.data, flush=True)
    # CommIPC.close() may hang on Python 3.11.
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2], sys.argv[3]))
    else:
        asyncio.run(ask(sys.argv[2], sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else None))
