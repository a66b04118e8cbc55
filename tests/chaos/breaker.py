# SPDX-License-Identifier: LGPL-3.0-or-later
"""Breaks the wires of a mesh one after the other while traffic goes on."""

from __future__ import annotations

import random
import threading
import time

from mesh import Mesh
from network import BLACK_HOLE, DOWN, RESET, Wire


CHOOSE_AGAIN_S = 0.1


class Breaker:
    """
    Within `with`, breaks a wire every `every_s` and mends it `for_s` later. With `keeps_whole`, never so many at
    a time that hubs are parted: where one more would part them it waits for the first that is mended and whose
    link is up, which is dialed at once then. Leaving it mends all.
    """

    def __init__(
        self, mesh: Mesh, *, every_s: float = 1.0, for_s: float = 0.4, keeps_whole: bool = False,
        ways: tuple[str, ...] = (RESET, DOWN, BLACK_HOLE), seed: int = 1,
    ) -> None:  # fmt: skip
        self.mesh, self.every_s, self.for_s = mesh, every_s, for_s
        self.keeps_whole, self.ways = keeps_whole, ways
        self.n_broken = 0
        self._random = random.Random(seed)
        self._is_over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _choose(self) -> Wire | None:
        wires = self.mesh.wires
        broken = {n for n, wire in enumerate(wires) if wire.is_broken}
        if self.keeps_whole:
            broken |= {n for n in range(len(wires)) if n not in broken and self.mesh.link_states(n) != ("up", "up")}
        fit = [
            n
            for n in range(len(wires))
            if n not in broken and (not self.keeps_whole or self.mesh.is_whole_without(broken | {n}))
        ]
        return wires[self._random.choice(fit)] if fit else None

    def _mend(self, wire: Wire) -> None:
        wire.mend()
        if self.keeps_whole:
            self.mesh.dial(self.mesh.wires.index(wire))

    def _run(self) -> None:
        mends: list[tuple[float, Wire]] = []
        next_break = time.monotonic() + self.every_s
        try:
            while not self._is_over.wait(0.02):
                now = time.monotonic()
                for due, wire in [mend for mend in mends if mend[0] <= now]:
                    self._mend(wire)
                    mends.remove((due, wire))
                if now < next_break:
                    continue
                wire_to_break = self._choose()
                next_break = now + (self.every_s if wire_to_break is not None else CHOOSE_AGAIN_S)
                if wire_to_break is not None:
                    wire_to_break.break_it(self.ways[self.n_broken % len(self.ways)])
                    self.n_broken += 1
                    mends.append((now + self.for_s, wire_to_break))
        except BaseException as failure:
            self._failure = failure

    def __enter__(self) -> Breaker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self.mesh.mend()
        assert self._failure is None, self._failure
