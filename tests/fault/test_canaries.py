# SPDX-License-Identifier: LGPL-3.0-or-later
"""Secrets are planted wherever the hub takes one, and then looked for in everything that it says and keeps."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blunt_client import BluntClient
from running_hub import RunningHub, run_to_end
from test_settings import TOKEN, Management, StartHub, certificate, start, token_file  # noqa: F401

CHANNEL_PASSWORD = "canary-channel-password-77a0"
SYSTEM_PASSWORD = "canary-system-password-1b6e"
DEFINED_PASSWORD = "canary-defined-password-0d41"
LINK_SECRET = "canary-link-secret-5f1c"
FOREIGN_SECRET = "canary-foreign-secret-c2d8"
HUB_LINK_SECRET = "canary-hub-link-secret-8e33"
CONNECTION_SECRET = "canary-connection-secret-41fa"
USER_PASSWORD = "canary-user-password-93be"
WRONG_PASSWORD = "canary-wrong-password-6a07"
WRONG_TOKEN = "canary-wrong-token-2f9d"

COMMANDS = [
    ("bridge", "list", "-o", "json"),
    ("bridge", "get", "west"),
    ("bridge", "test", "west"),
    ("channel", "list"),
    ("client", "list"),
    ("link", "list"),
    ("user", "list"),
    ("token", "list"),
    ("audit", "list", "-o", "jsonl"),
    ("tail", "--once", "-o", "jsonl"),
    ("tail", "--history", "--once", "-o", "jsonl"),
    ("export",),
    ("why", "room"),
    ("health",),
    ("doctor",),
    ("top", "--once"),
]


def file_with(folder: Path, name: str, content: str) -> str:
    path = folder / name
    path.write_text(content)
    path.chmod(0o600)
    return str(path)


def ask(management: Management, method: str, path: str, body: Any, **headers: str) -> http.client.HTTPResponse:
    connection = management.connect()
    fields = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"} | headers
    connection.request(method, path, json.dumps(body) if body is not None else None, fields)
    answer = connection.getresponse()
    answer.content = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


def done(answer: Any) -> Any:
    assert answer.status in (200, 201, 204), answer.content
    return answer


def plant(management: Management) -> dict[str, str]:
    """Gives the hub its secrets; answers those that it made itself."""
    bridge = {
        "address": "tcp://127.0.0.1:1",
        "kind": "auto",
        "secret": LINK_SECRET,
        "connection_secret": FOREIGN_SECRET,
    }
    done(ask(management, "PUT", "/api/v1/bridges/west", bridge))
    done(ask(management, "PUT", "/api/v1/channels/room/password", {"password": CHANNEL_PASSWORD}))
    defined = {"version": 1, "channels": {"vault": {"password": {"value": DEFINED_PASSWORD}}}}
    done(ask(management, "POST", "/api/v1/definitions", defined))
    done(ask(management, "PUT", "/api/v1/users/bob", {"role": "operator", "password": USER_PASSWORD}))
    made = done(ask(management, "POST", "/api/v1/tokens", {"name": "deploy", "role": "viewer"}))
    session = done(ask(management, "POST", "/api/v1/session", {"name": "bob", "password": USER_PASSWORD}))
    ticket = done(ask(management, "POST", "/api/v1/live/ticket", None))
    return {
        "made token": json.loads(made.content)["token"],
        "session cookie": session.getheader("Set-Cookie").split(";")[0].partition("=")[2],
        "ticket": json.loads(ticket.content)["ticket"],
    }


def offend(management: Management) -> Iterator[tuple[str, bytes]]:
    """Whoever is refused has told a secret too, perhaps a right one in the wrong place."""
    bad = {"address": "tcp://127.0.0.1:1", "secret": LINK_SECRET, "cost": 0, "tls": {"key_file": 5}}
    attempts = [
        ("PUT", "/api/v1/bridges/east", bad, {}),
        ("PUT", "/api/v1/bridges/east", {"secret": LINK_SECRET}, {}),
        ("PUT", "/api/v1/users/eve", {"role": "root", "password": USER_PASSWORD}, {}),
        ("PUT", "/api/v1/channels/x/password", {"password": CHANNEL_PASSWORD, "more": 1}, {}),
        ("PUT", "/api/v1/users/eve?dry_run=true", {"role": "viewer", "password": USER_PASSWORD}, {}),
        ("POST", "/api/v1/definitions?dry_run=true", {"version": 2, "bridges": {"w": bad}}, {}),
        ("POST", "/api/v1/session", {"name": "bob", "password": WRONG_PASSWORD}, {}),
        ("GET", "/api/v1/hub", None, {"Authorization": f"Bearer {WRONG_TOKEN}"}),
        ("GET", "/api/v1/channels/room", None, {"CommHub-Channel-Password": CHANNEL_PASSWORD}),
        (
            *("POST", "/api/v1/channels/room/events/e/call", {"a": 1}),
            {"CommHub-Channel-Password": WRONG_PASSWORD},
        ),
    ]
    for number, (method, path, body, headers) in enumerate(attempts):
        answer: Any = ask(management, method, path, body, **headers)
        yield f"attempt {number}: {method} {path}", answer.content + str(answer.headers).encode()


def read_everything(management: Management) -> Iterator[tuple[str, bytes]]:
    """Each GET of the document, with names that there are."""
    document = management.ask("GET", "/api/v1/openapi.json")[1]
    names = {"users": "bob", "tokens": "deploy", "bridges": "west", "channels": "room"}
    for path, operations in document["paths"].items():
        if "get" not in operations or path.endswith(("/broadcasts", "/subscribe")):
            continue
        kind = path.split("/")[3] if path.count("/") > 2 else ""
        target = path.replace("{name}", names.get(kind, "west")).replace("{hub}", "0" * 32)
        target = re.sub(r"\{\w+\}", "x", target)
        query = "?channel=room" if path.endswith("/why") else "?limit=1000" if path.endswith(("/events", "/history")) else ""
        answer: Any = ask(management, "GET", target + query, None)
        yield f"GET {target}", answer.content + str(answer.headers).encode()


def listen(management: Management, path: str, *headers: str) -> bytes:
    """What comes within a second to a request that has no end: events, or a live socket's frames."""
    host, port = management.address
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", f"Authorization: Bearer {TOKEN}", *headers]
    connection = management.connect()
    connection.connect()
    connection.sock.sendall("\r\n".join([*lines, "", ""]).encode())
    connection.sock.settimeout(1)
    heard = b""
    with contextlib.suppress(TimeoutError):
        while piece := connection.sock.recv(65536):
            heard += piece
    connection.close()
    return heard


