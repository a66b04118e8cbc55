# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs the crowd (crowd.c), which sends to itself over all hubs and counts what arrived."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from queue import Empty, Queue
from typing import Any

from mesh import Hub, Mesh, eventually
from network import programs

Json = dict[str, Any]
ANSWER_S = 20.0


class Crowd:
    def __init__(self, hubs: list[Hub], first: int = 0, channel: str = "chaos", **options: object) -> None:
        self.hubs = hubs
        self.channel = channel
        self.names = {f"crowd-{first + i}" for i in range(len(hubs))}
        arguments = [f"--channel={channel}", f"--first={first}"]
        arguments += [f"--{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen(
            [str(programs() / "chaos_crowd"), *(part for a in arguments for part in a.split("=", 1)),
             *(f"unix:{hub.socket_path}" for hub in hubs)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._follow, daemon=True).start()
        assert self._next_line() == "ready"

    def _follow(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.strip())

    def _next_line(self) -> str:
        try:
            return self._lines.get(timeout=ANSWER_S)
        except Empty:
            raise AssertionError(f"the crowd does not answer (exit status {self.process.poll()})") from None

    def _say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def known_everywhere(self, mesh: Mesh) -> Crowd:
        """Waits until each hub of the mesh knows all members, and who subscribes what."""
        n = len(self.hubs)

        def is_known() -> bool:
            return all(
                self.names <= hub.members(self.channel)
                for hub in mesh.hubs
                if hub.process.poll() is None
            ) and all(hub.subscribers(self.channel) >= n - 1 for hub in self.hubs)

        eventually(is_known, "every hub knows the crowd")
        # A hub shows what it has been told itself; the last of it may still be under way to others.
        time.sleep(0.5)
        return self

    def go(self) -> None:
        self._say("go")

    def report(self) -> Json:
        self._say("report")
        report: Json = json.loads(self._next_line())
        return report

    def is_complete(self) -> bool:
        report = self.report()
        kinds = [report["broadcast"], report["publish"]]
        return (
            report["has_all_sent"]
            and report["under_way"] == 0
            and all(kind["got"] == kind["due"] for kind in kinds)
        )

    def has_ended(self) -> bool:
        """All is said and every call has ended, whether or not all arrived."""
        report = self.report()
        return bool(report["has_all_sent"]) and report["under_way"] == 0

    def complete(self, within_s: float) -> Json:
        """Waits for the last message; what is missing after that time is lost."""
        give_up = time.monotonic() + within_s
        while not self.is_complete() and time.monotonic() < give_up:
            time.sleep(0.1)
        report = self.report()
        assert report["has_all_sent"], f"it could not say all: {report}"
        assert lost(report) == 0, f"{lost(report)} lost: {report}"
        hold_always(report)
        return report

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._say("stop")
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def lost(report: Json) -> int:
    return sum(report[kind]["due"] - report[kind]["got"] for kind in ("broadcast", "publish"))


def hold_always(report: Json) -> None:
    """What is promised in every shape and at every moment."""
    for kind in ("broadcast", "publish"):
        assert report[kind]["twice"] == 0, f"{kind}s came twice: {report}"
    assert report["call"]["twice"] == 0, f"calls were carried out twice: {report}"
    assert report["timed_out"] == 0, f"calls were neither answered nor refused: {report}"
    assert report["under_way"] == 0, f"calls have not ended: {report}"
    assert report["answered_by_nobody"] == 0, f"calls were answered that nobody carried out: {report}"
    assert report["strange"] == 0, f"messages came that nobody sent: {report}"
