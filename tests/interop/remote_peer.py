# SPDX-License-Identifier: LGPL-3.0-or-later
"""A client of the package that does what it is told, line by line: run with the other release's interpreter.

Arguments: socket path, client id. Each line on stdin is a JSON command, answered by one JSON line on stdout:
`{"ok": result}` or `{"error": text}`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from comm_ipc.client import CommIPC

from python_client import RELEASE


class RemotePeer:
    def __init__(self, socket_path: str, client_id: str) -> None:
        self.client = CommIPC(socket_path=socket_path, client_id=client_id)
        self.heard: list[Any] = []

    async def hear(self, message: Any) -> None:
        self.heard.append([message.event, message.data, message.sender_id])

    async def do(self, command: dict[str, Any]) -> Any:
        word, channel = command["do"], command.get("channel", "")
        if word == "connect":
            await self.client.connect()
            return RELEASE
        if word == "open":
            opened = await self.client.open(channel, password=command.get("password", ""))
            opened.on_receive(self.hear)
            return sorted(opened.remote_schemas)
        if word == "heard":
            return self.heard
        opened = self.client.channels[channel]
        if word == "provide":
            await opened.add_event("double", self.double)
            await opened.add_stream("count", self.count)
            await opened.group("workers").provide("who", self.who)
            return None
        if word == "call":
            return (await opened.event(command["event"], command["data"])).data
        if word == "stream":
            return [chunk.data async for chunk in opened.stream(command["event"], command["data"])]
        if word == "broadcast":
            return await opened.broadcast(command["event"], command["data"])
        if word == "declare":
            await opened.add_subscription(command["topic"])
            return None
        if word == "subscribe":
            await opened.subscribe(command["topic"], self.ignore)
            return None
        if word == "publish":
            return await opened.publish(command["topic"], command["data"])
        if word == "set_password":
            await self.client.set_password(channel, command["password"])
            return None
        raise ValueError(f"unknown command {word}")

    async def double(self, message: Any) -> Any:
        return message.data * 2

    async def who(self, message: Any) -> Any:
        return RELEASE

    async def count(self, message: Any):  # type: ignore[no-untyped-def]
        for number in range(message.data):
            yield number + 1

    async def ignore(self, message: Any) -> None:
        return None


async def serve() -> None:
    peer = RemotePeer(sys.argv[1], sys.argv[2])
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        try:
            answer = {"ok": await peer.do(json.loads(line))}
        except Exception as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(serve())
