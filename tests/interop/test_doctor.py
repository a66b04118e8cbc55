# SPDX-License-Identifier: LGPL-3.0-or-later
"""What `commhub doctor` finds at a hub that is well, at one that is not, and where there is none."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from hub_under_test import Certificates, HubOptions, HubUnderTest, commhub_binary

pytestmark = [pytest.mark.commhub_only, pytest.mark.raw]


@pytest.fixture(scope="module")
def managed(certificates: Certificates) -> Iterator[HubUnderTest]:
    hub = HubUnderTest(HubOptions(mgmt=True), certificates).start()
    yield hub
    hub.close()


def run(hub: HubUnderTest, *words: str) -> subprocess.CompletedProcess[str]:
    api = {
        "COMMHUB_API": f"http://127.0.0.1:{hub.mgmt_port}",
        "COMMHUB_TOKEN_FILE": str(hub.data_folder / "first-run-token"),
    }
    return subprocess.run([str(commhub_binary()), *words], env=api, capture_output=True, text=True, timeout=20)


def findings(hub: HubUnderTest) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    done = run(hub, "doctor", "-o", "json")
    by_check: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(done.stdout)["findings"]:
        by_check.setdefault(finding["check"], []).append(finding)
    return done.returncode, by_check


def test_a_hub_that_is_well_has_no_failed_check(managed: HubUnderTest) -> None:
    status, found = findings(managed)
    assert status == 0
    for check in ("reach", "version", "clock", "store", "records", "losses", "settings", "data-dir", "disk", "mesh", "audit"):
        assert check in found, check
    assert {finding["verdict"] for each in found.values() for finding in each} <= {"ok", "warn"}


def test_a_bridge_that_does_not_come_up_fails_with_the_step_and_what_to_do(managed: HubUnderTest) -> None:
    wish = managed.data_folder / "wish.json"
    wish.write_text(json.dumps({"address": "tcp://127.0.0.1:1", "secret": "x"}))
    assert run(managed, "bridge", "put", "west", "-f", str(wish)).returncode == 0
    for _ in range(50):
        status, found = findings(managed)
        if "connect" in found["bridge"][0]["detail"]:
            break
    assert status == 1
    assert found["bridge"][0]["verdict"] == "fail" and found["bridge"][0]["advice"]
    assert run(managed, "bridge", "rm", "west").returncode == 0


def test_the_end_of_the_certificate_that_the_management_port_shows_is_told(certificates: Certificates) -> None:
    options = ("--mgmt-tls-cert", str(certificates.server_cert), "--mgmt-tls-key", str(certificates.server_key))
    hub = HubUnderTest(HubOptions(mgmt=True, arguments=options), certificates).start()
    try:
        done = run(hub, "doctor", "--api", f"https://127.0.0.1:{hub.mgmt_port}", "--tls-ca", str(certificates.ca))
    finally:
        hub.close()
    assert "certificate that the management port shows" in done.stdout, done


def test_a_data_directory_that_others_can_read_is_told(managed: HubUnderTest) -> None:
    managed.data_folder.chmod(0o755)
    _, found = findings(managed)
    managed.data_folder.chmod(0o700)
    assert found["data-dir"][0]["verdict"] == "warn" and "chmod 700" in found["data-dir"][0]["advice"]


def test_without_a_hub_or_with_a_wrong_argument_the_status_says_so(managed: HubUnderTest) -> None:
    nobody = run(managed, "doctor", "--api", "http://127.0.0.1:1")
    assert nobody.returncode == 4 and nobody.stdout.startswith("fail  reach")
    assert run(managed, "doctor", "--fix").returncode == 2
