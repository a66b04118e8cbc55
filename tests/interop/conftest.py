# SPDX-License-Identifier: LGPL-3.0-or-later
"""Fixtures: a hub shared by a worker's tests, hubs with options, clients that are closed at the end."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from comm_ipc.client import CommIPC

from hub_under_test import Certificates, HubOptions, HubUnderTest, commhub_binary
from python_client import RELEASE, Connector, close_client, connect_client
from raw_client import RawClient, RawDialer

HubStarter = Callable[..., HubUnderTest]


def pytest_configure(config: pytest.Config) -> None:
    binary = commhub_binary()
    if binary is not None and not binary.is_file():
        raise pytest.UsageError(f"COMMHUB_BIN names {binary}, which is not a file")


def pytest_report_header(config: pytest.Config) -> str:
    return f"comm-ipc {RELEASE} against {commhub_binary() or 'the reference hub'}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out (and counts as deselected) what does not apply here."""
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        release = item.get_closest_marker("release")
        applies = (release is None or release.args[0] == RELEASE) and (
            item.get_closest_marker("commhub_only") is None or commhub_binary() is not None
        )
        (kept if applies else left_out).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


_hubs_of_test: dict[str, list[HubUnderTest]] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.failed:
        for hub in _hubs_of_test.get(item.nodeid, []):
            report.sections.append((f"hub {hub.server_id}", hub.log_tail()))
    return report


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    def issue(name: str, extensions: str) -> None:
        key_and_request = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        openssl(
            "req", *key_and_request, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"
        )
        Path(folder / f"{name}.ext").write_text(extensions)
        signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
        files = ["-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", f"{name}.ext"]
        openssl("x509", "-req", *files, *signer, "-days", "2", "-sha256")

    authority = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    openssl("req", "-x509", *authority, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=interop test CA")
    issue("server", "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
    issue("client", "extendedKeyUsage=clientAuth\n")
    return Certificates(
        ca=folder / "ca.pem",
        server_cert=folder / "server.pem",
        server_key=folder / "server.key",
        client_cert=folder / "client.pem",
        client_key=folder / "client.key",
    )


class _SharedHub:
    def __init__(self, certificates: Certificates) -> None:
        self.certificates = certificates
        self.hub = self._new()

    def _new(self) -> HubUnderTest:
        return HubUnderTest(HubOptions(transports=("unix", "tcp", "tls")), self.certificates).start()

    def replace(self) -> None:
        self.hub = self._new()


@pytest.fixture(scope="session")
def shared_hub(certificates: Certificates) -> Iterator[_SharedHub]:
    shared = _SharedHub(certificates)
    yield shared
    shared.hub.close()


@pytest.fixture
def hub(shared_hub: _SharedHub, request: pytest.FixtureRequest) -> Iterator[HubUnderTest]:
    """A hub with the default options, shared by many tests: use names from `unique`, and survive."""
    hub = shared_hub.hub
    _hubs_of_test.setdefault(request.node.nodeid, []).append(hub)
    yield hub
    if not hub.is_running():
        shared_hub.replace()
        pytest.fail(f"the hub died in this test:\n{hub.log_tail()}")


@pytest.fixture
def start_hub(certificates: Certificates, request: pytest.FixtureRequest) -> Iterator[HubStarter]:
    """Starts hubs of the test's own: `start_hub(lb_policy="round-robin")`."""
    hubs = _hubs_of_test.setdefault(request.node.nodeid, [])
    started: list[HubUnderTest] = []

    def start(**options: Any) -> HubUnderTest:
        hub = HubUnderTest(replace(HubOptions(), **options), certificates)
        hubs.append(hub)
        started.append(hub)
        return hub.start()

    yield start
    failures = []
    for hub in started:
        try:
            hub.close()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Names that no other test uses: `unique("workers")`, the same one each time within a test."""
    suffix = uuid.uuid4().hex[:8]
    return lambda name: f"{name}-{suffix}"


@pytest.fixture
def channel(unique: Callable[[str], str]) -> str:
    return unique("channel")


@pytest.fixture
async def connect() -> AsyncIterator[Connector]:
    """Connects clients of the package: `await connect(hub, client_id=..., transport="tcp")`."""
    clients: list[CommIPC] = []

    async def connect_one(hub: HubUnderTest, transport: str = "unix", **settings: Any) -> CommIPC:
        client = await connect_client(hub, transport, **settings)
        clients.append(client)
        return client

    yield connect_one
    for client in clients:
        await close_client(client)


@pytest.fixture
async def dial() -> AsyncIterator[RawDialer]:
    """Connects bare sockets; with a client_id they are identified: `await dial(hub, "alice")`."""
    clients: list[RawClient] = []

    async def dial_one(
        hub: HubUnderTest,
        client_id: str | None = None,
        transport: str = "unix",
        mode: str | None = None,
        secret: str | None = None,
    ) -> RawClient:
        client = await RawClient.dial(hub, transport)
        clients.append(client)
        if client_id is not None:
            answer = await client.identify(client_id, mode=mode, secret=secret)
            assert answer["type"] == "identified", answer
        return client

    yield dial_one
    for client in clients:
        await client.close()
