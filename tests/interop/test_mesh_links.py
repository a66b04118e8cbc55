# SPDX-License-Identifier: LGPL-3.0-or-later
"""Links on addresses of their own: by certificate, and nothing else there; clients' addresses take no links then."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub_under_test import Certificates, HubOptions, HubUnderTest, free_tcp_port
from management_client import Json, Rest
from python_client import Connector, eventually

pytestmark = pytest.mark.commhub_only

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "make-certs.sh"

Start = Callable[[str, tuple[str, ...]], HubUnderTest]


@pytest.fixture(scope="module")
def hub_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("links")
    subprocess.run([SCRIPT, "--hub", "alpha", "--hub", "beta", folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def start(certificates: Certificates) -> Iterator[Start]:
    hubs: list[HubUnderTest] = []

    def start_one(server_id: str, arguments: tuple[str, ...]) -> HubUnderTest:
        options = HubOptions(transports=("unix", "tcp"), server_id=server_id, mgmt=True, arguments=arguments)
        hubs.append(HubUnderTest(options, certificates))
        hubs[-1].start()
        return hubs[-1]

    yield start_one
    for hub in hubs:
        hub.close()


def link_options(folder: Path, address: str) -> tuple[str, ...]:
    return (
        f"--link-listen={address}",
        f"--link-tls-cert={folder}/hub-beta.pem",
        f"--link-tls-key={folder}/hub-beta.key",
        f"--link-tls-ca={folder}/ca.pem",
        "--link-peer=alpha",
    )


def certified(folder: Path, name: str, pinned: str) -> Json:
    return {
        "tls": {
            "ca_file": f"{folder}/ca.pem",
            "cert_file": f"{folder}/hub-{name}.pem",
            "key_file": f"{folder}/hub-{name}.key",
            "pinned_name": pinned,
        }
    }


async def test_hubs_that_know_each_other_by_certificate_need_no_secret(
    start: Start, hub_certificates: Path, connect: Connector, channel: str
) -> None:
    address = f"tls://127.0.0.1:{free_tcp_port()}"
    beta = start("beta", link_options(hub_certificates, address))
    alpha = start("alpha", ())
    assert f"link+{address}" in beta.ready_line
    rest = Rest(alpha)
    rest.put_bridge("to-beta", address, **certified(hub_certificates, "alpha", "beta"))
    await eventually(lambda: rest.bridge("to-beta")["state"] == "up", "up by certificate")
    provider = await (await connect(beta)).open(channel)

    async def echo(message: object) -> object:
        return message.data  # type: ignore[attr-defined]

    await provider.add_event("echo", echo)
    await eventually(lambda: rest.channel(channel) is not None, "the channel is known")
    caller = await (await connect(alpha)).open(channel)
    assert (await asyncio.wait_for(caller.event("echo", 7), 8)).data == 7


async def test_whoever_has_no_right_to_link_is_told_why_on_both_sides(
    start: Start, hub_certificates: Path
) -> None:
    address = f"tls://127.0.0.1:{free_tcp_port()}"
    beta = start("beta", link_options(hub_certificates, address))
    alpha = start("alpha", ())
    rest = Rest(alpha)
    rest.put_bridge("wrong-name", address, **certified(hub_certificates, "beta", "beta"))
    rest.put_bridge("wrong-pin", address, **certified(hub_certificates, "alpha", "gamma"))
    rest.put_bridge("to-clients", f"tcp://127.0.0.1:{beta.tcp_port}", secret="s")
    reasons = {"wrong-name": "name_not_allowed", "wrong-pin": "pinned_name", "to-clients": "links_elsewhere"}

    def shown() -> dict[str, str]:
        bridges = {name: rest.bridge(name) for name in reasons}
        return {name: bridge["reason"] for name, bridge in bridges.items() if bridge["state"] == "refused"}

    await eventually(lambda: shown() == reasons, "each is refused for its own reason")
    assert "--link-peer" in rest.bridge("wrong-name")["last_error"]
    assert "--link-listen" in rest.bridge("to-clients")["last_error"]
    assert "may link" in beta.log_tail()
