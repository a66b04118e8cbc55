# SPDX-License-Identifier: LGPL-3.0-or-later
"""The support bundle: what is in it, who gets it, and that planted secrets are not."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub_under_test import Certificates, HubOptions, HubUnderTest, commhub_binary

pytestmark = [pytest.mark.commhub_only, pytest.mark.raw]

PARTS = ("build", "hub", "settings", "mesh", "links", "bridges", "routes", "clients", "history")


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


def test_a_bundle_has_all_parts_and_no_planted_secret(managed: HubUnderTest, tmp_path: Path) -> None:
    wish = tmp_path / "wish.json"
    wish.write_text(json.dumps({"address": "tcp://127.0.0.1:1", "secret": "canary-link-secret"}))
    assert run(managed, "bridge", "put", "west", "-f", str(wish)).returncode == 0
    bundle = tmp_path / "bundle.tar"
    done = run(managed, "support-bundle", "-o", str(bundle))
    assert done.returncode == 0 and "no secrets" in done.stdout, done
    assert bundle.stat().st_mode & 0o777 == 0o600
    content = bundle.read_bytes()
    assert b"canary" not in content and (managed.data_folder / "first-run-token").read_bytes().strip() not in content
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        files = {Path(member.name).name: tar.extractfile(member) for member in tar.getmembers()}
        texts = {name: file.read().decode() for name, file in files.items() if file}
    for part in PARTS:
        assert isinstance(json.loads(texts[f"{part}.json"]), dict), part
    assert json.loads(texts["bridges.json"])["items"][0]["name"] == "west"
    assert "commhub_up 1" in texts["metrics.txt"]
    assert all(json.loads(line)["id"] for line in texts["records.jsonl"].splitlines())


def test_a_bundle_is_for_administrators_and_needs_a_file_to_go_to(managed: HubUnderTest, tmp_path: Path) -> None:
    wish = tmp_path / "viewer.json"
    wish.write_text(json.dumps({"name": "viewer", "role": "viewer"}))
    made = run(managed, "token", "create", "-f", str(wish))
    (tmp_path / "token").write_text(json.loads(made.stdout)["token"])
    refused = run(managed, "support-bundle", "-o", str(tmp_path / "x"), "--token-file", str(tmp_path / "token"))
    assert refused.returncode == 1 and not (tmp_path / "x").exists()
    assert run(managed, "support-bundle").returncode == 2
