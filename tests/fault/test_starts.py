# SPDX-License-Identifier: LGPL-3.0-or-later
"""Starts that fail say why in a sentence, with the right exit status, and leave nothing behind.

And what a dead hub left does not stop the next start.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from blunt_client import BluntClient
from conftest import HubStarter
from running_hub import RunningHub, binary, free_port, run_to_end

FAILED, WRONG_SETTING = 1, 2
NOBODY = 65534


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that holds nothing else, which also nobody may enter and write to."""
    folder = tmp_path / "place"
    folder.mkdir()
    folder.chmod(0o777)
    for above in (tmp_path, *tmp_path.parents):
        if above.owner() == folder.owner() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o011)
    return folder


def assert_refused(
    place: Path,
    status: int,
    words: tuple[str, ...],
    *arguments: str,
    data_dir: Path | None = None,
    **popen: object,
) -> str:
    """The hub ends at once with this status and one sentence that has the words; the folder is as before."""
    before = contents(place)
    usual = ["--data-dir", str(data_dir or place / "data")]
    if "--mgmt" not in arguments:
        usual += ["--mgmt", "off"]
    if "--listen" not in arguments:
        usual += ["--listen", f"unix:{place}/hub.sock"]
    got, output, errors = run_to_end(*usual, *arguments, **popen)
    sentences = [line for line in errors.splitlines() if line.startswith("commhub: ")]
    assert got == status, f"exit {got}, not {status}: {output} {errors}"
    assert output == "", f"it said on standard output: {output}"
    assert sentences and all(word in sentences[-1] for word in words), f"no sentence with {words}: {errors}"
    assert not {"Sanitizer", "assert", "Aborted"} & set(errors.replace(":", " ").split()), errors
    left = {path for path in contents(place) - before if not (data_dir is None and path.startswith("data"))}
    assert not left, f"left behind: {left}"
    return sentences[-1]


# Addresses.


