# SPDX-License-Identifier: LGPL-3.0-or-later
"""Wires break under traffic. Nothing is lost where they return in time, or where there is another way."""

from __future__ import annotations

import os

import pytest

from breaker import Breaker
from conftest import CrowdMaker, MeshMaker
from mesh import Edges, at_random, eventually, full, ring

SCALE = int(os.environ["CHAOS_SCALE"])
SHAPES: list[tuple[str, int, Edges]] = [
    ("pair", 2, [(0, 1)]),
    ("ring-3", 3, ring(3)),
    ("ring-5", 5, ring(5)),
    ("full-5", 5, full(5)),
    ("random-6", 6, at_random(6, 9, seed=4)),
]
# So long a wire is gone: a black hole is noticed after 3 s, and then its session has a second.
AWAY_S = 4.5
IDS = [name for name, _, _ in SHAPES]


def messages_for(n_hubs: int, seconds: float) -> dict[str, int]:
    """Operations of each client that keep a crowd busy so long, three quarters of them messages to many."""
    rate = 1600
    each = int(seconds * SCALE * rate / n_hubs)
    return {"rate": rate, "broadcasts": each * 3 // 8, "publishes": each * 3 // 8, "calls": each // 4}


@pytest.mark.timeout(60 + 20 * SCALE)
@pytest.mark.parametrize(("name", "n_hubs", "edges"), SHAPES, ids=IDS)
def test_every_message_arrives_once_over_wires_that_return(
    make_mesh: MeshMaker, make_crowd: CrowdMaker, name: str, n_hubs: int, edges: Edges
) -> None:
    mesh = make_mesh(n_hubs, edges)
    crowd = make_crowd(mesh, **messages_for(n_hubs, 6))
    with Breaker(mesh, for_s=0.5) as breaker:
        crowd.go()
        eventually(crowd.has_ended, "all is said", 40 + 20 * SCALE)
    report = crowd.complete(within_s=20)
    assert breaker.n_broken >= 4
    print(f"\n{name}: {breaker.n_broken} cuts; {report}")


@pytest.mark.timeout(60 + 20 * SCALE)
@pytest.mark.parametrize(("name", "n_hubs", "edges"), SHAPES[1:], ids=IDS[1:])
def test_every_message_arrives_once_when_wires_are_gone_but_there_is_another_way(
    make_mesh: MeshMaker, make_crowd: CrowdMaker, name: str, n_hubs: int, edges: Edges
) -> None:
    """Sessions are over long before the wire is back, which it is only for the sake of the next to break."""
    mesh = make_mesh(n_hubs, edges, resume_window_s=1)
    crowd = make_crowd(mesh, **messages_for(n_hubs, 6))
    with Breaker(mesh, for_s=AWAY_S, keeps_whole=True) as breaker:
        crowd.go()
        eventually(crowd.has_ended, "all is said", 40 + 20 * SCALE)
        report = crowd.complete(within_s=20)
    print(f"\n{name}: {breaker.n_broken} cuts; {report}")
