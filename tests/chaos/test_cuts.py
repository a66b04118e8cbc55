# SPDX-License-Identifier: LGPL-3.0-or-later
"""Wires break: what hubs show of it, and what comes after."""

from __future__ import annotations

import time

import pytest

from conftest import CrowdMaker, MeshMaker
from crowd import hold_always
from mesh import eventually, ring
from network import BLACK_HOLE, DOWN, RESET


@pytest.mark.parametrize("way", [RESET, DOWN, BLACK_HOLE])
def test_a_partition_heals(make_mesh: MeshMaker, make_crowd: CrowdMaker, way: str) -> None:
    """Two halves of a ring for longer than sessions last; what is said afterwards arrives at all."""
    mesh = make_mesh(4, ring(4), resume_window_s=1)
    before = make_crowd(mesh, rate=800, broadcasts=400, publishes=400, calls=200, deadline=20000)
    before.go()
    for n in (0, 2):
        mesh.wires[n].break_it(way)
    eventually(lambda: all("up" not in mesh.link_states(n) for n in (0, 2)), "the wires are seen broken", 5)
    time.sleep(1.5)
    mesh.mend()
    mesh.up()
    eventually(before.has_ended, "all calls have ended", 25)
    hold_always(before.report())
    after = make_crowd(mesh, first=10, channel="after", rate=2000, broadcasts=200, publishes=200, calls=100)
    after.go()
    assert after.complete(within_s=10)["answered"] == 400


def test_a_black_hole_is_down_at_both_ends_within_three_seconds(make_mesh: MeshMaker) -> None:
    mesh = make_mesh(3, ring(3))
    mesh.wires[0].break_it(BLACK_HOLE)
    took_s = eventually(
        lambda: not {"up", "degraded"} & set(mesh.link_states(0)), "both ends see the black hole", 4.0
    )
    print(f"\nseen after {took_s:.2f} s")
    assert all(mesh.link_states(n) == ("up", "up") for n in (1, 2))


def test_a_long_wire_carries_everything(make_mesh: MeshMaker, make_crowd: CrowdMaker) -> None:
    """40 ms each way: the round trip that the hub shows is what the wire takes, and nothing is lost."""
    mesh = make_mesh(2, [(0, 1)], delay_ms=40)
    crowd = make_crowd(mesh, rate=2000, broadcasts=1000, publishes=1000, calls=500)
    crowd.go()
    crowd.complete(within_s=15)
    rtt_ms = mesh.hubs[0].links()[0]["rtt_ms"]
    assert 80 <= rtt_ms < 400, rtt_ms
