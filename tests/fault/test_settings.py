# SPDX-License-Identifier: LGPL-3.0-or-later
"""Settings of a running hub: reloaded all or nothing, changed over REST, certificates renewed under way."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from running_hub import RunningHub

TOKEN = "a-token-for-the-administrator"
StartHub = Callable[..., RunningHub]


class Management:
    """The management port of a hub, one kept connection at a time."""

    def __init__(self, hub: RunningHub, ca: Path | None = None) -> None:
        url = hub.ready_line.split()[-1]
        scheme, _, address = url.partition("://")
        host, _, port = address.rpartition(":")
        self.address = (host, int(port))
        self.context = ssl.create_default_context(cafile=ca) if scheme == "https" else None

    def connect(self) -> http.client.HTTPConnection:
        if self.context:
            return http.client.HTTPSConnection(*self.address, context=self.context, timeout=10)
        return http.client.HTTPConnection(*self.address, timeout=10)

    def ask(
        self, method: str, path: str, body: object = None, over: http.client.HTTPConnection | None = None
    ) -> tuple[int, Any]:
        connection = over or self.connect()
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        if over is None:
            connection.close()
        return answer.status, json.loads(content) if content else None

    def settings(self) -> dict[str, dict[str, Any]]:
        status, answer = self.ask("GET", "/api/v1/hub/settings")
        assert status == 200, answer
        return {item["name"]: item for item in answer["items"]}


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    return file


@pytest.fixture
def start(tmp_path: Path, token_file: Path):  # type: ignore[no-untyped-def]
    hubs: list[RunningHub] = []

    def begin(*arguments: str) -> RunningHub:
        hub = RunningHub(
            *("--data-dir", f"{tmp_path}/data", "--listen", f"unix:{tmp_path}/hub.sock"),
            *("--mgmt", "127.0.0.1:0", "--admin-token-file", str(token_file), *arguments),
        )
        hubs.append(hub)
        return hub.await_ready()

    yield begin
    for hub in hubs:
        hub.stop()
        hub.discard()


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself; files are replaced as a renewal would."""
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


def await_line(hub: RunningHub, word: str) -> str:
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        for line in hub.lines:
            if word in line:
                return line
        time.sleep(0.02)
    raise AssertionError(f"no line with {word!r}:\n{hub.said()}")


