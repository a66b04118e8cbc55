# SPDX-License-Identifier: LGPL-3.0-or-later
"""Backup, restore, another master key, and what the service manager is told."""

from __future__ import annotations

import contextlib
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from running_hub import RunningHub, run_to_end
from test_settings import Management, certificate, start, token_file  # noqa: F401

StartHub = Callable[..., RunningHub]
CANARIES = {
    "link": "canary-link-secret-5f1c",
    "password": "canary-channel-password-77a0",
    "user": "canary-user-password-93be",
}


def plant(management: Management) -> None:
    bridge = {"address": "tcp://127.0.0.1:1", "secret": CANARIES["link"]}
    assert management.ask("PUT", "/api/v1/bridges/west", bridge)[0] == 201
    password = {"password": CANARIES["password"]}
    assert management.ask("PUT", "/api/v1/channels/orders/password", password)[0] in (200, 201, 204)
    user = {"role": "operator", "password": CANARIES["user"]}
    assert management.ask("PUT", "/api/v1/users/bob", user)[0] in (200, 201)


def make_newer(copy: Path) -> None:
    with contextlib.closing(sqlite3.connect(copy)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA user_version = 99")


def command(hub: RunningHub, token_file: Path, *arguments: str) -> tuple[int, str, str]:  # noqa: F811
    api = ("--api", hub.ready_line.split()[-1], "--token-file", str(token_file))
    return run_to_end(*arguments[1:], *api, command=arguments[0], timeout_s=20)


def offline(tmp_path: Path, *arguments: str, **popen: str) -> tuple[int, str, str]:
    data_dir = ("--data-dir", f"{tmp_path}/data")
    return run_to_end(*arguments[1:], *data_dir, command=arguments[0], timeout_s=20, **popen)


def incarnation(management: Management) -> int:
    number: int = management.ask("GET", "/api/v1/hub")[1]["incarnation"]
    return number


def test_a_backup_brings_back_what_was_there_and_the_hub_begins_anew(
    start: StartHub,  # noqa: F811
    tmp_path: Path,
    token_file: Path,  # noqa: F811
) -> None:
    hub = start("--verbose")
    management = Management(hub)
    plant(management)
    before = incarnation(management)
    copy = tmp_path / "copy.db"
    status, said, errors = command(hub, token_file, "backup", str(copy))
    assert status == 0 and "master key" in said, (status, said, errors)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert management.ask("DELETE", "/api/v1/bridges/west")[0] == 204
    assert offline(tmp_path, "restore", str(copy))[0] == 1, "restored under a running hub"
    hub.stop()
    assert offline(tmp_path, "restore", str(copy))[0] == 0
    management = Management(start())
    assert management.ask("GET", "/api/v1/bridges/west")[0] == 200
    assert incarnation(management) > before + 1000
    assert rows_of_runs(management) == [f"commhub restore {copy}"]


def rows_of_runs(management: Management) -> list[str]:
    """What commands and the configuration have done, oldest first, in a log whose chain holds."""
    status, page = management.ask("GET", "/api/v1/audit?method=RUN&sort=time")
    assert status == 200 and management.ask("POST", "/api/v1/audit/verify")[1]["is_whole"]
    return [row["target"] for row in page["items"]]


def test_what_is_done_while_the_hub_is_down_stands_in_the_audit_log(start: StartHub, tmp_path: Path) -> None:  # noqa: F811
    hub = start()
    hub.stop()
    for arguments in (("init", "--user", "eve"), ("reset-password", "eve"), ("reset-password", "nobody")):
        status = offline(tmp_path, "admin", *arguments, "--password-stdin", input="a canary password\n")[0]
        assert status == (1 if "nobody" in arguments else 0)
    assert offline(tmp_path, "admin", "rotate-key")[0] == 0
    management = Management(start())
    done = ["commhub admin init eve", "commhub admin reset-password eve", "commhub admin rotate-key"]
    assert rows_of_runs(management) == done
    row = management.ask("GET", "/api/v1/audit?method=RUN")[1]["items"][0]
    assert row["who"].startswith("command:") and row["status"] == 200 and row["address"] == "", row


@pytest.mark.parametrize(
    "arguments",
    [("audit", "verify"), ("admin", "rotate-key"), ("admin", "reset-password", "eve", "--password-stdin")],
)
def test_where_no_store_is_none_is_made_by_a_command_that_needs_one(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    status, said, errors = offline(tmp_path, *arguments, input="a canary password\n")
    assert status == 1 and not said and "--data-dir is to name a hub's data directory" in errors, (said, errors)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda copy, data: copy.write_bytes(b"no database"), "the file cannot be used: file is not a database"),
        (lambda copy, data: copy.write_bytes(copy.read_bytes()[:9000]), "malformed"),
        (lambda copy, data: make_newer(copy), "newer CommHub"),
        (lambda copy, data: (data / "master.key").write_text("ab" * 32 + "\n"), "not the one"),
        (lambda copy, data: (data / "master.key").unlink(), "missing"),
    ],
)
def test_what_cannot_be_restored_leaves_the_store_as_it_was(
    start: StartHub,  # noqa: F811
    tmp_path: Path,
    token_file: Path,  # noqa: F811
    spoil: Callable[[Path, Path], object],
    word: str,
) -> None:
    hub = start()
    plant(Management(hub))
    copy = tmp_path / "copy.db"
    assert command(hub, token_file, "backup", str(copy))[0] == 0
    hub.stop()
    data = tmp_path / "data"
    spoil(copy, data)
    store = (data / "commhub.db").read_bytes()
    status, _, errors = offline(tmp_path, "restore", str(copy))
    assert status == 1 and "Nothing was restored" in errors and word in errors, errors
    assert (data / "commhub.db").read_bytes() == store
    assert not (data / "commhub.db.before-restore").exists()


