# SPDX-License-Identifier: LGPL-3.0-or-later
"""Fixtures: hubs that a test starts, and that must end well with it."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from running_hub import RunningHub

HubStarter = Callable[..., RunningHub]

# The crowds of these tests are 10 000 sockets in one process.
OPEN_FILES = 20_000


def pytest_configure(config: pytest.Config) -> None:
    named = os.environ.get("COMMHUB_BIN", "")
    if not named or not os.access(named, os.X_OK):
        raise pytest.UsageError(f"COMMHUB_BIN={named!r} names no program")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        raise pytest.UsageError(f"these tests need {OPEN_FILES} open files a process; the limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))


@pytest.fixture
def socket_path(tmp_path: Path) -> str:
    return str(tmp_path / "hub.sock")


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[HubStarter]:
    """Starts a hub on the test's socket, with its data in the test's folder, and awaits that it is ready."""
    hubs: list[RunningHub] = []

    def start_one(*arguments: str, **settings: Any) -> RunningHub:
        places = [] if "--listen" in arguments else ["--listen", f"unix:{tmp_path}/hub.sock"]
        if "--data-dir" not in arguments:
            places += ["--data-dir", f"{tmp_path}/data"]
        if "--mgmt" not in arguments:
            places += ["--mgmt", "off"]
        hub = RunningHub(*places, *arguments, **settings)
        hubs.append(hub)
        return hub.await_ready()

    yield start_one
    complaints = []
    for hub in hubs:
        try:
            hub.stop()
        except AssertionError as complaint:
            complaints.append(str(complaint))
        finally:
            hub.discard()
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem"]
    subject = ["-subj", "/CN=fault tests", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run(
        ["openssl", "req", "-x509", *key, *subject, "-out", "cert.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem", folder / "key.pem"