def test_a_taken_port_is_named(place: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert_refused(place, FAILED, (f"127.0.0.1:{port}", "taken"), "--listen", f"tcp://127.0.0.1:{port}")


def test_the_second_of_two_addresses_being_taken_removes_the_first(place: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        both = ("--listen", f"unix:{place}/hub.sock", "--listen", f"tcp://127.0.0.1:{port}")
        assert_refused(place, FAILED, ("taken",), *both)


def test_a_taken_management_port_is_named(place: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert_refused(place, FAILED, (str(port),), "--mgmt", f"127.0.0.1:{port}")


@pytest.mark.parametrize("address", ["tcp://192.0.2.1:7411", "tcp://no-such-host.invalid:7411"])
def test_an_address_that_is_not_ours_is_named(place: Path, address: str) -> None:
    host = address.removeprefix("tcp://").rsplit(":", 1)[0]
    assert_refused(place, FAILED, (host,), "--listen", address, timeout_s=40)


def test_a_port_for_root_only_is_refused_to_others(place: Path) -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if first < 2 or os.geteuid() != 0:
        address, words = "tcp://192.0.2.7:80", ("192.0.2.7",)
    else:
        address, words = f"tcp://127.0.0.1:{first - 1}", ("may not listen", "1023")
    assert_refused(place, FAILED, words, "--listen", address, **as_nobody())


def test_a_live_hubs_socket_is_left_alone(
    start: HubStarter, tmp_path: Path, socket_path: str, place: Path
) -> None:
    start()
    before = contents(tmp_path)
    address = f"unix:{socket_path}"
    assert_refused(place, FAILED, ("another hub listens on", socket_path), "--listen", address)
    assert {path for path in contents(tmp_path) - before if not path.startswith("place/data")} == set()
    with BluntClient(socket_path, "alice") as alice:
        alice.ping()


def test_a_live_socket_of_another_program_is_left_alone(place: Path) -> None:
    path = str(place / "hub.sock")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        assert_refused(place, FAILED, ("another program answers on", path))
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)


def test_a_stale_socket_is_replaced(start: HubStarter, socket_path: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(socket_path)
        dead.listen()
    start()
    with BluntClient(socket_path, "alice") as alice:
        alice.ping()


@pytest.mark.parametrize("kind", ["file", "folder", "link", "pipe"])
def test_what_is_no_socket_is_left_alone(place: Path, kind: str) -> None:
    path = place / "hub.sock"
    if kind == "file":
        path.write_text("precious")
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        (place / "target").write_text("precious")
        path.symlink_to(place / "target")
    else:
        os.mkfifo(path)
    assert_refused(place, FAILED, (str(path), "is no socket"))
    if kind in ("file", "link"):
        assert path.read_text() == "precious"


def test_a_missing_folder_for_the_socket_is_named(place: Path) -> None:
    assert_refused(place, FAILED, ("No such file or directory",), "--listen", f"unix:{place}/none/hub.sock")


def test_a_socket_path_that_is_too_long_is_refused_as_a_setting(place: Path) -> None:
    assert_refused(place, WRONG_SETTING, ("--listen",), "--listen", f"unix:{place}/{'x' * 120}")


def test_an_unknown_group_is_named_and_the_socket_removed(place: Path) -> None:
    assert_refused(place, FAILED, ("no-such-group",), "--unix-group", "no-such-group")


# Files.


def as_nobody() -> dict[str, object]:
    """For files that root could read."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


@pytest.fixture
def public_binary(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A copy of the program where everybody may execute it: the build may lie in a private home."""
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"commhub-fault-{os.getpid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    copy = folder / "commhub"
    shutil.copy2(binary(), copy)
    copy.chmod(0o755)
    monkeypatch.setenv("COMMHUB_BIN", str(copy))
    yield copy
    shutil.rmtree(folder)


FILES = [
    "--connection-secret-file",
    "--link-secret-file",
    "--system-passwords-file",
    "--tls-key",
    "--tls-cert",
]


def tls_arguments(certificate: tuple[Path, Path], place: Path, flag: str, path: Path) -> list[str]:
    """The pair of a TLS hub, with @path for one of them."""
    pair = {"--tls-cert": place / "cert.pem", "--tls-key": place / "key.pem"}
    for source, copy in zip(certificate, pair.values(), strict=True):
        shutil.copy(source, copy)
        copy.chmod(0o644)
    arguments = ["--listen", f"tls://127.0.0.1:{free_port()}"]
    if flag in pair:
        pair[flag] = path
    for name, value in pair.items():
        arguments += [name, str(value)]
    if flag not in pair:
        arguments += [flag, str(path)]
    return arguments


@pytest.mark.parametrize("flag", [*FILES, "--tls-ca"])
def test_an_unreadable_file_is_named(
    place: Path, certificate: tuple[Path, Path], public_binary: Path, flag: str
) -> None:
    path = place / "closed"
    path.write_text("secret")
    path.chmod(0)
    arguments = tls_arguments(certificate, place, flag, path) if "tls" in flag else [flag, str(path)]
    assert_refused(place, WRONG_SETTING, (str(path), "Permission denied"), *arguments, **as_nobody())


@pytest.mark.parametrize("flag", [*FILES, "--tls-ca"])
def test_a_missing_file_is_named(place: Path, certificate: tuple[Path, Path], flag: str) -> None:
    path = place / "missing"
    arguments = tls_arguments(certificate, place, flag, path) if "tls" in flag else [flag, str(path)]
    assert_refused(place, WRONG_SETTING, (str(path), "No such file"), *arguments)


BAD_SECRETS = {
    "empty": (b"", "empty"),
    "only a line end": (b"\n", "empty"),
    "not utf-8": (b"\xff\xfe\n", "UTF-8"),
    "too long": (bytes(70_000), "64 KiB"),
}


@pytest.mark.parametrize("what", BAD_SECRETS)
@pytest.mark.parametrize("flag", ["--connection-secret-file", "--link-secret-file"])
def test_a_secret_that_cannot_be_one_is_refused(place: Path, flag: str, what: str) -> None:
    content, word = BAD_SECRETS[what]
    path = place / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    assert_refused(place, WRONG_SETTING, (str(path), word), flag, str(path))


BAD_DEFINITIONS = {
    "not json": ("{", "not JSON"),
    "a list": ("[]", "version"),
    "a bridge to no address": ('{"version": 1, "bridges": {"to-b": {"address": "b"}}}', "#/bridges/to-b/address"),
    "remaps that do not lead back": (
        '{"version": 1, "bridges": {"to-b": {"address": "tcp://b:1", "remap":'
        ' {"out": [{"from": "a.", "to": "b."}], "in": [{"from": "b.", "to": "c."}]}}}}',
        "make a cycle",
    ),
}


@pytest.mark.parametrize("what", BAD_DEFINITIONS)
def test_definitions_that_cannot_be_are_refused(place: Path, what: str) -> None:
    content, word = BAD_DEFINITIONS[what]
    path = place / "definitions.json"
    path.write_text(content)
    assert_refused(place, FAILED, (str(path), word), "--definitions", str(path))


def test_a_folder_in_place_of_a_secret_is_refused(place: Path) -> None:
    assert_refused(place, WRONG_SETTING, (str(place), "directory"), "--connection-secret-file", str(place))


BAD_PASSWORDS = {
    "not json": ("{", "not JSON"),
    "a list": ("[]", "JSON object"),
    "a number as password": ('{"room": 5}', "room"),
    "an empty password": ('{"room": ""}', "room"),
    "an empty name": ('{"": "x"}', "channel names"),
    "a name too long": ('{"%s": "x"}' % ("n" * 256), "channel names"),
    "a name twice": ('{"room": "x", "room": "y"}', "duplicate"),
    "a password without quotes": ('{"room": canary-password}', "line 1, column 15"),
    "a password without an end": ('{"room": "canary-password', "line 1, column"),
}


@pytest.mark.parametrize("what", BAD_PASSWORDS)
def test_passwords_that_cannot_be_ones_are_refused(place: Path, what: str) -> None:
    content, word = BAD_PASSWORDS[what]
    path = place / "passwords.json"
    path.write_text(content)
    path.chmod(0o600)
    said = assert_refused(place, WRONG_SETTING, (str(path), word), "--system-passwords-file", str(path))
    assert "canary" not in said


def test_a_secret_that_others_may_read_is_warned_of(
    start: HubStarter, tmp_path: Path, socket_path: str
) -> None:
    path = tmp_path / "secret"
    path.write_text("secret")
    path.chmod(0o644)
    hub = start("--connection-secret-file", str(path))
    assert any("warning" in line and str(path) in line for line in hub.lines), hub.said()


# TLS.


def test_a_key_of_another_certificate_is_refused(place: Path, certificate: tuple[Path, Path]) -> None:
    other = place / "other.pem"
    subprocess.run(
        ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", other],
        check=True,
        capture_output=True,
    )
    arguments = tls_arguments(certificate, place, "--tls-key", other)
    assert_refused(place, WRONG_SETTING, (str(other),), *arguments)


@pytest.mark.parametrize("flag", ["--tls-cert", "--tls-key", "--tls-ca"])
def test_a_file_that_is_no_pem_is_refused(place: Path, certificate: tuple[Path, Path], flag: str) -> None:
    path = place / "garbage"
    path.write_text("this is not a certificate")
    assert_refused(place, WRONG_SETTING, (str(path),), *tls_arguments(certificate, place, flag, path))


def test_tls_without_a_certificate_is_refused(place: Path, certificate: tuple[Path, Path]) -> None:
    address = f"tls://127.0.0.1:{free_port()}"
    assert_refused(place, WRONG_SETTING, ("--tls-cert", "--tls-key"), "--listen", address)
    only = ("--tls-cert", str(certificate[0]))
    assert_refused(place, WRONG_SETTING, ("belong together",), "--listen", address, *only)


# The data directory.


def test_a_data_directory_serves_one_hub_at_a_time(start: HubStarter, tmp_path: Path, place: Path) -> None:
    first = start()
    before = contents(tmp_path)
    assert_refused(place, FAILED, (str(tmp_path / "data"),), data_dir=tmp_path / "data")
    assert contents(tmp_path) == before
    first.signal(signal.SIGKILL)
    first.await_end(5)
    start()  # the dead one's lock is gone with it


def test_a_data_directory_that_cannot_be_made_is_named(place: Path, public_binary: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o555)
    closed.chmod(0o555)
    data = closed / "data"
    assert_refused(place, FAILED, (str(data),), data_dir=data, **as_nobody())


def test_a_data_directory_that_is_a_file_is_named(place: Path) -> None:
    data = place / "data"
    data.write_text("precious")
    assert_refused(place, FAILED, (str(data),), data_dir=data)
    assert data.read_text() == "precious"


def test_a_broken_database_is_told_and_not_replaced(start: HubStarter, tmp_path: Path, place: Path) -> None:
    start().stop()
    stores = [path for path in (tmp_path / "data").iterdir() if path.read_bytes()[:6] == b"SQLite"]
    assert stores, "the hub keeps no database: this test is about nothing"
    garbage = b"no database " * 1000
    for path in (tmp_path / "data").iterdir():
        if path.name.startswith(stores[0].name):
            path.unlink()
    stores[0].write_bytes(garbage)
    assert_refused(place, FAILED, (str(stores[0]),), data_dir=tmp_path / "data")
    assert stores[0].read_bytes() == garbage


class SmallDisk:
    """A file system of 64 KiB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        size = ["-o", "size=64k,mode=0777"]
        subprocess.run(
            ["mount", "-t", "tmpfs", *size, "commhub-fault", str(folder)], check=True, capture_output=True
        )

    def fill(self) -> None:
        with open(self.folder / "ballast", "wb", buffering=0) as ballast:
            try:
                while ballast.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    assert os.geteuid() == 0, "this test mounts a small file system: run it as root"
    disk = SmallDisk(tmp_path / "disk")
    yield disk
    disk.close()


def test_a_full_disk_at_the_start_is_told(place: Path, small_disk: SmallDisk) -> None:
    small_disk.fill()
    data = small_disk.folder / "data"
    sentence = assert_refused(place, FAILED, (str(data),), data_dir=data)
    assert "full" in sentence or "No space left" in sentence, sentence


def test_a_disk_that_fills_up_while_the_hub_runs_stops_no_client(
    start: HubStarter, small_disk: SmallDisk
) -> None:
    disk = RunningHubOnDisk(start, small_disk)
    with BluntClient(disk.socket_path, "alice") as alice, BluntClient(disk.socket_path, "bob") as bob:
        small_disk.fill()
        bob.provide("room", "echo")
        alice.say({"type": "call", "channel": "room", "event": "echo", "request_id": "1", "data": 1})
        call = bob.hear_type("call")
        bob.say({"type": "response", "request_id": "1", "target_id": call["sender_id"], "data": 2})
        assert alice.hear_type("response")["data"] == 2


class RunningHubOnDisk:
    def __init__(self, start: HubStarter, disk: SmallDisk) -> None:
        self.socket_path = str(disk.folder.parent / "hub.sock")
        # A database of its own needs some room: the disk is made to fit it and then filled.
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk.folder)], check=True, capture_output=True)
        self.hub = start("--data-dir", str(disk.folder / "data"))


def test_files_that_may_not_grow_are_told(place: Path) -> None:
    """RLIMIT_FSIZE 0, as some supervisors set it: no signal's end, but a sentence."""
    data = place / "store"
    hub = RunningHub(
        "--data-dir", str(data), "--mgmt", "off", "--listen", f"unix:{place}/hub.sock", file_bytes=0
    )
    try:
        assert hub.await_end(10) == FAILED
        assert any(line.startswith("commhub: ") and str(data) in line for line in hub.lines), hub.said()
        assert not (place / "hub.sock").exists()
    finally:
        hub.discard()


# After a hub that was killed.


def test_kill_9_leaves_nothing_that_stops_the_next_start(
    start: HubStarter, socket_path: str, tmp_path: Path
) -> None:
    port = free_port()
    addresses = ("--listen", f"unix:{socket_path}", "--listen", f"tcp://127.0.0.1:{port}")
    for _ in range(5):
        hub = start(*addresses)
        clients = [BluntClient(socket_path, "alice"), BluntClient(("127.0.0.1", port), "bob")]
        clients[0].provide("room", "echo")
        clients[1].say({"type": "call", "channel": "room", "event": "echo", "request_id": "1"})
        clients[0].hear_type("call")
        hub.signal(signal.SIGKILL)
        hub.await_end(5)
        hub.stop = lambda: None  # type: ignore[method-assign]
        for client in clients:
            client.close()
    start(*addresses)
    with BluntClient(("127.0.0.1", port), "alice") as alice:
        alice.ping()


def test_two_hubs_that_start_together_on_a_stale_socket_do_not_share_it(
    tmp_path: Path, socket_path: str
) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(socket_path)
        dead.listen()
    hubs = [
        RunningHub("--data-dir", f"{tmp_path}/data-{n}", "--mgmt", "off", "--listen", f"unix:{socket_path}")
        for n in range(4)
    ]
    outcomes: list[str] = []
    try:
        for hub in hubs:
            try:
                hub.await_ready()
                outcomes.append("ready")
            except AssertionError:
                assert hub.process.returncode == FAILED and "another hub listens on" in hub.said(), hub.said()
                outcomes.append("refused")
        assert sorted(outcomes) == ["ready", "refused", "refused", "refused"]
        with BluntClient(socket_path, "alice") as alice:
            alice.ping()
        hubs[outcomes.index("ready")].stop()
        assert not os.path.exists(socket_path)
    finally:
        for hub in hubs:
            hub.discard()


def test_no_memory_to_start_is_told(place: Path) -> None:
    """Too few descriptors for the loop itself."""

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))

    status, output, errors = run_to_end(
        "--data-dir", f"{place}/data", "--mgmt", "off", "--listen", f"unix:{place}/hub.sock", prepare=prepare
    )
    assert (status, output) == (FAILED, "") and errors.startswith("commhub: "), (status, output, errors)
    assert not (place / "hub.sock").exists()
