# SPDX-License-Identifier: LGPL-3.0-or-later
"""Hubs die, stall and lose their sense of time."""

from __future__ import annotations

import time

from conftest import CrowdMaker, MeshMaker
from crowd import hold_always
from mesh import eventually, ring


def test_a_hub_that_is_killed_in_the_middle_comes_back(make_mesh: MeshMaker, make_crowd: CrowdMaker) -> None:
    """What it had in its hands is lost, but nothing comes twice, calls end, and then all is as before."""
    mesh = make_mesh(3, [(0, 1), (1, 2)])
    crowd = make_crowd(
        mesh, hubs=[mesh.hubs[0], mesh.hubs[2]], rate=1500, broadcasts=1000, publishes=1000, calls=1000
    )
    crowd.go()
    time.sleep(1)
    mesh.hubs[1].kill()
    time.sleep(1)
    mesh.hubs[1].start()
    mesh.up()
    eventually(crowd.has_ended, "all calls have ended", 25)
    hold_always(crowd.report())
    after = make_crowd(mesh, first=10, channel="after", rate=2000, broadcasts=300, publishes=300, calls=200)
    after.go()
    assert after.complete(within_s=10)["answered"] == 600


def test_calls_go_to_wherever_the_service_is_now(make_mesh: MeshMaker, make_crowd: CrowdMaker) -> None:
    """A service leaves one hub for another while it is called; each call is carried out at most once, in all."""
    mesh = make_mesh(3, ring(3))
    n_calls = 1200
    first = make_crowd(mesh, hubs=[mesh.hubs[0]], first=10, service="moving", calls=n_calls)
    caller = make_crowd(mesh, hubs=[mesh.hubs[1]], call="moving", calls=n_calls, rate=400)
    caller.go()
    time.sleep(1)
    second = make_crowd(mesh, hubs=[mesh.hubs[2]], first=20, service="moving", calls=n_calls)
    left = first.report()
    first.close()
    eventually(caller.has_ended, "all calls have ended", 25)
    report, arrived = caller.report(), second.report()
    hold_always(report)
    carried_out = [int(r["carried_out"].get("0", "0"), 16) for r in (left, arrived)]
    assert all(carried_out), "both had calls to carry out"
    assert carried_out[0] & carried_out[1] == 0, "a call was carried out at both hubs"
    assert report["answered"] >= n_calls - 100, f"only calls of the moment of the move may fail: {report}"


def test_a_hub_that_stalls_is_left_out_and_taken_back(make_mesh: MeshMaker, make_crowd: CrowdMaker) -> None:
    """SIGSTOP: its connections stay open and it answers nothing."""
    mesh = make_mesh(3, ring(3))
    crowd = make_crowd(
        mesh, hubs=[mesh.hubs[0], mesh.hubs[1]], rate=1000, broadcasts=1500, publishes=1500, calls=1000
    )
    crowd.go()
    mesh.hubs[2].freeze()

    def is_seen() -> bool:
        states = {link["state"] for hub in mesh.hubs[:2] for link in hub.links() if link["server_id"] == "hub-c"}
        return not states & {"up", "degraded"}

    eventually(is_seen, "its neighbours see that it stalls", 4.0)
    mesh.hubs[2].thaw()
    mesh.up()
    crowd.complete(within_s=20)


def test_a_wall_clock_that_jumps_disturbs_nothing(make_mesh: MeshMaker, make_crowd: CrowdMaker) -> None:
    """An hour ahead, a day back: no link goes down, no call times out, nothing is lost."""
    mesh = make_mesh(2, [(0, 1)], has_wall_clock=True)
    up_since = mesh.hubs[0].ask("GET", "hub")["uptime_s"]
    crowd = make_crowd(mesh, rate=1000, broadcasts=700, publishes=700, calls=600)
    crowd.go()
    for shift_s in (3600, -86400, 0):
        for hub in mesh.hubs:
            hub.shift_wall_clock(shift_s)
        time.sleep(0.7)
    report = crowd.complete(within_s=15)
    assert report["answered"] == 1200, report
    assert [link["state"] for hub in mesh.hubs for link in hub.links()] == ["up", "up"]
    assert not any("link" in line and "down" in line for hub in mesh.hubs for line in hub.lines), mesh.hubs[0].said()
    assert up_since <= mesh.hubs[0].ask("GET", "hub")["uptime_s"] < up_since + 60