def listen_live(management: Management) -> bytes:
    """The socket sends what is kept once it is told what to send; what it is told is masked with zeros."""
    host, port = management.address
    wish = json.dumps({"type": "subscribe", "since": 0, "streams": ["logs", "errors", "links"]}).encode()
    lines = [
        *("GET /api/v1/live HTTP/1.1", f"Host: {host}:{port}", f"Authorization: Bearer {TOKEN}"),
        *("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
        *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: commhub.live.v1", "", ""),
    ]
    connection = management.connect()
    connection.connect()
    connection.sock.sendall("\r\n".join(lines).encode())
    connection.sock.settimeout(1)
    heard = connection.sock.recv(65536)
    connection.sock.sendall(bytes([0x81, 0x80 | len(wish), 0, 0, 0, 0]) + wish)
    give_up = time.monotonic() + 3
    with contextlib.suppress(TimeoutError):
        while time.monotonic() < give_up and (piece := connection.sock.recv(65536)):
            heard += piece
    connection.close()
    return heard


def run_commands(management: Management, ca: Path, token: Path) -> Iterator[tuple[str, bytes]]:
    url = f"https://{management.address[0]}:{management.address[1]}"
    for command in COMMANDS:
        api = ("--api", url, "--token-file", str(token), "--tls-ca", str(ca))
        _, said, complained = run_to_end(*command[1:], *api, command=command[0], timeout_s=20)
        yield f"commhub {' '.join(command)}", (said + complained).encode()


def process_of(hub: RunningHub) -> Iterator[tuple[str, bytes]]:
    for name in ("cmdline", "environ"):
        yield f"/proc/PID/{name}", Path(f"/proc/{hub.pid}/{name}").read_bytes()


def files_of(data: Path) -> Iterator[tuple[str, bytes]]:
    for path in data.rglob("*"):
        if path.is_file() and path.name not in ("master.key", "first-run-token"):
            yield f"file {path.name}", path.read_bytes()


def forms_of(secret: str) -> list[bytes]:
    """As it is, and as it might be written by somebody who means no harm."""
    raw = secret.encode()
    return [raw, raw.hex().encode(), base64.b64encode(raw).rstrip(b"="), raw[: 2 * len(raw) // 3]]


def assert_nowhere(secrets: dict[str, str], places: dict[str, bytes]) -> None:
    for name, secret in secrets.items():
        for form in forms_of(secret):
            found = [place for place, content in places.items() if form in content]
            assert not found, f"the {name} is in {found}"


def test_planted_secrets_are_found_nowhere(
    start: StartHub,  # noqa: F811
    tmp_path: Path,
    token_file: Path,  # noqa: F811
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    cert, key = certificate(kept, "server")
    hub = start(
        *("--log-level", "debug", "--mgmt-tls-cert", str(cert), "--mgmt-tls-key", str(key)),
        *("--link-secret-file", file_with(kept, "link", HUB_LINK_SECRET)),
        *("--connection-secret-file", file_with(kept, "connection", CONNECTION_SECRET)),
        *("--system-passwords-file", file_with(kept, "system", json.dumps({"__comm_ipc_logs": SYSTEM_PASSWORD}))),
    )
    management = Management(hub, cert)
    secrets = plant(management) | {
        "channel password": CHANNEL_PASSWORD,
        "system password": SYSTEM_PASSWORD,
        "defined password": DEFINED_PASSWORD,
        "link secret of a bridge": LINK_SECRET,
        "connection secret of a bridge": FOREIGN_SECRET,
        "link secret": HUB_LINK_SECRET,
        "connection secret": CONNECTION_SECRET,
        "user's password": USER_PASSWORD,
        "wrong password": WRONG_PASSWORD,
        "wrong token": WRONG_TOKEN,
        "configured token": TOKEN,
        "master key": (tmp_path / "data/master.key").read_text().strip(),
        "TLS key": key.read_text().splitlines()[1],
    }
    places = {}
    for form in ("text", "logfmt", "json"):
        assert management.ask("PATCH", "/api/v1/hub/settings", {"log-format": form})[0] == 200
        places |= {f"{place}, logged as {form}": said for place, said in offend(management)}
    with BluntClient(f"{tmp_path}/hub.sock") as client:
        client.say({"type": "identify", "client_id": "alice", "mode": "client"})
        client.say({"type": "conn_proof", "proof": "00" * 32})
    backup = tmp_path / "backup.db"
    api = ("--api", hub.ready_line.split()[-1], "--token-file", str(token_file), "--tls-ca", str(cert))
    assert run_to_end(str(backup), *api, command="backup", timeout_s=20)[0] == 0
    places |= dict(run_commands(management, cert, token_file))
    places |= dict(read_everything(management))
    places["events as they come"] = listen(management, "/api/v1/events", "Accept: text/event-stream")
    places["live socket"] = listen_live(management)
    places |= dict(process_of(hub))
    places |= {f"{place}, running": content for place, content in files_of(tmp_path / "data")}
    hub.stop()
    with contextlib.closing(sqlite3.connect(tmp_path / "data/commhub.db")) as store:
        places["kept records"] = repr(store.execute("SELECT type, data FROM event").fetchall()).encode()
    places |= dict(files_of(tmp_path / "data"))
    places["backup"] = backup.read_bytes()
    places["log"] = "\n".join(hub.lines).encode()
    # What is looked through is there at all.
    assert b'"west"' in places["GET /api/v1/bridges/west"] and b"room" in places["commhub export"]
    for place in ("events as they come", "live socket", "log", "GET /api/v1/events", "kept records"):
        assert b"The bridge west" in places[place], (place, places[place])
    assert b"PUT" in places["commhub audit list -o jsonl"] and b"west" in places["backup"]
    assert len(places) > 60
    assert_nowhere(secrets, places)
