# SPDX-License-Identifier: LGPL-3.0-or-later
"""Trying bridges over REST and by command: what is found at real hubs of both kinds, and that nothing changes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub_under_test import Certificates, HubUnderTest, PythonHub, commhub_binary, free_tcp_port
from management_client import Json, Rest, quote
from mesh_under_test import LINK_SECRET, HubOptions, Mesh, Shape, link_address, start_mesh
from python_client import RELEASE

pytestmark = pytest.mark.commhub_only

NATIVE_STEPS = ["resolve", "connect", "handshake", "proof"]


@pytest.fixture(scope="module")
def hubs(certificates: Certificates) -> Iterator[Mesh]:
    """Two hubs, no bridge."""
    mesh = start_mesh(Shape("strangers", 2, ()), certificates)
    yield mesh
    mesh.close()


@pytest.fixture(scope="module")
def python(certificates: Certificates) -> Iterator[PythonHub]:
    hub = PythonHub(RELEASE, HubOptions(transports=("unix", "tcp"), connection_secret="python's own"), certificates)
    hub.start()
    yield hub
    hub.close()


def trial(hub: HubUnderTest, address: str, **wish: Any) -> Json:
    answer = Rest(hub).ask("POST", "/api/v1/bridges/test", {"address": address, "secret": LINK_SECRET} | wish)
    assert answer.status == 200, answer
    report: Json = answer.json
    assert report["passed"] == (report["failed_step"] is None) == (report["last_error"] is None), report
    assert [step["passed"] for step in report["steps"]] == [True] * (len(report["steps"]) - 1) + [report["passed"]]
    assert sum(step["elapsed_us"] for step in report["steps"]) <= report["elapsed_us"]
    return report


def steps(report: Json) -> list[str]:
    return [step["step"] for step in report["steps"]]


def assert_nothing_changed(hubs: Mesh) -> None:
    for rest in hubs.rest:
        assert rest.items("bridges") == [] and rest.items("links") == []
        assert len(rest.items("mesh")) == 1


@pytest.mark.parametrize("kind", ["native", "auto"])
def test_a_trial_of_another_hub_passes_and_leaves_nothing(hubs: Mesh, certificates: Certificates, kind: str) -> None:
    near, far = hubs
    report = trial(near, link_address(far, "tcp"), kind=kind)
    assert report["passed"] and steps(report) == NATIVE_STEPS
    assert report["peer"]["server_id"] == "hub-b" and report["peer"]["kind"] == "native"
    assert report["peer"]["release"] == hubs.rest[1].get("hub")["version"]
    tls = trial(near, link_address(far, "tls"), kind=kind, tls={"ca_file": str(certificates.ca)})
    assert tls["passed"] and steps(tls) == ["resolve", "connect", "tls", "handshake", "proof"]
    assert_nothing_changed(hubs)


def test_what_is_wrong_with_a_native_hub_is_told_by_step(hubs: Mesh, certificates: Certificates) -> None:
    near, far = hubs
    rows = [
        (f"tcp://127.0.0.1:{free_tcp_port()}", {}, "connect", "not_connected", "is the other hub running"),
        ("tcp://no-such-host.invalid:1", {}, "resolve", "not_resolved", "check the host name"),
        (link_address(far, "tcp"), {"secret": "another"}, "proof", "wrong_secret", "--link-secret-file"),
        (link_address(near, "tcp"), {}, "handshake", "itself", "another hub's address"),
        (
            link_address(far, "tls"),
            {"tls": {"ca_file": str(certificates.ca), "server_name": "elsewhere.example"}},
            "tls",
            "tls_failed",
            "set tls.server_name",
        ),
    ]
    for address, wish, step, reason, advice in rows:
        report = trial(near, address, **wish)
        assert report["failed_step"] == steps(report)[-1] == step, report
        assert report["reason"] == reason and advice in report["last_error"], report
    assert_nothing_changed(hubs)


def test_a_python_hub_is_tried_as_its_client(hubs: Mesh, python: PythonHub) -> None:
    near = hubs.hubs[0]
    address = link_address(python, "tcp")
    for kind in ("reference", "auto"):
        report = trial(near, address, kind=kind, connection_secret="python's own")
        assert report["passed"] and steps(report) == NATIVE_STEPS
        assert report["peer"]["server_id"] == python.server_id and report["peer"]["kind"] == "reference"
        assert report["peer"]["release"] == RELEASE
    for secret, advice in (({}, "give the bridge its connection_secret"), ({"connection_secret": "x"}, "differ")):
        report = trial(near, address, kind="reference", **secret)
        assert report["failed_step"] == "proof" and advice in report["last_error"], report
    nobody = trial(near, f"tcp://127.0.0.1:{free_tcp_port()}", kind="reference")
    assert nobody["failed_step"] == "connect" and "is the other hub running" in nobody["last_error"]
    assert_nothing_changed(hubs)


def command(hub: HubUnderTest, *words: str, status: int = 0, given: str = "") -> str:
    done = subprocess.run(
        [str(commhub_binary()), *words],
        input=given,
        env={
            "COMMHUB_API": f"http://127.0.0.1:{hub.mgmt_port}",
            "COMMHUB_TOKEN_FILE": str(hub.data_folder / "first-run-token"),
        },
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == status, done
    return done.stdout if status < 2 else done.stderr


async def test_the_command_tries_a_stored_bridge_or_one_in_a_file(hubs: Mesh, tmp_path: Path) -> None:
    near, far = hubs
    rest = hubs.rest[0]
    wish = {"address": link_address(far, "tcp"), "secret": "another", "paused": True}
    rest.put_bridge("west", wish["address"], secret=LINK_SECRET, paused=True)
    try:
        told = command(near, "bridge", "test", "west").splitlines()
        assert [line.split()[:2] for line in told[:4]] == [[step, "ok"] for step in NATIVE_STEPS]
        assert "answered by hub-b" in told[4] and told[5].startswith("passed in ")
        (tmp_path / "wish.json").write_text(json.dumps(wish))
        told = command(near, "bridge", "test", "-f", str(tmp_path / "wish.json"), status=1).splitlines()
        assert told[3].split()[:2] == ["proof", "FAILED"] and told[-1].startswith("failed: ")
        del wish["secret"]
        assert "passed" in command(near, "bridge", "test", "west", "-f", "-", given=json.dumps(wish))
        assert json.loads(command(near, "bridge", "test", "west", "-o", "json"))["passed"] is True
        assert "the name is missing" in command(near, "bridge", "test", status=2)
        assert rest.bridge("west")["state"] == "paused" and len(hubs.rest[1].items("links")) == 0
    finally:
        assert rest.delete(f"bridges/{quote('west')}") == 204
