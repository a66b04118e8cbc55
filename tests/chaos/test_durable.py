# SPDX-License-Identifier: LGPL-3.0-or-later
"""Durable topics: what is published reaches the far hub, whatever is cut or killed in between."""

from __future__ import annotations

import time
from typing import Any

import pytest

from conftest import CrowdMaker, MeshMaker
from crowd import Crowd, lost
from mesh import Mesh, eventually
from network import BLACK_HOLE

N = 1500


def durable_pair(make_mesh: MeshMaker, **durable: Any) -> Mesh:
    """From hub-a to hub-b; a session that is cut is soon over."""
    wish = {"topics": ["news-*"]} | durable
    return make_mesh(2, [(0, 1)], resume_window_s=1, durable=wish)


def from_a_to_b(crowd: Crowd) -> tuple[int, int, int]:
    """Due, and how many are missing of what the client at hub-a published, and how often one came twice."""
    publish = crowd.report()["publish"]
    missing = sum(gap[2] for gap in publish["gaps"] if gap[1] == 0)
    return publish["sent"] // 2, missing, publish["twice"]


def spool(mesh: Mesh) -> dict[str, int]:
    status: dict[str, int] = mesh.hubs[0].ask("GET", "bridges/bridge-0")["spool"]
    return status


def all_arrive(crowd: Crowd, mesh: Mesh, within_s: float = 20) -> None:
    eventually(lambda: crowd.report()["has_all_sent"] and from_a_to_b(crowd)[1] == 0, "all arrived", within_s)
    eventually(lambda: spool(mesh)["messages"] == 0, "nothing waits any more", 5)


def test_a_durable_topic_is_as_good_as_another_while_all_is_well(
    make_mesh: MeshMaker, make_crowd: CrowdMaker
) -> None:
    mesh = durable_pair(make_mesh)
    crowd = make_crowd(mesh, rate=3000, publishes=N)
    crowd.go()
    report = crowd.complete(within_s=15)
    assert (report["publish"]["twice"], report["publish"]["overtaken"], lost(report)) == (0, 0, 0)
    assert spool(mesh)["stored"] == N


def test_durable_messages_outlast_a_cut_and_the_death_of_the_publishers_hub(
    make_mesh: MeshMaker, make_crowd: CrowdMaker
) -> None:
    """Cut for good as far as the session is concerned; what was stored when hub-a dies is there when it is back."""
    mesh = durable_pair(make_mesh)
    crowd = make_crowd(mesh, rate=1500, publishes=N)
    crowd.go()
    time.sleep(0.5)
    mesh.wires[0].break_it(BLACK_HOLE)
    eventually(lambda: crowd.report()["has_all_sent"], "all is said", 10)
    eventually(lambda: spool(mesh)["stored"] == N, "all is stored", 5)
    waiting = spool(mesh)["messages"]
    assert waiting > 0
    # The last commit is under way for some milliseconds after a message was counted as stored.
    time.sleep(0.5)
    mesh.hubs[0].kill()
    mesh.hubs[0].start()
    assert spool(mesh)["messages"] >= waiting
    mesh.mend()
    mesh.up()
    all_arrive(crowd, mesh)
    assert from_a_to_b(crowd)[1:] == (0, 0)


def test_durable_messages_outlast_the_death_of_the_far_hub(make_mesh: MeshMaker, make_crowd: CrowdMaker) -> None:
    """Its subscriber comes back after it, and gets what was published meanwhile."""
    mesh = durable_pair(make_mesh)
    crowd = make_crowd(mesh, rate=1000, publishes=N)
    crowd.go()
    mesh.wires[0].break_it(BLACK_HOLE)
    eventually(lambda: "up" not in mesh.link_states(0), "the wire is seen broken", 5)
    mesh.hubs[1].kill()
    eventually(lambda: spool(mesh)["stored"] > N / 2, "much is stored", 10)
    mesh.hubs[1].start()
    mesh.mend()
    mesh.up()
    all_arrive(crowd, mesh)
    assert from_a_to_b(crowd)[2] == 0


def test_the_death_of_the_far_hub_amid_durable_messages_loses_none(
    make_mesh: MeshMaker, make_crowd: CrowdMaker
) -> None:
    """What it delivered in its last moments it could not note, and comes again: that much, and no more."""
    mesh = durable_pair(make_mesh)
    crowd = make_crowd(mesh, rate=1500, publishes=N)
    crowd.go()
    time.sleep(0.7)
    mesh.hubs[1].kill()
    mesh.hubs[1].start()
    mesh.up()
    eventually(lambda: crowd.report()["has_all_sent"], "all is said", 15)
    eventually(lambda: spool(mesh)["messages"] == 0, "nothing waits any more", 15)
    _, missing, twice = from_a_to_b(crowd)
    # What hub-b had written to its subscriber's socket is read; what it still had in hand died with it.
    assert missing <= 512, missing
    assert twice <= 512, twice


@pytest.mark.parametrize("at_bound", ["drop_oldest", "drop_newest", "refuse"])
def test_a_full_spool_does_what_its_bridge_says(
    make_mesh: MeshMaker, make_crowd: CrowdMaker, at_bound: str
) -> None:
    mesh = durable_pair(make_mesh, max_bytes=65536, at_bound=at_bound)
    crowd = make_crowd(mesh, rate=3000, publishes=600, bytes=400)
    mesh.wires[0].break_it(BLACK_HOLE)
    eventually(lambda: "up" not in mesh.link_states(0), "the wire is seen broken", 5)
    crowd.go()
    eventually(lambda: crowd.report()["has_all_sent"], "all is said", 10)
    time.sleep(0.5)
    status = spool(mesh)
    assert 0 < status["messages"] < 300
    assert status["bytes"] <= 65536
    mesh.mend()
    mesh.up()
    eventually(lambda: spool(mesh)["messages"] == 0, "nothing waits any more", 15)
    first, last = next(gap[3:] for gap in crowd.report()["publish"]["gaps"] if gap[1] == 0)
    if at_bound == "drop_oldest":
        # The very first may be under way already when they are evicted; the newest is never touched.
        assert status["evicted"] > 0
        assert last < 599
    else:
        assert (first > 0, last) == (True, 599)
        assert status["turned_away" if at_bound == "drop_newest" else "stored"] > 0
