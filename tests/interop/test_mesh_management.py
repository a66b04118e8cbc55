# SPDX-License-Identifier: LGPL-3.0-or-later
"""One hub's operator at another hub, through the mesh: where it is granted, and where it is not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from hub_under_test import Certificates, HubUnderTest, commhub_binary
from management_client import Answer, Rest
from mesh_under_test import LINK_SECRET, link_address, mesh_options
from python_client import eventually

pytestmark = [pytest.mark.commhub_only, pytest.mark.raw]


class Pair:
    """`near` dials `far`, who lets operators of hubs that dial it write; `near` lets nobody."""

    def __init__(self, certificates: Certificates) -> None:
        granting = ("--link-management", "write")
        self.far = HubUnderTest(mesh_options("far", arguments=granting), certificates).start()
        self.near = HubUnderTest(mesh_options("near"), certificates).start()
        Rest(self.near).put_bridge("to-far", link_address(self.far, "tcp"), secret=LINK_SECRET)

    async def up(self) -> None:
        await eventually(lambda: len(Rest(self.far).items("mesh")) == 2, "far knows near", 15)
        await eventually(lambda: len(Rest(self.near).items("mesh")) == 2, "near knows far", 15)

    def ask(self, at: HubUnderTest, method: str, path: str, body: Any = None) -> Answer:
        """Asks the hub for something of the other one."""
        other = self.far if at is self.near else self.near
        hub_id = Rest(other).get("hub")["hub_id"]
        return Rest(at).ask(method, f"/api/v1/mesh/hubs/{hub_id}/{path}", body)

    def close(self) -> None:
        self.near.close()
        self.far.close()


@pytest.fixture(scope="module")
def pair(certificates: Certificates) -> Iterator[Pair]:
    pair = Pair(certificates)
    yield pair
    pair.close()


async def test_an_operator_makes_tries_and_removes_a_bridge_of_another_hub(pair: Pair) -> None:
    await pair.up()
    wish = {"address": "tcp://127.0.0.1:1", "secret": "x", "paused": True}
    assert pair.ask(pair.near, "PUT", "bridges/west?dry_run=true", wish).json["status"] == 201
    assert pair.ask(pair.near, "PUT", "bridges/west", wish).status == 201
    trial = pair.ask(pair.near, "POST", "bridges/west/test")
    assert trial.status == 200 and trial.json["failed_step"] == "connect", trial
    assert pair.ask(pair.near, "DELETE", "bridges/west").status == 204
    assert [bridge["name"] for bridge in Rest(pair.far).items("bridges")] == []
    audit = Rest(pair.far).items("audit")
    assert [row["method"] for row in audit if row["who"].startswith("mesh:")] == ["DELETE", "PUT"], audit


async def test_who_is_not_let_in_hears_which_hub_refuses_and_what_to_set_there(pair: Pair) -> None:
    await pair.up()
    refused = pair.ask(pair.far, "GET", "bridges")
    assert refused.status == 403 and "near" in refused.json["detail"] and "management" in refused.json["detail"], refused


@pytest.mark.parametrize("at", ["near", "far"])
async def test_doctor_looks_at_the_clocks_of_hubs_that_let_it(pair: Pair, at: str) -> None:
    await pair.up()
    hub: HubUnderTest = getattr(pair, at)
    api = {
        "COMMHUB_API": f"http://127.0.0.1:{hub.mgmt_port}",
        "COMMHUB_TOKEN_FILE": str(hub.data_folder / "first-run-token"),
    }
    done = subprocess.run(
        [str(commhub_binary()), "doctor", "-o", "json"], env=api, capture_output=True, text=True, timeout=20
    )
    [clocks] = [each for each in json.loads(done.stdout)["findings"] if each["check"] == "clocks"]
    assert clocks["detail"].startswith("Those of 1 of 1" if at == "near" else "Those of 0 of 1"), clocks
    assert bool(clocks["advice"]) == (at == "far")
