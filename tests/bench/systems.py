# SPDX-License-Identifier: LGPL-3.0-or-later
"""The servers that are compared: each started on loopback in a folder of its own, and stopped by its pid."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY_S = 20.0
STOP_S = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class System:
    """A server: how it is started, the program that loads it, and what it cannot do."""

    name: str
    load: list[str]
    lacks: frozenset[str] = frozenset()
    fanout: str = "pubsub"
    is_slow: bool = False
    over_unix: bool = False
    notes: dict[str, str] = field(default_factory=dict)

    def command(self, folder: Path, port: int) -> list[str]:
        raise NotImplementedError

    def is_installed(self) -> bool:
        return Path(self.load[0]).exists()

    @contextlib.contextmanager
    def running(self, core: int) -> Iterator[tuple[int, str]]:
        """The server's pid and address while it runs on that core alone."""
        folder = Path(tempfile.mkdtemp(prefix="commhub-bench-"))
        port = free_port()
        address = f"unix:{folder}/s.sock" if self.over_unix else f"tcp://127.0.0.1:{port}"
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                ["taskset", "-c", str(core), *self.command(folder, port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={name: value for name, value in os.environ.items() if not name.startswith("COMMHUB_")},
            )
        try:
            self._await(process, folder, port)
            yield process.pid, address
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            shutil.rmtree(folder, ignore_errors=True)

    def _await(self, process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            with socket.socket(socket.AF_UNIX if self.over_unix else socket.AF_INET) as probe:
                if probe.connect_ex(str(folder / "s.sock") if self.over_unix else ("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                log = (folder / "log").read_text(errors="replace")
                raise RuntimeError(f"{self.name} did not start ({process.poll()}):\n{log[-2000:]}")
            time.sleep(0.05)
        time.sleep(0.3)


@dataclass
class Relay(System):
    program: Path = Path()

    def command(self, folder: Path, port: int) -> list[str]:
        return [str(self.program), f"unix:{folder}/s.sock" if self.over_unix else f"tcp://127.0.0.1:{port}"]


@dataclass
class CommHub(System):
    program: Path = Path()

    def command(self, folder: Path, port: int) -> list[str]:
        listen = f"unix:{folder}/s.sock" if self.over_unix else f"tcp://127.0.0.1:{port}"
        return [
            str(self.program),
            "serve",
            "--data-dir",
            str(folder / "data"),
            "--listen",
            listen,
            "--mgmt",
            "off",
        ]

    def is_installed(self) -> bool:
        return self.program.exists()


@dataclass
class PythonHub(System):
    python: Path = Path()

    def command(self, folder: Path, port: int) -> list[str]:
        wanted = {
            "transports": ["unix"] if self.over_unix else ["tcp"],
            "server_id": "python",
            "socket_path": f"{folder}/s.sock",
            "tcp_port": port,
        }
        defaults = dict.fromkeys(
            (
                "connection_secret",
                "system_passwords",
                "channel_policy",
                "lb_policy",
                "error_policy",
                "idle_timeout_s",
                "data_timeout_s",
            )
        )
        return [
            str(self.python),
            str(ROOT / "tests/interop/reference_hub.py"),
            json.dumps(defaults | {"system_passwords": {}} | wanted),
        ]

    def is_installed(self) -> bool:
        return self.python.exists()


@dataclass
class Nats(System):
    def command(self, folder: Path, port: int) -> list[str]:
        return ["nats-server", "-a", "127.0.0.1", "-p", str(port)]

    def is_installed(self) -> bool:
        return super().is_installed() and shutil.which("nats-server") is not None


@dataclass
class Redis(System):
    def command(self, folder: Path, port: int) -> list[str]:
        options = {"--port": str(port), "--bind": "127.0.0.1", "--save": "", "--appendonly": "no"}
        options |= {"--dir": str(folder), "--maxclients": "11000"}
        return ["redis-server", *(word for pair in options.items() for word in pair)]

    def is_installed(self) -> bool:
        return super().is_installed() and shutil.which("redis-server") is not None


@dataclass
class Mosquitto(System):
    def command(self, folder: Path, port: int) -> list[str]:
        settings = folder / "mosquitto.conf"
        settings.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
            "log_type error\n"
        )
        return ["mosquitto", "-c", str(settings)]

    def is_installed(self) -> bool:
        return super().is_installed() and shutil.which("mosquitto") is not None


def all_systems(hub: Path, tools: Path, python: Path) -> list[System]:
    bench = [str(hub), "bench"]
    relay = [str(tools / "relay_load")]
    return [
        Relay("relay", relay, frozenset({"idle"}), fanout="broadcast", program=tools / "relay"),
        Relay(
            "relay, unix",
            relay,
            frozenset({"idle"}),
            fanout="broadcast",
            over_unix=True,
            program=tools / "relay",
        ),
        CommHub("CommHub", bench, program=hub),
        CommHub("CommHub, unix", bench, over_unix=True, program=hub),
        Nats("nats-server", [str(tools / "nats_load")], frozenset({"broadcast"})),
        Redis("redis-server", [str(tools / "redis_load")], frozenset({"rpc", "stream", "broadcast"})),
        Mosquitto("mosquitto", [str(tools / "mqtt_load")], frozenset({"broadcast"})),
        PythonHub("Python hub", bench, is_slow=True, python=python),
    ]