def test_another_master_key_opens_all_and_the_old_one_nothing(
    start: StartHub,  # noqa: F811
    tmp_path: Path,
) -> None:
    hub = start()
    plant(Management(hub))
    hub.stop()
    key = tmp_path / "data" / "master.key"
    old = key.read_text()
    assert offline(tmp_path, "admin", "rotate-key")[0] == 0
    new = key.read_text()
    assert new != old and key.stat().st_mode & 0o777 == 0o600
    # As if the power had gone between the transaction and the renaming.
    key.write_text(old)
    fresh = key.with_name("master.key.new")
    fresh.write_text(new)
    hub = start()
    assert key.read_text() == new and not fresh.exists()
    assert Management(hub).ask("GET", "/api/v1/bridges/west")[0] == 200
    hub.stop()
    key.write_text(old)
    status, _, errors = run_to_end("--data-dir", f"{tmp_path}/data", "--listen", f"unix:{tmp_path}/x")
    assert status == 1 and "not the one this store was sealed with" in errors, errors


def test_the_service_manager_hears_of_start_watchdog_reload_and_end(tmp_path: Path) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(f"{tmp_path}/notify")
    manager.settimeout(10)
    hub = RunningHub(
        *("--data-dir", f"{tmp_path}/data", "--listen", f"unix:{tmp_path}/hub.sock", "--mgmt", "off"),
        settings={"NOTIFY_SOCKET": f"{tmp_path}/notify", "WATCHDOG_USEC": "200000"},
    ).await_ready()

    def hear(word: str) -> None:
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up:
            if word in manager.recv(4096).decode().splitlines():
                return
        raise AssertionError(f"no {word}")

    hear("READY=1")
    hear("WATCHDOG=1")
    hub.signal(signal.SIGHUP)
    hear("RELOADING=1")
    hear("READY=1")
    hear("WATCHDOG=1")
    hub.signal(signal.SIGTERM)
    hear("STOPPING=1")
    assert hub.await_end(8) == 0


def test_health_is_the_programs_own_answer(start: StartHub, tmp_path: Path) -> None:  # noqa: F811
    hub = start()
    url = hub.ready_line.split()[-1]
    assert run_to_end("--api", url, command="health") == (0, "ok\n", "")
    hub.stop()
    status, output, errors = run_to_end("--api", url, command="health")
    assert (status, output) == (4, "") and errors.startswith("commhub health: ")
    cert, key = certificate(tmp_path, "server")
    hub = start("--mgmt-tls-cert", str(cert), "--mgmt-tls-key", str(key))
    url = hub.ready_line.split()[-1]
    assert run_to_end("--api", url, "--tls-ca", str(cert), command="health")[0] == 0
    assert run_to_end("--api", url, command="health")[0] != 0