def test_a_hang_up_reloads_the_file_and_says_what_changed(start: StartHub, tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text("idle-timeout = 30\n")
    hub = start("--config", str(file))
    management = Management(hub)
    assert management.settings()["idle-timeout"] == {
        "name": "idle-timeout",
        "value": 30,
        "origin": f"{file}:1",
        "is_pinned": True,
        "changes": "live",
    }
    file.write_text("# moved\nidle-timeout = 31\nmax-frame = 4096\n")
    hub.signal(signal.SIGHUP)
    line = await_line(hub, "Reload: certificates")
    assert "changed: idle-timeout; only a restart changes max-frame" in line
    settings = management.settings()
    assert (settings["idle-timeout"]["value"], settings["idle-timeout"]["origin"]) == (31, f"{file}:2")
    assert settings["max-frame"]["value"] == 16777216


def test_a_reload_with_a_fault_changes_nothing(start: StartHub, tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text("idle-timeout = 30\n")
    hub = start("--config", str(file))
    management = Management(hub)
    for content, word in (
        ("idle-timeout = 31\nidel-timeout = 3\n", "hub.toml:2"),
        ("idle-timeout = 31\nconnection-secret-file = '/nonexistent'\n", "/nonexistent"),
        ("idle-timeout = 31\ntls-cert = '/nonexistent'\n", "--tls-key"),
    ):
        file.write_text(content)
        status, problem = management.ask("POST", "/api/v1/hub/reload")
        assert status == 422 and word in problem["detail"], problem
        hub.lines.clear()
        hub.signal(signal.SIGHUP)
        assert word in await_line(hub, "Reload: nothing was changed")
        assert management.settings()["idle-timeout"]["value"] == 30
    file.write_text("idle-timeout = 31\n")
    assert management.ask("POST", "/api/v1/hub/reload") == (
        200,
        {"changed": ["idle-timeout"], "needs_restart": []},
    )


def test_the_hubs_own_record_shows_what_is_in_force(start: StartHub, tmp_path: Path) -> None:
    def shown() -> dict[str, str]:
        return dict(management.ask("GET", "/api/v1/hub")[1]["settings"])

    secret = tmp_path / "secret"
    secret.write_text("a secret\n")
    secret.chmod(0o600)
    file = tmp_path / "hub.toml"
    file.write_text("")
    management = Management(start("--config", str(file)))
    assert (shown()["links"], shown()["lb-policy"]) == ("refused", "least-active")
    assert management.ask("PATCH", "/api/v1/hub/settings", {"lb-policy": "round-robin"})[0] == 200
    file.write_text(f"link-secret-file = '{secret}'\nconnection-secret-file = '{secret}'\n")
    assert management.ask("POST", "/api/v1/hub/reload")[0] == 200
    assert (shown()["links"], shown()["lb-policy"]) == ("accepted", "round-robin")
    assert shown()["connection-secret"] == "required"


def second_hub(folder: Path, token_file: Path) -> RunningHub:
    return RunningHub(
        *("--data-dir", f"{folder}/far", "--listen", f"unix:{folder}/far.sock", "--mgmt", "127.0.0.1:0"),
        *("--admin-token-file", str(token_file)),
    ).await_ready()


def test_a_new_link_secret_is_for_handshakes_from_then_on(
    start: StartHub, tmp_path: Path, token_file: Path
) -> None:
    secret = tmp_path / "link-secret"
    secret.write_text("former\n")
    secret.chmod(0o600)
    hub = start("--link-secret-file", str(secret), "--log-level", "info")
    far = second_hub(tmp_path, token_file)
    try:
        dialer = Management(far)
        wish = {"address": f"unix:{tmp_path}/hub.sock", "secret": "former"}
        assert dialer.ask("PUT", "/api/v1/bridges/near", wish)[0] == 201
        before = await_state(dialer, "near", "up")
        secret.write_text("latter\n")
        hub.signal(signal.SIGHUP)
        await_line(hub, "Reload: certificates and secrets")
        refused = dialer.ask("POST", "/api/v1/bridges/near/test")[1]
        assert (refused["failed_step"], refused["reason"]) == ("proof", "wrong_secret"), refused
        assert dialer.ask("POST", "/api/v1/bridges/test", wish | {"secret": "latter"})[1]["passed"]
        assert dialer.ask("GET", "/api/v1/bridges/near")[1] == before
        secret.write_text("\n")
        status, problem = Management(hub).ask("POST", "/api/v1/hub/reload")
        assert status == 422 and str(secret) in problem["detail"]
        assert dialer.ask("POST", "/api/v1/bridges/test", wish | {"secret": "latter"})[1]["passed"]
    finally:
        far.stop()
        far.discard()


def await_state(management: Management, bridge: str, state: str) -> dict[str, Any]:
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        shown = management.ask("GET", f"/api/v1/bridges/{bridge}")[1]
        if shown["state"] == state:
            return dict(shown)
        time.sleep(0.02)
    raise AssertionError(shown)


def test_system_passwords_are_read_again_and_whoever_was_in_by_an_old_one_is_out(
    start: StartHub, tmp_path: Path
) -> None:
    def say(**passwords: str) -> None:
        file.write_text(json.dumps(passwords))
        file.chmod(0o600)

    def is_let_in(channel: str, password: str | None) -> bool:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        if password is not None:
            headers["CommHub-Channel-Password"] = password
        connection = management.connect()
        connection.request("POST", f"/api/v1/channels/{channel}/broadcast?event=x", "1", headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        assert answer.status in (200, 202, 204, 403), answer.status
        return answer.status != 403

    file = tmp_path / "passwords.json"
    say(kept="same", room="former", hall="gone")
    hub = start("--system-passwords-file", str(file))
    management = Management(hub)
    assert is_let_in("kept", "same") and is_let_in("room", "former") and not is_let_in("hall", None)
    say(kept="same", room="latter", added="new", __comm_ipc_logs="signed")
    assert management.ask("POST", "/api/v1/hub/reload")[0] == 200
    assert is_let_in("kept", "same") and is_let_in("hall", None) and is_let_in("added", "new")
    assert is_let_in("room", "latter") and not is_let_in("room", "former") and not is_let_in("added", None)
    file.write_text('{"room": ""}')
    status, problem = management.ask("POST", "/api/v1/hub/reload")
    assert status == 422 and "room" in problem["detail"]
    assert is_let_in("room", "latter")


def test_a_setting_changed_over_rest_outlasts_a_restart_and_yields_to_the_file(
    start: StartHub, tmp_path: Path
) -> None:
    file = tmp_path / "hub.toml"
    file.write_text("data-timeout = 20\n")
    hub = start("--config", str(file))
    management = Management(hub)
    status, answer = management.ask("PATCH", "/api/v1/hub/settings", {"idle-timeout": 0.5, "log-level": "info"})
    assert status == 200, answer
    hub.stop()
    hub = start("--config", str(file))
    management = Management(hub)
    found = management.settings()["idle-timeout"]
    assert (found["value"], found["origin"], found["is_pinned"]) == (0.5, "store", False)
    assert management.settings()["log-level"]["value"] == "info"
    assert management.ask("PATCH", "/api/v1/hub/settings", {"idle-timeout": None})[0] == 200
    found = management.settings()["idle-timeout"]
    assert (found["value"], found["origin"]) == (60, "built-in")
    file.write_text("log-level = 'error'\n")
    assert management.ask("POST", "/api/v1/hub/reload")[0] == 200
    found = management.settings()["log-level"]
    assert (found["value"], found["is_pinned"]) == ("error", True)


@pytest.mark.parametrize(
    ("wish", "status", "pointer", "word"),
    [
        ({"data-timeout": 3}, 409, "#/data-timeout", "hub.toml:1"),
        ({"mgmt": "off"}, 409, "#/mgmt", "flag --mgmt"),
        ({"server-id": "x"}, 422, "#/server-id", "restart"),
        ({"tls-cert": "/x"}, 422, "#/tls-cert", "reload"),
        ({"idel-timeout": 3}, 422, "#/idel-timeout", "did you mean idle-timeout?"),
        ({"idle-timeout": "soon"}, 422, "#/idle-timeout", "seconds"),
        ({"idle-timeout": -1}, 422, "#/idle-timeout", "seconds"),
        ({"idle-timeout": []}, 422, "#/idle-timeout", "a number"),
        ({"max-connections": 1.5}, 422, "#/max-connections", "whole number"),
        ({"lb-policy": "best"}, 422, "#/lb-policy", "least-active|round-robin"),
    ],
)
def test_a_wish_that_cannot_be_is_answered_with_its_place(
    start: StartHub, tmp_path: Path, wish: dict[str, object], status: int, pointer: str, word: str
) -> None:
    file = tmp_path / "hub.toml"
    file.write_text("data-timeout = 20\n")
    management = Management(start("--config", str(file)))
    before = management.settings()
    answered, problem = management.ask("PATCH", "/api/v1/hub/settings", {"call-deadline": 7, **wish})
    assert answered == status, problem
    assert any(fault["pointer"] == pointer and word in fault["detail"] for fault in problem["errors"]), problem
    assert management.settings() == before


def test_a_shorter_deadline_counts_for_new_settings_and_a_dry_run_changes_nothing(start: StartHub) -> None:
    management = Management(start())
    status, plan = management.ask("PATCH", "/api/v1/hub/settings?dry_run=true", {"call-deadline": 2})
    assert status == 200 and management.settings()["call-deadline"]["value"] == 3600, plan
    assert management.ask("PATCH", "/api/v1/hub/settings", {"call-deadline": 2})[0] == 200
    assert management.settings()["call-deadline"]["value"] == 2


def test_certificates_are_renewed_while_connections_stand(start: StartHub, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    first_ca = tmp_path / "first.pem"
    first_ca.write_text(cert.read_text())
    hub = start("--mgmt-tls-cert", str(cert), "--mgmt-tls-key", str(key), "--log-level", "info")
    before = Management(hub, first_ca)
    kept = before.connect()
    assert before.ask("GET", "/api/v1/hub", over=kept)[0] == 200
    certificate(tmp_path, "server")
    hub.signal(signal.SIGHUP)
    assert " info " in await_line(hub, "Reload: certificates and secrets are read again; changed: nothing")
    assert before.ask("GET", "/api/v1/hub", over=kept)[0] == 200, "the connection that stood was cut"
    kept.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        before.ask("GET", "/api/v1/hub")
    assert Management(hub, cert).ask("GET", "/api/v1/hub")[0] == 200
    key.write_text("no key at all")
    status, problem = Management(hub, cert).ask("POST", "/api/v1/hub/reload")
    assert status == 422 and str(key) in problem["detail"], problem
    assert Management(hub, cert).ask("GET", "/api/v1/hub")[0] == 200


def test_the_management_port_speaks_https_in_whatever_pieces(start: StartHub, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    hub = start("--mgmt-tls-cert", str(cert), "--mgmt-tls-key", str(key))
    management = Management(hub, cert)
    assert hub.ready_line.split()[-1].startswith("https://")
    connection = management.connect()
    connection.request("GET", "/livez")
    answer = connection.getresponse()
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "require-trusted-types-for 'script'" in answer.headers["Content-Security-Policy"]
    connection.close()
    silent = [socket.create_connection(management.address) for _ in range(20)]
    silent[0].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    silent[1].sendall(b"\x16\x03\x01")
    status, problem = management.ask("PUT", "/api/v1/bridges/x", {"address": "x" * 700_000})
    assert status == 422, problem
    status, document = management.ask("GET", "/api/v1/openapi.json")
    assert status == 200 and document["openapi"].startswith("3.1")
    raw = management.context.wrap_socket(  # type: ignore[union-attr]
        socket.create_connection(management.address), server_hostname="127.0.0.1"
    )
    for byte in b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
        raw.sendall(bytes([byte]))
    said = b""
    while piece := raw.recv(4096):
        said += piece
    assert said.startswith(b"HTTP/1.1 200"), said
    for connection_socket in silent:
        connection_socket.close()

