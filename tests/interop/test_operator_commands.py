# SPDX-License-Identifier: LGPL-3.0-or-later
"""The operator's commands against a running hub."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub_under_test import Certificates, HubOptions, HubUnderTest, commhub_binary
from management_client import Rest
from raw_client import RawDialer

pytestmark = [pytest.mark.commhub_only, pytest.mark.raw]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def managed(certificates: Certificates) -> Iterator[HubUnderTest]:
    hub = HubUnderTest(HubOptions(mgmt=True), certificates).start()
    yield hub
    hub.close()


@pytest.fixture
def run(managed: HubUnderTest) -> Run:
    def run_one(*words: str, status: int = 0, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        api = {
            "COMMHUB_API": f"http://127.0.0.1:{managed.mgmt_port}",
            "COMMHUB_TOKEN_FILE": str(managed.data_folder / "first-run-token"),
        }
        done = subprocess.run(
            [str(commhub_binary()), *words],
            input=given,
            env=api | environment,
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert done.returncode == status, (words, done)
        return done

    return run_one


def test_the_columns_of_every_list_are_members_of_its_rows(run: Run, managed: HubUnderTest) -> None:
    schemas = json.loads(Rest(managed).ask("GET", "/api/v1/openapi.json").body)["components"]["schemas"]
    lists = ("bridge", "Bridge"), ("link", "Link"), ("channel", "Channel"), ("client", "Client"), ("user", "User")
    for command, schema in (*lists, ("token", "Token"), ("audit", "AuditRow")):
        head = run(command, "list").stdout.splitlines()[0]
        columns = {column.strip().lower().replace(" ", "_") for column in head.split("  ") if column.strip()}
        members = set(schemas[schema]["properties"]) | {"server_id"}  # of a bridge: its peer's
        assert columns <= members, (command, columns - members)


def test_definitions_go_out_and_in_as_json_and_yaml(run: Run, tmp_path: Path) -> None:
    (tmp_path / "wish.yaml").write_text(
        "version: 1\n"
        "bridges:\n  west:\n    address: tcp://192.0.2.1:7070\n    secret: {env: BRIDGE_SECRET}\n"
        f"channels:\n  vault: {{password: {{file: {tmp_path}/password}}}}\n"
    )
    (tmp_path / "password").write_text("canary-password\n")
    wish = str(tmp_path / "wish.yaml")
    assert "BRIDGE_SECRET" in run("apply", "-f", wish, status=2).stderr
    planned = run("diff", "-f", wish, status=1, BRIDGE_SECRET="canary-secret").stdout
    assert planned == "+ bridges/west\n+ channels/vault\n2 added, 0 changed, 0 removed, 0 unchanged\n"
    assert run("apply", "-f", wish, BRIDGE_SECRET="canary-secret").stdout == planned
    first = run("export").stdout
    assert "canary" not in first and json.loads(first)["channels"]["vault"] == {"password": {"stored": True}}
    run("apply", "--replace", "-f", "-", given=first)
    assert run("export").stdout == first
    (tmp_path / "again.yaml").write_text(run("export", "-o", "yaml").stdout)
    run("diff", "--replace", "-f", str(tmp_path / "again.yaml"))
    assert run("bridge", "pause", "west").stdout == "west: paused\n"
    assert json.loads(run("bridge", "get", "west").stdout)["state"] == "paused"
    assert run("diff", "-f", str(tmp_path / "again.yaml"), status=1).stdout.startswith("~ bridges/west\n")
    assert run("bridge", "resume", "west").stdout.startswith("west: ")
    assert json.loads(run("bridge", "retry", "west", "-o", "json").stdout)["name"] == "west"
    run("bridge", "rm", "west")
    assert "no bridge" in run("bridge", "pause", "west", status=1).stderr
    (tmp_path / "bad.yaml").write_text("version: 1\nversion: 1\n")
    assert "line 2" in run("apply", "-f", str(tmp_path / "bad.yaml"), status=2).stderr


async def test_lists_are_tables_or_json(run: Run, managed: HubUnderTest, dial: RawDialer) -> None:
    client = await dial(managed, "shown \u202e client")
    await client.open("town")
    head, *rows = run("client", "list").stdout.splitlines()
    assert head.split() == ["ID", "MODE", "ADDRESS", "SINCE", "MESSAGES", "IN", "MESSAGES", "OUT", "QUEUED", "BYTES"]
    assert any("shown" in row and "\u202e" not in row for row in rows)
    channels = json.loads(run("channel", "list", "-o", "json").stdout)
    assert "town" in [channel["name"] for channel in channels]
    lines = run("channel", "list", "-o", "jsonl").stdout.splitlines()
    assert len(lines) == len(channels) and json.loads(lines[0])["name"] == channels[0]["name"]
    assert json.loads(run("channel", "get", "town").stdout)["owner"] == client.client_id


async def test_a_client_is_kicked(run: Run, managed: HubUnderTest, dial: RawDialer) -> None:
    client = await dial(managed, "to be kicked/out")
    run("client", "kick", client.client_id)
    assert await client.is_closed_by_hub()
    assert "no client" in run("client", "kick", "nobody", status=1).stderr


def test_records_are_printed_as_they_are_kept(run: Run) -> None:
    wish = {"version": 1, "bridges": {"logged": {"address": "tcp://192.0.2.1:7070", "secret": {"value": "x"}}}}
    run("apply", "-f", "-", given=json.dumps(wish))
    run("bridge", "rm", "logged")
    told = run("tail", "--once").stdout
    assert told and all(line[4] == "-" for line in told.splitlines())
    assert all(json.loads(line)["stream"] == "logs" for line in run("tail", "--once", "--streams", "logs", "-o", "jsonl").stdout.splitlines())
    assert "streams" in run("tail", "--once", "--streams", "none", status=1).stderr


def test_wrong_use_is_told_apart_from_a_refusal(run: Run) -> None:
    for words in (["bridge"], ["bridge", "fly"], ["bridge", "get"], ["bridge", "list", "west"], ["apply"], ["tail", "x"], ["token", "create"]):
        assert run(*words, status=2).stderr, words
    assert run("bridge", "get", "nowhere", status=1).stderr == "commhub bridge get: There is no bridge of that name.\n"
    assert run("client", "list", status=4, COMMHUB_API="http://127.0.0.1:9").stderr
    for words in (["bridge", "--help"], ["tail", "--help"], ["apply", "--help"]):
        assert run(*words).stdout.startswith("Usage: commhub")


def test_the_shell_completes_nouns_and_verbs(run: Run) -> None:
    script = run("completion", "bash").stdout
    for words, wanted in (("commhub br", "bridge"), ("commhub bridge pa", "pause"), ("commhub token cr", "create")):
        listed = words.split()
        line = f"{script}\nCOMP_WORDS=({' '.join(listed)}); COMP_CWORD={len(listed) - 1}; _commhub; echo \"${{COMPREPLY[@]}}\""
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        assert wanted in done.stdout.split(), (words, done)
