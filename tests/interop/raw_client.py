# SPDX-License-Identifier: LGPL-3.0-or-later
"""A client on a bare socket: says exactly what a test wants said, and keeps exactly what came back.

Silence is proven without waiting: a hub that has answered the sender's `ping` has dealt with all the sender
said before, and a receiver that has its own `pong` has all that was queued for it before (`settle`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import ssl
import struct
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgpack

from hub_under_test import HubUnderTest

Message = dict[str, Any]
RECEIVE_TIMEOUT_S = 8.0


class ConnectionEnded(Exception):
    """The hub closed the connection."""


def pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def _extension(code: int, data: bytes) -> Any:
    """The package knows no application codes below 0; the wire does."""
    return msgpack.ExtType(code, data) if code >= 0 else (code, data)


def unpack(body: bytes) -> Any:
    return msgpack.unpackb(body, raw=False, strict_map_key=False, ext_hook=_extension)


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def new_request_id() -> str:
    return str(uuid.uuid4())


def connection_proof(secret: str, challenge: str) -> str:
    """The answer to `conn_challenge` (chapter 2)."""
    key = hashlib.sha256(secret.encode()).hexdigest().encode()
    return hmac.new(key, f'challenge:"{challenge}"'.encode(), hashlib.sha256).hexdigest()


def channel_proof(password: str, challenge: str) -> str:
    """The answer to `auth_challenge` (chapter 3.2)."""
    return hmac.new(password.encode(), challenge.encode(), hashlib.sha256).hexdigest()


SIGNED_KEYS = (
    "challenge",
    "channel",
    "data",
    "event",
    "is_final",
    "is_stream",
    "origin_server_id",
    "request_id",
    "sender_id",
    "sub_name",
    "target_id",
    "timestamp",
)


def message_signature(password: str, message: Message) -> str:
    """The signature of chapter 5 over the keys that the message holds."""
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), message["channel"].encode(), 100000, dklen=32)
    parts = [
        f"{name}:{json.dumps(message[name], sort_keys=True, separators=(',', ':'))}"
        for name in SIGNED_KEYS
        if name in message
    ]
    return hmac.new(key, "|".join(parts).encode(), hashlib.sha256).hexdigest()


class RawClient:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.client_id = ""
        self.inbox: list[Message] = []
        self.last_body = b""

    @classmethod
    async def dial(cls, hub: HubUnderTest, transport: str = "unix") -> RawClient:
        """A connection that has not said a word."""
        if transport == "unix":
            return cls(*await asyncio.open_unix_connection(hub.socket_path))
        if transport == "tcp":
            return cls(*await asyncio.open_connection("127.0.0.1", hub.tcp_port))
        assert hub.certificates is not None
        context = hub.certificates.client_context()
        return cls(*await asyncio.open_connection("127.0.0.1", hub.tls_port, ssl=context))

    async def identify(
        self, client_id: str, *, mode: str | None = None, secret: str | None = None
    ) -> Message:
        """Returns the hub's last word on it: `identified` or `error`."""
        self.client_id = client_id
        await self.say(
            {"type": "identify", "client_id": client_id} | ({} if mode is None else {"mode": mode})
        )
        answer = await self.next()
        if answer["type"] == "conn_challenge" and secret is not None:
            await self.say({"type": "conn_proof", "proof": connection_proof(secret, answer["challenge"])})
            answer = await self.next()
        return answer

    async def say(self, message: Message) -> None:
        await self.say_body(pack(message))

    async def say_body(self, body: bytes) -> None:
        await self.say_bytes(frame(body))

    async def say_bytes(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def say_bytes_if_open(self, raw: bytes) -> None:
        """For what a hub may rightly cut short."""
        with contextlib.suppress(ConnectionError):
            await self.say_bytes(raw)

    async def _read(self) -> Message:
        try:
            header = await self.reader.readexactly(4)
            self.last_body = await self.reader.readexactly(struct.unpack(">I", header)[0])
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError) as end:
            raise ConnectionEnded(self.client_id) from end
        message = unpack(self.last_body)
        assert isinstance(message, dict) and "type" in message, f"not a message: {message!r}"
        return message

    async def next(self, timeout: float = RECEIVE_TIMEOUT_S) -> Message:
        """The next message, whatever it is."""
        if self.inbox:
            return self.inbox.pop(0)
        return await asyncio.wait_for(self._read(), timeout)

    async def expect_where(
        self, matches: Callable[[Message], bool], what: str, timeout: float = RECEIVE_TIMEOUT_S
    ) -> Message:
        """The first message that matches; the others stay in the inbox, in order."""
        for position, message in enumerate(self.inbox):
            if matches(message):
                return self.inbox.pop(position)
        try:
            async with asyncio.timeout(timeout):
                while True:
                    message = await self._read()
                    if matches(message):
                        return message
                    self.inbox.append(message)
        except TimeoutError:
            raise AssertionError(f"{self.client_id} waited for {what}; inbox: {self.inbox}") from None
        except ConnectionEnded:
            raise ConnectionEnded(f"{self.client_id} waited for {what}; inbox: {self.inbox}") from None

    async def expect(self, type_: str, timeout: float = RECEIVE_TIMEOUT_S, **fields: Any) -> Message:
        def matches(message: Message) -> bool:
            return message["type"] == type_ and all(
                name in message and message[name] == value for name, value in fields.items()
            )

        return await self.expect_where(matches, f"{type_} {fields}", timeout)

    async def request(self, message: Message, timeout: float = RECEIVE_TIMEOUT_S) -> Message:
        """Says it with a new request_id, and returns the first answer that bears this id."""
        request_id = new_request_id()
        await self.say(message | {"request_id": request_id})
        return await self.expect("response", timeout, request_id=request_id)

    async def settle(self) -> None:
        """All the hub had queued for this client up to now is in the inbox afterwards."""
        await self.say({"type": "ping"})
        await self.expect("pong")

    async def silence_after(self, *senders: RawClient) -> None:
        """Nothing that those senders said so far reaches this client."""
        for sender in senders:
            await sender.settle()
        await self.settle()
        assert self.inbox == []

    async def forget_inbox(self) -> None:
        await self.settle()
        self.inbox.clear()

    def of_type(self, type_: str, **fields: Any) -> list[Message]:
        """What the inbox holds of one kind."""
        return [
            message
            for message in self.inbox
            if message["type"] == type_ and all(message.get(name) == value for name, value in fields.items())
        ]

    async def until_closed(self, timeout: float = RECEIVE_TIMEOUT_S) -> list[Message]:
        """Reads until the hub closes; returns what it said before."""
        said, self.inbox = self.inbox, []
        try:
            async with asyncio.timeout(timeout):
                while True:
                    said.append(await self._read())
        except ConnectionEnded:
            return said
        except TimeoutError:
            raise AssertionError(f"not closed in {timeout} s; said: {said}") from None

    async def is_closed_by_hub(self, timeout: float = RECEIVE_TIMEOUT_S) -> bool:
        await self.until_closed(timeout)
        return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.writer.wait_closed(), 1.0)

    # The requests of chapter 3, by name.

    async def open(self, channel: str, password: str | None = None) -> Message:
        return await self._register({"channel": channel, "is_provider": False}, password)

    async def provide(
        self, channel: str, event: str, *, password: str | None = None, **fields: Any
    ) -> Message:
        return await self._register(
            {"channel": channel, "is_provider": True, "event": event} | fields, password
        )

    async def _register(self, fields: Message, password: str | None) -> Message:
        request_id = new_request_id()
        wanted = {"type": "register", "client_id": self.client_id, "request_id": request_id} | fields
        await self.say(wanted)
        if password is not None:
            challenge = await self.expect("auth_challenge", request_id=request_id)
            await self.say(
                {
                    "type": "register",
                    "request_id": request_id,
                    "client_id": self.client_id,
                    "channel": fields["channel"],
                    "proof": channel_proof(password, challenge["challenge"]),
                    "challenge_id": challenge["challenge_id"],
                }
            )
        return await self.expect_where(
            lambda m: m["type"] in ("response", "auth_challenge") and m.get("request_id") == request_id,
            f"an answer to {wanted}",
        )

    async def call(self, channel: str, event: str, data: Any = None, **fields: Any) -> str:
        """Says a call and returns its request_id."""
        request_id = new_request_id()
        message = {"type": "call", "channel": channel, "event": event, "data": data}
        await self.say(message | {"request_id": request_id} | fields)
        return request_id

    async def answer(self, call: Message, data: Any = None, **fields: Any) -> None:
        message = {"type": "response", "request_id": call["request_id"], "target_id": call["sender_id"]}
        await self.say(message | {"data": data} | fields)

    async def answer_chunk(self, call: Message, data: Any, *, final: bool = False) -> None:
        await self.answer(call, data, is_stream=True, is_final=final)

    async def declare(self, channel: str, topic: str, schema: Message | None = None) -> Message:
        return await self.request(
            {"type": "add_subscription", "channel": channel, "sub_name": topic, "return_schema": schema}
        )

    async def subscribe(self, channel: str, topic: str) -> Message:
        return await self.request({"type": "subscribe", "channel": channel, "sub_name": topic})

    async def unsubscribe(self, channel: str, topic: str) -> Message:
        return await self.request({"type": "unsubscribe", "channel": channel, "sub_name": topic})

    async def publish(self, channel: str, topic: str, data: Any, **fields: Any) -> None:
        await self.say({"type": "publish", "channel": channel, "sub_name": topic, "data": data} | fields)

    async def broadcast(self, channel: str, event: str, data: Any, **fields: Any) -> None:
        await self.say({"type": "broadcast", "channel": channel, "event": event, "data": data} | fields)

    async def send(self, channel: str, event: str, data: Any, **fields: Any) -> None:
        await self.say({"type": "send", "channel": channel, "event": event, "data": data} | fields)

    async def set_password(self, channel: str, password: str) -> Message:
        return await self.request({"type": "set_password", "channel": channel, "password": password})

    async def members(self, channel: str) -> list[Message]:
        answer = await self.request({"type": "list_members", "channel": channel})
        members: list[Message] = answer["data"]["members"]
        return members


RawDialer = Callable[..., Awaitable[RawClient]]
