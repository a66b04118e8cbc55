# SPDX-License-Identifier: LGPL-3.0-or-later
"""The management plane from outside: REST by the standard library, the live socket by our own hand."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import struct
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hub_under_test import HubUnderTest

Json = dict[str, Any]
TIMEOUT_S = 8.0
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def first_run_token(hub: HubUnderTest) -> str:
    return (hub.data_folder / "first-run-token").read_text().strip()


def quote(name: str) -> str:
    return urllib.parse.quote(name, safe="")


class Rest:
    """Requests to one hub with its first-run token, or with another (None: without any)."""

    def __init__(self, hub: HubUnderTest) -> None:
        self.hub = hub

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "",
        raw_body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        data = raw_body if raw_body is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.hub.mgmt_port}{path}", data=data, method=method
        )
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if token is not None:
            request.add_header("Authorization", f"Bearer {token or first_run_token(self.hub)}")
        try:
            with OPENER.open(request, timeout=TIMEOUT_S) as answer:
                return Answer(answer.status, _lowered(answer.headers), answer.read())
        except urllib.error.HTTPError as refusal:
            return Answer(refusal.code, _lowered(refusal.headers), refusal.read())

    def get(self, path: str) -> Any:
        """What stands at /api/v1/<path>."""
        answer = self.ask("GET", f"/api/v1/{path}")
        assert answer.status == 200, (path, answer)
        return answer.json

    def items(self, path: str) -> list[Json]:
        items: list[Json] = self.get(path)["items"]
        return items

    def put(self, path: str, body: Json) -> Answer:
        return self.ask("PUT", f"/api/v1/{path}", body)

    def delete(self, path: str) -> int:
        return self.ask("DELETE", f"/api/v1/{path}").status

    def put_bridge(self, name: str, address: str, **wish: Any) -> Json:
        answer = self.put(f"bridges/{quote(name)}", {"address": address} | wish)
        assert answer.status in (200, 201), answer
        bridge: Json = answer.json
        return bridge

    def bridge(self, name: str) -> Json:
        bridge: Json = self.get(f"bridges/{quote(name)}")
        return bridge

    def channel(self, name: str) -> Json | None:
        answer = self.ask("GET", f"/api/v1/channels/{quote(name)}")
        assert answer.status in (200, 404), answer
        return answer.json if answer.status == 200 else None


def _lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class LiveRefused(Exception):
    def __init__(self, status: int, head: str) -> None:
        super().__init__(head)
        self.status = status


class LiveSocket:
    """A browser's side of /api/v1/live: text frames in and out, pings answered (RFC 6455)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self.reader = reader
        self.writer = writer
        self.head = head
        self.seen: list[Json] = []

    @classmethod
    async def dial(
        cls,
        hub: HubUnderTest,
        *,
        token: str | None = "",
        protocols: tuple[str, ...] = ("commhub.live.v1",),
        headers: tuple[str, ...] = (),
        path: str = "/api/v1/live",
    ) -> LiveSocket:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.mgmt_port)
        key = base64.b64encode(os.urandom(16)).decode()
        offered = list(protocols)
        if token is not None:
            offered.append(f"bearer.{token or first_run_token(hub)}")
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{hub.mgmt_port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: {', '.join(offered)}",
            *headers,
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT_S)).decode()
        status = int(head.split()[1])
        if status != 101:
            writer.close()
            raise LiveRefused(status, head)
        magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(f"{key}{magic}".encode()).digest()).decode()
        assert f"sec-websocket-accept: {accept}".lower() in head.lower()
        return cls(reader, writer, head)

    async def _frame(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        if len(payload) < 126:
            length = bytes([0x80 | len(payload)])
        else:
            length = bytes([0x80 | 126]) + struct.pack(">H", len(payload))
        masked = bytes(octet ^ mask[at % 4] for at, octet in enumerate(payload))
        self.writer.write(bytes([0x80 | opcode]) + length + mask + masked)
        await self.writer.drain()

    async def say(self, message: Any) -> None:
        await self._frame(1, json.dumps(message).encode())

    async def subscribe(self, *streams: str, since: int | None = None) -> None:
        await self.say(
            {"type": "subscribe", "streams": list(streams)} | ({} if since is None else {"since": since})
        )

    async def _read(self) -> Json:
        text = b""
        while True:
            first, second = await self.reader.readexactly(2)
            length = second & 0x7F
            if length == 126:
                length = struct.unpack(">H", await self.reader.readexactly(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", await self.reader.readexactly(8))[0]
            payload = await self.reader.readexactly(length)
            opcode = first & 0x0F
            if opcode == 9:
                await self._frame(10, payload)
            elif opcode == 8:
                raise ConnectionError(f"the hub closed the live socket: {payload!r}")
            elif opcode in (0, 1):
                text += payload
                if first & 0x80:
                    message: Json = json.loads(text)
                    return message

    async def next(self) -> Json:
        """The next message, whatever it is; all of them stay in `seen`."""
        message = await asyncio.wait_for(self._read(), TIMEOUT_S)
        self.seen.append(message)
        return message

    async def until(self, matches: Callable[[Json], bool], what: str) -> Json:
        """Reads on to the first message that matches."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while True:
                    message = await self.next()
                    if matches(message):
                        return message
        except TimeoutError:
            raise AssertionError(f"waited for {what}; seen: {self.seen[-20:]}") from None

    async def record(self, stream: str, **data: Any) -> Json:
        """The next record of a stream whose data holds these."""
        return await self.until(
            lambda m: m.get("stream") == stream and data.items() <= m["data"].items(), f"{stream} {data}"
        )

    def close(self) -> None:
        self.writer.close()
