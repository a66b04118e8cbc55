# SPDX-License-Identifier: LGPL-3.0-or-later
"""Starts, kills and restarts the hub that the tests talk to.

The hub is `commhub serve` when COMMHUB_BIN names a binary, and otherwise the Python package's own hub, run
by `reference_hub.py` with the interpreter of the newest release's environment. Both take the same
`HubOptions`, print a line that begins with `ready ` once they accept, and are reached over the same three
transports.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent
READY_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0


def commhub_binary() -> Path | None:
    """The hub to be tested, or None for the reference hub."""
    named = os.environ.get("COMMHUB_BIN", "")
    return Path(named).resolve() if named else None


def venvs_folder() -> Path:
    default = Path.home() / ".cache" / "commhub-tests"
    return Path(os.environ.get("COMMHUB_VENVS", "") or default)


def python_of_release(release: str) -> Path:
    """The interpreter of the environment that `run.sh` made for a release of the package."""
    return venvs_folder() / f"comm-ipc-{release}" / "bin" / "python"


@dataclass(frozen=True)
class Certificates:
    """A test authority, a server certificate for 127.0.0.1 and localhost, and one for a client."""

    ca: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path

    def client_context(self, *, with_certificate: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca))
        if with_certificate:
            context.load_cert_chain(self.client_cert, self.client_key)
        return context


@dataclass(frozen=True)
class HubOptions:
    """What a test asks of its hub. None leaves the hub's own default."""

    transports: tuple[str, ...] = ("unix",)
    server_id: str | None = None
    connection_secret: str | None = None
    system_passwords: dict[str, str] = field(default_factory=dict)
    channel_policy: str | None = None
    lb_policy: str | None = None
    error_policy: str | None = None
    idle_timeout_s: float | None = None
    data_timeout_s: float | None = None
    max_frame_bytes: int | None = None
    mgmt: bool = False
    link_secret: str | None = None
    trusts_bridges: bool = True
    arguments: tuple[str, ...] = ()


def sanitizer_options() -> str:
    """Freed memory that a sanitizer holds back may not look like a hub that grows."""
    given = os.environ.get("ASAN_OPTIONS", "")
    return ":".join(filter(None, [given, "quarantine_size_mb=8"]))


def _die_with_parent() -> None:
    """A test run that is killed leaves no hubs behind (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


N_PORT_RANGES = 8
PORTS_A_WORKER = 22000 // N_PORT_RANGES


def ports_of_this_worker() -> Iterator[int]:
    """Parallel workers have ports of their own, and none is given out again before all others were: between the probe
    and the hub's start, and while a hub is down, nobody else takes it."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 10000 + worker % N_PORT_RANGES * PORTS_A_WORKER
    # Anywhere in the range, for the run before may have left a port in use.
    begin = random.randrange(PORTS_A_WORKER)
    while True:
        for offset in range(PORTS_A_WORKER):
            yield first + (begin + offset) % PORTS_A_WORKER


PORTS = ports_of_this_worker()


def free_tcp_port() -> int:
    """A port below those that the system gives to outgoing connections: one of these could take it while a
    hub is down, or even connect to itself."""
    for port in PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


