# SPDX-License-Identifier: LGPL-3.0-or-later
"""Somebody with honest work on the hub, in a process of its own: calls an echo until told to stop.

    with Bystander(address) as bystander:
        ... trouble ...
    bystander.assert_undisturbed()

Run as a program it is the process: it stops when its standard input ends, and prints what it measured.
"""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import time
from pathlib import Path

from blunt_client import BluntClient

PAUSE_S = 0.002
# A machine with two cores runs the trouble makers beside it: what is looked for here is a hub that is busy or
# blocked for long, not a hub that is one scheduler's turn late.
MOST_P99_S = 0.1
MOST_WORST_S = 1.5


class Bystander:
    def __init__(self, address: str) -> None:
        self.took_s: list[float] = []
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "calling\n", "the bystander could not begin"

    def __enter__(self) -> Bystander:
        return self

    def __exit__(self, *_: object) -> None:
        output, _ = self._process.communicate(timeout=20)
        if self._process.returncode == 0:
            self.took_s = sorted(json.loads(output))

    def assert_undisturbed(self, at_least: int = 100) -> None:
        assert self._process.returncode == 0, "the bystander's calls failed"
        assert len(self.took_s) >= at_least, f"only {len(self.took_s)} calls were answered"
        p99 = self.took_s[len(self.took_s) * 99 // 100]
        worst = self.took_s[-1]
        figures = f"{len(self.took_s)} calls, p99 {p99 * 1e3:.2f} ms, worst {worst * 1e3:.1f} ms"
        print(f"bystander: {figures}")
        assert p99 < MOST_P99_S and worst < MOST_WORST_S, figures


def main() -> None:
    address = sys.argv[1]
    provider, caller = BluntClient(address, "bystander-provider"), BluntClient(address, "bystander-caller")
    provider.provide("bystanders", "echo")
    waiting = selectors.DefaultSelector()
    waiting.register(sys.stdin, selectors.EVENT_READ)
    took_s = []
    print("calling", flush=True)
    while not waiting.select(PAUSE_S):
        began = time.monotonic()
        number = len(took_s)
        caller.say(
            {
                "type": "call",
                "channel": "bystanders",
                "event": "echo",
                "request_id": f"c{number}",
                "data": number,
            }
        )
        call = provider.hear_type("call")
        provider.say(
            {
                "type": "response",
                "request_id": call["request_id"],
                "target_id": call["sender_id"],
                "data": call["data"],
            }
        )
        answer = caller.hear_type("response")
        assert answer["request_id"] == f"c{number}" and answer["data"] == number, answer
        took_s.append(time.monotonic() - began)
    print(json.dumps(took_s))


if __name__ == "__main__":
    main()
