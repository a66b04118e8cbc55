# SPDX-License-Identifier: LGPL-3.0-or-later
"""Hubs in places of their own, joined by bridges over wires, set up through REST as an operator would."""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from network import Network, Wire, enter_place, programs, socket_in

Json = dict[str, Any]
READY_S = 20.0
CONVERGE_S = 20.0
STOP_S = 10.0
PORT = 7411
MGMT_PORT = 8080
_libc = ctypes.CDLL(None)


def eventually(is_so: Callable[[], bool], what: str, within_s: float = CONVERGE_S) -> float:
    """Waits until it is so; the seconds that took."""
    since = time.monotonic()
    while not is_so():
        assert time.monotonic() - since < within_s, f"not within {within_s} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - since


class Hub:
    """One hub process; place, addresses and data stay the same when it is killed and started again."""

    def __init__(self, network: Network, name: str, folder: Path, *, has_wall_clock: bool = False) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self.place = network.add_place(name)
        self.socket_path = self.folder / "hub.sock"
        self.lines: list[str] = []
        self._is_ready = threading.Event()
        secret = self.folder / "link-secret"
        secret.write_text("the hubs know this")
        secret.chmod(0o600)
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("COMMHUB_")}
        self._wall_clock = self.folder / "wall-clock"
        if has_wall_clock:
            self._wall_clock.write_bytes(bytes(8))
            self._environment["CHAOS_WALL_CLOCK"] = str(self._wall_clock)
            self._environment["LD_PRELOAD"] = str(programs() / "libchaos_wall_clock.so")
        self.start()

    def start(self) -> None:
        place = self.place

        def prepare() -> None:
            _libc.prctl(1, signal.SIGKILL)  # a test run that is killed leaves no hub behind
            enter_place(place)

        self._is_ready.clear()
        self.process = subprocess.Popen(
            [os.environ["COMMHUB_BIN"], "serve", "--data-dir", str(self.folder / "data"),
             "--server-id", self.name, "--listen", f"unix:{self.socket_path}",
             "--listen", f"tcp://0.0.0.0:{PORT}", "--mgmt", f"127.0.0.1:{MGMT_PORT}",
             "--link-secret-file", str(self.folder / "link-secret")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", env=self._environment, preexec_fn=prepare,
        )  # fmt: skip
        threading.Thread(target=self._follow, args=(self.process,), daemon=True).start()
        assert self._is_ready.wait(READY_S), f"{self.name} is not ready:\n{self.said()}"

    def _follow(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("ready "):
                self._is_ready.set()

    def said(self) -> str:
        return "\n".join(self.lines[-60:])

    def kill(self) -> None:
        """kill -9: no goodbye to anyone."""
        self.process.kill()
        self.process.wait()

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def shift_wall_clock(self, seconds: int) -> None:
        with self._wall_clock.open("r+b") as shift:
            shift.write(seconds.to_bytes(8, "little", signed=True))

    def ask(self, method: str, path: str, body: Json | None = None) -> Any:
        """What REST answers; refusals are failures."""
        connection = http.client.HTTPConnection("127.0.0.1", MGMT_PORT, timeout=8)
        connection.sock = socket_in(self.place)
        connection.sock.settimeout(8)
        connection.sock.connect(("127.0.0.1", MGMT_PORT))
        token = (self.folder / "data" / "first-run-token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        with contextlib.closing(connection):
            connection.request(method, f"/api/v1/{path}", json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            text = answer.read()
        assert answer.status < 300, f"{method} {path} at {self.name}: {answer.status} {text!r}"
        return json.loads(text) if text else None

    def links(self) -> list[Json]:
        links: list[Json] = self.ask("GET", "links?limit=1000")["items"]
        return links

    def subscribers(self, channel: str) -> int:
        """Of all topics of the channel together, as far as this hub knows of them."""
        return sum(topic["subscribers"] for topic in self.of_channel(channel, "topics"))

    def members(self, channel: str) -> set[str]:
        return {member["id"] for member in self.of_channel(channel, "members")}

    def of_channel(self, channel: str, what: str) -> list[Json]:
        """Its members or topics; none where the hub does not know the channel (yet)."""
        if not self.ask("GET", f"channels?name={channel}&limit=1000")["items"]:
            return []
        items: list[Json] = self.ask("GET", f"channels/{channel}/{what}?limit=1000")["items"]
        return items

    def stop(self) -> None:
        if self.process.poll() is None:
            self.thaw()
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} ignored SIGTERM:\n{self.said()}") from None
        assert status in (0, -signal.SIGKILL), f"{self.name} ended with {status}:\n{self.said()}"


Edges = list[tuple[int, int]]


def ring(n: int) -> Edges:
    return [(i, (i + 1) % n) for i in range(n)]


def full(n: int) -> Edges:
    return [(a, b) for a in range(n) for b in range(a + 1, n)]


def at_random(n: int, n_edges: int, seed: int) -> Edges:
    """A ring, so that no single wire parts it, and chords."""
    chords = [edge for edge in full(n) if edge not in ring(n) and edge[::-1] not in ring(n)]
    return ring(n) + random.Random(seed).sample(chords, n_edges - n)


class Mesh:
    def __init__(
        self, folder: Path, n_hubs: int, edges: Edges, *, delay_ms: int = 0, has_wall_clock: bool = False,
        **wish: Any,
    ) -> None:  # fmt: skip
        self.network = Network()
        self.hubs: list[Hub] = []
        self.edges = edges
        self.wires: list[Wire] = []
        try:
            for i in range(n_hubs):
                clock = {"has_wall_clock": has_wall_clock}
                self.hubs.append(Hub(self.network, f"hub-{chr(ord('a') + i)}", folder, **clock))
            for number, (near, far) in enumerate(edges):
                self.wires.append(self.network.join(self.hubs[near].place, self.hubs[far].place, delay_ms))
                address = f"tcp://{self.wires[-1].far}:{PORT}"
                self.hubs[near].ask("PUT", f"bridges/{self.bridge(number)}", {"address": address} | wish)
            self.up()
        except BaseException:
            self.discard()
            raise

    def bridge(self, number: int) -> str:
        return f"bridge-{number}"

    def link_states(self, number: int) -> tuple[str, str]:
        """Of a wire's link at the hub that dials and at the one that is dialed; "" where there is none."""
        near, far = (self.hubs[i] for i in self.edges[number])
        wire = self.wires[number]
        here = [link["state"] for link in near.links() if link["bridge"] == self.bridge(number)]
        there = [
            link["state"]
            for link in far.links()
            if link["direction"] == "in" and f"{wire.near}:" in link["address"]
        ]
        return (here or [""])[0], "up" if "up" in there else (there or [""])[0]

    def dial(self, number: int) -> None:
        """The wire's link need not wait for its next try."""
        self.hubs[self.edges[number][0]].ask("POST", f"bridges/{self.bridge(number)}/retry")

    def up(self) -> None:
        """Waits until every link that can be is up at both its ends."""
        whole = [n for n, wire in enumerate(self.wires) if not wire.is_broken]
        eventually(lambda: all(self.link_states(n) == ("up", "up") for n in whole), "all links are up")

    def mend(self) -> None:
        for wire in self.wires:
            wire.mend()

    def is_whole_without(self, numbers: set[int]) -> bool:
        """Whether every hub is reached by every other without these wires."""
        reached = {0}
        left = [edge for n, edge in enumerate(self.edges) if n not in numbers]
        for _ in self.hubs:
            reached |= {b for a, b in left if a in reached} | {a for a, b in left if b in reached}
        return len(reached) == len(self.hubs)

    def discard(self) -> None:
        for hub in self.hubs:
            hub.kill()
        self.network.close()

    def close(self) -> None:
        """Every hub ends well, or this fails."""
        complaints = []
        for hub in self.hubs:
            try:
                hub.stop()
            except AssertionError as complaint:
                complaints.append(str(complaint))
        self.network.close()
        assert not complaints, "\n".join(complaints)
