# SPDX-License-Identifier: LGPL-3.0-or-later
"""Places (network namespaces) and the wires between them, each of which can be broken by itself and mended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import threading
from pathlib import Path

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

# How a wire breaks. A black hole swallows all; a reset answers every packet of a connection with its end; a
# wire that is down is known to be so by the system, at both its ends.
BLACK_HOLE = "black hole"
RESET = "reset"
DOWN = "down"


def run(*command: str, text: str | None = None) -> None:
    result = subprocess.run(command, capture_output=True, text=True, input=text)
    assert result.returncode == 0, f"{' '.join(command)}: {result.stderr}"


def programs() -> Path:
    """Where crowd, delay and wall clock were built."""
    return Path(os.environ["CHAOS_PROGRAMS"])


def enter_place(name: str) -> None:
    """The calling thread's (or new process's) network is that of the place from here on."""
    with open(f"/run/netns/{name}") as place:
        if _libc.setns(place.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {name}")


def socket_in(place: str) -> socket.socket:
    """A socket of that place, for use anywhere: made by a thread that goes there and does not come back."""
    made: list[socket.socket] = []

    def make() -> None:
        enter_place(place)
        made.append(socket.socket())

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


class Wire:
    """A pair of devices of one name in two places, with addresses `near` and `far` at its ends."""

    def __init__(self, number: int, near_place: str, far_place: str, delay_ms: int = 0) -> None:
        self.device = f"wire{number}"
        self.near_place, self.far_place = near_place, far_place
        self.near, self.far = f"10.213.{number}.1", f"10.213.{number}.2"
        self.is_broken = ""
        self._delay: subprocess.Popen[str] | None = None
        if delay_ms:
            self._lay_with_delay(delay_ms)
        else:
            run(*f"ip -n {near_place} link add {self.device} type veth peer name {self.device}".split(),
                "netns", far_place)  # fmt: skip
        for place, address in ((near_place, self.near), (far_place, self.far)):
            run(*f"ip -n {place} address add {address}/24 dev {self.device}".split())
            run(*f"ip -n {place} link set {self.device} up".split())

    def _lay_with_delay(self, delay_ms: int) -> None:
        self._delay = subprocess.Popen(
            [str(programs() / "chaos_delay"), self.near_place, self.device, self.far_place, self.device,
             str(delay_ms)],
            stdout=subprocess.PIPE, text=True, preexec_fn=lambda: _libc.prctl(1, 9),
        )  # fmt: skip
        assert self._delay.stdout is not None
        assert self._delay.stdout.readline() == "ready\n"

    def break_it(self, how: str) -> None:
        assert not self.is_broken
        self.is_broken = how
        if how == DOWN:
            run(*f"ip -n {self.near_place} link set {self.device} down".split())
            return
        verdict = "drop" if how == BLACK_HOLE else "meta l4proto tcp reject with tcp reset"
        rules = "".join(
            f"add chain inet {self.device} {hook} {{ type filter hook {hook} priority 0; }}\n"
            f"add rule inet {self.device} {hook} {side} {self.device} {verdict}\n"
            for hook, side in (("input", "iifname"), ("output", "oifname"))
        )
        self._nft(f"add table inet {self.device}\n{rules}")

    def mend(self) -> None:
        how, self.is_broken = self.is_broken, ""
        if how == DOWN:
            run(*f"ip -n {self.near_place} link set {self.device} up".split())
        elif how:
            self._nft(f"delete table inet {self.device}\n")

    def _nft(self, rules: str) -> None:
        run(*f"ip netns exec {self.near_place} nft -f -".split(), text=rules)

    def close(self) -> None:
        if self._delay is not None:
            self._delay.kill()
            self._delay.wait()


class Network:
    """Made with a test and taken down after it; `run.sh` removes what a killed run left."""

    def __init__(self) -> None:
        self.prefix = f"{os.environ['CHAOS_PREFIX']}-{os.getpid()}"
        self.places: list[str] = []
        self.wires: list[Wire] = []

    def add_place(self, name: str) -> str:
        place = f"{self.prefix}-{name}"
        run("ip", "netns", "add", place)
        self.places.append(place)
        run(*f"ip -n {place} link set lo up".split())
        return place

    def join(self, near_place: str, far_place: str, delay_ms: int = 0) -> Wire:
        wire = Wire(len(self.wires), near_place, far_place, delay_ms)
        self.wires.append(wire)
        return wire

    def close(self) -> None:
        for wire in self.wires:
            with contextlib.suppress(OSError):
                wire.close()
        for place in self.places:
            subprocess.run(["ip", "netns", "delete", place], capture_output=True)