class HubUnderTest:
    """One hub process. Its addresses and server id stay the same when it is killed and started again."""

    def __init__(self, options: HubOptions, certificates: Certificates | None = None) -> None:
        self.options = options
        self.certificates = certificates
        self.server_id = options.server_id or f"hub-{uuid.uuid4().hex[:8]}"
        self.folder = Path(tempfile.mkdtemp(prefix="commhub-interop-"))
        self.socket_path = str(self.folder / "hub.sock")
        self.tcp_port = free_tcp_port() if "tcp" in options.transports else 0
        self.tls_port = free_tcp_port() if "tls" in options.transports else 0
        self.mgmt_port = free_tcp_port() if options.mgmt else 0
        self.log_lines: list[str] = []
        self.ready_line = ""
        self._process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()

    @property
    def data_folder(self) -> Path:
        return self.folder / "data"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> HubUnderTest:
        """Returns once the hub accepts on all its addresses."""
        self._ready.clear()
        self._process = subprocess.Popen(
            self._command(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=_die_with_parent,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "ASAN_OPTIONS": sanitizer_options()},
        )
        threading.Thread(target=self._follow_output, args=(self._process,), daemon=True).start()
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._ready.wait(0.02):
            if self._process.poll() is not None:
                raise AssertionError(f"the hub ended with {self._process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the hub was not ready in {READY_TIMEOUT_S} s:\n{self.log_tail()}")
        return self

    def kill(self) -> None:
        """kill -9: no goodbye to anyone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"the hub ignored SIGTERM for {STOP_TIMEOUT_S} s:\n{self.log_tail()}"
            ) from None

    def close(self) -> None:
        """Stops the hub and removes its folder; CommHub must have ended with 0 (sanitizers report there)."""
        try:
            if self._process is not None:
                status = self.stop()
                if self._must_end_clean() and status not in (0, -signal.SIGKILL):
                    raise AssertionError(f"the hub ended with {status}:\n{self.log_tail()}")
        finally:
            self.close_folder()

    def close_folder(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def log_tail(self) -> str:
        return "\n".join(self.log_lines[-60:])

    def resident_bytes(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def _follow_output(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.log_lines.append(line.rstrip("\n"))
            if line.startswith("ready ") and not self._ready.is_set():
                self.ready_line = line.rstrip("\n")
                self._ready.set()

    def _must_end_clean(self) -> bool:
        return commhub_binary() is not None

    def _command(self) -> list[str]:
        binary = commhub_binary()
        return self._commhub_command(binary) if binary else self._reference_command("0.1.15")

    def _commhub_command(self, binary: Path) -> list[str]:
        options = self.options
        command = [
            str(binary),
            "serve",
            "--data-dir",
            str(self.data_folder),
            "--server-id",
            self.server_id,
        ]
        addresses = {
            "unix": f"unix:{self.socket_path}",
            "tcp": f"tcp://127.0.0.1:{self.tcp_port}",
            "tls": f"tls://127.0.0.1:{self.tls_port}",
        }
        for transport in options.transports:
            command += ["--listen", addresses[transport]]
        if "tls" in options.transports:
            assert self.certificates is not None
            command += ["--tls-cert", str(self.certificates.server_cert)]
            command += ["--tls-key", str(self.certificates.server_key)]
        if options.connection_secret is not None:
            secret = self.folder / "secret"
            secret.write_text(options.connection_secret)
            secret.chmod(0o600)
            command += ["--connection-secret-file", str(secret)]
        if options.system_passwords:
            passwords = self.folder / "passwords.json"
            passwords.write_text(json.dumps(options.system_passwords))
            passwords.chmod(0o600)
            command += ["--system-passwords-file", str(passwords)]
        flags: dict[str, object] = {
            "--channel-policy": options.channel_policy,
            "--lb-policy": options.lb_policy,
            "--error-policy": options.error_policy,
            "--idle-timeout": options.idle_timeout_s,
            "--data-timeout": options.data_timeout_s,
            "--max-frame": options.max_frame_bytes,
        }
        for flag, value in flags.items():
            if value is not None:
                command += [flag, f"{value:g}" if isinstance(value, float) else str(value)]
        command += ["--bridge-clients", "trusted" if options.trusts_bridges else "plain"]
        if options.link_secret is not None:
            link_secret = self.folder / "link-secret"
            link_secret.write_text(options.link_secret)
            link_secret.chmod(0o600)
            command += ["--link-secret-file", str(link_secret)]
        mgmt = f"127.0.0.1:{self.mgmt_port}" if options.mgmt else "off"
        return [*command, "--mgmt", mgmt, *options.arguments]

    def _reference_command(self, release: str) -> list[str]:
        wanted = asdict(self.options) | {
            "server_id": self.server_id,
            "socket_path": self.socket_path,
            "tcp_port": self.tcp_port,
            "tls_port": self.tls_port,
        }
        if self.certificates is not None:
            wanted["server_cert"] = str(self.certificates.server_cert)
            wanted["server_key"] = str(self.certificates.server_key)
        return [str(python_of_release(release)), str(FOLDER / "reference_hub.py"), json.dumps(wanted)]


class PythonHub(HubUnderTest):
    """The package's own hub of a certain release, whatever hub is under test."""

    def __init__(self, release: str, options: HubOptions, certificates: Certificates | None = None) -> None:
        super().__init__(options, certificates)
        self.release = release

    def _must_end_clean(self) -> bool:
        return False

    def _command(self) -> list[str]:
        return self._reference_command(self.release)
