# SPDX-License-Identifier: LGPL-3.0-or-later
"""A client on a blocking socket, which does only what it is told: reads late, halves frames, goes silent."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from typing import Any

import msgpack

Message = dict[str, Any]
ANSWER_S = 10.0


class Closed(Exception):
    """The hub closed the connection."""


def frame(message: Message) -> bytes:
    body: bytes = msgpack.packb(message)
    return struct.pack(">I", len(body)) + body


def dial(address: str | tuple[str, int], timeout_s: float = ANSWER_S) -> socket.socket:
    """A path or a host and a port."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(timeout_s)
    try:
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


class BluntClient:
    def __init__(
        self, address: str | tuple[str, int], client_id: str | None = None, read_buffer: int = 0
    ) -> None:
        self.sock = dial(address)
        self._rest = b""
        self._request = 0
        self.client_id = client_id
        if read_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_buffer)
        if client_id is not None:
            answer = self.identify(client_id)
            if answer["type"] != "identified":
                self.close()
                raise AssertionError(f"not identified: {answer}")

    def __enter__(self) -> BluntClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.sock.close()

    def identify(self, client_id: str) -> Message:
        self.say({"type": "identify", "client_id": client_id})
        return self.hear()

    def say(self, message: Message) -> None:
        try:
            self.sock.sendall(frame(message))
        except (BrokenPipeError, ConnectionResetError) as end:
            raise Closed from end

    def hear(self, timeout_s: float = ANSWER_S) -> Message:
        """The next message. TimeoutError if none comes, Closed at the end."""
        give_up = time.monotonic() + timeout_s
        while True:
            if len(self._rest) >= 4:
                size = 4 + struct.unpack(">I", self._rest[:4])[0]
                if len(self._rest) >= size:
                    body, self._rest = self._rest[4:size], self._rest[size:]
                    message: Message = msgpack.unpackb(body, strict_map_key=False)
                    return message
            self.sock.settimeout(max(0.001, give_up - time.monotonic()))
            try:
                some = self.sock.recv(1 << 20)
            except ConnectionResetError as end:
                raise Closed from end
            if not some:
                raise Closed
            self._rest += some

    def hear_type(self, type_: str, timeout_s: float = ANSWER_S) -> Message:
        give_up = time.monotonic() + timeout_s
        while True:
            message = self.hear(max(0.001, give_up - time.monotonic()))
            if message["type"] == type_:
                return message

    def ask(self, message: Message, timeout_s: float = ANSWER_S) -> Message:
        """The response to it; what comes before is dropped."""
        self._request += 1
        request_id = f"{self.client_id}-{self._request}"
        self.say(message | {"request_id": request_id})
        give_up = time.monotonic() + timeout_s
        while True:
            answer = self.hear_type("response", max(0.001, give_up - time.monotonic()))
            if answer.get("request_id") == request_id:
                return answer

    def open(self, channel: str) -> Message:
        return self.ask({"type": "register", "channel": channel, "is_provider": False})

    def provide(self, channel: str, event: str) -> Message:
        return self.ask({"type": "register", "channel": channel, "is_provider": True, "event": event})

    def ping(self) -> None:
        self.say({"type": "ping"})
        self.hear_type("pong")

    def last_words(self, timeout_s: float) -> list[Message]:
        """All that comes until the hub closes."""
        said = []
        give_up = time.monotonic() + timeout_s
        with contextlib.suppress(Closed):
            while True:
                said.append(self.hear(max(0.001, give_up - time.monotonic())))
        return said


class LogReader(BluntClient):
    """Somebody who has the logs channel open."""

    def __init__(self, address: str | tuple[str, int], client_id: str = "log-reader") -> None:
        super().__init__(address, client_id)
        self.open("__comm_ipc_logs")

    def await_line(self, *words: str, timeout_s: float = ANSWER_S) -> str:
        """The first line from here on that has all the words."""
        give_up = time.monotonic() + timeout_s
        seen: list[str] = []
        while True:
            try:
                message = self.hear(max(0.001, give_up - time.monotonic()))
            except TimeoutError:
                raise AssertionError(f"no line with {words}; seen: {seen[-20:]}") from None
            if message["type"] != "receive":
                continue
            text: str = message["data"]["message"]
            seen.append(text)
            if all(word in text for word in words):
                return text
