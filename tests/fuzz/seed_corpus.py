#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes the seed corpora of the fuzz targets of hub/wire and hub/base below tests/fuzz/corpus.

Each input is small and has a name that says what it is. Running it again changes nothing.
"""

from __future__ import annotations

import struct
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"

Value = None | bool | int | float | str | bytes | list["Value"] | dict["Value", "Value"]


def pack(value: Value) -> bytes:
    """The shortest MessagePack of a value, as far as the seeds need it."""
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return pack_int(value)
        case float():
            return b"\xcb" + struct.pack(">d", value)
        case str():
            raw = value.encode()
            head = bytes([0xA0 | len(raw)]) if len(raw) < 32 else b"\xd9" + bytes([len(raw)])
            return head + raw
        case bytes():
            return b"\xc4" + bytes([len(value)]) + value
        case list():
            return pack_head(0x90, b"\xdc", len(value)) + b"".join(map(pack, value))
        case dict():
            pairs = (pack(key) + pack(item) for key, item in value.items())
            return pack_head(0x80, b"\xde", len(value)) + b"".join(pairs)


def pack_int(value: int) -> bytes:
    if -32 <= value < 128:
        return struct.pack(">b", value)
    if value < 0:
        return b"\xd3" + struct.pack(">q", value)
    for head, form, limit in ((b"\xcc", ">B", 2**8), (b"\xcd", ">H", 2**16), (b"\xce", ">I", 2**32)):
        if value < limit:
            return head + struct.pack(form, value)
    return b"\xcf" + struct.pack(">Q", value)


def pack_head(fixed: int, long: bytes, length: int) -> bytes:
    return bytes([fixed | length]) if length < 16 else long + struct.pack(">H", length)


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"

CALL: dict[Value, Value] = {
    "type": "call",
    "channel": "orders",
    "event": "price",
    "data": {"symbol": "ABC", "n": 150, "px": 1.5, "tags": ["a", "ü", None, True]},
    "request_id": UUID,
    "sender_id": "alice",
    "server_id": "hub-a",
    "origin_server_id": None,
    "timestamp": 1700000000,
    "target_id": None,
    "path": ["hub-a"],
    "is_stream": False,
    "is_final": True,
    "sub_name": None,
    "metadata": {},
    "mode": "client",
    "signature": "00" * 32,
}

MESSAGES: dict[str, dict[Value, Value]] = {
    "ping": {"type": "ping"},
    "identify": {"type": "identify", "client_id": "alice", "mode": "client"},
    "conn_proof": {"type": "conn_proof", "proof": "ab" * 32},
    "open": {"type": "register", "channel": "orders", "is_provider": False, "request_id": UUID},
    "provide": {
        "type": "register",
        "reg": {"channel": "c", "event": "e", "is_provider": True, "is_group": True, "param_schema": {"type": "int"}},
    },
    "call": CALL,
    "response": {"type": "response", "request_id": UUID, "target_id": "alice", "data": b"\x00\xff"},
    "chunk": {"type": "response", "request_id": 7, "is_stream": True, "is_final": False, "data": [0.1, 1e16, -0.0]},
    "error": {"type": "response", "request_id": UUID, "error": "no"},
    "long_path": {"type": "send", "channel": "c", "event": "e", "data": None, "path": [f"hub-{n}" for n in range(20)]},
    "odd_path": {"type": "send", "path": ["hub-0", 5], "timestamp": None},
    "announce": {"type": "announce_remote", "channel": "c", "clients": [{"id": "x", "mode": "client", "path": ["h"]}]},
    "challenge": {"type": "conn_challenge", "challenge": "00ff" * 16, "server_id": "hub-a"},
}

VALUES: dict[str, bytes] = {
    "ints": pack([0, 127, 128, 255, 256, 65536, 2**32, 2**64 - 1, -1, -32, -33, -(2**63)]),
    "short_ints": b"\x94\xd0\x80\xd1\x80\x00\xd2\x80\x00\x00\x00\xd0\x01",
    "floats": b"\x93\xca\x3f\x80\x00\x00\xca\x7f\xc0\x00\x00" + pack(1e-5),
    "strs": b"\x93\xa1a\xda\x00\x01b\xdb\x00\x00\x00\x01c",
    "bins": b"\x93\xc4\x01a\xc5\x00\x01b\xc6\x00\x00\x00\x01c",
    "exts": b"\x98\xd4\x01a\xd5\xffab\xd6\x02abcd\xd7\x03abcdefgh\xd8\x04abcdefghijklmnop"
    b"\xc7\x01\x05a\xc8\x00\x01\x06b\xc9\x00\x00\x00\x01\x07c",
    "containers": b"\x94\xdc\x00\x01\x00\xdd\x00\x00\x00\x01\x00\xde\x00\x01\x00\x01\xdf\x00\x00\x00\x01\x00\x01",
    "nested": b"\x91" * 30 + b"\x80",
    "deep": b"\x91" * 600 + b"\xc0",
    "not_utf8": b"\x92\xa1\xff\xc1",
}

GET = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
PUT = b"PUT /api/v1/bridges/a HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def seeds() -> dict[str, dict[str, bytes]]:
    bodies = {name: pack(message) for name, message in MESSAGES.items()}
    stream = b"".join(map(frame, bodies.values()))
    return {
        "frame": {
            "stream": b"\x06" + stream,
            "one": b"\x00" + frame(b"hello"),
            "empty": b"\x02" + frame(b""),
            "too_long": b"\x02\xff\xff\xff\xff",
            "cut": b"\x01" + frame(b"hello")[:-1],
        },
        "message": {name: bytes([n % 8]) + body for n, (name, body) in enumerate(bodies.items())},
        "signature": bodies | VALUES,
        "msgpack_diff": VALUES | {"call": bodies["call"]},
        "json_exact": {name: b"\x00" + value for name, value in VALUES.items()}
        | {
            "map_of_numbers": b"\x00\x82\x01\x02\xc0\xa4$bin",
            "key_twice": b"\x00\x82\xa1a\x01\xa1a\x02",
            "json": b'\x01{"a":[1,-0.0,1e300,null,true,"\\u0000"],"b":{}}',
            "wrappers": b'\x01[{"$bin":"AAE="},{"$ext":"Kg==","type":-5},{"$uint":"18446744073709551615"},'
            b'{"$float":"NaN"},{"$map":[[1,"$"],[{"$bin":""},[]]]}]',
        },
        "proof": {
            "connection": b"\x06s3cret" + b"0123456789abcdef" * 4,
            "escapes": b"\x00" + 'a"\\\n\x7f\u00fc\U0001f600'.encode(),
            "not_utf8": b"\x03key\xff",
        },
        "text": {
            "ascii": b"\x20orders.eu-west_1",
            "all_lengths": b"\x40" + "aé€😀".encode(),
            "controls": b"\x10a\n\x1b[31m\x7f" + "\u202e\u2028\u0085".encode(),
            "broken": b"\x08\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82",
        },
        "toml": {
            "settings": b'data-dir = "/var/lib/commhub" # where\nlisten = [\n  "tcp://0.0.0.0:7411",\n'
            b"  'unix:/run/c.sock',\n]\nidle-timeout = 0.5\nmax-frame = 16_777_216\nverbose = true\n",
            "escapes": b'a = "\\u00e4\\U0001F600\\t\\""',
            "table": b"[table]\na = 1",
        },
        "request_scan": {
            "kept": b"\x00" + GET * 2,
            "length": b"\x03" + PUT + b"Content-Length: 5\r\n\r\nhello" + GET,
            "chunks": b"\x07" + PUT + CHUNKED + b"5;a\r\nhello\r\n0\r\nA: b\r\n\r\n" + GET,
            "two_lengths": b"\x10" + GET + PUT + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "not_chunked": b"\xff" + PUT + CHUNKED + b"-1\r\n",
        },
    }


def main() -> None:
    for target, inputs in seeds().items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in inputs.items():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
